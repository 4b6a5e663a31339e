"""Which selection a score makes win."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from betting_ai.domain.markets import BettingMarket, Market
from betting_ai.errors import InvalidInputError

Ints = npt.NDArray[np.int64]


def winners(market: BettingMarket, home: npt.ArrayLike, away: npt.ArrayLike) -> Ints:
    """Position of the winning selection in the market's outcomes.

    Args:
        market: home, draw and away; or over and under a line that no score meets.
        home: (...) goals of the home side.
        away: (...) goals of the away side.

    Raises:
        InvalidInputError: a score can meet the line, so that neither selection wins.
    """
    h, a = np.asarray(home, np.int64), np.asarray(away, np.int64)
    if market.kind is Market.TOTALS:
        if float(market.line).is_integer():
            raise InvalidInputError(f"{market.name} can end without a winner")
        return np.asarray(np.where(h + a > market.line, 0, 1), np.int64)
    return np.asarray(np.where(h > a, 0, np.where(h == a, 1, 2)), np.int64)
