"""What can be bet on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from betting_ai.errors import InvalidInputError


class Market(IntEnum):
    """A kind of market. The values are stored; never renumber."""

    MATCH_RESULT = 0  # home, draw, away (home, away in two-way sports)
    TOTALS = 1  # over, under `line`
    HANDICAP = 2  # home with `line` added to its score, away


class Outcome(StrEnum):
    """A selection of a market."""

    HOME = "home"
    DRAW = "draw"
    AWAY = "away"
    OVER = "over"
    UNDER = "under"


OUTCOMES: Final = (Outcome.HOME, Outcome.DRAW, Outcome.AWAY)
"""The order of the last axis of every array of match-result prices and probabilities."""

SELECTIONS: Final = {
    Market.MATCH_RESULT: OUTCOMES,
    Market.TOTALS: (Outcome.OVER, Outcome.UNDER),
    Market.HANDICAP: (Outcome.HOME, Outcome.AWAY),
}
"""The selections of each kind of market, in the order of their stored numbers.

Who wins is stored as 0 and 2 where nothing can be drawn: a number means the same in every sport.
"""


@dataclass(frozen=True)
class BettingMarket:
    """A market at one line: what a model answers for and a bet is placed on.

    Attributes:
        name: as models and slates name it.
        kind: of its quotes.
        line: goals or points; 0 where the kind has no line.
        outcomes: its selections, in the order of the last axis of every array.
        sport: whose market it is.
    """

    name: str
    kind: Market
    line: float
    outcomes: tuple[Outcome, ...]
    sport: str = "football"

    @property
    def width(self) -> int:
        """Number of selections."""
        return len(self.outcomes)


MATCH_RESULT: Final = BettingMarket("match_result", Market.MATCH_RESULT, 0.0, OUTCOMES)
OVER_UNDER: Final = BettingMarket(
    "over_under_2_5", Market.TOTALS, 2.5, (Outcome.OVER, Outcome.UNDER)
)
TENNIS_WINNER: Final = BettingMarket(
    "tennis_winner", Market.MATCH_RESULT, 0.0, (Outcome.HOME, Outcome.AWAY), "tennis"
)
NBA_WINNER: Final = BettingMarket(
    "nba_winner", Market.MATCH_RESULT, 0.0, (Outcome.HOME, Outcome.AWAY), "basketball"
)
BETTING_MARKETS: Final = (MATCH_RESULT, OVER_UNDER, TENNIS_WINNER, NBA_WINNER)
"""The markets that models are trained for; the first of a sport is the one on who wins."""


def betting_market(name: str) -> BettingMarket:
    """The market of a name.

    Raises:
        InvalidInputError: there is none.
    """
    for market in BETTING_MARKETS:
        if market.name == name:
            return market
    known = " or ".join(market.name for market in BETTING_MARKETS)
    raise InvalidInputError(f"unknown market {name!r}; use {known}")


def markets_of(sport: str) -> tuple[BettingMarket, ...]:
    """A sport's markets, the one on who wins first."""
    return tuple(market for market in BETTING_MARKETS if market.sport == sport)


def market_at(sport: str, kind: Market, line: float) -> BettingMarket:
    """A sport's market of a kind at a line; one that no model is trained for has no name."""
    for market in markets_of(sport):
        if (market.kind, market.line) == (kind, line):
            return market
    return BettingMarket("", kind, line, SELECTIONS[kind], sport)


def winner_market(sport: str) -> BettingMarket:
    """A sport's market on who wins."""
    return markets_of(sport)[0]


MARKET_MAXIMUM: Final = "MAX"
"""The book code of a market-maximum column: a labelled upper bound, never a price to take."""

MARKET_AVERAGE: Final = "AVG"
"""The book code of a market-average column: one source of the consensus, never a price to take."""

EXCHANGE_COMMISSION: Final[dict[str, float]] = {"BFE": 0.05, "MBK": 0.04, "SMK": 0.02}
"""Commission on net winnings of the exchanges, by book code; their prices are stored gross.

Each is the highest of the exchange's usual rates: a discount makes a price better, never worse.
"""
