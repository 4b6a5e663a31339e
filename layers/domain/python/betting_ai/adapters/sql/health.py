"""What a database holds and how it came there, for an operator's look; it changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from betting_ai.adapters.sql.migrate import HEAD, current_revision
from betting_ai.adapters.sql.tables import IngestLogEntry, ReviewDoubt

COUNTED: Final = (
    "leagues", "teams", "books", "events", "results", "odds", "predictions", "slates",
    "recommendations", "model_performance",
)  # fmt: skip

_FEW: Final = 5
_LATELY: Final = timedelta(hours=24)

_BY_REASON: Final = ("rows_repaired", "rows_refused", "quotes_refused", "stages")


@dataclass(frozen=True)
class SourceAge:
    """What one feed delivered.

    Attributes:
        source: feed name.
        received_at: when the newest payload came that could be used; None if none could.
        payloads: how many came.
        stored: how many of them told something new.
        unchanged: how many had been read before.
        refused: how many could not be used.
        refused_lately: how many of those in the last 24 hours.
    """

    source: str
    received_at: datetime | None
    payloads: int
    stored: int
    unchanged: int
    refused: int
    refused_lately: int


@dataclass(frozen=True)
class DatabaseHealth:
    """A database as it stands.

    Attributes:
        revision: of its schema; None for an empty database.
        up_to_date: the schema is the one this version needs.
        size: bytes on disk.
        rows: rows by table; empty where the schema is not up to date.
        last_kickoff: of the newest match.
        sources: what came from where.
        payloads: payloads by status.
        totals: rows read and kept and quotes kept, over all payloads.
        reasons: repaired and refused by reason, and seconds per stage, over all payloads.
        waiting: names that wait for review.
        refused: the newest refused payloads, by name, and why.
        doubted: some of the names that wait.
    """

    revision: str | None
    up_to_date: bool
    size: int
    rows: dict[str, int]
    last_kickoff: datetime | None
    sources: tuple[SourceAge, ...]
    payloads: dict[str, int]
    totals: dict[str, int]
    reasons: dict[str, dict[str, float]]
    waiting: int
    refused: dict[str, str] = field(default_factory=dict)
    doubted: tuple[str, ...] = ()


def examine(engine: Engine, now: datetime, *, exactly: bool = True) -> DatabaseHealth:
    """Look at a database.

    Args:
        engine: of the database.
        now: aware instant; what is late is late by it.
        exactly: count rows; else the database's own estimates, which cost nothing, are told.

    Raises:
        DatabaseUnavailableError: it cannot be reached.
    """
    revision = current_revision(engine)
    with engine.connect() as connection:
        size = connection.scalar(sa.text("SELECT pg_database_size(current_database())")) or 0
        if revision != HEAD:
            return DatabaseHealth(revision, False, size, {}, None, (), {}, {}, {}, 0)
        log = IngestLogEntry
        count, refused_ones = sa.func.count(), log.c.status == "refused"
        by_source = sa.select(
            log.c.source,
            sa.func.max(log.c.received_at).filter(sa.not_(refused_ones)),
            count,
            count.filter(log.c.status == "stored"),
            count.filter(log.c.status == "unchanged"),
            count.filter(refused_ones),
            count.filter(refused_ones, log.c.received_at > now - _LATELY),
        )
        by_status = sa.select(log.c.status, sa.func.count()).group_by(log.c.status)
        totals = {
            name: connection.scalar(sa.select(sa.func.sum(log.c[name]))) or 0
            for name in ("rows_read", "rows_kept", "quotes_kept")
        }
        waiting = sa.select(sa.func.count()).where(ReviewDoubt.c.resolved_at.is_(None))
        refused = (
            sa.select(log.c.name, log.c.error)
            .where(log.c.status == "refused")
            .order_by(log.c.received_at.desc(), log.c.name)
            .limit(_FEW)
        )
        doubted = (
            sa.select(sa.func.concat(ReviewDoubt.c.name, " (", ReviewDoubt.c.league, ")"))
            .where(ReviewDoubt.c.resolved_at.is_(None))
            .order_by(ReviewDoubt.c.created_at.desc(), ReviewDoubt.c.name)
            .limit(_FEW)
        )
        return DatabaseHealth(
            revision=revision,
            up_to_date=True,
            size=size,
            rows={name: _count(connection, name) for name in COUNTED}
            if exactly
            else _estimates(connection),
            last_kickoff=connection.scalar(sa.text("SELECT max(kickoff) FROM events")),
            sources=tuple(
                SourceAge(*row)
                for row in connection.execute(
                    by_source.group_by(log.c.source).order_by(log.c.source)
                )
            ),
            payloads=dict(connection.execute(by_status).all()),
            totals=totals,
            reasons={name: _by_reason(connection, name) for name in _BY_REASON},
            waiting=connection.scalar(waiting) or 0,
            refused={name: error or "" for name, error in connection.execute(refused)},
            doubted=tuple(connection.scalars(doubted)),
        )


def _count(connection: Connection, table: str) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(sa.table(table))) or 0


def _estimates(connection: Connection) -> dict[str, int]:
    asked = sa.text("SELECT relname, n_live_tup FROM pg_stat_user_tables")
    found: dict[str, int] = dict(connection.execute(asked).all())
    return {name: found.get(name, 0) for name in COUNTED}


def _by_reason(connection: Connection, column: str) -> dict[str, float]:
    """Sums of a JSON column's numbers by key."""
    pairs = sa.func.jsonb_each_text(IngestLogEntry.c[column]).table_valued("key", "value")
    total = sa.func.sum(pairs.c.value.cast(sa.Double))
    sums = sa.select(pairs.c.key, total).select_from(IngestLogEntry.join(pairs, sa.true()))
    return dict(connection.execute(sums.group_by(pairs.c.key).order_by(total.desc())).all())
