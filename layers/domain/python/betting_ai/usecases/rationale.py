"""Why a bet is on the slate, from what the models themselves do when a group of facts is hidden.

Each group of features is replaced by its reference values (the training median) and the event is
scored again through the same ONNX graph; how far the pick price falls is what the group carries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from betting_ai.domain.books import book
from betting_ai.domain.markets import Outcome
from betting_ai.domain.slate import Pick, Rationale, rfc3339
from betting_ai.domain.sports import BASKETBALL, FOOTBALL, SPORTS, TENNIS
from betting_ai.features.facts import Floats
from betting_ai.features.spec import column, consensus_columns, groups_of
from betting_ai.models.ensemble import judge
from betting_ai.usecases.assess_events import Assessment
from betting_ai.usecases.words import span

UNEXPLAINED: Final = Rationale("", (), {})

MOST_REASONS: Final = 4
LEAST_EFFECT: Final = 0.0005
"""A group that moves the probability by less than a twentieth of a point is not a reason."""


def explain(assessment: Assessment, pick: Pick, event: int, as_of: datetime) -> Rationale:
    """Summary, key reasons and the arithmetic of a pick.

    Args:
        assessment: where it comes from.
        pick: without its rationale.
        event: its row in the assessment.
        as_of: when it was asked; ages are counted up to then.
    """
    candidate = pick.candidate
    effects = group_effects(assessment, event, candidate.market.outcomes.index(candidate.outcome))
    words = _Words.of(assessment, pick, event)
    ranked = sorted(effects.items(), key=lambda item: (-abs(item[1]), item[0]))
    reasons: list[str] = []
    doubts: list[str] = []
    (reasons if words.edge >= 0 else doubts).append(words.price())
    for group, effect in ranked:
        sentence = _SENTENCES[group](words)
        if sentence is not None and abs(effect) >= LEAST_EFFECT:
            (reasons if effect > 0 else doubts).append(words.effect(sentence, effect))
    if not reasons:
        reasons.append(words.agreement())
    told = [*reasons[:MOST_REASONS], *(f"Against it: {_lower(doubt)}" for doubt in doubts)]
    return Rationale(
        summary=words.summary(),
        key_reasons=tuple(told[:MOST_REASONS]),
        value_analysis=_value_analysis(assessment, pick, event, effects, int(as_of.timestamp())),
    )


def group_effects(assessment: Assessment, event: int, outcome: int) -> dict[str, float]:
    """How much each group of features adds to the pick price of a selection.

    Returns:
        Group -> difference in probability between the full row and the row without the group.
    """
    manifest = assessment.model.manifest
    row = assessment.features.matrix[event]
    reference = np.array([np.nan if v is None else v for v in manifest.reference], dtype=np.float32)
    sport = assessment.betting.sport
    groups = groups_of(sport)
    hidden = np.tile(row, (len(groups) + 1, 1))
    anchor = consensus_columns(assessment.betting)  # every model stands on it
    for i, names in enumerate(groups.values(), start=1):
        at = [k for name in names if not anchor.start <= (k := column(name, sport)) < anchor.stop]
        hidden[i, at] = reference[at]
    q = np.tile(assessment.features.market.consensus[event], (len(hidden), 1))
    members = assessment.model.scorer.score(hidden).members
    f = judge(q, members, manifest).pick[:, outcome]
    return {name: float(f[0] - f[i]) for i, name in enumerate(groups, start=1)}


def _value_analysis(
    assessment: Assessment, pick: Pick, event: int, effects: Mapping[str, float], as_of: int
) -> dict[str, Any]:
    """The arithmetic, and what would cancel the pick; every number can be recomputed."""
    candidate = pick.candidate
    market, books = assessment.features.market, assessment.facts.books
    k = candidate.market.outcomes.index(candidate.outcome)
    its = np.flatnonzero((market.quote_event == event) & market.named)
    prices = {
        books[market.quote_book[i]]: {
            "odds": round(float(market.net[i, k]), 4),
            "as_of": rfc3339(datetime.fromtimestamp(int(market.quoted_at[i]), UTC)),
            "age_minutes": _minutes(as_of - market.quoted_at[i]),
            "feed": "live" if market.live[i] else "snapshot",
            "takeable": bool(market.takeable[i, k]),
        }
        for i in its[np.argsort(-market.net[its, k], kind="stable")]
    }
    return {
        "fair_odds": round(candidate.fair_odds, 3),
        "market_fair_odds": round(1.0 / candidate.q, 3),
        "best_odds": float(candidate.price),
        "best_bookmaker": candidate.bookmaker,
        "upper_bound": bool(assessment.offers.upper_bound[event]),
        "bet_until_odds": float(pick.bet_until),
        "expires_at": rfc3339(pick.expires_at),
        "model_expected_value": round(candidate.model_ev, 6),
        "expected_value": round(candidate.ev, 6),
        "market_average_odds": _or_none(market.average[event, k]),
        "market_maximum_odds": _or_none(market.maximum[event, k]),
        "prices": prices,
        "newest_results": _newest_results(assessment, event, as_of),
        "effects": {name: round(effect, 6) + 0.0 for name, effect in effects.items()},
        "cancels": [
            f"the best price falls below {pick.bet_until}",
            "a team sheet or news moves the market: the price is then not the one judged here",
            f"it is later than {rfc3339(pick.expires_at)}",
        ],
        "timing": _TIMING[pick.advice],
    }


def _newest_results(assessment: Assessment, event: int, as_of: int) -> dict[str, Any]:
    """Each team's newest result and how old it is; None where it lies before what was loaded."""
    facts = assessment.facts
    row = assessment.features.market.rows[event]
    found = {}
    for side in (facts.home[row], facts.away[row]):
        its = ((facts.home == side) | (facts.away == side)) & (facts.result_known_at <= as_of)
        known_at = int(facts.result_known_at[its].max(initial=-1))
        found[facts.teams[side].partition(":")[2]] = (
            None
            if known_at < 0
            else {
                "known_at": rfc3339(datetime.fromtimestamp(known_at, UTC)),
                "age_minutes": _minutes(as_of - known_at),
            }
        )
    return found


def _minutes(seconds: float) -> int:
    return int(float(seconds) // 60)


def _lower(sentence: str) -> str:
    """For the middle of a sentence; names keep their capital."""
    first = sentence.split(maxsplit=1)[0]
    return sentence[0].lower() + sentence[1:] if first in _COMMON_WORDS else sentence


_COMMON_WORDS: Final = {"Prices", "How", "Goal", "Points", "Shots", "Days", "Matches", "Won"}

_UNITS: Final = {FOOTBALL: "goals", TENNIS: "sets", BASKETBALL: "points"}
_POINTS_A_WIN: Final = 3.0

_TIMING: Final = {
    "none": "the price cannot be taken",
    "bet": "the price is worth more now than the option to wait for the close",
    "wait": "waiting for the close is worth more than betting now",
}


@dataclass(frozen=True)
class _Words:
    """Puts one pick's numbers into sentences."""

    pick: Pick
    home: str
    away: str
    row: np.ndarray
    members: Floats
    sport: str

    @classmethod
    def of(cls, assessment: Assessment, pick: Pick, event: int) -> _Words:
        k = assessment.betting.outcomes.index(pick.candidate.outcome)
        members = assessment.scores.members[:, event, k]
        row = assessment.features.matrix[event]
        c = pick.candidate
        return cls(pick, c.home, c.away, row, members, assessment.betting.sport)

    def get(self, name: str) -> float:
        return float(self.row[column(name, self.sport)])

    @property
    def subject(self) -> str:
        c = self.pick.candidate
        if c.outcome in (Outcome.HOME, Outcome.AWAY):
            return c.selection
        return "the draw" if c.outcome is Outcome.DRAW else c.selection.lower()

    @property
    def book(self) -> str:
        """The bookmaker's name."""
        return book(self.pick.candidate.bookmaker).name

    def summary(self) -> str:
        c = self.pick.candidate
        return (
            f"{self.subject[0].upper()}{self.subject[1:]} at {c.price} with {self.book}: we make "
            f"it {c.f:.1%} (fair {c.fair_odds:.2f}), so the price is worth {c.ev:+.1%} and has a "
            f"{c.confidence:.0f} % chance to beat the closing price."
        )

    @property
    def edge(self) -> float:
        """What the price is worth by the books' own consensus."""
        return self.pick.candidate.q * float(self.pick.candidate.price) - 1.0

    def price(self) -> str:
        c = self.pick.candidate
        relation = "above" if self.edge >= 0 else "below"
        return (
            f"{self.book}'s {c.price} is {abs(self.edge):.1%} {relation} the books' own consensus "
            f"of {1 / c.q:.2f}"
        )

    def agreement(self) -> str:
        c = self.pick.candidate
        low, high = np.nanmin(self.members), np.nanmax(self.members)
        return (
            f"All four models put {self.subject} between {low:.1%} and {high:.1%}, near {c.f:.1%}"
        )

    def effect(self, sentence: str, effect: float) -> str:
        return f"{sentence} ({100 * effect:+.1f} points of probability)"

    def pair(self, lead: str, name: str, shape: str = "{:.1f}", scale: float = 1.0) -> str | None:
        """A sentence with the home and the away value of a feature.

        None where one is unknown, and where both read the same: that speaks for nobody.
        """
        values = [scale * self.get(f"{side}_{name}") for side in ("home", "away")]
        if np.isnan(values).any():
            return None
        home, away = (shape.format(value) for value in values)
        if home == away:
            return None
        return f"{lead}: {self.home} {home}, {self.away} {away}"

    def ratings(self) -> str | None:
        """What past prices and results would have made of the match."""
        gap, elo = self.get("market_rating_gap"), self.get("elo_difference")
        if np.isnan(gap):
            return None
        favoured = self.home if gap > 0 else self.away
        by = f"{np.expm1(abs(gap)):.1%}"
        told = (
            f"Prices of earlier matches rate {self.home} and {self.away} as today's do"
            if by == "0.0%"
            else f"Prices of earlier matches rate {favoured} higher than today's do, by {by} in "
            "the odds"
        )
        return f"{told}; Elo difference {elo:+.0f} for {self.home}"

    def goal_lines(self) -> str | None:
        """How far the goal markets are from the result's own prices."""
        lean = self.get("implied_lean_home")
        if np.isnan(lean):
            return None
        return f"Goal lines imply {np.expm1(lean):+.1%} for {self.home} beside the result's prices"

    def meetings(self) -> str | None:
        """Meetings of the last five years."""
        number = self.get("meetings")
        if not number > 0:
            return None
        goals = self.get("meeting_goal_difference")
        unit = _UNITS[self.sport]
        return f"{number:.0f} recent meetings, {goals:+.1f} {unit} a match for {self.home}"

    def form(self) -> str | None:
        """Points of the last five matches, or the share of them that was won."""
        if SPORTS[self.sport].outcomes == 3:
            return self.pair("Points a match over the last five", "points_5")
        return self.pair("Won of the last five", "points_5", "{:.0%}", 1.0 / _POINTS_A_WIN)

    def lead_time(self) -> str | None:
        """How old the prices will be at kick-off; None where the time of day is not known."""
        hours = self.get("lead_hours")
        if np.isnan(hours):
            return None
        return f"{span(timedelta(minutes=round(60 * float(hours))))} from these prices to kick-off"


_SENTENCES: Final[dict[str, Callable[[_Words], str | None]]] = {
    "market": lambda w: "How the books differ from each other",
    "goal_lines": _Words.goal_lines,
    "price_movement": lambda w: "Prices have moved since they were first seen",
    "form": _Words.form,
    "past_prices": lambda w: w.pair(
        "How far prices moved towards them before kick-off, last twenty matches",
        "move_20",
        "{:+.1%}",
    ),
    "team_statistics": lambda w: w.pair("Shots a match, last ten", "shots_for_10", "{:.0f}"),
    "venue": lambda w: w.pair("Points a match at this end, last ten", "venue_points_10"),
    "head_to_head": _Words.meetings,
    "ratings": _Words.ratings,
    "rest": lambda w: w.pair("Days of rest", "rest_days", "{:.0f}"),
    "season": lambda w: w.pair("Matches played this season", "matches_played", "{:.0f}"),
    "lead_time": _Words.lead_time,
}


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
