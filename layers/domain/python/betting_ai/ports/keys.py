"""Application keys, the nonces that their calls used up, and the answers they were given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from betting_ai.domain.keys import ApiKey


class ApiKeyRepository(Protocol):
    """Keys, and what of their signatures was used."""

    def add(self, key: ApiKey) -> None:
        """Store a new key."""
        ...

    def find(self, key_id: str) -> ApiKey | None:
        """The key of an id, dead or alive."""
        ...

    def all(self) -> list[ApiKey]:
        """All of them, oldest first."""
        ...

    def revoke(self, key_id: str, at: datetime) -> None:
        """End a key for good; one that was revoked before keeps its instant."""
        ...

    def rotate(self, key_id: str, token_hash: bytes, at: datetime) -> ApiKey | None:
        """Begin a generation with another token; the one before stays good, older ones end.

        Returns:
            The key as it is now; None where there is none, or it was revoked.
        """
        ...

    def finish_rotation(self, key_id: str) -> None:
        """End the generation before the newest."""
        ...

    def note_use(self, key_id: str, at: datetime) -> bool:
        """Note that a key is in use; False where that was noted within the last minute."""
        ...

    def claim_nonce(self, key_id: str, nonce: str, *, now: datetime, expires_at: datetime) -> bool:
        """Use a nonce up, once among all who try; some that are past their expiry are forgotten.

        Args:
            key_id: of the key that signed; another key's nonces are other nonces.
            nonce: as it was signed.
            now: the present.
            expires_at: until when it must be remembered.

        Returns:
            False where it was used before.
        """
        ...


@dataclass(frozen=True)
class CallName:
    """What makes two calls the same call.

    Attributes:
        key_id: who calls.
        route: method and path.
        idempotency_key: the caller's own name for it.
    """

    key_id: str
    route: str
    idempotency_key: str


@dataclass(frozen=True)
class StoredAnswer:
    """An answer as it was given.

    Attributes:
        status: HTTP status.
        headers: those that are sent again.
        body: bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class CallRecord:
    """How a call stands.

    Attributes:
        digest: SHA-256 of the body it first came with.
        lease_until: while it runs: from then on it counts as crashed.
        answer: None while it runs.
    """

    digest: bytes
    lease_until: datetime | None
    answer: StoredAnswer | None


class IdempotencyRepository(Protocol):
    """Which calls run, and what those that ran were answered."""

    def begin(
        self,
        call: CallName,
        digest: bytes,
        *,
        owner: UUID,
        now: datetime,
        lease_until: datetime,
        expires_at: datetime,
    ) -> CallRecord | None:
        """Take a call on, once among all who try; some past their expiry are forgotten.

        A call whose lease has ended is taken over, if its body is the same.

        Args:
            call: which.
            digest: SHA-256 of its body.
            owner: who takes it on; others cannot finish or release it.
            now: the present.
            lease_until: until when it is left alone.
            expires_at: until when it is remembered.

        Returns:
            None where it was taken on, else how it stands.
        """
        ...

    def finish(self, call: CallName, owner: UUID, answer: StoredAnswer) -> bool:
        """Keep the answer; False where someone else has taken the call over."""
        ...

    def release(self, call: CallName, owner: UUID) -> None:
        """Forget that a call ran, if it is still the owner's."""
        ...
