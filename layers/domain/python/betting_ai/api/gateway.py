"""The application behind an API Gateway, in a Lambda."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from mangum import Mangum

from betting_ai.api.problems import MEDIA_TYPE

_TEXT: Final = ["text/", "application/json", "application/javascript", "image/svg+xml", MEDIA_TYPE]
"""What a gateway passes on as it is; anything else it is given in base64."""


def behind_gateway(api: FastAPI) -> Mangum:
    """What a Lambda calls with the events of a REST API."""
    return Mangum(api, lifespan="off", text_mime_types=_TEXT)
