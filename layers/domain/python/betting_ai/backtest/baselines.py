"""Simple rules that a model's picks are shown beside, on the same days and prices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np

from betting_ai.backtest.measures import PickTable
from betting_ai.backtest.play import Yardstick
from betting_ai.backtest.replay import SlateDay
from betting_ai.domain.value import clv
from betting_ai.features.facts import Floats
from betting_ai.features.spec import column
from betting_ai.usecases.assess_events import Assessment

MOST: Final = 3

Rule = Callable[[Assessment, np.random.Generator], tuple[Floats, Floats]]
"""Gives, per event and selection, a score (the highest are picked; NaN never) and a claimed EV."""


def market_only(a: Assessment, _: np.random.Generator) -> tuple[Floats, Floats]:
    """The best price against the consensus, where it is worth something."""
    claim = a.features.market.consensus * a.offers.price - 1.0
    return np.where(claim > 0.0, claim, np.nan), claim


def at_random(a: Assessment, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Any three prices that can be taken."""
    price = a.offers.price
    return np.where(np.isnan(price), np.nan, random.random(price.shape)), np.zeros_like(price)


def favourite(a: Assessment, _: np.random.Generator) -> tuple[Floats, Floats]:
    """The three shortest prices."""
    return -a.offers.price, np.zeros_like(a.offers.price)


def elo_alone(a: Assessment, _: np.random.Generator) -> tuple[Floats, Floats]:
    """What ratings of results alone think is worth most."""
    difference = a.features.matrix[:, column("elo_difference", a.betting.sport)]
    claim = a.model.manifest.baselines.elo(difference) * a.offers.price - 1.0
    return np.where(claim > 0.0, claim, np.nan), claim


RULES: Final[Mapping[str, Rule]] = {
    "market only": market_only,
    "random": at_random,
    "favourite": favourite,
    "Elo alone": elo_alone,
}


def picks_of(
    rule: Rule, slates: Iterable[tuple[SlateDay, Assessment]], yardstick: Yardstick
) -> PickTable:
    """At most three picks a day by a rule, one per event, one unit each."""
    facts = yardstick.facts
    random = np.random.default_rng(7)
    rows, outcomes, prices, claims, days, books = [], [], [], [], [], []
    for day, a in slates:
        score, claim = rule(a, random)
        best = np.where(np.isnan(score), -np.inf, score)
        k = best.argmax(axis=1)
        each = best[np.arange(len(best)), k]
        for event in np.argsort(-each, kind="stable")[:MOST].tolist():
            if each[event] > -np.inf:
                quote = a.offers.quote[event, k[event]]
                rows.append(int(a.features.market.rows[event]))
                outcomes.append(int(k[event]))
                prices.append(float(a.offers.price[event, k[event]]))
                claims.append(float(claim[event, k[event]]))
                days.append(day.day.toordinal())
                books.append(facts.books[a.features.market.quote_book[quote]])
    row, outcome = np.array(rows, dtype=np.int64), np.array(outcomes, dtype=np.int64)
    price, unknown = np.array(prices), np.full(len(rows), np.nan)
    return PickTable(
        day=np.array(days, dtype=np.int64),
        season=facts.season[row],
        league=np.array([facts.leagues[i] for i in facts.league[row].tolist()], dtype=np.str_),
        bookmaker=np.array(books, dtype=np.str_),
        outcome=outcome,
        price=price,
        claimed=np.array(claims),
        confidence=unknown,
        clv=clv(price, yardstick.close[row, outcome]),
        clv_without_book=unknown,
        price_to_price=unknown,
        won=yardstick.winner[row] == outcome,
        stake=np.ones(len(rows)),
        begun_with=unknown,
    )
