"""One line of log and one count for every request, whatever becomes of it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from betting_ai.observability import access, request_id

UNMATCHED: Final = "unmatched"
"""Stands for the route of a request that no route took."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER: Final = "other"
_log: Final = logging.getLogger("betting_ai.api")
_GONE: Final = 499  # nginx's word for a caller who left before there was an answer


class Watch(Protocol):
    """Counts requests."""

    def began(self) -> None:
        """A request came."""
        ...

    def ended(
        self, method: str, route: str, status: int, seconds: float, reason: str | None
    ) -> None:
        """A request is over.

        Args:
            method: of HTTP, or ``"other"``.
            route: its template, or `UNMATCHED`.
            status: of the answer; 499 where the caller left before there was one.
            seconds: it took, to the last byte of the answer.
            reason: the code of the problem that was the answer; None where it was none.
        """
        ...


class Access:
    """The outermost layer of an application, in plain ASGI.

    Who answers may leave in ``scope["state"]`` a ``key_id``, and a ``problem``: the code of a
    failure. Nothing that a caller chose freely is told: no path, no query, no header.

    Args:
        app: what is wrapped.
        watch: told of every request; None to only log.
    """

    def __init__(self, app: ASGIApp, watch: Watch | None = None) -> None:
        self._app = app
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        state = scope.setdefault("state", {})
        status: int | None = None
        request: str | None = None

        async def noting(message: Message) -> None:
            nonlocal status, request
            if message["type"] == "http.response.start":
                status, request = message["status"], request_id.get()
            await send(message)

        if self._watch:
            self._watch.began()
        otherwise = 500
        try:
            await self._app(scope, receive, noting)
        except asyncio.CancelledError:
            otherwise = _GONE
            raise
        except Exception:
            # Told here and not again by the server, which does not know the request's id. An answer
            # that is not whole it breaks off by itself.
            _log.exception("unexpected failure", extra={"request_id": request})
        finally:
            seconds = time.perf_counter() - began
            method = scope["method"] if scope["method"] in _METHODS else _OTHER
            route, told = _template(scope), status or otherwise
            if self._watch:
                self._watch.ended(method, route, told, seconds, state.get("problem"))
            access(method, route, told, seconds, key_id=state.get("key_id"), request=request)


def _template(scope: Scope) -> str:
    """The path of the route that took the request, with names in the place of values."""
    return getattr(scope.get("route"), "path", None) or UNMATCHED
