from __future__ import annotations

import json

import numpy as np
import pytest

from betting_ai.domain.probabilities import (
    Calibration,
    accuracy,
    calibration_error,
    clip_probabilities,
    linear_pool,
    log_loss,
    log_pool,
    normalise,
    pick_price,
)
from betting_ai.errors import InvalidInputError

P = np.array([0.5, 0.3, 0.2])
Q = np.array([0.2, 0.2, 0.6])
MISSING = np.full(3, np.nan)


def test_a_source_without_a_say_changes_nothing():
    pooled = log_pool(np.log([P, MISSING, Q]), [0.5, 9.0, 0.5])
    np.testing.assert_array_equal(pooled, log_pool(np.log([P, Q]), [0.5, 0.5]))


def test_one_missing_selection_silences_the_source_in_that_row_only():
    half = np.array([np.log(Q), np.log(Q)])
    half[0, 1] = np.nan
    pooled = log_pool([[np.log(P)] * 2, half], [1, 1])
    np.testing.assert_allclose(pooled[0], P)
    assert abs(pooled[1] - P).max() > 0.1


@pytest.mark.parametrize("pool", [log_pool, linear_pool])
def test_no_say_at_all_is_no_answer(pool):
    assert np.isnan(pool([MISSING, MISSING], [1, 1])).all()
    assert np.isnan(pool([P, MISSING], [0, 1])).all()


@pytest.mark.parametrize("weights", [[1.0], [1.0, -0.1], [1.0, np.nan], [[1.0], [1.0]]])
@pytest.mark.parametrize("pool", [log_pool, linear_pool])
def test_weights_are_checked(pool, weights):
    with pytest.raises(InvalidInputError, match="weights"):
        pool([P, Q], weights)


def test_a_source_of_weight_zero_may_be_certain():
    certain = np.array([1.0, 0.0, 0.0])
    with np.errstate(divide="ignore"):
        logs = np.log([P, certain])
    np.testing.assert_allclose(log_pool(logs, [1, 0]), P)
    np.testing.assert_allclose(pick_price(P, [certain], [0.0]), P)


def test_a_member_that_did_not_answer_corrects_nothing():
    f = pick_price([P, P], [[Q, MISSING]], [0.3])
    np.testing.assert_allclose(f[1], P)
    assert f[0, 2] > P[2]


def test_no_consensus_no_pick_price():
    assert np.isnan(pick_price(MISSING, [P], [0.3])).all()


def test_normalise_and_clip():
    np.testing.assert_allclose(normalise([2.0, 1.0, 1.0]), [0.5, 0.25, 0.25])
    assert np.isnan(normalise([0.0, 0.0])).all()
    clipped = clip_probabilities([1.0, 0.0, 0.0], 0.01)
    np.testing.assert_allclose(clipped, np.array([1.0, 0.01, 0.01]) / 1.02)
    assert np.isnan(clip_probabilities(MISSING)).all()


def test_scores_take_many_events_and_pass_no_answer_on():
    p = np.array([[P, Q], [MISSING, P]])
    losses = log_loss(p, [[0, 2], [0, 1]])
    np.testing.assert_allclose(losses[0], -np.log([0.5, 0.6]))
    assert np.isnan(losses[1, 0])
    hits = accuracy(p, [[0, 2], [0, 1]])
    np.testing.assert_array_equal(hits, [[1.0, 1.0], [np.nan, 0.0]])


def test_calibration_error_leaves_rows_without_an_answer_out():
    sure = [[1.0, 0.0, 0.0]]
    assert calibration_error([*sure, MISSING], [0, 0]) == 0.0
    assert calibration_error(sure, [2]) == pytest.approx(2 / 3)
    assert np.isnan(calibration_error([MISSING], [0]))


def test_calibration_survives_json():
    calibration = Calibration((0.9, 1.1, 1.0), (0.01, -0.02, 1 / 3))
    again = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict())))
    assert again == calibration
    np.testing.assert_allclose(Calibration.identity().apply(P), P)


@pytest.mark.parametrize(
    ("scales", "biases"),
    [((), ()), ((1.0,), (0.0, 0.0)), ((0.0, 1.0), (0.0, 0.0)), ((1.0, 1.0), (0.0, np.nan))],
)
def test_calibration_is_checked(scales, biases):
    with pytest.raises(InvalidInputError):
        Calibration(scales, biases)
