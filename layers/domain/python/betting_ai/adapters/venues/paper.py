"""A bookmaker that takes no money, and is harder to please than one that does.

It behaves like a remote venue: what it took is its own durable record, apart from the bettor's, and
survives whoever placed it. The price is that of the book the bet is meant for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final, Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from betting_ai.adapters.sql.tables import PaperBet
from betting_ai.clock import Clock
from betting_ai.domain.markets import BettingMarket, Outcome
from betting_ai.errors import (
    DatabaseUnavailableError,
    InvalidInputError,
    VenueOfflineError,
    VenueUnknownError,
)
from betting_ai.features.market import OLDEST_LIVE_PRICE, OLDEST_PRICE
from betting_ai.ports.venue import (
    BetPage,
    BetSlip,
    BetState,
    RefusalCode,
    VenueBet,
    VenueFixture,
    VenuePrice,
)

ANY_BOOK: Final = "*"
"""The key of the stake limits of books that have none of their own."""

_PRICE: Final = Decimal("0.0001")
_CENT: Final = Decimal("0.01")
_PAGE: Final = 50
_OVER: Final = timedelta(hours=3)  # after kick-off no stake lies with the book any more
_LOCK: Final = 0x70617065  # any number that only this venue uses


@dataclass(frozen=True)
class Offer:
    """A price as it stands at a book.

    Attributes:
        event: slug.
        bookmaker: book code.
        market: which market.
        outcome: which selection.
        price: decimal odds net of commission.
        quoted_at: UTC.
        kickoff: UTC, of the event.
        live: a live feed told it, and would have told of a change.
    """

    event: str
    bookmaker: str
    market: BettingMarket
    outcome: Outcome
    price: Decimal
    quoted_at: datetime
    kickoff: datetime
    live: bool


class Offers(Protocol):
    """Looks up what books offer; nothing later than ``at`` is seen."""

    def fixtures(
        self, league: str, since: datetime, until: datetime, at: datetime
    ) -> list[VenueFixture]:
        """Events of a league that kick off in a span of time."""
        ...

    def latest(
        self, event: str, bookmaker: str, market: BettingMarket, outcome: Outcome, at: datetime
    ) -> Offer | None:
        """The newest price of a book for a selection; None without one."""
        ...

    def standing(self, events: Sequence[str], at: datetime) -> list[Offer]:
        """The newest price of every book for every selection of the markets that we know."""
        ...


@dataclass(frozen=True)
class PaperRules:
    """How much harder than live it is.

    Attributes:
        bankroll: balance, in any currency, while no bet is open.
        delay: from the call to the decision; the price and the kick-off of that moment count.
        drift: share by which the price moves against the bettor meanwhile.
        rejects: share of bets that are refused for no reason, told by the reference.
        seed: another one rejects other references.
        oldest: a price older than this is one that the book does not stand by.
        oldest_live: the same of a live feed's.
        stakes: least and most stake by book code, and of ``"*"`` for all others.
    """

    bankroll: Decimal = Decimal(1000)
    delay: timedelta = timedelta(seconds=5)
    drift: Decimal = Decimal("0.002")
    rejects: float = 0.02
    seed: int = 0
    oldest: timedelta = timedelta(seconds=OLDEST_PRICE)
    oldest_live: timedelta = timedelta(seconds=OLDEST_LIVE_PRICE)
    stakes: Mapping[str, tuple[Decimal, Decimal]] = field(
        default_factory=lambda: {ANY_BOOK: (Decimal("0.10"), Decimal(500))}
    )

    def limits(self, bookmaker: str) -> tuple[Decimal, Decimal]:
        """Least and most stake at a book."""
        own = self.stakes.get(bookmaker) or self.stakes.get(ANY_BOOK)
        return own or (_CENT, self.bankroll)

    def rejected(self, reference: UUID) -> bool:
        """Whether a bet is refused for no reason; always the same of one reference."""
        drawn = hashlib.sha256(f"{self.seed}:{reference}".encode()).digest()[:8]
        return int.from_bytes(drawn, "big") < self.rejects * 2**64


class PaperVenue:
    """`betting_ai.ports.venue.Venue` without money.

    Bets are placed one after the other, each in a transaction of its own: whoever calls holds no
    connection of the same pool meanwhile. It never learns how a match ended: a bet that it took
    stays accepted, and the bettor's own record settles it.
    """

    name = "paper"
    real = False

    def __init__(
        self, engine: Engine, offers: Offers, clock: Clock, rules: PaperRules | None = None
    ) -> None:
        self._engine = engine
        self._offers = offers
        self._clock = clock
        self._rules = rules or PaperRules()

    def fixtures(self, league: str, since: datetime, until: datetime) -> list[VenueFixture]:
        """The stored matches of a league that kick off in a span of time."""
        with _reached():
            return self._offers.fixtures(league, since, until, self._clock.now())

    def prices(self, fixture_ids: Sequence[str]) -> list[VenuePrice]:
        """The price of every book on each selection that is open, before it moves."""
        now = self._clock.now()
        with _reached():
            standing = self._offers.standing(fixture_ids, now)
        return [
            VenuePrice(
                o.event, o.market, o.outcome, o.price, *self._rules.limits(o.bookmaker),
                o.quoted_at, o.bookmaker,
            )
            for o in standing
            if self._open(o, now)
        ]  # fmt: skip

    def balance(self, currency: str) -> Decimal:
        """The bankroll less the stakes of bets whose match is not over; it wins and loses nothing.

        What bets brought in is in the bettor's own record.
        """
        with _reached(), self._engine.connect() as connection:
            return self._left(connection, currency, self._clock.now())

    def place(self, slip: BetSlip) -> VenueBet:
        """Take a bet or refuse it, once for each reference.

        Raises:
            VenueUnknownError: the database was lost at the moment of the decision.
            VenueOfflineError: the database cannot be reached; nothing was decided.
        """
        decided_at = self._clock.now() + self._rules.delay
        with _reached():
            offer = self._offers.latest(
                slip.event_id, slip.bookmaker, slip.market, slip.outcome, decided_at
            )
        with _reached(), self._engine.connect() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            if first := _find(connection, slip.reference):
                return first
            left = self._left(connection, slip.currency, decided_at)
            row = self._decided(slip, offer, left, decided_at)
            connection.execute(sa.insert(PaperBet).values(row))
            try:
                connection.commit()
            except DatabaseUnavailableError as error:
                raise VenueUnknownError(
                    f"paper may have taken the bet ({error}); ask for its status"
                ) from error
        return _told(row)

    def status(self, reference: UUID) -> VenueBet:
        """What became of a bet; ``MISSING`` when no placement of it was or is under way."""
        with _reached(), self._engine.connect() as connection:
            # Whoever placed it may be gone while the server still commits: wait for that.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(_LOCK)))
            return _find(connection, reference) or VenueBet(reference, BetState.MISSING)

    def history(self, cursor: str | None = None) -> BetPage:
        """All bets, newest first."""
        if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
            raise InvalidInputError(f"{cursor[:40]!r} is no page of paper's history")
        newest = sa.select(*PaperBet.columns).order_by(PaperBet.c.number.desc())
        if cursor:
            newest = newest.where(PaperBet.c.number < int(cursor))
        with _reached(), self._engine.connect() as connection:
            rows = connection.execute(newest.limit(_PAGE + 1)).mappings().all()
        page = rows[:_PAGE]
        return BetPage(
            tuple(_told(row) for row in page),
            str(page[-1]["number"]) if len(rows) > _PAGE else None,
        )

    def _decided(
        self, slip: BetSlip, offer: Offer | None, left: Decimal, at: datetime
    ) -> dict[str, Any]:
        price = None if offer is None else self._moved(slip, offer)
        refusal = self._refusal(slip, offer, price, left, at)
        taken = refusal is None
        return {
            "reference": slip.reference,
            "slip": _written(slip),
            "currency": slip.currency,
            "state": (BetState.ACCEPTED if taken else BetState.REFUSED).value,
            "reason": refusal.value if refusal else None,
            "price": price if taken else None,
            "stake": slip.stake if taken else None,
            "kickoff": offer.kickoff if offer and taken else None,
            "decided_at": at,
        }

    def _refusal(
        self,
        slip: BetSlip,
        offer: Offer | None,
        price: Decimal | None,
        left: Decimal,
        at: datetime,
    ) -> RefusalCode | None:
        """Why the bet is not taken; what the bettor can do something about comes first."""
        least, most = self._rules.limits(slip.bookmaker)
        reasons = (
            (RefusalCode.MALFORMED, not _sound(slip)),
            (RefusalCode.NOT_OFFERED, offer is None),
            (RefusalCode.MARKET_SUSPENDED, offer is not None and not self._open(offer, at)),
            (RefusalCode.STAKE_BELOW_MINIMUM, slip.stake < least),
            (RefusalCode.STAKE_ABOVE_MAXIMUM, slip.stake > most),
            (RefusalCode.INSUFFICIENT_FUNDS, slip.stake > left),
            (RefusalCode.PRICE_MOVED, price is not None and price < slip.min_price),
            (RefusalCode.OTHER, self._rules.rejected(slip.reference)),
        )
        return next((code for code, holds in reasons if holds), None)

    def _open(self, offer: Offer, at: datetime) -> bool:
        oldest = self._rules.oldest_live if offer.live else self._rules.oldest
        return at < offer.kickoff and at - offer.quoted_at <= oldest

    def _moved(self, slip: BetSlip, offer: Offer) -> Decimal:
        """What the bet is taken at: never better than asked for."""
        moved = offer.price * (1 - self._rules.drift)
        return min(moved, slip.price).quantize(_PRICE, ROUND_DOWN)

    def _left(self, connection: Connection, currency: str, at: datetime) -> Decimal:
        open_stakes = sa.select(sa.func.coalesce(sa.func.sum(PaperBet.c.stake), 0)).where(
            PaperBet.c.currency == currency, PaperBet.c.kickoff > at - _OVER
        )
        staked = connection.scalar(open_stakes)
        return max(self._rules.bankroll - Decimal(staked or 0), Decimal(0))


@contextmanager
def _reached() -> Iterator[None]:
    """A venue whose database is away is offline."""
    try:
        yield
    except (DatabaseUnavailableError, PoolTimeoutError) as error:
        raise VenueOfflineError(f"paper keeps its bets in the database: {error}") from error


def _find(connection: Connection, reference: UUID) -> VenueBet | None:
    columns = PaperBet.columns
    found = connection.execute(sa.select(*columns).where(PaperBet.c.reference == reference))
    row = found.mappings().one_or_none()
    return None if row is None else _told(row)


def _told(row: Mapping[Any, Any]) -> VenueBet:
    return VenueBet(
        row["reference"],
        BetState(row["state"]),
        row["price"],
        row["stake"],
        venue_reference=str(row["reference"]),
        refusal=RefusalCode(row["reason"]) if row["reason"] else None,
    )


def _sound(slip: BetSlip) -> bool:
    whole_cents = slip.stake == slip.stake.quantize(_CENT)
    return slip.stake > 0 and whole_cents and 1 < slip.min_price <= slip.price


def _written(slip: BetSlip) -> dict[str, object]:
    return {
        "fixture_id": slip.fixture_id,
        "event_id": slip.event_id,
        "bookmaker": slip.bookmaker,
        "market": slip.market.name,
        "line": slip.market.line,
        "selection": slip.outcome.value,
        "price": str(slip.price),
        "min_price": str(slip.min_price),
        "stake": str(slip.stake),
    }
