"""The shared linear move: exact sums, the same bits in any order, nothing without closes."""

from __future__ import annotations

import numpy as np
import pytest

from betting_ai.domain.markets import MATCH_RESULT, OVER_UNDER
from betting_ai.domain.probabilities import cross_entropy, normalise
from betting_ai.domain.settlement import winners
from betting_ai.errors import InvalidInputError
from betting_ai.features.spec import FeatureSpec, consensus_columns
from betting_ai.training.dataset import FIRST_CLOSES, Dataset, assemble, whole_history
from betting_ai.training.linear import RIDGE, LinearMove, _inputs, _with_constant, solve_positive
from small_league import closes_of_totals, seasons_of

SPEC = FeatureSpec()


@pytest.fixture(scope="module")
def data() -> Dataset:
    facts = seasons_of(teams=12)
    return assemble(facts, whole_history(facts, SPEC), SPEC, FIRST_CLOSES)


def test_the_solution_is_that_of_the_normal_equations() -> None:
    random = np.random.default_rng(3)
    a = random.normal(size=(50, 12))
    matrix, right = a.T @ a + np.eye(12), random.normal(size=(12, 3))
    assert solve_positive(matrix, right) == pytest.approx(np.linalg.solve(matrix, right), abs=1e-12)


def test_sums_are_exact_so_that_order_does_not_matter(data: Dataset) -> None:
    rows = np.arange(len(data))
    linear = LinearMove.fit(data, rows)
    z = _with_constant(linear.standardiser.apply(_inputs(data.matrix, MATCH_RESULT)))
    assert np.array_equal(z.T @ z, z[::-1].T @ z[::-1])
    assert np.array_equal(linear.move(data.matrix), linear.move(data.matrix[::-1])[::-1])
    alone = np.concatenate([linear.move(row[None]) for row in data.matrix[:50]])
    assert np.array_equal(alone, linear.move(data.matrix[:50]))


def test_it_is_the_ridge_regression_of_the_move(data: Dataset) -> None:
    rows = np.flatnonzero(data.soft)
    linear = LinearMove.fit(data, np.arange(len(data)))
    z = _with_constant(linear.standardiser.apply(_inputs(data.matrix[rows], MATCH_RESULT)))
    move = np.log(data.close[rows]) - np.log(data.consensus[rows])
    move -= move.mean(axis=1, keepdims=True)
    by_hand = np.linalg.solve(z.T @ z + RIDGE * np.eye(z.shape[1]), z.T @ move)
    assert linear.weights == pytest.approx(by_hand, abs=1e-6)
    moved = normalise(np.exp(linear.start(data.matrix[rows])))
    close = data.close[rows]
    assert cross_entropy(close, moved).mean() < cross_entropy(close, data.consensus[rows]).mean()


def test_without_a_close_there_is_no_move(data: Dataset) -> None:
    linear = LinearMove.fit(data.labelled_by_results(), np.arange(len(data)))
    assert not linear.move(data.matrix).any()
    log_q = data.matrix[:, consensus_columns(MATCH_RESULT)]
    assert np.array_equal(linear.start(data.matrix), log_q.astype(np.float64))


def test_totals_have_a_move_of_their_own() -> None:
    facts = closes_of_totals(seasons_of())
    data = assemble(facts, whole_history(facts, SPEC), SPEC, FIRST_CLOSES, OVER_UNDER)
    linear = LinearMove.fit(data, np.arange(len(data)))
    assert linear.start(data.matrix).shape == (len(data), 2)
    goals = facts.stats[data.rows, :2].sum(axis=1)
    assert np.array_equal(data.outcome, np.where(goals > 2.5, 0, 1))


def test_scores_decide_results_and_totals() -> None:
    home, away = [2, 1, 0, 3], [1, 1, 2, 0]
    assert winners(MATCH_RESULT, home, away).tolist() == [0, 1, 2, 0]
    assert winners(OVER_UNDER, home, away).tolist() == [0, 1, 1, 0]
    whole = type(OVER_UNDER)("over_under_2", OVER_UNDER.kind, 2.0, OVER_UNDER.outcomes)
    with pytest.raises(InvalidInputError, match="without a winner"):
        winners(whole, home, away)
