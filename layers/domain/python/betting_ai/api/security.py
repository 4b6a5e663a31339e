"""Who calls, and whether they may: bearer keys, signed calls and the dashboard's cookie.

The application's `Security` is in ``app.state.security``. A key that was found is kept in memory
for at most `KEPT_SECONDS`, so that reading costs no call to the database: a revoked key, or the
token before a finished rotation, may read for so much longer. Signed calls do not go by what is
kept.
"""

from __future__ import annotations

import hmac
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from betting_ai.api.kept import OneTurn
from betting_ai.api.signatures import Authorities, Received, Verified, verify
from betting_ai.clock import Clock
from betting_ai.domain.keys import ApiKey, Scope, Token, hkdf, signing_secret
from betting_ai.errors import ForbiddenError, UnauthorizedError
from betting_ai.ports.secrets import ROOT_SECRET, Secrets
from betting_ai.ports.unit_of_work import UnitOfWorkFactory
from betting_ai.usecases.authenticate import Authenticate, Authenticated

KEPT_SECONDS: Final = 5.0
"""So long a key that was found is believed without asking the database."""

COOKIE_LIFETIME: Final = timedelta(hours=12)

SIGNED_PARAMETERS: Final[list[dict[str, Any]]] = [
    {
        "name": name,
        "in": "header",
        "required": True,
        "description": text,
        "schema": {"type": "string"},
    }
    for name, text in (
        (
            "Idempotency-Key",
            "Your own name for this call: it is done once, however often it comes.",
        ),
        ("Content-Digest", "RFC 9530: `sha-256=:` base64 of the body's SHA-256 `:`"),
        ("Signature-Input", "RFC 9421: what is signed, see docs/signatures.md"),
        ("Signature", "RFC 9421: `sig1=:` base64 of the HMAC-SHA256 `:`"),
    )
]
"""The headers of a signed route, for its ``openapi_extra={"parameters": SIGNED_PARAMETERS}``."""

_MOST_KEPT: Final = 1_000
_RENEWED_SECONDS: Final = 1.0  # before the end, so that not all callers ask the database at once
_REMEMBERED: Final = timedelta(minutes=5)  # nonces, past the expiry of their signature
_COOKIE: Final = re.compile(r"(([0-9a-f]{16})\.([1-9][0-9]{0,4})\.([0-9]{1,10}))\.([0-9a-f]{64})")
_log: Final = logging.getLogger("betting_ai.api")


@dataclass(frozen=True)
class Caller:
    """Who calls; the key is alive and has the scope that the route asked for.

    Attributes:
        key: the key.
        generation: which of its generations the token is of.
    """

    key: ApiKey
    generation: int


@dataclass(frozen=True)
class SignedCall:
    """A call whose signature is good and was never seen before.

    Attributes:
        caller: who calls.
        route: method and path, as they were signed.
        idempotency_key: the caller's own name for the call.
        body: what was signed, to the byte; parse this, nothing else.
    """

    caller: Caller
    route: str
    idempotency_key: str
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class DashboardCookie:
    """Makes and checks the value of the dashboard's cookie.

    It names a generation of a key and an end, under an HMAC; whether the key is still alive is for
    `Security.cookie_caller` to ask.

    Attributes:
        secrets: the cookie's own key is derived from the root secret.
        clock: tells the present.
    """

    secrets: Secrets
    clock: Clock

    def seal(self, caller: Caller) -> str:
        """A value that is good for `COOKIE_LIFETIME`; hexadecimal digits and dots."""
        ends = int((self.clock.now() + COOKIE_LIFETIME).timestamp())
        told = f"{caller.key.id}.{caller.generation}.{ends}"
        return f"{told}.{self._mac(told)}"

    def open(self, value: str) -> tuple[str, int]:
        """Key id and generation of a value.

        Raises:
            UnauthorizedError: it is not one of ours, or too old.
        """
        found = _COOKIE.fullmatch(value)
        if found is None:
            raise UnauthorizedError("cookie_malformed")
        told, key_id, generation, ends, mac = found.groups()
        if not hmac.compare_digest(self._mac(told), mac):
            raise UnauthorizedError("cookie_wrong")
        if self.clock.now() >= datetime.fromtimestamp(int(ends), UTC):
            raise UnauthorizedError("cookie_expired")
        return key_id, int(generation)

    def _mac(self, told: str) -> str:
        key = hkdf(self.secrets.read(ROOT_SECRET), b"betting-ai dashboard cookie v1")
        return hmac.digest(key, told.encode(), "sha256").hex()


class Security:
    """The guard of one application; thread-safe.

    Args:
        units: transactions.
        secrets: gives the root secret.
        clock: tells the present.
        authorities: what the server may be called by; as the setting ``api_authorities``.
        timer: seconds that only ever run forward, for how long a key is kept.
    """

    def __init__(
        self,
        units: UnitOfWorkFactory,
        secrets: Secrets,
        clock: Clock,
        authorities: Authorities,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cookie = DashboardCookie(secrets, clock)
        self._units = units
        self._secrets = secrets
        self._clock = clock
        self._authorities = authorities
        self._kept = _KeptKeys(timer)
        self._authenticate = Authenticate(units, clock)
        self._finding = OneTurn[Authenticated]()

    async def caller(self, request: Request, scope: Scope) -> Caller:
        """Who calls with a bearer key, once it is sure that they may.

        Raises:
            UnauthorizedError: there is no such key, or it is dead.
            ForbiddenError: the key lacks the scope.
        """
        return await self._admit(request, _bearer(request), scope)

    async def sign_in(self, request: Request, token: str, scope: Scope) -> str:
        """The value of a cookie for whoever types the token of a key.

        Raises:
            UnauthorizedError: there is no such key, or it is dead.
            ForbiddenError: the key lacks the scope.
        """
        return self.cookie.seal(await self._admit(request, token, scope))

    async def cookie_caller(self, request: Request, value: str, scope: Scope) -> Caller:
        """Who was given a cookie, once it is sure that their key is still alive.

        Raises:
            UnauthorizedError: it is not a cookie of ours, or too old, or its key is dead.
            ForbiddenError: the key lacks the scope.
        """
        key_id = None
        try:
            key_id, generation = self.cookie.open(value)
            key = self._kept.get(key_id) or await run_in_threadpool(self._load, key_id)
            alive = _alive(key, generation, self._clock.now())
            return _allowed(request, Caller(alive, generation), scope)
        except (UnauthorizedError, ForbiddenError) as error:
            _refused(request, error, key_id)
            raise

    async def signed_call(self, request: Request, scope: Scope) -> SignedCall:
        """A call with a bearer key that the same key has signed; its nonce is used up.

        Raises:
            UnauthorizedError: key or signature is not good, or the nonce was used before.
            ForbiddenError: the key lacks the scope.
        """
        caller = await self.caller(request, scope)
        path = signed_path(request)
        received = Received(
            request.method,
            path,
            request.scope["query_string"],
            request.headers.raw,
            await request.body(),
        )
        try:
            verified = await run_in_threadpool(self._verify, received, caller)
        except UnauthorizedError as error:
            _refused(request, error, caller.key.id)
            raise
        route = f"{request.method} {path}"
        return SignedCall(caller, route, verified.idempotency_key, received.body)

    async def _admit(self, request: Request, text: str | None, scope: Scope) -> Caller:
        key_id = None
        try:
            token = _token(text)
            key_id = token.key_id
            return _allowed(request, await self._caller(token), scope)
        except (UnauthorizedError, ForbiddenError) as error:
            _refused(request, error, key_id)
            raise

    async def _caller(self, token: Token) -> Caller:
        kept = self._kept.get(token.key_id)
        if kept is not None:
            try:
                return Caller(kept, kept.admit(token, self._clock.now()))
            except UnauthorizedError:
                pass  # it may have been rotated a moment ago: the database knows
        found = await self._finding(token.digest, partial(self._find, token))
        return Caller(found.key, found.generation)

    def _find(self, token: Token) -> Authenticated:
        began = self._kept.time()
        found = self._authenticate(token)
        self._kept.put(found.key, began)
        return found

    def _load(self, key_id: str) -> ApiKey:
        began = self._kept.time()
        with self._units() as unit:
            key = unit.keys.find(key_id)
        if key is None:
            raise UnauthorizedError("key_unknown")
        self._kept.put(key, began)
        return key

    def _verify(self, received: Received, caller: Caller) -> Verified:
        """The signature is checked before its nonce is claimed: a stranger uses up none.

        What moves money does not go by what is kept: the key is read again.
        """
        root = self._secrets.read(ROOT_SECRET)
        now = self._clock.now()
        with self._units() as unit:
            key = unit.keys.find(caller.key.id)
            alive = _alive(key, caller.generation, now)
            verified = verify(
                received,
                key_id=alive.id,
                secrets=[signing_secret(root, alive.id, one) for one in alive.generations],
                now=now,
                authorities=self._authorities,
            )
            fresh = unit.keys.claim_nonce(
                alive.id, verified.nonce, now=now, expires_at=verified.expires_at + _REMEMBERED
            )
            unit.commit()
        if not fresh:
            raise UnauthorizedError("nonce_used")
        return verified


def security_of(request: Request) -> Security:
    """The guard of the application that a request is for."""
    guard: Security = request.app.state.security
    return guard


def signed_path(request: Request) -> str:
    """The path of a request as its signer knows it: percent-encoded, without a stage prefix."""
    raw: bytes | None = request.scope.get("raw_path")
    path = quote(request.scope["path"]) if raw is None else raw.decode("latin-1")
    scope = request.scope  # a mount makes its root path longer and keeps the first one
    prefix = scope.get("app_root_path", scope.get("root_path", "")).rstrip("/")
    return path[len(prefix) :] if prefix and path.startswith(f"{prefix}/") else path


@dataclass
class _Kept:
    key: ApiKey
    until: float
    renew_from: float


class _KeptKeys:
    """Keys that were found of late; when one grows old, one caller alone is sent to renew it."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self.time = timer  # to be asked before a key is read
        self._lock = threading.Lock()
        self._keys: dict[str, _Kept] = {}

    def get(self, key_id: str) -> ApiKey | None:
        now = self.time()
        with self._lock:
            kept = self._keys.get(key_id)
            if kept is None:
                return None
            if now >= kept.renew_from:  # this caller renews it; the others go on until its end
                kept.renew_from = kept.until
                return None
            return kept.key

    def put(self, key: ApiKey, read_at: float) -> None:
        until = read_at + KEPT_SECONDS
        with self._lock:
            if len(self._keys) >= _MOST_KEPT:
                self._keys.clear()
            self._keys[key.id] = _Kept(key, until, until - _RENEWED_SECONDS)


def _bearer(request: Request) -> str | None:
    """The token that a request brings; empty where what it brings is no bearer token."""
    lines = request.headers.getlist("authorization")
    if not lines:
        return None
    scheme, _, text = lines[0].partition(" ")
    return text if len(lines) == 1 and scheme.lower() == "bearer" else ""


def _token(text: str | None) -> Token:
    if text is None:
        raise UnauthorizedError("key_missing")
    return Token.parse(text)


def _alive(key: ApiKey | None, generation: int, now: datetime) -> ApiKey:
    if key is None:
        raise UnauthorizedError("key_unknown")
    if ended := key.ended(now):
        raise UnauthorizedError(f"key_{ended}")
    if generation not in key.generations:
        raise UnauthorizedError("generation_ended")
    return key


def _allowed(request: Request, caller: Caller, scope: Scope) -> Caller:
    request.state.key_id = caller.key.id
    if scope not in caller.key.scopes:
        raise ForbiddenError(f"this key may not do that: it lacks the scope {scope}")
    return caller


def _refused(
    request: Request, error: UnauthorizedError | ForbiddenError, key_id: str | None
) -> None:
    reason = error.reason if isinstance(error, UnauthorizedError) else "scope"
    route = f"{request.method} {getattr(request.scope.get('route'), 'path', '')}"
    _log.warning("refused", extra={"reason": reason, "key_id": key_id, "route": route})
