"""What the running product says of itself."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

request_id: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Names the request that is being answered, in its log lines and in what is told of failures."""
