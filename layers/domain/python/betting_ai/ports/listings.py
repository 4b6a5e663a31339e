"""What readers are shown: slates, events with their prices, and picks, page by page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from betting_ai.domain.markets import Market, Outcome
from betting_ai.ports.bets import StoredBet
from betting_ai.ports.record import RecordedPick


@dataclass(frozen=True)
class PublishedSlate:
    """A slate as it was published.

    Attributes:
        id: names what it says.
        hash: its link of the chain.
        mode: ``"live"`` or ``"replay"``.
        as_of: what it knew.
        published_at: when it was stored.
        payload: what it says, JSON-ready.
    """

    id: str
    hash: str
    mode: str
    as_of: datetime
    published_at: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class EventQuery:
    """Which events.

    Attributes:
        since: kick-off not before; aware.
        until: kick-off before; aware; None for no end.
        league: league code; None for all.
        after: kick-off and key of the event after which to go on.
        limit: most events.
    """

    since: datetime
    until: datetime | None = None
    league: str | None = None
    after: tuple[datetime, int] | None = None
    limit: int = 50


@dataclass(frozen=True)
class ListedEvent:
    """An event as readers see it.

    Attributes:
        key: of `betting_ai.domain.events.event_id`.
        event_id: slug.
        home: home team.
        away: away team.
        league: league code.
        kickoff: aware instant.
        time_assumed: whether only the day was told.
        ending: a `betting_ai.domain.settlement.Ending`; None while none is known.
        goals: of home and away; points or sets in other sports.
    """

    key: int
    event_id: str
    home: str
    away: str
    league: str
    kickoff: datetime
    time_assumed: bool
    ending: str | None
    goals: tuple[int, int] | None


@dataclass(frozen=True)
class ListedPrice:
    """A price of a selection as it stood.

    Attributes:
        event: the event's key.
        market: kind of market.
        line: of the market.
        bookmaker: book code.
        bookmaker_name: what people call it.
        kind: ``"named"``, ``"exchange"``, ``"average"`` or ``"maximum"``.
        outcome: the selection.
        odds: decimal odds as the book shows them.
        quoted_at: since when.
    """

    event: int
    market: Market
    line: float
    bookmaker: str
    bookmaker_name: str
    kind: str
    outcome: Outcome
    odds: Decimal
    quoted_at: datetime


@dataclass(frozen=True)
class PriceQuery:
    """Which prices of an event.

    Attributes:
        event: the event's key.
        market: kind of market; None for all.
        bookmaker: book code; None for all.
        after: position after which to go on: quote time, book, market, line and selection numbers.
        limit: most prices.
    """

    event: int
    market: Market | None = None
    bookmaker: str | None = None
    after: tuple[datetime, int, int, int, int] | None = None
    limit: int = 100


@dataclass(frozen=True)
class Said:
    """The last word of a member on an event.

    Attributes:
        member: a member, ``"ensemble"``, ``"pick_price"`` or ``"market"``.
        model_version: which model.
        as_of: when.
        probabilities: by selection.
    """

    member: str
    model_version: str
    as_of: datetime
    probabilities: Mapping[Outcome, float]


@dataclass(frozen=True)
class PickQuery:
    """Which picks.

    Attributes:
        mode: of their slates.
        status: as stored; None for any but replaced ones.
        league: league code; None for all.
        profile: of their slates; None for all.
        event_id: slug; None for all.
        since: first UK date of slates.
        until: last one.
        before: key before which to go on.
        limit: most picks.
    """

    mode: str
    status: str | None = None
    league: str | None = None
    profile: str | None = None
    event_id: str | None = None
    since: date | None = None
    until: date | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True)
class BetQuery:
    """Which bets.

    Attributes:
        session_id: whose money; None for all.
        status: as stored; None for any.
        before: key before which to go on.
        limit: most bets.
    """

    session_id: int | None = None
    status: str | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True)
class Transfer:
    """A transfer of crypto money, as its receipts tell.

    Attributes:
        id: names it.
        chain_id: of its chain.
        token: symbol.
        from_address: payer.
        to_address: payee.
        amount: of the token.
        fee: of the chain's own coin; None while unknown.
        tx_hash: on the chain; None before it was sent.
        confirmations: blocks on top of its own, and that one.
        status: as stored.
        reason: why it was refused or failed.
        created_at: when it was asked for.
        updated_at: when it last changed.
    """

    id: UUID
    chain_id: int
    token: str
    from_address: str
    to_address: str
    amount: Decimal
    fee: Decimal | None
    tx_hash: str | None
    confirmations: int
    status: str
    reason: str | None
    created_at: datetime
    updated_at: datetime


class Listings(Protocol):
    """Reads for people and programs; each is one statement, and none of them writes."""

    def slate(
        self, mode: str, profile: str | None = None, as_of: datetime | None = None
    ) -> PublishedSlate | None:
        """The newest slate of a mode, of a profile or of any, of an instant or of any."""
        ...

    def events(self, query: EventQuery) -> list[ListedEvent]:
        """Events by kick-off."""
        ...

    def event(self, event_id: str) -> ListedEvent | None:
        """One event."""
        ...

    def best(self, events: Collection[int]) -> list[ListedPrice]:
        """The best price before kick-off of every selection on who wins.

        Of each bookmaker its last price counts; averages, maxima and exchanges do not.
        """
        ...

    def latest(self, event: int) -> list[ListedPrice]:
        """Every source's last price of every selection of an event."""
        ...

    def prices(self, query: PriceQuery) -> list[tuple[ListedPrice, tuple[Any, ...]]]:
        """Prices of an event with their positions, oldest first."""
        ...

    def said(self, event: int) -> list[Said]:
        """The last word of every member on an event."""
        ...

    def picks(self, query: PickQuery) -> list[RecordedPick]:
        """Picks, newest first."""
        ...

    def bets(self, query: BetQuery) -> list[StoredBet]:
        """Bets, newest first."""
        ...

    def newest_bets(self, each: int) -> list[StoredBet]:
        """So many bets of each session, newest first."""
        ...

    def bet_counts(self) -> dict[int, int]:
        """How many bets each session has."""
        ...

    def transfer(self, key: UUID) -> Transfer | None:
        """One transfer."""
        ...

    def newest_data(self) -> datetime | None:
        """When the newest payload came that could be used."""
        ...

    def record_version(self) -> tuple[int, int]:
        """Changes whenever a pick or a settlement was added."""
        ...
