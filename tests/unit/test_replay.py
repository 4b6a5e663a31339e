"""The past again is what a live run would have said, and the future has no hand in it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from betting_ai.backtest import lookahead
from betting_ai.backtest.evaluate import (
    EvaluateCommand,
    Evaluation,
    evaluate,
    picks_csv,
    predictions_csv,
)
from betting_ai.backtest.lookahead import another_future, look_ahead
from betting_ai.backtest.play import Execution, Yardstick, play
from betting_ai.backtest.replay import Replay
from betting_ai.clock import FixedClock
from betting_ai.domain.markets import MATCH_RESULT, OVER_UNDER
from betting_ai.domain.slate import Criteria
from betting_ai.domain.value import EvMap
from betting_ai.errors import InvalidInputError, NoModelBeforeError
from betting_ai.features.market import closing_consensus
from betting_ai.models.manifest import MANIFEST, Gate, Manifest
from betting_ai.models.registry import CHANNELS, Registry
from betting_ai.training.train import TrainingPlan, train
from betting_ai.usecases.assess_events import Window, assess
from betting_ai.usecases.select_top3 import SelectTop3, SelectTop3Command, choose
from small_league import ArrayFacts, closes_of_totals
from small_model import SMALL_TRAINERS, THROUGH, MemoryStore, league, registry

MODELS = registry(ev_map=EvMap.identity(0.005))
FIRST, LAST = date(2022, 8, 1), date(2023, 5, 31)
WINDOW = Window(datetime(2022, 8, 1, tzinfo=UTC))
LOOSE = Criteria("none", 0.0, 0.0, 1.0)


@pytest.fixture(scope="module")
def past() -> Replay:
    return Replay(league(), MODELS)


@pytest.fixture(scope="module")
def evaluation(past: Replay) -> Evaluation:
    return evaluate(past, EvaluateCommand(FIRST, LAST, WINDOW, LOOSE, Decimal(1000)))


def test_a_days_slate_is_the_live_one_to_the_byte(past: Replay) -> None:
    days = past.days(FIRST, LAST, WINDOW)
    assert len(days) > 20
    seen = 0
    for day, assessment in past.slates(days):
        command = SelectTop3Command(day.window, LOOSE, Decimal(1000))
        live = assess(ArrayFacts(past.facts), MODELS, day.window)
        one, two = (json.dumps(choose([a], command).to_dict()) for a in (assessment, live))
        assert one == two, day.day
        seen += 1
    assert seen == len([day for day in days if len(day.events)])


def test_slates_are_asked_when_prices_are_collected_else_in_the_morning(past: Replay) -> None:
    days = {day.day.weekday(): day for day in past.days(FIRST, LAST, WINDOW)}
    assert set(days) == {1, 5}  # the small league plays on Saturdays and Tuesdays
    assert days[5].window.as_of.astimezone().utctimetuple().tm_hour in {7, 8}
    tuesday = days[1].window.as_of
    assert tuesday.hour in {14, 15}
    begun = [day for day in past.days(FIRST, LAST, WINDOW) if day.missed]
    for day in begun:
        assert (past.facts.kickoff[day.events] > day.window.as_of.timestamp()).all()


def test_every_priced_match_is_predicted_at_its_own_stamp(
    past: Replay, evaluation: Evaluation
) -> None:
    rows = past.rows(FIRST, LAST, WINDOW)
    numbers = evaluation.numbers
    assert numbers["matches"] == len(rows)
    assert numbers["priced"] + numbers["missed_count"] == len(rows)
    assert 0 < numbers["missed_count"] < len(rows) / 10
    text = predictions_csv(past.facts, evaluation.predicted, MATCH_RESULT).splitlines()
    assert text[0].startswith("date,league,home,away,p_home,p_draw,p_away,xgb_p_home,")
    assert text[0].endswith("market_p_home,market_p_draw,market_p_away")
    assert len(text) == numbers["priced"] + 1
    for line in text[1:]:
        p = np.array(line.split(",")[4:], dtype=float).reshape(7, 3)
        assert p.sum(axis=1) == pytest.approx(np.ones(7), abs=2e-6)


def test_measures_are_of_the_same_matches(evaluation: Evaluation) -> None:
    numbers = evaluation.numbers
    sources = numbers["sources"]
    assert set(sources) >= {"close", "market", "ensemble", "pick_price", "elo", "base_rates"}
    assert sources["market"]["log_loss_difference"]["mean"] == 0.0
    assert sources["close"]["cross_entropy_difference"]["mean"] < 0.0
    for m in sources.values():
        assert m["log_loss_difference"]["n"] == numbers["compared"]
    assert sum(row["matches"] for row in numbers["leagues"].values()) == numbers["compared"]


def test_a_stated_price_stands_in_the_facts_and_its_worth_is_recomputed(
    past: Replay, evaluation: Evaluation
) -> None:
    facts = past.facts
    close = closing_consensus(facts)
    lines = picks_csv(facts, evaluation.played.placed).splitlines()
    assert len(lines) == len(evaluation.played.placed) + 1 > 20
    for one, line in zip(evaluation.played.placed, lines[1:], strict=True):
        candidate = one.pick.candidate
        its = (
            (facts.quote_event == one.row)
            & (facts.quote_book == facts.books.index(candidate.bookmaker))
            & (facts.quoted_at == int(candidate.prices_as_of.timestamp()))
            & (facts.quote_market == 0)
        )
        assert facts.price[its][0, one.k] == float(candidate.price)
        assert line.split(",")[4:7] == [
            str(candidate.outcome), candidate.bookmaker, str(candidate.price),
        ]  # fmt: skip
    picks = evaluation.played.picks
    rows = np.array([one.row for one in evaluation.played.placed])
    worth = picks.price * close[rows, picks.outcome] - 1
    assert np.array_equal(picks.clv, worth, equal_nan=True)
    assert evaluation.numbers["picks"]["all"]["clv"]["mean"] == pytest.approx(np.nanmean(worth))


def test_money_adds_up_and_a_delayed_price_is_another(past: Replay) -> None:
    yardstick = Yardstick(past.facts)
    slates = list(past.slates(past.days(FIRST, LAST, WINDOW)))
    begun = Decimal(1000)
    played = play(slates, LOOSE, begun, Execution(compounding=True), yardstick)
    assert played.bankroll[-1] == pytest.approx(
        float(begun + sum(one.profit for one in played.placed))
    )
    for one in played.placed:
        won = past.facts.stats[one.row, 0] - past.facts.stats[one.row, 1]
        result = 0 if won > 0 else 1 if won == 0 else 2
        expected = float(one.stake) * (
            float(one.pick.candidate.price) - 1 if one.k == result else -1
        )
        assert float(one.profit) == pytest.approx(expected, abs=0.011)
    late = play(
        slates, LOOSE, begun, Execution(delay_minutes=600, drift=0.01, max_stake=Decimal(2)),
        yardstick,
    )  # fmt: skip
    assert late.refused_at_venue > 0
    assert all(one.stake <= 2 for one in late.placed)
    moved = [one for one in late.placed if one.taken is not None]
    assert any(one.taken != float(one.pick.candidate.price) for one in moved)
    assert all(one.taken >= float(one.pick.bet_until) - 1e-9 for one in moved)


@pytest.mark.parametrize("bad", [{"delay_minutes": -1}, {"drift": 0.5}, {"max_stake": Decimal(0)}])
def test_an_execution_that_cannot_be(bad: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        Execution(**bad)  # type: ignore[arg-type]


def test_days_that_every_model_has_seen_are_refused(past: Replay) -> None:
    with pytest.raises(NoModelBeforeError):
        evaluate(
            past,
            EvaluateCommand(date(2021, 8, 1), date(2022, 5, 31), WINDOW, LOOSE, Decimal(1000)),
        )


def test_the_future_changes_nothing(past: Replay) -> None:
    days = past.days(FIRST, LAST, WINDOW)[::6]
    assert [look.changed for look in look_ahead(past.facts, MODELS, days)] == [()] * len(days)


def test_another_future_is_really_another_one(past: Replay) -> None:
    day = past.days(FIRST, LAST, WINDOW)[10]
    as_of = day.window.as_of.timestamp()
    other = another_future(past.facts, day.window, seed=1)
    before = past.facts.where(past.facts.kickoff < as_of + day.window.hours * 3600)
    kept = (before.quoted_at <= as_of).sum()
    assert (other.quoted_at <= as_of).sum() == kept
    later = before.quotes - kept
    assert 0 < other.quotes - kept < later
    playing = before.result_known_at > as_of
    assert not np.array_equal(other.stats[playing], before.stats[playing])


def test_a_planted_leak_is_caught(past: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if closing prices were stamped a second before the question."""
    honest = lookahead.fingerprint

    def leaking(facts, models, window):
        as_of = int(window.as_of.timestamp())
        coming = facts.kickoff[facts.quote_event] > as_of
        at_close = coming & (facts.quoted_at >= facts.kickoff[facts.quote_event])
        peeked = np.where(at_close, as_of - 1, facts.quoted_at)
        return honest(lookahead.merge([replace(facts, quoted_at=peeked)]), models, window)

    monkeypatch.setattr(lookahead, "fingerprint", leaking)
    days = past.days(FIRST, LAST, WINDOW)[::6]
    looks = look_ahead(past.facts, MODELS, days)
    assert all(look.changed for look in looks)


def test_a_result_seen_too_early_is_caught(past: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if results were known before their matches begin."""
    honest = lookahead.fingerprint

    def leaking(facts, models, window):
        known = np.where(facts.stats[:, 0] >= 0, facts.kickoff - 30 * 86_400, facts.result_known_at)
        return honest(replace(facts, result_known_at=known), models, window)

    monkeypatch.setattr(lookahead, "fingerprint", leaking)
    days = past.days(FIRST, LAST, WINDOW)[4::6]
    assert any(look.changed for look in look_ahead(past.facts, MODELS, days))


def test_over_and_under_come_through_the_same_code() -> None:
    """A model of totals, its slate with the gate opened by hand, and its settlement."""
    facts = closes_of_totals(league())
    plan = TrainingPlan(THROUGH, OVER_UNDER, seasons_held_out=1, trainers=SMALL_TRAINERS)
    files = train(facts, {}, plan, lambda _what, _share: None)
    manifest = Manifest.from_json(files[MANIFEST])
    assert manifest.market == OVER_UNDER.name
    assert not manifest.gate.open  # two books beside the average are too few
    assert manifest.gate.why.startswith("2 books on most matches; ")
    assert "with fewer than 3 books a good price cannot be told from a stale one" in (
        manifest.gate.why
    )
    opened = replace(manifest, gate=Gate(True, "by hand"), ev_map=EvMap.identity(0.005))
    files[MANIFEST] = opened.to_json().encode()
    version = manifest.version
    stored = dict(MODELS.store.files)  # type: ignore[attr-defined]
    stored |= {f"{OVER_UNDER.name}/{version}/{name}": content for name, content in files.items()}
    channels = {name: {"stable": [version]} for name in ("match_result", OVER_UNDER.name)}
    both = Registry(MemoryStore(stored | {CHANNELS: json.dumps(channels).encode()}))

    replayed = Replay(facts, both)
    slates = list(replayed.slates(replayed.days(FIRST, LAST, WINDOW), OVER_UNDER))
    played = play(slates, LOOSE, Decimal(1000), Execution(), Yardstick(facts, OVER_UNDER))
    assert len(played.placed) > 10
    for one in played.placed:
        goals = facts.stats[one.row, :2].sum()
        assert (one.profit > 0) == ((goals > 2.5) == (one.pick.candidate.outcome == "over"))
        assert one.pick.candidate.selection in {"Over 2.5 goals", "Under 2.5 goals"}

    unit = SelectUnit(ArrayFacts(facts))
    day, totals = max(slates, key=lambda one: len(one[0].events))
    for models, markets in ((both, 2), (MODELS, 1)):
        clock = FixedClock(day.window.as_of)
        select = SelectTop3(lambda: unit, models, clock)  # type: ignore[arg-type,return-value]
        assert len(select._assess(unit.facts, day.window)) == markets
    command = SelectTop3Command(day.window, LOOSE, Decimal(1000))
    results = assess(unit.facts, both, day.window)  # type: ignore[arg-type]
    pooled = choose([results, totals], command)
    alone = [choose([one], command) for one in (results, totals)]
    best = max((c for each in alone for c in each.picks), key=lambda p: p.candidate.composite)
    assert pooled.picks[0].candidate == best.candidate
    assert len({p.candidate.event_id for p in pooled.picks}) == len(pooled.picks)
    assert pooled.events_considered == alone[0].events_considered


class SelectUnit:
    """A unit of work for a slate that is not published."""

    def __init__(self, facts: ArrayFacts) -> None:
        self.facts = facts

    def __enter__(self) -> SelectUnit:
        return self

    def __exit__(self, *_: object) -> None: ...
