"""Whether what a model is asked about still looks like what it learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from betting_ai.models.manifest import Manifest

USUAL_OUTSIDE: Final = 0.02
"""Share of rows that lay outside the 1st to 99th percentile in training, by definition."""

ALARM_OUTSIDE: Final = 0.10
ALARM_MISSING: Final = 0.20
ALARM_CALIBRATION: Final = 0.012
FEWEST_ROWS: Final = 200

LUCK_OF_CALIBRATION: Final = 1.2
"""Over the root of the matches: above this, calibration error is no luck.

Honest probabilities stayed below 1.13 to 1.19 in 99 of 100 draws of 200 to 7,600 matches, made by
drawing outcomes from the market's own probabilities of 2024-25.
"""


@dataclass(frozen=True)
class Drift:
    """What differs from training.

    Attributes:
        rows: how many were looked at.
        outside: feature -> share of its known values outside the range of training, where that is
            far above the usual 2 %.
        missing: feature -> shares missing now and in training, where they are far apart.
        alarms: one line each; empty where nothing is amiss or too little was seen.
    """

    rows: int
    outside: dict[str, float]
    missing: dict[str, tuple[float, float]]
    alarms: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {
            "rows": self.rows,
            "outside": self.outside,
            "missing": {name: list(pair) for name, pair in self.missing.items()},
            "alarms": list(self.alarms),
        }


def drift(
    matrix: np.ndarray,
    manifest: Manifest,
    calibration_error: float | None = None,
    matches: int = 0,
) -> Drift:
    """Compare feature rows with those of training.

    Args:
        matrix: (n, d) rows that were asked about.
        manifest: of the model that answered.
        calibration_error: of the ensemble, once results are known.
        matches: that the calibration error is of.
    """
    if len(matrix) < FEWEST_ROWS:
        return Drift(len(matrix), {}, {}, ())
    known = ~np.isnan(matrix)
    outside, missing = {}, {}
    for k, (name, (low, high, absent)) in enumerate(
        zip(manifest.spec.names, manifest.ranges, strict=True)
    ):
        now = 1.0 - float(known[:, k].mean())
        if abs(now - absent) > ALARM_MISSING:
            missing[name] = (round(now, 3), round(absent, 3))
        if low is not None and high is not None and known[:, k].any():
            values = matrix[known[:, k], k]
            share = float(((values < low) | (values > high)).mean())
            if share > ALARM_OUTSIDE:
                outside[name] = round(share, 3)
    alarms = []
    if outside:
        worst = max(outside, key=lambda name: outside[name])
        alarms.append(
            f"{len(outside)} features leave their range of training, most of all {worst}: outside "
            f"it in {outside[worst]:.0%} of rows now, in {USUAL_OUTSIDE:.0%} in training"
        )
    if missing:
        worst = max(missing, key=lambda name: abs(missing[name][0] - missing[name][1]))
        now, then = missing[worst]
        alarms.append(
            f"{len(missing)} features are missing more or less often than in training, most of all "
            f"{worst}: missing in {now:.0%} of rows now, in {then:.0%} in training"
        )
    limit = max(ALARM_CALIBRATION, LUCK_OF_CALIBRATION / np.sqrt(max(matches, 1)))
    if calibration_error is not None and calibration_error > limit:
        alarms.append(
            f"calibration error {calibration_error:.4f} over {matches} matches is above {limit:.4f}"
        )
    return Drift(len(matrix), outside, missing, tuple(alarms))
