"""A past that is kept changes time and never an answer, and is found only while it is the same."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from betting_ai.domain.markets import MATCH_RESULT
from betting_ai.features.facts import Facts
from betting_ai.models.registry import Registry
from betting_ai.ports.repositories import FactsQuery, Stored
from betting_ai.usecases.assess_events import Window, assess
from betting_ai.usecases.kept_pasts import KeptPasts
from small_league import ArrayFacts
from small_model import league, registry

MODEL: Registry = registry()
MATCH_DAY = datetime(2022, 9, 10, 8, tzinfo=UTC)
LONG_AGO = datetime(2022, 8, 1, tzinfo=UTC)


@dataclass
class Log:
    now: Stored

    def stored(self) -> Stored:
        return self.now


@dataclass(frozen=True)
class CountedFacts(ArrayFacts):
    """Remembers what was asked for."""

    asked: list[FactsQuery] = field(default_factory=list)

    def load(self, query: FactsQuery) -> Facts:
        self.asked.append(query)
        return super().load(query)


@dataclass
class Unit:
    facts: CountedFacts
    ingest_log: Log


def unit(mark: int = 1, received_at: datetime | None = LONG_AGO) -> Unit:
    return Unit(CountedFacts(league()), Log(Stored(mark, received_at)))


def learns(unit: Unit, pasts: KeptPasts, as_of: datetime) -> bool:
    """Whether the past of a question had to be loaded, not only its events."""
    before = len(unit.facts.asked)
    assess(unit.facts, MODEL, Window(as_of), MATCH_RESULT, pasts.within(unit))  # type: ignore[arg-type]
    return len(unit.facts.asked) > before + 1


@pytest.mark.parametrize("hours", [0, 3, 15, 24, 24 * 4, 24 * 5 + 17, 24 * 21, 24 * 60])
def test_the_answer_is_the_same_to_the_bit(hours: int) -> None:
    pasts, here = KeptPasts(), unit()
    window = Window(MATCH_DAY + timedelta(hours=hours), hours=24.0 * 15)
    for _ in range(2):
        past_of = pasts.within(here)  # type: ignore[arg-type]
        kept = assess(here.facts, MODEL, window, MATCH_RESULT, past_of)
        plain = assess(here.facts, MODEL, window)
        assert len(plain.features.matrix) > 0
        assert kept.features.matrix.tobytes() == plain.features.matrix.tobytes()
        assert np.array_equal(kept.scores.members, plain.scores.members, equal_nan=True)
        assert np.array_equal(kept.features.cutoff, plain.features.cutoff)


def test_the_events_of_one_league_alone_are_loaded_and_answered_the_same() -> None:
    pasts, here = KeptPasts(), unit()
    window = Window(MATCH_DAY, leagues=("E0",))
    plain = assess(here.facts, MODEL, window)
    kept = assess(here.facts, MODEL, window, MATCH_RESULT, pasts.within(here))  # type: ignore[arg-type]
    assert kept.features.matrix.tobytes() == plain.features.matrix.tobytes()
    assert any(asked.leagues == ("E0",) for asked in here.facts.asked)


def test_it_is_worked_out_once_a_day_and_after_every_payload() -> None:
    pasts, here = KeptPasts(), unit()
    assert learns(here, pasts, MATCH_DAY)
    assert not learns(here, pasts, MATCH_DAY + timedelta(hours=2))
    assert not learns(here, pasts, MATCH_DAY - timedelta(hours=2))
    assert learns(here, pasts, MATCH_DAY + timedelta(days=1))
    here.ingest_log.now = Stored(2, LONG_AGO)
    assert learns(here, pasts, MATCH_DAY)


def test_a_moment_before_what_is_stored_was_received_has_a_past_of_its_own() -> None:
    pasts, here = KeptPasts(), unit(received_at=MATCH_DAY + timedelta(hours=1))
    assert learns(here, pasts, MATCH_DAY + timedelta(hours=2))
    assert learns(here, pasts, MATCH_DAY)
    assert not learns(here, pasts, MATCH_DAY)
    assert learns(here, pasts, MATCH_DAY - timedelta(minutes=1))


def test_few_are_kept() -> None:
    pasts, here = replace(KeptPasts(), most=2), unit()
    days = [MATCH_DAY + timedelta(days=n) for n in range(3)]
    assert [learns(here, pasts, day) for day in days] == [True, True, True]
    assert [learns(here, pasts, day) for day in (days[2], days[1], days[0])] == [False, False, True]


def test_a_past_that_could_not_be_learnt_is_asked_for_again() -> None:
    @dataclass(frozen=True)
    class Failing(CountedFacts):
        def load(self, query: FactsQuery) -> Facts:
            if query.kickoff_before == query.as_of:
                raise OSError("gone")
            return super().load(query)

    pasts, here = KeptPasts(), unit()
    broken = Unit(Failing(league()), here.ingest_log)
    with pytest.raises(OSError, match="gone"):
        learns(broken, pasts, MATCH_DAY)
    assert not pasts._busy
    assert learns(here, pasts, MATCH_DAY)
