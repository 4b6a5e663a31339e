"""Picks are settled once, by the last word on their event, and every figure follows."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.domain.markets import Outcome
from betting_ai.domain.odds import fair_probabilities
from betting_ai.domain.settlement import Ending, Score, Settled
from betting_ai.errors import InvalidInputError
from betting_ai.ports.record import Why
from betting_ai.ports.repositories import Prediction
from integration.record_world import (
    CLOSE,
    EVENING,
    MORNING,
    SLUGS,
    World,
    match,
    pick,
    slate,
    world,
)

__all__ = ["world"]  # a fixture
WON, LOST = ("won", Decimal("13.00")), ("lost", Decimal("-10.00"))
WEEK = timedelta(days=7)
OF_DAYS = "FROM historical_performance WHERE league_id IS NULL"


def ending(world: World, number: int, score: Score, at: timedelta = timedelta(hours=1)) -> bool:
    with SqlUnitOfWork(world.engine) as unit:
        news = unit.record.add_ending(SLUGS[number], score, "operator", EVENING + at)
        unit.commit()
    return news


def test_nothing_is_settled_before_it_is_over(world: World) -> None:
    world.publish(slate(pick(0)))
    assert world.settle(MORNING + timedelta(hours=6)).waiting == ()  # has not begun
    told = world.settle()
    assert (told.settlements, told.waiting) == ((), (SLUGS[0],))
    world.tell(match(0, (2, 1)))
    early = world.settle(MORNING + timedelta(hours=9))  # known 2 h 15 min after kick-off
    assert (early.settlements, early.waiting) == ((), (SLUGS[0],))


def test_results_settle_picks_with_profit_and_closing_line_value(world: World) -> None:
    world.publish(slate(pick(0), pick(1, 2), pick(2, 3, Outcome.DRAW)))
    world.tell(match(0, (2, 1)), match(1, (0, 0)), match(2, (0, 0)))
    told = world.settle()
    assert world.statuses() == [WON, LOST, WON]
    fair = fair_probabilities(np.array([CLOSE[1].prices]))[0]  # the market average's close
    for row, k in zip(
        world.rows("SELECT * FROM recommendations ORDER BY id"), (0, 0, 1), strict=True
    ):
        assert row["clv"] == pytest.approx(2.30 * fair[k] - 1)
        assert row["settled_at"] == EVENING
    assert [one.verdict.why for one in told.settlements] == [Why.RESULT] * 3


def test_a_second_run_changes_nothing(world: World) -> None:
    world.publish(slate(pick(0), pick(1, 2)))
    world.tell(match(0, (2, 1)), match(1, (1, 1), closed=False))
    world.settle()
    tables = ("settlements", "recommendations", "historical_performance", "model_performance")
    before = [world.rows(f"SELECT * FROM {table}") for table in tables]
    told = world.settle(EVENING + timedelta(days=1))
    assert (told.settlements, told.waiting) == ((), ())
    assert [world.rows(f"SELECT * FROM {table}") for table in tables] == before


def test_without_a_close_there_is_no_value_until_one_comes(world: World) -> None:
    world.publish(slate(pick(0)))
    world.tell(match(0, (2, 1), closed=False))
    world.settle()
    [row] = world.rows("SELECT clv FROM recommendations")
    [day] = world.rows(f"SELECT clv_count, clv_sum {OF_DAYS}")
    assert (row["clv"], day["clv_count"], day["clv_sum"]) == (None, 0, 0)
    world.tell(match(0, (2, 1)))
    [again] = world.settle(EVENING + timedelta(days=1)).settlements
    assert again.verdict.clv is not None
    assert world.statuses() == [WON]
    assert world.settle(EVENING + timedelta(days=2)).settlements == ()


def test_a_corrected_result_settles_again_and_leaves_a_trail(world: World) -> None:
    world.publish(slate(pick(0)))
    world.tell(match(0, (2, 1)))
    world.settle()
    world.tell(match(0, (2, 2)), at=EVENING + timedelta(hours=1))  # the same source, another score
    told = world.settle(EVENING + timedelta(hours=2))
    assert [one.verdict.why for one in told.settlements] == [Why.CORRECTION]
    assert world.statuses() == [LOST]
    trail = world.rows("SELECT status, reason, goals_away FROM settlements ORDER BY id")
    assert [tuple(row.values()) for row in trail] == [
        ("won", "result", 1),
        ("lost", "correction", 2),
    ]
    [day] = world.rows(
        "SELECT won, lost, profit FROM historical_performance WHERE league_id IS NULL"
    )
    assert tuple(day.values()) == (0, 1, Decimal("-10.00"))
    world.tell(match(0, (2, 2)), at=EVENING + timedelta(hours=3))  # told again: no news
    assert world.settle(EVENING + timedelta(hours=4)).settlements == ()


def test_what_features_see_is_the_first_result(world: World) -> None:
    world.tell(match(0, (2, 1)))
    world.tell(match(0, (2, 2)), at=EVENING + timedelta(hours=1))
    found = world.rows("SELECT goals_home, goals_away FROM results")
    assert [tuple(row.values()) for row in found] == [(2, 1)]


@pytest.mark.parametrize("word", [Ending.POSTPONED, Ending.ABANDONED, Ending.WALKOVER])
def test_an_event_that_was_not_played_voids(world: World, word: Ending) -> None:
    world.publish(slate(pick(0)))
    assert ending(world, 0, Score(word))
    assert not ending(world, 0, Score(word), timedelta(hours=2))  # no news
    [one] = world.settle(EVENING + timedelta(hours=3)).settlements
    assert (one.verdict.result, one.verdict.profit, one.verdict.clv) == (Settled.VOID, 0, None)
    ending(world, 0, Score(Ending.FINISHED, 3, 0), timedelta(hours=4))
    world.settle(EVENING + timedelta(hours=5))
    assert world.statuses() == [WON]


def test_what_is_called_off_before_it_begins_is_void_at_once(world: World) -> None:
    world.publish(slate(pick(0)))
    early = MORNING + timedelta(hours=1) - EVENING
    with pytest.raises(InvalidInputError, match="cannot be finished yet"):
        ending(world, 0, Score(Ending.FINISHED, 1, 0), early)
    with pytest.raises(InvalidInputError, match="cannot be abandoned yet"):
        ending(world, 0, Score(Ending.ABANDONED), early)
    assert ending(world, 0, Score(Ending.POSTPONED), early)
    [one] = world.settle(MORNING + timedelta(hours=2)).settlements
    assert one.verdict.result is Settled.VOID
    with SqlUnitOfWork(world.engine) as unit:
        taken = unit.slates.taken(MORNING + timedelta(hours=2), "live")
    assert taken[SLUGS[0]].bet  # and nobody recommends it again


def test_a_persons_word_stands_against_the_file_that_is_read_again(world: World) -> None:
    world.publish(slate(pick(0)))
    world.tell(match(0, (2, 1)))
    ending(world, 0, Score(Ending.FINISHED, 0, 3))
    world.tell(match(0, (2, 1)), at=EVENING + timedelta(hours=2))
    world.settle(EVENING + timedelta(hours=3))
    assert world.statuses() == [LOST]


def test_no_result_for_a_week_voids_until_one_comes(world: World) -> None:
    world.publish(slate(pick(0)))
    assert world.settle(MORNING + WEEK).settlements == ()
    [one] = world.settle(EVENING + WEEK).settlements
    assert (one.verdict.result, one.verdict.why) == (Settled.VOID, Why.NO_RESULT)
    assert world.settle(EVENING + WEEK + WEEK).settlements == ()
    world.tell(match(0, (2, 1)), at=EVENING + WEEK)
    [late] = world.settle(EVENING + 2 * WEEK).settlements
    assert (late.verdict.result, late.verdict.why) == (Settled.WON, Why.RESULT)


def test_a_replaced_pick_is_not_settled_or_counted(world: World) -> None:
    world.publish(slate(pick(0)))
    world.publish(slate(pick(0), pick(1, 2), as_of=MORNING + timedelta(hours=1)))
    world.tell(match(0, (2, 1)), match(1, (2, 1)))
    assert len(world.settle().settlements) == 2
    assert world.statuses() == [("replaced", None), WON, WON]
    [first, second, third] = world.rows("SELECT replaces_id FROM recommendations ORDER BY id")
    assert [r["replaces_id"] for r in (first, second, third)] == [None, 1, None]
    [day] = world.rows(f"SELECT picks, won {OF_DAYS}")
    assert tuple(day.values()) == (2, 2)


def test_figures_of_days_leagues_and_models(world: World) -> None:
    said = [
        Prediction(SLUGS[i], member, p)
        for i in range(2)
        for member, p in (("xgboost", (0.6, 0.2, 0.2)), ("market", (0.5, 0.3, 0.2)))
    ]
    world.publish(slate(pick(0), pick(1, 2)), *said)
    world.tell(match(0, (2, 1)), match(1, (0, 3)))
    world.settle()
    days = world.rows("SELECT * FROM historical_performance ORDER BY league_id NULLS FIRST")
    for day in days:
        assert (day["day"], day["profile"], day["mode"]) == (date(2025, 3, 15), "strict", "live")
        assert (day["picks"], day["won"], day["lost"], day["void"]) == (2, 1, 1, 0)
        assert (day["staked"], day["profit"]) == (Decimal("20.00"), Decimal("3.00"))
        assert (day["clv_count"], day["beat_close"]) == (2, 2)
    assert [day["league_id"] is None for day in days] == [True, False]
    models = world.rows("SELECT * FROM model_performance ORDER BY member")
    assert [(row["member"], row["matches"]) for row in models] == [("market", 2), ("xgboost", 2)]
    for row in models:
        assert (row["first_day"], row["last_day"]) == (date(2025, 3, 1), date(2025, 3, 31))
        assert row["market_log_loss"] == models[0]["log_loss"]
