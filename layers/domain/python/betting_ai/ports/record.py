"""The public record: what was recommended, how events ended, and what became of every pick."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from betting_ai.domain.markets import Market, Outcome
from betting_ai.domain.settlement import Score, Settled


class Subject(StrEnum):
    """What is settled."""

    PICK = "recommendation"
    BET = "bet"


class Why(StrEnum):
    """What a settlement rests on. The words are stored; never rename."""

    RESULT = "result"
    CORRECTION = "correction"  # the result was told otherwise later
    NO_RESULT = "no_result"  # none came for so long that the event counts as not played
    VENUE = "venue"  # the venue's own word


@dataclass(frozen=True)
class Verdict:
    """What something was settled as.

    Attributes:
        result: how.
        why: what that rests on.
        score: how the event ended.
        profit: money.
        clv: closing-line value; None without a close.
    """

    result: Settled
    why: Why
    score: Score
    profit: Decimal
    clv: float | None


@dataclass(frozen=True)
class Due:
    """Something that has to be settled, or settled anew.

    Attributes:
        subject: pick or bet.
        id: its key.
        event_id: the event's slug.
        kickoff: aware instant.
        market: kind of market.
        line: of the market.
        outcome: the selection.
        price: decimal odds, net of commission.
        stake: money.
        last: what it was settled by before; None where it was not.
    """

    subject: Subject
    id: int
    event_id: str
    kickoff: datetime
    market: Market
    line: float
    outcome: Outcome
    price: Decimal
    stake: Decimal
    last: Verdict | None = None


@dataclass(frozen=True)
class Settlement:
    """What became of a pick or a bet.

    Attributes:
        due: what was settled.
        verdict: how, and why.
        at: when, UTC.
    """

    due: Due
    verdict: Verdict
    at: datetime


@dataclass(frozen=True)
class RecordedPick:
    """A recommendation as it stands.

    Attributes:
        id: key.
        slate_id: of its slate.
        as_of: of its slate.
        mode: ``"live"`` or ``"replay"``.
        profile: of its slate.
        model_version: of its slate.
        rank: on its slate.
        event_id: the event's slug.
        event_name: ``"Home vs Away"``.
        league: league code.
        kickoff: aware instant.
        market: kind of market.
        line: of the market.
        outcome: the selection.
        bookmaker: book code.
        price: decimal odds, net of commission.
        stake: money recommended.
        bet_until: lowest price at which it was a pick.
        expires_at: until when its price counted as fresh.
        probability: ``f``.
        ev: expected value.
        confidence: 0 to 100.
        risk: 0 to 1.
        status: ``"pending"``, ``"replaced"``, or what it was settled as.
        profit: money, once settled.
        clv: closing-line value, once settled and where there is a close.
        settled_at: when, once settled.
        hash: its link of the chain.
    """

    id: int
    slate_id: str
    as_of: datetime
    mode: str
    profile: str
    model_version: str
    rank: int
    event_id: str
    event_name: str
    league: str
    kickoff: datetime
    market: Market
    line: float
    outcome: Outcome
    bookmaker: str
    price: Decimal
    stake: Decimal
    bet_until: Decimal
    expires_at: datetime
    probability: float
    ev: float
    confidence: float
    risk: float
    status: str
    profit: Decimal | None
    clv: float | None
    settled_at: datetime | None
    hash: str


@dataclass(frozen=True)
class DayFigures:
    """How the picks of one day did; those that a later slate replaced are not counted.

    Attributes:
        day: UK date of the slates.
        profile: of the slates.
        mode: of the slates.
        league: league code; None for all.
        picks: how many.
        counts: result -> how many.
        staked: money, of settled picks.
        profit: money.
        clv_count: picks with a close.
        clv_sum: of their closing-line value.
        beat_close: how many of them beat it.
    """

    day: date
    profile: str
    mode: str
    league: str | None
    picks: int
    counts: Mapping[Settled, int]
    staked: Decimal
    profit: Decimal
    clv_count: int
    clv_sum: float
    beat_close: int


@dataclass(frozen=True)
class Told:
    """What a member of a model said of a finished event, and how that ended.

    Attributes:
        model_version: which model.
        member: which member.
        probabilities: home, draw, away; home and away in two-way sports.
        outcome: which of them came true.
        day: the event's own date.
    """

    model_version: str
    member: str
    probabilities: tuple[float, ...]
    outcome: int
    day: date


@dataclass(frozen=True)
class Link:
    """One entry of a hash chain as it is stored.

    Attributes:
        chain: ``"slates"``, ``"recommendations"`` or ``"settlements"``.
        name: how a person finds it.
        entry: what its hash is made of.
        previous: the hash it names as the one before it; None for the first.
        hash: its own.
        stored_at: by the database's clock, of slates that are not replays.
    """

    chain: str
    name: str
    entry: Mapping[str, Any]
    previous: str | None
    hash: str
    stored_at: datetime | None = None


class RecordRepository(Protocol):
    """Picks, endings and settlements."""

    def due(self, as_of: datetime) -> list[Due]:
        """What has to be settled: nobody else settles before this transaction ends.

        That is what kicked off by ``as_of`` and is open, and what may have to be settled anew: its
        event's ending was told otherwise, it was settled without a result, or without a close.
        """
        ...

    def endings(self, events: Collection[str], as_of: datetime) -> dict[str, tuple[Score, bool]]:
        """How events ended, as known at ``as_of``: slug -> the score, and whether it corrects."""
        ...

    def add_ending(self, event_id: str, score: Score, source: str, received_at: datetime) -> bool:
        """Note how an event ended; whether that was news.

        Raises:
            InvalidInputError: there is no such event.
        """
        ...

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Keep settlements in their chain, and let picks show them."""
        ...

    def settled_bet(self, key: int) -> tuple[Due, Verdict]:
        """A bet and its last settlement; nobody else settles before this transaction ends.

        Raises:
            InvalidInputError: it is not settled.
        """
        ...

    def settlements(self) -> list[Settlement]:
        """All of them, oldest first."""
        ...

    def picks(self, since: date | None = None, until: date | None = None) -> list[RecordedPick]:
        """Recommendations whose slates are of some UK dates (both included), oldest first."""
        ...

    def pick(self, key: int) -> RecordedPick | None:
        """One recommendation."""
        ...

    def told(self, days: Collection[date]) -> list[Told]:
        """The last word of every member on the finished events of some days."""
        ...

    def put_days(self, figures: Sequence[DayFigures], days: Collection[date]) -> None:
        """Replace the figures of some days."""
        ...

    def days(self) -> list[DayFigures]:
        """All figures, oldest first."""
        ...

    def links(self) -> list[Link]:
        """Every entry of every chain, each chain from its first."""
        ...
