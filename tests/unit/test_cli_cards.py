"""Slates as people read them: every number of the slate, in words, on any width."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from betting_ai.cli.cards import show_prediction, show_slate
from betting_ai.domain.markets import Outcome
from betting_ai.domain.slate import (
    NearMiss,
    Rationale,
    Reason,
    Shortfall,
    Slate,
    Stamp,
)
from betting_ai.models.frequency import Frequency
from made_slates import CANDIDATE, made_pick, made_slate

AS_OF = datetime(2025, 3, 15, 8, tzinfo=UTC)
FOREST = replace(
    CANDIDATE,
    kickoff=AS_OF + timedelta(hours=7),
    price=Decimal("2.15"),
    quoted=Decimal("2.15"),
    q=0.487,
    f=0.495,
    p=0.491,
    members={"xgboost": 0.496, "random_forest": 0.494, "deep_rl": float("nan"), "bayesian": 0.49},
    ev=0.052,
    ev_lower=0.031,
    confidence=72.4,
    risk=0.41,
    prices_as_of=AS_OF - timedelta(hours=17),
    stamps=(Stamp.LEAD_TIME_CLAMPED,),
)
PICK = made_pick(
    FOREST,
    stake=Decimal("12.50"),
    bet_until=Decimal("2.09"),
    rationale=Rationale("Forest.", ("B365's 2.15 is 4.7% above [the] consensus", "Form"), {}),
)
MISS = NearMiss(
    replace(FOREST, outcome=Outcome.DRAW, confidence=58.2, ev=0.021, risk=0.75),
    (
        Shortfall(Reason.LOW_CONFIDENCE, 6.8),
        Shortfall(Reason.LOW_EXPECTED_VALUE, 0.029),
        Shortfall(Reason.HIGH_RISK, 0.05),
        Shortfall(Reason.STALE_PRICE),
    ),
)

SLATE = made_slate(
    PICK,
    as_of=AS_OF,
    events_considered=53,
    events_priced=51,
    near_misses=(MISS,),
    data_sources=("football_data folder",),
    stamps=(Stamp.TUNED_ON,),
    refused={Reason.PRICE_OVER_AVERAGE: 3},
)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("COLUMNS", "100")


def shown(slate: Slate, capsys: pytest.CaptureFixture[str]) -> str:
    show_slate(slate)
    return capsys.readouterr().out


def words_of(text: str) -> str:
    """Without borders and line breaks."""
    return " ".join(text.replace("│", " ").split())


def test_a_card_says_what_to_do_down_to_which_price_and_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = words_of(shown(SLATE, capsys))
    for words in (
        "53 considered, 51 with prices, 2 without",
        "football_data folder; prices up to 17 h old",
        "2024-06-30, trained through 2024-06-30",
        "the price is far above the average: stale or mistyped (3)",
        "1 Nott'm Forest to win",
        "Ipswich vs Nott'm Forest, Premier League",
        "in 7 h",
        "Take 2.15 at bet365, not below 2.09",
        "12.50 of 1000 units",
        "+5.2% on average (nine to one that it is +3.1% or more)",
        "72 of 100",
        "0.41",
        "2.02; the market says 2.05",
        "49.5%; the market says 48.7%",
        "XGBoost 49.6%, random forest 49.4%, deep RL unknown, Bayesian 49.0%; ",
        "all four pooled, to predict the result, 49.1%",
        "bet now",
        "- B365's 2.15 is 4.7% above [the] consensus",
        "further from kick-off",
        "Draw at 2.15 (bet365)",
        "confidence 58.2, 6.8 short of 65",
        "expected value +2.1%, 2.9 points short of +5.0%",
        "risk 0.750, 0.050 over 0.7",
        "the price is too old",
        "How to read it",
    ):
        assert words in text


def test_an_upper_bound_is_no_price_to_take(capsys: pytest.CaptureFixture[str]) -> None:
    bound = replace(FOREST, bookmaker="MAX", stamps=(Stamp.UPPER_BOUND,))
    text = words_of(shown(replace(SLATE, picks=(replace(PICK, candidate=bound),)), capsys))
    assert "2.15 was the highest anywhere; worth a bet from 2.09" in text
    assert "Take" not in text
    assert "an upper bound, not a price you can take" in text


@pytest.mark.parametrize("width", [60, 72, 100, 200])
def test_no_line_is_wider_than_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = shown(SLATE, capsys).splitlines()
    assert max(map(len, lines)) <= min(width, 100)
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("considered", "priced", "words"),
    [
        (53, 51, "No bet today: none of 51 priced matches"),
        (9, 0, "No bet today: no match in this window has a usable price yet"),
        (0, 0, "No bet today: no match kicks off in this window"),
    ],
)
def test_an_empty_day_says_so_calmly(
    considered: int, priced: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = replace(
        SLATE, picks=(), near_misses=(), events_considered=considered, events_priced=priced
    )
    text = words_of(shown(empty, capsys))
    assert words in text
    assert "--profile value asks for less" in text


def test_every_reason_and_stamp_has_words(capsys: pytest.CaptureFixture[str]) -> None:
    everything = NearMiss(FOREST, tuple(Shortfall(reason) for reason in Reason))
    slate = replace(SLATE, near_misses=(everything,), stamps=tuple(Stamp))
    text = shown(slate, capsys)
    assert not [code for code in (*Reason, *Stamp) if "_" in code and code in text]


def test_a_prediction_shows_every_source_and_price(capsys: pytest.CaptureFixture[str]) -> None:
    triple = {"home": 0.25, "draw": 0.265, "away": 0.485}
    two = {"over": 0.581, "under": 0.419}
    price = {
        "bookmaker": "PS", "odds": 3.64, "model_expected_value": -0.03, "expected_value": -0.035,
        "confidence_score": 25.0, "risk_score": 0.48, "composite_score": 0.1, "wait_value": 0.0,
    }  # fmt: skip
    show_prediction(
        {
            "event_name": "Ipswich vs Nott'm Forest",
            "kickoff": "2025-03-15T15:00:00Z",
            "as_of": "2025-03-15T08:00:00Z",
            "prices_as_of": "2025-03-14T15:00:00Z",
            "pick_price": triple,
            "ensemble": triple,
            "market": triple,
            "members": {"xgboost": triple, "bayesian": dict.fromkeys(triple)},
            "best_prices": {
                "home": dict.fromkeys(price),
                "draw": price,
                "away": price,
            },
            "upper_bound": True,
            "model": "2024-06-30",
            "trained_through": "2024-06-30",
            "may_give_picks": True,
            "gate": "5 books on most matches",
            "other_markets": {
                "over_under_2_5": {
                    "market": two,
                    "members": {"xgboost": two},
                    "ensemble": two,
                    "pick_price": two,
                    "best_prices": {"over": price, "under": dict.fromkeys(price)},
                    "upper_bound": False,
                    "may_give_picks": False,
                    "gate": "1 book on most matches",
                }
            },
        }
    )
    text = capsys.readouterr().out
    for words in ("XGBoost", "unknown", "Pinnacle", "none", "3.64", "3.77", "-3.5%", "17 h old"):
        assert words in text
    assert text.lower().count("upper bound") == 1
    for words in ("Over and under 2.5 goals", "58.1%", "41.9%", "gives no picks: 1 book on"):
        assert words in text


def test_an_empty_slate_says_how_often_there_is_something(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = Frequency(date(2019, 7, 1), date(2025, 6, 30), (), {"strict": 5.6, "value": 29.9})
    show_slate(replace(SLATE, picks=()), told)
    text = words_of(capsys.readouterr().out)
    assert "strict 5.6, value 29.9 picks a month, 2019-07-01 to 2025-06-30" in text
    show_slate(SLATE, told)
    assert "picks a month" not in capsys.readouterr().out
