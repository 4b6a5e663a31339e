from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from math import nan, sqrt

import pytest

from betting_ai.domain.markets import MATCH_RESULT, OVER_UNDER, Outcome
from betting_ai.domain.slate import (
    PROFILES,
    Criteria,
    Reason,
    Stamp,
    rfc3339,
    select,
    shortfalls,
)
from betting_ai.errors import InvalidInputError
from made_slates import CANDIDATE, made_pick, made_slate

STRICT = Criteria.of("strict")

GOOD = CANDIDATE


def candidate(event, composite, **changes):
    return replace(GOOD, event_id=event, composite=composite, **changes)


def reasons(miss):
    return [str(s.reason) for s in miss.shortfalls]


def test_picks_are_the_best_that_meet_the_criteria():
    chosen = select(
        [candidate(e, c) for e, c in zip("abcd", (0.5, 0.8, 0.6, 0.7), strict=True)], STRICT
    )
    assert [pick.event_id for pick in chosen.picks] == ["b", "d", "c"]
    assert [(m.candidate.event_id, reasons(m)) for m in chosen.near_misses] == [
        ("a", ["slate_full"])
    ]


def test_ties_go_to_the_higher_ev_then_to_the_event_name():
    tied = [
        candidate("b", 0.5, ev=0.06),
        candidate("a", 0.5, ev=0.06),
        candidate("c", 0.5, ev=0.07),
    ]
    assert [pick.event_id for pick in select(tied, STRICT).picks] == ["c", "a", "b"]


def test_one_selection_per_event():
    chosen = select([candidate("a", 0.8), candidate("a", 0.7, outcome=Outcome.DRAW)], STRICT)
    assert [pick.outcome for pick in chosen.picks] == [Outcome.AWAY]
    assert reasons(chosen.near_misses[0]) == ["second_selection_of_event"]


def test_a_better_selection_that_fails_does_not_block_its_event():
    risky = candidate("a", 0.9, risk=0.8)
    chosen = select([risky, candidate("a", 0.6, outcome=Outcome.DRAW)], STRICT)
    assert [pick.outcome for pick in chosen.picks] == [Outcome.DRAW]
    assert reasons(chosen.near_misses[0]) == ["high_risk"]


def test_near_misses_say_by_how_much():
    short = candidate("a", 0.5, confidence=61.5, ev=0.03, risk=0.75)
    miss = select([short], STRICT).near_misses[0]
    assert [(s.reason, pytest.approx(s.missed_by)) for s in miss.shortfalls] == [
        (Reason.LOW_CONFIDENCE, 3.5),
        (Reason.LOW_EXPECTED_VALUE, 0.02),
        (Reason.HIGH_RISK, 0.05),
    ]


def test_a_price_that_cannot_be_taken_comes_after_what_only_falls_short():
    mistyped = candidate("a", 0.99, refusals=(Reason.PRICE_OVER_AVERAGE,))
    short = [candidate(e, 0.3, ev=0.04) for e in "bc"]
    chosen = select([mistyped, *short], STRICT)
    assert not chosen.picks
    assert [m.candidate.event_id for m in chosen.near_misses] == ["b", "c", "a"]
    assert reasons(chosen.near_misses[2]) == ["price_over_average"]


def test_a_stamp_is_a_caveat_and_only_a_refusal_forbids():
    stamped = candidate("a", 0.9, stamps=(Stamp.UPPER_BOUND,))
    refused = candidate("b", 0.9, refusals=(Reason.NO_NAMED_BOOK,))
    chosen = select([stamped, refused], STRICT)
    assert chosen.picks == (stamped,)
    assert [reasons(miss) for miss in chosen.near_misses] == [["no_named_book"]]


@pytest.mark.parametrize(
    ("field", "reason"),
    [("confidence", "low_confidence"), ("ev", "low_expected_value"), ("risk", "high_risk")],
)
def test_an_unknown_number_meets_nothing(field, reason):
    (miss,) = shortfalls(replace(GOOD, **{field: nan}), STRICT)
    assert (str(miss.reason), miss.missed_by) == (reason, None)
    numbers = {"confidence": 99.0, "expected_value": 1.0, "risk": 0.0}
    name = "expected_value" if field == "ev" else field
    assert not STRICT.met(**(numbers | {name: nan}))


def test_the_limits_themselves_meet_the_criteria():
    limit = replace(GOOD, confidence=65.0, ev=0.05, risk=0.7)
    assert shortfalls(limit, STRICT) == ()
    assert STRICT.met(65.0, 0.05, 0.7)


def test_nothing_to_choose_from():
    chosen = select([], STRICT)
    assert (chosen.picks, chosen.near_misses) == ((), ())


def test_profiles():
    numbers = {
        name: (c.min_confidence, c.min_expected_value, c.max_risk) for name, c in PROFILES.items()
    }
    assert numbers == {"strict": (65.0, 0.05, 0.7), "value": (60.0, 0.01, 0.7)}
    with pytest.raises(InvalidInputError, match="strict or value"):
        Criteria.of("greedy")


def test_overrides_replace_only_what_is_given():
    changed = STRICT.with_overrides(min_expected_value=0.0, max_risk=0.5)
    assert changed == Criteria("strict", 65.0, 0.0, 0.5)
    assert STRICT.with_overrides() == STRICT


@pytest.mark.parametrize(
    "bad",
    [
        {"min_confidence": 101},
        {"min_confidence": nan},
        {"min_expected_value": nan},
        {"max_risk": -0.1},
    ],
)
def test_criteria_are_checked(bad):
    with pytest.raises(InvalidInputError):
        STRICT.with_overrides(**bad)


def make_slate():
    missed = select([candidate("z", 0.5, ev=nan)], STRICT).near_misses
    return made_slate(made_pick(), near_misses=missed, stamps=(Stamp.RECONSTRUCTED,))


def test_a_slate_is_strict_json_without_binary_noise():
    text = json.dumps(make_slate().to_dict(), allow_nan=False)
    data = json.loads(text)
    pick = data["picks"][0]
    assert pick["recommended_odds"] == 2.3
    assert pick["probability"] == 0.461235
    assert pick["fair_odds"] == 2.168
    assert pick["recommended_stake"] == 12.34
    assert pick["bet_until_odds"] == 2.28
    assert pick["model_probabilities"]["bayesian"] is None
    assert (pick["event_name"], pick["selection"], pick["outcome"]) == (
        "Ipswich vs Nott'm Forest",
        "Nott'm Forest",
        "away",
    )
    assert pick["kickoff"] == "2025-03-15T15:00:00Z"
    assert data["near_misses"][0]["reasons"] == [
        {"reason": "low_expected_value", "missed_by": None}
    ]
    assert data["stamps"] == ["reconstructed"]


def test_a_pick_has_every_published_field():
    fields = (
        "rank event_id event_name league kickoff selection outcome bookmaker recommended_odds "
        "probability ensemble_probability fair_odds confidence_score model_expected_value "
        "expected_value expected_value_lower risk_score risk_adjusted_return composite_score "
        "recommended_stake bet_until_odds expires_at model_probabilities market_probability "
        "model_version prices_as_of advice rationale"
    )
    pick = make_slate().to_dict()["picks"][0]
    assert set(fields.split()) <= set(pick)
    assert pick["rationale"] == {
        "summary": "Away is underpriced.",
        "key_reasons": ["Books disagree."],
        "value_analysis": {"fair_odds": 2.168},
    }


def test_numbers_shown_recompute_from_each_other():
    pick = make_slate().to_dict()["picks"][0]
    f, o, ev = pick["probability"], pick["recommended_odds"], pick["expected_value"]
    assert pick["model_expected_value"] == pytest.approx(f * o - 1, abs=1e-4)
    assert pick["fair_odds"] == pytest.approx(1 / f, abs=5e-4)
    rar = ev / (o * sqrt(f * (1 - f)))
    assert pick["risk_adjusted_return"] == pytest.approx(rar, abs=1e-4)
    composite = 0.40 * pick["confidence_score"] / 100 + 0.35 * ev / 0.10 + 0.25 * rar / 0.10
    assert pick["composite_score"] == pytest.approx(composite, abs=1e-4)


def test_instants_are_utc_and_never_naive():
    moscow = datetime(2025, 3, 15, 18, tzinfo=timezone(timedelta(hours=3)))
    assert rfc3339(moscow) == "2025-03-15T15:00:00Z"
    with pytest.raises(InvalidInputError, match="time zone"):
        rfc3339(datetime(2025, 3, 15, 18))  # noqa: DTZ001


def test_selections_have_names():
    names = [
        replace(GOOD, outcome=outcome, market=market).selection
        for market in (MATCH_RESULT, OVER_UNDER)
        for outcome in market.outcomes
    ]
    assert names == ["Ipswich", "Draw", "Nott'm Forest", "Over 2.5 goals", "Under 2.5 goals"]
