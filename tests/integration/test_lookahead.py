"""Whatever becomes known after a day's question changes nothing of its answer, to the byte."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from betting_ai.adapters.feeds.football_data.folder import FolderFeed
from betting_ai.adapters.feeds.football_data.normaliser import FootballDataNormaliser
from betting_ai.adapters.feeds.football_data.stamps import UK
from betting_ai.adapters.feeds.resolver import TeamResolver, seed_aliases
from betting_ai.adapters.local.model_store import FolderModelStore
from betting_ai.adapters.local.object_store import LocalObjectStore
from betting_ai.adapters.sql.database import refresh_statistics
from betting_ai.adapters.sql.unit_of_work import unit_of_work_factory
from betting_ai.clock import FixedClock
from betting_ai.domain.slate import Criteria
from betting_ai.models.registry import Registry
from betting_ai.ports.feeds import FeedRequest
from betting_ai.settings import shipped_models
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.ingest_raw import REFUSED, IngestCommand, IngestRaw
from betting_ai.usecases.select_top3 import SelectTop3, SelectTop3Command
from conftest import FOOTBALL

RECEIVED = datetime(2025, 7, 1, tzinfo=UTC)
FIRST, LAST = date(2023, 8, 4), date(2025, 5, 31)
LOOSE = Criteria("loose", min_confidence=0.0, min_expected_value=-1.0, max_risk=1.0)
LEAGUES = ("E0", "E1", "D1", "I1", "SP1", "F1", "N1", "P1")
DAYS, ON_A_STAMP = 50, 12

# What is known after :as_of and was not scrambled for a later day already (:until).
LATER_PRICES = """
    quoted_at > :as_of AND quoted_at <= :until
    AND event_id IN (SELECT id FROM events WHERE kickoff > :as_of)
"""
SCRAMBLE = (
    # Fixtures after the window have not been announced.
    "CREATE TEMPORARY TABLE gone ON COMMIT DROP AS SELECT id FROM events WHERE kickoff >= :closing",
    "DELETE FROM odds WHERE event_id IN (SELECT id FROM gone)",
    "DELETE FROM results WHERE event_id IN (SELECT id FROM gone)",
    "DELETE FROM events WHERE id IN (SELECT id FROM gone)",
    # Of the later prices (closes among them) a third goes, a third changes, and a third comes
    # absurdly high a second after the question.
    f"DELETE FROM odds WHERE {LATER_PRICES} AND mod(event_id, 3) = 0",
    f"UPDATE odds SET price = price * 1.3 WHERE {LATER_PRICES} AND mod(event_id, 3) = 1",
    f"""UPDATE odds SET price = 50, quoted_at = CAST(:as_of AS timestamptz) + interval '1 second'
        WHERE {LATER_PRICES} AND mod(event_id, 3) = 2""",
    # Of the later results and statistics half go, half change.
    "DELETE FROM results WHERE known_at > :as_of AND known_at <= :until AND mod(event_id, 2) = 0",
    """UPDATE results SET goals_home = 9 - mod(goals_home, 9), goals_away = mod(goals_home, 9),
        shots_home = 40, shots_away = 0, red_home = 3
        WHERE known_at > :as_of AND known_at <= :until""",
)
LEAK = """
UPDATE odds SET quoted_at = CAST(:as_of AS timestamptz) - interval '1 minute' FROM events
WHERE events.id = odds.event_id AND quoted_at = kickoff AND kickoff > :as_of AND kickoff < :closing
"""
MEND = """
UPDATE odds SET quoted_at = kickoff FROM events WHERE events.id = odds.event_id
AND quoted_at = CAST(:as_of AS timestamptz) - interval '1 minute'
"""


@dataclass(frozen=True)
class Replay:
    """The real seasons in a database, and the shipped models."""

    engine: Engine
    select: SelectTop3

    def slate(self, as_of: datetime) -> str:
        """The day's slate as bytes."""
        command = SelectTop3Command(Window(as_of), LOOSE, Decimal(1_000), ("files",), explain=True)
        return json.dumps(self.select(command).to_dict(), sort_keys=True)

    def change(self, *statements: str, as_of: datetime, until: datetime = RECEIVED) -> None:
        """Rewrite history, which takes lifting the triggers that forbid it."""
        moments = {"as_of": as_of, "until": until, "closing": as_of + timedelta(hours=24)}
        with self.engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL betting_ai.maintenance = 'on'"))
            for statement in statements:
                connection.execute(sa.text(statement), moments)


@pytest.fixture
def replay(engine: Engine) -> Iterator[Replay]:
    units = unit_of_work_factory(engine)
    folder = Path(tempfile.mkdtemp())
    ingest = IngestRaw(
        units, LocalObjectStore(folder), FootballDataNormaliser(), TeamResolver(seed_aliases())
    )
    asked = FeedRequest(leagues=LEAGUES, seasons=(2023, 2024))
    payloads = FolderFeed(FOOTBALL, FixedClock(RECEIVED)).fetch(asked).payloads
    assert ingest(IngestCommand(payloads)).count(REFUSED) == 0
    refresh_statistics(engine)
    registry = Registry(FolderModelStore(shipped_models()))
    yield Replay(engine, SelectTop3(units, registry, FixedClock(RECEIVED)))
    shutil.rmtree(folder)


def questions(engine: Engine) -> list[datetime]:
    """Random match-days at 08:00 UK, some Tuesdays and Fridays at 15:00 UK sharp; latest first."""
    with engine.connect() as connection:
        played = connection.scalars(
            sa.text(
                "SELECT DISTINCT day FROM events WHERE day BETWEEN :first AND :last ORDER BY 1"
            ),
            {"first": FIRST, "last": LAST},
        ).all()
    random = np.random.default_rng(2023)
    collected = [day for day in played if day.weekday() in (1, 4)]
    other = [day for day in played if day.weekday() not in (1, 4)]
    asked = [
        datetime.combine(days[i], time(hour), UK).astimezone(UTC)
        for days, hour, number in ((collected, 15, ON_A_STAMP), (other, 8, DAYS - ON_A_STAMP))
        for i in random.choice(len(days), number, replace=False)
    ]
    return sorted(asked, reverse=True)


@pytest.mark.shared
@pytest.mark.slow
def test_fifty_days_are_answered_from_what_was_known_then(replay: Replay) -> None:
    asked = questions(replay.engine)
    clean = {as_of: replay.slate(as_of) for as_of in asked}
    told = [json.loads(slate) for slate in clean.values()]
    assert len(clean) == DAYS
    assert sum(len(slate["picks"]) for slate in told) > DAYS
    assert sum(len(slate["picks"] + slate["near_misses"]) for slate in told) > 4 * DAYS

    until = RECEIVED
    for as_of in asked:  # latest first: every fact is scrambled once
        replay.change(*SCRAMBLE, as_of=as_of, until=until)
        assert replay.slate(as_of) == clean[as_of], as_of
        until = as_of


@pytest.mark.shared
@pytest.mark.slow
def test_a_price_from_the_future_is_caught(replay: Replay) -> None:
    # On mornings: at 15:00 on a Tuesday the day's own prices stand at that very second.
    mornings = [as_of for as_of in questions(replay.engine) if as_of.hour < 12]
    for as_of in mornings[::15]:
        clean = replay.slate(as_of)
        replay.change(LEAK, as_of=as_of)
        assert replay.slate(as_of) != clean, as_of
        replay.change(MEND, as_of=as_of)
        assert replay.slate(as_of) == clean, as_of
