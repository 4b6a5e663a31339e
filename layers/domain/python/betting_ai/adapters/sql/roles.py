"""Who may do what in the database: a role for each function, with no more than it needs.

Everybody reads the tables of the product. What is append-only for the product is so for its roles:
a published slate, a settlement, an entry of a ledger can be added and not be changed. The number
of connections that a role may hold is the hard wall behind the number of functions that run. It is
one more or two: an environment that Lambda has let go leaves its connection behind, which ends when
it has been idle for five minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

CONNECTIONS: Final = 24
"""Of all roles and whoever migrates, together."""

_PREFIX: Final = "betting_"
_TOKENS: Final = "rds_iam"
"""Members of this role of RDS log in with a token and have no password."""

_SECRET: Final = ("api_keys", "api_nonces", "api_calls")
"""Tables that only the API reads."""


@dataclass(frozen=True)
class Role:
    """One function's role.

    Attributes:
        function: its name.
        connections: most that it may hold.
        statement_seconds: after so long a statement is ended.
        adds: tables that it adds rows to.
        changes: what it changes: ``"table"`` or ``"table (column, ...)"``.
        removes: tables that it removes rows from.
        stages: whether it may have temporary tables.
        sees_keys: whether it reads the tables of application keys.
    """

    function: str
    connections: int
    statement_seconds: int
    adds: tuple[str, ...]
    changes: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()
    stages: bool = False
    sees_keys: bool = False

    @property
    def name(self) -> str:
        """In the database."""
        return _PREFIX + self.function


ROLES: Final = (
    Role(
        "ingest_raw",
        connections=5,
        statement_seconds=60,
        adds=(
            "teams", "books", "team_aliases", "events", "odds", "results", "event_endings",
            "ingest_log", "review_queue", "model_performance", "transfer_receipts",
        ),
        changes=(
            "events", "results", "review_queue", "team_aliases", "model_performance",
            "transfer_receipts",
        ),
        stages=True,
    ),
    Role(
        "select_top3",
        connections=3,
        statement_seconds=60,
        adds=("slates", "recommendations", "predictions", "books"),
        changes=("recommendations (status, settled_at)",),
    ),
    Role(
        "settle_picks",
        connections=3,
        statement_seconds=120,
        adds=(
            "settlements", "ledger", "restraints", "violations", "historical_performance",
            "model_performance",
        ),
        changes=(
            "recommendations (status, profit, clv, settled_at)",
            "bets (status, profit, clv, settled_at)",
            "betting_sessions (bankroll)",
            "model_performance",
        ),
        removes=("historical_performance",),
    ),
    Role(
        "api",
        connections=8,
        statement_seconds=20,
        adds=(
            "api_nonces", "api_calls", "betting_sessions", "bets", "ledger", "restraints",
            "violations", "paper_bets", "books",
        ),
        changes=(
            "api_keys (last_used_at)",
            "api_calls",
            "api_nonces",
            "bets (status, stake, price, reason, venue_reference, placed_at)",
            "betting_sessions (bankroll)",
            "paper_bets",
        ),
        removes=("api_nonces", "api_calls"),
        sees_keys=True,
    ),
)  # fmt: skip


def ensure_roles(connection: Connection, roles: Iterable[Role] = ROLES) -> None:
    """Make the roles what this version says, in one transaction; running again changes nothing.

    Where the database has a role for tokens, as RDS does, they become members of it and so can log
    in by token alone. Elsewhere they cannot log in before somebody gives them a password.

    Args:
        connection: of who owns the tables and may make roles.
        roles: those to make.
    """
    quote = connection.dialect.identifier_preparer.quote
    database = quote(str(connection.scalar(sa.text("SELECT current_database()"))))
    schema = quote(str(connection.scalar(sa.text("SELECT current_schema()"))))
    tokens = connection.scalar(
        sa.text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :name)"), {"name": _TOKENS}
    )

    def run(statement: str) -> None:
        connection.execute(sa.text(statement))

    run(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
    run(f"REVOKE ALL ON SCHEMA {schema} FROM PUBLIC")
    for role in roles:
        name = quote(role.name)
        # Roles are the whole server's, where another database may be making the same one.
        run(
            f"DO $$ BEGIN CREATE ROLE {name} LOGIN; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
        run(f"ALTER ROLE {name} CONNECTION LIMIT {role.connections}")
        for setting, value in (
            ("statement_timeout", f"{role.statement_seconds}s"),
            ("idle_in_transaction_session_timeout", "30s"),
            ("idle_session_timeout", "5min"),
            ("lock_timeout", "5s"),
        ):
            run(f"ALTER ROLE {name} SET {setting} = '{value}'")
        if tokens:
            run(f"GRANT {_TOKENS} TO {name}")
        run(f"GRANT CONNECT{', TEMPORARY' if role.stages else ''} ON DATABASE {database} TO {name}")
        run(f"GRANT USAGE ON SCHEMA {schema} TO {name}")
        run(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {name}")
        run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {name}")
        if not role.sees_keys:
            run(f"REVOKE SELECT ON {', '.join(_SECRET)} FROM {name}")  # noqa: S608 - our names
        run(f"GRANT INSERT ON {', '.join(role.adds)} TO {name}")
        for what in role.changes:
            table, _, columns = what.partition(" ")
            run(f"GRANT UPDATE {columns} ON {table} TO {name}")
        if role.removes:
            run(f"GRANT DELETE ON {', '.join(role.removes)} TO {name}")
