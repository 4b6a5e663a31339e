"""What can be bet on."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final


class Market(IntEnum):
    """A market. The values are stored; never renumber."""

    MATCH_RESULT = 0  # home, draw, away (home, away in two-way sports)
    TOTALS = 1  # over, under `line`
    HANDICAP = 2  # home with `line` added to its score, away


class Outcome(StrEnum):
    """A selection of the match-result market."""

    HOME = "home"
    DRAW = "draw"
    AWAY = "away"


OUTCOMES: Final = (Outcome.HOME, Outcome.DRAW, Outcome.AWAY)
"""The order of the last axis of every array of match-result prices and probabilities."""

MARKET_MAXIMUM: Final = "MAX"
"""The book code of a market-maximum column: a labelled upper bound, never a price to take."""

MARKET_AVERAGE: Final = "AVG"
"""The book code of a market-average column: one source of the consensus, never a price to take."""

EXCHANGE_COMMISSION: Final[dict[str, float]] = {"BFE": 0.05}
"""Commission on net winnings of the exchanges, by book code; their prices are stored gross."""
