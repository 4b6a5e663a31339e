"""The API and the dashboard: one FastAPI application, the same under a server and under Lambda."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

# FastAPI's shapes of OpenAPI itself are some forty, and building them is a tenth of a start. Only
# who asks for the specification needs them; each is built when it is first used.
_config: Final = BaseModel.model_config
_config["defer_build"] = True
try:
    import fastapi.openapi.models  # noqa: F401 - for its models, see above
finally:
    del _config["defer_build"]
