"""Where bets are placed: a bookmaker, an exchange, or paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from betting_ai.domain.markets import BettingMarket, Outcome


class BetState(StrEnum):
    """What a venue says of a bet."""

    ACCEPTED = "accepted"
    PENDING = "pending"  # the venue has it and has not decided
    REFUSED = "refused"
    MISSING = "missing"  # the venue never saw the reference
    WON = "won"
    LOST = "lost"
    VOID = "void"
    HALF_WON = "half_won"
    HALF_LOST = "half_lost"
    PARTIAL = "partial"  # settled by an amount that no rule names; ``returned`` says which


class RefusalCode(StrEnum):
    """Why a venue would not take a bet."""

    PRICE_MOVED = "price_moved"
    STAKE_ABOVE_MAXIMUM = "stake_above_maximum"
    STAKE_BELOW_MINIMUM = "stake_below_minimum"
    LIABILITY_LIMIT = "liability_limit"
    MARKET_SUSPENDED = "market_suspended"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    DUPLICATE = "duplicate"
    MALFORMED = "malformed"
    RESTRICTED = "restricted"
    VERIFICATION_REQUIRED = "verification_required"
    NOT_OFFERED = "not_offered"  # no such event, market or selection
    NOT_AUTHORISED = "not_authorised"
    RATE_LIMITED = "rate_limited"
    OTHER = "other"


@dataclass(frozen=True)
class VenueFixture:
    """A match as the venue lists it.

    Attributes:
        id: the venue's own.
        league: league code of ours.
        home: the venue's name of the home side.
        away: the venue's name of the away side.
        kickoff: UTC.
    """

    id: str
    league: str
    home: str
    away: str
    kickoff: datetime


@dataclass(frozen=True)
class VenuePrice:
    """What the venue offers on one selection now.

    Attributes:
        fixture_id: the venue's own.
        market: which market.
        outcome: which selection.
        price: decimal odds.
        min_stake: least it takes; None where it does not say.
        max_stake: most it takes; None where it does not say.
        quoted_at: UTC.
        bookmaker: book code, at a venue that stands for several; None for the venue's own price.
    """

    fixture_id: str
    market: BettingMarket
    outcome: Outcome
    price: Decimal
    min_stake: Decimal | None
    max_stake: Decimal | None
    quoted_at: datetime
    bookmaker: str | None = None


@dataclass(frozen=True)
class BetSlip:
    """A bet as it is sent.

    Attributes:
        reference: made by us and stored before the call; the venue takes it once.
        fixture_id: the venue's own.
        event_id: slug of the event.
        bookmaker: book code the price was seen at.
        market: which market.
        outcome: which selection.
        price: decimal odds asked for.
        min_price: least that is accepted, the bet-until price; never above ``price``.
        stake: money.
        currency: of the stake, such as ``"EUR"`` or ``"units"``.
    """

    reference: UUID
    fixture_id: str
    event_id: str
    bookmaker: str
    market: BettingMarket
    outcome: Outcome
    price: Decimal
    min_price: Decimal
    stake: Decimal
    currency: str


@dataclass(frozen=True)
class VenueBet:
    """What a venue says of one bet.

    Attributes:
        reference: ours.
        state: where it stands.
        price: decimal odds it was taken at; None until it is.
        stake: money it was taken for; None until it is.
        venue_reference: the venue's own name of it.
        refusal: why it was not taken, when refused.
        returned: money given back at settlement, stake included; None before.
    """

    reference: UUID
    state: BetState
    price: Decimal | None = None
    stake: Decimal | None = None
    venue_reference: str | None = None
    refusal: RefusalCode | None = None
    returned: Decimal | None = None


@dataclass(frozen=True)
class BetPage:
    """Some of the bets a venue has of ours, newest first.

    Attributes:
        bets: as they stand.
        next: gives the page after this one; None on the last.
    """

    bets: tuple[VenueBet, ...]
    next: str | None


class Venue(Protocol):
    """A place that takes bets.

    Every method raises ``VenueOfflineError`` when the call surely did not arrive or was turned away
    before anything happened, and ``VenueAnswerError`` when the answer cannot be understood. Only
    `place` can leave a doubt: ``VenueUnknownError`` says that the bet may or may not have been
    taken, and that only `status` can tell. Nothing here ever sends a bet twice.
    """

    @property
    def name(self) -> str:
        """As stored with every bet."""
        ...

    @property
    def real(self) -> bool:
        """Whether its money is real."""
        ...

    def fixtures(self, league: str, since: datetime, until: datetime) -> list[VenueFixture]:
        """The venue's matches of a league that kick off in a span of time."""
        ...

    def prices(self, fixture_ids: Sequence[str]) -> list[VenuePrice]:
        """What the venue offers on some of its matches, in the markets that we know."""
        ...

    def balance(self, currency: str) -> Decimal:
        """Money that can be bet."""
        ...

    def place(self, slip: BetSlip) -> VenueBet:
        """Send a bet once; accepted, pending or refused.

        Sending a reference that the venue has already gives what became of the first.

        Raises:
            VenueUnknownError: it may or may not have been taken.
            VenueOfflineError: it was surely not.
        """
        ...

    def status(self, reference: UUID) -> VenueBet:
        """What became of a bet; ``MISSING`` only when the venue surely never took it."""
        ...

    def history(self, cursor: str | None = None) -> BetPage:
        """Our bets at the venue, newest first."""
        ...
