"""Bayesian member: team strengths with their uncertainty, and the market as the prior.

The features carry the posterior of each side's log goal rate (mean and variance) after the last
match-day known. Goals are Poisson given the rate; the rate is integrated out by Gauss-Hermite
quadrature; low scores are corrected as in Dixon & Coles (1997). The resulting result probabilities
are then taken as an observation of the true log-probabilities, whose error grows with the posterior
variance, and combined with the market as the prior by precision.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

from betting_ai.domain.probabilities import cross_entropy, normalise
from betting_ai.features.facts import Floats, Ints
from betting_ai.features.spec import column
from betting_ai.training.dataset import Dataset
from betting_ai.training.graph import GraphBuilder

MOST_GOALS: Final = 12
NODES: Final = 5

_ABSCISSAE, _WEIGHTS = np.polynomial.hermite.hermgauss(NODES)
_SPREAD: Final = np.sqrt(2.0) * _ABSCISSAE
_SHARE: Final = _WEIGHTS / np.sqrt(np.pi)
_SCORES: Final = np.arange(MOST_GOALS + 1.0)
_COLUMNS: Final = tuple(
    column(f"strength_{what}_{side}") for what in ("log_rate", "var") for side in ("home", "away")
)
_LOG_Q: Final = column("log_q_home")


@dataclass(frozen=True)
class BayesianMember:
    """Four numbers, fitted.

    Attributes:
        rho: Dixon-Coles dependence of low scores.
        level: added to both log rates.
        noise: error variance of the score grid's log-probabilities, in units of the market's.
        growth: how much of the posterior variance adds to it.
    """

    rho: float
    level: float
    noise: float
    growth: float

    def predict(self, matrix: np.ndarray) -> Floats:
        """(n, 3) probabilities."""
        log_q = matrix[:, _LOG_Q : _LOG_Q + 3].astype(np.float64)
        rates = matrix[:, _COLUMNS].astype(np.float64)
        grid = np.log(self.results(rates))
        weight = 1.0 / (1.0 + self.noise + self.growth * (rates[:, 2] + rates[:, 3]))
        return normalise(np.exp(log_q + weight[:, None] * (grid - log_q)))

    def results(self, rates: Floats) -> Floats:
        """Home, draw, away of the score grid alone.

        Args:
            rates: (n, 4) log rates of home and away, and their variances.
        """
        home, away = (self._goals(rates[:, k], rates[:, k + 2]) for k in (0, 1))
        draw = (home * away).sum(axis=1)
        ahead = np.cumsum(away, axis=1) - away  # away scores fewer
        win = (home * ahead).sum(axis=1)
        h, a = (np.exp(rates[:, k] + self.level) for k in (0, 1))
        low = self.rho * home[:, 0] * away[:, 0]
        # The correction moves weight between 0-0, 1-1 and 1-0, 0-1.
        to_draw = -low * h * a - self.rho * home[:, 1] * away[:, 1]
        to_home = self.rho * a * home[:, 1] * away[:, 0]
        to_away = self.rho * h * home[:, 0] * away[:, 1]
        lose = 1.0 - win - draw
        shares = np.column_stack([win + to_home, draw + to_draw, lose + to_away])
        return normalise(np.maximum(shares, 1e-6))

    def _goals(self, mean: Floats, var: Floats) -> Floats:
        """(n, goals) distribution of one side's goals, the last entry takes the tail."""
        spread = np.sqrt(var)[:, None]
        log_rate = (mean + self.level)[:, None] + spread * _SPREAD
        log_p = log_rate[:, :, None] * _SCORES - np.exp(log_rate)[:, :, None] - gammaln(_SCORES + 1)
        return normalise((np.exp(log_p) * _SHARE[None, :, None]).sum(axis=1))

    def export(self, graph: GraphBuilder) -> None:
        """The same arithmetic, in float32."""
        g = graph
        log_q = g.columns("log_q_home", 3)
        means = [g.columns("strength_log_rate_home"), g.columns("strength_log_rate_away")]
        vars_ = [g.columns("strength_var_home"), g.columns("strength_var_away")]
        level = g.constant(self.level)
        home, away = (
            self._export_goals(g, mean, var, level) for mean, var in zip(means, vars_, strict=True)
        )
        one = g.constant([1], np.int64)
        cumulative = g.add("CumSum", away, g.constant(1, np.int64), exclusive=1)
        win = g.add("ReduceSum", g.add("Mul", home, cumulative), one, keepdims=1)
        draw = g.add("ReduceSum", g.add("Mul", home, away), one, keepdims=1)
        lose = g.add("Sub", g.add("Sub", g.constant([[1.0]]), win), draw)
        h, a = (g.add("Exp", g.add("Add", mean, level)) for mean in means)
        rho = g.constant(self.rho)

        def cell(goals: str, k: int) -> str:
            return g.add(
                "Slice", goals, g.constant([k], np.int64), g.constant([k + 1], np.int64), one
            )

        def product(*names: str) -> str:
            total = names[0]
            for name in names[1:]:
                total = g.add("Mul", total, name)
            return total

        nil = product(rho, cell(home, 0), cell(away, 0), h, a)
        one_all = product(rho, cell(home, 1), cell(away, 1))
        draw = g.add("Sub", g.add("Sub", draw, nil), one_all)
        win = g.add("Add", win, product(rho, a, cell(home, 1), cell(away, 0)))
        lose = g.add("Add", lose, product(rho, h, cell(home, 0), cell(away, 1)))
        shares = g.add("Max", g.add("Concat", win, draw, lose, axis=1), g.constant(1e-6))
        total = g.add("ReduceSum", shares, one, keepdims=1)
        grid = g.add("Log", g.add("Div", shares, total))
        var = g.add("Mul", g.add("Add", *vars_), g.constant(self.growth))
        precision = g.add("Add", var, g.constant(1.0 + self.noise))
        pull = g.add("Div", g.add("Sub", grid, log_q), precision)
        g.output(g.add("Softmax", g.add("Add", log_q, pull), axis=1), "bayesian")

    def _export_goals(self, g: GraphBuilder, mean: str, var: str, level: str) -> str:
        spread = g.add("Mul", g.add("Sqrt", var), g.constant(_SPREAD[None, :]))
        log_rate = g.add("Add", g.add("Add", mean, level), spread)
        deep = g.add("Unsqueeze", log_rate, g.constant([2], np.int64))
        powers = g.add("Mul", deep, g.constant(_SCORES))
        log_p = g.add("Sub", g.add("Sub", powers, g.add("Exp", deep)), g.constant(_FACTORIALS))
        shares = g.add("Mul", g.add("Exp", log_p), g.constant(_SHARE[None, :, None]))
        goals = g.add("ReduceSum", shares, g.constant([1], np.int64), keepdims=0)
        total = g.add("ReduceSum", goals, g.constant([1], np.int64), keepdims=1)
        return g.add("Div", goals, total)

    def to_dict(self) -> dict[str, float]:
        """For the model card."""
        return asdict(self)


_FACTORIALS: Final = gammaln(_SCORES + 1)


@dataclass(frozen=True)
class BayesianTrainer:
    """Fits the four numbers by cross-entropy; the strengths themselves come with the features."""

    most_rows: int = 15_000
    name: str = "bayesian"

    def train(self, data: Dataset, rows: Ints) -> BayesianMember:
        """Fit on the newest of the rows: first the score grid alone on results, then its weight."""
        rows = rows[-self.most_rows :]
        matrix, target = data.matrix[rows], data.target[rows]
        rates = matrix[:, _COLUMNS].astype(np.float64)
        weight = data.weight[rows] / data.weight[rows].sum()

        def grid_loss(values: np.ndarray) -> float:
            member = BayesianMember(values[0], values[1], 0.0, 0.0)
            return float(weight @ cross_entropy(target, member.results(rates)))

        grid = minimize(grid_loss, [-0.05, 0.0], method="Nelder-Mead", options=_FIT).x

        def pool_loss(values: np.ndarray) -> float:
            member = BayesianMember(*grid, *np.exp(values))
            return float(weight @ cross_entropy(target, member.predict(matrix)))

        pool = minimize(pool_loss, [2.0, 2.0], method="Nelder-Mead", options=_FIT).x
        return BayesianMember(*map(float, grid), *map(float, np.exp(pool.clip(-3.0, 6.0))))


_FIT: Final = {"xatol": 1e-3, "fatol": 1e-9, "maxiter": 60}
