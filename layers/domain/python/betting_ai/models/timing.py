"""Bet now or wait for the close: what the bettor who waited found, and what each policy earned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from betting_ai.domain.markets import MARKET_AVERAGE, MARKET_MAXIMUM
from betting_ai.domain.probabilities import normalise
from betting_ai.domain.statistics import mean_and_error
from betting_ai.features.facts import Bools, Facts, Floats, Ints
from betting_ai.features.market import MarketView, closing_quotes
from betting_ai.features.offers import Offers

CLOSE_STATE: Final = 6
"""Width of what is seen at the close."""


@dataclass(frozen=True, eq=False)
class ClosingStage:
    """The second decision of every (match, selection), as rows ``s i + k``.

    Attributes:
        state: (s n, 6) what is seen at the close.
        now: (s n,) profit of the bet at the first price, by the other books' close.
        later: (s n,) profit of the bet at the same book's close, by the same yardstick.
        known: (s n,) whether the book that gave the first price has a close, and others too.
    """

    state: np.ndarray
    now: Floats
    later: Floats
    known: Bools


def closing_stage(
    facts: Facts, market: MarketView, offers: Offers, events: Ints, rows: Ints
) -> ClosingStage:
    """What became of the best first prices.

    Args:
        facts: prices.
        market: the view that ``offers`` point into.
        offers: of its events.
        events: (n,) rows of the facts.
        rows: (n,) the same events in the view.
    """
    width = market.betting.width
    quote = offers.quote[rows]
    book = np.where(quote >= 0, market.quote_book[quote], -1)
    event = np.repeat(np.arange(len(rows)), width)
    price, fair = _closes_without(facts, market, events, event, book.ravel())
    selection = np.tile(np.arange(width), len(rows))
    pick = np.arange(width * len(rows)), selection
    at_close, others = price[pick], fair[pick]
    first = offers.price[rows].ravel()
    with np.errstate(invalid="ignore"):
        margin = (1.0 / price).sum(axis=1) - 1.0
        state = np.column_stack(
            [
                10.0 * np.log(at_close * others),
                10.0 * np.log(first / at_close),
                np.log(others),
                10.0 * margin,
                selection == 1,
                selection == 2,
            ]
        )
    known = np.isfinite(state).all(axis=1)
    return ClosingStage(
        state=np.where(known[:, None], state, 0.0).clip(-5, 5),
        now=np.where(known, first * others - 1.0, 0.0),
        later=np.where(known, at_close * others - 1.0, 0.0),
        known=known,
    )


def _closes_without(
    facts: Facts, market: MarketView, events: Ints, event: Ints, book: Ints
) -> tuple[Floats, Floats]:
    """Close of one book, and the equal-weight log pool of the other named closes.

    Args:
        facts: prices.
        market: which market.
        events: (n,) rows of the events.
        event: (m,) position among them.
        book: (m,) index into the facts' books; -1 for none.

    Returns:
        (m, s) prices and (m, s) probabilities, NaN where either is not there.
    """
    count, width = len(events), market.betting.width
    rows = closing_quotes(facts, market.betting)
    local = np.full(len(facts), -1, dtype=np.int64)
    local[events] = np.arange(count)
    named = np.array([b not in {MARKET_AVERAGE, MARKET_MAXIMUM} for b in facts.books])
    rows = rows[(local[facts.quote_event[rows]] >= 0) & named[facts.quote_book[rows]]]
    fair = facts.fair(rows, width)
    whole = ~np.isnan(fair[:, 0])
    rows, logs = rows[whole], np.log(fair[whole])
    at = local[facts.quote_event[rows]]
    number = np.bincount(at, minlength=count)
    total = np.column_stack([np.bincount(at, column, minlength=count) for column in logs.T])
    slot = np.full((count, len(facts.books)), -1, dtype=np.int64)
    slot[at, facts.quote_book[rows]] = np.arange(len(rows))
    its = np.where(book >= 0, slot[event, book], -1)
    price = np.full((len(event), width), np.nan)
    pool = np.full((len(event), width), np.nan)
    both = (its >= 0) & (number[event] >= 2)
    price[both] = facts.price[rows[its[both]], :width]
    rest = total[event[both]] - logs[its[both]]
    pool[both] = normalise(np.exp(rest / (number[event[both]] - 1)[:, None]))
    return price, pool


def worth_of_advice(
    p: Floats, price: Floats, wait: Floats, close: Floats, stage: ClosingStage, day: Ints
) -> dict[str, Any]:
    """What the advice to bet now or to wait earned beside always now and always waiting.

    The candidates are the best first prices that the member itself would bet on or wait with;
    selection and book are fixed there, all three policies bet one unit or pass, passing earns 0,
    and every bet is judged by the other books' close. Whoever waits lets the second Q-network
    decide at the close.

    Args:
        p: (n, s) deep RL's probabilities.
        price: (n, s) first prices.
        wait: (n, s) its value of waiting.
        close: (n s,) its value of the bet at the close.
        stage: what became of the prices.
        day: (n,) day of the match; standard errors are clustered by it.

    Returns:
        Mean closing-line value per candidate of each policy, and the paired differences.
    """
    bet, waiting = (p * price - 1.0).ravel(), wait.ravel()
    its = stage.known & ((bet > 0.0) | (waiting > 0.0)) & np.isfinite(bet)
    now = stage.now[its]
    later = np.where(close[its] > 0.0, stage.later[its], 0.0)
    advised = np.where(bet[its] >= waiting[its], now, later)
    cluster = np.repeat(day, price.shape[1])[its]

    def mean(values: Floats) -> dict[str, float]:
        if not len(values):
            return {"mean": 0.0, "se": 0.0}
        figure = mean_and_error(values, cluster)
        return {name: round(figure[name], 7) for name in ("mean", "se")}

    return {
        "candidates": int(its.sum()),
        "waits": int((bet[its] < waiting[its]).sum()),
        "advice": mean(advised),
        "always_now": mean(now),
        "always_wait": mean(later),
        "advice_minus_now": mean(advised - now),
        "advice_minus_wait": mean(advised - later),
    }


def clustered_error(values: Floats, cluster: Ints) -> float:
    """Standard error of a mean whose members are correlated within clusters."""
    _, index = np.unique(cluster, return_inverse=True)
    sums = np.bincount(index, values - values.mean())
    return float(np.sqrt((sums**2).sum()) / len(values))
