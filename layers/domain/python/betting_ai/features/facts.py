"""Columnar facts: events, prices and results as arrays, the one shape that every source yields.

A season file, a fixtures snapshot and the database all give a `Facts`; ingest stores one, the
feature builder reads one. Rows are in one canonical order, so two sources that hold the same facts
give the same arrays bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from betting_ai.domain.odds import fair_probabilities
from betting_ai.domain.sports import Ended

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_T = TypeVar("_T", bound=np.generic)

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
        ending: (n,) an `Ended`, of events whose result is known; one that was not finished has
            `MISSING` counts. Sources that know of finished events only need not say so.
        quote_live: (m,) the price is of a live feed, which tells within minutes when it changes;
            else of a snapshot (season files, fixtures files), which is believed for much longer.
            Sources of snapshots only need not say so.
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
    ending: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    quote_live: Bools = field(default_factory=lambda: np.empty(0, dtype=np.bool_))

    def __post_init__(self) -> None:
        if not len(self.ending):
            finished = np.full(len(self), Ended.FINISHED, dtype=np.int64)
            object.__setattr__(self, "ending", finished)
        if not len(self.quote_live):
            object.__setattr__(self, "quote_live", np.zeros(self.quotes, dtype=np.bool_))

    def __len__(self) -> int:
        return len(self.event_id)

    @property
    def quotes(self) -> int:
        """Number of quotes."""
        return len(self.quote_event)

    def fair(self, rows: Ints, width: int = 3) -> Floats:
        """Fair probabilities, (k, width), of quotes; a quote's are worked out only once.

        Args:
            rows: (k,) rows of the quotes, all of markets with so many selections.
            width: number of selections.
        """
        fair, known = self._fair
        fresh = rows[~known[rows]]
        fair[fresh, :width] = fair_probabilities(self.price.take(fresh, axis=0)[:, :width])
        known[fresh] = True
        return fair.take(rows, axis=0)[:, :width]

    @cached_property
    def _fair(self) -> tuple[Floats, Bools]:
        return np.empty_like(self.price), np.zeros(self.quotes, dtype=np.bool_)

    def equals(self, other: Facts) -> bool:
        """Whether both hold the same facts, bit for bit."""
        return all(
            np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f")
            if isinstance(mine := getattr(self, f.name), np.ndarray)
            else mine == getattr(other, f.name)
            for f in fields(self)
            for theirs in (getattr(other, f.name),)
        )

    def where(self, keep: Bools) -> Facts:
        """The events of a mask, with their quotes; names stay as they are."""
        quotes = keep[self.quote_event]
        columns: dict[str, Any] = {}
        for f in fields(self):
            values = getattr(self, f.name)
            if isinstance(values, np.ndarray):
                columns[f.name] = values[quotes if f.name in OF_QUOTES else keep]
        columns["quote_event"] = (np.cumsum(keep) - 1)[columns["quote_event"]]
        return replace(self, **columns)


OF_QUOTES: Final = (
    "quote_event", "quote_book", "quote_market", "quote_line", "quoted_at", "price", "quote_live",
)  # fmt: skip
"""The columns of `Facts` that have a row per quote; the other arrays have one per event."""


def merge(parts: Sequence[Facts]) -> Facts:
    """One `Facts` of many, in canonical order.

    An event that several parts hold is taken from the part that knows its result first, else from
    the earliest part; of equal quotes (event, book, market, line, instant) the earliest part's
    stays. Merging one part puts it in canonical order.

    Args:
        parts: any number of facts, rows in any order; their names are re-indexed.

    Returns:
        All events and quotes of the parts, each once.
    """
    leagues = _union([part.leagues for part in parts])
    teams = _union([part.teams for part in parts])
    books = _union([part.books for part in parts])
    event_id = _concat([part.event_id for part in parts], np.int64)
    kickoff = _concat([part.kickoff for part in parts], np.int64)
    known_at = _concat([part.result_known_at for part in parts], np.int64)

    by_id = np.lexsort((known_at, event_id))  # stable: the earliest part first among equals
    ids = event_id[by_id]
    first = np.ones(len(ids), dtype=np.bool_)
    first[1:] = ids[1:] != ids[:-1]
    chosen = by_id[first]
    order = np.lexsort((event_id[chosen], kickoff[chosen]))
    rows = chosen[order]
    row_of_rank = np.empty(len(order), dtype=np.int64)
    row_of_rank[order] = np.arange(len(order))
    row_of = np.empty(len(event_id), dtype=np.int64)  # old row over all parts -> new row
    row_of[by_id] = row_of_rank[np.cumsum(first) - 1]

    starts = np.cumsum([0, *(len(part) for part in parts)])
    quote_event = row_of[
        _concat([p.quote_event + at for p, at in zip(parts, starts, strict=False)], np.int64)
    ]
    quote_book = _reindexed([(p.quote_book, p.books) for p in parts], books)
    market = _concat([part.quote_market for part in parts], np.int64)
    line = _concat([part.quote_line for part in parts], np.float64)
    quoted_at = _concat([part.quoted_at for part in parts], np.int64)
    quotes = np.lexsort((quoted_at, quote_book, line, market, quote_event))
    keys = (quote_event, market, line, quote_book, quoted_at)
    fresh = np.ones(len(quotes), dtype=np.bool_)
    fresh[1:] = np.any([key[quotes[1:]] != key[quotes[:-1]] for key in keys], axis=0)
    quotes = quotes[fresh]

    return Facts(
        leagues=leagues,
        teams=teams,
        books=books,
        event_id=event_id[rows],
        league=_reindexed([(p.league, p.leagues) for p in parts], leagues)[rows],
        season=_concat([part.season for part in parts], np.int64)[rows],
        home=_reindexed([(p.home, p.teams) for p in parts], teams)[rows],
        away=_reindexed([(p.away, p.teams) for p in parts], teams)[rows],
        kickoff=kickoff[rows],
        day=_concat([part.day for part in parts], np.int64)[rows],
        time_assumed=_concat([part.time_assumed for part in parts], np.bool_)[rows],
        result_known_at=known_at[rows],
        stats=_concat([part.stats for part in parts], np.int64, (0, len(STATS)))[rows],
        quote_event=quote_event[quotes],
        quote_book=quote_book[quotes],
        quote_market=market[quotes],
        quote_line=line[quotes],
        quoted_at=quoted_at[quotes],
        price=_concat([part.price for part in parts], np.float64, (0, 3))[quotes],
        ending=_concat([part.ending for part in parts], np.int64)[rows],
        quote_live=_concat([part.quote_live for part in parts], np.bool_)[quotes],
    )


def _union(names: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted(set().union(*names)))


def _concat(
    parts: Sequence[npt.NDArray[_T]], kind: type[_T], empty: tuple[int, ...] = (0,)
) -> npt.NDArray[_T]:
    return np.concatenate([np.empty(empty, dtype=kind), *parts])


def _reindexed(parts: Sequence[tuple[Ints, tuple[str, ...]]], names: tuple[str, ...]) -> Ints:
    place = {name: i for i, name in enumerate(names)}
    return _concat(
        [np.array([place[n] for n in own], dtype=np.int64)[index] for index, own in parts],
        np.int64,
    )
