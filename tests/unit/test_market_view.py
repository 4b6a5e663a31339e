"""What the market says at a moment: whose voice counts, when, and the yardstick at the close."""

from __future__ import annotations

import numpy as np
import pytest

from betting_ai.domain.markets import MATCH_RESULT, Market
from betting_ai.domain.odds import fair_probabilities
from betting_ai.features.facts import Facts
from betting_ai.features.market import (
    MarketView,
    closing_consensus,
    closing_quotes,
    consensus_before_kickoff,
    first_and_latest_quotes,
    heard_books,
    judged_by,
    latest_quotes,
    market_view,
    per_event,
)
from betting_ai.features.spec import FeatureSpec
from small_league import AT_CLOSE, DAY, HOUR, Match, Quote, facts_of, kickoff, seasons_of

SPEC = FeatureSpec(pool_average=1.0, pool_named=0.5)
A, B, C = (2.0, 3.6, 3.9), (2.1, 3.5, 3.6), (1.9, 3.7, 4.2)
HIGH = (2.2, 3.8, 4.2)
GARBAGE = (1.1, 1.1, 1.1)  # inverses sum to 2.7
START = kickoff(Match("2022-08-06", "Leeds", "Hull"))


def one(*quotes: Quote) -> Facts:
    return facts_of(Match("2022-08-06", "Leeds", "Hull", (1, 0), quotes))


def view(*quotes: Quote, at: int = START - 1, spec: FeatureSpec = SPEC) -> MarketView:
    return market_view(one(*quotes), np.array([0]), np.array([at]), spec)


def pool(*parts: tuple[float, tuple[float, ...]]) -> np.ndarray:
    """Log pool by hand of (weight, prices)."""
    total = sum(weight for weight, _ in parts)
    logs = sum(weight / total * np.log(fair_probabilities(prices)) for weight, prices in parts)
    p = np.exp(logs)
    return p / p.sum()


def test_named_books_share_one_weight_beside_the_average() -> None:
    seen = view(Quote("AVG", DAY, A), Quote("B365", DAY, B), Quote("WH", DAY, C))
    assert seen.consensus[0] == pytest.approx(pool((1.0, A), (0.25, B), (0.25, C)), abs=1e-15)


def test_the_exchange_is_a_named_voice_and_the_sharp_book_and_the_maximum_are_silent() -> None:
    heard = (Quote("AVG", DAY, A), Quote("BFE", DAY, B))
    silent = (Quote("PS", DAY, C), Quote("MAX", DAY, HIGH))
    assert np.array_equal(view(*heard, *silent).consensus, view(*heard).consensus)
    assert heard_books(("AVG", "B365", "BFE", "MAX", "PS")).tolist() == [
        False, True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("book", ["MAX", "PS", "AVG", "B365"])
def test_whatever_stands_alone_is_the_consensus(book: str) -> None:
    spec = FeatureSpec(pool_average=1.0, pool_named=0.0)
    seen = view(Quote(book, DAY, A), spec=spec)
    assert seen.consensus[0] == pytest.approx(fair_probabilities(A), abs=1e-15)
    assert seen.newest[0] == START - DAY


@pytest.mark.parametrize(
    "order", [("AVG", "B365", "PS", "MAX"), ("B365", "PS", "MAX"), ("PS", "MAX")]
)
def test_what_stands_in_where_no_source_of_weight_speaks(order: tuple[str, ...]) -> None:
    """The first of the order alone, however many of the others are there."""
    spec = FeatureSpec(pool_average=1.0, pool_named=0.0)
    rest = (Quote(book, DAY, HIGH) for book in order[1:])
    seen = view(Quote(order[0], DAY, A), *rest, spec=spec)
    assert seen.consensus[0] == pytest.approx(fair_probabilities(A), abs=1e-15)


def test_stand_ins_have_an_equal_say_and_garbage_has_none() -> None:
    spec = FeatureSpec(pool_average=1.0, pool_named=0.0)
    named = (Quote("B365", DAY, B), Quote("WH", DAY, C))
    seen = view(*named, Quote("AVG", DAY, GARBAGE), Quote("PS", DAY, HIGH), spec=spec)
    assert seen.consensus[0] == pytest.approx(pool((0.5, B), (0.5, C)), abs=1e-15)


def test_a_price_of_more_than_a_hundred_hours_has_no_voice() -> None:
    old, fresh = Quote("AVG", 100 * HOUR + 2, B), Quote("B365", 100 * HOUR, A)
    seen = view(old, fresh)
    assert seen.consensus[0] == pytest.approx(fair_probabilities(A), abs=1e-15)
    assert seen.books[0] == 1
    assert view(old).newest[0] == -1


def test_a_first_price_may_be_of_any_age() -> None:
    facts = one(Quote("AVG", 30 * DAY, B), Quote("AVG", HOUR, A), Quote("B365", 30 * DAY, B))
    first, latest = first_and_latest_quotes(facts, Market.MATCH_RESULT, facts.kickoff)
    assert facts.quoted_at[first].tolist() == [START - 30 * DAY]
    assert facts.quoted_at[latest].tolist() == [START - HOUR]


def test_prices_that_are_not_believed_have_no_voice() -> None:
    seen = view(Quote("AVG", DAY, A), Quote("B365", HOUR, GARBAGE))
    assert seen.consensus[0] == pytest.approx(fair_probabilities(A), abs=1e-15)
    assert seen.newest[0] == START - DAY
    assert seen.books[0] == 0
    assert not seen.takeable.any()


def test_without_a_usable_price_there_is_no_market() -> None:
    for quotes in ((), (Quote("B365", DAY, GARBAGE),), (Quote("B365", AT_CLOSE, A),)):
        seen = view(*quotes)
        assert np.isnan(seen.consensus).all()
        assert seen.newest.tolist() == [-1]
        assert np.isnan(seen.dispersion).all()


def test_a_price_counts_from_its_very_second() -> None:
    quotes = (Quote("AVG", 2 * DAY, A), Quote("AVG", DAY, B))
    assert view(*quotes, at=START - DAY).gross.tolist() == [list(B)]
    assert view(*quotes, at=START - DAY - 1).gross.tolist() == [list(A)]
    assert len(view(*quotes, at=START - 2 * DAY - 1).gross) == 0


def test_a_price_at_kickoff_never_counts_before_it() -> None:
    quotes = (Quote("AVG", 1, A), Quote("AVG", AT_CLOSE, B))
    for at in (START - 1, START, START + DAY):
        assert view(*quotes, at=at).gross.tolist() == [list(A)]
    facts = one(*quotes)
    assert facts.price[latest_quotes(facts, Market.MATCH_RESULT, np.array([START + DAY]))].tolist()
    assert consensus_before_kickoff(facts, SPEC)[0] == pytest.approx(fair_probabilities(A))


def test_first_and_latest_price_of_each_book_and_line() -> None:
    facts = one(
        Quote("B365", 3 * DAY, A), Quote("B365", 2 * DAY, B), Quote("B365", DAY, C),
        Quote("WH", DAY, B),
        Quote("B365", DAY, (1.9, 1.9), Market.TOTALS, 2.5),
        Quote("B365", 2 * DAY, (1.8, 2.0), Market.TOTALS, 3.5),
    )  # fmt: skip
    at = np.array([START - 1])
    first, latest = first_and_latest_quotes(facts, Market.MATCH_RESULT, at)
    assert facts.price[first].tolist() == [list(A), list(B)]
    assert facts.price[latest].tolist() == [list(C), list(B)]
    assert facts.price[latest_quotes(facts, Market.MATCH_RESULT, at)].tolist() == [list(C), list(B)]
    assert facts.quote_line[latest_quotes(facts, Market.TOTALS, at)].tolist() == [2.5, 3.5]
    assert [len(x) for x in first_and_latest_quotes(facts, Market.TOTALS, at - 4 * DAY)] == [0, 0]


def test_dispersion_is_of_the_books_heard() -> None:
    seen = view(
        Quote("B365", DAY, A), Quote("WH", DAY, B), Quote("PS", DAY, HIGH), Quote("AVG", DAY, C)
    )
    fair = fair_probabilities([A, B])
    assert seen.books[0] == 2
    assert seen.dispersion[0] == pytest.approx(fair.std(axis=0), abs=1e-15)
    assert np.isnan(view(Quote("B365", DAY, A), Quote("PS", DAY, B)).dispersion).all()


def test_exchange_prices_are_netted_and_only_they() -> None:
    seen = view(Quote("BFE", DAY, (2.0, 3.6, 4.0)), Quote("B365", DAY, A))
    books = ("B365", "BFE")
    net = {books[b]: net for b, net in zip(seen.quote_book, seen.net.tolist(), strict=True)}
    assert net == {"BFE": [1.95, 3.47, 3.85], "B365": list(A)}
    assert seen.gross[1].tolist() == [2.0, 3.6, 4.0]


def test_the_guard_refuses_each_selection_by_itself() -> None:
    seen = view(
        Quote("MAX", DAY, (2.2, 3.9, 5.0)),
        Quote("AVG", DAY, (2.0, 3.6, 3.9)),
        Quote("B365", DAY, (2.2, 4.0, 4.0)),  # at the maximum; above it; under 1.15 x 3.9 = 4.485
        Quote("PS", DAY, (2.0, 3.6, 4.49)),  # below the maximum, over 1.15 x the average
    )
    taken = seen.takeable[seen.named].tolist()
    assert taken == [[True, False, True], [True, True, False]]
    assert not seen.takeable[~seen.named].any()


def test_without_average_and_maximum_the_guard_lets_all_pass() -> None:
    assert view(Quote("B365", DAY, HIGH)).takeable.all()


def test_a_live_price_is_believed_for_an_hour_and_a_snapshot_for_a_hundred() -> None:
    def heard(*quotes: Quote, at: int) -> list[str]:
        facts = one(*quotes)
        seen = market_view(facts, np.array([0]), np.array([at]), SPEC)
        return [facts.books[code] for code in seen.quote_book]

    fresh, old = Quote("B365", 2 * HOUR, A, live=True), Quote("WH", 100 * HOUR, A)
    assert heard(fresh, old, at=START - HOUR) == ["B365", "WH"]
    assert heard(fresh, old, at=START - HOUR + 1) == ["WH"]
    # What a book said on Friday is no news once it has spoken live, even where that is stale too.
    assert heard(fresh, Quote("B365", 9 * HOUR, A), at=START - HOUR + 1) == []


def live(book: str, home: float) -> Quote:
    return Quote(book, HOUR, (home, 3.4, 3.6), live=True)


def test_without_summaries_a_live_price_is_held_against_the_other_books() -> None:
    others = [live("BW", 2.0), live("VC", 2.1), live("WH", 2.2)]  # average 2.1, limit 2.415
    for price, taken in ((2.41, True), (2.42, False), (2.21, True)):
        seen = view(live("B365", price), *others)
        assert seen.takeable[0].tolist() == [taken, True, True]
        maximum, average = judged_by(seen)
        assert np.isnan(maximum).all()
        assert average[0] == pytest.approx([2.1, 3.4, 3.6])
    assert view(live("B365", 2.6), *others[:2]).takeable.all()  # two others settle nothing


def test_only_live_prices_judge_and_are_judged_by_the_others() -> None:
    snapshots = [Quote(book, HOUR, (2.1, 3.4, 3.6)) for book in ("BW", "VC", "WH")]
    assert view(live("B365", 2.6), *snapshots).takeable.all()
    others = [live(book, 2.1) for book in ("BW", "VC", "WH")]
    assert view(Quote("B365", HOUR, (2.6, 3.4, 3.6)), *others).takeable.all()


def test_an_average_of_yesterday_does_not_judge_the_prices_of_now() -> None:
    summaries = (Quote("AVG", DAY, (1.8, 3.4, 4.2)), Quote("MAX", DAY, (1.9, 3.5, 4.4)))
    moved = [live(book, 2.3) for book in ("B365", "BW", "VC", "WH")]
    seen = view(*summaries, *moved)
    assert seen.takeable[seen.named].all()
    alone = view(*summaries, *moved[:3])  # too few: the summaries hold
    assert not alone.takeable[alone.named][:, 0].any()


def test_an_exchange_is_compared_net_of_its_commission() -> None:
    others = [live("B365", 2.0), live("BW", 2.0), live("VC", 2.0)]  # limit 2.3
    seen = view(live("BFE", 2.35), *others)  # 2.2825 net
    assert seen.takeable.all()
    assert not view(live("BFE", 2.38), *others).takeable.all()


CLOSE_A, CLOSE_B, CLOSE_C = (Quote(b, AT_CLOSE, p) for b, p in (("B365", A), ("BW", B), ("WH", C)))


def test_the_yardstick_is_the_average_else_the_sharp_book_else_three_named_books() -> None:
    average, sharp = Quote("AVG", AT_CLOSE, A), Quote("PS", AT_CLOSE, B)
    named = (CLOSE_A, CLOSE_B, CLOSE_C)
    assert closing_consensus(one(average, sharp, *named))[0] == pytest.approx(fair_probabilities(A))
    assert closing_consensus(one(sharp, *named))[0] == pytest.approx(fair_probabilities(B))
    pooled = pool((1, A), (1, B), (1, C))
    assert closing_consensus(one(*named))[0] == pytest.approx(pooled, abs=1e-12)
    assert np.isnan(closing_consensus(one(CLOSE_A, CLOSE_B))).all()
    unusable = (Quote("AVG", AT_CLOSE, GARBAGE), sharp)
    assert closing_consensus(one(*unusable))[0] == pytest.approx(fair_probabilities(B))


def test_last_prices_within_half_an_hour_stand_in_for_closes() -> None:
    early = (Quote("B365", 1_799, A), Quote("BW", 60, B), Quote("WH", 10 * 60, C))
    assert closing_consensus(one(*early))[0] == pytest.approx(
        pool((1, A), (1, B), (1, C)), abs=1e-12
    )
    assert np.isnan(closing_consensus(one(*early[:2], Quote("WH", 1_801, C)))).all()
    newer = (*early, Quote("BW", 5, HIGH))
    assert closing_consensus(one(*newer))[0] == pytest.approx(
        pool((1, A), (1, HIGH), (1, C)), abs=1e-12
    )


def test_averages_and_maxima_are_not_among_the_three() -> None:
    summaries = (Quote("MAX", AT_CLOSE, HIGH), Quote("AVG", 60, A))
    assert np.isnan(closing_consensus(one(CLOSE_A, CLOSE_B, *summaries))).all()


def test_leaving_the_entry_book_out_pools_the_others() -> None:
    facts = one(
        Quote("AVG", AT_CLOSE, HIGH), CLOSE_A, CLOSE_B, CLOSE_C, Quote("PS", AT_CLOSE, HIGH)
    )
    others = pool((1, B), (1, C), (1, HIGH))
    assert closing_consensus(facts, without="B365")[0] == pytest.approx(others, abs=1e-12)
    assert np.isnan(closing_consensus(one(CLOSE_A, CLOSE_B, CLOSE_C), without="BW")).all()


def test_closing_prices_stand_exactly_at_kickoff() -> None:
    facts = one(Quote("B365", 1, A), Quote("B365", AT_CLOSE, B))
    assert facts.price[closing_quotes(facts, MATCH_RESULT)].tolist() == [list(B)]


def test_an_event_is_seen_the_same_among_others_and_alone() -> None:
    facts = seasons_of()
    rows = np.arange(len(facts))
    whole = market_view(facts, rows, facts.kickoff - 1, SPEC)
    for row in (0, 5, 13, 17, 333, len(facts) - 1):
        alone = market_view(facts, rows[row : row + 1], facts.kickoff[row : row + 1] - 1, SPEC)
        for name in ("consensus", "newest", "dispersion", "books", "maximum", "average"):
            mine, theirs = getattr(alone, name)[0], getattr(whole, name)[row]
            assert np.array_equal(mine, theirs, equal_nan=True), (row, name)
        its = whole.quote_event == row
        for name in ("gross", "net", "fair", "takeable", "quoted_at", "heard"):
            assert np.array_equal(getattr(alone, name), getattr(whole, name)[its]), (row, name)


def test_reducing_runs_leaves_events_without_rows_empty() -> None:
    event = np.array([1, 1, 3])
    values = np.array([4.0, 7.0, 5.0])
    assert per_event(np.maximum, values, event, 5, -1.0).tolist() == [-1.0, 7.0, -1.0, 5.0, -1.0]
    assert per_event(np.add, values[:0], event[:0], 2, 0.0).tolist() == [0.0, 0.0]
