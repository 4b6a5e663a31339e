"""The shapes of requests and answers, as the specification shows them.

Answers are written from JSON-ready data and not through these classes; tests hold one against the
other.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from betting_ai.api.paging import instant

T = TypeVar("T")

EVENT: Final = "e0-2025-03-15-ipswich-nottm-forest"
_LARGEST: Final = 2**63 - 1
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(_DAY.pattern + r"[Tt ].*([Zz]|[+-][0-9]{2}:?[0-9]{2})")


def _storable(moment: datetime) -> datetime:
    try:
        return instant(moment.isoformat())
    except (ValueError, OverflowError):
        raise ValueError("must be of the years 1901 to 2199") from None


def _day(day: date) -> date:
    if not 1900 < day.year < 2200:
        raise ValueError("must be of the years 1901 to 2199")
    return day


def _instant_text(value: object) -> object:
    """A number of seconds is not how the specification writes an instant."""
    if not (isinstance(value, str) and _INSTANT.fullmatch(value)):
        raise ValueError("must be an instant with its time zone, such as 2025-03-15T08:00:00Z")
    return value


def _day_text(value: object) -> object:
    if not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise ValueError("must be a day, such as 2025-03-15")
    return value


Share = Annotated[float, Field(ge=0, le=1)]
Slug = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=200,
        examples=[EVENT],
        description="An event's name, as slates and lists tell it.",
    ),
]
Key = Annotated[int, Field(ge=1, le=_LARGEST)]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant_text), AfterValidator(_storable)]
Day = Annotated[date, BeforeValidator(_day_text), AfterValidator(_day)]
OutcomeName = Literal["home", "draw", "away", "over", "under"]
MarketName = Literal["match_result", "totals", "handicap"]
Mode = Literal["live", "replay"]
PickStatus = Literal["pending", "replaced", "won", "lost", "void", "half_won", "half_lost"]
BetStatus = Literal[
    "unknown", "pending", "placed", "rejected", "won", "lost", "void", "half_won", "half_lost"
]
EventStatus = Literal[
    "scheduled", "playing", "no_result_yet", "finished", "postponed", "abandoned", "cancelled",
    "walkover", "retired",
]  # fmt: skip
Probabilities = Annotated[
    dict[OutcomeName, float | None],
    Field(description="By selection; null where it is not known."),
]


class Answer(BaseModel):
    """What an answer holds; nothing beside it."""

    # Only the specification asks for these schemas: no start builds what no answer goes through.
    model_config = ConfigDict(extra="forbid", defer_build=True)


class ErrorDetail(Answer):
    """What is wrong with one part of the input."""

    location: str
    message: str


class Problem(Answer):
    """A failure, as RFC 9457 has it."""

    type: Annotated[str, Field(examples=["urn:betting-ai:problem:not_found"])]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Annotated[str, Field(description="One line that says what to do.")]
    instance: str
    code: Annotated[str, Field(description="What programs match on; it never changes.")]
    request_id: str
    errors: list[ErrorDetail] = []


class Page(Answer, Generic[T]):
    """Some items of a list, and where it goes on."""

    items: list[T]
    next_cursor: Annotated[
        str | None, Field(description="Pass it as `cursor` for more; null at the end.")
    ]


class CriteriaTold(Answer):
    """What picks had to reach."""

    profile: str
    min_confidence: float
    min_expected_value: float
    max_risk: float


class RiskScaleTold(Answer):
    """What risk scores count as a large disagreement."""

    model_config = ConfigDict(extra="allow")


class CandidateTold(Answer):
    """One selection at the best price that can be taken, and every number about it."""

    event_id: str
    event_name: str
    league: str
    kickoff: datetime
    market: str
    selection: str
    outcome: OutcomeName
    bookmaker: str
    recommended_odds: Annotated[float, Field(gt=1, description="Net of an exchange's commission.")]
    quoted_odds: float
    probability: Annotated[Share | None, Field(description="The pick price as a probability.")]
    ensemble_probability: Share | None
    market_probability: Share | None
    model_probabilities: dict[str, float | None]
    books_heard: int
    book_spread: float | None
    fair_odds: float | None
    confidence_score: Annotated[
        float | None, Field(description="0 to 100: how sure it is to beat the close.")
    ]
    model_expected_value: float | None
    expected_value: float | None
    expected_value_lower: float | None
    risk_score: float | None
    risk_adjusted_return: float | None
    composite_score: float | None
    prices_as_of: datetime
    stamps: list[str]


class RationaleTold(Answer):
    """Why, in words."""

    summary: str
    key_reasons: list[str]
    value_analysis: dict[str, Any]


class PickTold(CandidateTold):
    """A recommended bet."""

    rank: Annotated[int, Field(ge=1, le=3)]
    recommended_stake: float
    bet_until_odds: Annotated[float, Field(description="The lowest price still worth taking.")]
    expires_at: datetime
    model_version: str
    advice: Literal["bet", "wait", "none"]
    rationale: RationaleTold


class ShortfallTold(Answer):
    """One reason why a candidate is not a pick."""

    reason: str
    missed_by: float | None


class NearMissTold(CandidateTold):
    """A candidate that came near."""

    reasons: list[ShortfallTold]


class SlateTold(Answer):
    """The answer to the question for the best bets, as it was published."""

    slate_id: str
    hash: str
    mode: Mode
    published_at: datetime
    as_of: datetime
    window_hours: float
    criteria: CriteriaTold
    bankroll: float
    risk_scale: RiskScaleTold
    events_considered: int
    events_priced: int
    picks: Annotated[list[PickTold], Field(max_length=3)]
    near_misses: list[NearMissTold]
    data_sources: list[str]
    model: str | None
    trained_through: date | None
    stamps: list[str]
    refused: dict[str, int]
    inputs: dict[str, str] = {}


class BestPrice(Answer):
    """The best price of a selection at a bookmaker."""

    outcome: OutcomeName
    bookmaker: str
    bookmaker_name: str
    odds: Annotated[float, Field(gt=1)]
    quoted_at: datetime


class Score(Answer):
    """Goals, points or sets."""

    home: int
    away: int


class EventTold(Answer):
    """An event with the best prices on who wins."""

    event_id: str
    event_name: str
    home: str
    away: str
    league: str
    league_name: str
    sport: str
    kickoff: datetime
    time_assumed: bool
    status: EventStatus
    score: Score | None
    best_odds: list[BestPrice]


class OfferTold(Answer):
    """A source's last prices in one market."""

    market: MarketName
    line: float
    bookmaker: str
    bookmaker_name: str
    kind: Literal["named", "exchange", "average", "maximum"]
    odds: dict[OutcomeName, float]
    quoted_at: datetime


class SaidTold(Answer):
    """The last word of a model's member on an event."""

    member: str
    probabilities: Probabilities
    as_of: datetime
    model_version: str


class RecommendationTold(Answer):
    """A pick of a slate, and what became of it."""

    recommendation_id: int
    slate_id: str
    as_of: datetime
    profile: str
    model_version: str
    rank: int
    event_id: str
    event_name: str
    league: str
    kickoff: datetime
    market: MarketName
    line: float
    outcome: OutcomeName
    selection: str
    bookmaker: str
    recommended_odds: float
    recommended_stake: float
    bet_until_odds: float
    expires_at: datetime
    probability: Share
    expected_value: float
    confidence_score: float
    risk_score: float
    status: PickStatus
    profit: float | None
    clv: Annotated[float | None, Field(description="Closing-line value; null without a close.")]
    settled_at: datetime | None
    hash: str


class EventDetail(EventTold):
    """An event and all that is known of it."""

    latest_odds: list[OfferTold]
    predictions: list[SaidTold]
    recommendations: list[RecommendationTold]


class PriceTold(Answer):
    """A price as it stood from one time on."""

    market: MarketName
    line: float
    bookmaker: str
    outcome: OutcomeName
    odds: float
    quoted_at: datetime


class PredictRequest(BaseModel):
    """Which event to predict."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"event_id": EVENT}]})

    event_id: Slug
    as_of: Annotated[Instant | None, Field(description="As it was known then; now by default.")] = (
        None
    )
    hours: Annotated[float, Field(gt=0, le=336, description="How far ahead to look for it.")] = 168
    bookmakers: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Za-z0-9 .-]{1,40}$")]],
        Field(max_length=40, description="Codes of those you can use; all named ones by default."),
    ] = []


class BestOffer(Answer):
    """What the best price of a selection is worth."""

    bookmaker: str | None
    odds: float | None
    model_expected_value: float | None
    expected_value: float | None
    confidence_score: float | None
    risk_score: float | None
    composite_score: float | None
    wait_value: float | None


class MarketPrediction(Answer):
    """What the models think of one market of an event."""

    prices_as_of: datetime
    pick_price: Probabilities
    ensemble: Probabilities
    market: Probabilities
    members: dict[str, Probabilities]
    best_prices: dict[OutcomeName, BestOffer]
    upper_bound: bool
    model: str
    trained_through: date
    may_give_picks: bool
    gate: Annotated[str, Field(description="Why it may give picks, or why not.")]


class Prediction(MarketPrediction):
    """What the models think of an event: who wins, and its other markets."""

    event_id: str
    event_name: str
    league: str
    kickoff: datetime
    as_of: datetime
    other_markets: dict[str, MarketPrediction]


class Estimate(Answer):
    """A mean with its standard error, of so many; null where there is nothing to tell."""

    mean: float | None
    se: float | None
    n: int


class Interval(Estimate):
    """A mean with its 95 % interval."""

    interval: Annotated[list[float | None], Field(min_length=2, max_length=2)]


class Summary(Answer):
    """What some settled picks were worth."""

    picks: int
    clv: Interval
    beat_close: Estimate
    without_close: int
    claimed_ev: float | None
    results: dict[str, int]
    staked: float
    profit: float
    yield_: Annotated[
        Interval,
        Field(alias="yield", description="Profit of one unit on each pick, whatever its stake."),
    ]
    mean_odds: float | None


class ConfidenceBin(Answer):
    """Picks of about one confidence: what was stated, and what share beat the close."""

    stated: Share
    beat: Share
    se: float | None
    picks: int


class ConfidenceTold(Answer):
    """Stated confidence against what happened, and the mean gap between them."""

    gap: float | None
    bins: list[ConfidenceBin]


class DayTold(Answer):
    """One day of the record, and what it came to so far."""

    day: date
    picks: int
    clv: float | None
    clv_so_far: float
    profit_so_far: float


class Performance(Answer):
    """The record: closing-line value first, then profit."""

    first_day: date | None
    last_day: date | None
    picks: int
    pending: int
    replaced: int
    few: Annotated[bool, Field(description="So few that a mean says little.")]
    all: Summary
    confidence: ConfidenceTold
    by: dict[str, dict[str, Summary]]
    series: list[DayTold]


class MemberPerformance(Answer):
    """How one member predicted the matches of one window."""

    member: str
    first_day: date
    last_day: date
    matches: int
    log_loss: float
    market_log_loss: float
    brier: float
    calibration_error: float


class ModelTold(Answer):
    """A promoted model."""

    market: str
    version: str
    channels: list[str]
    trained_through: date
    tuned_through: date
    may_give_picks: bool
    gate: str
    weights: dict[str, float]
    held_out: Annotated[dict[str, Any], Field(description="Figures on matches it had not seen.")]
    performance: list[MemberPerformance]


class SessionTold(Answer):
    """A bankroll and the limits it is bet under."""

    session_id: int
    name: str
    mode: Literal["paper", "real"]
    open: bool
    currency: str
    starting_bankroll: float
    bankroll: float
    cash: float
    at_risk: float
    profit: float
    limits: dict[str, float]
    started_at: datetime
    ended_at: datetime | None
    bets: int


class BetRequest(BaseModel):
    """A bet on a recommendation that stands."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"recommendation_id": 1, "stake": 10.0}]}
    )

    recommendation_id: Key
    stake: Annotated[
        Decimal | None,
        Field(
            gt=0,
            le=Decimal(10) ** 9,
            max_digits=12,
            decimal_places=2,
            allow_inf_nan=False,
            description="Money, in whole cents; what was recommended by default.",
        ),
    ] = None
    venue: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")] = "paper"


class BetTold(Answer):
    """A bet as it stands."""

    reference: UUID
    session_id: int
    recommendation_id: int | None
    venue: str
    mode: Literal["paper", "real"]
    event_id: str
    event_name: str
    league: str
    kickoff: datetime
    market: MarketName
    line: float
    outcome: OutcomeName
    selection: str
    bookmaker: str
    odds: float
    stake: float
    status: BetStatus
    reason: str | None
    venue_reference: str | None
    created_at: datetime
    placed_at: datetime | None
    profit: Annotated[float | None, Field(description="Money; null until it is settled.")]
    clv: Annotated[float | None, Field(description="Closing-line value; null without a close.")]
    settled_at: datetime | None


Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$", examples=["0x" + "ab" * 20])]
Token = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,16}$", examples=["BNB", "USDT"])]
Amount = Annotated[
    str,
    Field(
        pattern=r"^(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?$",
        examples=["12.5"],
        description="A decimal in a string: crypto money is never a binary number.",
    ),
]


class BalanceRequest(BaseModel):
    """Whose balance."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"token": "USDT"}]})

    token: Token = "BNB"  # noqa: S105 - a currency
    address: Annotated[
        Address | None, Field(description="One that is configured; the wallet's own by default.")
    ] = None


class BalanceTold(Answer):
    """What an address holds."""

    chain_id: int
    address: str
    token: str
    balance: Amount
    as_of: datetime


class SendRequest(BaseModel):
    """A transfer that is asked for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"token": "USDT", "to": "0x" + "ab" * 20, "amount": "12.5"}]
        },
    )

    token: Token
    to: Address
    amount: Amount
    waits: Annotated[
        bool,
        Field(description="It needs another person's approval, and waits 24 hours for it."),
    ] = False


class TransactionTold(Answer):
    """A transfer as its receipts tell."""

    transaction_id: UUID
    chain_id: int
    token: str
    from_address: str
    to_address: str
    amount: Amount
    fee: Amount | None
    tx_hash: str | None
    confirmations: int
    status: Literal[
        "requested", "waiting", "approved", "signed", "sent", "confirmed", "failed", "refused"
    ]
    reason: str | None
    created_at: datetime
    updated_at: datetime


class Health(Answer):
    """Whether the process answers."""

    status: Literal["ok"]


class Check(Answer):
    """One thing that has to be in order."""

    ok: bool
    detail: str


class Ready(Answer):
    """Whether every part is in order."""

    ready: bool
    checks: dict[str, Check]
