"""Application keys: who may call the API, and what is made from the root secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from betting_ai.errors import UnauthorizedError

KEY_ID_BYTES: Final = 8
TOKEN_BYTES: Final = 32
"""Random bytes that a key's name and its token are made of."""

_TOKEN: Final = re.compile(r"bai_(?P<key_id>[0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_HASH: Final = hashlib.sha256


class Scope(StrEnum):
    """What a key may do. The words are stored; never rename."""

    READ = "read"
    BET = "bet"
    TRANSFER = "transfer"


SIGNED_SCOPES: Final = frozenset({Scope.BET, Scope.TRANSFER})
"""Scopes whose calls must be signed."""


@dataclass(frozen=True)
class Token:
    """A bearer token, of the shape ``bai_<key id>_<32 random bytes in base64url>``.

    Attributes:
        key_id: the key it claims to be of.
        text: all of it; a secret.
    """

    key_id: str
    text: str = field(repr=False)

    @classmethod
    def make(cls, key_id: str, random: bytes) -> Self:
        """A new token from `TOKEN_BYTES` random bytes."""
        return cls(key_id, f"bai_{key_id}_{_base64url(random)}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """What a caller sent.

        Raises:
            UnauthorizedError: it is not of this shape.
        """
        found = _TOKEN.fullmatch(text)
        if found is None:
            raise UnauthorizedError("token_malformed")
        return cls(found["key_id"], text)

    @property
    def digest(self) -> bytes:
        """Its SHA-256, which is all that is stored of it."""
        return _HASH(self.text.encode()).digest()


@dataclass(frozen=True)
class ApiKey:
    """An application key; neither its token nor its signing secret is in it.

    Attributes:
        id: names it, also in its token.
        name: for people.
        scopes: what it may do.
        token_hash: SHA-256 of its token.
        previous_token_hash: of the token before, while a rotation is open.
        generation: counts rotations, from 1.
        created_at: aware instant.
        expires_at: from then on it is dead; None for never.
        revoked_at: since then it is dead.
        rotated_at: when the newest generation was made, but for the first.
        last_used_at: to the minute.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    token_hash: bytes = field(repr=False)
    created_at: datetime
    previous_token_hash: bytes | None = field(default=None, repr=False)
    generation: int = 1
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    rotated_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def generations(self) -> tuple[int, ...]:
        """Those whose token and signing secret are good, the newest first."""
        if self.previous_token_hash is None:
            return (self.generation,)
        return (self.generation, self.generation - 1)

    @property
    def signs(self) -> bool:
        """Whether it has a signing secret."""
        return bool(self.scopes & SIGNED_SCOPES)

    def ended(self, now: datetime) -> str | None:
        """``"revoked"`` or ``"expired"``; None while it is alive."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and now >= self.expires_at:
            return "expired"
        return None

    def admit(self, token: Token, now: datetime) -> int:
        """Which generation of this key a token is of; compared in constant time.

        Raises:
            UnauthorizedError: it is of none, or the key is dead.
        """
        digest = token.digest
        hashes = (self.token_hash, self.previous_token_hash)
        matches = [hmac.compare_digest(digest, known) for known in hashes if known is not None]
        if not any(matches):
            raise UnauthorizedError("token_wrong")
        if ended := self.ended(now):
            raise UnauthorizedError(f"key_{ended}")
        return self.generation - matches.index(True)


def hkdf(
    secret: bytes, info: bytes, *, salt: bytes = b"", length: int = _HASH().digest_size
) -> bytes:
    """HKDF-SHA256 (RFC 5869): independent keys from one secret.

    Args:
        secret: the input keying material.
        info: what the key is for; another text gives another key.
        salt: not secret; none by default.
        length: bytes wanted, at most 255 times 32.
    """
    size = _HASH().digest_size
    if not 0 < length <= 255 * size:
        raise ValueError(f"HKDF-SHA256 gives 1 to {255 * size} bytes, not {length}")
    extracted = hmac.digest(salt or bytes(size), secret, "sha256")
    block, blocks = b"", b""
    for number in range(1, -(-length // size) + 1):
        block = hmac.digest(extracted, block + info + bytes([number]), "sha256")
        blocks += block
    return blocks[:length]


def signing_secret(root: bytes, key_id: str, generation: int) -> str:
    """What one generation of a key signs with: the HMAC key is this text, in ASCII.

    It is never stored: who has the root secret can make it again.
    """
    made = hkdf(root, f"betting-ai signing v1 {key_id} {generation}".encode())
    return f"bai_secret_{_base64url(made)}"


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
