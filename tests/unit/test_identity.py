"""One match is one event, on either side of midnight; either of two is none."""

from __future__ import annotations

import numpy as np
import pytest

from betting_ai.domain.events import event_id
from betting_ai.features.facts import Facts
from betting_ai.ports.repositories import Meeting
from betting_ai.usecases.identity import Identified, identify
from small_league import AT_CLOSE, HOUR, Match, Quote, days, facts_of, kickoff

SATURDAY = Match("2025-03-15", "Leeds", "Hull", league="E1", quotes=(Quote("WH", HOUR, (2, 3, 4)),))
FACTS = facts_of(SATURDAY)
START = kickoff(SATURDAY)


def known(
    *planned: str, league: str = "E1", away: str = "ENG:Hull", hour: int = 15
) -> list[Meeting]:
    return [
        Meeting(league, "ENG:Leeds", away, days(day), days(day) * 24 * HOUR + hour * HOUR)
        for day in planned
    ]


def found(*planned: str, due: int = 0, facts: Facts = FACTS) -> Identified:
    return identify(facts, known(*planned), due)


def test_what_nobody_told_before_stays_as_it_is() -> None:
    for others in ([], known("2025-03-14", away="ENG:Derby"), known("2025-03-14", league="E0")):
        same = identify(FACTS, others, 0)
        assert (same.moved, same.ambiguous) == (0, 0)
        assert same.facts.equals(FACTS)


@pytest.mark.parametrize("day", ["2025-03-14", "2025-03-16"])
def test_the_day_before_and_after_mean_the_same_match(day: str) -> None:
    same = found(day)
    assert (same.moved, same.ambiguous) == (1, 0)
    assert same.facts.day.tolist() == [days(day)]
    assert same.facts.event_id.tolist() == [event_id(f"e1-{day}-leeds-hull")]
    assert same.facts.kickoff.tolist() == [START]  # what is told now
    assert same.facts.quotes == 1


@pytest.mark.parametrize("day", ["2025-03-13", "2025-03-17"])
def test_two_days_apart_is_another_match(day: str) -> None:
    assert found(day).facts.equals(FACTS)


def test_the_day_itself_comes_first() -> None:
    same = found("2025-03-14", "2025-03-15", "2025-03-16")
    assert (same.moved, same.ambiguous, len(same.facts)) == (0, 0, 1)


def test_either_of_two_is_none() -> None:
    same = found("2025-03-14", "2025-03-16")
    assert (same.moved, same.ambiguous, len(same.facts), same.facts.quotes) == (0, 1, 0, 0)


def test_two_of_a_payload_do_not_become_one() -> None:
    sunday = Match("2025-03-16", "Leeds", "Hull", league="E1")
    same = found("2025-03-15", facts=facts_of(SATURDAY, sunday))
    assert (same.moved, same.ambiguous, len(same.facts)) == (0, 1, 1)
    assert same.facts.day.tolist() == [days("2025-03-15")]


def test_a_match_that_is_due_keeps_its_planned_kickoff_and_its_close() -> None:
    late = facts_of(
        Match(
            "2025-03-15", "Leeds", "Hull", league="E1", hour=15.25,
            quotes=(Quote("WH", HOUR, (2, 3, 4)), Quote("WH", AT_CLOSE, (2, 3, 4))),
        )
    )  # fmt: skip
    same = found("2025-03-15", due=START, facts=late)
    assert same.facts.kickoff.tolist() == [START]
    assert (same.facts.quoted_at == START).tolist() == [False, True]
    assert np.array_equal(
        found("2025-03-15", due=START - 1, facts=late).facts.kickoff, late.kickoff
    )
