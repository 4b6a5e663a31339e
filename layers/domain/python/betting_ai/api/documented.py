"""How routes tell the specification what they answer and how they fail."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from betting_ai.api.problems import MEDIA_TYPE
from betting_ai.api.reading import as_json
from betting_ai.api.schemas import Problem

_TOLD: Final = {
    400: "The body is not what it says it is.",
    401: "No valid key, or no valid signature where one is needed; which of them is not told.",
    403: "The key lacks the scope, or calls from there are refused.",
    404: "There is no such thing.",
    409: "It cannot be done as things stand.",
    413: "The body is too large.",
    415: "The body is of another type.",
    421: "The host name is not served here.",
    422: "The input is not valid.",
    429: "Too many calls; `Retry-After` says when to come back.",
    503: "Not available for now; `Retry-After` says when to come back.",
}

Responses = dict[int | str, dict[str, Any]]


def failures(*statuses: int) -> Responses:
    """The failures of a route, beside those that every route has."""
    every = {401, 403, 421, 422, 429, 503, *statuses}
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {status: {"description": _TOLD[status], "content": content} for status in sorted(every)}


def answer(body: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(as_json(body), status, media_type="application/json")
