"""The words that cards and alerts share; they read a slate as it is stored (`Slate.to_dict`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from betting_ai.domain.slate import Reason, Stamp

STAMPS: Final[Mapping[str, str]] = {
    Stamp.MARKET_ONLY: "the models add nothing to the market here; its consensus stands alone",
    Stamp.UPPER_BOUND: "priced at the market maximum: an upper bound, not a price you can take",
    Stamp.IN_SAMPLE: "the model was trained on this day: this proves nothing",
    Stamp.TUNED_ON: "settings were chosen while looking at days up to and after this one",
    Stamp.RECONSTRUCTED: "price times follow the source's rule; they were not seen by us",
    Stamp.LEAD_TIME_CLAMPED: "further from kick-off than anything the models were trained on",
    Stamp.MARKET_CLOSED: "this market gives no picks: its model has shown no gain over the prices",
}

REASONS: Final[Mapping[str, str]] = {
    Reason.STALE_PRICE: "the price is too old",
    Reason.PRICE_ABOVE_MAXIMUM: "the price is above the market's maximum: stale or mistyped",
    Reason.PRICE_OVER_AVERAGE: "the price is far above the average: stale or mistyped",
    Reason.NO_NAMED_BOOK: "no bookmaker's own price",
    Reason.NOT_ENOUGH_PRICES: "too few prices",
    Reason.UNMATCHED_EVENT: "the match could not be identified without doubt",
    Reason.OUTSIDE_WINDOW: "outside the window",
    Reason.ALREADY_BEGUN: "the match has begun",
    Reason.ALREADY_RECOMMENDED: "the match was recommended before",
    Reason.SECOND_SELECTION_OF_EVENT: "another selection of the match is picked",
    Reason.SLATE_FULL: "three better ones are picked",
    Reason.EXPOSURE_CAP: "no stake is left under the day's limits",
    Reason.BELOW_MINIMUM_STAKE: "the stake would be too small",
    Reason.MARKET_CLOSED: "its model has not shown a gain over the prices",
}
"""Those that are not of degree; `why_not` has the words for the others."""

_DEGREES: Final[Mapping[str, str]] = {
    Reason.LOW_CONFIDENCE: "confidence",
    Reason.LOW_EXPECTED_VALUE: "expected value",
    Reason.HIGH_RISK: "risk",
}

_WITHOUT_STAKE: Final = {Reason.EXPOSURE_CAP, Reason.BELOW_MINIMUM_STAKE}


def no_bet_because(slate: Mapping[str, Any]) -> str:
    """Why a slate is empty, to go on after "No bet today" and before a full stop."""
    if not slate["events_considered"]:
        return "no match kicks off in this window"
    if not slate["events_priced"]:
        return "no match in this window has a usable price yet"
    if Stamp.MARKET_CLOSED in slate["stamps"]:
        return "this market gives no picks: its model has shown no gain over the prices"
    if slate["refused"].get(Reason.ALREADY_BEGUN):
        return "the slate came late, and of what had not begun nothing is worth its price"
    reasons = {reason["reason"] for miss in slate["near_misses"] for reason in miss["reasons"]}
    if reasons & _WITHOUT_STAKE:
        return "what meets the criteria leaves no stake at this bankroll"
    return (
        f"none of {slate['events_priced']} priced matches is worth its price by these criteria. "
        "Most days are like this, and passing costs nothing"
    )


def criteria_asked(criteria: Mapping[str, Any]) -> str:
    """What picks had to reach."""
    return (
        f"confidence {criteria['min_confidence']:g} or more, expected value "
        f"{criteria['min_expected_value']:+.1%} or more, risk {criteria['max_risk']:g} or less "
        f"({criteria['profile']})"
    )


def why_not(miss: Mapping[str, Any], criteria: Mapping[str, Any]) -> list[str]:
    """Each reason why a near miss is not a pick, and by how much."""
    return [_why_not(r["reason"], r["missed_by"], miss, criteria) for r in miss["reasons"]]


def _why_not(
    reason: str, by: float | None, miss: Mapping[str, Any], criteria: Mapping[str, Any]
) -> str:
    if reason not in _DEGREES:  # a slate of another version may have a reason unknown here
        return REASONS.get(reason, reason.replace("_", " "))
    if by is None:
        return f"no {_DEGREES[reason]} can be given"
    if reason == Reason.LOW_CONFIDENCE:
        least = criteria["min_confidence"]
        return f"confidence {miss['confidence_score']:.1f}, {by:.1f} short of {least:g}"
    if reason == Reason.LOW_EXPECTED_VALUE:
        return (
            f"expected value {miss['expected_value']:+.1%}, {100 * by:.1f} points short of "
            f"{criteria['min_expected_value']:+.1%}"
        )
    return f"risk {miss['risk_score']:.3f}, {by:.3f} over {criteria['max_risk']:g}"


def span(time: timedelta) -> str:
    """``"35 min"``, ``"2 h 30 min"``, ``"17 h"``, ``"3 d 4 h"``, ``"5 months"``; without a sign.

    The one rule for ages and times to come: what has not passed in full does not count.
    """
    minutes = int(abs(time).total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 10 and minutes:
        return f"{hours} h {minutes} min"
    if hours < 48:
        return f"{hours} h"
    days, hours = divmod(hours, 24)
    if days < 90:
        return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"
    return f"{days // 30} months" if days < 730 else f"{days // 365} years"
