"""Bettors who know how the simulated league is made: the best that can be done with its quotes.

A match's true log rates ``x`` are Gaussian given the past. All books see ``u = x + d`` together;
each quotes ``u`` in log-ratios of probability with its own habits and noise. Weighing the books by
precision leaves four numbers a match that say all there is: two log-ratios of the result, one of
the totals, one of the handicap. They and the past give a Gaussian posterior of ``u`` and so of
``x`` (Gauss-Newton; the map from rates to log-ratios is all but straight over the posterior), and
the probabilities are its mean by quadrature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from betting_ai.adapters.feeds.simulated import (
    Simulation,
    Truth,
    handicap,
    over_under,
    results,
)
from betting_ai.domain.markets import MATCH_RESULT, Market
from betting_ai.features.facts import Bools, Facts, Floats, Ints
from betting_ai.features.market import closing_consensus

_STEP: Final = 1e-4
_ITERATIONS: Final = 5
_UNKNOWN: Final = 1e6  # variance of what nobody quoted
_PAIR: Final = np.array([[2.0, 1.0], [1.0, 2.0]])
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)


@dataclass(frozen=True, eq=False)
class Belief:
    """A Gaussian over the log rates of ``n`` matches: (n, 2) means, (n, 2, 2) covariances."""

    mean: Floats
    covariance: Floats

    def where(self, keep: Bools) -> Belief:
        """Of the matches of a mask."""
        return Belief(self.mean[keep], self.covariance[keep])

    def results(self) -> Floats:
        """(n, 3) expected probabilities of home, draw and away."""
        root = np.linalg.cholesky(self.covariance)
        total = np.zeros((len(self.mean), 3))
        for i, w_i in zip(_NODES, _WEIGHTS, strict=True):
            for k, w_k in zip(_NODES, _WEIGHTS, strict=True):
                total += w_i * w_k * results(self.mean + root @ np.array([i, k]))
        expected: Floats = total / _WEIGHTS.sum() ** 2
        return expected


@dataclass(frozen=True, eq=False)
class Views:
    """What the books' quotes before kick-off say of ``n`` matches, habits taken off.

    Attributes:
        line: (n,) of the handicap.
        seen: (n, 4) log-ratios: home and away to draw, over to under, home to away with handicap.
        covariance: (n, 4, 4) of their error.
    """

    line: Floats
    seen: Floats
    covariance: Floats

    @classmethod
    def of(cls, facts: Facts, simulation: Simulation) -> Views:
        """Weigh the books of the facts by precision."""
        count = len(facts)
        early = facts.quoted_at < facts.kickoff[facts.quote_event]
        line = np.full(count, 0.5)
        weight, seen = np.zeros((count, 3)), np.zeros((count, 4))
        for book in simulation.books:
            if book.code not in facts.books:
                continue
            its = early & (facts.quote_book == facts.books.index(book.code))
            precision = book.noise**-2.0
            for number, market in enumerate(Market):
                rows = np.flatnonzero(its & (facts.quote_market == market))
                event = facts.quote_event[rows]
                if market is Market.MATCH_RESULT:
                    ratio = _to_draw(facts.fair(rows)) - np.array([book.lean, -book.lean])
                    share = 1.0 - book.flatness
                    weight[event, number] += share**2 * precision
                    seen[event, :2] += share * precision * ratio
                else:
                    fair = facts.fair(rows, 2)
                    weight[event, number] += precision
                    seen[event, number + 1] += precision * np.log(fair[:, 0] / fair[:, 1])
                    if market is Market.HANDICAP:
                        line[event] = facts.quote_line[rows]
        variance = np.where(weight > 0.0, 1.0 / np.where(weight > 0.0, weight, 1.0), _UNKNOWN)
        covariance = np.zeros((count, 4, 4))
        covariance[:, :2, :2] = variance[:, :1, None] * _PAIR
        covariance[:, 2, 2], covariance[:, 3, 3] = 2.0 * variance[:, 1:].T
        return cls(line, seen * variance[:, [0, 0, 1, 2]], covariance)


def told_nothing(simulation: Simulation, count: int) -> Belief:
    """The prior of a bettor who does not know the teams."""
    spread = 2.0 * (simulation.quality**2 + simulation.own**2)
    covariance = np.diag(2 * [spread + simulation.news**2])
    # What a team has in attack and in defence alike moves the two rates against each other.
    covariance -= 2.0 * simulation.quality**2 * (1.0 - np.eye(2))
    mean = np.tile(np.log(simulation.goals), (count, 1))
    return Belief(mean, np.tile(covariance, (count, 1, 1)))


def told_strengths(facts: Facts, truth: Truth) -> Belief:
    """The prior of a bettor who is told the teams' true strengths, which no quote shows."""
    mean = truth.expected[truth.rows(facts.event_id)]
    news = truth.simulation.news**2 * np.eye(2)
    return Belief(mean, np.tile(news, (len(mean), 1, 1)))


def learned_strengths(facts: Facts, truth: Truth) -> Belief:
    """The prior of a bettor who follows the teams through the closes of their earlier matches.

    A Kalman filter over every team's attack and defence, one round at a time: a round is judged by
    what was known before it. Closes say so much more than results that these add nothing.
    """
    simulation = truth.simulation
    close = inverted(closing_consensus(facts, market=MATCH_RESULT))
    step = truth.step[truth.rows(facts.event_id)]
    mean, covariance = np.empty((len(facts), 2)), np.empty((len(facts), 2, 2))
    for league in range(len(facts.leagues)):
        its = np.flatnonzero(facts.league == league)
        teams, index = np.unique(
            np.concatenate([facts.home[its], facts.away[its]]), return_inverse=True
        )
        home, away = index[: len(its)], index[len(its) :]
        filtered = _filtered(simulation, len(teams), home, away, step[its], close[its])
        mean[its], covariance[its] = filtered
    return Belief(mean, covariance)


def informed(prior: Belief, views: Views, simulation: Simulation) -> Belief:
    """The posterior of the true rates, given the past and the quotes of one moment."""
    shared = simulation.misjudged**2 * np.eye(2)
    seen = _fitted(prior.mean, prior.covariance + shared, views)
    gain = prior.covariance @ np.linalg.inv(prior.covariance + shared)
    mean = prior.mean + (gain @ (seen.mean - prior.mean)[:, :, None])[:, :, 0]
    turned = np.swapaxes(gain, 1, 2)
    covariance = prior.covariance - gain @ prior.covariance + gain @ seen.covariance @ turned
    return Belief(mean, covariance)


def inverted(fair: Floats) -> Floats:
    """(n, 2) log rates under which results have the probabilities given, (n, 3)."""
    target = _to_draw(fair)
    at = np.tile([0.3, 0.1], (len(fair), 1))
    for _ in range(_ITERATIONS):
        miss = target - _to_draw(results(at))
        at = (
            at
            + np.linalg.solve(_slope(lambda x: _to_draw(results(x)), at), miss[:, :, None])[:, :, 0]
        )
    return at


def _fitted(mean: Floats, covariance: Floats, views: Views) -> Belief:
    """Posterior of what the books saw together: prior and views combined, by Gauss-Newton."""

    def model(log_rates: Floats) -> Floats:
        two_way = (over_under(log_rates), handicap(log_rates, views.line))
        ratios = [np.log(p[:, 0] / p[:, 1]) for p in two_way]
        return np.column_stack([_to_draw(results(log_rates)), *ratios])

    prior, weight = np.linalg.inv(covariance), np.linalg.inv(views.covariance)
    at = mean
    for _ in range(_ITERATIONS):
        slope = _slope(model, at)
        turned = np.swapaxes(slope, 1, 2) @ weight
        precision = prior + turned @ slope
        pull = turned @ (views.seen - model(at))[:, :, None]
        pull = pull + prior @ (mean - at)[:, :, None]
        at = at + np.linalg.solve(precision, pull)[:, :, 0]
    return Belief(at, np.asarray(np.linalg.inv(precision), np.float64))


def _slope(model: Callable[[Floats], Floats], at: Floats) -> Floats:
    """(n, k, 2) derivatives of (n, k) values by central differences."""
    sides = []
    for k in range(2):
        move = np.zeros(2)
        move[k] = _STEP
        sides.append((model(at + move) - model(at - move)) / (2.0 * _STEP))
    return np.stack(sides, axis=2)


def _to_draw(p: Floats) -> Floats:
    """(n, 2) log-ratios of home and of away to draw."""
    logs = np.log(p)
    return logs[:, [0, 2]] - logs[:, [1]]


def _filtered(
    simulation: Simulation, teams: int, home: Ints, away: Ints, step: Ints, close: Floats
) -> tuple[Floats, Floats]:
    """Predictive mean and covariance of every match's log rates, one division."""
    both = np.eye(2) * (simulation.quality**2 + simulation.own**2)
    both += simulation.quality**2 * (1.0 - np.eye(2))
    stationary = np.kron(both, np.eye(teams))  # attacks, then defences
    state, doubt, now = np.zeros(2 * teams), stationary.copy(), int(step.min())
    error = simulation.news**2 + simulation.close_misjudged**2
    mean, covariance = np.empty((len(step), 2)), np.empty((len(step), 2, 2))
    base = np.log(simulation.goals)
    for turn in np.unique(step).tolist():
        kept = simulation.memory ** (turn - now)
        state, doubt, now = kept * state, kept**2 * doubt + (1.0 - kept**2) * stationary, turn
        its = np.flatnonzero(step == turn)
        row = np.arange(len(its))
        look = np.zeros((len(its), 2, 2 * teams))
        look[row, 0, home[its]] = look[row, 1, away[its]] = 1.0
        look[row, 0, teams + away[its]] = look[row, 1, teams + home[its]] = -1.0
        mean[its] = base + look @ state
        covariance[its] = look @ doubt @ np.swapaxes(look, 1, 2) + simulation.news**2 * np.eye(2)
        known = ~np.isnan(close[its, 0])
        flat = look[known].reshape(-1, 2 * teams)
        surprise = (close[its] - mean[its])[known].ravel()
        gain = doubt @ flat.T @ np.linalg.inv(flat @ doubt @ flat.T + error * np.eye(len(flat)))
        state, doubt = state + gain @ surprise, doubt - gain @ flat @ doubt
    return mean, covariance
