"""What a model must be measured against: base rates, and Elo alone."""

from __future__ import annotations

import numpy as np

from betting_ai.domain.markets import MATCH_RESULT
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
    if data.betting != MATCH_RESULT:
        return Baselines(rates)
    difference = data.matrix[:, column("elo_difference")].astype(np.float64)
    intercepts, slopes = _multinomial(difference / 400.0, data.outcome)
    return Baselines(rates, tuple(tidy(intercepts.tolist())), tuple(tidy(slopes.tolist())))


def _multinomial(x: Floats, outcome: Ints) -> tuple[Floats, Floats]:
    """Logistic regression of three outcomes on one number, by Newton; the draw is the reference."""
    won = np.eye(3)[outcome][:, [0, 2]]
    inputs = np.column_stack([np.ones(len(x)), x])
    weights = np.zeros((2, 2))  # (input, home or away)
    for _ in range(20):
        scores = inputs @ weights
        p = normalise(np.exp(np.column_stack([scores[:, 0], np.zeros(len(x)), scores[:, 1]])))
        p = p[:, [0, 2]]
        slope = inputs.T @ (p - won)
        curve = np.zeros((4, 4))
        for a in range(2):
            for b in range(2):
                share = p[:, a] * ((a == b) - p[:, b])
                curve[2 * a : 2 * a + 2, 2 * b : 2 * b + 2] = (inputs * share[:, None]).T @ inputs
        step = np.linalg.solve(curve, slope.T.ravel()).reshape(2, 2).T
        weights -= step
        if np.abs(step).max() < 1e-12:
            break
    intercepts = np.array([weights[0, 0], 0.0, weights[0, 1]])
    return intercepts, np.array([weights[1, 0], 0.0, weights[1, 1]])
