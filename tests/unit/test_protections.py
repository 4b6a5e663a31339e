"""Every protection alone: what it stops, and the last thing that it lets through."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from betting_ai.domain.markets import Outcome
from betting_ai.domain.protections import (
    PROTECTIONS,
    Limits,
    OpenStake,
    Proposal,
    Standing,
    violations,
)
from betting_ai.errors import InvalidInputError

NOW = datetime(2025, 3, 15, 8, tzinfo=UTC)
LATER = NOW + timedelta(hours=7)
HOUR = timedelta(hours=1)
FREE = Standing(now=NOW, cash=Decimal(1000), best=Decimal(1000))
BET = Proposal("e0-a", "E0", LATER, Outcome.HOME, Decimal(50), LATER)


def open_(stake: int, event: str = "e0-b", league: str = "E0", **changes: Any) -> OpenStake:
    one = OpenStake(event, league, LATER, Outcome.HOME, Decimal(stake))
    return replace(one, **changes)


def stopped(standing: Standing = FREE, bet: Proposal = BET, **limits: Any) -> list[str]:
    return [one.protection for one in violations(Limits(**limits), standing, bet)]


def with_(**changes: Any) -> Standing:
    return replace(FREE, **changes)


def test_a_sound_bet_meets_nothing() -> None:
    assert stopped() == []


@pytest.mark.parametrize(
    ("name", "stops", "lets_through"),
    [
        ("kill_switch", with_(killed=True), with_(killed=False)),
        ("self_exclusion", with_(excluded_until=NOW + HOUR), with_(excluded_until=NOW)),
        ("cool_off", with_(cooling_off_until=NOW + HOUR), with_(cooling_off_until=NOW)),
        (
            "losing_streak",
            with_(losses_in_a_row=12, last_loss_at=NOW - 23 * HOUR),
            with_(losses_in_a_row=12, last_loss_at=NOW - 24 * HOUR),
        ),
        (
            "losing_streak",
            with_(losses_in_a_row=12, last_loss_at=NOW),
            with_(losses_in_a_row=11, last_loss_at=NOW),
        ),
        (
            "one_selection_per_event",
            with_(open=(open_(0, "e0-a", outcome=Outcome.DRAW),)),
            with_(open=(open_(0, "e0-a"),)),
        ),
        ("funds", with_(cash=Decimal("49.99"), best=Decimal(50)), FREE),
        (
            "event_exposure",
            with_(cash=Decimal(999), open=(open_(1, "e0-a"),)),
            with_(cash=Decimal(999), open=(open_(1),)),
        ),
        (
            "league_exposure",
            with_(cash=Decimal(949), open=(open_(51, kickoff=LATER + 24 * HOUR),)),
            with_(cash=Decimal(950), open=(open_(50, kickoff=LATER + 24 * HOUR),)),
        ),
        (
            "day_exposure",
            with_(cash=Decimal(949), open=(open_(51, league="D1"),)),
            with_(cash=Decimal(950), open=(open_(50, league="D1"),)),
        ),
        ("daily_loss", with_(profit_today=Decimal(-56)), with_(profit_today=Decimal(-55))),
        (
            "weekly_loss",
            with_(profit_this_week=Decimal(-188)),
            with_(profit_this_week=Decimal(-187)),
        ),
        ("drawdown", with_(best=Decimal(1358)), with_(best=Decimal(1357))),
    ],
)
def test_each_stops_what_it_should_and_no_more(
    name: str, stops: Standing, lets_through: Standing
) -> None:
    assert name in stopped(stops)
    assert name not in stopped(lets_through)


def test_stale_prices_and_begun_events_are_not_bet_on() -> None:
    assert stopped(bet=replace(BET, price_expires_at=NOW)) == []
    assert stopped(bet=replace(BET, price_expires_at=NOW - HOUR)) == ["stale_data"]
    assert stopped(bet=replace(BET, kickoff=NOW)) == ["stale_data"]


def test_limits_are_settings_and_every_rule_has_a_name_of_its_own() -> None:
    assert "event_exposure" in stopped(per_event=Decimal("0.04"))
    assert len({rule.name for rule in PROTECTIONS}) == len(PROTECTIONS) == 13


def test_every_violation_is_told_in_one_line() -> None:
    worst = with_(
        killed=True, excluded_until=LATER, cooling_off_until=LATER, losses_in_a_row=99,
        last_loss_at=NOW, cash=Decimal(1), profit_today=Decimal(-999),
        profit_this_week=Decimal(-999),
        open=(open_(900, "e0-a", outcome=Outcome.DRAW),),
    )  # fmt: skip
    found = violations(Limits(), worst, replace(BET, kickoff=NOW))
    assert len(found) == len(PROTECTIONS)
    assert all("\n" not in one.detail and one.detail for one in found)


@pytest.mark.parametrize(
    "told",
    [
        {"per_event": 0},
        {"per_event": "x"},
        {"drawdown": 1.5},
        {"losing_streak": 0},
        {"nonsense": 1},
    ],
)
def test_limits_that_cannot_be_are_refused(told: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        Limits.from_dict(told)


def test_limits_come_back_as_they_were_kept() -> None:
    limits = Limits(daily_loss=Decimal("0.04"), losing_streak=5)
    assert Limits.from_dict(limits.to_dict()) == limits
    assert Limits.from_dict({}) == Limits()
