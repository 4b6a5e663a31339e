from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from betting_ai.domain.probabilities import (
    Calibration,
    accuracy,
    brier,
    calibration_error,
    cross_entropy,
    linear_pool,
    log_loss,
    log_pool,
    pick_price,
    rps,
)


def rows(n=3):
    """A row of probabilities that sums to one."""
    shares = st.lists(st.floats(0.01, 1.0), min_size=n, max_size=n)
    return shares.map(lambda values: np.array(values) / sum(values))


weights = st.lists(st.floats(0.01, 5.0), min_size=3, max_size=3)


@given(rows(), weights)
def test_pooling_one_opinion_with_itself_changes_nothing(p, w):
    np.testing.assert_allclose(log_pool(np.log([p] * 3), w), p, atol=1e-14)
    np.testing.assert_allclose(linear_pool([p] * 3, w), p, atol=1e-14)
    np.testing.assert_allclose(pick_price(p, [p] * 3, w), p, atol=1e-14)


@given(st.lists(rows(), min_size=3, max_size=3), weights, st.floats(0.1, 10.0))
def test_pools_sum_to_one_and_only_the_ratio_of_weights_counts(stack, w, factor):
    for pool, data in ((log_pool, np.log(stack)), (linear_pool, stack)):
        pooled = pool(data, w)
        assert abs(pooled.sum() - 1.0) <= 1e-15
        np.testing.assert_allclose(pool(data, np.array(w) * factor), pooled, atol=1e-13)


@given(st.lists(rows(), min_size=3, max_size=3), weights)
def test_a_linear_pool_lies_between_its_sources(stack, w):
    pooled = linear_pool(stack, w)
    assert (pooled >= np.min(stack, axis=0) - 1e-15).all()
    assert (pooled <= np.max(stack, axis=0) + 1e-15).all()


@given(rows(), rows(), st.floats(0.0, 1.0))
def test_a_pick_price_with_one_member_is_a_log_pool(q, p, w):
    f = pick_price(q, [p], [w])
    np.testing.assert_allclose(f, log_pool(np.log([q, p]), [1.0 - w, w]), atol=1e-13)


@given(rows(), rows(), st.floats(0.05, 1.0))
def test_a_pick_price_moves_odds_between_selections_towards_the_member(q, p, w):
    f = pick_price(q, [p], [w])
    asked = np.log(p[0] / p[1]) - np.log(q[0] / q[1])
    moved = np.log(f[0] / f[1]) - np.log(q[0] / q[1])
    np.testing.assert_allclose(moved, w * asked, atol=1e-10)


@given(st.lists(rows(), min_size=3, max_size=3), weights, st.integers(1, 40))
def test_a_row_has_the_same_bits_alone_and_in_any_array(stack, w, count):
    many = np.repeat(np.array(stack)[:, None, :], count, axis=1)
    assert log_pool(np.log(many), w)[-1].tobytes() == log_pool(np.log(stack), w).tobytes()
    assert linear_pool(many, w)[-1].tobytes() == linear_pool(stack, w).tobytes()
    alone = pick_price(stack[0], stack[1:], w[1:])
    assert pick_price(many[0], many[1:], w[1:])[-1].tobytes() == alone.tobytes()


@given(rows(), st.floats(0.2, 5.0))
def test_calibration_by_temperature_keeps_the_ranking(p, temperature):
    calibrated = Calibration.temperature(temperature).apply(p)
    assert abs(calibrated.sum() - 1.0) <= 1e-15
    assert (np.diff(calibrated[np.argsort(p)]) >= -1e-15).all()


@given(rows(), rows())
def test_honesty_is_the_best_forecast(truth, other):
    outcomes = np.arange(3)
    for score in (log_loss, rps, brier):
        honest = truth @ score(np.tile(truth, (3, 1)), outcomes)
        assert honest <= truth @ score(np.tile(other, (3, 1)), outcomes) + 1e-12
    assert cross_entropy(truth, truth) <= cross_entropy(truth, other) + 1e-12


@given(rows(), st.integers(0, 2))
def test_scores_keep_their_bounds(p, outcome):
    assert log_loss(p, outcome) >= 0.0
    assert 0.0 <= rps(p, outcome) <= 1.0
    assert 0.0 <= brier(p, outcome) <= 2.0
    assert float(accuracy(p, outcome)) in {0.0, 1.0}
    assert 0.0 <= calibration_error(p, outcome) <= 1.0
    assert cross_entropy(np.eye(3)[outcome], p) == log_loss(p, outcome)
