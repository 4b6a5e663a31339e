"""Bayesian member of two-way sports: each side's strength with its uncertainty, and the market.

The features carry the posterior of both sides' strengths after the last day known. Who wins is a
logistic choice given the difference; the difference is integrated out by MacKay's (1992)
approximation, ``sigma(d / sqrt(1 + pi v / 8))``. What comes out is taken as an observation of the
true log-odds, whose error grows with the posterior variance, and combined with the prior by
precision: the market after its linear move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from betting_ai.domain.probabilities import cross_entropy, normalise
from betting_ai.features.facts import Floats, Ints
from betting_ai.features.spec import column
from betting_ai.training.dataset import Dataset
from betting_ai.training.graph import GraphBuilder
from betting_ai.training.linear import LinearMove

_SPREAD: Final = np.pi / 8.0
_COLUMNS: Final = ("skill_difference", "skill_var_home", "skill_var_away")


@dataclass(frozen=True)
class SkillMember:
    """Four numbers, fitted, and the prior.

    Attributes:
        linear: the prior.
        slope: of the strengths' difference.
        level: added to it: what being the home side is worth beyond the ratings' own advantage.
        noise: error variance of the strengths' log-odds, in units of the market's.
        growth: how much of the posterior variance adds to it.
    """

    linear: LinearMove
    slope: float
    level: float
    noise: float
    growth: float

    def predict(self, matrix: np.ndarray) -> Floats:
        """(n, 2) probabilities."""
        prior = np.log(normalise(np.exp(self.linear.start(matrix))))
        lead, var = _strengths(matrix, self.linear.market.sport)
        shares = np.log(self.shares(lead, var))
        weight = 1.0 / (1.0 + self.noise + self.growth * var)
        return normalise(np.exp(prior + weight[:, None] * (shares - prior)))

    def shares(self, lead: Floats, var: Floats) -> Floats:
        """Home and away by the strengths alone, (n, 2).

        Args:
            lead: (n,) posterior mean of the home side's lead, in log-odds.
            var: (n,) its variance.
        """
        z = (self.slope * lead + self.level) / np.sqrt(1.0 + _SPREAD * var)
        home = 0.5 + 0.5 * np.tanh(0.5 * z)
        return normalise(np.maximum(np.column_stack([home, 1.0 - home]), 1e-6))

    def export(self, graph: GraphBuilder) -> None:
        """The same arithmetic."""
        g = graph
        lead, *variances = (g.double(g.columns(name)) for name in _COLUMNS)
        var = g.add("Add", *variances)
        one, half = g.constant(1.0), g.constant(0.5)
        widened = g.add("Sqrt", g.add("Add", one, g.add("Mul", var, g.constant(_SPREAD))))
        z = g.add("Add", g.add("Mul", lead, g.constant(self.slope)), g.constant(self.level))
        z = g.add("Mul", half, g.add("Div", z, widened))
        home = g.add("Add", half, g.add("Mul", half, g.add("Tanh", z)))
        shares = g.add("Concat", home, g.add("Sub", one, home), axis=1)
        shares = g.add("Max", shares, g.constant(1e-6))
        total = g.add("ReduceSum", shares, g.constant([1], np.int64), keepdims=1)
        prior = g.add("LogSoftmax", self.linear.export(g), axis=1)
        error = g.add("Mul", var, g.constant(self.growth))
        precision = g.add("Add", error, g.constant(1.0 + self.noise))
        logs = g.add("Log", g.add("Div", shares, total))
        pull = g.add("Div", g.add("Sub", logs, prior), precision)
        g.output(g.add("Softmax", g.add("Add", prior, pull), axis=1), "bayesian", 2)


def fit_skill(data: Dataset, rows: Ints, linear: LinearMove) -> SkillMember:
    """Fit the four numbers by cross-entropy: first the strengths alone, then their weight."""
    matrix, target = data.matrix[rows], data.target[rows]
    lead, var = _strengths(matrix, data.betting.sport)
    weight = data.weight[rows] / data.weight[rows].sum()

    def alone(values: np.ndarray) -> float:
        member = SkillMember(linear, values[0], values[1], 0.0, 0.0)
        return float(weight @ cross_entropy(target, member.shares(lead, var)))

    shape = minimize(alone, [1.0, 0.0], method="Nelder-Mead", options=_FIT).x

    def pooled(values: np.ndarray) -> float:
        member = SkillMember(linear, *shape, *np.exp(values))
        return float(weight @ cross_entropy(target, member.predict(matrix)))

    pool = minimize(pooled, [2.0, 2.0], method="Nelder-Mead", options=_FIT).x
    return SkillMember(linear, *map(float, shape), *map(float, np.exp(pool.clip(-3.0, 6.0))))


_FIT: Final = {"xatol": 1e-3, "fatol": 1e-9, "maxiter": 60}


def _strengths(matrix: np.ndarray, sport: str) -> tuple[Floats, Floats]:
    lead, home, away = (matrix[:, column(name, sport)].astype(np.float64) for name in _COLUMNS)
    return lead, home + away
