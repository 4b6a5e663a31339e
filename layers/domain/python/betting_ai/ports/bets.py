"""Sessions, bets and the money between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

from betting_ai.domain.markets import Market, Outcome
from betting_ai.domain.protections import Limits, Standing, Violation
from betting_ai.ports.record import Settlement

PAPER: Final = "paper"
REAL: Final = "real"

MISSING: Final = "missing"
"""The reason of a bet that never reached its venue, as far as that can be told."""


class BetStatus(StrEnum):
    """How a bet stands before it is settled. The words are stored; never rename."""

    UNKNOWN = "unknown"  # sent, or about to be: only the venue can tell
    PENDING = "pending"  # the venue has it and has not decided
    PLACED = "placed"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Session:
    """A bankroll and the limits it is bet under.

    Attributes:
        id: key.
        name: for people.
        mode: ``"paper"`` or ``"real"``.
        open: whether it can be bet from.
        currency: of its money.
        starting_bankroll: what it began with.
        cash: what is in it, open stakes left out.
        at_risk: open stakes.
        limits: see `Limits`.
        started_at: aware instant.
        ended_at: aware instant; None while open.
    """

    id: int
    name: str
    mode: str
    open: bool
    currency: str
    starting_bankroll: Decimal
    cash: Decimal
    at_risk: Decimal
    limits: Limits
    started_at: datetime
    ended_at: datetime | None

    @property
    def bankroll(self) -> Decimal:
        """Cash and open stakes."""
        return self.cash + self.at_risk


@dataclass(frozen=True)
class NewBet:
    """A bet before it is sent.

    Attributes:
        reference: made by us; the same reference is one bet.
        session_id: whose money.
        recommendation_id: what it follows, if anything.
        event_id: the event's slug.
        bookmaker: book code.
        market: kind of market.
        line: of the market.
        outcome: the selection.
        price: decimal odds asked for.
        stake: money.
        venue: its name.
        mode: ``"paper"`` or ``"real"``.
    """

    reference: UUID
    session_id: int
    recommendation_id: int | None
    event_id: str
    bookmaker: str
    market: Market
    line: float
    outcome: Outcome
    price: Decimal
    stake: Decimal
    venue: str
    mode: str


@dataclass(frozen=True)
class StoredBet:
    """A bet as it stands.

    Attributes:
        id: key.
        bet: as it was sent; its price and stake are those it was taken at, once it was.
        event_name: ``"home vs away"``.
        league: league code.
        kickoff: aware instant.
        status: `BetStatus`, or what it was settled as.
        venue_reference: the venue's own name of it.
        reason: why it was rejected.
        profit: money, once settled.
        clv: closing-line value, once settled and where there is a close.
        created_at: when its reference was stored.
        placed_at: when it was taken.
        settled_at: when it was settled.
    """

    id: int
    bet: NewBet
    event_name: str
    league: str
    kickoff: datetime
    status: str
    venue_reference: str | None
    reason: str | None
    profit: Decimal | None
    clv: float | None
    created_at: datetime
    placed_at: datetime | None
    settled_at: datetime | None


@dataclass(frozen=True)
class LedgerLine:
    """Money in or out of a session.

    Attributes:
        session_id: whose.
        reference: of the bet; None for deposits and withdrawals.
        kind: deposit, withdrawal, stake, refund, payout or correction.
        amount: money, negative when it goes out.
        at: when.
    """

    session_id: int
    reference: UUID | None
    kind: str
    amount: Decimal
    at: datetime


class Pause(StrEnum):
    """A pause that the bettor asked for. The words are stored; never rename."""

    COOL_OFF = "cool_off"
    SELF_EXCLUSION = "self_exclusion"


class BetRepository(Protocol):
    """Sessions, bets, their ledger, and what holds the bettor back."""

    def open_session(
        self, name: str, mode: str, currency: str, bankroll: Decimal, limits: Limits, at: datetime
    ) -> Session:
        """Begin a session with its first deposit.

        Raises:
            InvalidInputError: one of this mode is open.
        """
        ...

    def close_session(self, session_id: int, at: datetime) -> None:
        """End a session.

        Raises:
            InvalidInputError: it has open bets, or is not open.
        """
        ...

    def sessions(self) -> list[Session]:
        """All of them, oldest first."""
        ...

    def current(self, mode: str) -> Session | None:
        """The open session of a mode."""
        ...

    def standing(self, session_id: int, now: datetime) -> Standing:
        """How a session stands; nobody else bets from it before this transaction ends."""
        ...

    def begin(self, bet: NewBet, at: datetime) -> StoredBet | None:
        """Store a bet as unknown and take its stake; None where its reference is there already."""
        ...

    def find(self, reference: UUID) -> StoredBet | None:
        """The bet of a reference."""
        ...

    def resolve(
        self,
        reference: UUID,
        status: BetStatus,
        *,
        at: datetime,
        price: Decimal | None = None,
        stake: Decimal | None = None,
        venue_reference: str | None = None,
        reason: str | None = None,
    ) -> StoredBet:
        """Note what a venue said of an unknown or pending bet; a rejected one gives its stake back.

        One that is neither any more stays as it is, but for one that counted as never arrived and
        was taken after all.
        """
        ...

    def pay(self, settlements: Sequence[Settlement]) -> None:
        """Let bets show their settlements, and move the money."""
        ...

    def undecided(self, missing_since: datetime) -> list[StoredBet]:
        """Bets that only their venue can tell about, oldest first.

        Those are the unknown and the pending, and those stored since an instant that seem never to
        have reached their venue.
        """
        ...

    def settled(self, mode: str, since: datetime) -> list[StoredBet]:
        """Bets of a mode that were settled since an instant, oldest first."""
        ...

    def bets(self, session_id: int | None = None, limit: int | None = None) -> list[StoredBet]:
        """Bets of a session or of all, newest first."""
        ...

    def ledger(self, session_id: int) -> list[LedgerLine]:
        """All entries of a session, oldest first."""
        ...

    def note_violations(self, bet: NewBet, found: Sequence[Violation], at: datetime) -> None:
        """Keep what protections stopped."""
        ...

    def violations(self, session_id: int) -> list[dict[str, Any]]:
        """What protections stopped, oldest first."""
        ...

    def pause(self, kind: Pause, until: datetime, mode: str | None, why: str, at: datetime) -> None:
        """Begin a pause, or make one longer; of a mode, or of both.

        Raises:
            InvalidInputError: one that ends later is there already.
        """
        ...

    def switch(self, *, killed: bool, why: str, at: datetime) -> None:
        """Turn the kill switch on or off."""
        ...
