"""Write the specification of the API beside this file (`make openapi`)."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from betting_ai.api.app import create_app
from betting_ai.api.options import ApiOptions
from betting_ai.bootstrap import build
from betting_ai.settings import load_settings


def main() -> None:
    """Nothing is opened: the application only tells its routes."""
    with tempfile.TemporaryDirectory() as home, build(load_settings(home=Path(home))) as app:
        spec = create_app(app, ApiOptions()).openapi()
    text = json.dumps(spec, indent=1, ensure_ascii=False) + "\n"
    Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
