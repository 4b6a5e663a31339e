from __future__ import annotations

from decimal import Decimal
from itertools import product

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from betting_ai.domain.staking import (
    Exposure,
    ProposedBet,
    StakingPolicy,
    kelly_shares,
    kelly_single,
    plan_stakes,
)

CENT = Decimal("0.01")


@st.composite
def edges(draw, most=5):
    """Probabilities and prices, with edges from -10 % to +30 %."""
    n = draw(st.integers(1, most))
    prices = np.array(draw(st.lists(st.floats(1.2, 15.0), min_size=n, max_size=n)))
    ev = np.array(draw(st.lists(st.floats(-0.1, 0.3), min_size=n, max_size=n)))
    p = (1.0 + ev) / prices
    assume((p < 0.95).all())
    return p, prices


def growth(shares, p, prices):
    """Expected log-growth, one result after the other."""
    total = 0.0
    for won in product([True, False], repeat=len(p)):
        chance = np.where(won, p, 1.0 - p).prod()
        total += chance * np.log1p(np.where(won, prices - 1.0, -1.0) @ shares)
    return total


@given(edges())
def test_no_edge_no_stake_and_every_edge_gets_one(bets):
    p, prices = bets
    shares = kelly_shares(p, prices)
    assert ((shares > 0.0) == (p * prices > 1.0)).all()
    assert shares.sum() < 1.0


@given(edges(), st.lists(st.floats(-1.0, 1.0), min_size=5, max_size=5), st.floats(1e-4, 0.05))
def test_no_neighbour_grows_faster(bets, direction, distance):
    p, prices = bets
    shares = kelly_shares(p, prices)
    neighbour = np.maximum(0.0, shares + distance * np.array(direction[: len(p)]))
    assume(neighbour.sum() < 0.999)
    assert growth(shares, p, prices) >= growth(neighbour, p, prices) - 1e-13


@given(edges())
def test_the_slope_of_growth_is_zero_at_the_optimum(bets):
    p, prices = bets
    shares = kelly_shares(p, prices)
    for i in np.flatnonzero(shares):
        slope = 0.0
        for won in product([True, False], repeat=len(p)):
            returns = np.where(won, prices - 1.0, -1.0)
            slope += np.where(won, p, 1.0 - p).prod() * returns[i] / (1.0 + returns @ shares)
        assert abs(slope) < 1e-9


@given(edges())
def test_company_never_raises_a_share(bets):
    p, prices = bets
    alone = [kelly_single(*bet) for bet in zip(p, prices, strict=True)]
    assert (kelly_shares(p, prices) <= np.array(alone) + 1e-9).all()


@given(st.floats(0.02, 0.9), st.floats(-0.1, 0.5))
def test_one_bet_is_the_closed_form(p, ev):
    price = (1.0 + ev) / p
    assume(price > 1.01)
    np.testing.assert_allclose(kelly_shares([p], [price]), kelly_single(p, price), atol=1e-9)


money = st.decimals(Decimal(0), Decimal(300), places=2)


@given(
    edges(),
    st.floats(0.0, 0.2),
    st.decimals(Decimal("0.01"), Decimal(50_000), places=2),
    money,
    money,
    st.decimals(Decimal("0.01"), Decimal(1), places=2),
)
def test_stakes_never_exceed_a_cap(bets, ev_se, bankroll, on_first, elsewhere, day):
    p, prices = bets
    proposed = [
        ProposedBet(f"e{i}", Decimal(str(round(price, 2))), float(chance * price - 1.0), ev_se)
        for i, (chance, price) in enumerate(zip(p, prices, strict=True))
    ]
    policy = StakingPolicy(per_day=day)
    exposure = Exposure(on_first + elsewhere, {"e0": on_first})
    plan = plan_stakes(proposed, bankroll, exposure, policy)
    assert plan.total <= max(Decimal(0), bankroll * day - exposure.total)
    for bet, stake in zip(proposed, plan.stakes, strict=True):
        open_on_event = on_first if bet.event_id == "e0" else Decimal(0)
        assert 0 <= stake.amount <= bankroll * policy.per_bet
        assert stake.amount <= max(Decimal(0), bankroll * policy.per_event - open_on_event)
        assert stake.amount == stake.amount.quantize(CENT)
        assert stake.amount <= bankroll * policy.fraction * Decimal(stake.kelly) + CENT / 1000
        assert (stake.reason is None) == (stake.amount > 0)
        assert bet.ev > 0 or stake.amount == 0


@given(edges(most=1), st.floats(0.001, 0.2), st.floats(0.001, 0.2))
def test_more_doubt_never_means_a_larger_stake(bets, one, other):
    (p,), (price,) = bets
    sure, unsure = (
        plan_stakes(
            [ProposedBet("e", Decimal(str(round(price, 2))), float(p * price - 1.0), se)],
            Decimal(1000),
        ).total
        for se in sorted([one, other])
    )
    assert unsure <= sure
