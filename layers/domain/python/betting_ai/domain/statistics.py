"""What a sample says, and how sure it is."""

from __future__ import annotations

from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from betting_ai.domain.odds import Bools
from betting_ai.domain.probabilities import Floats

Ints = npt.NDArray[np.int64]

BOOTSTRAPS: Final = 2_000


def mean_and_error(values: Floats, cluster: Ints | None = None) -> dict[str, float]:
    """Mean and standard error; one value, or one cluster of them, has a mean but no error: NaN.

    Args:
        values: (n,).
        cluster: (n,) values of one cluster (a day) are not independent; None where all are.
    """
    if not len(values):
        return {"mean": float("nan"), "se": float("nan"), "n": 0}
    centred = values - values.mean()
    if cluster is not None:
        _, index = np.unique(cluster, return_inverse=True)
        centred = np.bincount(index, centred)
    error = float(np.sqrt((centred**2).sum()) / len(values)) if len(centred) > 1 else float("nan")
    return {"mean": float(values.mean()), "se": error, "n": len(values)}


def bootstrap(values: Floats, cluster: Ints) -> list[float]:
    """95 % interval of the mean, drawing whole clusters; the same values give the same interval.

    Fewer than two clusters have none: NaN.
    """
    _, index = np.unique(cluster, return_inverse=True)
    if not len(index) or index.max() == 0:
        return [float("nan"), float("nan")]
    sums, counts = np.bincount(index, values), np.bincount(index)
    random = np.random.default_rng(1)
    drawn = random.integers(0, len(sums), (BOOTSTRAPS, len(sums)))
    many = counts.min() != counts.max()  # else every draw has as many
    number = counts.take(drawn).sum(axis=1) if many else counts[0] * len(counts)
    means = sums.take(drawn).sum(axis=1) / number
    low, high = np.quantile(means, (0.025, 0.975))
    return [float(low), float(high)]


def reliability(
    confidence: Floats, beat: Bools, bins: int = 5
) -> tuple[float, list[dict[str, float]]]:
    """Calibration of confidence in equal-count bins.

    Args:
        confidence: (n,) 0 to 100.
        beat: (n,) the price beat the fair close.
        bins: number of bins.

    Returns:
        The mean absolute gap, weighted by count, as a fraction; and each bin.
    """
    order = np.argsort(confidence, kind="stable")
    rows, gap = [], 0.0
    for its in np.array_split(order, bins):
        if len(its):
            stated, share = confidence[its].mean() / 100.0, float(beat[its].mean())
            gap += abs(stated - share) * len(its) / len(order)
            error = float(np.sqrt(max(share * (1 - share), 1e-9) / len(its)))
            error = error if len(its) > 1 else float("nan")
            rows.append({"stated": float(stated), "beat": share, "se": error, "picks": len(its)})
    return float(gap), rows


def drawdown(bankroll: Floats) -> float:
    """The largest fall from a peak, as a share of the peak."""
    if not len(bankroll):
        return 0.0
    peak = np.maximum.accumulate(bankroll)
    return float((1.0 - bankroll / peak).max())


def luck_of_the_best(trials: int) -> float:
    """Standard errors that the best of so many worthless settings is expected to show.

    Bailey & Lopez de Prado (2014), the deflated Sharpe ratio: the expected maximum of independent
    standard normal numbers.
    """
    if trials < 2:
        return 0.0
    normal, euler = NormalDist(), 0.5772156649
    return (1 - euler) * normal.inv_cdf(1 - 1 / trials) + euler * normal.inv_cdf(
        1 - 1 / (trials * np.e)
    )
