"""The day's slate from facts to stakes, on a real model of a small league."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Self

import numpy as np
import pytest

from betting_ai.clock import FixedClock
from betting_ai.domain.events import event_id
from betting_ai.domain.markets import OUTCOMES, Outcome
from betting_ai.domain.slate import Criteria, Reason, Slate, Stamp
from betting_ai.domain.staking import ProposedBet, plan_stakes
from betting_ai.domain.value import EvMap
from betting_ai.errors import InvalidInputError, NoModelBeforeError, NothingToDoError
from betting_ai.features.facts import OF_QUOTES, Facts
from betting_ai.models.manifest import MEMBERS
from betting_ai.models.registry import Registry
from betting_ai.ports.repositories import Prediction, Taken
from betting_ai.ports.unit_of_work import UnitOfWorkFactory
from betting_ai.usecases.assess_events import Window, assess
from betting_ai.usecases.select_top3 import (
    REPLAY,
    SNAPSHOT_AGE,
    SelectTop3,
    SelectTop3Command,
    choose,
    predictions,
    slug_of,
)
from betting_ai.usecases.words import no_bet_because
from small_league import DAY, HOUR, ArrayFacts, facts_of, known_at
from small_model import league, registry

LOOSE = Criteria("loose", 0.0, -1.0, 1.0)
IDENTITY = EvMap.identity(0.005)
MODEL: Registry = registry(ev_map=IDENTITY)
MATCH_DAY = datetime(2022, 9, 10, 8, tzinfo=UTC)
ON_TIME = FixedClock(MATCH_DAY)


class Slates:
    """The record of one unit of work."""

    def __init__(self, before: dict[str, Taken]) -> None:
        self.before = before
        self.added: list[tuple[Slate, list[Prediction]]] = []

    def taken(self, as_of: datetime, mode: str) -> dict[str, Taken]:
        return self.before

    def add(self, slate: Slate, said: list[Prediction], mode: str) -> None:
        self.added.append((slate, said))


@dataclass
class Unit:
    """A unit of work over arrays."""

    facts: ArrayFacts
    slates: Slates
    committed: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def commit(self) -> None:
        self.committed = True


def unit(facts: Facts | None = None, before: dict[str, Taken] | None = None) -> Unit:
    return Unit(ArrayFacts(league() if facts is None else facts), Slates(before or {}))


def factory(unit: Unit) -> UnitOfWorkFactory:
    return lambda: unit  # type: ignore[return-value]


def command(as_of: datetime = MATCH_DAY, **changes: object) -> SelectTop3Command:
    asked = SelectTop3Command(Window(as_of), LOOSE, Decimal(10_000))
    window = {k: v for k, v in changes.items() if hasattr(asked.window, k)}
    rest = {k: v for k, v in changes.items() if k not in window}
    return replace(asked, window=replace(asked.window, **window), **rest)  # type: ignore[arg-type]


def slate(facts: Facts | None = None, models: Registry = MODEL, **changes: object) -> Slate:
    return SelectTop3(factory(unit(facts)), models, ON_TIME)(command(**changes))


def test_at_most_three_one_per_event_best_first_inside_the_window() -> None:
    found = slate()
    assert len(found.picks) == 3
    assert [pick.rank for pick in found.picks] == [1, 2, 3]
    assert len({pick.candidate.event_id for pick in found.picks}) == 3
    scores = [pick.candidate.composite for pick in found.picks]
    assert scores == sorted(scores, reverse=True)
    for pick in found.picks:
        assert MATCH_DAY < pick.candidate.kickoff < MATCH_DAY + timedelta(hours=24)
    assert found.events_considered == 18
    assert found.events_priced == 18 - found.refused[Reason.NOT_ENOUGH_PRICES]


def test_every_price_taken_stands_in_the_facts_at_a_named_book() -> None:
    facts = league()
    for pick in slate(facts).picks:
        candidate = pick.candidate
        row = int(np.flatnonzero(facts.event_id == event_id(candidate.event_id))[0])
        its = (
            (facts.quote_event == row)
            & (facts.quote_book == facts.books.index(candidate.bookmaker))
            & (facts.quoted_at == int(candidate.prices_as_of.timestamp()))
        )
        quoted = facts.price[its][0, OUTCOMES.index(candidate.outcome)]
        assert float(candidate.price) == quoted
        assert candidate.bookmaker not in {"AVG", "MAX", "BFE"}


def test_numbers_recompute_from_each_other() -> None:
    found = slate().to_dict()
    for shown in (*found["picks"], *found["near_misses"]):
        odds, f = shown["recommended_odds"], shown["probability"]
        assert shown["fair_odds"] == pytest.approx(1 / f, abs=5e-4)
        assert shown["model_expected_value"] == pytest.approx(f * odds - 1, abs=1e-4)
        ev = shown["expected_value"]
        assert ev == pytest.approx(shown["model_expected_value"], abs=1e-4)  # the identity map
        assert shown["expected_value_lower"] == pytest.approx(ev - 1.28155 * 0.005, abs=1e-4)
        rar = ev / (odds * np.sqrt(f * (1 - f)))
        assert shown["risk_adjusted_return"] == pytest.approx(rar, abs=1e-4)
        composite = 0.4 * shown["confidence_score"] / 100
        composite += 0.35 * np.clip(ev / 0.1, 0, 1) + 0.25 * np.clip(rar / 0.1, 0, 1)
        assert shown["composite_score"] == pytest.approx(composite, abs=1e-4)
        scale = found["risk_scale"]
        members = np.std(list(shown["model_probabilities"].values()))
        risk = 0.5 * (1 - f) + 0.3 * min(1, members / scale["s90"])
        few = shown["books_heard"] < 3
        risk += 0.2 * (1.0 if few else min(1, shown["book_spread"] / scale["d90"]))
        assert shown["risk_score"] == pytest.approx(risk, abs=1e-4)
    picks = found["picks"]
    stakes = plan_stakes(
        [
            ProposedBet(
                pick["event_id"],
                Decimal(str(pick["recommended_odds"])),
                ev := pick["expected_value"],
                (ev - pick["expected_value_lower"]) / 1.2815515655446004,
            )
            for pick in picks
        ],
        Decimal(str(found["bankroll"])),
    ).stakes
    for pick, stake in zip(picks, stakes, strict=True):
        assert pick["recommended_stake"] == pytest.approx(float(stake.amount), rel=1e-3, abs=0.02)


def test_the_price_may_fall_to_the_bet_until_price_and_no_further() -> None:
    criteria = Criteria("some", 20.0, 0.002, 1.0)
    facts = unit().facts
    asked = command(criteria=criteria)
    assessment = assess(facts, MODEL, asked.window)
    picks = choose([assessment], asked).picks
    assert picks
    for pick in picks:
        f = pick.candidate.f
        assert pick.bet_until <= pick.candidate.price
        assert f * float(pick.bet_until) - 1 >= 0.002
        if pick.candidate.price - pick.bet_until > 0:
            below = float(pick.bet_until) - 0.01
            assert f * below - 1 < 0.002 or pick.candidate.confidence < 25


def test_stakes_stay_within_the_caps_of_the_bankroll() -> None:
    found = slate()
    stakes = [pick.stake for pick in found.picks]
    assert any(stakes)
    assert max(stakes) <= Decimal(500)
    assert sum(stakes) <= Decimal(1_000)
    doubled = [pick.stake for pick in slate(bankroll=Decimal(20_000)).picks]
    for one, two in zip(stakes, doubled, strict=True):
        assert abs(two - 2 * one) <= Decimal("0.02")


def test_a_pick_too_small_to_stake_is_a_near_miss_that_says_so() -> None:
    found = slate(bankroll=Decimal("0.05"))
    worth_something = [p for p in found.picks if p.candidate.ev > 0]
    assert worth_something == []
    assert any(
        miss.shortfalls[0].reason is Reason.BELOW_MINIMUM_STAKE for miss in found.near_misses
    )


def test_a_pick_without_a_stake_makes_room_for_the_next() -> None:
    for cents in range(100, 1, -1):  # less than a unit: a hundredth of it is below every stake
        found = slate(bankroll=Decimal(cents) / 100)
        assert all(pick.stake > 0 for pick in found.picks)
        worst = min((pick.candidate.composite for pick in found.picks), default=1.0)
        better = [miss.candidate for miss in found.near_misses if miss.candidate.composite > worst]
        if any(Reason.BELOW_MINIMUM_STAKE in candidate.refusals for candidate in better):
            return
    pytest.fail("no bankroll at which a better candidate goes without a stake")


def test_what_is_worth_nothing_is_never_a_pick() -> None:
    found = slate(criteria=Criteria("any", 0.0, -0.5, 1.0), bookmakers=("WH",))
    assert all(pick.candidate.ev > 0 for pick in found.picks)
    worthless = [miss for miss in found.near_misses if miss.candidate.ev <= 0]
    assert worthless
    for miss in worthless:
        missed = {s.reason: s.missed_by for s in miss.shortfalls}
        assert missed[Reason.LOW_EXPECTED_VALUE] == pytest.approx(-miss.candidate.ev)


def test_strict_criteria_leave_near_misses_with_reasons_and_by_how_much() -> None:
    found = slate(criteria=Criteria("impossible", 100.0, 0.5, 0.0))
    assert found.picks == ()
    assert len(found.near_misses) == 3
    for miss in found.near_misses:
        missed = {s.reason: s.missed_by for s in miss.shortfalls}
        assert missed[Reason.LOW_CONFIDENCE] == pytest.approx(100 - miss.candidate.confidence)
        assert missed[Reason.LOW_EXPECTED_VALUE] == pytest.approx(0.5 - miss.candidate.ev)
        assert missed[Reason.HIGH_RISK] == pytest.approx(miss.candidate.risk)


def test_only_the_bettors_books_are_recommended() -> None:
    for book in ("B365", "BFE"):
        found = slate(bookmakers=(book,))
        shown = [*(p.candidate for p in found.picks), *(m.candidate for m in found.near_misses)]
        assert {candidate.bookmaker for candidate in shown} == {book}
        for candidate in shown:
            rate = Decimal("0.05") if book == "BFE" else Decimal(0)
            net = 1 + (candidate.quoted - 1) * (1 - rate)
            assert candidate.price == pytest.approx(net, abs=Decimal("0.00005"))


def test_only_the_leagues_asked_for() -> None:
    found = slate(leagues=("E1",))
    assert found.events_considered == 6
    assert {pick.candidate.league for pick in found.picks} == {"Championship"}


def test_another_selection_of_an_event_recommended_before_is_refused() -> None:
    best = slate().picks[0].candidate
    other = Outcome.DRAW if best.outcome is not Outcome.DRAW else Outcome.HOME
    asked = command()
    assessment = assess(unit().facts, MODEL, asked.window)
    taken = Taken(best.outcome, best.kickoff, Decimal("1.00"))
    again = choose([assessment], asked, {best.event_id: taken})
    assert again.picks[0].candidate.event_id == best.event_id
    refused = choose([assessment], asked, {best.event_id: replace(taken, outcome=other)})
    assert all(
        pick.candidate.event_id != best.event_id or pick.candidate.outcome is other
        for pick in refused.picks
    )
    bet = choose([assessment], asked, {best.event_id: replace(taken, bet=True)})
    assert best.event_id not in {pick.candidate.event_id for pick in bet.picks}


def test_what_is_open_uses_up_the_days_cap() -> None:
    asked = command()
    assessment = assess(unit().facts, MODEL, asked.window)
    free = choose([assessment], asked)
    first = free.picks[0].candidate
    cap = asked.bankroll / 10
    open_ = Taken(first.outcome, first.kickoff, cap - 2)
    slate_ = choose([assessment], asked, {"e0-another-event": open_})
    assert 0 < sum(pick.stake for pick in slate_.picks) <= 2 < sum(p.stake for p in free.picks)
    later = replace(open_, kickoff=first.kickoff + timedelta(days=3))
    assert choose([assessment], asked, {"e0-another-event": later}).picks == free.picks
    replaced = choose([assessment], asked, {first.event_id: open_})
    assert replaced.picks == free.picks  # what a pick replaces is not at risk beside it


def test_prices_older_than_a_hundred_hours_are_stale() -> None:
    facts = league()
    before = facts.quoted_at < facts.kickoff[facts.quote_event]
    found = slate(replace(facts, quoted_at=facts.quoted_at - 100 * HOUR * before))
    assert (found.picks, found.near_misses, found.events_priced) == ((), (), 0)
    unpriced = slate(facts).refused[Reason.NOT_ENOUGH_PRICES]
    assert found.refused == {
        Reason.STALE_PRICE: found.events_considered - unpriced,
        Reason.NOT_ENOUGH_PRICES: unpriced,
    }


def test_one_stale_event_changes_neither_the_model_nor_the_others() -> None:
    facts = league()
    now = int(MATCH_DAY.timestamp())
    row = int(np.flatnonzero((facts.kickoff > now) & (facts.kickoff < now + DAY))[0])
    its = (facts.quote_event == row) & (facts.quoted_at <= now)
    aged = replace(facts, quoted_at=facts.quoted_at - 100 * DAY * its)
    found = slate(aged)
    assert found.model == slate(facts).model
    assert found.refused[Reason.STALE_PRICE] == 1
    assert found.events_priced == slate(facts).events_priced - 1


def test_publishing_writes_the_slate_once_with_every_answer_and_commits() -> None:
    work = unit()
    found = SelectTop3(factory(work), MODEL, ON_TIME)(command(publish=True))
    [(kept, said)] = work.slates.added
    assert kept == found
    assert work.committed
    assert len(said) == found.events_priced * (len(MEMBERS) + 3)
    for prediction in said:
        assert sum(prediction.probabilities) == pytest.approx(1.0, abs=1e-5)
    quiet = unit()
    SelectTop3(factory(quiet), MODEL, ON_TIME)(command())
    assert quiet.slates.added == []
    assert not quiet.committed


def late(at: datetime, work: Unit, **changes: object) -> Slate:
    return SelectTop3(factory(work), MODEL, FixedClock(at))(command(publish=True, **changes))


def test_a_slate_that_comes_late_picks_nothing_that_has_begun() -> None:
    best = slate().picks[0].candidate
    work = unit()
    found = late(best.kickoff, work)  # at kick-off it is too late
    [(kept, _)] = work.slates.added
    assert kept == found
    assert found.as_of == MATCH_DAY
    for pick in found.picks:
        assert pick.candidate.kickoff > best.kickoff
    in_time = late(best.kickoff - timedelta(seconds=1), unit())
    assert best in [pick.candidate for pick in in_time.picks]
    begun = int((league().kickoff == best.kickoff.timestamp()).sum())
    assert found.refused[Reason.ALREADY_BEGUN] - in_time.refused.get(Reason.ALREADY_BEGUN, 0) == (
        begun
    )


def test_a_slate_that_comes_when_all_has_begun_is_empty_and_says_so() -> None:
    at = MATCH_DAY + timedelta(hours=23, minutes=59)
    found = late(at, unit())
    assert found.picks == ()
    assert found.near_misses
    for miss in found.near_misses:
        assert Reason.ALREADY_BEGUN in {one.reason for one in miss.shortfalls}
    assert found.refused[Reason.ALREADY_BEGUN] == found.events_considered
    assert "came late" in no_bet_because(found.to_dict())


def test_a_slate_that_comes_late_takes_no_price_that_grew_too_old_meanwhile() -> None:
    facts = league()
    before = facts.quoted_at < MATCH_DAY.timestamp()
    newest = int(facts.quoted_at[before].max())
    aged = replace(
        facts,
        quoted_at=facts.quoted_at
        - before * (newest - int((MATCH_DAY - SNAPSHOT_AGE).timestamp()) - HOUR),
    )
    for minutes, stale in ((59, False), (61, True)):
        found = late(MATCH_DAY + timedelta(minutes=minutes), unit(aged))
        assert bool(found.picks) is not stale
        said = {why.reason for miss in found.near_misses for why in miss.shortfalls}
        assert (Reason.STALE_PRICE in said) is stale


def test_a_slate_whose_window_is_over_is_refused() -> None:
    work = unit()
    with pytest.raises(NothingToDoError, match=r"2022-09-10 08:00 UTC comes too late: its 24 h"):
        late(MATCH_DAY + timedelta(hours=24), work)
    assert work.slates.added == []
    assert not work.committed


@pytest.mark.parametrize("changes", [{"mode": REPLAY, "publish": True}, {}])
def test_the_hour_is_nothing_to_a_slate_that_is_not_told_to_people(
    changes: dict[str, object],
) -> None:
    asked = command(**changes)
    one, two = (
        SelectTop3(factory(unit()), MODEL, FixedClock(at))(asked)
        for at in (MATCH_DAY, MATCH_DAY + timedelta(days=1000))
    )
    assert one == two
    assert Reason.ALREADY_BEGUN not in one.refused


def test_the_same_question_gives_the_same_bytes() -> None:
    one, two = (json.dumps(slate().to_dict()) for _ in range(2))
    assert one == two


def test_nothing_known_later_changes_the_slate() -> None:
    clean = json.dumps(slate().to_dict())
    as_of = int(MATCH_DAY.timestamp())
    facts = league()
    assert json.dumps(slate(known_at(facts, as_of)).to_dict()) == clean
    fewer = facts.where(facts.kickoff < as_of + DAY)
    assert json.dumps(slate(fewer).to_dict()) == clean


def test_with_and_without_the_checkpoint_the_slate_is_the_same() -> None:
    facts = league()
    fresh = facts.where(facts.day > (as_day(MATCH_DAY) - 100))
    window = command().window
    carried = assess(ArrayFacts(fresh), MODEL, window)
    rebuilt = assess(ArrayFacts(facts, {("E0", 2018): frozenset({"x"})}), MODEL, window)
    assert not carried.rebuilt
    assert carried.features.matrix.tobytes() == rebuilt.features.matrix.tobytes()


def as_day(moment: datetime) -> int:
    return int(moment.timestamp()) // DAY


def test_a_history_that_differs_from_the_checkpoints_is_used_instead_of_it() -> None:
    facts = league()
    stats = facts.stats.copy()
    stats[3, :2] = (9, 0)
    altered = assess(ArrayFacts(replace(facts, stats=stats)), MODEL, command().window)
    assert altered.rebuilt
    assert not assess(ArrayFacts(facts), MODEL, command().window).rebuilt


def test_stamps_say_what_a_slate_cannot_prove() -> None:
    assert Stamp.TUNED_ON in slate().stamps
    early = datetime(2021, 9, 11, 8, tzinfo=UTC)
    with pytest.raises(NoModelBeforeError):
        slate(as_of=early)
    assert Stamp.IN_SAMPLE in slate(as_of=early, allow_in_sample=True).stamps
    alone = slate(models=registry(market_only=True, pick_weights=(0.0,) * 4))
    assert Stamp.MARKET_ONLY in alone.stamps
    for pick in alone.picks:
        assert Stamp.MARKET_ONLY in pick.candidate.stamps
        assert pick.candidate.f == pytest.approx(pick.candidate.q, abs=1e-12)


def test_a_market_maximum_is_shown_only_on_request_and_labelled() -> None:
    facts = league()
    summaries = [facts.books.index("MAX")]
    only_maximum = replace_quotes(facts, np.isin(facts.quote_book, summaries))
    assert slate(only_maximum).picks == ()
    found = slate(only_maximum, maximum_as_bound=True)
    assert Stamp.UPPER_BOUND in found.stamps
    for pick in found.picks:
        assert pick.candidate.bookmaker == "MAX"
        assert Stamp.UPPER_BOUND in pick.candidate.stamps
        assert pick.rationale.value_analysis["upper_bound"] is True


def replace_quotes(facts: Facts, keep: np.ndarray) -> Facts:
    return replace(facts, **{name: getattr(facts, name)[keep] for name in OF_QUOTES})


def test_advice_is_to_wait_when_waiting_is_worth_more() -> None:
    asked = command()
    assessment = assess(unit().facts, MODEL, asked.window)
    for bonus, advice in ((10.0, "wait"), (-10.0, "bet")):
        scores = replace(assessment.scores, wait=assessment.scores.wait * 0.0 + bonus)
        picks = choose([replace(assessment, scores=scores)], asked).picks
        assert {pick.advice for pick in picks} == {advice}


def test_a_day_without_matches_is_an_empty_slate_and_no_data_is_nothing_to_do() -> None:
    quiet = slate(as_of=datetime(2022, 9, 12, 8, tzinfo=UTC))
    assert (quiet.events_considered, quiet.picks, quiet.near_misses) == (0, (), ())
    with pytest.raises(NothingToDoError):
        slate(facts_of())


@pytest.mark.parametrize(
    "changes", [{"bankroll": Decimal(0)}, {"bankroll": Decimal(-5)}, {"bankroll": Decimal("NaN")},
                {"hours": 0.0}, {"hours": 337.0}, {"hours": -24.0}],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_is_read(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        slate(**changes)


def test_predictions_are_of_priced_events_alone() -> None:
    assessment = assess(unit().facts, MODEL, command().window)
    priced = {
        slug_of(assessment, i) for i in np.flatnonzero(assessment.features.market.newest >= 0)
    }
    assert {prediction.event_id for prediction in predictions(assessment)} == priced
