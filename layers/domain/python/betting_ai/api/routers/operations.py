"""Whether it runs, and what it can do."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from betting_ai.api import schemas
from betting_ai.api.dependencies import ReadKey
from betting_ai.api.documented import answer, failures
from betting_ai.api.readiness import Readiness

router: Final = APIRouter(tags=["operations"])


@router.get(
    "/health",
    operation_id="health",
    summary="Whether the process answers",
    response_model=schemas.Health,
)
async def health() -> Response:
    """The only route that needs no key."""
    return answer({"status": "ok"})


@router.get(
    "/ready",
    operation_id="ready",
    summary="Whether every part is in order",
    response_model=schemas.Ready,
    responses=failures()
    | {503: {"description": "Something is out of order.", "model": schemas.Ready}},
)
def ready(_: ReadKey, request: Request) -> Response:
    """Database, models, storage, and the age of the data; old data alone do not make it unready."""
    readiness: Readiness = request.app.state.readiness
    found = readiness()
    told = answer(found, 200 if found["ready"] else 503)
    if not found["ready"]:
        told.headers["Retry-After"] = "10"
    return told
