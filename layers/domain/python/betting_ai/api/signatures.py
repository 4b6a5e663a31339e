"""Signed calls: one strict profile of RFC 9421 with HMAC-SHA256, without any I/O.

``docs/signatures.md`` explains it and ``docs/signature-vectors.json`` has test vectors. A message
is signed over exactly `COMPONENTS`, in this order. The parser takes what this profile writes and
nothing else: no other label, component, parameter, order, white space or second signature, so that
nothing is left to how a header could be read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from betting_ai.errors import InvalidInputError, UnauthorizedError

COMPONENTS: Final = (
    "@method", "@authority", "@path", "content-digest", "content-type", "idempotency-key",
)  # fmt: skip
"""What is signed."""

ALGORITHM: Final = "hmac-sha256"
TAG: Final = "top3-v1"
LABEL: Final = "sig1"

WINDOW: Final = timedelta(seconds=60)
"""A signature lives at most so long, and clocks may differ by so much."""

LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""What the machine itself is called; with any port, good where no authority is configured."""

_COVERED: Final = "(" + " ".join(f'"{name}"' for name in COMPONENTS) + ")"
_PARAMETER: Final = r';([a-z]+)=(?:([0-9]{1,10})|"([ !#-\[\]-~]{1,200})")'
_INPUT: Final = re.compile(rf"{LABEL}=({re.escape(_COVERED)}((?:{_PARAMETER})+))")
_SIGNATURE: Final = re.compile(rf"{LABEL}=:([A-Za-z0-9+/]{{43}}=):")
_NUMBERS: Final = frozenset({"created", "expires"})
_TEXTS: Final = frozenset({"nonce", "keyid", "tag"})
_NONCE: Final = re.compile(r"[A-Za-z0-9+/_-]{22,86}={0,2}")  # 22 such characters hold 132 bits
_METHOD: Final = re.compile(r"[A-Z]{1,16}")
_AUTHORITY: Final = re.compile(r"(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
_PATH: Final = re.compile(r"/[!-~]{0,2000}")
_TEXT: Final = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?")
_IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True)
class Message:
    """What is signed of a call.

    Attributes:
        method: in capitals.
        authority: host, and port where it is not the usual one; see `plain_authority`.
        path: as sent, percent-encoded, without a stage prefix.
        content_type: of the body.
        idempotency_key: the caller's own name for the call, 1 to 200 visible ASCII characters.
        body: as sent.

    Raises:
        InvalidInputError: one of them cannot be signed.
    """

    method: str
    authority: str
    path: str
    content_type: str
    idempotency_key: str
    body: bytes = field(repr=False)

    def __post_init__(self) -> None:
        for name, text, shape in (
            ("method", self.method, _METHOD),
            ("authority", self.authority, _AUTHORITY),
            ("path", self.path, _PATH),
            ("content type", self.content_type, _TEXT),
            ("idempotency key", self.idempotency_key, _IDEMPOTENCY_KEY),
        ):
            if shape.fullmatch(text) is None or (
                name == "path" and not {"?", "#"}.isdisjoint(text)
            ):
                raise InvalidInputError(f"a call with such a {name} cannot be signed: {text!r}")

    @property
    def content_digest(self) -> str:
        """The RFC 9530 header of the body."""
        return f"sha-256=:{base64.b64encode(hashlib.sha256(self.body).digest()).decode()}:"

    def base(self, parameters: str) -> str:
        """The signature base of RFC 9421: the bytes that the HMAC runs over are its ASCII.

        Args:
            parameters: what stands behind the components in ``Signature-Input``, with its first
                semicolon.
        """
        values = (
            self.method, self.authority, self.path,
            self.content_digest, self.content_type, self.idempotency_key,
        )  # fmt: skip
        lines = [f'"{name}": {text}' for name, text in zip(COMPONENTS, values, strict=True)]
        return "\n".join((*lines, f'"@signature-params": {_COVERED}{parameters}'))


@dataclass(frozen=True)
class Received:
    """A call as it came in.

    Attributes:
        method: as sent.
        path: as sent, percent-encoded, without a stage prefix and without a query.
        query: as sent, without the question mark.
        headers: name and value of every line, undecoded and in their order.
        body: as sent, before anything was made of it.
    """

    method: str
    path: str
    query: bytes
    headers: Sequence[tuple[bytes, bytes]] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Verified:
    """A call whose signature is good; its nonce is not used up yet.

    Attributes:
        nonce: of the signature.
        expires_at: from then on the signature is too old.
        idempotency_key: the caller's own name for the call.
    """

    nonce: str
    expires_at: datetime
    idempotency_key: str


@dataclass(frozen=True)
class Authorities:
    """What a server is called by.

    Attributes:
        names: hosts, with a port where it is not the usual one; where there is none, `LOCAL_HOSTS`
            with any port.
    """

    names: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> Authorities:
        """Those of a setting."""
        return cls(frozenset(map(plain_authority, names)))

    def __contains__(self, authority: str) -> bool:
        if self.names:
            return authority in self.names
        return re.sub(r":[0-9]+$", "", authority) in LOCAL_HOSTS


def plain_authority(host: str) -> str:
    """A ``Host`` as it is signed: in lower case, without the usual port of http or https."""
    return re.sub(r":(?:80|443)$", "", host.lower())


def sign(
    message: Message,
    *,
    key_id: str,
    secret: str,
    created: datetime,
    nonce: str,
    lifetime: timedelta = WINDOW,
) -> dict[str, str]:
    """The three headers that sign a call.

    Args:
        message: the call; its content type and idempotency key must be sent as they are here.
        key_id: names the key.
        secret: the key's signing secret; its ASCII is the HMAC key.
        created: aware instant.
        nonce: at least 128 random bits in base64url or base64, never used before with this key.
        lifetime: how long the signature is good, at most `WINDOW`.
    """
    began = int(created.timestamp())
    parameters = (
        f";created={began};expires={began + int(lifetime.total_seconds())}"
        f';nonce="{nonce}";keyid="{key_id}";tag="{TAG}"'
    )
    signature = _mac(secret, message.base(parameters))
    return {
        "Content-Digest": message.content_digest,
        "Signature-Input": f"{LABEL}={_COVERED}{parameters}",
        "Signature": f"{LABEL}=:{signature}:",
    }


def verify(
    received: Received,
    *,
    key_id: str,
    secrets: Sequence[str],
    now: datetime,
    authorities: Authorities,
) -> Verified:
    """Check the signature of a call; its nonce must be claimed afterwards.

    Args:
        received: the call.
        key_id: the key that must have signed it.
        secrets: the key's signing secrets that are good.
        now: the present.
        authorities: what this server is called by.

    Raises:
        UnauthorizedError: for whatever is wrong; only its ``reason`` differs.
    """
    if received.query:
        raise UnauthorizedError("query")
    headers = _headers(received.headers)
    told = _INPUT.fullmatch(headers["signature-input"])
    sent = _SIGNATURE.fullmatch(headers["signature"])
    if told is None or sent is None:
        raise UnauthorizedError("signature_malformed")
    numbers, texts = _parameters(told[2])
    authority = plain_authority(headers["host"])
    if authority not in authorities:
        raise UnauthorizedError("authority")
    try:
        message = Message(
            received.method,
            authority,
            received.path,
            headers["content-type"],
            headers["idempotency-key"],
            received.body,
        )
    except InvalidInputError:
        raise UnauthorizedError("message_malformed") from None
    if texts["keyid"] != key_id:
        raise UnauthorizedError("key_other")
    _check_clock(numbers["created"], numbers["expires"], now)
    if headers["content-digest"] != message.content_digest:
        raise UnauthorizedError("digest")
    base = message.base(told[2])
    matches = [hmac.compare_digest(_mac(secret, base), sent[1]) for secret in secrets]
    if not any(matches):
        raise UnauthorizedError("signature_wrong")
    expires_at = datetime.fromtimestamp(numbers["expires"], UTC)
    return Verified(texts["nonce"], expires_at, message.idempotency_key)


def _headers(lines: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Each header that matters, which must be there once."""
    wanted = ("host", "signature-input", "signature", *COMPONENTS[3:])
    found: dict[str, str] = {}
    for raw_name, raw_value in lines:
        name = raw_name.decode("latin-1").lower()
        if name in wanted:
            if name in found:
                raise UnauthorizedError("header_twice")
            found[name] = raw_value.decode("latin-1").strip(" \t")
    if len(found) < len(wanted):
        raise UnauthorizedError("header_missing")
    return found


def _parameters(text: str) -> tuple[dict[str, int], dict[str, str]]:
    """Numbers and texts of a signature's parameters, each there once and none beside them."""
    numbers: dict[str, int] = {}
    texts: dict[str, str] = {}
    for name, number, word in re.findall(_PARAMETER, text):
        if name in numbers or name in texts:
            raise UnauthorizedError("parameter_twice")
        if number:
            numbers[name] = int(number)
        else:
            texts[name] = word
    if texts.pop("alg", ALGORITHM) != ALGORITHM:
        raise UnauthorizedError("algorithm")
    if numbers.keys() != _NUMBERS or texts.keys() != _TEXTS:
        raise UnauthorizedError("parameters")
    if texts["tag"] != TAG:
        raise UnauthorizedError("tag")
    if _NONCE.fullmatch(texts["nonce"]) is None:
        raise UnauthorizedError("nonce_malformed")
    return numbers, texts


def _check_clock(created: int, expires: int, now: datetime) -> None:
    """No clock may be off by more than `WINDOW`, no signature live longer."""
    window, present = WINDOW.total_seconds(), now.timestamp()
    if not created < expires <= created + window:
        raise UnauthorizedError("lifetime")
    if abs(present - created) > window or present > expires:
        raise UnauthorizedError("clock")


def _mac(secret: str, base: str) -> str:
    """Standard base64; compared as text, since several texts stand for the same bytes."""
    return base64.b64encode(hmac.digest(secret.encode(), base.encode(), "sha256")).decode()
