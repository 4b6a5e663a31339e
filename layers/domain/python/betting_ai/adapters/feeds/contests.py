"""Files of two-way sports to facts: what is sure is kept, the rest refused and counted.

A parser of one site's files says who met, when, at which prices and how it ended; what is the same
for all of them (event keys, order, plausible prices, the report) is here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from time import perf_counter
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from betting_ai.adapters.feeds.football_data.quotes import refuse_books, refuse_prices
from betting_ai.adapters.feeds.football_data.rows import Sieve
from betting_ai.domain.events import event_id, event_slug
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import Market
from betting_ai.domain.sports import Ended
from betting_ai.features.facts import MISSING, NEVER, STATS, Bools, Facts, Floats, Ints, merge
from betting_ai.ports.feeds import CleaningReport, Parsed

NO_DAY: Final = int(np.iinfo(np.int64).min)
"""The day of a row whose date cannot be read."""

_HOUR: Final = 3_600
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Clock:
    """By which rule a file that tells dates only has its facts stamped.

    The files hold one snapshot of prices, taken at an unknown time before the match. It is stamped
    an hour before the usual start: the latest time at which it could still be taken, so that no
    replay sees it earlier than it may have stood. An hour of the day counts from midnight, there.

    Attributes:
        zone: whose dates they are.
        start: hour of the day at which a match is taken to begin.
        over: hours after midnight of its date by which a match is over and its result known.
    """

    zone: ZoneInfo
    start: int
    over: int

    def instants(self, day: Ints, hour: int) -> Ints:
        """Seconds since the epoch, UTC, of an hour counted from the midnight that begins days."""
        unique, back = np.unique(day, return_inverse=True)
        late, on_the_day = divmod(hour, 24)
        instants = [
            int(datetime.combine(_date(at + late), datetime.min.time(), self.zone).timestamp())
            + on_the_day * _HOUR
            for at in unique.tolist()
        ]
        return np.array(instants, dtype=np.int64)[back]


@dataclass(frozen=True)
class Contests:
    """The ``n`` rows of a file, already in terms of home and away.

    Attributes:
        league: league code.
        season: (n,) the season.
        day: (n,) days since the epoch, `NO_DAY` where unreadable.
        home: names.
        away: names.
        score: (n, 2) what either side scored, `MISSING` where there is no result.
        ending: (n,) an `Ended`; of rows without a score it says whether the match is over at all.
        prices: book code -> (n, 2) decimal odds.
        sieve: the rows that are still in.
        repaired: reason -> (n,) which rows had to be repaired.
    """

    league: str
    season: Ints
    day: Ints
    home: Sequence[str]
    away: Sequence[str]
    score: Ints
    ending: Ints
    prices: Mapping[str, Floats]
    sieve: Sieve
    repaired: Mapping[str, Bools]


def contest_facts(contests: Contests, clock: Clock, name: str, began: float) -> Parsed:
    """Facts of the rows that are still in, in canonical order, and the report.

    Args:
        contests: the rows; second sightings of an event are refused here.
        clock: stamps them.
        name: the file's name.
        began: when reading it began, for the report.
    """
    read = perf_counter()
    sieve = contests.sieve
    sieve.refuse(contests.day == NO_DAY, "date_unreadable")
    same = [a == b for a, b in zip(contests.home, contests.away, strict=True)]
    sieve.refuse(same, "team_against_itself")
    ids = _event_ids(contests)
    rows = np.flatnonzero(sieve.keep)
    score, ending = contests.score[rows], contests.ending[rows]
    over = (score[:, 0] != MISSING) | (ending != Ended.FINISHED)
    stats = np.full((len(rows), len(STATS)), MISSING, dtype=np.int64)
    stats[:, :2] = score
    day = contests.day[rows]
    kickoff = clock.instants(day, clock.start)
    books = tuple(sorted(contests.prices))
    event, book, price, refused = _quotes(contests, books, rows)
    country = LEAGUES[contests.league].country
    home, away = (
        [f"{country}:{side[row]}" for row in rows.tolist()]
        for side in (contests.home, contests.away)
    )
    teams = tuple(sorted({*home, *away}))
    place = {team: i for i, team in enumerate(teams)}
    facts = merge([
        Facts(
            leagues=(contests.league,),
            teams=teams,
            books=books,
            event_id=ids[rows],
            league=np.zeros(len(rows), dtype=np.int64),
            season=contests.season[rows],
            home=np.array([place[team] for team in home], dtype=np.int64),
            away=np.array([place[team] for team in away], dtype=np.int64),
            kickoff=kickoff,
            day=day,
            time_assumed=np.ones(len(rows), dtype=np.bool_),
            result_known_at=np.where(over, clock.instants(day, clock.over), NEVER),
            stats=stats,
            quote_event=event,
            quote_book=book,
            quote_market=np.full(len(event), int(Market.MATCH_RESULT)),
            quote_line=np.zeros(len(event)),
            quoted_at=kickoff[event] - _HOUR,
            price=price,
            ending=ending,
        )
    ])  # fmt: skip
    report = CleaningReport(
        name=name,
        rows_read=len(sieve.keep),
        rows_kept=len(facts),
        rows_repaired={
            why: n for why, its in contests.repaired.items() if (n := int(its[rows].sum()))
        },
        rows_refused=dict(sieve.refused),
        quotes_kept=facts.quotes,
        quotes_refused=dict(refused),
        stages={"read": read - began, "normalise": perf_counter() - read},
    )
    return Parsed(facts, report)


def _event_ids(contests: Contests) -> Ints:
    ids = np.zeros(len(contests.day), dtype=np.int64)
    again = np.zeros(len(contests.day), dtype=np.bool_)
    seen: set[int] = set()
    for row in np.flatnonzero(contests.sieve.keep).tolist():
        day = str(_date(int(contests.day[row])))
        slug = event_slug(contests.league, day, contests.home[row], contests.away[row])
        ids[row] = event_id(slug)
        again[row] = ids[row] in seen
        seen.add(int(ids[row]))
    contests.sieve.refuse(again, "duplicate")
    return ids


def _quotes(
    contests: Contests, books: Sequence[str], rows: Ints
) -> tuple[Ints, Ints, Floats, Counter[str]]:
    """Event, book and (m, 3) prices of the quotes that can be believed, and what was refused."""
    event, book, price = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty((0, 3))]
    refused: Counter[str] = Counter()
    for number, code in enumerate(books):
        prices = contests.prices[code][rows]
        some = np.flatnonzero(~np.isnan(prices).all(axis=1))
        sieve = Sieve(len(some))
        refuse_prices(sieve, prices[some])
        refuse_books(sieve, prices[some], code)
        kept = some[sieve.keep]
        refused += sieve.refused
        event.append(kept)
        book.append(np.full(len(kept), number))
        price.append(np.column_stack([prices[kept], np.full(len(kept), np.nan)]))
    return np.concatenate(event), np.concatenate(book), np.concatenate(price), refused


def _date(day: int) -> date:
    return date.fromordinal(_EPOCH + day)
