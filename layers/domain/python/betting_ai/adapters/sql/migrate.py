"""Bringing a database to the schema that this version of the package needs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from betting_ai.errors import DatabaseUnavailableError

HEAD: Final = "0008"
"""The newest revision; known here so that a database at head costs no look at the scripts."""

_LOCK: Final = 0x62657474  # any number that only migrations use


def current_revision(engine: Engine) -> str | None:
    """The revision a database is at; None for an empty one."""
    with engine.connect() as connection:
        return _revision(connection)


def migrate(engine: Engine, lock_seconds: int | None = None) -> bool:
    """Upgrade to `HEAD`; any number of processes may try at once.

    Args:
        engine: of who owns the tables.
        lock_seconds: give up where a table is in use for so long, rather than let everybody who
            needs it queue up behind; None to wait.

    Returns:
        Whether anything had to be done.

    Raises:
        DatabaseUnavailableError: the schema is of a later version of the package, or a table was
            in use for too long; nothing was changed.
    """
    if current_revision(engine) == HEAD:
        return False
    with engine.begin() as connection:
        if lock_seconds is not None:
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{int(lock_seconds)}s'"))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if _revision(connection) == HEAD:
            return False
        _upgrade(connection)
    return True


def _revision(connection: Connection) -> str | None:
    if connection.scalar(sa.text("SELECT to_regclass('alembic_version')")) is None:
        return None
    version = sa.column("version_num", sa.Text)
    return connection.scalar(sa.select(version).select_from(sa.table("alembic_version")))


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - a database at head does without
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option(
        "script_location", str(Path(__file__).parent / "migrations").replace("%", "%%")
    )
    config.set_main_option("path_separator", "os")
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseUnavailableError(
            f"The database's schema is not one this version knows ({error}); upgrade betting-ai"
        ) from error
