"""What the goal markets imply for the result: a second opinion on the match-result prices.

Handicap and totals lines are priced by other hands than home, draw and away. Read as independent
Poisson goals they give result probabilities of their own; where those differ from the consensus,
one of the two is about to move.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from betting_ai.features.facts import Floats

_NEWTON_STEPS: Final = 10
_TYPICAL_TOTAL: Final = 2.5
_MOST_GOALS: Final = 10
_LEAST_RATE: Final = 0.05
_LOGIT_TO_NORMAL: Final = 1.702
"""The logistic distribution scaled by this is within 0.01 of the normal one (Haley 1952)."""


def expected_goals(over_2_5: Floats) -> Floats:
    """The Poisson mean under which over 2.5 goals has a probability.

    Newton on ``log(1 + T + T^2 / 2) - T = log(1 - over)``, concave and falling in ``T``.

    Args:
        over_2_5: (n,) probabilities in (0, 1); NaN stays NaN.
    """
    target = np.log1p(-over_2_5)
    total = np.full_like(target, _TYPICAL_TOTAL)
    for _ in range(_NEWTON_STEPS):
        sums = 1.0 + total + 0.5 * total * total
        gap = np.log(sums) - total - target
        total = np.maximum(total + gap * sums / (0.5 * total * total), 2.0 * _LEAST_RATE)
    return total


def implied_results(over_2_5: Floats, line: Floats, covers: Floats) -> Floats:
    """Home, draw and away as the totals and the handicap line imply them.

    The expected goal difference is where the handicap is fair: with a standard deviation of the
    square root of the total, ``line + difference`` is covered as often as priced.

    Args:
        over_2_5: (n,) fair probability of over 2.5 goals.
        line: (n,) goals added to the home side's score.
        covers: (n,) fair probability that the home side covers the line.

    Returns:
        (n, 3) probabilities; NaN where an argument is.
    """
    total = expected_goals(over_2_5)
    spread = np.sqrt(total) / _LOGIT_TO_NORMAL
    difference = spread * (np.log(covers) - np.log1p(-covers)) - line
    home = np.maximum(0.5 * (total + difference), _LEAST_RATE)
    away = np.maximum(0.5 * (total - difference), _LEAST_RATE)
    scores_home, scores_away = np.exp(-home), np.exp(-away)
    fewer_away = np.zeros_like(total)
    win, draw = np.zeros_like(total), np.zeros_like(total)
    for goals in range(1, _MOST_GOALS + 2):
        win += scores_home * fewer_away
        draw += scores_home * scores_away
        fewer_away += scores_away
        scores_home = scores_home * home / goals
        scores_away = scores_away * away / goals
    return np.column_stack([win, draw, np.maximum(1.0 - win - draw, 1e-9)])
