"""What the market says about an event at a moment: consensus, dispersion, prices on offer.

Books are known by role (average, maximum, exchange, sharp, any other named book), never by a fixed
list: they come and go each season.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from betting_ai.domain.markets import (
    EXCHANGE_COMMISSION,
    MARKET_AVERAGE,
    MARKET_MAXIMUM,
    MATCH_RESULT,
    BettingMarket,
    Market,
)
from betting_ai.domain.odds import highest_takeable, net_price
from betting_ai.features.facts import Bools, Facts, Floats, Ints

if TYPE_CHECKING:
    from betting_ai.features.spec import FeatureSpec

SHARP_BOOK: Final = "PS"
"""The book whose closing price stands in for the market where no average close was kept.

Its prices before kick-off can be taken like any other book's, but they are neither part of the
consensus nor of a feature: it is leaving the feeds, and models taught with it are lost without it.
"""

CLOSING_WINDOW: Final = 1_800
"""Seconds before kick-off in which a last price counts as a close."""

FEWEST_CLOSING_BOOKS: Final = 3

OLDEST_PRICE: Final = 100 * 3_600
"""Seconds after which a price of a snapshot feed says nothing of the market any more."""

OLDEST_LIVE_PRICE: Final = 3_600
"""The same for a live feed, which would have told of a change."""

FEWEST_OTHERS: Final = 3
"""How many other books' live prices it takes to tell a good price from a mistyped one."""


@dataclass(frozen=True, eq=False)
class MarketView:
    """One market of ``n`` events, each at its own moment; it has ``s`` selections.

    Attributes:
        betting: which market.
        rows: (n,) rows of the events in the facts.
        consensus: (n, s) the fair probabilities ``q``; NaN where no usable price stood.
        newest: (n,) seconds since the epoch of the newest price used; -1 where there is none.
        dispersion: (n, s) population standard deviation over the books heard of their fair
            probabilities; NaN with fewer than two books.
        books: (n,) number of books heard.
        maximum: (n, s) market-maximum prices, NaN where the feed has none.
        average: (n, s) market-average prices, NaN where the feed has none.
        quote_event: (k,) row of the view.
        quote_book: (k,) index into the facts' books.
        quoted_at: (k,) seconds since the epoch.
        live: (k,) the price is of a live feed.
        gross: (k, s) decimal odds as quoted.
        net: (k, s) decimal odds after commission.
        fair: (k, s) each quote's own fair probabilities.
        named: (k,) a book one can bet at (no average, no maximum).
        heard: (k,) a named book whose opinion counts: not the sharp one.
        takeable: (k, s) a price of a named book that is neither stale nor mistyped by the guard.
    """

    betting: BettingMarket
    rows: Ints
    consensus: Floats
    newest: Ints
    dispersion: Floats
    books: Ints
    maximum: Floats
    average: Floats
    quote_event: Ints
    quote_book: Ints
    quoted_at: Ints
    live: Bools
    gross: Floats
    net: Floats
    fair: Floats
    named: Bools
    heard: Bools
    takeable: Bools

    def __len__(self) -> int:
        return len(self.rows)


def latest_quotes(facts: Facts, kind: Market, cutoff: Ints) -> Ints:
    """Rows of the newest quote per (event, line, book) that stood at the event's cutoff.

    Args:
        facts: prices, in canonical order.
        kind: of market, every line of it.
        cutoff: (n events,) seconds since the epoch; a price stamped exactly then counts. Closing
            prices never do: a price must stand before kick-off. Nor do those older than
            `oldest` allows, even where the same book has an older one that is believed longer.
    """
    return first_and_latest_quotes(facts, kind, cutoff)[1]


def first_and_latest_quotes(facts: Facts, kind: Market, cutoff: Ints) -> tuple[Ints, Ints]:
    """Like `latest_quotes`, beside it the first quote of each, however old."""
    limit = np.minimum(cutoff, facts.kickoff - 1)[facts.quote_event]
    rows = np.flatnonzero((facts.quote_market == kind) & (facts.quoted_at <= limit))
    last = _last_of_run(facts, rows)
    first, latest = rows[np.roll(last, 1)], rows[last]
    fresh = facts.quoted_at[latest] >= limit[latest] - oldest(facts.quote_live[latest])
    return (first, latest) if fresh.all() else (first[fresh], latest[fresh])


def oldest(live: Bools) -> Ints:
    """Seconds that each of some prices is believed for, by whether a live feed gave it."""
    ages: Ints = np.where(live, OLDEST_LIVE_PRICE, OLDEST_PRICE)
    return ages


def _last_of_run(facts: Facts, rows: Ints) -> Bools:
    """Whether the next row speaks of another (event, line, book)."""
    event, book, line = facts.quote_event[rows], facts.quote_book[rows], facts.quote_line[rows]
    ends = np.ones(len(rows), dtype=np.bool_)
    ends[:-1] = (event[1:] != event[:-1]) | (book[1:] != book[:-1]) | (line[1:] != line[:-1])
    return ends


def on_line(facts: Facts, rows: Ints, market: BettingMarket) -> Ints:
    """Those of some quotes of a market's kind that are at its line."""
    if market.kind is Market.MATCH_RESULT:
        return rows
    its: Ints = rows[facts.quote_line[rows] == market.line]
    return its


def closing_quotes(facts: Facts, market: BettingMarket) -> Ints:
    """Rows of the prices that stood at kick-off."""
    at_kickoff = facts.quoted_at == facts.kickoff[facts.quote_event]
    return on_line(facts, np.flatnonzero((facts.quote_market == market.kind) & at_kickoff), market)


def pooled(
    fair: Floats, event: Ints, book: Ints, facts: Facts, count: int, spec: FeatureSpec
) -> Floats:
    """Log pool of each event's quotes, weighted by the role of their book.

    The named books share one weight however many they are; a market average counts as one source.
    An event that has neither, or only those of weight 0, is priced by the first of these that it
    has, each with an equal say: named books, the sharp book, the market maximum.

    Args:
        fair: (k, s) fair probabilities, NaN rows are left out.
        event: (k,) row, below ``count``.
        book: (k,) index into ``facts.books``.
        facts: for the names of the books.
        count: number of events.
        spec: the weights.

    Returns:
        (count, s) probabilities; NaN where an event has no usable quote.
    """
    usable = ~np.isnan(fair[:, 0])
    role = _roles(facts.books)[book]
    weight = np.array([0.0, spec.pool_average, spec.pool_named, 0.0])[role] * usable
    named = (role == _NAMED) & usable
    crowd = per_event(np.add, named.astype(np.int64), event, count, 0)
    share = np.where(named, weight / np.maximum(crowd, 1)[event], weight)
    total = per_event(np.add, share, event, count, 0.0)
    if (unheard := total == 0.0).any():
        rank = np.where(usable, _LAST_RESORT[role], len(_LAST_RESORT))
        best = per_event(np.minimum, rank, event, count, len(_LAST_RESORT))
        share = np.where(unheard[event] & usable & (rank == best[event]), 1.0, share)
        total = per_event(np.add, share, event, count, 0.0)
    pool = np.empty((count, fair.shape[1]))
    with np.errstate(invalid="ignore", divide="ignore"):
        for k in range(fair.shape[1]):
            logs = np.log(np.where(usable, fair[:, k], 1.0))
            logs *= share
            pool[:, k] = np.exp(per_event(np.add, logs, event, count, 0.0) / total)
        pool /= pool.sum(axis=1, keepdims=True)
    return pool


_SHARP, _AVERAGE, _NAMED, _MAXIMUM = range(4)
_LAST_RESORT: Final = np.array([2, 0, 1, 3])
"""By role: whose word is taken first where no source of positive weight speaks."""


def heard_books(books: tuple[str, ...]) -> Bools:
    """Which books' opinions count beside the average: named ones but the sharp one."""
    named: Bools = _roles(books) == _NAMED
    return named


def _roles(books: tuple[str, ...]) -> Ints:
    special = {SHARP_BOOK: _SHARP, MARKET_AVERAGE: _AVERAGE, MARKET_MAXIMUM: _MAXIMUM}
    return np.array([special.get(book, _NAMED) for book in books], dtype=np.int64)


def consensus_before_kickoff(
    facts: Facts, spec: FeatureSpec, market: BettingMarket = MATCH_RESULT
) -> Floats:
    """(n, s) consensus of every event's newest prices before kick-off; for past matches."""
    rows = on_line(facts, latest_quotes(facts, market.kind, facts.kickoff), market)
    fair = facts.fair(rows, market.width)
    return pooled(fair, facts.quote_event[rows], facts.quote_book[rows], facts, len(facts), spec)


def closing_consensus(
    facts: Facts, without: str | None = None, market: BettingMarket = MATCH_RESULT
) -> Floats:
    """(n, s) the fair close: the yardstick of closing-line value. It has no learned part.

    The market-average close by the power method; the sharp book's where no average was kept (before
    2019-20); elsewhere the equal-weight log pool of at least three named books' last prices
    within half an hour before kick-off. NaN where there is none of these.

    Args:
        facts: prices.
        without: leave this book out and pool the other named closes instead of the average, which
            would contain it.
        market: which market.
    """
    count = len(facts)
    rows = closing_quotes(facts, market)
    fair = facts.fair(rows, market.width)
    event, book = facts.quote_event[rows], facts.quote_book[rows]
    close = np.full((count, market.width), np.nan)
    names = np.array(facts.books, dtype=np.str_)
    if without is None:
        for name in (SHARP_BOOK, MARKET_AVERAGE):
            its = (names[book] == name) & ~np.isnan(fair[:, 0]) if len(book) else slice(0, 0)
            close[event[its]] = fair[its]
    rest = np.isnan(close[:, 0])
    if rest.any():
        close[rest] = _named_closes(facts, rest, without, market)[rest]
    return close


def _named_closes(
    facts: Facts, wanted: Bools, without: str | None, market: BettingMarket
) -> Floats:
    """(n, s) equal-weight log pool of named books' last prices in the closing window."""
    count = len(facts)
    event = facts.quote_event
    banned = {MARKET_AVERAGE, MARKET_MAXIMUM, without}
    named = np.array([name not in banned for name in facts.books], dtype=np.bool_)
    near = (
        wanted[event]
        & (facts.quote_market == market.kind)
        & (facts.quoted_at > facts.kickoff[event] - CLOSING_WINDOW)
        & (facts.quoted_at <= facts.kickoff[event])
    )
    rows = on_line(facts, np.flatnonzero(near), market)
    rows = rows[named[facts.quote_book[rows]]]
    rows = rows[_last_of_run(facts, rows)]
    fair = facts.fair(rows, market.width)
    whole = ~np.isnan(fair[:, 0])
    event, fair = facts.quote_event[rows][whole], fair[whole]
    books = np.bincount(event, minlength=count)
    pool = np.full((count, market.width), np.nan)
    enough = books >= FEWEST_CLOSING_BOOKS
    if enough.any():
        sums = np.column_stack([np.bincount(event, np.log(p), minlength=count) for p in fair.T])
        mean = np.exp(sums[enough] / books[enough, None])
        pool[enough] = mean / mean.sum(axis=1, keepdims=True)
    return pool


def market_view(
    facts: Facts,
    rows: Ints,
    as_of: Ints,
    spec: FeatureSpec,
    market: BettingMarket = MATCH_RESULT,
) -> MarketView:
    """A market of some events, each at its own ``as_of``.

    Args:
        facts: prices, in canonical order.
        rows: (n,) rows of the events, ascending.
        as_of: (n,) seconds since the epoch.
        spec: weights of the consensus.
        market: which market.
    """
    count = len(rows)
    local = np.full(len(facts), -1, dtype=np.int64)
    local[rows] = np.arange(count)
    cutoff = np.full(len(facts), -1, dtype=np.int64)
    cutoff[rows] = as_of
    quotes = on_line(facts, latest_quotes(facts, market.kind, cutoff), market)
    event = local[facts.quote_event[quotes]]
    book = facts.quote_book[quotes]
    gross = facts.price.take(quotes, axis=0)[:, : market.width]
    fair = facts.fair(quotes, market.width)
    role = _roles(facts.books)[book]
    named = (role == _NAMED) | (role == _SHARP)
    rate = np.array([EXCHANGE_COMMISSION.get(name, 0.0) for name in facts.books])[book]
    net = gross.copy()
    net[rate > 0] = net_price(gross[rate > 0], rate[rate > 0, None])
    maximum = _scatter(gross, event, role == _MAXIMUM, count)
    average = _scatter(gross, event, role == _AVERAGE, count)
    usable = ~np.isnan(fair[:, 0])
    limit = highest_takeable(maximum, average).take(event, axis=0)
    live = facts.quote_live[quotes]
    if live.any():
        others = _average_of_others(net, event, live & named & usable, count)
        by_others = ~np.isnan(others)
        limit[by_others] = highest_takeable(np.nan, others[by_others])
    takeable = (named & usable)[:, None] & (net <= limit)
    stamps = np.where(usable, facts.quoted_at[quotes], -1)
    heard = (role == _NAMED) & usable
    books, dispersion = _dispersion(fair, event, heard, count)
    return MarketView(
        betting=market,
        rows=rows,
        consensus=pooled(fair, event, book, facts, count, spec),
        newest=per_event(np.maximum, stamps, event, count, -1),
        dispersion=dispersion,
        books=books,
        maximum=maximum,
        average=average,
        quote_event=event,
        quote_book=book,
        quoted_at=facts.quoted_at[quotes],
        live=live,
        gross=gross,
        net=net,
        fair=fair,
        named=named,
        heard=heard,
        takeable=takeable,
    )


def judged_by(view: MarketView) -> tuple[Floats, Floats]:
    """The maximum and the average that each quote of a view is held against.

    Those that the feed gives. A live price is held against the average of the other books' live
    ones where there are at least `FEWEST_OTHERS`: what a snapshot says is older than it. Their
    maximum says nothing, because the best price anywhere is above that of all others.

    Returns:
        (k, s) maximum and (k, s) average, NaN where there is none.
    """
    speaks = view.live & view.named & ~np.isnan(view.fair[:, 0])
    others = _average_of_others(view.net, view.quote_event, speaks, len(view))
    by_others = ~np.isnan(others)
    maximum = np.where(by_others, np.nan, view.maximum[view.quote_event])
    return maximum, np.where(by_others, others, view.average[view.quote_event])


def _average_of_others(net: Floats, event: Ints, speaks: Bools, count: int) -> Floats:
    """(k, s) average price of an event's other quotes, for those that speak; NaN with too few."""
    total = per_event(np.add, np.where(speaks[:, None], net, 0.0), event, count, 0.0)
    others = np.bincount(event[speaks], minlength=count)[event] - 1
    mean = (total.take(event, axis=0) - net) / np.maximum(others, 1)[:, None]
    enough: Floats = np.where((speaks & (others >= FEWEST_OTHERS))[:, None], mean, np.nan)
    return enough


def per_event(
    reduce: np.ufunc, values: np.ndarray, event: Ints, count: int, empty: float
) -> np.ndarray:
    """Reduce runs of rows that belong to one event.

    Args:
        reduce: for example ``np.maximum``.
        values: (k, ...) rows.
        event: (k,) ascending, below ``count``.
        count: number of events.
        empty: value of an event without rows.
    """
    result = np.full((count, *values.shape[1:]), empty, dtype=values.dtype)
    if len(event):
        starts = np.append(0, np.flatnonzero(event[1:] != event[:-1]) + 1)
        result[event[starts]] = reduce.reduceat(values, starts, axis=0)
    return result


def _scatter(values: Floats, event: Ints, which: Bools, count: int) -> Floats:
    grid = np.full((count, values.shape[1]), np.nan)
    grid[event[which]] = values[which]
    return grid


def _dispersion(fair: Floats, event: Ints, named: Bools, count: int) -> tuple[Ints, Floats]:
    """Named books per event, and the population standard deviation of their probabilities."""
    event, fair = event[named], fair[named]
    books = np.bincount(event, minlength=count)
    spread = np.full((count, fair.shape[1]), np.nan)
    many = books >= 2
    divisor = np.maximum(books, 1)
    for k, column in enumerate(fair.T):
        mean = np.bincount(event, column, minlength=count) / divisor
        squares = np.bincount(event, (column - mean[event]) ** 2, minlength=count) / divisor
        spread[many, k] = np.sqrt(squares[many])
    return books, spread
