"""Calls the API with a key, and signs what must be signed; for httpx, blocking or not.

    from betting_ai.api.client import KeyAuth

    auth = KeyAuth(token, signing_secret)
    with httpx.Client(base_url="https://bets.example.org", auth=auth) as client:
        client.get("/api/v1/betting/top3")
        headers = {"Idempotency-Key": str(uuid4())}
        client.post("/api/v1/betting/bets", json={"recommendation_id": 17}, headers=headers)

Keep the idempotency key until there is an answer: the same call with the same key is done once,
however often it is sent. Each sending is signed anew, so send again by calling again; a transport
that repeats by itself would use a nonce twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator
from typing import Final
from uuid import uuid4

import httpx

from betting_ai.api.signatures import Message, plain_authority, sign
from betting_ai.clock import Clock, SystemClock
from betting_ai.domain.keys import Token
from betting_ai.errors import InvalidInputError, UnauthorizedError

NONCE_BYTES: Final = 16

_UNSIGNED: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class KeyAuth(httpx.Auth):
    """Sends a bearer key, and signs every call that could change something; does no I/O.

    Args:
        token: of the key.
        signing_secret: of the key; without one nothing is signed.
        stage: path prefix of the server's address that it does not know of, such as ``/prod``.
        clock: tells the present.
        random: gives so many random bytes.

    Raises:
        InvalidInputError: the token is not one; or later, a call cannot be signed, such as one
            with a query string.
    """

    requires_request_body = True

    def __init__(
        self,
        token: str,
        signing_secret: str | None = None,
        *,
        stage: str = "",
        clock: Clock | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        try:
            self._token = Token.parse(token)
        except UnauthorizedError:
            raise InvalidInputError("this is no token of an application key") from None
        self._secret = signing_secret
        self._stage = stage.rstrip("/")
        self._clock = clock or SystemClock()
        self._random = random

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """What httpx asks for each request: the same, with its headers."""
        request.headers["Authorization"] = f"Bearer {self._token.text}"
        if self._secret is not None and request.method not in _UNSIGNED:
            self._sign(request, self._secret)
        yield request

    def _sign(self, request: httpx.Request, secret: str) -> None:
        path, _, query = request.url.raw_path.decode().partition("?")
        if query:
            raise InvalidInputError("a signed call has no query string")
        request.headers.setdefault("Content-Type", "application/json")
        request.headers.setdefault("Idempotency-Key", str(uuid4()))
        message = Message(
            method=request.method,
            authority=plain_authority(request.headers["Host"]),
            path=self._known(path),
            content_type=request.headers["Content-Type"],
            idempotency_key=request.headers["Idempotency-Key"],
            body=request.content,
        )
        signed = sign(
            message,
            key_id=self._token.key_id,
            secret=secret,
            created=self._clock.now(),
            nonce=self._random(NONCE_BYTES).hex(),
        )
        request.headers.update(signed)

    def _known(self, path: str) -> str:
        if not path.startswith(f"{self._stage}/"):
            raise InvalidInputError(f"the path {path} does not begin with the stage {self._stage}")
        return path[len(self._stage) :]
