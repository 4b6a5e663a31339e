"""One candidate, pick and slate by hand; a test changes what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import nan, sqrt
from typing import Any

from betting_ai.domain.markets import Outcome
from betting_ai.domain.risk import RiskScale
from betting_ai.domain.slate import PROFILES, Candidate, Pick, Rationale, Slate

NOON = datetime(2025, 3, 15, 12, tzinfo=UTC)

CANDIDATE = Candidate(
    event_id="e0-2025-03-15-ipswich-nottm-forest",
    home="Ipswich",
    away="Nott'm Forest",
    league="Premier League",
    kickoff=NOON + timedelta(hours=3),
    outcome=Outcome.AWAY,
    bookmaker="B365",
    price=Decimal("2.30"),
    quoted=Decimal("2.30"),
    q=0.455,
    books=6,
    book_spread=0.0071234567,
    f=0.46123456789,
    p=0.4587,
    members={"xgboost": 0.4612, "random_forest": 0.4521, "bayesian": nan},
    model_ev=0.46123456789 * 2.30 - 1,
    ev=0.0587,
    ev_lower=0.0412,
    ev_se=0.0137,
    confidence=71.25,
    risk=0.412,
    rar=0.0587 / (2.30 * sqrt(0.46123456789 * 0.53876543211)),
    composite=0.6185,
    prices_as_of=NOON - timedelta(minutes=20),
)


def made_pick(candidate: Candidate = CANDIDATE, **changes: Any) -> Pick:
    """A pick of a candidate."""
    pick = Pick(
        rank=1,
        candidate=candidate,
        stake=Decimal("12.34"),
        bet_until=Decimal("2.28"),
        expires_at=candidate.kickoff,
        model_version="2024-06-30",
        advice="bet",
        rationale=Rationale("Away is underpriced.", ("Books disagree.",), {"fair_odds": 2.168}),
    )
    return replace(pick, **changes)


def made_slate(*picks: Pick, **changes: Any) -> Slate:
    """A slate of picks, asked at noon."""
    slate = Slate(
        as_of=NOON,
        window_hours=24,
        criteria=PROFILES["strict"],
        bankroll=Decimal(1000),
        risk_scale=RiskScale(s90=0.006, d90=0.012),
        events_considered=40,
        events_priced=39,
        picks=picks,
        near_misses=(),
        data_sources=("football_data",),
        model="2024-06-30",
        trained_through="2024-06-30",
    )
    return replace(slate, **changes)
