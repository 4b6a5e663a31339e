"""The sports the product knows. A sport is data: how it ends, and how its calendar runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from betting_ai.domain.leagues import LEAGUES
from betting_ai.errors import InvalidInputError

FOOTBALL: Final = "football"
TENNIS: Final = "tennis"
BASKETBALL: Final = "basketball"

_DAY: Final = 86_400
_Instants = TypeVar("_Instants", int, npt.NDArray[np.int64])


class Ended(IntEnum):
    """How an event that is over came to its end. The values are stored; never renumber.

    Only what was `FINISHED` has a score. The others have none that counts: bets on who wins are
    void, and nobody's strength is measured by them.
    """

    FINISHED = 0
    RETIRED = 1  # begun, and given up by one side
    WALKOVER = 2  # never begun: one side did not come, was put out, or it was called off


@dataclass(frozen=True)
class Sport:
    """What is played.

    Attributes:
        code: as leagues name it.
        name: what people call it.
        outcomes: of a match: 3 where it can be drawn, else 2.
        season_begins: month and day on which a season begins.
        season_is_named_for_its_end: the season that begins in December 2023 is 2024.
        day_begins: seconds after UTC midnight at which a day of results begins: a time at which no
            match of the sport is under way, so that what one evening brought is known on the next.
    """

    code: str
    name: str
    outcomes: int
    season_begins: tuple[int, int] = (7, 1)
    season_is_named_for_its_end: bool = False
    day_begins: int = 0

    def season_of(self, day: date) -> int:
        """The season that a day lies in."""
        begun = (day.month, day.day) >= self.season_begins
        return day.year - 1 + begun + self.season_is_named_for_its_end

    def season_days(self, season: int) -> tuple[date, date]:
        """First and last day of a season."""
        year = season - self.season_is_named_for_its_end
        month, day = self.season_begins
        return date(year, month, day), date(year + 1, month, day) - timedelta(days=1)

    def season_name(self, season: int) -> str:
        """``"2024-25"``, or ``"2025"`` where a season is named for its end."""
        return str(season) if self.season_is_named_for_its_end else _split_year(season)

    def result_day(self, instant: _Instants) -> _Instants:
        """The day of results, counted since the epoch, of seconds since the epoch."""
        return (instant - self.day_begins) // _DAY


def _split_year(season: int) -> str:
    return f"{season}-{(season + 1) % 100:02d}"


SPORTS: Final = {
    sport.code: sport
    for sport in (
        Sport(FOOTBALL, "Football", 3),
        # The tour's year begins in the last days of December.
        Sport(TENNIS, "Tennis", 2, season_begins=(12, 25), season_is_named_for_its_end=True),
        # Evenings in America are over by noon UTC, and none has begun by then.
        Sport(BASKETBALL, "Basketball", 2, day_begins=12 * 3600),
    )
}


def leagues_of(sport: str) -> tuple[str, ...]:
    """Codes of a sport's leagues."""
    return tuple(code for code, league in LEAGUES.items() if league.sport == sport)


def sport_of(leagues: Iterable[str]) -> str:
    """The one sport that some leagues are of; football where none is named.

    Raises:
        InvalidInputError: they are of several.
    """
    found = sorted({LEAGUES[code].sport for code in leagues if code in LEAGUES})
    if len(found) > 1:
        raise InvalidInputError(
            f"leagues of one sport at a time, not of {' and '.join(found)}: each has its own models"
        )
    return found[0] if found else FOOTBALL
