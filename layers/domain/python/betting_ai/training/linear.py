"""The straight part of the move from the consensus to the fair close, which all members share.

Most of what can be known of the move is a weighted sum: disagreement between books, goal lines,
the teams' past moves. Trees and networks spend their depth on it and still get it roughly; a ridge
regression gets it at once, and the members learn what is left (decision 0010).

Inputs, weights and labels are multiples of powers of two, small enough that every sum is exact
whatever its order: the same rows give the same bits on any machine, and so does every member that
starts from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from betting_ai.domain.markets import BettingMarket
from betting_ai.features.facts import Floats, Ints
from betting_ai.features.spec import consensus_columns
from betting_ai.training.dataset import Dataset
from betting_ai.training.graph import GraphBuilder

RIDGE: Final = 300.0
"""Penalty on standardised weights, in matches; from 30 to 3,000 it hardly matters."""

_CLIP: Final = 4.0
_INPUT: Final = 2.0**10
_LABEL: Final = 2.0**20
_WEIGHT: Final = 2.0**24


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Centres and scales features; a missing value becomes the mean, an outlier is drawn in."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, matrix: np.ndarray) -> Standardiser:
        """Fit on rows; a feature that does not vary is switched off."""
        wide = matrix.astype(np.float64)
        known = ~np.isnan(wide)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, wide, 0.0).sum(axis=0) / count
        var = np.where(known, (wide - mean) ** 2, 0.0).sum(axis=0) / count
        scale = np.where(var > 1e-12, 1.0 / np.sqrt(np.maximum(var, 1e-12)), 0.0)
        return cls(mean.astype(np.float32), scale.astype(np.float32))

    def apply(self, matrix: np.ndarray) -> np.ndarray:
        """(n, d) float32."""
        z = (matrix - self.mean) * self.scale
        return np.clip(np.where(np.isnan(z), np.float32(0), z), -_CLIP, _CLIP)

    def export(self, graph: GraphBuilder, source: str) -> str:
        """The same of a float32 value of the graph, as float64."""
        g, single = graph, np.float32
        z = g.add("Sub", source, g.constant(self.mean, single))
        z = g.add("Mul", z, g.constant(self.scale, single))
        z = g.add("Where", g.add("IsNaN", z), g.constant(0.0, single), z)
        return g.double(g.add("Clip", z, g.constant(-_CLIP, single), g.constant(_CLIP, single)))


@dataclass(frozen=True, eq=False)
class LinearMove:
    """Ridge regression of the move on features and products of the market's log-probabilities.

    Attributes:
        market: whose move.
        standardiser: of the inputs.
        weights: (k + 1, s), the last row for the constant.
    """

    market: BettingMarket
    standardiser: Standardiser
    weights: Floats

    @classmethod
    def fit(cls, data: Dataset, rows: Ints) -> LinearMove:
        """Fit on those of the rows whose label is a close; without one there is no move."""
        rows = rows[data.soft[rows]]
        if not len(rows):
            width = data.matrix.shape[1] + len(_pairs(data.betting.width))
            nothing = Standardiser(*np.zeros((2, width), np.float32))
            return cls(data.betting, nothing, np.zeros((width + 1, data.betting.width)))
        inputs = _inputs(data.matrix[rows], data.betting)
        standardiser = Standardiser.of(inputs)
        z = _with_constant(standardiser.apply(inputs))
        move = np.log(data.target[rows]) - np.log(data.consensus[rows])
        move = np.rint((move - move.mean(axis=1, keepdims=True)) * _LABEL) / _LABEL
        penalty = RIDGE * np.eye(z.shape[1])
        weights = solve_positive(z.T @ z + penalty, z.T @ move.clip(-1.0, 1.0))
        return cls(data.betting, standardiser, np.rint(weights * _WEIGHT) / _WEIGHT)

    def move(self, matrix: np.ndarray) -> Floats:
        """(n, s) in log-probability."""
        inputs = _inputs(matrix, self.market)
        moved: Floats = _with_constant(self.standardiser.apply(inputs)) @ self.weights
        return moved

    def start(self, matrix: np.ndarray) -> Floats:
        """(n, s) log-probabilities, not normalised, that the members start from."""
        log_q = matrix[:, consensus_columns(self.market)].astype(np.float64)
        return log_q + self.move(matrix)

    def export(self, graph: GraphBuilder) -> str:
        """`start` in the graph; written once however many members ask."""
        return graph.once(self, lambda: self._export(graph))

    def _export(self, graph: GraphBuilder) -> str:
        g = graph
        width = self.market.width
        log_q = g.columns(f"log_q_{self.market.outcomes[0]}", width)
        one = g.constant([1], np.int64)

        def single(k: int) -> str:
            begin, end = g.constant([k], np.int64), g.constant([k + 1], np.int64)
            return g.add("Slice", log_q, begin, end, one)

        singles = [single(k) for k in range(width)]
        products = [g.add("Mul", singles[i], singles[k]) for i, k in _pairs(width)]
        inputs = g.add("Concat", "features", *products, axis=1)
        z = self.standardiser.export(g, inputs)
        z = g.add("Round", g.add("Mul", z, g.constant(_INPUT)))
        weights = g.constant(self.weights[:-1] / _INPUT)
        move = g.add("Gemm", z, weights, g.constant(self.weights[-1]))
        return g.add("Add", g.double(log_q), move)


def _pairs(width: int) -> list[tuple[int, int]]:
    return [(i, k) for i in range(width) for k in range(i, width)]


def _inputs(matrix: np.ndarray, market: BettingMarket) -> np.ndarray:
    """(n, k) float32: the features, and every product of two log-probabilities."""
    log_q = matrix[:, consensus_columns(market)]
    products = [log_q[:, i] * log_q[:, k] for i, k in _pairs(market.width)]
    return np.column_stack([matrix, *products])


def _with_constant(z: np.ndarray) -> Floats:
    """(n, k + 1) float64, rounded to the grid on which sums are exact."""
    grid = np.rint(z.astype(np.float64) * _INPUT) / _INPUT
    return np.column_stack([grid, np.ones(len(grid))])


def solve_positive(matrix: Floats, right: Floats) -> Floats:
    """Solve ``matrix x = right`` for a symmetric positive definite matrix, always to the same bits.

    Cholesky by columns: no sum is left to a library that could order it by how memory lies.

    Args:
        matrix: (d, d).
        right: (d, s).
    """
    lower = matrix.copy()
    x = right.astype(np.float64).copy()
    size = len(lower)
    for j in range(size):
        lower[j, j] = np.sqrt(lower[j, j])
        lower[j + 1 :, j] /= lower[j, j]
        below = lower[j + 1 :, j]
        lower[j + 1 :, j + 1 :] -= below[:, None] * below[None, :]
        x[j] /= lower[j, j]
        x[j + 1 :] -= below[:, None] * x[j]
    for j in reversed(range(size)):
        x[j] /= lower[j, j]
        x[:j] -= lower[j, :j, None] * x[j]
    return x
