"""Where things lie in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
BUILT: Final = ROOT / "build" / "layers"
LAYERS: Final = ("runtime", "inference", "api", "domain", "chain", "signing")
"""Folders of `BUILT`, as `make layers` makes them."""

UNBUILT: Final = ROOT / "infra" / "constructs" / "unbuilt"
"""Stands in a template for what is not there yet; `infra.account` refuses to deploy it."""
