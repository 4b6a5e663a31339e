"""What people read of a slate: complete, calm, short, and safe whatever the names."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import nan
from typing import Any

import pytest

from alert_examples import (
    DOCUMENT,
    DRAW_PICK,
    FAR_MISS,
    FOREST,
    FOREST_PICK,
    FREQUENCY,
    MISS,
    MORNING,
    STANDING,
    slate_of,
    told,
    with_examples,
)
from betting_ai.domain.slate import NearMiss, Rationale, Reason, Shortfall, Slate, Stamp
from betting_ai.errors import InvalidInputError
from betting_ai.ports.notifier import LONGEST_SUBJECT, Message
from betting_ai.ports.record import RecordedPick
from betting_ai.usecases.alert_text import MOST_BYTES, WIDTH, Standing, alert
from betting_ai.usecases.track_record import summary

FULL = slate_of(
    FOREST_PICK,
    DRAW_PICK,
    replace(FOREST_PICK, rank=3, candidate=replace(FOREST, home="Leeds", away="Hull")),
    near_misses=(MISS, FAR_MISS),
)


def words(slate: Slate, *context: Any) -> str:
    """Without line breaks, once the rules that hold for every message are seen to."""
    message = told(slate, *context)
    lines = message.text.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert len(message.text.encode()) < MOST_BYTES
    assert message.subject.isascii()
    assert len(message.subject) <= LONGEST_SUBJECT
    for promise in ("guarante", "sure", "certain", "!", "lock", "winner"):
        assert promise not in message.text.lower()
    assert "what you can afford to lose" in message.text
    return " ".join(message.text.split())


def test_the_examples_of_the_document_are_what_is_sent() -> None:
    """Run tests/alert_examples.py to write them again."""
    assert with_examples(DOCUMENT.read_text()) == DOCUMENT.read_text()


def test_a_pick_says_what_to_take_down_to_which_price_until_when_and_why() -> None:
    text = words(FULL)
    for part in (
        "Betting AI, Saturday 5 April 2025 Kick-offs Sat 5 Apr 07:00 UTC (08:00 UK) to Sun 6 Apr",
        "1. Nott'm Forest to win Ipswich vs Nott'm Forest, Premier League",
        "Kick-off Sat 5 Apr 14:00 UTC (15:00 UK)",
        "Take 2.15 at bet365",
        "Down to 2.14, until Sat 5 Apr 14:00 UTC (15:00 UK)",
        "Stake 12.50 of a bankroll of 1000.00 (1.25%)",
        "EV +5.2% on average; nine to one that it is +3.1% or more",
        "Confidence 72 of 100 to beat the closing price",
        "Risk 0.41 (0 is safest, 1 riskiest)",
        "Why bet365's 2.15 is 4.7% above the books' own consensus of 2.05",
        "2. Draw Getafe vs Betis, La Liga",
        "Take 3.28 at Betfair Exchange (shown as 3.40, less commission)",
        "Down to 3.255 after commission, until Sat 5 Apr 20:00 UTC (21:00 UK)",
        "Timing deep RL would wait",
        "Note further from kick-off",
        "3. Hull to win",
        "Near misses, which are no bets: - West Ham at 2.62 (William Hill)",
        "confidence 63.1, 1.9 short of 65",
        "40 considered, 39 with prices",
        "Model: 2024-06-30, trained through 2024-06-30. Data: football-data.co.uk.",
    ):
        assert part in text
    assert told(FULL).subject == ("Betting AI, Sat 5 Apr 2025: 3 bets, best: Nott'm Forest at 2.15")
    assert "No bet" not in text


def test_the_day_in_the_uk_is_told_where_it_is_another_one() -> None:
    late = replace(FOREST, kickoff=MORNING + timedelta(hours=16, minutes=30))
    text = words(slate_of(replace(FOREST_PICK, candidate=late)))
    assert "Kick-off Sat 5 Apr 23:30 UTC (Sun 00:30 UK)" in text


def test_in_winter_uk_time_is_utc() -> None:
    winter = replace(FOREST, kickoff=datetime(2025, 1, 4, 15, tzinfo=UTC))
    text = words(slate_of(replace(FOREST_PICK, candidate=winter)))
    assert "Kick-off Sat 4 Jan 15:00 UTC (15:00 UK)" in text


def test_a_draw_alone_names_its_match_in_the_subject() -> None:
    subject = told(slate_of(DRAW_PICK)).subject
    assert subject == "Betting AI, Sat 5 Apr 2025: 1 bet: Draw, Getafe vs Betis at 3.28"


def test_an_empty_day_says_why_what_was_nearest_by_how_much_and_how_often() -> None:
    text = words(slate_of(near_misses=(MISS, FAR_MISS)), None, FREQUENCY)
    assert "No bet today, because none of 39 priced matches is worth its price by these" in text
    assert "passing costs nothing" in text
    assert "The nearest: - West Ham at 2.62 (William Hill), West Ham vs Bournemouth" in text
    assert "expected value +2.1%, 2.9 points short of +5.0%" in text
    assert "Also near: - Draw at 3.28" in text
    assert "Last backtest: strict 5.6, value 29.9 picks a month" in text
    assert told(slate_of()).subject == "Betting AI, Sat 5 Apr 2025: no bet today"


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"events_considered": 0, "events_priced": 0}, "no match kicks off in this window."),
        ({"events_priced": 0}, "no match in this window has a usable price yet."),
        (
            {"near_misses": (NearMiss(FOREST, (Shortfall(Reason.BELOW_MINIMUM_STAKE),)),)},
            "what meets the criteria leaves no stake at this bankroll.",
        ),
    ],
)
def test_every_kind_of_empty_day_has_its_reason(changes: dict[str, Any], because: str) -> None:
    assert f"No bet today, because {because}" in words(slate_of(**changes))


def test_the_record_comes_before_any_pick() -> None:
    text = words(FULL, STANDING)
    so_far = (
        "CLV so far: +4.1% a pick (95% interval +1.2% to +7.0%), 63% beat the closing price; "
        "104 settled picks in 187 days."
    )
    assert 0 < text.index(so_far) < text.index("1. Nott'm Forest")
    assert "CLV" not in words(FULL)


@pytest.mark.parametrize("settled", [0, 1, 29])
def test_a_short_record_is_too_short_to_say(settled: int) -> None:
    unknown = Standing(settled, nan, nan, nan, nan, days=settled)
    text = words(FULL, unknown)
    plural = "" if settled == 1 else "s"
    assert f"CLV so far: {settled} settled pick{plural} in {settled} day{plural}, too few" in text
    assert "nan" not in text


def test_a_record_that_may_be_luck_says_so() -> None:
    assert "this can still be luck" in words(FULL, replace(STANDING, clv_low=-0.004))
    assert "this can still be luck" not in words(FULL, STANDING)


def test_the_record_is_what_the_track_record_says() -> None:
    fields = {name: getattr(RecordedPick, name, None) for name in RecordedPick.__annotations__}
    pick = RecordedPick(**fields | {"as_of": MORNING, "price": Decimal(2), "stake": Decimal(1),
                                    "ev": 0.05, "status": "won", "profit": Decimal(1)})  # fmt: skip
    settled = [
        replace(pick, clv=clv, as_of=MORNING + timedelta(days=day))
        for day, clv in enumerate((0.04, 0.02, -0.03, None))
    ]
    record = {"first_day": "2025-04-05", "all": summary(settled)}
    standing = Standing.of(record, date(2025, 5, 5))
    assert standing is not None
    assert (standing.settled, standing.days) == (3, 30)
    assert standing.mean_clv == pytest.approx(0.01)
    assert standing.clv_low < standing.mean_clv < standing.clv_high
    assert standing.beat_close == pytest.approx(2 / 3)
    assert Standing.of({"first_day": None}, date(2025, 5, 5)) is None
    nothing = Standing.of(record | {"all": summary([])}, date(2025, 5, 5))
    assert "CLV so far: 0 settled picks in 30 days, too few to say." in words(FULL, nothing)


def test_a_market_maximum_is_no_price_to_take() -> None:
    bound = replace(FOREST, bookmaker="MAX", stamps=(Stamp.UPPER_BOUND,))
    text = words(slate_of(replace(FOREST_PICK, candidate=bound, advice="none")))
    assert "Price 2.15 was the highest anywhere" in text
    assert "Worth it from 2.14 up, until" in text
    assert "an upper bound, not a price you can take" in text
    assert "Take " not in text


def test_what_is_not_live_says_so_first() -> None:
    replay = replace(FULL, stamps=(Stamp.RECONSTRUCTED, Stamp.TUNED_ON))
    text = words(replay, STANDING)
    assert text.index("Not live") < text.index("1. Nott'm Forest")
    assert "Note: settings were chosen" in text
    assert told(replay).subject.startswith("[not live] Betting AI, Sat 5 Apr 2025: 3 bets")
    assert "ot live" not in words(FULL)


def test_without_a_model_the_market_stands_alone() -> None:
    alone = replace(FULL, model=None, trained_through=None)
    assert "Model: none, the market stands alone." in words(alone)


def test_unknown_numbers_are_said_to_be_unknown() -> None:
    candidate = replace(FOREST, confidence=nan, ev=nan, ev_lower=nan, risk=nan)
    reasons = (Reason.LOW_CONFIDENCE, Reason.LOW_EXPECTED_VALUE, Reason.HIGH_RISK)
    miss = NearMiss(candidate, tuple(Shortfall(reason) for reason in reasons))
    pick = replace(FOREST_PICK, candidate=replace(FOREST, ev_lower=nan))
    text = words(slate_of(pick, near_misses=(miss,)))
    assert "no confidence can be given; no expected value can be given; no risk can be" in text
    assert "nine to one that it is unknown or more" in text


def test_the_longest_slate_stays_short() -> None:
    odd = "\U0001f3df" * 400  # four bytes each
    candidate = replace(FOREST, home=odd, away=odd, league=odd, bookmaker=odd, stamps=tuple(Stamp))
    why = Rationale(odd, (odd,), {})
    pick = replace(FOREST_PICK, candidate=candidate, rationale=why, advice="wait")
    bought = replace(pick, candidate=replace(candidate, stamps=tuple(Stamp)[2:]))
    miss = NearMiss(candidate, tuple(Shortfall(reason, 0.1) for reason in Reason))
    stamps = tuple(stamp for stamp in Stamp if stamp is not Stamp.UPPER_BOUND)
    for each in (pick, bought):
        longest = slate_of(
            each,
            each,
            each,
            near_misses=(miss,) * 3,
            stamps=stamps,
            data_sources=(odd, odd),
            model=odd,
            trained_through=odd,
        )
        words(longest, replace(STANDING, clv_low=-0.01), FREQUENCY)


def test_every_reason_and_stamp_has_words() -> None:
    for reason in Reason:
        text = words(slate_of(near_misses=(NearMiss(FOREST, (Shortfall(reason, 0.1),)),)))
        assert "_" not in text
    assert "_" not in words(slate_of(FOREST_PICK, stamps=tuple(Stamp)))


def test_codes_of_another_version_are_shown_as_they_are() -> None:
    payload = slate_of(near_misses=(MISS,)).to_dict()
    payload["stamps"] = ["seen_in_a_dream"]
    payload["near_misses"][0]["reasons"] = [{"reason": "too_late", "missed_by": None}]
    text = alert("5f", payload).text
    assert "Note: seen in a dream." in text
    assert "Bournemouth, Premier League: too late" in " ".join(text.split())


def test_a_slate_back_from_json_gives_the_same_message() -> None:
    payload = FULL.to_dict()
    again = json.loads(json.dumps(payload))
    assert alert("5f", again, STANDING, FREQUENCY) == alert("5f", payload, STANDING, FREQUENCY)


@pytest.mark.parametrize(
    "damage",
    [
        {"picks": None},
        {"as_of": "yesterday"},
        {"picks": [{"rank": 1}]},
        {"bankroll": "1000"},
        {"near_misses": {"a": 1}},
    ],
)
def test_what_is_no_slate_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="no slate"):
        alert("5f", FULL.to_dict() | damage)
    with pytest.raises(InvalidInputError, match="no slate"):
        alert("5f", {})


@pytest.mark.parametrize(
    "subject", ["", " x", "a\nBcc: all@example.org", "a\r", "naïve", "x" * 100, "tab\t"]
)
def test_no_subject_can_become_two_headers(subject: str) -> None:
    with pytest.raises(InvalidInputError):
        Message(subject, "text", "5f")


@pytest.mark.parametrize("name", ["", "a b", "A", "a@b", "a>\r\nBcc: x", "5" * 129, "../5f"])
def test_no_id_can_become_a_header_or_a_path(name: str) -> None:
    with pytest.raises(InvalidInputError):
        Message("subject", "text", name)
