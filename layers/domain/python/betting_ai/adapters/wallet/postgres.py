"""The desk's rows in PostgreSQL, in the signer's schema."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pg8000 import native

from betting_ai.adapters.sql.engine import driver_arguments
from betting_ai.errors import StorageUnavailableError
from betting_signer.contract import Signed
from betting_signer.postgres import PostgresStore, create_schema
from betting_signer.store import ConflictError


def connecting(url: str, role: str = "") -> Callable[[], Any]:
    """Makes connections to a database that can do what one of the signer's roles may.

    Args:
        url: as `betting_ai.adapters.sql.engine.connect` takes it.
        role: of ``schema.sql``; whoever the address names is a member of it, and stays who it is
            without one.
    """
    address, arguments = driver_arguments(url)

    def connect() -> Any:  # noqa: ANN401 - the driver has no types
        made = native.Connection(
            address.username,
            database=address.database,
            password=address.password,
            **{"host": address.host, "port": address.port} if address.host else {},
            **arguments,
        )
        if role:
            try:
                made.run(f"SET ROLE {native.identifier(role)}")
            except BaseException:
                with suppress(native.InterfaceError, OSError):  # the server may be gone
                    made.close()
                raise
        return made

    return connect


def make_schema(url: str) -> None:
    """Make the signer's schema, tables and roles where they are not there yet.

    Raises:
        StorageUnavailableError: they cannot be made.
    """
    try:
        made = connecting(url)()
        try:
            create_schema(made)
        finally:
            made.close()
    except (native.DatabaseError, native.InterfaceError, OSError):
        raise StorageUnavailableError(
            "the wallet's tables cannot be made; the database's owner makes them once"
        ) from None


@dataclass
class PostgresRows(PostgresStore):
    """`betting_ai.adapters.wallet.desk.Rows`, as the role ``betting_broadcaster`` may."""

    def holds_quote(self, intent_id: str, quote_id: str) -> bool:
        """Whether a quote was put."""
        found = self._one(
            "SELECT 1 FROM signer.quotes WHERE intent_id = :id AND quote_id = :quote",
            id=intent_id, quote=quote_id,
        )  # fmt: skip
        return found is not None

    def signatures(self, intent_id: str) -> list[Signed]:
        """All that was signed for an intent, in order of the attempts."""
        found = self._rows(
            "SELECT body FROM signer.signed WHERE intent_id = :id ORDER BY attempt", id=intent_id
        )
        return [Signed.loads(row[0]) for row in found]

    def new_intents(self) -> list[str]:
        """Ids of intents without a row."""
        found = self._rows(
            "SELECT id FROM signer.intents i WHERE NOT EXISTS"
            " (SELECT FROM signer.transfers t WHERE t.id = i.id) ORDER BY id"
        )
        return [row[0] for row in found]

    def listed(self) -> tuple[list[str], list[str]]:
        """Ids of what is open or not reported yet, and of what lapsed."""
        found = self._rows(
            "SELECT id, place FROM signer.transfers WHERE place <> 'over' ORDER BY id"
        )
        ids, lapsed = ([i for i, at in found if at == place] for place in ("open", "lapsed"))
        return ids, lapsed

    def list_open(self, transfer_id: str) -> None:
        """Take an id among the open ones; a new one is there as soon as its state is kept."""
        self._place(transfer_id, "open")

    def unlist(self, transfer_id: str, *, lapsed: bool) -> None:
        """Take an id out of both; among the lapsed where it is one."""
        self._place(transfer_id, "lapsed" if lapsed else "over")

    def _place(self, transfer_id: str, place: str) -> None:
        self._rows(
            "UPDATE signer.transfers SET place = :place WHERE id = :id RETURNING 1",
            place=place, id=transfer_id,
        )  # fmt: skip

    def row(self, transfer_id: str) -> tuple[int, str] | None:
        """(version, text) of a state."""
        found = self._one(
            "SELECT version, body FROM signer.transfers WHERE id = :id", id=transfer_id
        )
        return (int(found[0]), str(found[1])) if found else None

    def put_row(self, transfer_id: str, version: int, body: str) -> None:
        """Keep a state, if the one before it is a version older."""
        with self._transaction() as connection:
            if version == 1:
                connection.run(
                    "INSERT INTO signer.transfers (id, version, body) VALUES (:id, 1, :body)",
                    id=transfer_id, body=body,
                )  # fmt: skip
                return
            connection.run(
                "UPDATE signer.transfers SET version = :version, body = :body"
                " WHERE id = :id AND version = :version - 1",
                id=transfer_id, version=version, body=body,
            )  # fmt: skip
            if connection.row_count != 1:
                raise ConflictError("another was first")

    def put_balance(self, address: str, block: int, body: str) -> None:
        """Keep balances, where there are none of a later block."""
        with self._transaction() as connection:
            connection.run(
                "INSERT INTO signer.balances (address, block, body) VALUES (:one, :block, :body)"
                " ON CONFLICT (address) DO UPDATE SET block = excluded.block, body = excluded.body"
                " WHERE signer.balances.block <= excluded.block",
                one=address, block=block, body=body,
            )  # fmt: skip

    def balance(self, address: str) -> str | None:
        """Balances as they were kept."""
        found = self._one("SELECT body FROM signer.balances WHERE address = :one", one=address)
        return str(found[0]) if found else None
