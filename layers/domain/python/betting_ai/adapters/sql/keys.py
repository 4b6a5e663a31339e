"""Application keys, nonces and the answers to calls in PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection, RowMapping

from betting_ai.adapters.sql import tables
from betting_ai.domain.keys import ApiKey, Scope
from betting_ai.ports.keys import CallName, CallRecord, StoredAnswer

_FORGOTTEN_AT_ONCE: Final = 20  # each new row removes at most so many, so the tables stay small
_NOTED_EVERY: Final = timedelta(minutes=1)
_TRIES: Final = 5


class SqlApiKeyRepository:
    """`betting_ai.ports.keys.ApiKeyRepository` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, key: ApiKey) -> None:
        """Store a new key."""
        self._connection.execute(
            sa.insert(tables.ApiKey).values(
                id=key.id,
                name=key.name,
                token_hash=key.token_hash,
                scopes=sorted(key.scopes),
                generation=key.generation,
                created_at=key.created_at,
                expires_at=key.expires_at,
            )
        )

    def find(self, key_id: str) -> ApiKey | None:
        """The key of an id, dead or alive."""
        table = tables.ApiKey
        found = self._connection.execute(sa.select(table).where(table.c.id == key_id))
        row = found.mappings().one_or_none()
        return None if row is None else _key(row)

    def all(self) -> list[ApiKey]:
        """All of them, oldest first."""
        table = tables.ApiKey
        asked = sa.select(table).order_by(table.c.created_at, table.c.id)
        return [_key(row) for row in self._connection.execute(asked).mappings()]

    def revoke(self, key_id: str, at: datetime) -> None:
        """End a key for good; one that was revoked before keeps its instant."""
        table = tables.ApiKey
        self._connection.execute(
            sa.update(table)
            .where(table.c.id == key_id, table.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )

    def rotate(self, key_id: str, token_hash: bytes, at: datetime) -> ApiKey | None:
        """Begin a generation with another token; the one before stays good, older ones end.

        Returns:
            The key as it is now; None where there is none, or it was revoked.
        """
        table = tables.ApiKey
        changed = self._connection.execute(
            sa.update(table)
            .where(table.c.id == key_id, table.c.revoked_at.is_(None))
            .values(
                previous_token_hash=table.c.token_hash,
                token_hash=token_hash,
                generation=table.c.generation + 1,
                rotated_at=at,
            )
            .returning(table)
        )
        row = changed.mappings().one_or_none()
        return None if row is None else _key(row)

    def finish_rotation(self, key_id: str) -> None:
        """End the generation before the newest."""
        table = tables.ApiKey
        self._connection.execute(
            sa.update(table).where(table.c.id == key_id).values(previous_token_hash=None)
        )

    def note_use(self, key_id: str, at: datetime) -> bool:
        """Note that a key is in use; False where that was noted within the last minute."""
        table = tables.ApiKey
        long_ago = sa.or_(table.c.last_used_at.is_(None), table.c.last_used_at <= at - _NOTED_EVERY)
        noted = self._connection.execute(
            sa.update(table).where(table.c.id == key_id, long_ago).values(last_used_at=at)
        )
        return bool(noted.rowcount)

    def claim_nonce(self, key_id: str, nonce: str, *, now: datetime, expires_at: datetime) -> bool:
        """Use a nonce up, once among all who try; some that are past their expiry are forgotten.

        Returns:
            False where it was used before.
        """
        table = tables.ApiNonce
        _forget(self._connection, table, now)
        claimed = self._connection.execute(
            insert(table)
            .values(key_id=key_id, nonce=nonce, expires_at=expires_at)
            .on_conflict_do_nothing()
        )
        return bool(claimed.rowcount)


class SqlIdempotencyRepository:
    """`betting_ai.ports.keys.IdempotencyRepository` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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

        Returns:
            None where it was taken on, else how it stands.
        """
        table = tables.ApiCall
        _forget(self._connection, table, now)
        fresh: dict[str, Any] = {
            "digest": digest,
            "owner": owner,
            "lease_until": lease_until,
            "status": None,
            "headers": None,
            "body": None,
            "created_at": now,
            "expires_at": expires_at,
        }
        crashed = sa.and_(table.c.lease_until <= now, table.c.digest == digest)
        taken = (
            insert(table)
            .values(
                key_id=call.key_id,
                route=call.route,
                idempotency_key=call.idempotency_key,
                **fresh,
            )
            .on_conflict_do_update(
                constraint="api_calls_pkey",
                set_=fresh,
                where=sa.or_(table.c.expires_at <= now, crashed),
            )
        )
        for _ in range(_TRIES):
            if self._connection.execute(taken).rowcount:
                return None
            row = self._find(call)
            if row is not None:
                return _record(row)
        raise AssertionError("a call was begun and released again and again")

    def finish(self, call: CallName, owner: UUID, answer: StoredAnswer) -> bool:
        """Keep the answer; False where someone else has taken the call over."""
        kept = self._connection.execute(
            sa.update(tables.ApiCall)
            .where(_named(call), tables.ApiCall.c.owner == owner)
            .values(
                lease_until=None,
                status=answer.status,
                headers=dict(answer.headers),
                body=answer.body,
            )
        )
        return bool(kept.rowcount)

    def release(self, call: CallName, owner: UUID) -> None:
        """Forget that a call ran, if it is still the owner's."""
        self._connection.execute(
            sa.delete(tables.ApiCall).where(_named(call), tables.ApiCall.c.owner == owner)
        )

    def _find(self, call: CallName) -> RowMapping | None:
        asked = sa.select(tables.ApiCall).where(_named(call))
        return self._connection.execute(asked).mappings().one_or_none()


def _named(call: CallName) -> sa.ColumnElement[bool]:
    table = tables.ApiCall
    return sa.and_(
        table.c.key_id == call.key_id,
        table.c.route == call.route,
        table.c.idempotency_key == call.idempotency_key,
    )


def _forget(connection: Connection, table: sa.Table, now: datetime) -> None:
    """Remove some rows that expired, and wait for nobody who does the same."""
    primary = tuple(table.primary_key)
    expired = (
        sa.select(*primary)
        .where(table.c.expires_at <= now)
        .order_by(table.c.expires_at)
        .limit(_FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    connection.execute(sa.delete(table).where(sa.tuple_(*primary).in_(expired)))


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(**{**row, "scopes": frozenset(map(Scope, row["scopes"]))})


def _record(row: RowMapping) -> CallRecord:
    answer = None
    if row["status"] is not None:
        answer = StoredAnswer(row["status"], row["headers"], bytes(row["body"]))
    return CallRecord(bytes(row["digest"]), row["lease_until"], answer)
