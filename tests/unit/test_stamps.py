"""When prices stood and results were known."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from betting_ai.adapters.feeds.football_data.stamps import Stamps, stamps
from betting_ai.adapters.feeds.football_data.table import NO_VALUE, days_since_epoch


def at(day: str, clock: str | None, seen_at: datetime | None = None) -> Stamps:
    hours, minutes = map(int, clock.split(":")) if clock else (0, 0)
    seconds = hours * 3600 + minutes * 60 if clock else NO_VALUE
    return stamps(
        np.array([days_since_epoch(date.fromisoformat(day))]), np.array([seconds]), seen_at
    )


def utc(seconds: np.ndarray) -> str:
    return datetime.fromtimestamp(int(seconds[0]), UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("day", "clock", "quoted"),
    [
        ("2024-01-06", "12:30", "2024-01-05 15:00"),  # Saturday: Friday
        ("2024-01-07", "16:30", "2024-01-05 15:00"),  # Sunday: Friday
        ("2024-01-08", "20:00", "2024-01-05 15:00"),  # Monday: Friday
        ("2024-01-08", "00:15", "2024-01-05 15:00"),
        ("2024-01-09", "19:45", "2024-01-09 15:00"),  # Tuesday evening: that afternoon
        ("2024-01-09", "15:01", "2024-01-09 15:00"),
        ("2024-01-09", "15:00", "2024-01-09 14:00"),  # Tuesday at or before three: an hour before
        ("2024-01-09", "12:00", "2024-01-09 11:00"),
        ("2024-01-09", "00:30", "2024-01-08 23:30"),
        ("2024-01-10", "19:45", "2024-01-09 15:00"),  # Wednesday: Tuesday
        ("2024-01-11", "17:45", "2024-01-09 15:00"),  # Thursday: Tuesday
        ("2024-01-12", "20:00", "2024-01-12 15:00"),  # Friday evening: that afternoon
        ("2024-01-12", "15:00", "2024-01-12 14:00"),
        ("2024-01-12", "13:00", "2024-01-12 12:00"),
        ("2024-07-06", "12:30", "2024-07-05 14:00"),  # summer time
        ("2024-03-31", "14:00", "2024-03-29 15:00"),  # collected in winter time, played in summer
        ("2024-10-27", "14:00", "2024-10-25 14:00"),  # and the other way
    ],
)
def test_pre_match_prices(day: str, clock: str, quoted: str) -> None:
    found = at(day, clock)
    assert utc(found.quoted) == quoted
    assert found.quoted[0] < found.kickoff[0]


@pytest.mark.parametrize(
    ("day", "kickoff", "over"),
    [
        ("2024-01-06", "2024-01-06 15:00", "2024-01-06 23:59"),  # weekend
        ("2024-01-07", "2024-01-07 15:00", "2024-01-07 23:59"),
        ("2024-01-10", "2024-01-10 19:45", "2024-01-10 23:59"),  # weekday
        ("2024-08-10", "2024-08-10 14:00", "2024-08-10 22:59"),  # summer time
    ],
)
def test_without_a_time_the_usual_one_is_assumed(day: str, kickoff: str, over: str) -> None:
    found = at(day, None)
    assert found.time_assumed.all()
    assert (utc(found.kickoff), utc(found.over)) == (kickoff, over)


def test_a_result_is_known_two_and_a_quarter_hours_after_kickoff() -> None:
    found = at("2024-04-20", "20:00")
    assert (utc(found.kickoff), utc(found.over)) == ("2024-04-20 19:00", "2024-04-20 21:15")
    assert not found.time_assumed.any()


def test_no_price_stood_after_the_file_was_taken() -> None:
    thursday = datetime(2024, 1, 4, 9, tzinfo=UTC)
    assert utc(at("2024-01-06", "15:00", thursday).quoted) == "2024-01-04 09:00"
    sunday = datetime(2024, 1, 7, 9, tzinfo=UTC)
    assert utc(at("2024-01-06", "15:00", sunday).quoted) == "2024-01-05 15:00"


def test_every_minute_of_two_years_is_quoted_before_kickoff_within_three_days() -> None:
    days = np.repeat(np.arange(19_700, 20_430), 24)
    clocks = np.tile(np.arange(24) * 3600, 730)
    found = stamps(days, clocks)
    lead = found.kickoff - found.quoted
    assert (lead > 0).all()
    assert lead.max() <= 4 * 86_400 + 3600
