"""What a bet is worth once its event is over: the rules, as one table and two formulas.

A bet on a line in quarters is two half bets on the nearest half lines. The margin of a bet is by
how much it beats its line: goals above (or below) a total, goals of lead with the handicap added.
Won by a half or more, lost by a half or more, half won or half lost by a quarter, void at zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from betting_ai.domain.markets import SELECTIONS, BettingMarket, Market, Outcome
from betting_ai.errors import InvalidInputError

Ints = npt.NDArray[np.int64]

_CENT: Final = Decimal("0.01")

ENDINGS: Final = "postponed, abandoned, cancelled, walkover, retired, or a score such as 2-1."
"""How a person says how an event ended."""


class Ending(StrEnum):
    """How an event ended. The words are stored; never rename."""

    FINISHED = "finished"
    POSTPONED = "postponed"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"
    WALKOVER = "walkover"
    RETIRED = "retired"  # a player gave up during the match


class Settled(StrEnum):
    """What became of a bet. The words are stored; never rename."""

    WON = "won"
    LOST = "lost"
    VOID = "void"
    HALF_WON = "half_won"
    HALF_LOST = "half_lost"


@dataclass(frozen=True)
class Score:
    """How an event ended.

    Attributes:
        ending: only a finished event has a winner.
        home: goals or points of the home side, when finished.
        away: the same of the away side.
    """

    ending: Ending
    home: int | None = None
    away: int | None = None

    def __post_init__(self) -> None:
        known = self.home is not None and self.away is not None
        if self.ending is Ending.FINISHED and not known:
            raise InvalidInputError("a finished event needs both sides' scores")
        if known and min(self.home or 0, self.away or 0) < 0:
            raise InvalidInputError("a score must not be negative")

    @classmethod
    def of(cls, text: str) -> Self:
        """How an event ended, as a person writes it, see `ENDINGS`.

        Raises:
            InvalidInputError: neither a score nor an ending.
        """
        home, dash, away = text.partition("-")
        if dash and home.strip().isdecimal() and away.strip().isdecimal():
            return cls(Ending.FINISHED, int(home), int(away))
        if text in {str(e) for e in Ending if e is not Ending.FINISHED}:
            return cls(Ending(text))
        raise InvalidInputError(f"{text!r} is no ending; write {ENDINGS}")


def settle(market: Market, line: float, outcome: Outcome, score: Score) -> Settled:
    """What became of a bet.

    Args:
        market: the kind of market.
        line: goals or points, in quarters; of a handicap, what is added to the home side's score.
        outcome: the selection.
        score: how the event ended; anything but a finished event is void, as at most books: a
            match that is not played to its end on its day, a walkover, a retirement.

    Raises:
        InvalidInputError: the market has no such selection, or the line is not in quarters.
    """
    if outcome not in SELECTIONS[market]:
        raise InvalidInputError(f"{outcome} cannot be bet on in the market {market.name.lower()}")
    if (4 * line) % 1:
        raise InvalidInputError("a line must be in quarters")
    if score.ending is not Ending.FINISHED or score.home is None or score.away is None:
        return Settled.VOID
    if market is Market.MATCH_RESULT:
        lead = score.home - score.away
        won = {Outcome.HOME: lead > 0, Outcome.DRAW: lead == 0, Outcome.AWAY: lead < 0}[outcome]
        return Settled.WON if won else Settled.LOST
    if market is Market.TOTALS:
        over = score.home + score.away - line
        return _by_margin(over if outcome is Outcome.OVER else -over)
    home = score.home + line - score.away
    return _by_margin(home if outcome is Outcome.HOME else -home)


def profit(result: Settled, stake: Decimal, price: Decimal) -> Decimal:
    """Money won or lost, in whole cents; a fraction of a cent goes to the book.

    Args:
        result: what became of the bet.
        stake: money put on it.
        price: decimal odds, net of commission.
    """
    gain = {
        Settled.WON: stake * (price - 1),
        Settled.LOST: -stake,
        Settled.VOID: Decimal(0),
        Settled.HALF_WON: stake / 2 * (price - 1),
        Settled.HALF_LOST: -stake / 2,
    }[result]
    return gain.quantize(_CENT, ROUND_FLOOR)


def winners(market: BettingMarket, home: npt.ArrayLike, away: npt.ArrayLike) -> Ints:
    """Position of the winning selection in the market's outcomes.

    Args:
        market: home, draw and away; home and away; or over and under a line that no score meets.
        home: (...) goals, points or sets of the home side, of matches that were completed.
        away: (...) the same of the away side.

    Raises:
        InvalidInputError: a score leaves no winner: it can meet the line, or it is level where
            there is no draw.
    """
    h, a = np.asarray(home, np.int64), np.asarray(away, np.int64)
    if market.kind is Market.TOTALS:
        if float(market.line).is_integer():
            raise InvalidInputError(f"{market.name} can end without a winner")
        return np.asarray(np.where(h + a > market.line, 0, 1), np.int64)
    if market.width == 2:
        if (h == a).any():
            raise InvalidInputError(f"a level score has no winner in {market.name}")
        return np.asarray(np.where(h > a, 0, 1), np.int64)
    return np.asarray(np.where(h > a, 0, np.where(h == a, 1, 2)), np.int64)


def _by_margin(margin: float) -> Settled:
    if margin >= 0.5:
        return Settled.WON
    if margin > 0:
        return Settled.HALF_WON
    if margin == 0:
        return Settled.VOID
    return Settled.HALF_LOST if margin > -0.5 else Settled.LOST
