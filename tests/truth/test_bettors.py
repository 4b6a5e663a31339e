"""The Bayes-optimal bettors: their posteriors are calibrated, and are what integration gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from betting_ai.adapters.feeds.simulated import Simulation, handicap, over_under, results, simulate
from betting_ai.domain.markets import MATCH_RESULT
from betting_ai.features.facts import Facts, Floats
from betting_ai.features.market import closing_consensus
from truth.bettors import (
    Belief,
    Views,
    informed,
    inverted,
    learned_strengths,
    told_nothing,
    told_strengths,
)

SIMULATION = Simulation(leagues=("E0", "D1", "SP1", "I1"), seasons=(2018, 2019, 2020, 2021, 2022))
SIMULATED = simulate(SIMULATION)
TRUTH = SIMULATED.truth


@pytest.fixture(scope="module")
def facts() -> Facts:
    return SIMULATED.facts()


@pytest.fixture(scope="module")
def true(facts: Facts) -> Floats:
    return TRUTH.probabilities(facts.event_id, MATCH_RESULT)


PRIORS = {
    "nothing": lambda facts: told_nothing(SIMULATION, len(facts)),
    "learned": lambda facts: learned_strengths(facts, TRUTH),
    "told": lambda facts: told_strengths(facts, TRUTH),
}


@pytest.mark.parametrize("name", PRIORS)
def test_posteriors_are_as_wide_as_their_errors(name: str, facts: Facts) -> None:
    prior = PRIORS[name](facts)
    posterior = informed(prior, Views.of(facts, SIMULATION), SIMULATION)
    log_rates = TRUTH.log_rates[TRUTH.rows(facts.event_id)]
    # Eighty teams are too few to show how wide strengths are spread; their matches are not.
    for belief in (posterior,) if name == "nothing" else (prior, posterior):
        root = np.linalg.cholesky(belief.covariance)
        z = np.linalg.solve(root, (log_rates - belief.mean)[:, :, None])[:, :, 0]
        assert z.mean(axis=0) == pytest.approx(np.zeros(2), abs=0.08)
        assert np.cov(z.T) == pytest.approx(np.eye(2), abs=0.08)


@pytest.mark.parametrize("name", PRIORS)
def test_mean_probabilities_match_mean_truths_in_bins(
    name: str, facts: Facts, true: Floats
) -> None:
    posterior = informed(PRIORS[name](facts), Views.of(facts, SIMULATION), SIMULATION)
    expected = posterior.results()
    assert expected.sum(axis=1) == pytest.approx(np.ones(len(facts)))
    for k in range(3):
        for its in np.array_split(np.argsort(expected[:, k]), 8):
            gap = (expected - true)[its, k]
            assert abs(gap.mean()) < 4.0 * gap.std() / np.sqrt(len(its))


def test_whoever_knows_more_is_nearer_to_the_truth(facts: Facts, true: Floats) -> None:
    views = Views.of(facts, SIMULATION)
    distance = [
        float((true * np.log(true / informed(prior(facts), views, SIMULATION).results())).sum())
        for prior in PRIORS.values()
    ]
    assert distance[0] > distance[1] > distance[2]


def test_the_posterior_is_that_of_integration(facts: Facts) -> None:
    """Over a fine grid of what the books may have seen; the rest is exact."""
    rows = np.arange(0, len(facts), len(facts) // 12)
    views, prior = Views.of(facts, SIMULATION), learned_strengths(facts, TRUTH)
    found = informed(prior, views, SIMULATION).results()
    shared = SIMULATION.misjudged**2 * np.eye(2)
    side = np.linspace(-0.12, 0.12, 49)
    steps = np.array([(i, k) for i in side for k in side])
    for row in rows.tolist():
        mean, covariance = prior.mean[row], prior.covariance[row]
        middle = inverted(results_of(views, row))[0]
        grid = middle + steps
        line = np.full(len(grid), views.line[row])
        fair = results(grid)
        pairs = [over_under(grid), handicap(grid, line)]
        seen = np.column_stack([
            np.log(fair[:, 0] / fair[:, 1]),
            np.log(fair[:, 2] / fair[:, 1]),
            *(np.log(p[:, 0] / p[:, 1]) for p in pairs),
        ])  # fmt: skip
        weight = np.exp(
            -0.5 * distance(grid - mean, covariance + shared)
            - 0.5 * distance(seen - views.seen[row], views.covariance[row])
        )
        gain = covariance @ np.linalg.inv(covariance + shared)
        inner = Belief(
            mean + (grid - mean) @ gain.T,
            np.broadcast_to(covariance - gain @ covariance, (len(grid), 2, 2)),
        )
        exact = weight @ inner.results() / weight.sum()
        assert found[row] == pytest.approx(exact, abs=2e-4)


def results_of(views: Views, row: int) -> Floats:
    home, away = views.seen[row, :2]
    p = np.exp([[home, 0.0, away]])
    return p / p.sum()


def distance(gap: Floats, covariance: Floats) -> Floats:
    return np.einsum("ni,ij,nj->n", gap, np.linalg.inv(covariance), gap)


def test_rates_are_found_again_from_probabilities() -> None:
    random = np.random.default_rng(3)
    log_rates = np.log([1.45, 1.15]) + 0.35 * random.normal(size=(500, 2))
    assert inverted(results(log_rates)) == pytest.approx(log_rates, abs=1e-9)


def test_nobody_learns_of_a_match_from_itself_or_later_ones(facts: Facts) -> None:
    before = learned_strengths(facts, TRUTH)
    late = facts.season == 2022
    earlier = facts.where(~late)
    alone = learned_strengths(earlier, TRUTH)
    assert np.array_equal(alone.mean, before.mean[~late])
    assert (closing_consensus(facts)[late, 0] > 0.0).all()


def test_a_missing_book_widens_the_posterior(facts: Facts) -> None:
    silent = replace(SIMULATION, books=SIMULATION.books[:2])
    prior = told_nothing(SIMULATION, len(facts))
    few = informed(prior, Views.of(facts, silent), SIMULATION)
    many = informed(prior, Views.of(facts, SIMULATION), SIMULATION)
    assert (np.linalg.det(few.covariance) > np.linalg.det(many.covariance)).all()
