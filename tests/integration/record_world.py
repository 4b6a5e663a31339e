"""A database with a few matches, in which slates are published, bets placed and results told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork, unit_of_work_factory
from betting_ai.domain.markets import Outcome
from betting_ai.domain.slate import Pick, Slate
from betting_ai.ports.repositories import Prediction
from betting_ai.usecases.settle_picks import SettledPicks, SettlePicks, SettlePicksCommand
from made_slates import CANDIDATE, made_pick, made_slate
from small_league import AT_CLOSE, DAY, Match, Quote, facts_of

MORNING = datetime(2025, 3, 15, 8, tzinfo=UTC)
EVENING = MORNING + timedelta(hours=12)
NAMES = [("Ash", "Birch"), ("Cedar", "Date"), ("Elm", "Fir"), ("Gum", "Hazel")]
SLUGS = [f"e0-2025-03-15-{home.lower()}-{away.lower()}" for home, away in NAMES]
EARLY = (Quote("B365", DAY, (2.3, 3.4, 3.2)), Quote("AVG", DAY, (2.2, 3.3, 3.1)))
CLOSE = (Quote("B365", AT_CLOSE, (2.1, 3.4, 3.5)), Quote("AVG", AT_CLOSE, (2.0, 3.4, 3.6)))


def match(number: int, goals: tuple[int, int] | None = None, closed: bool = True) -> Match:
    home, away = NAMES[number]
    quotes = EARLY + (CLOSE if closed and goals else ())
    return Match("2025-03-15", home, away, goals, quotes)


@dataclass
class World:
    """The database of one test."""

    engine: Engine

    def tell(self, *matches: Match, at: datetime = EVENING, source: str = "file") -> None:
        with SqlUnitOfWork(self.engine) as unit:
            unit.facts.store(facts_of(*matches), source=source, received_at=at, reconstructed=True)
            unit.commit()

    def publish(self, slate: Slate, *said: Prediction) -> None:
        with SqlUnitOfWork(self.engine) as unit:
            unit.slates.add(slate, said, "live")
            unit.commit()

    def settle(self, as_of: datetime = EVENING) -> SettledPicks:
        return SettlePicks(unit_of_work_factory(self.engine))(SettlePicksCommand(as_of))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(sql)).mappings()]

    def change(self, sql: str) -> None:
        """As somebody who may do everything would."""
        with self.engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL betting_ai.maintenance = 'on'"))
            connection.execute(sa.text(sql))

    def statuses(self) -> list[tuple[str, Decimal | None]]:
        found = self.rows("SELECT status, profit FROM recommendations ORDER BY id")
        return [(row["status"], row["profit"]) for row in found]


def pick(number: int, rank: int = 1, outcome: Outcome = Outcome.HOME, **changes: Any) -> Pick:
    """A pick on one of the world's matches: 10.00 at 2.30 on the home side."""
    home, away = NAMES[number]
    seen = replace(
        CANDIDATE,
        event_id=SLUGS[number],
        home=home,
        away=away,
        league="Premier League",
        outcome=outcome,
        kickoff=MORNING + timedelta(hours=7),
        price=Decimal("2.30"),
        quoted=Decimal("2.30"),
        bookmaker="B365",
        prices_as_of=MORNING - timedelta(hours=17),
    )
    usual: dict[str, Any] = {
        "rank": rank,
        "stake": Decimal("10.00"),
        "bet_until": Decimal("2.20"),
        "expires_at": MORNING + timedelta(hours=7),
    }
    return made_pick(seen, **(usual | changes))


def slate(*picks: Pick, as_of: datetime = MORNING, **changes: Any) -> Slate:
    return made_slate(*picks, as_of=as_of, window_hours=24.0, **changes)


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """Four matches that are still to be played."""
    engine = connect(database_url, pool="server")
    world = World(engine)
    world.tell(*(match(i) for i in range(4)), at=MORNING - timedelta(hours=1))
    yield world
    engine.dispose()
