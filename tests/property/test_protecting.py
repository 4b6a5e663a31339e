"""Whatever is proposed and however it ends, what the limits promise holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from betting_ai.domain.markets import Outcome
from betting_ai.domain.protections import (
    Limits,
    OpenStake,
    Proposal,
    Standing,
    violations,
)

MONDAY = datetime(2025, 3, 10, tzinfo=UTC)
SHARES = st.decimals("0.01", "0.5", places=2)
STEPS = st.lists(
    st.tuples(
        st.decimals("0.01", "200", places=2),  # stake
        st.integers(0, 3),  # event
        st.integers(0, 5),  # hours until the next step
        st.sampled_from(["win", "lose", "leave"]),  # what happens to the oldest open bet
    ),
    max_size=40,
)


@given(STEPS, SHARES, SHARES, SHARES)
def test_no_day_loses_more_than_its_limit(
    steps: list[tuple[Decimal, int, int, str]], daily: Decimal, event_share: Decimal, fall: Decimal
) -> None:
    """Also when every open bet is lost; and no event ever has more at risk than it may."""
    limits = Limits(per_event=event_share, daily_loss=daily, drawdown=fall, per_day=Decimal(1),
                    per_league=Decimal(1), weekly_loss=Decimal(1), losing_streak=1000)  # fmt: skip
    now, cash, best = MONDAY, Decimal(1000), Decimal(1000)
    today = Decimal(0)
    open_: list[OpenStake] = []
    for stake, event, hours, fate in steps:
        later = now + timedelta(hours=hours)
        if later.date() != now.date():
            today = Decimal(0)
        now = later
        if open_ and fate != "leave":
            done = open_.pop(0)
            gain = done.stake if fate == "win" else -done.stake
            cash += done.stake + gain
            today += gain
            best = max(best, cash + sum(one.stake for one in open_))
        standing = Standing(now, cash, best, today, today, open=tuple(open_))
        kickoff = now + timedelta(hours=3)
        bet = Proposal(f"e{event}", "E0", kickoff, Outcome.HOME, stake, kickoff)
        if violations(limits, standing, bet):
            continue
        begun_with = standing.bankroll - today
        cash -= stake
        open_.append(OpenStake(bet.event_id, "E0", kickoff, Outcome.HOME, stake))
        at_risk = sum(one.stake for one in open_)
        assert cash >= 0
        assert at_risk - today <= begun_with * daily
        assert cash >= best * (1 - fall)
        on_event = sum(one.stake for one in open_ if one.event_id == bet.event_id)
        assert on_event <= standing.bankroll * event_share


@given(
    st.decimals("0.01", "1000", places=2),
    st.decimals("0.01", "1000", places=2),
    st.decimals("0", "1000", places=2),
)
def test_a_smaller_stake_never_meets_more(stake: Decimal, less: Decimal, at_risk: Decimal) -> None:
    kickoff = MONDAY + timedelta(hours=3)
    open_ = (OpenStake("other", "E0", kickoff, Outcome.AWAY, at_risk),)
    standing = Standing(
        MONDAY, Decimal(1000), Decimal(2000), Decimal(-20), Decimal(-90), open=open_
    )
    small, large = sorted((stake, less))
    told = [
        {one.protection for one in violations(
            Limits(), standing, Proposal("e", "E0", kickoff, Outcome.HOME, amount, kickoff)
        )}
        for amount in (small, large)
    ]  # fmt: skip
    assert told[0] <= told[1]
