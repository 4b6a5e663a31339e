"""The day's slate: which candidates are picks, which came near, and the record of both.

Numbers in `to_dict` are rounded so that they are free of binary noise and yet recompute from each
other: probabilities, expected values and scores to 6 places, fair odds to 3, prices as they stand
(at most 4), stakes to 2. Anything recomputed from the numbers shown agrees with what is shown
within 1e-4, fair odds within 5e-4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from betting_ai.domain.markets import MATCH_RESULT, BettingMarket, Outcome
from betting_ai.domain.odds import Bools
from betting_ai.domain.risk import RiskScale
from betting_ai.errors import InvalidInputError

MOST_PICKS: Final = 3
"""A slate recommends at most so many bets, and shows as many near misses."""


class Reason(StrEnum):
    """Why something is not recommended. The codes are stored; never rename."""

    LOW_CONFIDENCE = "low_confidence"
    LOW_EXPECTED_VALUE = "low_expected_value"
    HIGH_RISK = "high_risk"
    STALE_PRICE = "stale_price"
    PRICE_ABOVE_MAXIMUM = "price_above_maximum"
    PRICE_OVER_AVERAGE = "price_over_average"
    NO_NAMED_BOOK = "no_named_book"
    NOT_ENOUGH_PRICES = "not_enough_prices"
    UNMATCHED_EVENT = "unmatched_event"
    OUTSIDE_WINDOW = "outside_window"
    ALREADY_BEGUN = "already_begun"
    ALREADY_RECOMMENDED = "already_recommended"
    SECOND_SELECTION_OF_EVENT = "second_selection_of_event"
    SLATE_FULL = "slate_full"
    EXPOSURE_CAP = "exposure_cap"
    BELOW_MINIMUM_STAKE = "below_minimum_stake"
    MARKET_CLOSED = "market_closed"  # the model's gate: nothing was gained over the prices


class Stamp(StrEnum):
    """A caveat that a pick or a slate carries in the open."""

    MARKET_ONLY = "market_only"  # the members add nothing to the consensus
    UPPER_BOUND = "upper_bound"  # a market maximum, not a price one can take
    IN_SAMPLE = "in_sample"  # no model is trained only on matches before `as_of`
    TUNED_ON = "tuned_on"  # choices were made on these days
    RECONSTRUCTED = "reconstructed"  # prices stamped by rule, not when they were seen
    LEAD_TIME_CLAMPED = "lead_time_clamped"  # further from kick-off than in training
    MARKET_CLOSED = "market_closed"  # the model's gate is closed: there are no picks


@dataclass(frozen=True)
class Criteria:
    """What a candidate must reach to be a pick.

    Attributes:
        profile: name of the profile it started from.
        min_confidence: 0 to 100.
        min_expected_value: EV, as a fraction of the stake; what is worth nothing or less is never
            a pick.
        max_risk: 0 to 1.
    """

    profile: str
    min_confidence: float
    min_expected_value: float
    max_risk: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_confidence <= 100.0:
            raise InvalidInputError(
                f"the least confidence must be from 0 to 100, not {self.min_confidence:g}"
            )
        if not -1.0 <= self.min_expected_value < 1.0:
            raise InvalidInputError(
                "the least expected value must be a fraction, 0.05 for 5 %, not "
                f"{self.min_expected_value:g}"
            )
        if not 0.0 <= self.max_risk <= 1.0:
            raise InvalidInputError(f"the highest risk must be from 0 to 1, not {self.max_risk:g}")

    @classmethod
    def of(cls, profile: str) -> Criteria:
        """The criteria of a profile, ``"strict"`` or ``"value"``.

        Raises:
            InvalidInputError: there is no such profile.
        """
        if profile not in PROFILES:
            raise InvalidInputError(f"unknown profile {profile!r}; use {' or '.join(PROFILES)}")
        return PROFILES[profile]

    def with_overrides(
        self,
        min_confidence: float | None = None,
        min_expected_value: float | None = None,
        max_risk: float | None = None,
    ) -> Self:
        """The same criteria with single numbers replaced where one is given."""
        return replace(
            self,
            min_confidence=_given(min_confidence, self.min_confidence),
            min_expected_value=_given(min_expected_value, self.min_expected_value),
            max_risk=_given(max_risk, self.max_risk),
        )

    def met(
        self, confidence: npt.ArrayLike, expected_value: npt.ArrayLike, risk: npt.ArrayLike
    ) -> Bools:
        """Whether all three numbers meet the criteria, any shape; NaN never does."""
        return (
            (np.asarray(confidence, np.float64) >= self.min_confidence)
            & (np.asarray(expected_value, np.float64) >= self.min_expected_value)
            & (np.asarray(expected_value, np.float64) > 0.0)
            & (np.asarray(risk, np.float64) <= self.max_risk)
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {
            "profile": self.profile,
            "min_confidence": self.min_confidence,
            "min_expected_value": self.min_expected_value,
            "max_risk": self.max_risk,
        }


PROFILES: Final = {
    "strict": Criteria("strict", min_confidence=65.0, min_expected_value=0.05, max_risk=0.7),
    "value": Criteria("value", min_confidence=60.0, min_expected_value=0.01, max_risk=0.7),
}
"""The criteria that have a name; `strict` is the default."""


@dataclass(frozen=True)
class Candidate:
    """One selection of one event at the best price that can be taken, and all that is known of it.

    Attributes:
        event_id: the event's slug.
        home: home team.
        away: away team.
        league: league code.
        kickoff: aware instant.
        outcome: the selection.
        bookmaker: book code.
        price: decimal odds, net of commission, at most 4 places.
        quoted: the price as the book shows it; an exchange takes its commission from the winnings.
        q: consensus probability.
        books: how many books' own prices are heard beside the average.
        book_spread: standard deviation of their fair probabilities; NaN with fewer than two.
        f: pick price, as a probability.
        p: ensemble probability; NaN where no member answered.
        members: each member's probability for the selection, NaN where it did not answer.
        model_ev: what ``f`` claims at ``price``.
        ev: expected value.
        ev_lower: its one-sided 90 % lower bound.
        ev_se: its standard error.
        confidence: 0 to 100.
        risk: 0 to 1.
        rar: risk-adjusted return.
        composite: composite score, 0 to 1.
        prices_as_of: when the price stood.
        stamps: caveats.
        refusals: why it cannot be recommended whatever its numbers.
        market: what the selection is of.
    """

    event_id: str
    home: str
    away: str
    league: str
    kickoff: datetime
    outcome: Outcome
    bookmaker: str
    price: Decimal
    quoted: Decimal
    q: float
    books: int
    book_spread: float
    f: float
    p: float
    members: Mapping[str, float]
    model_ev: float
    ev: float
    ev_lower: float
    ev_se: float
    confidence: float
    risk: float
    rar: float
    composite: float
    prices_as_of: datetime
    stamps: tuple[Stamp, ...] = ()
    refusals: tuple[Reason, ...] = ()
    market: BettingMarket = MATCH_RESULT

    @property
    def event_name(self) -> str:
        """``"Home vs Away"``."""
        return f"{self.home} vs {self.away}"

    @property
    def selection(self) -> str:
        """The team's name, ``"Draw"``, or ``"Over 2.5 goals"``."""
        names = {
            Outcome.HOME: self.home,
            Outcome.DRAW: "Draw",
            Outcome.AWAY: self.away,
            Outcome.OVER: f"Over {self.market.line:g} goals",
            Outcome.UNDER: f"Under {self.market.line:g} goals",
        }
        return names[self.outcome]

    @property
    def fair_odds(self) -> float:
        """The price at which the bet is worth nothing: ``1 / f``."""
        return 1.0 / self.f

    def to_dict(self) -> dict[str, Any]:
        """What a pick and a near miss have in common, as JSON-ready data."""
        return {
            "event_id": self.event_id,
            "event_name": self.event_name,
            "league": self.league,
            "kickoff": rfc3339(self.kickoff),
            "market": self.market.name,
            "selection": self.selection,
            "outcome": str(self.outcome),
            "bookmaker": self.bookmaker,
            "recommended_odds": float(self.price),
            "quoted_odds": float(self.quoted),
            "probability": _number(self.f),
            "ensemble_probability": _number(self.p),
            "market_probability": _number(self.q),
            "model_probabilities": {name: _number(p) for name, p in self.members.items()},
            "books_heard": self.books,
            "book_spread": _number(self.book_spread),
            "fair_odds": _number(self.fair_odds, 3),
            "confidence_score": _number(self.confidence, 4),
            "model_expected_value": _number(self.model_ev),
            "expected_value": _number(self.ev),
            "expected_value_lower": _number(self.ev_lower),
            "risk_score": _number(self.risk),
            "risk_adjusted_return": _number(self.rar),
            "composite_score": _number(self.composite),
            "prices_as_of": rfc3339(self.prices_as_of),
            "stamps": [str(stamp) for stamp in self.stamps],
        }


@dataclass(frozen=True)
class Shortfall:
    """One reason why a candidate is not a pick.

    Attributes:
        reason: the code.
        missed_by: how far it is from the criterion, in the criterion's own units; None where the
            reason is not a matter of degree.
    """

    reason: Reason
    missed_by: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        missed_by = None if self.missed_by is None else _number(self.missed_by)
        return {"reason": str(self.reason), "missed_by": missed_by}


@dataclass(frozen=True)
class NearMiss:
    """A candidate that came near, with every reason why it is not a pick."""

    candidate: Candidate
    shortfalls: tuple[Shortfall, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return self.candidate.to_dict() | {"reasons": [s.to_dict() for s in self.shortfalls]}


@dataclass(frozen=True)
class Selection:
    """What `select` chose, both lists best first."""

    picks: tuple[Candidate, ...]
    near_misses: tuple[NearMiss, ...]


def shortfalls(candidate: Candidate, criteria: Criteria) -> tuple[Shortfall, ...]:
    """Every reason why a candidate cannot be a pick by itself; empty where it can."""
    least = max(criteria.min_expected_value, _SOMETHING)
    gaps = (
        (Reason.LOW_CONFIDENCE, criteria.min_confidence - candidate.confidence),
        (Reason.LOW_EXPECTED_VALUE, least - candidate.ev),
        (Reason.HIGH_RISK, candidate.risk - criteria.max_risk),
    )
    return (
        *(Shortfall(reason) for reason in candidate.refusals),
        *(
            Shortfall(reason, None if math.isnan(gap) else gap)
            for reason, gap in gaps
            if not gap <= 0.0  # NaN is a miss
        ),
    )


def select(
    candidates: Iterable[Candidate], criteria: Criteria, limit: int = MOST_PICKS
) -> Selection:
    """Choose the picks and the near misses.

    Candidates are ranked by composite score, ties by EV, then event id, outcome and book: a total
    order, so the order given does not matter. Picks are the best that meet the criteria, one per
    event. Near misses are the best of the rest, one per event (an event with a pick may show
    another selection); those that miss only a criterion come before those that were refused.

    Args:
        candidates: in any order.
        criteria: what a pick must reach.
        limit: most picks, and most near misses.
    """
    picks: dict[str, Candidate] = {}
    rest: list[NearMiss] = []
    for candidate in sorted(candidates, key=_rank):
        reasons = shortfalls(candidate, criteria)
        if candidate.event_id in picks:
            reasons += (Shortfall(Reason.SECOND_SELECTION_OF_EVENT),)
        elif not reasons and len(picks) >= limit:
            reasons = (Shortfall(Reason.SLATE_FULL),)
        if reasons:
            rest.append(NearMiss(candidate, reasons))
        else:
            picks[candidate.event_id] = candidate
    near: dict[str, NearMiss] = {}
    for miss in sorted(rest, key=_was_refused):  # stable: the rank order holds within each half
        near.setdefault(miss.candidate.event_id, miss)
    return Selection(tuple(picks.values()), tuple(near.values())[:limit])


@dataclass(frozen=True)
class Rationale:
    """Why, in words.

    Attributes:
        summary: one sentence.
        key_reasons: the facts that carry it.
        value_analysis: the arithmetic of the price, every book's price, and what would cancel
            the pick; JSON-ready.
    """

    summary: str
    key_reasons: tuple[str, ...]
    value_analysis: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {
            "summary": self.summary,
            "key_reasons": list(self.key_reasons),
            "value_analysis": dict(self.value_analysis),
        }


@dataclass(frozen=True)
class Pick:
    """A recommended bet.

    Attributes:
        rank: 1 is best.
        candidate: the numbers.
        stake: money, whole cents; 0 where caps or the book's minimum leave nothing.
        bet_until: lowest price at which it still meets the criteria.
        expires_at: when the recommendation ends.
        model_version: what scored it.
        advice: ``"bet"`` or ``"wait"``; ``"none"`` where the price cannot be taken.
        rationale: why.
    """

    rank: int
    candidate: Candidate
    stake: Decimal
    bet_until: Decimal
    expires_at: datetime
    model_version: str
    advice: str
    rationale: Rationale

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return (
            {"rank": self.rank}
            | self.candidate.to_dict()
            | {
                "recommended_stake": float(self.stake),
                "bet_until_odds": float(self.bet_until),
                "expires_at": rfc3339(self.expires_at),
                "model_version": self.model_version,
                "advice": self.advice,
                "rationale": self.rationale.to_dict(),
            }
        )


@dataclass(frozen=True)
class Slate:
    """The day's answer.

    Attributes:
        as_of: nothing known later went in.
        window_hours: kick-offs up to so many hours after ``as_of``.
        criteria: what picks had to reach.
        bankroll: what stakes are shares of.
        risk_scale: what the risk scores count as a large disagreement.
        events_considered: events in the window.
        events_priced: of those, with prices to judge.
        picks: best first, at most three.
        near_misses: best first.
        data_sources: where the facts came from.
        model: name of the model; None where the market stood alone.
        trained_through: last day the model was trained on.
        stamps: caveats on the whole slate.
        refused: how many prices or events were not judged at all, by reason.
        inputs: digests of the models, features and prices it was made of.
    """

    as_of: datetime
    window_hours: float
    criteria: Criteria
    bankroll: Decimal
    risk_scale: RiskScale
    events_considered: int
    events_priced: int
    picks: tuple[Pick, ...]
    near_misses: tuple[NearMiss, ...]
    data_sources: tuple[str, ...]
    model: str | None
    trained_through: str | None
    stamps: tuple[Stamp, ...] = ()
    refused: Mapping[Reason, int] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {
            "as_of": rfc3339(self.as_of),
            "window_hours": self.window_hours,
            "criteria": self.criteria.to_dict(),
            "bankroll": float(self.bankroll),
            "risk_scale": self.risk_scale.to_dict(),
            "events_considered": self.events_considered,
            "events_priced": self.events_priced,
            "picks": [pick.to_dict() for pick in self.picks],
            "near_misses": [miss.to_dict() for miss in self.near_misses],
            "data_sources": list(self.data_sources),
            "model": self.model,
            "trained_through": self.trained_through,
            "stamps": [str(stamp) for stamp in self.stamps],
            "refused": {str(reason): count for reason, count in self.refused.items()},
            "inputs": dict(self.inputs),
        }


def rfc3339(instant: datetime) -> str:
    """An instant as ``"2025-03-15T15:00:00Z"``.

    Raises:
        InvalidInputError: it has no time zone.
    """
    if instant.tzinfo is None:
        raise InvalidInputError("an instant needs a time zone")
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _rank(candidate: Candidate) -> tuple[float, float, str, str, str]:
    """Sort key, best first; NaN scores come last."""
    return (
        math.inf if math.isnan(candidate.composite) else -candidate.composite,
        math.inf if math.isnan(candidate.ev) else -candidate.ev,
        candidate.event_id,
        candidate.outcome,
        candidate.bookmaker,
    )


_SOMETHING: Final = math.ulp(0.0)
"""The least expected value that is worth a bet at all."""


def _was_refused(miss: NearMiss) -> bool:
    """Whether a reason says that the price or the event cannot be used at all."""
    return not {s.reason for s in miss.shortfalls} <= _OF_DEGREE


_OF_DEGREE: Final = {
    Reason.LOW_CONFIDENCE,
    Reason.LOW_EXPECTED_VALUE,
    Reason.HIGH_RISK,
    Reason.SECOND_SELECTION_OF_EVENT,
    Reason.SLATE_FULL,
    Reason.EXPOSURE_CAP,
    Reason.BELOW_MINIMUM_STAKE,
}


def _given(override: float | None, otherwise: float) -> float:
    return otherwise if override is None else override


def _number(value: float, places: int = 6) -> float | None:
    """A JSON number; JSON has no NaN, so an unknown number is null."""
    return None if math.isnan(value) else round(float(value), places) + 0.0  # no minus zero
