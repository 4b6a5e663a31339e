"""Deep RL: a bettor's own decision, learned by neural fitted Q-iteration.

At the first price a bettor may **bet on k now**, **wait for the close**, or **pass**; at the
close, **bet** (same selection, same book) or **pass**. The reward is profit per unit staked. All
actions' outcomes are known afterwards, so learning is offline and needs no exploration; where the
fair close is known it stands in for the result (same mean, far less noise), and the bet at the
close is judged by the closing prices of the other books.

Two Q-networks, one per stage, are fitted in sweeps against frozen copies of themselves, with
double-Q targets (Riedmiller 2005; Ernst et al. 2005; van Hasselt et al. 2016). Since

    Q(bet k) = p_k o_k - 1,

the first network's output for a bet is ``p_k - l_k``, where ``l`` is the market after its linear
move: that is what has to be learned, and it does not depend on the price offered. Passing is worth
0.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from betting_ai.domain.probabilities import normalise
from betting_ai.features.facts import Floats, Ints
from betting_ai.models.scorer import WAIT
from betting_ai.models.timing import ClosingStage, closing_stage
from betting_ai.training.dataset import Dataset
from betting_ai.training.graph import GraphBuilder
from betting_ai.training.linear import LinearMove, Standardiser

_FLOOR: Final = 1e-4
_BET_UNIT: Final = 0.01
_WAIT_UNIT: Final = 0.03


@dataclass(frozen=True, eq=False)
class PolicyMember:
    """Both stages' Q-networks; serving needs the first, judging its advice needs both."""

    linear: LinearMove
    standardiser: Standardiser
    network: Any
    close: Any

    def q_values(self, matrix: np.ndarray) -> tuple[Floats, Floats]:
        """``p_k - l_k`` of betting, and the value of waiting, each (n, s)."""
        out = self.network.predict(self.standardiser.apply(matrix)).astype(np.float64)
        width = self.linear.market.width
        return out[:, :width] * _BET_UNIT, out[:, width:] * _WAIT_UNIT

    def predict(self, matrix: np.ndarray) -> Floats:
        """(n, s) implied probabilities, clipped and renormalised."""
        moved = normalise(np.exp(self.linear.start(matrix)))
        return normalise(np.maximum(moved + self.q_values(matrix)[0], _FLOOR))

    def export(self, graph: GraphBuilder) -> None:
        """Probabilities, and the value of waiting."""
        g, width = graph, self.linear.market.width
        layer = _export_layers(g, self.network, self.standardiser.export(g, "features"))
        one = g.constant([1], np.int64)

        def half(start: int, unit: float) -> str:
            begin, end = g.constant([start], np.int64), g.constant([start + width], np.int64)
            return g.add("Mul", g.add("Slice", layer, begin, end, one), g.constant(unit))

        moved = g.add("Softmax", self.linear.export(g), axis=1)
        p = g.add("Max", g.add("Add", moved, half(0, _BET_UNIT)), g.constant(_FLOOR))
        total = g.add("ReduceSum", p, one, keepdims=1)
        g.output(g.add("Div", p, total), "deep_rl", width)
        g.output(half(width, _WAIT_UNIT), WAIT, width)

    def export_close(self, graph: GraphBuilder, source: str) -> None:
        """The value of betting at the close, of what is seen there."""
        layer = _export_layers(graph, self.close, graph.double(source))
        graph.output(graph.add("Mul", layer, graph.constant(_WAIT_UNIT)), "value", 1)


def _export_layers(g: GraphBuilder, network: Any, layer: str) -> str:  # noqa: ANN401
    depth = len(network.coefs_)
    for i, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        layer = g.add("Gemm", layer, g.constant(weights), g.constant(bias))
        layer = g.add("Tanh", layer) if i < depth - 1 else layer
    return layer


@dataclass(frozen=True)
class PolicyTrainer:
    """Settings of the Q-iteration."""

    sweeps: int = 4
    epochs: int = 2
    hidden: tuple[int, ...] = (64,)
    name: str = "deep_rl"

    def train(self, data: Dataset, rows: Ints, linear: LinearMove) -> PolicyMember:
        """Fit on rows; one thread, so that sums run in the same order everywhere."""
        width = data.betting.width
        standardiser = Standardiser.of(data.matrix[rows])
        state = standardiser.apply(data.matrix[rows])
        moved = normalise(np.exp(linear.start(data.matrix[rows])))
        bet = (data.target[rows] - moved) / _BET_UNIT
        close = closing_stage(data.facts, data.features.market, data.offers, data.rows[rows], rows)
        known = np.flatnonzero(close.known)
        wait = np.zeros((len(rows), width))
        first = self._network(self.hidden, len(rows))
        last = self._network((16,), len(known))
        with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            if not len(known):  # nothing to learn of the close: betting there is worth nothing
                last.partial_fit(close.state[:1], close.later[:1])
            frozen_last = None
            for _ in range(self.sweeps):
                if len(known):
                    for _ in range(self.epochs):
                        last.partial_fit(close.state[known], close.later[known] / _WAIT_UNIT)
                    frozen_last = frozen_last or copy.deepcopy(last)
                    wait = _waiting(
                        close, known, last, frozen_last, _predicted(first, state, width)
                    )
                for _ in range(self.epochs):
                    target = np.hstack([bet, wait])
                    first.partial_fit(state, target, sample_weight=data.weight[rows])
                frozen_last = copy.deepcopy(last) if len(known) else None
        return PolicyMember(linear, standardiser, first, last)

    def _network(self, hidden: tuple[int, ...], rows: int) -> MLPRegressor:
        wide = hidden is self.hidden
        return MLPRegressor(
            hidden_layer_sizes=hidden,
            activation="tanh",
            alpha=10.0 if wide else 1e-3,
            batch_size=min(512, max(rows, 1)),
            learning_rate_init=5e-4 if wide else 2e-3,
            random_state=33 if wide else 34,
        )


def _waiting(
    close: ClosingStage,
    known: Ints,
    online: MLPRegressor,
    frozen: MLPRegressor,
    current: np.ndarray,
) -> np.ndarray:
    """(n, s) double-Q targets of waiting: the online network chooses, its frozen copy values.

    Where the close is not known the target is the network's own answer, which teaches nothing.
    """
    chosen = online.predict(close.state[known]) > 0.0
    value = np.where(chosen, frozen.predict(close.state[known]), 0.0)
    width = current.shape[1] // 2
    target = current[:, width:].ravel()
    target[known] = np.maximum(value, 0.0)
    return target.reshape(-1, width)


def _predicted(network: MLPRegressor, state: np.ndarray, width: int) -> np.ndarray:
    if not hasattr(network, "coefs_"):
        return np.zeros((len(state), 2 * width))
    return np.asarray(network.predict(state), dtype=np.float64)
