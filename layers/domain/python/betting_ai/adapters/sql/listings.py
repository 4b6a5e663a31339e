"""What readers are shown, in PostgreSQL: one statement each, all of them led by an index."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.engine import Connection

from betting_ai.adapters.sql import tables
from betting_ai.adapters.sql.bets import SqlBetRepository
from betting_ai.adapters.sql.record import ENDED, SqlRecordRepository, of_uk_days
from betting_ai.adapters.sql.tables import LINE_UNITS
from betting_ai.domain.events import event_id as key_of
from betting_ai.domain.markets import SELECTIONS, Market, Outcome
from betting_ai.domain.sports import Ended
from betting_ai.ports.bets import StoredBet
from betting_ai.ports.listings import (
    BetQuery,
    EventQuery,
    ListedEvent,
    ListedPrice,
    PickQuery,
    PriceQuery,
    PublishedSlate,
    Said,
    Transfer,
)
from betting_ai.ports.record import RecordedPick

# Of one event after the other the primary key of prices, read backwards, gives the last ones,
# without a sort and without a look at other events.
_LAST: Final = """
SELECT e.id AS event, o.market, o.line, b.code AS bookmaker, b.name AS bookmaker_name, b.kind,
    o.selection, o.price AS odds, o.quoted_at
FROM unnest(:events) AS asked (id) JOIN events e ON e.id = asked.id CROSS JOIN LATERAL (
    SELECT DISTINCT ON (market, line, book_id, selection)
        market, line, book_id, selection, price, quoted_at
    FROM odds WHERE event_id = e.id AND quoted_at <= e.kickoff {}
    ORDER BY market DESC, line DESC, book_id DESC, selection DESC, quoted_at DESC
) AS o JOIN books b ON b.id = o.book_id
"""

_LATEST: Final = _LAST.format("") + "ORDER BY e.id, o.market, o.line, o.book_id, o.selection"

_BEST: Final = (
    "SELECT DISTINCT ON (event, selection) * FROM ("  # noqa: S608 - only constants
    + _LAST.format("AND market = 0 AND line = 0")
    + ") AS last WHERE kind = 'named' ORDER BY event, selection, odds DESC, bookmaker"
)


class SqlListings:
    """`betting_ai.ports.listings.Listings` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def slate(
        self, mode: str, profile: str | None = None, as_of: datetime | None = None
    ) -> PublishedSlate | None:
        """The newest slate of a mode, of a profile or of any, of an instant or of any."""
        slate = tables.Slate
        asked = (
            sa.select(
                slate.c.id, slate.c.hash, slate.c.mode, slate.c.as_of,
                slate.c.created_at.label("published_at"), slate.c.payload,
            )
            .where(slate.c.mode == mode)
            .order_by(slate.c.as_of.desc(), slate.c.created_at.desc(), slate.c.id)
            .limit(1)
        )  # fmt: skip
        if profile is not None:
            asked = asked.where(slate.c.profile == profile)
        if as_of is not None:
            asked = asked.where(slate.c.as_of == as_of)
        row = self._connection.execute(asked).mappings().first()
        return None if row is None else PublishedSlate(**row)

    def events(self, query: EventQuery) -> list[ListedEvent]:
        """Events by kick-off."""
        event = tables.Event
        rules = [event.c.kickoff >= query.since]
        if query.until is not None:
            rules.append(event.c.kickoff < query.until)
        if query.league is not None:
            rules.append(tables.League.c.code == query.league)
        if query.after is not None:
            place = sa.tuple_(event.c.kickoff, event.c.id)
            rules.append(place > sa.tuple_(*map(sa.literal, query.after)))
        return self._events(query.limit, *rules)

    def event(self, event_id: str) -> ListedEvent | None:
        """One event."""
        found = self._events(1, tables.Event.c.id == key_of(event_id))
        return found[0] if found and found[0].event_id == event_id else None

    def _events(self, limit: int, *rules: sa.ColumnElement[bool]) -> list[ListedEvent]:
        event, result = tables.Event, tables.Result
        home, away = tables.Team.alias(), tables.Team.alias()
        told = tables.EventEnding
        last = (
            sa.select(told.c.ending, told.c.goals_home, told.c.goals_away)
            .where(told.c.event_id == event.c.id)
            .order_by(told.c.id.desc())
            .limit(1)
            .lateral("last")
        )
        asked = (
            sa.select(
                event.c.id.label("key"), event.c.slug.label("event_id"), home.c.name.label("home"),
                away.c.name.label("away"), tables.League.c.code.label("league"), event.c.kickoff,
                event.c.time_assumed, result.c.ending.label("ended"), result.c.goals_home,
                result.c.goals_away, last.c.ending, last.c.goals_home.label("told_home"),
                last.c.goals_away.label("told_away"),
            )
            .join(tables.League, tables.League.c.id == event.c.league_id)
            .join(home, home.c.id == event.c.home_id)
            .join(away, away.c.id == event.c.away_id)
            .outerjoin(result, result.c.event_id == event.c.id)
            .outerjoin(last, sa.true())
            .where(*rules)
            .order_by(event.c.kickoff, event.c.id)
            .limit(limit)
        )  # fmt: skip
        return [_event(dict(row)) for row in self._connection.execute(asked).mappings()]

    def best(self, events: Collection[int]) -> list[ListedPrice]:
        """The best price before kick-off of every selection on who wins."""
        return self._prices(sa.text(_BEST), events)

    def latest(self, event: int) -> list[ListedPrice]:
        """Every source's last price of every selection of an event."""
        return self._prices(sa.text(_LATEST), [event])

    def _prices(self, asked: sa.TextClause, events: Collection[int]) -> list[ListedPrice]:
        wanted = sa.bindparam("events", list(events), ARRAY(sa.BigInteger))
        return [
            _price(dict(row))
            for row in self._connection.execute(asked.bindparams(wanted)).mappings()
        ]

    def prices(self, query: PriceQuery) -> list[tuple[ListedPrice, tuple[Any, ...]]]:
        """Prices of an event with their positions, oldest first."""
        odds, book = tables.Odds, tables.Book
        place = (odds.c.quoted_at, odds.c.book_id, odds.c.market, odds.c.line, odds.c.selection)
        asked = (
            sa.select(
                odds.c.event_id.label("event"), odds.c.market, odds.c.line,
                book.c.code.label("bookmaker"), book.c.name.label("bookmaker_name"), book.c.kind,
                odds.c.selection, odds.c.price.label("odds"), odds.c.quoted_at, odds.c.book_id,
            )
            .join(book, book.c.id == odds.c.book_id)
            .where(odds.c.event_id == query.event)
            .order_by(*place)
            .limit(query.limit)
        )  # fmt: skip
        if query.market is not None:
            asked = asked.where(odds.c.market == int(query.market))
        if query.bookmaker is not None:
            asked = asked.where(book.c.code == query.bookmaker)
        if query.after is not None:
            asked = asked.where(sa.tuple_(*place) > sa.tuple_(*map(sa.literal, query.after)))
        found = []
        for row in self._connection.execute(asked).mappings():
            values = dict(row)
            number = values.pop("book_id")
            position = (row["quoted_at"], number, row["market"], row["line"], row["selection"])
            found.append((_price(values), position))
        return found

    def said(self, event: int) -> list[Said]:
        """The last word of every member on an event."""
        said = tables.Prediction
        asked = (
            sa.select(
                said.c.member,
                said.c.model_version,
                said.c.as_of,
                said.c.p_home,
                said.c.p_draw,
                said.c.p_away,
            )
            .ext(distinct_on(said.c.member))
            .where(said.c.event_id == event)
            .order_by(said.c.member, said.c.as_of.desc(), said.c.id.desc())
        )
        return [
            Said(
                member,
                version,
                as_of,
                {
                    outcome: p
                    for outcome, p in zip(SELECTIONS[Market.MATCH_RESULT], three, strict=True)
                    if p is not None
                },
            )
            for member, version, as_of, *three in self._connection.execute(asked)
        ]

    def picks(self, query: PickQuery) -> list[RecordedPick]:
        """Picks, newest first."""
        pick, slate = tables.Recommendation, tables.Slate
        rules = [slate.c.mode == query.mode]
        if query.status is None:
            rules.append(pick.c.status != "replaced")
        else:
            rules.append(pick.c.status == query.status)
        if query.league is not None:
            rules.append(tables.League.c.code == query.league)
        if query.profile is not None:
            rules.append(slate.c.profile == query.profile)
        if query.event_id is not None:
            rules.append(pick.c.event_id == key_of(query.event_id))
        rules += of_uk_days(query.since, query.until)
        if query.before is not None:
            rules.append(pick.c.id < query.before)
        return SqlRecordRepository(self._connection).newest(query.limit, *rules)

    def bets(self, query: BetQuery) -> list[StoredBet]:
        """Bets, newest first."""
        bet, rules = tables.Bet, []
        if query.session_id is not None:
            rules.append(bet.c.session_id == query.session_id)
        if query.status is not None:
            rules.append(bet.c.status == query.status)
        if query.before is not None:
            rules.append(bet.c.id < query.before)
        return SqlBetRepository(self._connection).newest(query.limit, *rules)

    def newest_bets(self, each: int) -> list[StoredBet]:
        """So many bets of each session, newest first."""
        bet, session = tables.Bet, tables.BettingSession
        newest = (
            sa.select(bet.c.id)
            .where(bet.c.session_id == session.c.id)
            .order_by(bet.c.created_at.desc(), bet.c.id.desc())
            .limit(each)
            .lateral("newest")
        )
        keys = sa.select(newest.c.id).select_from(session).join(newest, sa.true())
        return SqlBetRepository(self._connection).newest(None, bet.c.id.in_(keys))

    def bet_counts(self) -> dict[int, int]:
        """How many bets each session has."""
        bet = tables.Bet
        asked = sa.select(bet.c.session_id, sa.func.count()).group_by(bet.c.session_id)
        return dict(self._connection.execute(asked).all())

    def transfer(self, key: UUID) -> Transfer | None:
        """One transfer."""
        table = tables.Transaction
        asked = sa.select(*(table.c[field.name] for field in fields(Transfer)))
        row = self._connection.execute(asked.where(table.c.id == key)).mappings().first()
        return None if row is None else Transfer(**row)

    def newest_data(self) -> datetime | None:
        """When the newest payload came that could be used."""
        log = tables.IngestLogEntry
        asked = (
            sa.select(log.c.received_at)
            .where(log.c.status != "refused")
            .order_by(log.c.received_at.desc())
            .limit(1)
        )
        return self._connection.scalar(asked)

    def record_version(self) -> tuple[int, int]:
        """Changes whenever a pick or a settlement was added."""
        pick, settled = tables.Recommendation, tables.Settlement
        asked = sa.select(
            sa.select(sa.func.coalesce(sa.func.max(pick.c.id), 0)).scalar_subquery(),
            sa.select(sa.func.coalesce(sa.func.max(settled.c.id), 0)).scalar_subquery(),
        )
        picks, settlements = self._connection.execute(asked).one()
        return picks, settlements


def _event(row: dict[str, Any]) -> ListedEvent:
    """By the last word on how it ended, else by its first result."""
    ended, ending = row.pop("ended"), row.pop("ending")
    first = (row.pop("goals_home"), row.pop("goals_away"))
    last = (row.pop("told_home"), row.pop("told_away"))
    goals = last if ending else first
    if ending is None and ended is not None:
        ending = str(ENDED[Ended(ended)])
    return ListedEvent(**row, ending=ending, goals=None if None in goals else goals)


def _price(row: dict[str, Any]) -> ListedPrice:
    market = Market(row.pop("market"))
    outcome: Outcome = SELECTIONS[market][row.pop("selection")]
    return ListedPrice(market=market, outcome=outcome, line=row.pop("line") / LINE_UNITS, **row)
