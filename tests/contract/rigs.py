"""A venue with one match on offer, and the strings behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from uuid import uuid4

import sqlalchemy as sa
from pydantic import SecretStr

from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.tables import Book, Event, Odds, PaperBet
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.adapters.venues.calls import CallLimits
from betting_ai.adapters.venues.cloudbet import CloudbetVenue
from betting_ai.adapters.venues.paper import PaperRules, PaperVenue
from betting_ai.adapters.venues.stake import StakeKey, StakeVenue
from betting_ai.adapters.venues.stored_offers import StoredOffers
from betting_ai.domain.markets import MATCH_RESULT, OVER_UNDER, TENNIS_WINNER, Market, Outcome
from betting_ai.ports.venue import BetSlip, RefusalCode, Venue
from fakes import cloudbet, stake
from fakes.server import FakeServer, Fault
from small_league import HOUR, Match, Quote, facts_of

NOW = datetime(2025, 3, 15, 9, tzinfo=UTC)
KICKOFF = datetime(2025, 3, 15, 15, tzinfo=UTC)
EVENT = "e0-2025-03-15-arsenal-chelsea"
PATIENT = CallLimits(pause=0.01, longest_pause=0.5, largest=100_000)
HASTY = replace(PATIENT, timeout=1.0)
SLOW = 1.5
"""Seconds longer than a hasty client waits."""


@dataclass
class Hands:
    """A clock that is set by hand."""

    instant: datetime = NOW

    def now(self) -> datetime:
        return self.instant


class Rig(ABC):
    """What every venue can be asked to arrange.

    The match result is offered at 2.10, 3.40, 3.60; the account has 1,000 and takes 0.10 to 100.
    """

    venue: Venue
    currency: str
    fixture_id: str

    def slip(self, **changes: Any) -> BetSlip:
        """A bet that is taken, under a reference of its own."""
        usual = BetSlip(
            reference=uuid4(),
            fixture_id=self.fixture_id,
            event_id=EVENT,
            bookmaker="B365",
            market=MATCH_RESULT,
            outcome=Outcome.HOME,
            price=Decimal("2.10"),
            min_price=Decimal("2.05"),
            stake=Decimal("10.00"),
            currency=self.currency,
        )
        return replace(usual, **changes)

    @abstractmethod
    def offer(self, price: str) -> None:
        """The home side's price from now on."""

    @abstractmethod
    def taken(self) -> int:
        """How many bets it really has."""

    def refusing(self, code: RefusalCode) -> BetSlip:
        """A bet that is refused for a reason."""
        match code:
            case RefusalCode.PRICE_MOVED:
                self.offer("2.04")
                return self.slip()
            case RefusalCode.STAKE_ABOVE_MAXIMUM:
                return self.slip(stake=Decimal("100.01"))
            case RefusalCode.STAKE_BELOW_MINIMUM:
                return self.slip(stake=Decimal("0.09"))
            case RefusalCode.NOT_OFFERED:
                return self.unoffered()
        return self.arranged(code)

    @abstractmethod
    def unoffered(self) -> BetSlip:
        """A bet on what there is not."""

    @abstractmethod
    def arranged(self, code: RefusalCode) -> BetSlip:
        """A bet that is refused for a reason of this venue's."""


class PaperRig(Rig):
    """Paper over a fresh database; nothing is refused without a reason."""

    currency = "units"
    fixture_id = EVENT
    refuses = (
        RefusalCode.PRICE_MOVED,
        RefusalCode.STAKE_ABOVE_MAXIMUM,
        RefusalCode.STAKE_BELOW_MINIMUM,
        RefusalCode.NOT_OFFERED,
        RefusalCode.MARKET_SUSPENDED,
        RefusalCode.INSUFFICIENT_FUNDS,
        RefusalCode.MALFORMED,
        RefusalCode.OTHER,
    )

    def __init__(self, database_url: str) -> None:
        self.url = database_url
        self.engine = connect(database_url, pool="server")
        self.clock = Hands()
        self.moves = 0
        self.made()
        quotes = (
            Quote("B365", 20 * HOUR, (2.10, 3.40, 3.60)),
            Quote("BFE", 20 * HOUR, (2.14, 3.50, 3.70)),
            Quote("MAX", 20 * HOUR, (2.20, 3.60, 3.80)),
            Quote("B365", 20 * HOUR, (1.90, 1.95), Market.TOTALS, 2.5),
            Quote("B365", 20 * HOUR, (1.30, 3.50), Market.TOTALS, 1.5),
        )
        facts = facts_of(
            Match("2025-03-15", "Arsenal", "Chelsea", quotes=quotes),
            Match("2025-03-22", "Leeds", "Fulham", quotes=quotes[:1]),
        )
        with SqlUnitOfWork(self.engine) as unit:
            unit.facts.store(
                facts, source="t", received_at=NOW - timedelta(hours=13), reconstructed=False
            )
            unit.commit()

    def close(self) -> None:
        self.engine.dispose()

    def made(self, **rules: Any) -> PaperVenue:
        """The venue under other rules."""
        usual = PaperRules(
            rejects=0.0, stakes={"*": (Decimal("0.10"), Decimal(100))}, delay=timedelta(seconds=5)
        )
        self.venue = PaperVenue(
            self.engine, StoredOffers(self.engine), self.clock, replace(usual, **rules)
        )
        return self.venue

    def offer(
        self,
        price: str,
        at: datetime | None = None,
        bookmaker: str = "B365",
        **row: bool,
    ) -> None:
        self.moves += 1
        quoted = at or NOW - timedelta(minutes=1) + timedelta(seconds=self.moves)
        event = sa.select(Event.c.id).where(Event.c.slug == EVENT).scalar_subquery()
        book = sa.select(Book.c.id).where(Book.c.code == bookmaker).scalar_subquery()
        row = {"market": 0, "line": 0, "selection": 0, "reconstructed": False} | row
        with self.engine.begin() as connection:
            connection.execute(
                sa.insert(Odds).values(
                    event_id=event, book_id=book, quoted_at=quoted, received_at=quoted,
                    price=Decimal(price), **row,
                )
            )  # fmt: skip

    def taken(self) -> int:
        accepted = sa.select(sa.func.count()).where(PaperBet.c.state == "accepted")
        with self.engine.connect() as connection:
            return connection.scalar(accepted) or 0

    def unoffered(self) -> BetSlip:
        return self.slip(event_id="e0-2025-03-15-nobody-noone")

    def arranged(self, code: RefusalCode) -> BetSlip:
        match code:
            case RefusalCode.MARKET_SUSPENDED:
                self.clock.instant = KICKOFF - timedelta(seconds=4)
            case RefusalCode.INSUFFICIENT_FUNDS:
                self.made(bankroll=Decimal("9.99"))
            case RefusalCode.MALFORMED:
                return self.slip(min_price=Decimal("2.11"))
            case RefusalCode.OTHER:
                self.made(rejects=1.0)
        return self.slip()


class RemoteRig(Rig):
    """A venue over HTTP and the fake server behind it."""

    server: FakeServer
    place_route: str
    status_route: str
    wrong_types: bytes
    """An acceptance in which something is of another type than documented."""

    @classmethod
    @abstractmethod
    def open(cls) -> Any:
        """While a block runs."""

    @abstractmethod
    def client(self, url: str | None = None, limits: CallLimits = PATIENT) -> Any:
        """Another client of the same account."""

    def fail(self, *faults: Fault) -> None:
        """What goes wrong with the next bets that are sent."""
        self.server.fail(self.place_route, *faults)

    def hasten(self) -> None:
        """The client waits for a second only."""
        self.venue.close()
        self.venue = self.client(limits=HASTY)

    @property
    def sent(self) -> int:
        """How many bets were sent."""
        return self.server.asked(self.place_route)


class StakeRig(RemoteRig):
    """The signed API."""

    currency = "EUR"
    fixture_id = "ev-1"
    place_route = "POST /v1/bets"
    status_route = "GET /v1/bets/"
    wrong_types = b'{"bet": {"reference": "%s", "id": 7, "status": "accepted"}}'
    refuses = (
        RefusalCode.PRICE_MOVED,
        RefusalCode.STAKE_ABOVE_MAXIMUM,
        RefusalCode.STAKE_BELOW_MINIMUM,
        RefusalCode.LIABILITY_LIMIT,
        RefusalCode.MARKET_SUSPENDED,
        RefusalCode.INSUFFICIENT_FUNDS,
        RefusalCode.RESTRICTED,
        RefusalCode.VERIFICATION_REQUIRED,
        RefusalCode.NOT_OFFERED,
        RefusalCode.OTHER,
    )

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        rig = cls()
        rig.clock = Hands()
        rig.server = stake.FakeStake(lambda: NOW)
        for market, line, prices in (
            ("match_result", "0", {"home": "2.10", "draw": "3.40", "away": "3.60"}),
            ("totals", "2.5", {"over": "1.90", "under": "1.95"}),
            ("totals", "1.5", {"over": "1.30", "under": "3.50"}),
            ("handicap", "-0.5", {"home": "2.10", "away": "1.80"}),
        ):
            for selection, price in prices.items():
                rig.server.book.lines["ev-1", market, line, selection] = stake.Line(Decimal(price))
        rig.server.book.events = [
            {
                "id": name,
                "league": "E0",
                "home": home,
                "away": away,
                "kickoff": kickoff.isoformat(),
            }
            for name, home, away, kickoff in (
                ("ev-1", "Arsenal FC", "Chelsea FC", KICKOFF),
                ("ev-2", "Leeds", "Fulham", KICKOFF + timedelta(days=7)),
            )
        ]
        with rig.server.running():
            rig.venue = rig.client()
            yield rig
            rig.venue.close()

    def client(
        self,
        url: str | None = None,
        limits: CallLimits = PATIENT,
        secret: str = "secret-one-never-shown",  # noqa: S107 - of a fake
        **other: Any,
    ) -> StakeVenue:
        key = StakeKey(SecretStr("key-one"), SecretStr(secret))
        return StakeVenue(url or self.server.url, key, clock=self.clock, limits=limits, **other)

    @property
    def home(self) -> stake.Line:
        """The home side's line."""
        return self.server.book.lines["ev-1", "match_result", "0", "home"]

    def offer(self, price: str) -> None:
        self.home.price = Decimal(price)

    def taken(self) -> int:
        return self.server.taken()

    def unoffered(self) -> BetSlip:
        return self.slip(fixture_id="ev-9")

    def arranged(self, code: RefusalCode) -> BetSlip:
        match code:
            case RefusalCode.MARKET_SUSPENDED:
                self.home.open = False
            case RefusalCode.INSUFFICIENT_FUNDS:
                self.server.balances["EUR"] = Decimal("9.99")
            case RefusalCode.OTHER:
                self.server.refuse = "a_reason_of_its_own"
            case _:
                self.server.refuse = code.value
        return self.slip()


class CloudbetRig(RemoteRig):
    """Cloudbet's API, with its test money."""

    currency = "PLAY_EUR"
    fixture_id = "4711"
    place_route = "POST /pub/v3/bets/place"
    status_route = "GET /pub/v3/bets/"
    wrong_types = b'{"referenceId": "%s", "status": "ACCEPTED", "price": 2.1, "stake": []}'
    refuses = (
        RefusalCode.PRICE_MOVED,
        RefusalCode.STAKE_ABOVE_MAXIMUM,
        RefusalCode.STAKE_BELOW_MINIMUM,
        RefusalCode.LIABILITY_LIMIT,
        RefusalCode.MARKET_SUSPENDED,
        RefusalCode.INSUFFICIENT_FUNDS,
        RefusalCode.RESTRICTED,
        RefusalCode.VERIFICATION_REQUIRED,
        RefusalCode.MALFORMED,
        RefusalCode.NOT_OFFERED,
    )

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        rig = cls()
        rig.clock = Hands()
        rig.server = cloudbet.FakeCloudbet(lambda: NOW)
        for number, home, away, kickoff in (
            (4711, "Arsenal", "Chelsea", KICKOFF),
            (4712, "Leeds", "Fulham", KICKOFF + timedelta(days=7)),
        ):
            event = cloudbet.Event(number, home, away, kickoff, "soccer-england-premier-league")
            for url, price in (
                ("soccer.match_odds/home", "2.10"),
                ("soccer.match_odds/draw", "3.40"),
                ("soccer.match_odds/away", "3.60"),
                ("soccer.total_goals/over?total=2.5", "1.90"),
                ("soccer.total_goals/under?total=2.5", "1.95"),
                ("soccer.total_goals/over?total=3", "2.40"),
                ("soccer.asian_handicap/home?handicap=-0.5", "2.10"),
                ("soccer.asian_handicap/away?handicap=-0.5", "1.80"),
            ):
                event.selections[url] = cloudbet.Selection(Decimal(price), Decimal("0.10"))
            rig.server.events[str(number)] = event
        with rig.server.running():
            rig.venue = rig.client()
            yield rig
            rig.venue.close()

    def client(
        self,
        url: str | None = None,
        limits: CallLimits = PATIENT,
        key: str = "trading-key-never-shown",
    ) -> CloudbetVenue:
        where = url or self.server.url
        return CloudbetVenue(where, SecretStr(key), clock=self.clock, limits=limits)

    @property
    def home(self) -> cloudbet.Selection:
        """The home side's selection."""
        return self.server.events["4711"].selections["soccer.match_odds/home"]

    def offer(self, price: str) -> None:
        self.home.price = Decimal(price)

    def taken(self) -> int:
        return self.server.taken()

    def unoffered(self) -> BetSlip:
        return self.slip(market=TENNIS_WINNER)

    def arranged(self, code: RefusalCode) -> BetSlip:
        match code:
            case RefusalCode.MARKET_SUSPENDED:
                self.home.status = "SELECTION_DISABLED"
            case RefusalCode.INSUFFICIENT_FUNDS:
                self.server.balances["PLAY_EUR"] = Decimal("9.99")
            case RefusalCode.LIABILITY_LIMIT:
                self.server.refuse = "LIABILITY_LIMIT_EXCEEDED"
            case RefusalCode.MALFORMED:
                self.server.refuse = "MALFORMED_REQUEST"
            case _:
                self.server.refuse = code.value.upper()
        return self.slip()


TOTALS = OVER_UNDER
EVERY_REFUSAL = [
    (name, code)
    for name, rig in (("paper", PaperRig), ("stake", StakeRig), ("cloudbet", CloudbetRig))
    for code in rig.refuses
]
"""Every reason that each venue can be brought to give."""
