"""Quotes of a table: complete and plausible, or refused with a reason; never repaired."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from betting_ai.adapters.feeds.football_data.columns import QuoteColumns, quote_columns
from betting_ai.adapters.feeds.football_data.rows import Sieve
from betting_ai.adapters.feeds.football_data.stamps import Stamps
from betting_ai.adapters.feeds.football_data.table import TEXT, Table
from betting_ai.domain.markets import MARKET_MAXIMUM
from betting_ai.features.facts import Floats, Ints

HIGHEST_PRICE: Final = 1001.0
LOWEST_BOOK: Final = 0.80
HIGHEST_BOOK: Final = 1.60
FARTHEST_LINE: Final = 5.0


@dataclass(frozen=True)
class Quotes:
    """The quotes of some rows, in the columns of `betting_ai.features.facts.Facts`.

    Attributes:
        event: (m,) position among the rows.
        book: (m,) index into ``books``.
        market: (m,) a `Market`.
        line: (m,) the line.
        at: (m,) when the price stood.
        price: (m, 3) decimal odds.
        books: book codes.
        refused: how many quotes were put out, by reason.
    """

    event: Ints
    book: Ints
    market: Ints
    line: Floats
    at: Ints
    price: Floats
    books: tuple[str, ...]
    refused: Counter[str]


def quotes_of(table: Table, rows: Ints, when: Stamps) -> Quotes:
    """All quotes of some rows of a table.

    Args:
        table: the file.
        rows: (n,) which rows.
        when: stamps of those rows.
    """
    groups = quote_columns(table.header)
    books = tuple(sorted({group.book for group in groups}))
    place = {book: i for i, book in enumerate(books)}
    refused: Counter[str] = Counter()
    event, book, market, at = ([np.empty(0, np.int64)] for _ in range(4))
    line, price = [np.empty(0)], [np.empty((0, 3))]
    for group in groups:
        kept, lines, prices, why = _sift(table, group, rows)
        refused += why
        event.append(kept)
        book.append(np.full(len(kept), place[group.book]))
        market.append(np.full(len(kept), int(group.market)))
        at.append((when.kickoff if group.closing else when.quoted)[kept])
        line.append(lines)
        price.append(prices)
    return Quotes(
        event=np.concatenate(event),
        book=np.concatenate(book),
        market=np.concatenate(market),
        line=np.concatenate(line),
        at=np.concatenate(at),
        price=np.concatenate(price),
        books=books,
        refused=refused,
    )


def _sift(
    table: Table, group: QuoteColumns, rows: Ints
) -> tuple[Ints, Floats, Floats, Counter[str]]:
    prices = np.stack([table.numbers(name)[rows] for name in group.prices], axis=1)
    some = np.flatnonzero(~np.isnan(prices).all(axis=1))
    prices = prices[some]
    sieve = Sieve(len(some))
    refuse_prices(sieve, prices)
    lines = np.full(len(some), group.line if isinstance(group.line, float) else 0.0)
    if isinstance(group.line, str):
        lines = table.numbers(group.line)[rows][some]
        sieve.refuse(np.isnan(lines), "incomplete")
        on_grid = np.isfinite(lines) & (np.abs(lines) <= FARTHEST_LINE)
        on_grid[on_grid] = lines[on_grid] * 4 % 1 == 0
        sieve.refuse(~on_grid, "line_absurd")
    refuse_books(sieve, prices, group.book)
    keep = np.flatnonzero(sieve.keep)
    three = np.full((len(keep), 3), np.nan)
    three[:, : prices.shape[1]] = prices[keep]
    return some[keep], lines[keep] + 0.0, three, sieve.refused  # + 0.0: no negative zero


def refuse_prices(sieve: Sieve, prices: Floats) -> None:
    """Put out rows of (k, s) prices of which one is no price, or is missing."""
    sieve.refuse((prices == TEXT).any(axis=1), "text_price")
    sieve.refuse((prices <= 1).any(axis=1), "price_not_above_1")
    sieve.refuse((prices > HIGHEST_PRICE).any(axis=1), "price_absurd")
    sieve.refuse(np.isnan(prices).any(axis=1), "incomplete")


def refuse_books(sieve: Sieve, prices: Floats, book: str) -> None:
    """Put out rows of (k, s) prices that no book would offer together."""
    keep = np.flatnonzero(sieve.keep)
    book_sum = np.zeros(len(prices))
    book_sum[keep] = (1 / prices[keep]).sum(axis=1)
    # The best of many books may leave no margin at all; a single book never pays out so much.
    lowest = 0.0 if book == MARKET_MAXIMUM else LOWEST_BOOK
    sieve.refuse((book_sum < lowest) | (book_sum > HIGHEST_BOOK), "overround_absurd")
