"""Settlements and picks as JSON-ready data."""

from __future__ import annotations

from typing import Any

from betting_ai.ports.record import RecordedPick, Settlement


def settled_line(one: Settlement) -> dict[str, Any]:
    """A settlement as JSON-ready data."""
    due, verdict = one.due, one.verdict
    home, away = verdict.score.home, verdict.score.away
    return {
        "subject": str(due.subject),
        "id": due.id,
        "event_id": due.event_id,
        "outcome": str(due.outcome),
        "odds": float(due.price),
        "stake": float(due.stake),
        "result": str(verdict.result),
        "reason": str(verdict.why),
        "ending": str(verdict.score.ending),
        "score": None if home is None or away is None else f"{home}-{away}",
        "profit": float(verdict.profit),
        "clv": verdict.clv,
        "settled_at": one.at.isoformat(),
    }


def pick_line(pick: RecordedPick) -> dict[str, Any]:
    """A pick as JSON-ready data."""
    return {
        "id": pick.id,
        "slate_id": pick.slate_id,
        "as_of": pick.as_of.isoformat(),
        "mode": pick.mode,
        "profile": pick.profile,
        "model": pick.model_version,
        "rank": pick.rank,
        "event_id": pick.event_id,
        "event_name": pick.event_name,
        "league": pick.league,
        "kickoff": pick.kickoff.isoformat(),
        "market": pick.market.name.lower(),
        "line": pick.line,
        "outcome": str(pick.outcome),
        "bookmaker": pick.bookmaker,
        "odds": float(pick.price),
        "bet_until_odds": float(pick.bet_until),
        "stake": float(pick.stake),
        "probability": pick.probability,
        "expected_value": pick.ev,
        "confidence": pick.confidence,
        "risk": pick.risk,
        "status": pick.status,
        "profit": None if pick.profit is None else float(pick.profit),
        "clv": pick.clv,
        "settled_at": None if pick.settled_at is None else pick.settled_at.isoformat(),
        "hash": pick.hash,
    }
