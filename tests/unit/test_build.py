"""The matrix: every column filled, each row alone, and nothing from later than its prices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from betting_ai.domain.markets import OVER_UNDER, Market
from betting_ai.domain.odds import fair_probabilities
from betting_ai.errors import LookAheadError
from betting_ai.features.build import Features, build
from betting_ai.features.facts import Facts
from betting_ai.features.goal_lines import implied_results
from betting_ai.features.history import History, summarise
from betting_ai.features.ratings import RatingState, replay
from betting_ai.features.spec import GROUPS, NAMES, SPEC_VERSION, FeatureSpec, column
from small_league import AT_CLOSE, DAY, HOUR, Match, Quote, facts_of, seasons_of

SPEC = FeatureSpec()
FOREVER = 2**62
A, B, C = (2.0, 3.6, 3.9), (2.1, 3.5, 3.6), (1.9, 3.7, 4.2)
OPEN = Quote("AVG", DAY, A)
NOTHING: History = summarise(facts_of(), FOREVER, SPEC)


def row(*quotes: Quote, before: int = 1, history: History = NOTHING, **match: object) -> Features:
    facts = facts_of(Match("2022-08-06", "Leeds", "Hull", None, quotes, **match))  # type: ignore[arg-type]
    return build(history, facts, np.array([0]), facts.kickoff - before, SPEC)


def value(features: Features, name: str, at: int = 0) -> float:
    return float(features.matrix[at, column(name)])


def test_the_market_of_one_event_by_hand() -> None:
    built = row(
        Quote("AVG", DAY, A), Quote("B365", DAY, B), Quote("WH", DAY, C),
        Quote("MAX", DAY, (2.15, 3.8, 4.3)), Quote("PS", DAY, (2.12, 3.75, 4.25)),
    )  # fmt: skip
    q = built.market.consensus[0]
    fair = fair_probabilities([A, B, C])
    assert value(built, "log_q_home") == pytest.approx(np.log(q[0]))
    assert value(built, "edge_best_home") == pytest.approx(np.log(2.1 * q[0]), abs=1e-6)
    assert value(built, "edge_second_home") == pytest.approx(np.log(1.9 * q[0]), abs=1e-6)
    assert value(built, "edge_top_home") == pytest.approx(np.log(2.15 * q[0]), abs=1e-6)
    assert value(built, "average_lean_draw") == pytest.approx(np.log(fair[0, 1] / q[1]), abs=1e-6)
    assert value(built, "dispersion_away") == pytest.approx(fair[1:, 2].std() / q[2], rel=1e-5)
    assert value(built, "books") == 2
    margins = [sum(1 / o for o in prices) - 1 for prices in (B, C)]
    assert value(built, "overround_average") == pytest.approx(sum(1 / o for o in A) - 1, rel=1e-5)
    assert value(built, "overround_lowest") == pytest.approx(min(margins), rel=1e-5)
    assert value(built, "overround_named") == pytest.approx(sum(margins) / 2, rel=1e-5)


def test_goal_markets_take_the_averages_line() -> None:
    match = Quote("AVG", DAY, A)
    built = row(
        match,
        Quote("AVG", DAY, (1.9, 1.9), Market.TOTALS, 2.5),
        Quote("B365", DAY, (1.8, 2.0), Market.TOTALS, 2.5),
        Quote("B365", DAY, (2.6, 1.5), Market.TOTALS, 3.5),
        Quote("B365", DAY, (1.7, 2.1), Market.HANDICAP, -0.5),
        Quote("AVG", DAY, (1.9, 1.9), Market.HANDICAP, -0.25),
        Quote("PS", DAY, (1.5, 2.5), Market.HANDICAP, -0.25),
    )
    over = pool_of_two((1.9, 1.9), (1.8, 2.0))
    assert value(built, "log_q_over") == pytest.approx(np.log(over), rel=1e-6)
    assert value(built, "log_q_under") == pytest.approx(np.log(1 - over), rel=1e-6)
    assert value(built, "edge_best_over") == pytest.approx(np.log(1.8 * over), rel=1e-4)
    assert np.isnan(value(built, "dispersion_over"))  # one book beside the average
    assert value(built, "handicap_line") == -0.25
    assert value(built, "handicap_home") == 0.5  # the sharp book is not heard
    assert np.isnan(value(built, "handicap_spread"))
    alone = row(match, Quote("B365", DAY, (1.7, 2.1), Market.HANDICAP, -0.5))
    assert value(alone, "handicap_line") == -0.5
    assert np.isnan(value(row(match), "handicap_line"))
    assert np.isnan(value(row(match), "log_q_over"))
    implied = implied_results(*(np.array([x]) for x in (over, -0.25, 0.5)))[0]
    for k, selection in enumerate(("home", "draw", "away")):
        lean = np.log(implied[k] / fair_probabilities(A)[k])
        assert value(built, f"implied_lean_{selection}") == pytest.approx(lean, abs=1e-6)
        assert np.isnan(value(row(match), f"implied_lean_{selection}"))


def pool_of_two(*prices: tuple[float, float]) -> float:
    """Fair over of an equal-weight log pool."""
    logs = np.log(fair_probabilities(prices)).mean(axis=0)
    return float(np.exp(logs[0]) / np.exp(logs).sum())


def test_totals_are_judged_at_the_moment_of_their_own_newest_price() -> None:
    facts = facts_of(
        Match(
            "2022-08-06", "Leeds", "Hull", None,
            (
                Quote("AVG", 3 * HOUR, A),
                Quote("AVG", DAY, (1.9, 1.9), Market.TOTALS, 2.5),
                Quote("AVG", 2 * DAY, B),
            ),
        )
    )  # fmt: skip
    built = build(NOTHING, facts, np.array([0]), facts.kickoff - 1, SPEC, betting=OVER_UNDER)
    assert built.cutoff.tolist() == [int(facts.kickoff[0]) - DAY]
    assert value(built, "log_q_home") == pytest.approx(np.log(fair_probabilities(B)[0]), rel=1e-6)
    none = facts_of(Match("2022-08-06", "Leeds", "Hull", None, (Quote("AVG", DAY, A),)))
    unpriced = build(NOTHING, none, np.array([0]), none.kickoff - 1, SPEC, betting=OVER_UNDER)
    assert np.isnan(unpriced.matrix).all()


def test_movement_is_from_each_books_first_price() -> None:
    moved = row(Quote("AVG", 3 * DAY, B), Quote("AVG", DAY, A))
    first, last = fair_probabilities([B, A])
    for k, selection in enumerate(("home", "draw", "away")):
        assert value(moved, f"movement_{selection}") == pytest.approx(
            np.log(last[k] / first[k]), abs=1e-6
        )
        assert value(row(Quote("AVG", DAY, A)), f"movement_{selection}") == 0.0


def test_movement_beside_a_newer_price_that_is_not_believed() -> None:
    garbage = Quote("B365", HOUR, (1.1, 1.1, 1.1))
    built = row(Quote("AVG", 3 * DAY, B), Quote("AVG", DAY, A), garbage)
    first, last = fair_probabilities([B, A])
    assert value(built, "movement_home") == pytest.approx(np.log(last[0] / first[0]), abs=1e-6)
    assert value(row(Quote("AVG", DAY, A), garbage), "movement_home") == 0.0


def test_movement_beside_an_event_without_prices() -> None:
    moved = (Quote("AVG", 3 * DAY, B), Quote("AVG", DAY, A))
    facts = facts_of(
        Match("2022-08-06", "Leeds", "Hull", None, moved),
        Match("2022-08-06", "Stoke", "Bury", None, hour=19.0),
    )
    built = build(NOTHING, facts, np.arange(2), facts.kickoff - 1, SPEC)
    first, last = fair_probabilities([B, A])
    assert value(built, "movement_home") == pytest.approx(np.log(last[0] / first[0]), abs=1e-6)
    assert np.isnan(built.matrix[1]).all()


def test_lead_time_is_clamped_said_and_masked_where_a_time_was_assumed() -> None:
    quote = Quote("AVG", 95 * HOUR, A)
    assert value(row(quote), "lead_hours") == SPEC.lead_hours[1]
    assert row(quote).lead_clamped.tolist() == [True]
    near = row(Quote("AVG", 30 * HOUR, A))
    assert (value(near, "lead_hours"), near.lead_clamped.tolist()) == (30.0, [False])
    assumed = row(quote, time_assumed=True)
    assert np.isnan(value(assumed, "lead_hours"))
    assert assumed.lead_clamped.tolist() == [False]


def test_lead_time_is_from_the_newest_price_not_from_the_question() -> None:
    late, early = (row(Quote("AVG", 30 * HOUR, A), before=x) for x in (1, 20 * HOUR))
    assert np.array_equal(late.matrix, early.matrix, equal_nan=True)
    assert late.cutoff.tolist() == early.cutoff.tolist()


def test_the_calendar() -> None:
    built = row(Quote("AVG", DAY, A), league="E2")
    assert value(built, "season_day") == 36  # 6 August
    assert value(built, "tier") == 3
    assert value(built, "weekday") == 5  # a Saturday, Monday is 0
    spring = facts_of(Match("2023-03-06", "Leeds", "Hull", None, (Quote("AVG", DAY, A),)))
    monday = build(NOTHING, spring, np.array([0]), spring.kickoff - 1, SPEC)
    assert (value(monday, "weekday"), value(monday, "season_day")) == (0, 248)


def test_an_event_that_has_begun_is_refused() -> None:
    for late in (0, -DAY):
        with pytest.raises(LookAheadError):
            row(Quote("AVG", DAY, A), before=late)


def test_an_event_without_a_price_is_a_row_of_nan_even_on_top_of_a_checkpoint() -> None:
    facts = facts_of(
        Match("2022-08-06", "Leeds", "Hull", None, (Quote("AVG", DAY, A),)),
        Match("2022-08-06", "Stoke", "Bury", None),
    )
    past = summarise(seasons_of(seasons=(2019, 2020)), FOREVER, SPEC)
    for start in (None, carried(past)):
        built = build(past, facts, np.arange(2), facts.kickoff - 1, SPEC, start)
        unpriced = int(np.flatnonzero(built.market.newest < 0)[0])
        assert np.isnan(built.matrix[unpriced]).all()
        assert not np.isnan(built.matrix[1 - unpriced, column("elo_difference")])


def carried(history: History) -> RatingState:
    state = RatingState.empty(history.teams, history.leagues, SPEC)
    nobody = np.empty(0, dtype=np.int64)
    replay(history, state, nobody, nobody, nobody, nobody, SPEC)
    return state


def test_ratings_that_know_too_much_are_refused() -> None:
    facts = facts_of(Match("2022-08-06", "Leeds", "Hull", None, (Quote("AVG", DAY, A),)))
    state = RatingState.empty((), (), SPEC)
    known = facts.day[0] - 2
    build(NOTHING, facts, np.array([0]), facts.kickoff - 1, SPEC, replace(state, through=known))
    with pytest.raises(LookAheadError):
        build(
            NOTHING,
            facts,
            np.array([0]),
            facts.kickoff - 1,
            SPEC,
            replace(state, through=known + 1),
        )


def test_the_state_that_is_handed_in_is_left_alone() -> None:
    facts = seasons_of()
    history = summarise(facts, FOREVER, SPEC)
    half = int(np.median(history.known_day))
    state = carried(history.where(history.known_day <= half))
    before = state.team.copy(), state.league.copy(), state.through
    rows = np.flatnonzero(facts.kickoff > (half + 4) * DAY)
    build(history, facts, rows, facts.kickoff[rows] - 1, SPEC, state)
    assert np.array_equal(state.team, before[0])
    assert np.array_equal(state.league, before[1])
    assert state.through == before[2]


def test_every_column_is_filled_somewhere_and_its_order_is_the_specs() -> None:
    facts = seasons_of()
    rows = np.arange(len(facts))
    built = build(summarise(facts, FOREVER, SPEC), facts, rows, facts.kickoff - 1, SPEC)
    assert built.matrix.shape == (len(facts), len(NAMES))
    assert built.matrix.dtype == np.float32
    known = ~np.isnan(built.matrix)
    assert known.any(axis=0).all()
    assert np.isfinite(built.matrix[known]).all()
    assert 0 < (built.market.newest < 0).sum() < len(facts) / 10


def facts_with(facts: Facts, book: str, factor: float) -> Facts:
    """One book's prices of one event at the close multiplied."""
    hit = (facts.quote_book == facts.books.index(book)) & (
        facts.quoted_at == facts.kickoff[facts.quote_event]
    )
    return replace(facts, price=np.where(hit[:, None], facts.price * factor, facts.price))


def test_a_close_touches_only_the_rows_of_later_matches() -> None:
    facts = facts_of(
        Match("2022-08-06", "Leeds", "Hull", (1, 0), (OPEN, Quote("AVG", AT_CLOSE, A))),
        Match("2022-08-13", "Leeds", "Stoke", (1, 0), (OPEN,)),
    )

    def matrix(facts: Facts) -> np.ndarray:
        history = summarise(facts, FOREVER, SPEC)
        return build(history, facts, np.arange(2), facts.kickoff - 1, SPEC).matrix

    changed = matrix(facts_with(facts, "AVG", 1.02)) - matrix(facts)
    assert not np.nan_to_num(changed[0]).any()
    assert np.nan_to_num(changed[1]).any()


def test_names_are_unique_and_the_hash_notices_every_constant() -> None:
    assert len(set(NAMES)) == len(NAMES) == sum(map(len, GROUPS.values()))
    assert SPEC_VERSION in SPEC.to_dict().values()
    assert FeatureSpec.from_dict(SPEC.to_dict()) == SPEC
    for name, number in SPEC.to_dict().items():
        if isinstance(number, float | int) and name != "version":
            assert replace(SPEC, **{name: number + 1}).hash != SPEC.hash, name
    assert replace(SPEC, names=NAMES[::-1]).hash != SPEC.hash
