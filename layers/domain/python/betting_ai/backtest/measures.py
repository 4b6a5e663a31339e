"""How good probabilities and picks were: the measures, each with its standard error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from betting_ai.domain.probabilities import (
    accuracy,
    brier,
    calibration_error,
    cross_entropy,
    log_loss,
    rps,
)
from betting_ai.domain.statistics import bootstrap, mean_and_error
from betting_ai.features.facts import Bools, Floats, Ints

EV_BUCKETS: Final = (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, np.inf)
FEWEST_DAYS: Final = 30
"""Less than that is no month to speak of."""

ODDS_BANDS: Final = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0, np.inf)


def score(
    sources: Mapping[str, Floats], market: str, outcome: Ints, close: Floats
) -> dict[str, dict[str, Any]]:
    """Measures of every source on the same matches.

    Args:
        sources: name -> (n, s) probabilities, none of them NaN.
        market: the source that the others are compared with.
        outcome: (n,) which selection won.
        close: (n, s) fair close, NaN where there is none.

    Returns:
        Source -> log-loss, RPS (three-way markets), Brier, accuracy, calibration error (20 bins
        pooled), and its differences to the market in log-loss and in cross-entropy against the
        fair close, each with its standard error.
    """
    base = log_loss(sources[market], outcome)
    closed = ~np.isnan(close[:, 0])
    to_close = cross_entropy(close[closed], sources[market][closed])
    table = {}
    for name, p in sources.items():
        loss = log_loss(p, outcome)
        table[name] = {
            "log_loss": float(loss.mean()),
            "rps": float(rps(p, outcome).mean()),
            "brier": float(brier(p, outcome).mean()),
            "accuracy": float(accuracy(p, outcome).mean()),
            "calibration_error": calibration_error(p, outcome),
            "log_loss_difference": mean_and_error(loss - base),
            "cross_entropy_difference": mean_and_error(
                cross_entropy(close[closed], p[closed]) - to_close
            ),
        }
    return table


def a_month(picks: int, days: Ints) -> float:
    """Picks a month, over the calendar months that have matches.

    Args:
        picks: how many.
        days: (n,) days of the matches, since the epoch.

    Returns:
        The rate, to one place; NaN where the matches span less than `FEWEST_DAYS`.
    """
    if not len(days) or days.max() - days.min() + 1 < FEWEST_DAYS:
        return float("nan")
    months = np.unique(days.astype("datetime64[D]").astype("datetime64[M]"))
    return round(picks / len(months), 1)


@dataclass(frozen=True, eq=False)
class PickTable:
    """Picks as columns of ``n`` rows, in order of time.

    Attributes:
        day: days since the epoch.
        season: year in which the season began.
        league: league codes.
        bookmaker: book codes.
        outcome: which selection.
        price: decimal odds taken.
        claimed: EV as claimed.
        confidence: 0 to 100.
        clv: closing-line value, NaN without a close.
        clv_without_book: the same by the other named books' close, NaN where there are not three.
        price_to_price: price over the same book's closing price, less 1; NaN where it has none.
        won: the selection won.
        stake: money.
        begun_with: bankroll before the day.
    """

    day: Ints
    season: Ints
    league: np.ndarray
    bookmaker: np.ndarray
    outcome: np.ndarray
    price: Floats
    claimed: Floats
    confidence: Floats
    clv: Floats
    clv_without_book: Floats
    price_to_price: Floats
    won: Bools
    stake: Floats
    begun_with: Floats

    def __len__(self) -> int:
        return len(self.day)

    def where(self, keep: Bools) -> PickTable:
        """The rows of a mask."""
        return PickTable(**{name: getattr(self, name)[keep] for name in self.__dataclass_fields__})

    @property
    def profit(self) -> Floats:
        """(n,) of one unit staked on each."""
        return np.where(self.won, self.price - 1.0, -1.0)


def summary(picks: PickTable) -> dict[str, Any]:
    """What a set of picks was worth; closing-line value first."""
    known = ~np.isnan(picks.clv)
    clv = mean_and_error(picks.clv[known], picks.day[known])
    claimed = float(picks.claimed.mean()) if len(picks) else float("nan")
    profit = picks.profit
    beat = (picks.clv[known] > 0).astype(np.float64)
    return {
        "picks": len(picks),
        "days": len(np.unique(picks.day)),
        "without_close": int((~known).sum()),
        "claimed_ev": claimed,
        "clv": clv,
        "clv_interval": [clv["mean"] - 1.96 * clv["se"], clv["mean"] + 1.96 * clv["se"]],
        "clv_over_claimed": clv["mean"] / claimed if claimed else float("nan"),
        "clv_without_book": _known(picks.clv_without_book, picks.day),
        "price_to_price": _known(picks.price_to_price, picks.day),
        "beat_close": mean_and_error(beat, picks.day[known]),
        "yield": mean_and_error(profit, picks.day),
        "yield_interval": bootstrap(profit, picks.day),
        "hit_rate": float(picks.won.mean()) if len(picks) else float("nan"),
        "mean_odds": float(picks.price.mean()) if len(picks) else float("nan"),
    }


def _known(values: Floats, day: Ints) -> dict[str, float]:
    known = ~np.isnan(values)
    return mean_and_error(values[known], day[known])


def by(picks: PickTable, column: Sequence[Any] | np.ndarray) -> dict[str, dict[str, Any]]:
    """The summary of every value of a column."""
    labels = np.asarray(column)
    return {str(value): summary(picks.where(labels == value)) for value in np.unique(labels)}


def bands(values: Floats, edges: Sequence[float]) -> np.ndarray:
    """Label of the band that each value falls into, such as ``"2-3"``; sorts by its number."""
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    labels = np.array(
        [
            f"over {low:g}" if np.isinf(high) else f"{low:g}-{high:g}"
            for low, high in pairwise(edges)
        ]
    )
    return labels[place]


def ev_buckets(picks: PickTable) -> list[dict[str, Any]]:
    """Claimed against realised by bucket of claimed EV."""
    place = np.searchsorted(EV_BUCKETS, picks.claimed, side="right") - 1
    rows = []
    for number, (low, high) in enumerate(pairwise(EV_BUCKETS)):
        its = picks.where((place == number) & ~np.isnan(picks.clv))
        if len(its):
            rows.append(
                {
                    "from": low,
                    "to": None if np.isinf(high) else high,
                    "picks": len(its),
                    "claimed_ev": float(its.claimed.mean()),
                    "clv": mean_and_error(its.clv, its.day),
                }
            )
    return rows
