"""What bookmakers offered, as the database has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.engine import Engine

from betting_ai.adapters.sql.tables import LINE_UNITS, Book, Event, League, Odds, Team
from betting_ai.adapters.venues.paper import Offer
from betting_ai.domain.books import BookKind
from betting_ai.domain.events import event_id
from betting_ai.domain.markets import (
    BETTING_MARKETS,
    EXCHANGE_COMMISSION,
    SELECTIONS,
    BettingMarket,
    Outcome,
)
from betting_ai.domain.odds import net_price
from betting_ai.ports.venue import VenueFixture

_TAKEABLE: Final = (BookKind.NAMED.value, BookKind.EXCHANGE.value)


class StoredOffers:
    """`betting_ai.adapters.venues.paper.Offers` over the stored events and prices.

    Nothing that was quoted or received after the instant asked about is seen. A market's average
    or maximum is never an offer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def fixtures(
        self, league: str, since: datetime, until: datetime, at: datetime
    ) -> list[VenueFixture]:
        """Events of a league that kick off in a span of time, as known at an instant."""
        home, away = Team.alias(), Team.alias()
        events = (
            sa.select(Event.c.slug, League.c.code, home.c.name, away.c.name, Event.c.kickoff)
            .join(League, League.c.id == Event.c.league_id)
            .join(home, home.c.id == Event.c.home_id)
            .join(away, away.c.id == Event.c.away_id)
            .where(
                League.c.code == league,
                Event.c.kickoff.between(since, until),
                sa.or_(Event.c.reconstructed, Event.c.received_at <= at),
            )
            .order_by(Event.c.kickoff, Event.c.slug)
        )
        with self._engine.connect() as connection:
            return [VenueFixture(*row) for row in connection.execute(events)]

    def latest(
        self, event: str, bookmaker: str, market: BettingMarket, outcome: Outcome, at: datetime
    ) -> Offer | None:
        """The newest price of a book for a selection at an instant; None without one."""
        newest = (
            _known([event], at)
            .where(
                Book.c.code == bookmaker,
                Odds.c.market == int(market.kind),
                Odds.c.line == round(market.line * LINE_UNITS),
                Odds.c.selection == SELECTIONS[market.kind].index(outcome),
            )
            .order_by(Odds.c.quoted_at.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(newest).one_or_none()
        return None if row is None else _offer(market, row)

    def standing(self, events: Sequence[str], at: datetime) -> list[Offer]:
        """The newest price of every book for every selection of the markets that we know."""
        place = (Odds.c.event_id, Odds.c.market, Odds.c.line, Odds.c.book_id, Odds.c.selection)
        newest = (
            _known(events, at).ext(distinct_on(*place)).order_by(*place, Odds.c.quoted_at.desc())
        )
        markets = {(m.sport, int(m.kind), round(m.line * LINE_UNITS)): m for m in BETTING_MARKETS}
        with self._engine.connect() as connection:
            rows = connection.execute(newest).all()
        return [
            _offer(market, row)
            for row in rows
            if (market := markets.get((row.sport, row.market, row.line)))
        ]


def _known(
    events: Sequence[str], at: datetime
) -> sa.Select[str, datetime, str, int, int, int, Decimal, datetime, bool, str]:
    return (
        sa.select(
            Event.c.slug,
            Event.c.kickoff,
            Book.c.code,
            Odds.c.market,
            Odds.c.line,
            Odds.c.selection,
            Odds.c.price,
            Odds.c.quoted_at,
            Odds.c.live,
            League.c.sport,
        )
        .join(Event, Event.c.id == Odds.c.event_id)
        .join(League, League.c.id == Event.c.league_id)
        .join(Book, Book.c.id == Odds.c.book_id)
        .where(
            Odds.c.event_id.in_([event_id(event) for event in events]),
            Book.c.kind.in_(_TAKEABLE),
            Odds.c.quoted_at <= at,
            sa.or_(Odds.c.reconstructed, Odds.c.received_at <= at),
        )
    )


def _offer(
    market: BettingMarket,
    row: sa.Row[str, datetime, str, int, int, int, Decimal, datetime, bool, str],
) -> Offer:
    commission = EXCHANGE_COMMISSION.get(row.code, 0.0)
    net = net_price(float(row.price), commission) if commission else row.price
    return Offer(
        event=row.slug,
        bookmaker=row.code,
        market=market,
        outcome=SELECTIONS[market.kind][row.selection],
        price=Decimal(str(net)),
        quoted_at=row.quoted_at,
        kickoff=row.kickoff,
        live=row.live,
    )
