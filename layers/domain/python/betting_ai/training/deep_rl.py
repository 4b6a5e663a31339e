"""Deep RL: a bettor's own decision, learned by neural fitted Q-iteration.

At the first price a bettor may **bet on k now**, **wait for the close**, or **pass**; at the
close, **bet** (same selection, same book) or **pass**. The reward is profit per unit staked. All
actions' outcomes are known afterwards, so learning is offline and needs no exploration; where the
fair close is known it stands in for the result (same mean, far less noise), and the bet at the
close is judged by the closing prices of the other books.

Two Q-networks, one per stage, are fitted in sweeps against frozen copies of themselves, with
double-Q targets (Riedmiller 2005; Ernst et al. 2005; van Hasselt et al. 2016). Since

    Q(bet k) = p_k o_k - 1,

the first network's output for a bet is ``p_k - q_k``, the market taken out: that is what has to be
learned, and it does not depend on the price offered. Passing is worth 0.
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

from betting_ai.domain.markets import MARKET_AVERAGE, MARKET_MAXIMUM, Market
from betting_ai.domain.odds import fair_probabilities
from betting_ai.domain.probabilities import normalise
from betting_ai.features.facts import Facts, Floats, Ints
from betting_ai.features.market import closing_quotes
from betting_ai.features.spec import column
from betting_ai.models.scorer import WAIT
from betting_ai.training.dataset import Dataset
from betting_ai.training.graph import GraphBuilder

_AT: Final = column("log_q_home")
_FLOOR: Final = 1e-4
_CLIP: Final = 4.0
_BET_UNIT: Final = 0.01
_WAIT_UNIT: Final = 0.03


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


@dataclass(frozen=True, eq=False)
class PolicyMember:
    """The first stage's Q-network, which is all that serving needs."""

    standardiser: Standardiser
    network: Any

    def q_values(self, matrix: np.ndarray) -> tuple[Floats, Floats]:
        """``p_k - q_k`` of betting, and the value of waiting, each (n, 3)."""
        out = self.network.predict(self.standardiser.apply(matrix)).astype(np.float64)
        return out[:, :3] * _BET_UNIT, out[:, 3:] * _WAIT_UNIT

    def predict(self, matrix: np.ndarray) -> Floats:
        """(n, 3) implied probabilities, clipped and renormalised."""
        q = np.exp(matrix[:, _AT : _AT + 3].astype(np.float64))
        return normalise(np.maximum(q + self.q_values(matrix)[0], _FLOOR))

    def export(self, graph: GraphBuilder) -> None:
        """Probabilities, and the value of waiting."""
        g = graph
        z = g.add("Mul", g.add("Sub", "features", g.constant(self.standardiser.mean)),
                  g.constant(self.standardiser.scale))  # fmt: skip
        z = g.add("Where", g.add("IsNaN", z), g.constant(0.0), z)
        layer = g.add("Clip", z, g.constant(-_CLIP), g.constant(_CLIP))
        depth = len(self.network.coefs_)
        for i, (weights, bias) in enumerate(
            zip(self.network.coefs_, self.network.intercepts_, strict=True)
        ):
            layer = g.add("Gemm", layer, g.constant(weights), g.constant(bias))
            layer = g.add("Tanh", layer) if i < depth - 1 else layer
        one = g.constant([1], np.int64)

        def half(start: int, unit: float) -> str:
            begin, end = g.constant([start], np.int64), g.constant([start + 3], np.int64)
            return g.add("Mul", g.add("Slice", layer, begin, end, one), g.constant(unit))

        q = g.add("Exp", g.columns("log_q_home", 3))
        p = g.add("Max", g.add("Add", q, half(0, _BET_UNIT)), g.constant(_FLOOR))
        total = g.add("ReduceSum", p, one, keepdims=1)
        g.output(g.add("Div", p, total), "deep_rl")
        g.output(half(3, _WAIT_UNIT), WAIT)


@dataclass(frozen=True)
class PolicyTrainer:
    """Settings of the Q-iteration."""

    sweeps: int = 4
    epochs: int = 2
    hidden: tuple[int, ...] = (32,)
    name: str = "deep_rl"

    def train(self, data: Dataset, rows: Ints) -> PolicyMember:
        """Fit on rows; one thread, so that sums run in the same order everywhere."""
        standardiser = Standardiser.of(data.matrix[rows])
        state = standardiser.apply(data.matrix[rows])
        bet = (data.target[rows] - data.consensus[rows]) / _BET_UNIT
        close = closing_stage(data, rows)
        known = np.flatnonzero(close.known)
        wait = np.zeros((len(rows), 3))
        first = self._network(2 * 3, len(rows))
        last = self._network(1, len(known))
        with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            frozen_last = None
            for _ in range(self.sweeps):
                if len(known):
                    for _ in range(self.epochs):
                        last.partial_fit(close.state[known], close.reward[known] / _WAIT_UNIT)
                    frozen_last = frozen_last or copy.deepcopy(last)
                    wait = _waiting(close, known, last, frozen_last, _predicted(first, state))
                for _ in range(self.epochs):
                    target = np.hstack([bet, wait])
                    first.partial_fit(state, target, sample_weight=data.weight[rows])
                frozen_last = copy.deepcopy(last) if len(known) else None
        return PolicyMember(standardiser, first)

    def _network(self, outputs: int, rows: int) -> MLPRegressor:
        wide = outputs > 1
        return MLPRegressor(
            hidden_layer_sizes=self.hidden if wide else (16,),
            activation="tanh",
            alpha=10.0 if wide else 1e-3,
            batch_size=min(512, max(rows, 1)),
            learning_rate_init=5e-4 if wide else 2e-3,
            random_state=33 if wide else 34,
        )


@dataclass(frozen=True, eq=False)
class ClosingStage:
    """The second decision of every (match, selection), as rows ``3 i + k``.

    Attributes:
        state: (3n, c) what is seen at the close.
        reward: (3n,) profit of the bet at the close.
        known: (3n,) whether the book that gave the first price has a close, and others too.
    """

    state: np.ndarray
    reward: Floats
    known: np.ndarray


def closing_stage(data: Dataset, rows: Ints) -> ClosingStage:
    """What the bettor who waited found: the same book's close, and the other books' opinion."""
    facts, market, offers = data.facts, data.features.market, data.offers
    events = data.rows[rows]
    quote = offers.quote[rows]
    book = np.where(quote >= 0, market.quote_book[quote], -1)
    event = np.repeat(np.arange(len(rows)), 3)
    price, fair = _closes_without(facts, events, event, book.ravel())
    selection = np.tile(np.arange(3), len(rows))
    pick = np.arange(3 * len(rows)), selection
    at_close, others = price[pick], fair[pick]
    first = offers.price[rows].ravel()
    with np.errstate(invalid="ignore"):
        margin = (1.0 / price).sum(axis=1) - 1.0
        state = np.column_stack(
            [
                10.0 * np.log(at_close * others),
                10.0 * np.log(first / at_close),
                np.log(others),
                10.0 * margin,
                selection == 1,
                selection == 2,
            ]
        )
    known = np.isfinite(state).all(axis=1)
    reward = np.where(known, at_close * others - 1.0, 0.0)
    return ClosingStage(np.where(known[:, None], state, 0.0).clip(-5, 5), reward, known)


def _closes_without(facts: Facts, events: Ints, event: Ints, book: Ints) -> tuple[Floats, Floats]:
    """Close of one book, and the equal-weight log pool of the other named closes.

    Args:
        facts: prices.
        events: (n,) rows of the events.
        event: (m,) position among them.
        book: (m,) index into the facts' books; -1 for none.

    Returns:
        (m, 3) prices and (m, 3) probabilities, NaN where either is not there.
    """
    count = len(events)
    rows = closing_quotes(facts, Market.MATCH_RESULT)
    local = np.full(len(facts), -1, dtype=np.int64)
    local[events] = np.arange(count)
    named = np.array([b not in {MARKET_AVERAGE, MARKET_MAXIMUM} for b in facts.books])
    rows = rows[(local[facts.quote_event[rows]] >= 0) & named[facts.quote_book[rows]]]
    fair = fair_probabilities(facts.price[rows])
    whole = ~np.isnan(fair[:, 0])
    rows, logs = rows[whole], np.log(fair[whole])
    at = local[facts.quote_event[rows]]
    number = np.bincount(at, minlength=count)
    total = np.column_stack([np.bincount(at, column, minlength=count) for column in logs.T])
    slot = np.full((count, len(facts.books)), -1, dtype=np.int64)
    slot[at, facts.quote_book[rows]] = np.arange(len(rows))
    its = np.where(book >= 0, slot[event, book], -1)
    price = np.full((len(event), 3), np.nan)
    pool = np.full((len(event), 3), np.nan)
    both = (its >= 0) & (number[event] >= 2)
    price[both] = facts.price[rows[its[both]]]
    rest = total[event[both]] - logs[its[both]]
    pool[both] = normalise(np.exp(rest / (number[event[both]] - 1)[:, None]))
    return price, pool


def _waiting(
    close: ClosingStage,
    known: Ints,
    online: MLPRegressor,
    frozen: MLPRegressor,
    current: np.ndarray,
) -> np.ndarray:
    """(n, 3) double-Q targets of waiting: the online network chooses, its frozen copy values.

    Where the close is not known the target is the network's own answer, which teaches nothing.
    """
    chosen = online.predict(close.state[known]) > 0.0
    value = np.where(chosen, frozen.predict(close.state[known]), 0.0)
    target = current[:, 3:].ravel()
    target[known] = np.maximum(value, 0.0)
    return target.reshape(-1, 3)


def _predicted(network: MLPRegressor, state: np.ndarray) -> np.ndarray:
    if not hasattr(network, "coefs_"):
        return np.zeros((len(state), 6))
    return np.asarray(network.predict(state), dtype=np.float64)
