"""Expected value, scores, risk and the bet-until price."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from betting_ai.domain.risk import RiskScale, risk_score, spread
from betting_ai.domain.slate import Criteria
from betting_ai.domain.value import (
    ConfidenceModel,
    EvMap,
    bet_until_price,
    composite_score,
    model_expected_value,
    risk_adjusted_return,
)

claims = st.floats(-0.5, 1.0)


@st.composite
def ev_maps(draw):
    size = draw(st.integers(1, 6))
    claimed = np.cumsum(draw(st.lists(st.floats(0.005, 0.1), min_size=size, max_size=size)))
    steps = draw(st.lists(st.floats(0.0, 0.1), min_size=size, max_size=size))
    realised = np.cumsum(steps) + draw(st.floats(-0.1, 0.02))
    errors = draw(st.lists(st.floats(0.0, 0.05), min_size=size, max_size=size))
    return EvMap(tuple(claimed.tolist()), tuple(realised.tolist()), tuple(errors))


@given(ev_maps(), claims, claims)
def test_a_bolder_claim_is_never_worth_less(ev_map, one, other):
    low, high = sorted([one, other])
    assert ev_map.expected_value(low) <= ev_map.expected_value(high) + 1e-15


@given(ev_maps(), claims)
def test_beyond_what_was_learned_nothing_grows_faster_than_the_claim(ev_map, extra):
    top = ev_map.claimed[-1]
    claim = top + abs(extra)
    value = float(ev_map.expected_value(claim))
    assert value <= max(ev_map.realised[-1], claim) + 1e-15
    if 0.0 <= ev_map.realised[-1] <= top:
        assert abs(value / claim - ev_map.realised[-1] / top) < 1e-12


@given(ev_maps())
def test_the_map_goes_through_its_knots(ev_map):
    np.testing.assert_allclose(ev_map.expected_value(ev_map.claimed), ev_map.realised, atol=1e-15)
    np.testing.assert_allclose(
        ev_map.standard_error(ev_map.claimed), ev_map.standard_errors, atol=1e-15
    )


@given(ev_maps(), claims)
def test_the_lower_bound_is_not_above_the_value(ev_map, claim):
    assert ev_map.lower_bound(claim) <= ev_map.expected_value(claim)


@given(st.floats(0.0, 100.0), st.floats(-1.0, 2.0), st.floats(-1.0, 2.0), st.floats(0.0, 0.5))
def test_the_composite_stays_in_its_range_and_rises_with_each_part(confidence, ev, rar, more):
    score = composite_score(confidence, ev, rar)
    assert 0.0 <= score <= 1.0
    assert composite_score(min(100.0, confidence + more), ev, rar) >= score
    assert composite_score(confidence, ev + more, rar) >= score
    assert composite_score(confidence, ev, rar + more) >= score


@given(
    st.floats(0.0, 1.0), st.floats(0.0, 0.5), st.floats(0.0, 0.5), st.integers(0, 20),
    st.floats(1e-4, 0.2), st.floats(1e-4, 0.2),
)  # fmt: skip
def test_risk_stays_in_its_range_and_falls_with_the_probability(f, s, d, books, s90, d90):
    scale = RiskScale(s90, d90)
    score = risk_score(f, s, d, books, scale)
    assert 0.0 <= score <= 1.0
    assert risk_score(f, s + 0.01, d, books, scale) >= score
    assert risk_score(f / 2.0, s, d, books, scale) >= score


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6), st.integers(0, 3))
def test_spread_is_the_population_deviation_of_those_that_answered(values, silent):
    got = spread([*values, *[np.nan] * silent])
    np.testing.assert_allclose(got, np.std(values), atol=1e-12)


@given(
    st.integers(102, 3000),
    st.floats(0.02, 0.9),
    ev_maps(),
    st.floats(-20.0, 60.0),
    st.sampled_from(["strict", "value"]),
)
def test_bet_until_price_meets_and_one_tick_lower_does_not(cents, f, ev_map, slope, profile):
    criteria = Criteria.of(profile)
    model = ConfidenceModel(("edge",), (0.0,), (1.0,), (slope,), 0.5)

    def meets(prices):
        claim = model_expected_value(f, prices)
        return criteria.met(model.confidence({"edge": claim}), ev_map.expected_value(claim), 0.5)

    price = Decimal(cents) / 100
    lowest = bet_until_price(price, meets)
    if lowest is None:
        assert not meets(np.array([float(price)]))[0]
        return
    assert lowest <= price
    held = [float(lowest + i * Decimal("0.01")) for i in range(int((price - lowest) * 100) + 1)]
    assert meets(np.array(held)).all()
    below = lowest - Decimal("0.01")
    assert lowest == Decimal("1.01") or not meets(np.array([float(below)]))[0]


@given(st.floats(0.05, 0.95), st.floats(1.05, 20.0))
def test_risk_adjusted_return_is_mean_over_deviation_of_the_bet(f, price):
    returns, chances = np.array([price - 1.0, -1.0]), np.array([f, 1.0 - f])
    mean = chances @ returns
    deviation = np.sqrt(chances @ (returns - mean) ** 2)
    ev = model_expected_value(f, price)
    np.testing.assert_allclose(risk_adjusted_return(ev, f, price), mean / deviation, atol=1e-12)
