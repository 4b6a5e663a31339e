"""The few numbers that tell an operator at a glance whether all is well; they change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from betting_ai.adapters.sql.tables import (
    Bet,
    IngestLogEntry,
    Recommendation,
    ReviewDoubt,
    Slate,
)

LATELY: Final = timedelta(days=90)
"""How far back closing-line value is looked at."""

_OPEN: Final = ("unknown", "pending", "placed")
_UNSETTLED: Final = ("pending", "replaced")
_MODES: Final = ("paper", "real")


@dataclass(frozen=True)
class Bets:
    """The bets of one mode.

    Attributes:
        open: how many are not settled.
        profit: money that the settled ones gained.
    """

    open: int
    profit: float


@dataclass(frozen=True)
class Figures:
    """How the product stands.

    Attributes:
        slate_as_of: of the newest slate; None without one.
        slate_picks: how many picks it has; None without one.
        prices_at: when the newest prices came, by source.
        pending: picks that wait for a result.
        clv_count: settled picks of the last 90 days that have a close.
        clv_mean: their closing-line value; None without any.
        picks_profit: money that all settled picks would have gained at the recommended stakes.
        bets: by mode, ``"paper"`` and ``"real"``.
        review: names that wait for a person.
    """

    slate_as_of: datetime | None
    slate_picks: int | None
    prices_at: Mapping[str, datetime]
    pending: int
    clv_count: int
    clv_mean: float | None
    picks_profit: float
    bets: Mapping[str, Bets]
    review: int


def read_figures(engine: Engine, now: datetime, mode: str) -> Figures:
    """Read them.

    Args:
        engine: of a database whose schema is up to date.
        now: aware instant.
        mode: of the slates and picks, ``"live"`` or ``"replay"``.

    Raises:
        DatabaseUnavailableError: it cannot be reached.
    """
    with engine.connect() as connection:
        slate = connection.execute(
            sa.select(Slate.c.as_of, sa.func.jsonb_array_length(Slate.c.payload["picks"]))
            .where(Slate.c.mode == mode)
            .order_by(Slate.c.as_of.desc(), Slate.c.created_at.desc())
            .limit(1)
        ).one_or_none()
        prices = (
            sa.select(IngestLogEntry.c.source, sa.func.max(IngestLogEntry.c.received_at))
            .where(IngestLogEntry.c.status == "stored", IngestLogEntry.c.quotes_kept > 0)
            .group_by(IngestLogEntry.c.source)
        )
        pending, count, mean, profit = _picks(connection, now, mode)
        waiting = sa.select(sa.func.count()).where(ReviewDoubt.c.resolved_at.is_(None))
        return Figures(
            slate_as_of=slate[0] if slate else None,
            slate_picks=slate[1] if slate else None,
            prices_at=dict(connection.execute(prices).all()),
            pending=pending,
            clv_count=count,
            clv_mean=mean,
            picks_profit=profit,
            bets=_bets(connection),
            review=connection.scalar(waiting) or 0,
        )


def _picks(
    connection: Connection, now: datetime, mode: str
) -> tuple[int, int, float | None, float]:
    """Pending; those with a close of late, and their mean closing-line value; all profit."""
    pick, count = Recommendation, sa.func.count()
    settled = pick.c.status.not_in(_UNSETTLED)
    lately = sa.and_(settled, pick.c.settled_at > now - LATELY, pick.c.clv.is_not(None))
    found = connection.execute(
        sa.select(
            count.filter(pick.c.status == "pending"),
            count.filter(lately),
            sa.func.avg(pick.c.clv).filter(lately),
            sa.func.coalesce(sa.func.sum(pick.c.profit).filter(settled), 0),
        )
        .join(Slate, Slate.c.id == pick.c.slate_id)
        .where(Slate.c.mode == mode)
    ).one()
    return found[0], found[1], found[2], float(found[3])


def _bets(connection: Connection) -> dict[str, Bets]:
    is_open = Bet.c.status.in_(_OPEN)
    found = connection.execute(
        sa.select(
            Bet.c.mode,
            sa.func.count().filter(is_open),
            sa.func.coalesce(sa.func.sum(Bet.c.profit).filter(~is_open), 0),
        ).group_by(Bet.c.mode)
    )
    none = dict.fromkeys(_MODES, Bets(0, 0.0))
    return none | {mode: Bets(count, float(profit or 0)) for mode, count, profit in found}
