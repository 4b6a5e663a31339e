"""Prices on offer: for every selection the best one that a bettor could have taken."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from betting_ai.domain.markets import EXCHANGE_COMMISSION, MARKET_MAXIMUM
from betting_ai.domain.odds import is_takeable
from betting_ai.features.facts import Bools, Floats, Ints
from betting_ai.features.market import MarketView, per_event


@dataclass(frozen=True, eq=False)
class Offers:
    """The best obtainable price of every selection of ``n`` events.

    Attributes:
        quote: (n, s) row of the view's quotes with the best price; -1 where none can be taken.
        price: (n, s) decimal odds net of commission; NaN where none can be taken.
        second: (n, s) the next best, NaN where there is one book only.
        upper_bound: (n,) the event has no named book at all and the prices are the market
            maximum: an upper bound, not a price to take.
        refused: (n, s) the best price quoted by the allowed books fell to the guard (stale or
            mistyped).
    """

    quote: Ints
    price: Floats
    second: Floats
    upper_bound: Bools
    refused: Bools


def best_offers(
    view: MarketView,
    books: tuple[str, ...],
    allowed: Collection[str] = (),
    maximum_as_bound: bool = False,
) -> Offers:
    """The best price of each selection at the books a bettor can use.

    Args:
        view: the market.
        books: the names its quotes point into.
        allowed: book codes; empty for every named book that is not an exchange.
        maximum_as_bound: show the market maximum of events that have no named book.
    """
    n = len(view)
    usable = np.array(
        [name in allowed if allowed else name not in EXCHANGE_COMMISSION for name in books],
        dtype=np.bool_,
    )
    mine = usable[view.quote_book] & view.named
    taking = view.takeable & mine[:, None]
    bound = np.zeros(n, dtype=np.bool_)
    if maximum_as_bound:
        no_named = per_event(np.add, view.named.astype(np.int64), view.quote_event, n, 0) == 0
        is_maximum = np.array([name == MARKET_MAXIMUM for name in books])[view.quote_book]
        bounding = is_maximum & no_named[view.quote_event]
        average = view.average[view.quote_event]
        sane = is_takeable(view.gross, np.full_like(view.gross, np.nan), average)
        taking |= bounding[:, None] & sane & ~np.isnan(view.fair)
        bound[view.quote_event[bounding]] = True
    best, quote, second = best_two(np.where(taking, view.net, 0.0), view.quote_event, n)
    quoted = per_event(np.maximum, np.where(mine[:, None], view.net, 0.0), view.quote_event, n, 0.0)
    return Offers(
        quote=quote,
        price=best,
        second=second,
        upper_bound=bound,
        refused=quoted > np.nan_to_num(best),
    )


def best_two(price: Floats, event: Ints, n: int) -> tuple[Floats, Ints, Floats]:
    """Per event and selection: the highest price, its first row, the next highest price.

    Args:
        price: (k, s); 0 where a price cannot be taken.
        event: (k,) ascending.
        n: number of events.

    Returns:
        (n, s) price, NaN where there is none; (n, s) row, -1 where there is none; (n, s) price, the
        same again where two books offer the highest.
    """
    best = per_event(np.maximum, price, event, n, 0.0)
    holds = (price == best.take(event, axis=0)) & (price > 0)
    quote = np.full((n, price.shape[1]), -1, dtype=np.int64)
    others = price.copy()
    for k in range(price.shape[1]):
        rows = np.flatnonzero(holds[:, k])[::-1]
        quote[event[rows], k] = rows  # the last one written is the first row
        others[quote[quote[:, k] >= 0, k], k] = 0.0
    second = per_event(np.maximum, others, event, n, 0.0)
    return np.where(best > 0, best, np.nan), quote, np.where(second > 0, second, np.nan)
