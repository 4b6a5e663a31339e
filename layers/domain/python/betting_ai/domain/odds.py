"""Prices: what they are net, which can be taken, and the fair probabilities they imply.

Prices are decimal odds; the last axis of every array is the selections of one market. Every
function serves one market and any number of them alike, and a row's numbers never depend, to the
last bit, on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Final

import numpy as np
import numpy.typing as npt

from betting_ai.domain.probabilities import Floats
from betting_ai.errors import InvalidInputError

Bools = npt.NDArray[np.bool_]

SANE_SUMS: Final = (0.95, 1.6)
"""Inverse prices that sum outside this are garbage: mixed-up columns, handicaps, typing errors."""

OVER_AVERAGE: Final = 1.15
"""A price above this multiple of the market average is taken for stale or mistyped."""

_SLACK: Final = 1e-9  # relative; keeps "equal to the limit" on the right side of float noise
_CHUNK: Final = 4096  # rows; the working set of a solver stays in the second-level cache
_POWER_STEPS: Final = (6, 6)
_SHIN_STEPS: Final = 9
_ODDS_RATIO_STEPS: Final = 12


def net_price(price: npt.ArrayLike, commission: npt.ArrayLike) -> Floats:
    """The price after commission on net winnings, ``1 + (o - 1)(1 - c)``, to 4 places as stored.

    Args:
        price: decimal odds, any shape.
        commission: share of net winnings in [0, 1), broadcast against ``price``.

    Raises:
        InvalidInputError: a commission outside [0, 1).
    """
    share = np.asarray(commission, np.float64)
    if not ((share >= 0.0) & (share < 1.0)).all():
        raise InvalidInputError("commission must be a share of net winnings from 0 to below 1")
    return np.round(1.0 + (np.asarray(price, np.float64) - 1.0) * (1.0 - share), 4)


def overround(prices: npt.ArrayLike) -> Floats:
    """The margin in a row of prices, (...): the sum of inverses less one; 0.05 means 5 %.

    Negative where a bettor could take all sides at a profit; NaN where a price is missing or
    not above 1.
    """
    values = np.asarray(prices, np.float64)
    usable = np.isfinite(values) & (values > 1.0)
    return _total(1.0 / np.moveaxis(np.where(usable, values, np.nan), -1, 0)) - 1.0


def above_maximum(price: npt.ArrayLike, maximum: npt.ArrayLike) -> Bools:
    """Whether a price is above the market's maximum; False where that is not known (NaN)."""
    return np.asarray(price, np.float64) > np.asarray(maximum, np.float64) * (1.0 + _SLACK)


def over_average(price: npt.ArrayLike, average: npt.ArrayLike) -> Bools:
    """Whether a price is over 1.15 x the market's average; False where that is not known (NaN)."""
    limit = np.asarray(average, np.float64) * (OVER_AVERAGE * (1.0 + _SLACK))
    return np.asarray(price, np.float64) > limit


def is_takeable(price: npt.ArrayLike, maximum: npt.ArrayLike, average: npt.ArrayLike) -> Bools:
    """Whether a named book's price is neither missing, stale nor mistyped.

    Args:
        price: decimal odds net of commission.
        maximum: the market's maximum for the selection, NaN where not known.
        average: the market's average for the selection, NaN where not known.

    Returns:
        True where the price is above 1, not above the maximum and not over 1.15 x the average.
    """
    stated = np.asarray(price, np.float64)
    usable = np.isfinite(stated) & (stated > 1.0)
    return usable & (stated <= highest_takeable(maximum, average))


def highest_takeable(maximum: npt.ArrayLike, average: npt.ArrayLike) -> Floats:
    """The highest price that is neither above the maximum nor over 1.15 x the average.

    Args:
        maximum: the market's maximum for the selection, NaN where not known.
        average: the market's average for the selection, NaN where not known.

    Returns:
        The price; infinity where neither is known.
    """
    of_maximum = np.asarray(maximum, np.float64) * (1.0 + _SLACK)
    of_average = np.asarray(average, np.float64) * (OVER_AVERAGE * (1.0 + _SLACK))
    lower = np.fmin(of_maximum, of_average)  # passes NaN over
    return np.where(np.isnan(lower), np.inf, lower)


def fair_probabilities(
    prices: npt.ArrayLike,
    method: str = "power",
    sane_sums: tuple[float, float] = SANE_SUMS,
) -> Floats:
    """Remove the margin from prices.

    With ``x_i = 1 / o_i`` and ``S = sum x_i`` the methods are:

    - ``power``: ``p_i = x_i ** k`` (Clarke et al. 2017);
    - ``shin``: ``p_i = (sqrt(z^2 + 4 (1 - z) x_i^2 / S) - z) / (2 (1 - z))`` (Shin 1993, in the
      form of Jullien and Salanie 1994), ``z`` negative where ``S < 1``;
    - ``additive``: ``p_i = x_i - (S - 1) / n``, which has no answer (a NaN row) where a longshot
      would come out at or below zero;
    - ``odds_ratio``: ``(1 - p_i) / p_i = c (1 - x_i) / x_i`` (Cheung 2015);
    - ``proportional``: ``p_i = x_i / S``.

    The free number is found by Newton steps whose count is fixed, so a row gives the same bits
    alone and in any array. All methods take ``S < 1`` (exchanges, market maxima) too.

    Args:
        prices: (..., n) decimal odds, ``n >= 2``.
        method: one of `METHODS`.
        sane_sums: smallest and largest ``S`` that is believed.

    Returns:
        (..., n) probabilities that sum to one; a row is NaN where a price is missing or not above
        1, or where ``S`` is not believed. Callers count such rows.

    Raises:
        InvalidInputError: an unknown method, or fewer than two selections.
    """
    values = np.asarray(prices, np.float64)
    if method not in _SOLVERS:
        raise InvalidInputError(f"unknown de-vig method {method!r}; use one of {METHODS}")
    if values.ndim == 0 or values.shape[-1] < 2:
        raise InvalidInputError("removing a margin needs the prices of at least two selections")
    solve = _SOLVERS[method]
    rows = values.reshape(-1, values.shape[-1])
    fair = np.empty_like(rows)
    for start in range(0, len(rows), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        fair[chunk] = _fair_columns(np.ascontiguousarray(rows[chunk].T), solve, sane_sums).T
    return fair.reshape(values.shape)


def _fair_columns(
    prices: Floats, solve: Callable[[Floats], Floats], sane_sums: tuple[float, float]
) -> Floats:
    """(n, rows) prices to (n, rows) probabilities.

    Columns are contiguous: numpy's exp and log take one code path there, whatever the length.
    """
    priced = (np.isfinite(prices) & (prices > 1.0)).all(axis=0)
    inverse = 1.0 / np.where(priced, prices, float(len(prices)))
    total = _total(inverse)
    believed = priced & (total >= sane_sums[0]) & (total <= sane_sums[1])
    # Rows that will be NaN are solved as a fair book, so that no warning comes from garbage.
    fair = solve(np.where(believed, inverse, 1.0 / len(prices)))
    fair /= _total(fair)
    fair[:, ~believed] = np.nan
    return fair


def _total(columns: Floats) -> Floats:
    """Column sum in one fixed order; np.sum would choose its order by the shape."""
    total: Floats = reduce(np.add, columns)
    return total


def _proportional(inverse: Floats) -> Floats:
    return inverse.copy()


def _additive(inverse: Floats) -> Floats:
    fair: Floats = inverse - (_total(inverse) - 1.0) / len(inverse)
    fair[:, (fair <= 0.0).any(axis=0)] = np.nan
    return fair


def _power(inverse: Floats) -> Floats:
    """Newton on ``log sum x_i^k``, convex and falling in ``k``: never past the root from below.

    The start is the answer for equal prices, which is not above the root where ``S >= 1``. Halfway
    most rows stand still to the last bit; the steps that are left would not move those.
    """
    logs = np.log(inverse)
    log_n = np.log(len(inverse))
    k = log_n / (log_n - np.log(_total(inverse)))
    first, rest = _POWER_STEPS
    k, moving = _power_steps(logs, k, first)
    k[moving], _ = _power_steps(np.ascontiguousarray(logs[:, moving]), k[moving], rest)
    powers = np.multiply(logs, k)
    return np.exp(powers, out=powers)


def _power_steps(logs: Floats, k: Floats, steps: int) -> tuple[Floats, Bools]:
    """Exponents after some Newton steps, and which of them the last step changed."""
    powers = np.empty_like(logs)
    before = k
    for _ in range(steps):
        np.exp(np.multiply(logs, k, out=powers), out=powers)
        total = _total(powers)
        slope = _total(np.multiply(powers, logs, out=powers))
        before, k = k, k - np.log(total) * total / slope
    return k, k != before


def _odds_ratio(inverse: Floats) -> Floats:
    """Newton on ``sum 1 / (1 + v b_i) = t``, convex and falling in ``v``, from ``v = 1``.

    With ``b = o - 1`` and ``t = 1`` the terms are the probabilities. Where ``S < 1`` the
    complements are solved instead (``b = 1 / (o - 1)``, ``t = n - 1``), so that the start is
    never above the root and no step overshoots.
    """
    net = 1.0 / inverse - 1.0
    direct = _total(inverse) >= 1.0
    ratio = np.where(direct, net, 1.0 / net)
    target = np.where(direct, 1.0, len(inverse) - 1.0)
    v = np.ones_like(target)
    for _ in range(_ODDS_RATIO_STEPS):
        terms = 1.0 / (1.0 + v * ratio)
        v += (_total(terms) - target) / _total(ratio * terms * terms)
    terms = 1.0 / (1.0 + v * ratio)
    return np.where(direct, terms, v * ratio * terms)


def _shin(inverse: Floats) -> Floats:
    """Newton on ``sum p_i(z) = 1`` from ``z = 0``, with ``dp/dz = -p (1 - p) / root``.

    Two selections have the additive answer (Jullien and Salanie 1994).
    """
    if len(inverse) == 2:
        return _additive(inverse)
    squares = inverse * inverse / _total(inverse)
    z = np.zeros(inverse.shape[1])
    for _ in range(_SHIN_STEPS):
        root = np.sqrt(z * z + 4.0 * (1.0 - z) * squares)
        p = (root - z) / (2.0 * (1.0 - z))
        z += (_total(p) - 1.0) / _total(p * (1.0 - p) / root)
    root = np.sqrt(z * z + 4.0 * (1.0 - z) * squares)
    return (root - z) / (2.0 * (1.0 - z))


_SOLVERS: Final[dict[str, Callable[[Floats], Floats]]] = {
    "power": _power,
    "shin": _shin,
    "additive": _additive,
    "odds_ratio": _odds_ratio,
    "proportional": _proportional,
}

METHODS: Final = tuple(_SOLVERS)
"""The names that `fair_probabilities` takes."""
