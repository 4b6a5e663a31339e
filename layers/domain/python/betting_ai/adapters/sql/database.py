"""The database of a configuration: the one at an address, or the embedded one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine

from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.migrate import migrate
from betting_ai.adapters.sql.reference import ensure_reference_data

# As autovacuum would judge. Another session's temporary tables are nobody else's business.
_CHANGED_MUCH: Final = """
SELECT relid::regclass::text FROM pg_stat_user_tables
WHERE schemaname = current_schema() AND n_mod_since_analyze > 1000 + n_live_tup / 10
"""


@contextlib.contextmanager
def reach_database(
    url: str | None,
    home: Path,
    *,
    pool: Literal["single", "server"] = "single",
    password: Callable[[URL], str] | None = None,
) -> Iterator[Engine]:
    """An engine while the block runs, whatever the state of the schema.

    Args:
        url: address; None for the embedded server of ``home``, which runs as long as it is used.
        home: folder of the user's lasting data.
        pool: see `betting_ai.adapters.sql.engine.connect`.
        password: the same.

    Raises:
        DatabaseUnavailableError: the database cannot be started or reached.
    """
    with contextlib.ExitStack() as stack:
        if url is None:
            # No function has a server of its own.
            from betting_ai.adapters.local.postgres import EmbeddedPostgres  # noqa: PLC0415

            url = stack.enter_context(EmbeddedPostgres(home)).url()
        engine = connect(url, pool=pool, password=password)
        stack.callback(engine.dispose)
        yield engine


@contextlib.contextmanager
def open_database(
    url: str | None,
    home: Path,
    *,
    pool: Literal["single", "server"] = "single",
    password: Callable[[URL], str] | None = None,
    migrates: bool = True,
) -> Iterator[Engine]:
    """As `reach_database`, with the schema and the reference data that this version needs.

    Args:
        url: see there.
        home: see there.
        pool: see there.
        password: see there.
        migrates: whether to see to schema and reference data; else they are taken as they are.
    """
    with reach_database(url, home, pool=pool, password=password) as engine:
        if migrates:
            prepare(engine)
        yield engine
        if url is None:  # such a server seldom lives long enough to do so by itself
            refresh_statistics(engine)


def prepare(engine: Engine) -> None:
    """Bring schema and reference data to what this version of the package needs."""
    migrate(engine)
    with engine.begin() as connection:
        ensure_reference_data(connection)


def refresh_statistics(engine: Engine) -> None:
    """Let the planner know of tables that changed much; without that it may read all prices."""
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_stat_force_next_flush()"))
    with engine.begin() as connection:
        for table in connection.scalars(sa.text(_CHANGED_MUCH)).all():
            connection.execute(sa.text(f"ANALYZE {table}"))
