"""What a model must be measured against: base rates, and Elo alone."""

from __future__ import annotations

import numpy as np

from betting_ai.domain.markets import Market
from betting_ai.domain.probabilities import normalise
from betting_ai.features.facts import Floats, Ints
from betting_ai.features.spec import column
from betting_ai.models.manifest import Baselines
from betting_ai.training.dataset import Dataset
from betting_ai.training.outofsample import tidy

_FULL_TRUST: float = 500.0
"""Matches after which a league's own rates count as much as those of all leagues."""


def fit_baselines(data: Dataset) -> Baselines:
    """Fit them on every row."""
    won = np.eye(data.betting.width)[data.outcome]
    overall = won.mean(axis=0)
    league = data.facts.league[data.rows]
    rates = {"": tuple(tidy(overall.tolist()))}
    for i, code in enumerate(data.facts.leagues):
        its = won[league == i]
        if len(its):
            rate = (its.sum(axis=0) + _FULL_TRUST * overall) / (len(its) + _FULL_TRUST)
            rates[code] = tuple(tidy(rate.tolist()))
    if data.betting.kind is not Market.MATCH_RESULT:
        return Baselines(rates)
    elo = column("elo_difference", data.betting.sport)
    difference = data.matrix[:, elo].astype(np.float64)
    intercepts, slopes = _multinomial(difference / 400.0, data.outcome, data.betting.width)
    return Baselines(rates, tuple(tidy(intercepts.tolist())), tuple(tidy(slopes.tolist())))


def _multinomial(x: Floats, outcome: Ints, width: int) -> tuple[Floats, Floats]:
    """Logistic regression of some outcomes on one number, by Newton; the second is the reference.

    That is the draw, or the away side where there is none.
    """
    free = [k for k in range(width) if k != 1]
    won = np.eye(width)[outcome][:, free]
    inputs = np.column_stack([np.ones(len(x)), x])
    weights = np.zeros((2, width))  # (input, outcome); the reference stays 0
    for _ in range(20):
        p = normalise(np.exp(inputs @ weights))[:, free]
        slope = inputs.T @ (p - won)
        curve = np.zeros((2 * len(free), 2 * len(free)))
        for a in range(len(free)):
            for b in range(len(free)):
                share = p[:, a] * ((a == b) - p[:, b])
                curve[2 * a : 2 * a + 2, 2 * b : 2 * b + 2] = (inputs * share[:, None]).T @ inputs
        step = np.linalg.solve(curve, slope.T.ravel()).reshape(len(free), 2).T
        weights[:, free] -= step
        if np.abs(step).max() < 1e-12:
            break
    return weights[0], weights[1]
