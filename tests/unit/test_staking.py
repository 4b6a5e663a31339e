from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from betting_ai.domain.slate import Reason
from betting_ai.domain.staking import (
    Exposure,
    ProposedBet,
    StakingPolicy,
    kelly_shares,
    kelly_single,
    plan_stakes,
    shrinkage,
)
from betting_ai.errors import InvalidInputError

BANKROLL = Decimal(1000)


def bet(event="a", price="2.00", ev=0.10, ev_se=0.0, minimum="0.01"):
    return ProposedBet(event, Decimal(price), ev, ev_se, Decimal(minimum))


def amounts(plan):
    return [str(stake.amount) for stake in plan.stakes]


def test_full_kelly_is_cut_to_a_quarter_and_to_the_cap_per_bet():
    # K = 0.10: a quarter is 25.00; K = 0.40: a quarter is 100.00, the cap 50.00
    assert amounts(plan_stakes([bet()], BANKROLL)) == ["25.00"]
    assert amounts(plan_stakes([bet(ev=0.40)], BANKROLL)) == ["50.00"]


def test_open_bets_use_up_the_caps():
    on_event = Exposure(Decimal(30), {"a": Decimal(30)})
    assert amounts(plan_stakes([bet(ev=0.40)], BANKROLL, on_event)) == ["20.00"]
    elsewhere = Exposure(Decimal(90), {"b": Decimal(90)})
    assert amounts(plan_stakes([bet()], BANKROLL, elsewhere)) == ["10.00"]


def test_the_cap_per_day_scales_all_bets_alike():
    bets = [bet("a", ev=0.40), bet("b", ev=0.40), bet("c", ev=0.08)]
    free = plan_stakes(bets, BANKROLL, policy=StakingPolicy(per_day=Decimal(1)))
    capped = plan_stakes(bets, BANKROLL)
    assert free.total > 100
    assert Decimal("99.97") <= capped.total <= 100
    ratio = 100 / free.total
    for stake, before in zip(capped.stakes, free.stakes, strict=True):
        assert abs(stake.amount - before.amount * ratio) <= Decimal("0.02")


def test_a_full_day_leaves_nothing():
    plan = plan_stakes([bet()], BANKROLL, Exposure(Decimal(150), {}))
    assert amounts(plan) == ["0.00"]
    assert plan.stakes[0].reason == Reason.EXPOSURE_CAP


def test_below_the_books_minimum_is_no_bet():
    # wanted 25.00
    assert plan_stakes([bet(minimum="25.00")], BANKROLL).stakes[0].reason is None
    small = plan_stakes([bet(minimum="25.01")], BANKROLL).stakes[0]
    assert (small.amount, small.reason) == (Decimal("0.00"), Reason.BELOW_MINIMUM_STAKE)


def test_no_edge_no_stake():
    for ev in (0.0, -0.02):
        stake = plan_stakes([bet(ev=ev)], BANKROLL).stakes[0]
        assert (stake.amount, stake.reason) == (Decimal("0.00"), Reason.LOW_EXPECTED_VALUE)


def test_cents_are_rounded_down():
    # K = 0.10, a quarter of 333.33: 8.33325
    assert amounts(plan_stakes([bet()], Decimal("333.33"))) == ["8.33"]


def test_no_bets_no_stakes():
    plan = plan_stakes([], BANKROLL)
    assert (plan.stakes, plan.total) == ((), Decimal(0))


@pytest.mark.parametrize("bankroll", ["0", "-5", "NaN", "Infinity"])
def test_a_bankroll_is_above_zero(bankroll):
    with pytest.raises(InvalidInputError, match="bankroll"):
        plan_stakes([bet()], Decimal(bankroll))


def test_two_bets_on_one_event_are_refused():
    with pytest.raises(InvalidInputError, match="one event"):
        plan_stakes([bet("a"), bet("a")], BANKROLL)


@pytest.mark.parametrize("share", ["0", "-0.1", "1.1"])
def test_policies_are_checked(share):
    with pytest.raises(InvalidInputError):
        StakingPolicy(per_day=Decimal(share))


@pytest.mark.parametrize(
    ("p", "o"),
    [
        ([0.5] * 11, [2.1] * 11),
        ([0.5], [2.1, 2.1]),
        ([1.0], [2.0]),
        ([np.nan], [2.0]),
        ([0.5], [1.0]),
        ([0.5], [np.inf]),
    ],
)
def test_kelly_is_checked(p, o):
    with pytest.raises(InvalidInputError):
        kelly_shares(p, o)


def test_tiny_edges_and_near_certain_winners_are_solved():
    tiny = kelly_shares([0.5 * (1 + 1e-7)] * 2, [2.0] * 2)
    np.testing.assert_allclose(tiny, kelly_single(0.5 * (1 + 1e-7), 2.0), rtol=1e-3)
    bold = kelly_shares([0.999] * 8, [1.5] * 8)
    assert bold.min() > 0.0
    assert bold.sum() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(bold, bold[0], rtol=1e-6)


def test_doubt_shrinks():
    np.testing.assert_allclose(
        shrinkage([0.1, 0.1, 0.1, 0.0], [0.0, 0.1, 0.2, 0.0]), [1, 0.5, 0.2, 0]
    )
