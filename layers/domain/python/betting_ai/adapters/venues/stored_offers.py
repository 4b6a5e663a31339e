"""What bookmakers offered, as the database has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import sqlalchemy as sa
from sqlalchemy import orm
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
        home, away = orm.aliased(Team), orm.aliased(Team)
        events = (
            sa.select(Event.slug, League.code, home.name, away.name, Event.kickoff)
            .join(League, League.id == Event.league_id)
            .join(home, home.id == Event.home_id)
            .join(away, away.id == Event.away_id)
            .where(
                League.code == league,
                Event.kickoff.between(since, until),
                sa.or_(Event.reconstructed, Event.received_at <= at),
            )
            .order_by(Event.kickoff, Event.slug)
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
                Book.code == bookmaker,
                Odds.market == int(market.kind),
                Odds.line == round(market.line * LINE_UNITS),
                Odds.selection == SELECTIONS[market.kind].index(outcome),
            )
            .order_by(Odds.quoted_at.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(newest).one_or_none()
        return None if row is None else _offer(market, row)

    def standing(self, events: Sequence[str], at: datetime) -> list[Offer]:
        """The newest price of every book for every selection of the markets that we know."""
        place = (Odds.event_id, Odds.market, Odds.line, Odds.book_id, Odds.selection)
        newest = _known(events, at).ext(distinct_on(*place)).order_by(*place, Odds.quoted_at.desc())
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
            Event.slug,
            Event.kickoff,
            Book.code,
            Odds.market,
            Odds.line,
            Odds.selection,
            Odds.price,
            Odds.quoted_at,
            Odds.live,
            League.sport,
        )
        .join(Event, Event.id == Odds.event_id)
        .join(League, League.id == Event.league_id)
        .join(Book, Book.id == Odds.book_id)
        .where(
            Odds.event_id.in_([event_id(event) for event in events]),
            Book.kind.in_(_TAKEABLE),
            Odds.quoted_at <= at,
            sa.or_(Odds.reconstructed, Odds.received_at <= at),
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
