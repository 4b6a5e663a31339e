"""The best price a bettor could have taken, and the next best."""

from __future__ import annotations

import numpy as np
import pytest

from betting_ai.features.facts import Facts
from betting_ai.features.market import market_view
from betting_ai.features.offers import Offers, best_offers, best_two
from betting_ai.features.spec import FeatureSpec
from small_league import DAY, Match, Quote, facts_of, seasons_of

AVG, MAX = Quote("AVG", DAY, (2.0, 3.6, 3.9)), Quote("MAX", DAY, (2.2, 3.9, 4.1))
B365, WH, PS = (
    Quote("B365", DAY, (2.05, 3.7, 3.8)),
    Quote("WH", DAY, (2.1, 3.5, 4.0)),
    Quote("PS", DAY, (2.1, 3.9, 4.15)),
)
BFE = Quote("BFE", DAY, (2.2, 3.9, 4.15))  # net 2.14, 3.755, 3.9925


def offered(*quotes: Quote, **options: object) -> tuple[Facts, Offers, np.ndarray]:
    facts = facts_of(Match("2022-08-06", "Leeds", "Hull", None, quotes))
    view = market_view(facts, np.array([0]), facts.kickoff - 1, FeatureSpec())
    offers = best_offers(view, facts.books, **options)  # type: ignore[arg-type]
    books = np.array(facts.books)[view.quote_book[offers.quote[0]]]
    return facts, offers, np.where(offers.quote[0] >= 0, books, "")


def test_the_best_and_the_next_best_of_each_selection() -> None:
    _, offers, books = offered(AVG, MAX, B365, WH, PS)
    assert books.tolist() == ["PS", "PS", "WH"]  # the sharp book's 4.15 is above the maximum
    assert offers.price[0].tolist() == [2.1, 3.9, 4.0]
    assert offers.second[0].tolist() == [2.1, 3.7, 3.8]  # two books offer 2.1
    assert offers.refused[0].tolist() == [False, False, True]
    assert not offers.upper_bound.any()


def test_an_exchange_is_taken_only_on_request_and_net() -> None:
    assert offered(AVG, B365, BFE)[2].tolist() == ["B365"] * 3
    _, offers, books = offered(AVG, B365, BFE, allowed=("BFE", "B365"))
    assert books.tolist() == ["BFE"] * 3
    assert offers.price[0].tolist() == pytest.approx([2.14, 3.755, 3.9925], abs=1e-12)


def test_only_the_bettors_books_are_offered() -> None:
    _, offers, books = offered(AVG, MAX, B365, WH, allowed=("WH",))
    assert books.tolist() == ["WH"] * 3
    assert np.isnan(offers.second).all()
    _, offers, books = offered(AVG, MAX, B365, allowed=("WH",))
    assert np.isnan(offers.price).all()
    assert (offers.quote == -1).all()


def test_averages_and_maxima_cannot_be_taken_even_if_asked_for() -> None:
    _, offers, _ = offered(AVG, MAX, allowed=("AVG", "MAX"))
    assert (offers.quote == -1).all()


def test_a_maximum_is_an_upper_bound_where_there_is_no_named_book() -> None:
    _, offers, books = offered(AVG, MAX, maximum_as_bound=True)
    assert books.tolist() == ["MAX"] * 3
    assert offers.upper_bound.tolist() == [True]
    _, offers, books = offered(AVG, MAX, B365, maximum_as_bound=True)
    assert books.tolist() == ["B365"] * 3
    assert offers.upper_bound.tolist() == [False]
    absurd = Quote("MAX", DAY, (2.1, 3.6, 4.6))  # over 1.15 x 3.9
    _, _, books = offered(AVG, absurd, maximum_as_bound=True)
    assert books.tolist() == ["MAX", "MAX", ""]


def test_two_best_against_sorting() -> None:
    random = np.random.default_rng(3)
    event = np.sort(random.integers(0, 40, 150))
    price = np.round(random.uniform(1.0, 3.0, (150, 3)), 1) * (random.random((150, 3)) < 0.8)
    best, quote, second = best_two(price, event, 41)
    for i in range(41):
        for k in range(3):
            its = np.flatnonzero((event == i) & (price[:, k] > 0))
            ranked = its[np.argsort(-price[its, k], kind="stable")]
            expected = [*price[ranked, k].tolist(), np.nan, np.nan]
            assert [best[i, k], second[i, k]] == pytest.approx(expected[:2], nan_ok=True)
            assert quote[i, k] == (ranked[0] if len(ranked) else -1)


def test_every_offer_stands_among_the_quotes_and_passes_the_guard() -> None:
    facts = seasons_of()
    rows = np.arange(len(facts))
    view = market_view(facts, rows, facts.kickoff - 1, FeatureSpec())
    offers = best_offers(view, facts.books)
    event, k = np.nonzero(offers.quote >= 0)
    assert len(event) > 1_000
    quote = offers.quote[event, k]
    assert (view.quote_event[quote] == event).all()
    assert np.array_equal(view.net[quote, k], offers.price[event, k])
    assert view.takeable[quote, k].all()
    assert (offers.price[event, k] <= np.nan_to_num(view.maximum[event, k], nan=np.inf)).all()
    assert not (offers.second > offers.price).any()
