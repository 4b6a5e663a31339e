"""Columnar facts: events, prices and results as arrays, the one shape that every source yields.

A season file, a fixtures snapshot and the database all give a `Facts`; ingest stores one, the
feature builder reads one. Rows are in one canonical order, so two sources that hold the same facts
give the same arrays bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NEVER: Final = int(np.iinfo(np.int64).max)
"""The known-at of a fact that is not known: later than every instant."""

MISSING: Final = -1
"""A count that the source does not give."""


# Order of the columns of `Facts.stats`.
STATS: Final = (
    "goals_home", "goals_away", "half_time_home", "half_time_away",
    "shots_home", "shots_away", "shots_on_target_home", "shots_on_target_away",
    "corners_home", "corners_away", "yellow_home", "yellow_away", "red_home", "red_away",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Facts:
    """Events with their results and prices.

    ``n`` events in the order (kickoff, event_id), ``m`` quotes in the order (event row, market,
    line, book name, quoted_at). A quote is complete: every selection of its market has a price.

    Attributes:
        leagues: league codes that ``league`` points into, sorted.
        teams: team keys ``"<country>:<name>"`` that ``home`` and ``away`` point into, sorted.
        books: book codes that ``quote_book`` points into, sorted.
        event_id: (n,) stable identifiers, see `betting_ai.domain.events.event_id`.
        league: (n,) index into ``leagues``.
        season: (n,) year in which the season began (2024 for 2024-25 and for a calendar 2024).
        home: (n,) index into ``teams``.
        away: (n,) index into ``teams``.
        kickoff: (n,) seconds since the epoch, UTC.
        day: (n,) days since the epoch of the match's own date (UK calendar in UK files).
        time_assumed: (n,) the source gave no time of day.
        result_known_at: (n,) seconds since the epoch, `NEVER` without a result.
        stats: (n, 14) counts in the order of `STATS`, `MISSING` where the source has none.
        quote_event: (m,) row of the event.
        quote_book: (m,) index into ``books``.
        quote_market: (m,) a `Market`.
        quote_line: (m,) goals or points; 0 where the market has no line.
        quoted_at: (m,) seconds since the epoch at which the price stood; a closing price stands
            at kick-off.
        price: (m, 3) decimal odds rounded to 4 places; NaN in the third column of a two-way market.
    """

    leagues: tuple[str, ...]
    teams: tuple[str, ...]
    books: tuple[str, ...]
    event_id: Ints
    league: Ints
    season: Ints
    home: Ints
    away: Ints
    kickoff: Ints
    day: Ints
    time_assumed: Bools
    result_known_at: Ints
    stats: Ints
    quote_event: Ints
    quote_book: Ints
    quote_market: Ints
    quote_line: Floats
    quoted_at: Ints
    price: Floats

    def __len__(self) -> int:
        return len(self.event_id)

    @property
    def quotes(self) -> int:
        """Number of quotes."""
        return len(self.quote_event)

    def equals(self, other: Facts) -> bool:
        """Whether both hold the same facts, bit for bit."""
        return all(
            np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f")
            if isinstance(mine := getattr(self, f.name), np.ndarray)
            else mine == getattr(other, f.name)
            for f in fields(self)
            for theirs in (getattr(other, f.name),)
        )
