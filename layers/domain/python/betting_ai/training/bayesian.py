"""Bayesian member: team strengths with their uncertainty, and the market as the prior.

The features carry the posterior of each side's log goal rate (mean and variance) after the last
match-day known. Goals are Poisson given the rate; the rate is integrated out by Gauss-Hermite
quadrature; low scores are corrected as in Dixon & Coles (1997). The resulting result probabilities
(or those of over and under) are then taken as an observation of the true log-probabilities, whose
error grows with the posterior variance, and combined with the prior by precision: the market after
its linear move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

from betting_ai.domain.markets import Market
from betting_ai.domain.probabilities import cross_entropy, normalise
from betting_ai.features.facts import Floats, Ints
from betting_ai.features.spec import column, spec_of
from betting_ai.training.dataset import Dataset
from betting_ai.training.graph import GraphBuilder
from betting_ai.training.linear import LinearMove
from betting_ai.training.members import Member
from betting_ai.training.skill import fit_skill

MOST_GOALS: Final = 12
NODES: Final = 5

_ABSCISSAE, _WEIGHTS = np.polynomial.hermite.hermgauss(NODES)
_SPREAD: Final = np.sqrt(2.0) * _ABSCISSAE
_SHARE: Final = _WEIGHTS / np.sqrt(np.pi)
_SCORES: Final = np.arange(MOST_GOALS + 1.0)
_COLUMNS: Final = tuple(
    column(f"strength_{what}_{side}") for what in ("log_rate", "var") for side in ("home", "away")
)


@dataclass(frozen=True)
class BayesianMember:
    """Four numbers, fitted, and the prior.

    Attributes:
        linear: the prior.
        rho: Dixon-Coles dependence of low scores.
        level: added to both log rates.
        noise: error variance of the score grid's log-probabilities, in units of the market's.
        growth: how much of the posterior variance adds to it.
    """

    linear: LinearMove
    rho: float
    level: float
    noise: float
    growth: float

    def predict(self, matrix: np.ndarray) -> Floats:
        """(n, s) probabilities."""
        prior = np.log(normalise(np.exp(self.linear.start(matrix))))
        rates = matrix[:, _COLUMNS].astype(np.float64)
        grid = np.log(self.grid(rates))
        weight = 1.0 / (1.0 + self.noise + self.growth * (rates[:, 2] + rates[:, 3]))
        return normalise(np.exp(prior + weight[:, None] * (grid - prior)))

    def grid(self, rates: Floats) -> Floats:
        """The market's selections by the score grid alone.

        Args:
            rates: (n, 4) log rates of home and away, and their variances.

        Returns:
            (n, s) probabilities.
        """
        home, away = (self._goals(rates[:, k], rates[:, k + 2]) for k in (0, 1))
        if self.linear.market.kind is Market.TOTALS:
            return self._totals(home, away)
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

    def _totals(self, home: Floats, away: Floats) -> Floats:
        """Over and under; the correction of low scores moves nothing across a line of 2.5."""
        fewest = int(np.ceil(self.linear.market.line))
        under = sum(home[:, i] * away[:, k] for i, k in _scores_below(fewest))
        return normalise(np.maximum(np.column_stack([1.0 - under, under]), 1e-6))

    def _goals(self, mean: Floats, var: Floats) -> Floats:
        """(n, goals) distribution of one side's goals, the last entry takes the tail."""
        spread = np.sqrt(var)[:, None]
        log_rate = (mean + self.level)[:, None] + spread * _SPREAD
        log_p = log_rate[:, :, None] * _SCORES - np.exp(log_rate)[:, :, None] - gammaln(_SCORES + 1)
        return normalise((np.exp(log_p) * _SHARE[None, :, None]).sum(axis=1))

    def export(self, graph: GraphBuilder) -> None:
        """The same arithmetic."""
        g = graph
        means = [g.double(g.columns(f"strength_log_rate_{side}")) for side in ("home", "away")]
        vars_ = [g.double(g.columns(f"strength_var_{side}")) for side in ("home", "away")]
        level = g.constant(self.level)
        home, away = (
            self._export_goals(g, mean, var, level) for mean, var in zip(means, vars_, strict=True)
        )
        one = g.constant([1], np.int64)
        totals = self.linear.market.kind is Market.TOTALS
        shares = (
            self._export_totals(g, home, away)
            if totals
            else self._export_results(g, home, away, means, level)
        )
        shares = g.add("Max", shares, g.constant(1e-6))
        grid = g.add("Log", g.add("Div", shares, g.add("ReduceSum", shares, one, keepdims=1)))
        prior = g.add("LogSoftmax", self.linear.export(g), axis=1)
        var = g.add("Mul", g.add("Add", *vars_), g.constant(self.growth))
        precision = g.add("Add", var, g.constant(1.0 + self.noise))
        pull = g.add("Div", g.add("Sub", grid, prior), precision)
        width = self.linear.market.width
        g.output(g.add("Softmax", g.add("Add", prior, pull), axis=1), "bayesian", width)

    def _export_totals(self, g: GraphBuilder, home: str, away: str) -> str:
        fewest = int(np.ceil(self.linear.market.line))
        cells = [
            g.add("Mul", _cell(g, home, i), _cell(g, away, k)) for i, k in _scores_below(fewest)
        ]
        under = g.add("Sum", *cells)
        return g.add("Concat", g.add("Sub", g.constant([[1.0]]), under), under, axis=1)

    def _export_results(
        self, g: GraphBuilder, home: str, away: str, means: list[str], level: str
    ) -> str:
        one = g.constant([1], np.int64)
        cumulative = g.add("CumSum", away, g.constant(1, np.int64), exclusive=1)
        win = g.add("ReduceSum", g.add("Mul", home, cumulative), one, keepdims=1)
        draw = g.add("ReduceSum", g.add("Mul", home, away), one, keepdims=1)
        lose = g.add("Sub", g.add("Sub", g.constant([[1.0]]), win), draw)
        h, a = (g.add("Exp", g.add("Add", mean, level)) for mean in means)
        rho = g.constant(self.rho)

        def product(*names: str) -> str:
            total = names[0]
            for name in names[1:]:
                total = g.add("Mul", total, name)
            return total

        nil = product(rho, _cell(g, home, 0), _cell(g, away, 0), h, a)
        one_all = product(rho, _cell(g, home, 1), _cell(g, away, 1))
        draw = g.add("Sub", g.add("Sub", draw, nil), one_all)
        win = g.add("Add", win, product(rho, a, _cell(g, home, 1), _cell(g, away, 0)))
        lose = g.add("Add", lose, product(rho, h, _cell(g, home, 0), _cell(g, away, 1)))
        return g.add("Concat", win, draw, lose, axis=1)

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


def _cell(g: GraphBuilder, goals: str, k: int) -> str:
    begin, end = g.constant([k], np.int64), g.constant([k + 1], np.int64)
    return g.add("Slice", goals, begin, end, g.constant([1], np.int64))


def _scores_below(total: int) -> list[tuple[int, int]]:
    return [(i, k) for i in range(total) for k in range(total - i)]


_FACTORIALS: Final = gammaln(_SCORES + 1)


@dataclass(frozen=True)
class BayesianTrainer:
    """Fits the four numbers by cross-entropy; the strengths themselves come with the features."""

    most_rows: int = 15_000
    name: str = "bayesian"

    def train(self, data: Dataset, rows: Ints, linear: LinearMove) -> Member:
        """Fit on the newest of the rows: first the score grid alone on results, then its weight.

        Where nothing is drawn there is no grid of goals: the strengths are those of sides.
        """
        rows = rows[-self.most_rows :]
        if spec_of(data.betting.sport).sport.outcomes == 2:
            return fit_skill(data, rows, linear)
        matrix, target = data.matrix[rows], data.target[rows]
        rates = matrix[:, _COLUMNS].astype(np.float64)
        weight = data.weight[rows] / data.weight[rows].sum()

        def grid_loss(values: np.ndarray) -> float:
            member = BayesianMember(linear, values[0], values[1], 0.0, 0.0)
            return float(weight @ cross_entropy(target, member.grid(rates)))

        grid = minimize(grid_loss, [-0.05, 0.0], method="Nelder-Mead", options=_FIT).x

        def pool_loss(values: np.ndarray) -> float:
            member = BayesianMember(linear, *grid, *np.exp(values))
            return float(weight @ cross_entropy(target, member.predict(matrix)))

        pool = minimize(pool_loss, [2.0, 2.0], method="Nelder-Mead", options=_FIT).x
        return BayesianMember(linear, *map(float, grid), *map(float, np.exp(pool.clip(-3.0, 6.0))))


_FIT: Final = {"xatol": 1e-3, "fatol": 1e-9, "maxiter": 60}
