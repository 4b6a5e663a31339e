"""Why a bet is on the slate: effects come from the models, sentences from the row, no invention."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from betting_ai.domain.books import book
from betting_ai.domain.markets import OUTCOMES
from betting_ai.domain.slate import Criteria, Pick
from betting_ai.domain.value import EvMap
from betting_ai.features.spec import GROUPS, column
from betting_ai.models.ensemble import judge
from betting_ai.usecases.assess_events import Assessment, Window, assess
from betting_ai.usecases.rationale import LEAST_EFFECT, MOST_REASONS, explain, group_effects
from betting_ai.usecases.select_top3 import SelectTop3Command, choose, slug_of
from small_league import ArrayFacts
from small_model import league, registry

AS_OF = datetime(2022, 10, 8, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def assessment() -> Assessment:
    honest = registry(ev_map=EvMap.identity(0.005))
    return assess(ArrayFacts(league()), honest, Window(AS_OF))


@pytest.fixture(scope="module")
def picks(assessment: Assessment) -> tuple[Pick, ...]:
    loose = Criteria("loose", 0.0, -1.0, 1.0)
    asked = SelectTop3Command(Window(AS_OF), loose, Decimal(10**6))
    picks = choose([assessment], asked).picks
    assert len(picks) == 3
    return picks


def row_of(assessment: Assessment, pick: Pick) -> int:
    slugs = [slug_of(assessment, i) for i in range(len(assessment.features.market))]
    return slugs.index(pick.candidate.event_id)


def test_an_effect_is_what_the_models_lose_without_the_group(
    assessment: Assessment, picks: tuple[Pick, ...]
) -> None:
    for pick in picks:
        event, k = row_of(assessment, pick), OUTCOMES.index(pick.candidate.outcome)
        effects = group_effects(assessment, event, k)
        assert set(effects) == set(GROUPS)
        manifest = assessment.model.manifest
        hidden = assessment.features.matrix[event].copy()
        for name in GROUPS["ratings"]:
            known = manifest.reference[column(name)]
            hidden[column(name)] = np.nan if known is None else known
        members = assessment.model.scorer.score(hidden[None]).members
        q = assessment.features.market.consensus[event][None]
        without = judge(q, members, manifest).pick[0, k]
        assert effects["ratings"] == pytest.approx(pick.candidate.f - without, abs=1e-12)
    assert any(abs(effect) >= LEAST_EFFECT for effect in effects.values())


def test_a_group_that_already_stands_at_its_reference_has_no_effect(
    assessment: Assessment, picks: tuple[Pick, ...]
) -> None:
    event = row_of(assessment, picks[0])
    matrix = assessment.features.matrix.copy()
    for name in GROUPS["ratings"]:
        matrix[event, column(name)] = assessment.model.manifest.reference[column(name)]
    same = replace(assessment, features=replace(assessment.features, matrix=matrix))
    assert group_effects(same, event, 0)["ratings"] == 0.0


def test_the_arithmetic_recomputes(assessment: Assessment, picks: tuple[Pick, ...]) -> None:
    for pick in picks:
        told = pick.rationale.value_analysis
        candidate = pick.candidate
        assert told["fair_odds"] == pytest.approx(1 / candidate.f, abs=5e-4)
        assert told["market_fair_odds"] == pytest.approx(1 / candidate.q, abs=5e-4)
        assert told["best_odds"] == float(candidate.price)
        assert told["prices"][candidate.bookmaker]["odds"] == float(candidate.price)
        assert told["prices"][candidate.bookmaker]["takeable"]
        offered = [entry["odds"] for entry in told["prices"].values()]
        assert offered == sorted(offered, reverse=True)
        assert not {"AVG", "MAX"} & set(told["prices"])
        json.dumps(told, allow_nan=False)


def test_reasons_are_few_carry_weight_and_never_speak_of_what_is_unknown(
    assessment: Assessment, picks: tuple[Pick, ...]
) -> None:
    for pick in picks:
        reasons = pick.rationale.key_reasons
        assert 2 <= len(reasons) <= MOST_REASONS
        below = pick.candidate.q * float(pick.candidate.price) < 1.0
        told = [r for r in reasons if f"{book(pick.candidate.bookmaker).name}'s" in r]
        assert all(r.startswith("Against it: ") == below for r in told)
        words = " ".join((pick.rationale.summary, *reasons))
        assert "nan" not in words


def test_what_speaks_for_a_pick_comes_before_what_speaks_against_it_largest_first(
    assessment: Assessment, picks: tuple[Pick, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("betting_ai.usecases.rationale.MOST_REASONS", 99)
    seen = set()
    for pick in picks:
        reasons = explain(assessment, pick, row_of(assessment, pick), AS_OF).key_reasons
        told = [
            (reason.startswith("Against it: "), float(reason.rsplit("(", 1)[1].split()[0]))
            for reason in reasons
            if reason.endswith("points of probability)")
        ]
        assert all((points < 0) == against for against, points in told)
        assert told == sorted(told, key=lambda one: (one[0], -abs(one[1])))
        seen |= {against for against, _ in told}
    assert seen == {True, False}


def changed(assessment: Assessment, event: int, **values: float) -> Assessment:
    matrix = assessment.features.matrix.copy()
    for name, value in values.items():
        matrix[event, column(name)] = value
    return replace(assessment, features=replace(assessment.features, matrix=matrix))


def blank(assessment: Assessment, event: int, *names: str) -> Assessment:
    return changed(assessment, event, **dict.fromkeys(names, np.nan))


def test_a_difference_of_nothing_is_not_told_as_one(
    assessment: Assessment, picks: tuple[Pick, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("betting_ai.usecases.rationale.MOST_REASONS", 99)
    monkeypatch.setattr("betting_ai.usecases.rationale.LEAST_EFFECT", 0.0)
    pick = picks[0]
    event = row_of(assessment, pick)
    for gap, told in ((0.0002, "as today's do; Elo"), (0.004, "by 0.4% in the odds; Elo")):
        seen = changed(assessment, event, market_rating_gap=gap)
        reasons = " ".join(explain(seen, pick, event, AS_OF).key_reasons)
        assert told in reasons
        assert "by 0%" not in reasons


def test_two_numbers_that_read_the_same_speak_for_nobody(
    assessment: Assessment, picks: tuple[Pick, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("betting_ai.usecases.rationale.LEAST_EFFECT", 0.0)
    monkeypatch.setattr("betting_ai.usecases.rationale.MOST_REASONS", 99)
    event = row_of(assessment, picks[0])
    for away, told in ((2.42, False), (2.6, True)):
        equal = changed(assessment, event, home_points_5=2.38, away_points_5=away)
        reasons = " ".join(explain(equal, picks[0], event, AS_OF).key_reasons).lower()
        assert ("points a match over the last five" in reasons) == told


@pytest.mark.parametrize("group", [g for g in GROUPS if g not in {"market", "price_movement"}])
def test_an_unknown_group_gets_no_sentence(
    assessment: Assessment, picks: tuple[Pick, ...], group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("betting_ai.usecases.rationale.LEAST_EFFECT", 0.0)
    monkeypatch.setattr("betting_ai.usecases.rationale.MOST_REASONS", 99)
    lead = assessment.features.matrix[:, column("lead_hours")]
    pick = next(p for p in picks if not np.isnan(lead[row_of(assessment, p)]))
    event = row_of(assessment, pick)
    # Two that read the same would get no sentence either.
    assessment = changed(assessment, event, home_rest_days=3, home_matches_played=9)
    told = explain(assessment, pick, event, AS_OF).key_reasons
    less = explain(blank(assessment, event, *GROUPS[group]), pick, event, AS_OF).key_reasons
    assert len(less) == len(told) - 1
    assert "nan" not in " ".join(less)


def test_where_no_group_carries_it_the_models_agree(
    assessment: Assessment, picks: tuple[Pick, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("betting_ai.usecases.rationale.LEAST_EFFECT", 1.0)
    told = explain(assessment, picks[0], row_of(assessment, picks[0]), AS_OF)
    members = picks[0].candidate.members.values()
    words = " ".join(told.key_reasons)
    assert len(told.key_reasons) <= 2
    below = picks[0].candidate.q * float(picks[0].candidate.price) < 1.0
    assert (f"between {min(members):.1%} and {max(members):.1%}" in words) == below


def test_what_would_cancel_the_pick_is_said(picks: tuple[Pick, ...]) -> None:
    for pick in picks:
        cancels = " ".join(pick.rationale.value_analysis["cancels"])
        assert str(pick.bet_until) in cancels
        assert pick.rationale.value_analysis["expires_at"] in cancels
        assert pick.expires_at <= pick.candidate.kickoff
