"""Every failure as problem+json (RFC 9457); which status a failure has stands in one table."""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from betting_ai.errors import DomainError, StorageFullError
from betting_ai.observability import request_id

MEDIA_TYPE: Final = "application/problem+json"

RETRY_SECONDS: Final = 5
"""When to come back after a failure that ends by itself, where nothing better is known."""

_log: Final = logging.getLogger("betting_ai.api")

_TITLES: Final = {
    400: "Malformed request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    421: "Not served here",
    422: "Invalid input",
    429: "Too many requests",
    500: "Unexpected failure",
    503: "Not available for now",
}

STATUS: Final[Mapping[str, int]] = {
    "unauthorized": 401,
    "forbidden": 403,
    "address_refused": 403,
    "not_found": 404,
    "nothing_to_do": 404,
    "no_model_before": 404,
    "already_running": 409,
    "idempotency_running": 409,
    "protected": 409,
    "price_moved": 409,
    "not_offered": 409,
    "venue_not_available": 409,
    "wallet_off": 409,
    "too_large": 413,
    "unknown_host": 421,
    "invalid_input": 422,
    "unknown_league": 422,
    "look_ahead": 422,
    "idempotency_mismatch": 422,
    "rate_limited": 429,
    "database_unavailable": 503,
    "model_failed": 503,
    "model_missing": 503,
    "model_checksum": 503,
    "spec_mismatch": 503,
    "storage_full": 503,
    "storage_unavailable": 503,
    "secret_unusable": 503,
    "venue_offline": 503,
    "venue_unknown": 503,
    "venue_failed": 503,
    "venue_answer": 503,
}
"""The status of every error that the API can meet, by its code; any other is a fault of ours."""

_CODES: Final = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
}
_DETAILS: Final = {
    "Not Found": "there is nothing at this path; /docs shows what there is",
    "Method Not Allowed": "this path does not take this method; Allow says which it takes",
}
"""What the framework says in two words."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


class _Problem(Response):
    """Leaves its code with the request, for who counts."""

    media_type = MEDIA_TYPE

    def __init__(self, code: str, body: str, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(body, status, headers)
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["problem"] = self._code
        await super().__call__(scope, receive, send)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    instance: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A failure as an answer.

    Args:
        status: of the answer.
        code: what machines match on; never changes.
        detail: one line that says what to do.
        instance: path of the request.
        errors: what is wrong with which part of the input.
        headers: more of them; a 503 always says when to come back.
    """
    body: dict[str, Any] = {
        "type": f"urn:betting-ai:problem:{code}",
        "title": _TITLES.get(status, "Failed"),
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": request_id.get(),
    }
    if errors:
        body["errors"] = list(errors)
    told = {"Cache-Control": "no-store"} | dict(headers or {})
    if status == 503:
        told.setdefault("Retry-After", str(RETRY_SECONDS))
    return _Problem(code, json.dumps(body, ensure_ascii=False), status, told)


def of_error(error: DomainError, instance: str = "") -> Response:
    """A failure that the product knows of; where it is ours, the log has all of it."""
    status = STATUS.get(error.code, 500)
    headers = {}
    wait = getattr(error, "retry_after", _WAITS.get(error.code))
    if wait is not None:
        headers["Retry-After"] = str(wait)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    note(error)
    return problem(status, error.code, told(error), instance=instance, headers=headers)


def note(error: DomainError) -> None:
    """Log a failure that is ours, with all that callers are not told."""
    if error.code not in STATUS:
        _log.error("unexpected failure", exc_info=error)
    elif STATUS[error.code] >= 500:
        _log.error("not available", extra={"code": error.code, "detail": str(error)})


def told(error: DomainError) -> str:
    """What callers are told of a failure: never where something lies, on this machine or behind."""
    return _IN_SHORT.get(error.code, str(error)) if error.code in STATUS else _UNEXPECTED


_IN_SHORT: Final = {
    "database_unavailable": "the database does not answer, or has no time; try again",
    "model_missing": "a file of the model is missing; the server's log says which",
    "storage_full": "what has to be kept cannot be written for now; is the disk full?",
    "secret_unusable": "the server's root secret cannot be used; its log says why",
}
"""In place of messages that name files, addresses or hosts."""

_WAITS: Final = {"storage_full": 60}
"""Seconds after which to come back, where it takes longer than usual."""

_UNEXPECTED: Final = "something went wrong here; the log has the details under the request id"


def unexpected(instance: str = "") -> Response:
    """A failure that is a fault of ours; what it was is in the log alone."""
    return problem(500, "unexpected", _UNEXPECTED, instance=instance)


def _methods(request: Request, first: str) -> list[str]:
    """What the path of a request takes.

    Args:
        request: with a method that it does not take.
        first: what the framework tells: the methods of the first of its routes alone.
    """
    found = (route.matches(request.scope) for route in request.app.routes)
    routes = [told["route"] for match, told in found if match is not Match.NONE and "route" in told]
    methods = {method for route in routes for method in route.methods}
    return sorted(methods | set(first.split(", ") if first else ()))


def answer_with_problems(app: FastAPI) -> None:
    """Let every failure of an application be told as problem+json."""

    def domain(request: Request, error: Exception) -> Response:
        assert isinstance(error, DomainError)  # noqa: S101 - registered for it
        return of_error(error, request.url.path)

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
        errors = [
            {"location": ".".join(str(part) for part in one["loc"]), "message": str(one["msg"])}
            for one in error.errors()[:20]
        ]
        if any(one["type"] == "json_invalid" for one in error.errors()):
            return problem(
                400, "malformed", "the body is not JSON", instance=request.url.path, errors=errors
            )
        first = errors[0]
        detail = f"{first['location']}: {first['message']}"
        return problem(422, "invalid_input", detail, instance=request.url.path, errors=errors)

    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        code = _CODES.get(error.status_code, "malformed")
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(request, headers.get("Allow", "")))
        return problem(
            error.status_code,
            code,
            _DETAILS.get(str(error.detail), str(error.detail)),
            instance=request.url.path,
            headers=headers,
        )

    def system(request: Request, error: Exception) -> Response:
        if isinstance(error, OSError) and error.errno in _FULL:
            return of_error(StorageFullError(str(error)), request.url.path)
        _log.error("unexpected failure", exc_info=error)
        return unexpected(request.url.path)

    app.add_exception_handler(DomainError, domain)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(OSError, system)
    app.add_exception_handler(Exception, system)
