"""The outermost layer: who may call, how much they may send, and what every answer carries."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, MutableMapping
from ipaddress import IPv4Network, IPv6Network, ip_address
from random import getrandbits
from typing import Any, Final

from fastapi import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from betting_ai.api.problems import problem, unexpected
from betting_ai.api.signatures import Authorities, plain_authority
from betting_ai.observability import request_id

MOST_BYTES: Final = 64 * 1024
"""The largest body of a request."""

_log: Final = logging.getLogger("betting_ai.api")

_NAME: Final = re.compile(rb"[A-Za-z0-9-]{1,64}")
_OPEN: Final = "/health"

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""What every answer carries unless its route says otherwise."""

_STRICT: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class Edge:
    """Wraps an application: request ids, hosts, addresses, body size and headers.

    A request keeps the id that it comes with (``X-Request-Id``, 1 to 64 letters, digits and
    dashes) or is given one.

    Args:
        app: what is wrapped.
        authorities: hosts it answers to.
        networks: who may call; empty for all.
    """

    def __init__(
        self,
        app: ASGIApp,
        authorities: Authorities,
        networks: Collection[IPv4Network | IPv6Network] = (),
    ) -> None:
        self._app = app
        self._authorities = authorities
        self._networks = tuple(networks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        name = given.decode() if _NAME.fullmatch(given) else f"{getrandbits(64):016x}"
        token = request_id.set(name)
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _complete(message, scope, name, state)
            await send(message)

        try:
            refusal = self._refusal(scope, headers)
            if refusal is not None:
                await refusal(scope, receive, answer)
                return
            await self._app(scope, _limited(receive), answer)
        except Exception:
            if started:
                raise  # the connection ends: half an answer must not look like a whole one
            _log.exception("unexpected failure")
            await unexpected(scope["path"])(scope, receive, answer)
        finally:
            request_id.reset(token)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> Response | None:
        """Why a request is turned away before anybody looks at it."""
        path = scope["path"]
        if path == _OPEN:
            return None
        host = headers.get(b"host", b"").decode("latin-1")
        if plain_authority(host) not in self._authorities:
            return problem(
                421,
                "unknown_host",
                "this host name is not served here; BETTING_AI_API_AUTHORITIES says which are",
                instance=path,
            )
        if self._networks and not self._known(scope.get("client")):
            return problem(403, "address_refused", "calls from there are refused", instance=path)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > MOST_BYTES:
            return problem(413, "too_large", _TOO_LARGE, instance=path)
        return None

    def _known(self, client: tuple[str, int] | None) -> bool:
        try:
            address = ip_address(client[0]) if client else None
        except ValueError:
            return False
        return address is not None and any(address in network for network in self._networks)


_TOO_LARGE: Final = f"a body has at most {MOST_BYTES:,} bytes"


def _limited(receive: Receive) -> Receive:
    """Reads no more than the largest body, however it is announced."""
    read = 0

    async def limited() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MOST_BYTES:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return limited


def _complete(message: Message, scope: Scope, name: str, state: MutableMapping[str, Any]) -> None:
    headers = list(message.get("headers", ()))
    present = {key for key, _ in headers}
    headers += [pair for pair in _HEADERS if pair[0] not in present]
    if scope.get("scheme") == "https":
        headers.append(_STRICT)
    headers.append((b"x-request-id", name.encode()))
    headers += state.get("rate_headers", ())
    message["headers"] = headers
