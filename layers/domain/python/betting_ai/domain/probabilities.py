"""Probabilities: pooling them, correcting them, scoring them.

The last axis of every array is the selections of one event. Every function serves one event and
any number of them alike, and a row's numbers never depend on the rows beside it. A row of NaN
means "no answer" and stays NaN; callers count such rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from betting_ai.errors import InvalidInputError

Floats = npt.NDArray[np.float64]


def normalise(p: npt.ArrayLike) -> Floats:
    """Scale the last axis to sum to one.

    Args:
        p: (..., n) non-negative numbers.

    Returns:
        (..., n); NaN where a row has a NaN or sums to zero.
    """
    values = np.asarray(p, np.float64)
    total = _row_sum(values)
    return values / np.where(total > 0.0, total, np.nan)[..., None]


def clip_probabilities(p: npt.ArrayLike, floor: float = 1e-6) -> Floats:
    """Lift probabilities to at least ``floor`` and normalise, so that their logarithm is finite."""
    return normalise(np.maximum(np.asarray(p, np.float64), floor))


def log_pool(log_p: npt.ArrayLike, weights: npt.ArrayLike) -> Floats:
    """Pool sources in log space: ``log p ~ sum_s w_s log p_s``.

    Args:
        log_p: (sources, ..., n) log-probabilities. A source with a NaN in a row has no say there.
        weights: (sources,) non-negative; scaled to sum to one over the sources that have a say.

    Returns:
        (..., n) probabilities; NaN where no source of positive weight has a say.

    Raises:
        InvalidInputError: weights are negative, not finite or not one per source.
    """
    stack = np.asarray(log_p, np.float64)
    pooled, total = _weighted_sum(stack, _weights(weights, len(stack)))
    return _from_logs(pooled / np.where(total > 0.0, total, np.nan)[..., None])


def linear_pool(p: npt.ArrayLike, weights: npt.ArrayLike) -> Floats:
    """Average sources: ``p = sum_s w_s p_s``, renormalised over the sources that answered.

    Args:
        p: (sources, ..., n) probabilities. A source with a NaN in a row did not answer there.
        weights: (sources,) non-negative.

    Returns:
        (..., n) probabilities; NaN where no source of positive weight answered.

    Raises:
        InvalidInputError: weights are negative, not finite or not one per source.
    """
    stack = np.asarray(p, np.float64)
    pooled, _ = _weighted_sum(stack, _weights(weights, len(stack)))
    return normalise(pooled)


def pick_price(q: npt.ArrayLike, members: npt.ArrayLike, weights: npt.ArrayLike) -> Floats:
    """The pick price ``f``: ``log f ~ log q + sum_m w_m (log p_m - log q)``.

    The weights are corrections to the market, not shares: they need not sum to one, and a member
    that did not answer corrects nothing.

    Args:
        q: (..., n) consensus.
        members: (members, ..., n) member probabilities, NaN rows where one did not answer.
        weights: (members,) non-negative.

    Returns:
        (..., n) probabilities; NaN where ``q`` is.

    Raises:
        InvalidInputError: weights are negative, not finite or not one per member.
    """
    log_q = _log(np.asarray(q, np.float64))
    moves = _log(np.asarray(members, np.float64)) - log_q
    correction, _ = _weighted_sum(moves, _weights(weights, len(moves)))
    return _from_logs(log_q + correction)


@dataclass(frozen=True)
class Calibration:
    """A calibration map as data: ``log p' ~ scale_i * log p_i + bias_i``.

    Temperature scaling is equal scales and no bias; vector scaling (Guo et al. 2017) frees both.

    Attributes:
        scales: one positive factor per selection.
        biases: one offset per selection, in log-probability.
    """

    scales: tuple[float, ...]
    biases: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.scales) != len(self.biases) or not self.scales:
            raise InvalidInputError("a calibration needs one scale and one bias per selection")
        if not np.isfinite((*self.scales, *self.biases)).all() or min(self.scales) <= 0.0:
            raise InvalidInputError("calibration scales must be positive and biases finite")

    @classmethod
    def identity(cls, selections: int = 3) -> Self:
        """The map that changes nothing."""
        return cls((1.0,) * selections, (0.0,) * selections)

    @classmethod
    def temperature(cls, temperature: float, selections: int = 3) -> Self:
        """Temperature scaling: above 1 flattens, below 1 sharpens."""
        return cls((1.0 / temperature,) * selections, (0.0,) * selections)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(tuple(map(float, data["scales"])), tuple(map(float, data["biases"])))

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {"scales": list(self.scales), "biases": list(self.biases)}

    def apply(self, p: npt.ArrayLike) -> Floats:
        """Calibrated probabilities, (..., n) as given."""
        return _from_logs(_log(np.asarray(p, np.float64)) * self.scales + self.biases)


def log_loss(p: npt.ArrayLike, outcome: npt.ArrayLike) -> Floats:
    """Per-event ``-log p`` of what happened.

    Args:
        p: (..., n) probabilities.
        outcome: (...) index of the selection that won.

    Returns:
        (...) nats; take the mean over events, and its standard error.
    """
    return -_log(_of_outcome(np.asarray(p, np.float64), outcome))


def cross_entropy(target: npt.ArrayLike, p: npt.ArrayLike) -> Floats:
    """Per-event ``-sum_i target_i log p_i``, (...) nats: log-loss against a fair close."""
    return -_row_sum(np.asarray(target, np.float64) * _log(np.asarray(p, np.float64)))


def rps(p: npt.ArrayLike, outcome: npt.ArrayLike) -> Floats:
    """Per-event ranked probability score, (...): squared cumulative errors over ``n - 1``.

    Epstein (1969); selections are ordered (home, draw, away), so three outcomes divide by 2.
    """
    errors = _errors(p, outcome)
    return _row_sum(np.cumsum(errors, axis=-1)[..., :-1] ** 2) / float(errors.shape[-1] - 1)


def brier(p: npt.ArrayLike, outcome: npt.ArrayLike) -> Floats:
    """Per-event Brier score, (...): squared errors summed over the selections."""
    return _row_sum(_errors(p, outcome) ** 2)


def accuracy(p: npt.ArrayLike, outcome: npt.ArrayLike) -> Floats:
    """Per-event 1.0 where the likeliest selection won (the first of equals), else 0.0; (...)."""
    values = np.asarray(p, np.float64)
    hit = np.argmax(values, axis=-1) == np.asarray(outcome)
    scored: Floats = np.where(np.isnan(values).any(axis=-1), np.nan, hit)
    return scored


def calibration_error(p: npt.ArrayLike, outcome: npt.ArrayLike, bins: int = 20) -> float:
    """Expected calibration error, all selections pooled, in equal-width bins over [0, 1].

    The mean over bins of ``|mean probability - share that won|``, weighted by how many
    probabilities fall into the bin; rows with NaN are left out.

    Args:
        p: (..., n) probabilities.
        outcome: (...) index of the selection that won.
        bins: number of bins.

    Returns:
        The error; NaN without a single usable row.
    """
    values = np.asarray(p, np.float64)
    won = values - _errors(values, outcome)
    known = ~np.isnan(values).any(axis=-1)
    flat, hits = values[known].ravel(), won[known].ravel()
    if flat.size == 0:
        return float("nan")
    index = np.minimum((flat * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(index, flat - hits, minlength=bins)
    return float(np.abs(gaps).sum() / flat.size)


def _weights(weights: npt.ArrayLike, sources: int) -> Floats:
    values = np.asarray(weights, np.float64)
    if values.shape != (sources,) or not np.isfinite(values).all() or (values < 0.0).any():
        raise InvalidInputError("pool weights must be non-negative, one per source")
    return values


def _weighted_sum(stack: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Sum over the sources that answered, (..., n), and the weight they carry, (...)."""
    total = np.zeros(stack.shape[1:-1])
    summed = np.zeros(stack.shape[1:])
    for source, weight in zip(stack, weights, strict=True):
        answered = ~np.isnan(source).any(axis=-1)
        total += np.where(answered, weight, 0.0)
        if weight > 0.0:  # zero times an infinite logarithm would be NaN
            summed += np.where(answered[..., None], weight * source, 0.0)
    return summed, total


def _from_logs(log_p: Floats) -> Floats:
    """Normalised exponentials; the largest is taken out first, so that none overflows."""
    return normalise(np.exp(log_p - log_p.max(axis=-1, keepdims=True)))


def _log(p: Floats) -> Floats:
    """Logarithm; a zero probability gives minus infinity without a warning."""
    with np.errstate(divide="ignore"):
        return np.log(p)


def _row_sum(values: Floats) -> Floats:
    """Sum over the last axis, always in the same order whatever the shape."""
    total: Floats = reduce(np.add, np.moveaxis(values, -1, 0))
    return total


def _of_outcome(p: Floats, outcome: npt.ArrayLike) -> Floats:
    index = np.asarray(outcome, np.int64)[..., None]
    taken: Floats = np.take_along_axis(p, index, axis=-1)[..., 0]
    return taken


def _errors(p: npt.ArrayLike, outcome: npt.ArrayLike) -> Floats:
    values = np.asarray(p, np.float64)
    won: Floats = np.equal(np.arange(values.shape[-1]), np.asarray(outcome)[..., None]) * 1.0
    return values - won
