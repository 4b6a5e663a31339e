"""The alerts that docs/alerts.md shows; run this file to write them there again."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from betting_ai.domain.markets import Outcome
from betting_ai.domain.slate import NearMiss, Rationale, Reason, Shortfall, Slate, Stamp
from betting_ai.models.frequency import Frequency
from betting_ai.ports.notifier import Message
from betting_ai.usecases.alert_text import Standing, alert
from made_slates import CANDIDATE, made_pick, made_slate

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "alerts.md"

MORNING = datetime(2025, 4, 5, 7, tzinfo=UTC)  # summer time: 08:00 in the UK
FREQUENCY = Frequency(date(2019, 7, 1), date(2025, 6, 30), (), {"strict": 5.6, "value": 29.9})
STANDING = Standing(
    settled=104, mean_clv=0.0412, clv_low=0.0121, clv_high=0.0703, beat_close=0.634, days=187
)

FOREST = replace(
    CANDIDATE,
    kickoff=MORNING + timedelta(hours=7),
    price=Decimal("2.15"),
    quoted=Decimal("2.15"),
    q=0.487,
    f=0.495,
    ev=0.052,
    ev_lower=0.031,
    confidence=72.4,
    risk=0.41,
    prices_as_of=MORNING - timedelta(hours=17),
)
FOREST_PICK = made_pick(
    FOREST,
    stake=Decimal("12.50"),
    bet_until=Decimal("2.14"),
    expires_at=FOREST.kickoff,
    rationale=Rationale(
        "Forest.", ("bet365's 2.15 is 4.7% above the books' own consensus of 2.05", "Form"), {}
    ),
)
DRAW = replace(
    FOREST,
    event_id="sp1-2025-04-05-getafe-betis",
    home="Getafe",
    away="Betis",
    league="La Liga",
    kickoff=MORNING + timedelta(hours=13),
    outcome=Outcome.DRAW,
    bookmaker="BFE",
    price=Decimal("3.28"),
    quoted=Decimal("3.40"),
    stamps=(Stamp.LEAD_TIME_CLAMPED,),
)
DRAW_PICK = made_pick(
    DRAW,
    rank=2,
    stake=Decimal("7.08"),
    bet_until=Decimal("3.255"),
    expires_at=DRAW.kickoff,
    advice="wait",
    rationale=Rationale("Draw.", ("How the books differ from each other (+0.6 points)",), {}),
)
MISS = NearMiss(
    replace(
        FOREST,
        event_id="e0-2025-04-05-west-ham-bournemouth",
        home="West Ham",
        away="Bournemouth",
        outcome=Outcome.HOME,
        bookmaker="WH",
        price=Decimal("2.62"),
        confidence=63.1,
        ev=0.021,
    ),
    (Shortfall(Reason.LOW_CONFIDENCE, 1.9), Shortfall(Reason.LOW_EXPECTED_VALUE, 0.029)),
)
FAR_MISS = NearMiss(
    replace(DRAW, confidence=58.2, ev=0.012, risk=0.75, stamps=()),
    (
        Shortfall(Reason.LOW_CONFIDENCE, 6.8),
        Shortfall(Reason.LOW_EXPECTED_VALUE, 0.038),
        Shortfall(Reason.HIGH_RISK, 0.05),
    ),
)


def slate_of(*picks: Any, **changes: Any) -> Slate:
    """A slate of the morning."""
    day = {"as_of": MORNING, "data_sources": ("football-data.co.uk",)}
    return made_slate(*picks, **(day | changes))


def told(
    slate: Slate, standing: Standing | None = None, frequency: Frequency | None = None
) -> Message:
    """The alert of a slate, under a name that stays when slates gain a field."""
    return alert("5f" * 32, slate.to_dict(), standing, frequency)


def examples() -> dict[str, Message]:
    """By the heading they stand under."""
    return {
        "A day with bets": told(
            slate_of(FOREST_PICK, DRAW_PICK, near_misses=(MISS,)), STANDING, FREQUENCY
        ),
        "A day without": told(
            slate_of(near_misses=(MISS, FAR_MISS)),
            replace(STANDING, settled=12, days=20),
            FREQUENCY,
        ),
    }


def with_examples(document: str) -> str:
    """The document with its examples as they are today."""
    for heading, message in examples().items():
        shown = f"Subject: {message.subject}\n\n{message.text}"
        document = re.sub(
            rf"(## {heading}\n.*?```text\n).*?(```)",
            lambda found, shown=shown: found[1] + shown + found[2],
            document,
            count=1,
            flags=re.DOTALL,
        )
    return document


if __name__ == "__main__":
    DOCUMENT.write_text(with_examples(DOCUMENT.read_text()))
