"""Numbers, times and codes as people read them; every number says its unit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from betting_ai.domain.books import find_bookmaker
from betting_ai.domain.leagues import LEAGUES
from betting_ai.usecases.words import STAMPS, span

__all__ = ["span"]  # templates take it from here

UNKNOWN: Final = "unknown"
_MINUS: Final = "\N{MINUS SIGN}"

MEMBERS: Final = {
    "xgboost": "XGBoost",
    "random_forest": "Random forest",
    "deep_rl": "Deep RL",
    "bayesian": "Bayesian",
}
"""The four models, in the order in which they are always shown."""

SAYERS: Final = {
    "market": "The market",
    **MEMBERS,
    "ensemble": "Pooled",
    "pick_price": "Our price",
}
"""Everybody who says a probability, in the order in which they are always shown."""

OUTCOMES: Final = {
    "home": "Home",
    "draw": "Draw",
    "away": "Away",
    "over": "Over",
    "under": "Under",
}

STATUSES: Final = {
    "pending": "Open",
    "replaced": "Replaced",
    "won": "Won",
    "lost": "Lost",
    "void": "Void",
    "half_won": "Half won",
    "half_lost": "Half lost",
}
"""What became of a pick."""

BET_STATUSES: Final = {
    **STATUSES,
    "unknown": "In doubt",
    "pending": "Not decided",
    "placed": "Placed",
    "rejected": "Rejected",
}
"""How a bet stands, or what became of it."""

EVENT_STATUSES: Final = {
    "scheduled": "To be played",
    "playing": "Being played",
    "no_result_yet": "No result yet",
    "finished": "Finished",
    "postponed": "Postponed",
    "cancelled": "Cancelled",
    "abandoned": "Abandoned",
    "walkover": "Walkover",
    "retired": "Retired",
}

ADVICE: Final = {
    "bet": ("Bet now", "Waiting for kick-off is not worth more than this price is now."),
    "wait": (
        "Better to wait",
        "Deep RL would wait for a better price before kick-off; bet now only if you cannot.",
    ),
    "none": ("No price to take", "The price shown cannot be taken."),
}
"""What to do about a pick, in short and in full."""

MARKETS: Final = {
    "match_result": "Match result",
    "totals": "Over and under",
    "handicap": "Handicap",
    "over_under_2_5": "Over and under 2.5 goals",
    "tennis_winner": "Tennis winner",
    "nba_winner": "NBA winner",
}

SOURCES: Final = {
    "football_data": "football-data.co.uk",
    "tennis_data": "tennis-data.co.uk",
    "odds_api": "The Odds API",
    "cloudbet": "Cloudbet",
}

GROUPS: Final = {
    "league": "League",
    "month": "Month",
    "bookmaker": "Bookmaker",
    "market": "Market",
    "profile": "Profile",
    "model": "Model",
}
"""What the record can be split by."""

LIMITS: Final = {
    "per_event": "At risk on one event, at most",
    "per_league": "At risk in one league, at most",
    "per_day": "At risk on one day, at most",
    "daily_loss": "Stops after a day's loss of",
    "weekly_loss": "Stops after a week's loss of",
    "drawdown": "Stops after a fall from the peak of",
    "losing_streak": "Stops after losses in a row",
    "pause_hours": "Then pauses for",
}

GLOSSARY: Final = {
    "ev": (
        "Expected value (EV)",
        "What a unit staked at this price should gain on average. It is not what the models claim, "
        "but what such claims turned out to be worth on seasons they had not seen. Nine times in "
        "ten the true value is at the lower bound or above it.",
    ),
    "confidence": (
        "Confidence",
        "The chance, 0 to 100, that this price beats the closing price. 70 means that seven of ten "
        "such prices do. It is not the chance to win the bet.",
    ),
    "risk": (
        "Risk",
        "From 0, safest, to 1. It grows with long odds, and where the models or the bookmakers "
        "disagree.",
    ),
    "clv": (
        "Closing-line value (CLV)",
        "How much better the price taken was than the fair price at kick-off, which is the best "
        "guess there is. It tells skill from luck within some tens of bets; profit needs "
        "thousands.",
    ),
    "bet_until": (
        "Bet until",
        "The lowest price at which this is still a bet. Below it, or after the time shown, leave "
        "it alone.",
    ),
    "stake": (
        "Stake",
        "A quarter of what Kelly's rule says, less where the value is unsure, at most 5% of the "
        "bankroll on one bet and 10% on one day.",
    ),
    "fair": (
        "Fair price",
        "The price at which the bet would be worth nothing: one divided by the probability.",
    ),
    "yield": (
        "Yield",
        "Profit for each unit staked, had every pick been given the same stake.",
    ),
}
"""Terms that are explained on the page: title and text."""


def sentence(text: str) -> str:
    """With a capital first and a full stop last."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def percent(value: float | None, places: int = 1, *, signed: bool = False) -> str:
    """A fraction as ``"28.1%"``, or ``"+4.0%"`` where it is signed."""
    if value is None:
        return UNKNOWN
    return f"{_number(100 * value, places, signed)}%"


def decimal(value: float | None, places: int = 2, *, signed: bool = False) -> str:
    """A number with so many places."""
    return UNKNOWN if value is None else _number(value, places, signed)


def _number(value: float, places: int, signed: bool) -> str:
    value = round(value, places) + 0.0  # no minus zero
    return f"{value:{'+' if signed and value else ''},.{places}f}".replace("-", _MINUS)


def odds(value: float | None) -> str:
    """Decimal odds with two places, with three where they have them: ``"3.70"``, ``"3.375"``."""
    if value is None:
        return UNKNOWN
    text = f"{value:.3f}"
    return text.removesuffix("0")


def money(value: float | None, unit: str = "units", *, signed: bool = False) -> str:
    """An amount with its unit: ``"1,046.34 units"``."""
    return UNKNOWN if value is None else f"{_number(value, 2, signed)} {unit}"


def count(number: int, one: str, many: str | None = None) -> str:
    """``"1 pick"``, ``"3 picks"``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: int) -> str:
    """Bytes as ``"103 MB"``."""
    value, unit = float(number), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if value >= 10 or unit == "bytes" else f"{value:.1f} {unit}"


def instant(text: str) -> datetime:
    """What `betting_ai.domain.slate.rfc3339` wrote."""
    return datetime.fromisoformat(text)


def when(text: str | None) -> str:
    """``"Sat 15 Mar 2025, 10:30 UTC"``."""
    if text is None:
        return "never"
    moment = instant(text)
    return f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M} UTC"


def clock_time(text: str) -> str:
    """``"10:30 UTC"``."""
    return f"{instant(text):%H:%M} UTC"


def day(text: str) -> str:
    """``"Sat 15 Mar 2025"``, of an instant or a date."""
    moment = instant(text)
    return f"{moment:%a} {moment.day} {moment:%b %Y}"


def long_day(text: str) -> str:
    """``"Saturday 15 March 2025"``."""
    moment = instant(text)
    return f"{moment:%A} {moment.day} {moment:%B %Y}"


def month(text: str) -> str:
    """``"2025-02"`` as ``"February 2025"``."""
    return f"{datetime.fromisoformat(f'{text}-01'):%B %Y}"


def away(text: str, now: datetime) -> str:
    """How far an instant is: ``"in 2 h 30 min"`` or ``"3 d ago"``."""
    gap = instant(text) - now
    return f"in {span(gap)}" if gap >= timedelta() else f"{span(gap)} ago"


def bookmaker(code: str) -> str:
    """What people call a book."""
    found = find_bookmaker(code)
    return code if found is None else found.name


def league(code: str) -> str:
    """What people call a league, of its code."""
    return LEAGUES[code].name if code in LEAGUES else code


def market(name: str, line: float) -> str:
    """``"Over and under 2.5"``, ``"Handicap -0.25"``."""
    told = MARKETS.get(name, name.replace("_", " "))
    if name == "totals":
        return f"{told} {line:g}"
    if name == "handicap":
        return f"{told} {_number(line, 2, signed=True)}"
    return told


def outcome(name: str) -> str:
    """A selection where no team's name is at hand."""
    return OUTCOMES.get(name, name.replace("_", " "))


def stamp(code: str) -> str:
    """A caveat; a slate of another version may have one unknown here."""
    return sentence(STAMPS.get(code, code.replace("_", " ")))


def group(kind: str, value: str) -> str:
    """A part of the record."""
    match kind:
        case "league":
            return league(value)
        case "bookmaker":
            return bookmaker(value)
        case "month":
            return month(value)
        case "market":
            return MARKETS.get(value, value)
    return value


def source(name: str) -> str:
    """Where data come from."""
    return SOURCES.get(name, name.replace("_", " ").capitalize())


def limit(name: str, value: float) -> str:
    """A limit of a session with its unit."""
    if name == "losing_streak":
        return count(int(value), "loss", "losses")
    if name == "pause_hours":
        return f"{value:g} h"
    return f"{percent(value, 0)} of the bankroll"
