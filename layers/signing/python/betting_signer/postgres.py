"""The signer's state in PostgreSQL, in a schema of its own (``schema.sql``).

The tables are those of `betting_signer.dynamo`, with what that keeps under one key spread over
``control``, ``policy``, ``heads``, ``audit`` and ``reservations``. A decision is one transaction;
versions are compared, nothing is locked between a reading and a decision.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pg8000 import native
from pg8000.exceptions import DatabaseError

from betting_signer.contract import Approval, Intent, Quote, Refused, Signed
from betting_signer.state import Control, Head, Reservation
from betting_signer.store import Commit, ConflictError, UnavailableError

SCHEMA: Final = Path(__file__).with_name("schema.sql")

_LOST: Final = frozenset({"23505", "40001", "40P01"})
"""Unique violation, serialization failure, deadlock: another was first."""

Connection = Any
"""A `pg8000.native.Connection`; the driver has no types."""


def create_schema(connection: Connection) -> None:
    """Make the schema, its tables and roles where they are not there yet."""
    connection.run(SCHEMA.read_text())


@dataclass
class PostgresStore:
    """`betting_signer.store.Store` and `betting_signer.store.Desk`; any number of threads.

    Attributes:
        connect: a new connection, as a role of ``schema.sql``.
    """

    connect: Callable[[], Connection]
    _idle: list[Connection] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        """Close every connection that is not in use, also where the server is gone."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            self._drop(connection)

    def intent(self, intent_id: str) -> tuple[str, str] | None:
        """(text, stamp) of an intent as it was put."""
        found = self._one("SELECT body, stamp FROM signer.intents WHERE id = :id", id=intent_id)
        return (found[0], found[1]) if found else None

    def approval(self, request_hash: str) -> tuple[str, bool] | None:
        """(text, whether it was used) of the approval of a request."""
        found = self._one(
            "SELECT body, used FROM signer.approvals WHERE request_hash = :hash", hash=request_hash
        )
        return (found[0], found[1]) if found else None

    def control(self) -> str | None:
        """The text of the switch."""
        found = self._one("SELECT body FROM signer.control")
        return found[0] if found else None

    def policy(self) -> str | None:
        """The text of the policy."""
        found = self._one("SELECT body FROM signer.policy")
        return found[0] if found else None

    def head(self, address: str) -> Head:
        """The head of a wallet."""
        found = self._one("SELECT body FROM signer.heads WHERE address = :one", one=address)
        return Head.loads(found[0], limit=None) if found else Head(address)

    def reservation(self, intent_id: str) -> Reservation | None:
        """What an intent has reserved."""
        found = self._one(
            "SELECT body FROM signer.reservations WHERE intent_id = :id", id=intent_id
        )
        return Reservation.loads(found[0]) if found else None

    def holder(self, address: str, chain_id: int, nonce: int) -> str | None:
        """Id of the intent that a nonce belongs to."""
        found = self._one(
            "SELECT intent_id FROM signer.reservations"
            " WHERE address = :address AND chain_id = :chain AND nonce = :nonce",
            address=address, chain=chain_id, nonce=nonce,
        )  # fmt: skip
        return found[0] if found else None

    def commit(self, commit: Commit) -> None:
        """Keep a decision in one transaction."""
        head = commit.head
        with self._transaction() as connection:
            _next(
                connection,
                "heads",
                "address",
                head.version,
                {"address": head.address, "body": head.dumps()},
            )
            connection.run(
                "INSERT INTO signer.audit (address, seq, line) VALUES (:address, :seq, :line)",
                address=head.address, seq=head.audit_seq, line=commit.line,
            )  # fmt: skip
            if (held := commit.reservation) is not None:
                row = {
                    "intent_id": held.intent_id,
                    "address": held.address,
                    "chain_id": held.chain_id,
                    "nonce": held.nonce,
                    "body": held.dumps(),
                }
                _next(connection, "reservations", "intent_id", held.version, row)
                # After the reservation is locked: a signature that is put meanwhile waits for it.
                if commit.unsigned is not None and connection.run(
                    "SELECT 1 FROM signer.signed WHERE intent_id = :id AND attempt = :attempt",
                    id=held.intent_id, attempt=commit.unsigned,
                ):  # fmt: skip
                    raise ConflictError("another was first")
            if commit.uses_approval is not None:
                _changed(
                    connection,
                    "UPDATE signer.approvals SET used = true"
                    " WHERE request_hash = :hash AND NOT used",
                    hash=commit.uses_approval,
                )
            if commit.refused is not None:
                connection.run(
                    "INSERT INTO signer.refusals (intent_id, body) VALUES (:id, :body)"
                    " ON CONFLICT (intent_id) DO UPDATE SET body = excluded.body",
                    id=commit.refused.intent_id, body=commit.refused.dumps(),
                )  # fmt: skip

    def signed(self, intent_id: str, attempt: int) -> Signed | None:
        """What was signed as an attempt of an intent."""
        found = self._one(
            "SELECT body FROM signer.signed WHERE intent_id = :id AND attempt = :attempt",
            id=intent_id, attempt=attempt,
        )  # fmt: skip
        return Signed.loads(found[0]) if found else None

    def put_signed(self, signed: Signed, version: int) -> None:
        """Keep a signature, once, if the reservation is still of its version."""
        with self._transaction() as connection:
            _changed(
                connection,
                "INSERT INTO signer.signed (intent_id, attempt, body)"
                " SELECT intent_id, :attempt, :body FROM signer.reservations"
                " WHERE intent_id = :id AND version = :version FOR UPDATE",
                id=signed.intent_id, attempt=signed.attempt, body=signed.dumps(), version=version,
            )  # fmt: skip

    def refused(self, intent_id: str) -> Refused | None:
        """Why an intent was refused last."""
        found = self._one("SELECT body FROM signer.refusals WHERE intent_id = :id", id=intent_id)
        return Refused.loads(found[0]) if found else None

    def audit(self, address: str, first: int, last: int) -> Iterator[str]:
        """Lines of the audit, from one number to another."""
        found = self._rows(
            "SELECT seq, line FROM signer.audit"
            " WHERE address = :address AND seq BETWEEN :first AND :last ORDER BY seq",
            address=address, first=first, last=last,
        )  # fmt: skip
        for expected, (seq, line) in enumerate(found, first):
            if seq != expected:
                return
            yield line

    def put_intent(self, intent: Intent, stamp: str) -> bool:
        """Put an intent, once."""
        return self._once(
            "INSERT INTO signer.intents (id, body, stamp) VALUES (:id, :body, :stamp)",
            id=intent.intent_id, body=intent.dumps(), stamp=stamp,
        )  # fmt: skip

    def put_approval(self, approval: Approval) -> bool:
        """Put an approval, once."""
        return self._once(
            "INSERT INTO signer.approvals (request_hash, body) VALUES (:hash, :body)",
            hash=approval.request_hash, body=approval.dumps(),
        )  # fmt: skip

    def put_quote(self, quote: Quote) -> bool:
        """Put a quote, once."""
        return self._once(
            "INSERT INTO signer.quotes (intent_id, quote_id, body) VALUES (:id, :quote, :body)",
            id=quote.intent_id, quote=quote.quote_id, body=quote.dumps(),
        )  # fmt: skip

    def waiting_quotes(self, most: int = 100) -> list[tuple[str, str, str]]:
        """(intent id, quote id, text) of quotes that were not answered, the oldest first."""
        found = self._rows(
            "SELECT intent_id, quote_id, body FROM signer.quotes WHERE NOT answered"
            " ORDER BY put_at, intent_id, quote_id LIMIT :most",
            most=most,
        )
        return [(row[0], row[1], row[2]) for row in found]

    def answered(self, intent_id: str, quote_id: str) -> None:
        """Say that a quote was answered; it does not wait any more."""
        self._rows(
            "UPDATE signer.quotes SET answered = true"
            " WHERE intent_id = :id AND quote_id = :quote RETURNING 1",
            id=intent_id, quote=quote_id,
        )  # fmt: skip

    def set_policy(self, text: str) -> None:
        """Put a policy."""
        self._set("policy", text)

    def set_control(self, control: Control) -> None:
        """Turn the switch."""
        self._set("control", control.dumps())

    def _set(self, table: str, body: str) -> None:
        self._rows(
            f"INSERT INTO signer.{table} (body) VALUES (:body)"  # noqa: S608 - our own words
            " ON CONFLICT (one) DO UPDATE SET body = excluded.body RETURNING 1",
            body=body,
        )

    def _once(self, statement: str, **row: str) -> bool:
        try:
            with self._transaction() as connection:
                connection.run(statement, **row)
        except ConflictError:
            return False
        return True

    def _one(self, statement: str, **asked: Any) -> Any:  # noqa: ANN401
        found = self._rows(statement, **asked)
        return found[0] if found else None

    def _rows(self, statement: str, **asked: Any) -> list[Any]:  # noqa: ANN401
        with self._connection() as connection:
            return list(connection.run(statement, **asked) or ())

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._connection() as connection:
            # Each statement sees what was committed before it, whatever the database's default is:
            # whoever waited for a row has to see what its holder wrote beside it.
            connection.run("BEGIN ISOLATION LEVEL READ COMMITTED")
            try:
                yield connection
                connection.run("COMMIT")
            except (ConflictError, DatabaseError):
                connection.run("ROLLBACK")
                raise

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection; one that anything failed on, but for the database's own word, is gone."""
        lost = False
        connection = None
        try:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            connection = connection or self.connect()
            yield connection
        except ConflictError:
            lost = True
        except DatabaseError as error:
            told = error.args[0] if error.args else {}
            lost = isinstance(told, dict) and told.get("C") in _LOST
            if not lost:
                self._drop(connection)
                raise UnavailableError("the database") from None
        except (native.InterfaceError, OSError):
            self._drop(connection)
            raise UnavailableError("the database") from None
        except BaseException:
            self._drop(connection)
            raise
        if connection is not None:
            with self._lock:
                self._idle.append(connection)
        if lost:
            raise ConflictError("another was first")

    @staticmethod
    def _drop(connection: Connection | None) -> None:
        if connection is not None:
            try:
                connection.close()
            except (native.InterfaceError, DatabaseError, OSError):
                return


def _next(connection: Connection, table: str, key: str, version: int, row: dict[str, Any]) -> None:
    """Put what is a version newer than what there is."""
    row = {**row, "version": version}
    if version == 1:
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        connection.run(f"INSERT INTO signer.{table} ({names}) VALUES ({values})", **row)  # noqa: S608
        return
    _changed(
        connection,
        f"UPDATE signer.{table} SET body = :body, version = :version"  # noqa: S608 - our own words
        f" WHERE {key} = :key AND version = :version - 1",
        key=row[key], body=row["body"], version=version,
    )  # fmt: skip


def _changed(connection: Connection, statement: str, **row: Any) -> None:  # noqa: ANN401
    """Change one row, or find that another was first."""
    connection.run(statement, **row)
    if connection.row_count != 1:
        raise ConflictError("another was first")
