"""Facts in PostgreSQL: in and out by the column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from betting_ai.adapters.sql.copying import (
    Column,
    as_dates,
    as_numerics,
    as_timestamp,
    as_timestamps,
    copy_in,
    fetch_columns,
)
from betting_ai.adapters.sql.reference import book_ids, league_ids, team_ids
from betting_ai.adapters.sql.tables import LINE_UNITS, Book, Event, League, Odds, Result, Team
from betting_ai.domain.events import event_id, slug
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import SELECTIONS, Market, Outcome
from betting_ai.domain.sports import SPORTS, Ended
from betting_ai.errors import InvalidInputError
from betting_ai.features.facts import MISSING, NEVER, STATS, Bools, Facts, Ints
from betting_ai.ports.repositories import FactsQuery, StoredCounts

_SECOND: Final = 1
_AWAY: Final = SELECTIONS[Market.MATCH_RESULT].index(Outcome.AWAY)

# Steps from season to season along an index and asks each for one result, so that it takes as long
# with many matches as with few. Digests come as one text: the driver is slow to read arrays.
_SEASONS: Final = sa.text("""
WITH RECURSIVE played AS (
    (SELECT league_id, season FROM events ORDER BY league_id, season LIMIT 1)
    UNION ALL
    SELECT following.league_id, following.season FROM played, LATERAL (
        SELECT league_id, season FROM events
        WHERE (events.league_id, events.season) > (played.league_id, played.season)
        ORDER BY league_id, season LIMIT 1
    ) AS following
)
SELECT leagues.code, played.season, (
    SELECT string_agg(DISTINCT sha256, ' ') FROM ingest_log
    WHERE league = leagues.code AND (season = played.season OR season IS NULL)
    AND status = 'stored' AND rows_kept > 0
)
FROM played JOIN leagues ON leagues.id = played.league_id, LATERAL (
    SELECT FROM events JOIN results ON results.event_id = events.id
    WHERE events.league_id = played.league_id AND events.season = played.season
    AND events.day <= :through LIMIT 1
) AS finished
""")

_Told = Mapping[str, sa.ColumnElement[Any]]
"""What a batch says, by the name of the column it is stored in."""

_SCORE: Final = ("goals_home", "goals_away")


# A source that tells a result otherwise than it did before corrects it. The first result stays (it
# is what was known, and what features are made of); bets are settled by the last word.
_CORRECT: Final = sa.text("""
INSERT INTO event_endings (event_id, ending, goals_home, goals_away, source, received_at)
SELECT told.event_id, 'finished', told.goals_home, told.goals_away, :source, :received_at
FROM staged_results AS told
JOIN results AS first ON first.event_id = told.event_id
LEFT JOIN LATERAL (
    SELECT goals_home, goals_away FROM event_endings
    WHERE event_id = told.event_id AND source = :source ORDER BY id DESC LIMIT 1
) AS before ON true
WHERE told.goals_home <> :missing AND told.goals_away <> :missing
AND (told.goals_home, told.goals_away) IS DISTINCT FROM
    (COALESCE(before.goals_home, first.goals_home), COALESCE(before.goals_away, first.goals_away))
""")


@dataclass(frozen=True)
class _Added:
    new: int = 0
    known: int = 0
    conflicting: int = 0
    revised: int = 0


class SqlFactsRepository:
    """`betting_ai.ports.repositories.FactsRepository` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def store(
        self, facts: Facts, *, source: str, received_at: datetime, reconstructed: bool
    ) -> StoredCounts:
        """Add what is new, in bulk; storing the same facts again changes nothing.

        Of a result that is there already, counts that are missing are added. A kick-off that is not
        reconstructed replaces one that was not yet due.

        Raises:
            UnknownLeagueError: a league that the product does not know.
            InvalidInputError: an event's id is not that of its slug, a line is not in quarters, or
                a price is not above 1.
        """
        if not len(facts):
            return StoredCounts()
        stamp = {"received_at": received_at, "reconstructed": reconstructed}
        sourced = {**stamp, "source": source}
        move = None if reconstructed else partial(self._move, received_at=received_at)
        events = self._add(Event, self._event_columns(facts), sourced, move)
        results = self._add(Result, _result_columns(facts), sourced, self._complete)
        if results.conflicting:
            told = {"source": source, "received_at": received_at, "missing": MISSING}
            self._connection.execute(_CORRECT, told)
        columns = self._odds_columns(facts)
        if events.new == len(facts) and _all_differ(facts):
            # Nobody else can have prices of events that only this transaction has.
            prices = self._copy_odds(columns, received_at, reconstructed)
        else:
            prices = self._add(Odds, columns, stamp)
        return StoredCounts(
            events=events.new,
            results=results.new,
            prices=prices.new,
            known=events.known + results.known + prices.known,
            conflicting=events.conflicting + results.conflicting + prices.conflicting,
            moved=events.revised,
        )

    def load(self, query: FactsQuery) -> Facts:
        """The facts that were known at ``query.as_of``, in canonical order."""
        events = fetch_columns(self._connection, _events_known(query))
        order = np.lexsort((events["id"], events["kickoff"]))
        events = {name: column[order].astype(np.int64) for name, column in events.items()}
        leagues, league = _indexed(events["league_id"], self._names(League.c.id, League.c.code))
        both = np.concatenate((events["home_id"], events["away_id"]))
        its = sa.literal(np.unique(both).tolist(), sa.ARRAY(sa.Integer))
        named = self._names(
            Team.c.id, Team.c.country + ":" + Team.c.name, Team.c.id == sa.any_(its)
        )
        teams, team = _indexed(both, named)
        quotes = self._quotes(query, events)
        return Facts(
            leagues=leagues,
            teams=teams,
            event_id=events["id"],
            league=league,
            season=events["season"],
            home=team[: len(order)],
            away=team[len(order) :],
            kickoff=events["kickoff"],
            day=events["day"],
            time_assumed=events["time_assumed"].astype(np.bool_),
            result_known_at=events["known_at"],
            stats=np.column_stack([events[name] for name in STATS]),
            ending=events["ending"],
            **quotes,
        )

    def seasons(self, through: date) -> dict[tuple[str, int], frozenset[str]]:
        """Which seasons have finished matches up to a day, and what they came from.

        Returns:
            (league code, season) -> SHA-256 of every payload that gave it matches, of those that
            hold one league; empty where none was logged.
        """
        rows = self._connection.execute(_SEASONS, {"through": through})
        return {(code, season): frozenset((told or "").split()) for code, season, told in rows}

    def _event_columns(self, facts: Facts) -> dict[str, Column]:
        leagues = league_ids(self._connection, facts.leagues)
        teams = team_ids(self._connection, facts.teams)
        league_keys = np.array([leagues[code] for code in facts.leagues], np.int16)
        team_keys = np.array([teams[name] for name in facts.teams], np.int32)
        return {
            "id": facts.event_id,
            "slug": _slugs(facts),
            "league_id": league_keys[facts.league],
            "season": facts.season.astype(np.int16),
            "day": as_dates(facts.day),
            "home_id": team_keys[facts.home],
            "away_id": team_keys[facts.away],
            "kickoff": as_timestamps(facts.kickoff),
            "time_assumed": facts.time_assumed,
        }

    def _odds_columns(self, facts: Facts) -> dict[str, Column]:
        books = book_ids(self._connection, facts.books)
        book_keys = np.array([books[code] for code in facts.books], np.int16)
        lines = facts.quote_line * LINE_UNITS
        if not np.array_equal(lines, np.rint(lines)):
            raise InvalidInputError("A line is not a multiple of a quarter")
        if np.any(facts.price <= 1):
            raise InvalidInputError("A price is not above 1")
        quote, place = np.nonzero(~np.isnan(facts.price))
        sideways = _without_draw(facts.leagues)[facts.league][facts.quote_event[quote]]
        sideways &= facts.quote_market[quote] == Market.MATCH_RESULT
        selection = np.where(sideways & (place == _SECOND), _AWAY, place)
        return {
            "event_id": facts.event_id[facts.quote_event[quote]],
            "quoted_at": as_timestamps(facts.quoted_at)[quote],
            "book_id": book_keys[facts.quote_book[quote]],
            "market": facts.quote_market.astype(np.int16)[quote],
            "line": lines.astype(np.int16)[quote],
            "selection": selection.astype(np.int16),
            "price": as_numerics(facts.price[quote, place]),
            "live": facts.quote_live[quote],
        }

    def _copy_odds(
        self, columns: dict[str, Column], received_at: datetime, reconstructed: bool
    ) -> _Added:
        rows = len(columns["event_id"])
        stamp = {
            "received_at": np.full(rows, as_timestamp(received_at)),
            "reconstructed": np.full(rows, reconstructed),
        }
        copy_in(self._connection, Odds.name, columns | stamp)
        return _Added(rows)

    def _add(
        self,
        table: sa.Table,
        columns: Mapping[str, Column],
        stamp: Mapping[str, Any],
        revise: Callable[[_Told], int] | None = None,
    ) -> _Added:
        """Insert the rows whose keys are new; compare the others with what is there.

        Args:
            table: the target.
            columns: by name.
            stamp: columns that all rows share.
            revise: what may change in rows that are there, done before they are compared.
        """
        rows = len(next(iter(columns.values())))
        if not rows:
            return _Added()
        staged = self._staged(table.name, columns)
        told: _Told = {name: _as_stored(staged.c[name]) for name in columns}
        stamps = [sa.literal(value) for value in stamp.values()]
        new = self._connection.execute(
            insert(table)
            .from_select([*columns, *stamp], sa.select(*told.values(), *stamps))
            .on_conflict_do_nothing()
        ).rowcount
        if new == rows:
            return _Added(new)
        revised = revise(told) if revise else 0
        key = {column.name for column in table.primary_key}
        same_key = sa.and_(*(table.c[name] == told[name] for name in key))
        differs = [_contradicts(table.c[n], value) for n, value in told.items() if n not in key]
        conflicting = self._connection.scalar(
            sa.select(sa.func.count()).where(same_key, sa.or_(*differs))
        )
        conflicting = conflicting or 0
        return _Added(new, rows - new - conflicting, conflicting, revised)

    def _move(self, told: _Told, received_at: datetime) -> int:
        """Put off, or forward, the matches that have not begun; gives how many there were."""
        event = Event.c
        moved = sa.update(Event).values(kickoff=told["kickoff"], time_assumed=told["time_assumed"])
        return self._connection.execute(
            moved.where(
                event.id == told["id"],
                event.kickoff != told["kickoff"],
                event.kickoff > received_at,
                sa.or_(event.time_assumed, sa.not_(told["time_assumed"])),
            )
        ).rowcount

    def _complete(self, told: _Told) -> int:
        """Add to results the counts that they lack, where the score is the same."""
        there = Result.c
        lacking = [name for name in STATS if name not in _SCORE]
        completed = sa.update(Result).values(
            {name: sa.func.coalesce(there[name], told[name]) for name in lacking}
        )
        return self._connection.execute(
            completed.where(
                there.event_id == told["event_id"],
                *(there[name] == told[name] for name in _SCORE),
                sa.or_(*(there[n].is_(None) & told[n].is_not(None) for n in lacking)),
            )
        ).rowcount

    def _staged(self, target: str, columns: Mapping[str, Column]) -> sa.TableClause:
        """The columns in a temporary table whose types are the target's."""
        staged = sa.table(f"staged_{target}", *(sa.column(name) for name in columns))
        self._connection.execute(
            sa.text(
                f"CREATE TEMPORARY TABLE IF NOT EXISTS {staged.name} "
                f"ON COMMIT DELETE ROWS AS TABLE {target} WITH NO DATA"
            )
        )
        self._connection.execute(sa.text(f"TRUNCATE {staged.name}"))
        copy_in(self._connection, staged.name, columns)
        return staged

    def _names(
        self,
        key: sa.SQLColumnExpression[int],
        name: sa.SQLColumnExpression[str],
        *rules: sa.ColumnElement[bool],
    ) -> dict[int, str]:
        return dict(self._connection.execute(sa.select(key, name).where(*rules)).all())

    def _quotes(self, query: FactsQuery, events: Mapping[str, Column]) -> dict[str, Any]:
        """The quotes of these events, pivoted; season by season, to bound an answer's size."""
        seasons = [int(season) for season in np.unique(events["season"])]
        parts = [fetch_columns(self._connection, _odds_known(query, s)) for s in seasons]
        names = [column.name for column in _odds_known(query, 0).selected_columns]
        odds = {n: np.concatenate([p[n] for p in parts] or [np.empty(0)]) for n in names}

        by_id = np.argsort(events["id"])
        nearest = np.searchsorted(events["id"], odds["event_id"], sorter=by_id)
        row = by_id[np.minimum(nearest, len(by_id) - 1)] if len(by_id) else nearest
        # An event may have come between the two queries.
        there = events["id"][row] == odds["event_id"]
        row, odds = row[there], {name: column[there] for name, column in odds.items()}
        books, book = _indexed(odds["book_id"], self._names(Book.c.id, Book.c.code))
        codes = self._names(League.c.id, League.c.code)
        sideways = _without_draw([codes[key] for key in events["league_id"].tolist()])[row]
        sideways &= odds["market"] == Market.MATCH_RESULT
        away = sideways & (odds["selection"] == _AWAY)
        odds["selection"] = np.where(away, _SECOND, odds["selection"])
        return {"books": books, **_pivoted(row, book, odds)}


def _without_draw(leagues: Sequence[str]) -> Bools:
    """Which leagues are of a sport without one: its second price is the away side's."""
    return np.array([SPORTS[LEAGUES[code].sport].outcomes == 2 for code in leagues], np.bool_)


def _pivoted(row: Column, book: Ints, odds: Mapping[str, Column]) -> dict[str, Column]:
    """Prices by selection become quotes, in canonical order."""
    place = _packed(row, odds["market"], odds["line"], book)
    order = np.lexsort((odds["quoted_at"], place))
    place, quoted_at = place[order], odds["quoted_at"][order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (place[1:] != place[:-1]) | (quoted_at[1:] != quoted_at[:-1])
    quote, selection = np.cumsum(first) - 1, odds["selection"][order].astype(np.int64)
    price = np.full((int(first.sum()), 3), np.nan)
    price[quote, selection] = odds["price"][order]
    chosen = order[first]
    return {
        "quote_event": row[chosen].astype(np.int64),
        "quote_book": book[chosen],
        "quote_market": odds["market"][chosen].astype(np.int64),
        "quote_line": odds["line"][chosen] / LINE_UNITS,
        "quoted_at": quoted_at[first].astype(np.int64),
        "price": price,
        "quote_live": odds["live"][chosen].astype(np.bool_),
    }


def _all_differ(facts: Facts) -> bool:
    """Whether the quotes are in canonical order without repeats."""
    place = _packed(
        facts.quote_event, facts.quote_market, facts.quote_line * LINE_UNITS, facts.quote_book
    )
    step, later = np.diff(place), np.diff(facts.quoted_at)
    return bool(np.all((step > 0) | ((step == 0) & (later > 0))))


def _slugs(facts: Facts) -> Column:
    """The events' slugs as bytes of one width.

    Raises:
        InvalidInputError: an event's id is not that of its slug.
    """
    leagues = [slug(code) for code in facts.leagues]
    teams = [slug(team.partition(":")[2]) for team in facts.teams]
    days = facts.day.astype("datetime64[D]").astype(str).tolist()
    rows = zip(facts.league.tolist(), days, facts.home.tolist(), facts.away.tolist(), strict=True)
    slugs = [f"{leagues[k]}-{day}-{teams[h]}-{teams[a]}" for k, day, h, a in rows]
    for text, key in zip(slugs, facts.event_id.tolist(), strict=True):
        if event_id(text) != key:
            raise InvalidInputError(f"Event {key} is not named {text}")
    width = max(map(len, slugs))
    return np.array([text.ljust(width).encode() for text in slugs])


def _result_columns(facts: Facts) -> dict[str, Column]:
    known = facts.result_known_at != NEVER
    stats = facts.stats[known].astype(np.int16)
    return {
        "event_id": facts.event_id[known],
        "known_at": as_timestamps(facts.result_known_at[known]),
        "ending": facts.ending[known].astype(np.int16),
        **{name: stats[:, i] for i, name in enumerate(STATS)},
    }


def _as_stored(column: sa.ColumnClause[Any]) -> sa.ColumnElement[Any]:
    if column.name in STATS:
        return sa.func.nullif(column, MISSING)
    return sa.func.rtrim(column) if column.name == "slug" else column


def _contradicts(
    there: sa.ColumnElement[Any], told: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    """Whether two sources cannot both be right.

    One that does not count shots contradicts nobody; nor does one that knew a result later.
    """
    if there.name == "known_at":
        return sa.false()
    return there != told if there.name in STATS else there.is_distinct_from(told)


def _known(table: sa.Table, query: FactsQuery) -> sa.ColumnElement[bool]:
    """What a live feed had brought by then; reconstructed history need only have stood by then."""
    return sa.or_(table.c.reconstructed, table.c.received_at <= query.as_of)


def _asked_for(query: FactsQuery) -> sa.ColumnElement[bool]:
    rules = [_known(Event, query)]
    if query.since is not None:
        rules.append(Event.c.day >= query.since)
        # Says nothing new (a date begins somewhere on earth less than a day before it does in
        # UTC), but lets the planner see how few events lie between two dates.
        rules.append(
            Event.c.kickoff >= datetime.combine(query.since, time(), UTC) - timedelta(days=1)
        )
    if query.kickoff_before is not None:
        rules.append(Event.c.kickoff < query.kickoff_before)
    if query.events is not None:
        keys = [event_id(slug) for slug in query.events]
        rules.append(Event.c.id == sa.any_(sa.literal(keys, sa.ARRAY(sa.BigInteger))))
    if query.leagues is not None:
        codes = sa.select(League.c.id).where(League.c.code.in_(query.leagues))
        rules.append(Event.c.league_id.in_(codes))
    return sa.and_(*rules)


def _events_known(query: FactsQuery) -> sa.Select[Any]:
    never: sa.ColumnElement[datetime] = sa.literal_column("'infinity'::timestamptz")
    result_known = sa.and_(
        Result.c.event_id == Event.c.id, Result.c.known_at <= query.as_of, _known(Result, query)
    )
    columns: list[sa.ColumnElement[Any]] = [
        sa.func.coalesce(Result.c.ending, int(Ended.FINISHED)).label("ending"),
        *(sa.func.coalesce(Result.c[n], MISSING).label(n) for n in STATS),
    ]
    return (
        sa.select(
            Event.c.id,
            Event.c.league_id,
            Event.c.season,
            Event.c.home_id,
            Event.c.away_id,
            Event.c.kickoff,
            Event.c.day,
            Event.c.time_assumed,
            sa.func.coalesce(Result.c.known_at, never).label("known_at"),
            *columns,
        )
        .outerjoin(Result, result_known)
        .where(_asked_for(query))
    )


def _odds_known(query: FactsQuery, season: int) -> sa.Select[Any]:
    return (
        sa.select(
            Odds.c.event_id,
            Odds.c.market,
            Odds.c.line,
            Odds.c.book_id,
            Odds.c.selection,
            Odds.c.quoted_at,
            Odds.c.price.cast(sa.Double).label("price"),
            Odds.c.live,
        )
        .join(Event, Event.c.id == Odds.c.event_id)
        .where(
            _asked_for(query),
            Event.c.season == season,
            Odds.c.quoted_at <= query.as_of,
            _known(Odds, query),
        )
    )


def _indexed(keys: Column, names: Mapping[int, str]) -> tuple[tuple[str, ...], Ints]:
    """The names that the keys stand for, sorted, and each key's place among them."""
    used, place = np.unique(keys, return_inverse=True)
    labels = np.array([names[key] for key in used.tolist()], dtype=object)
    order = np.argsort(labels)
    rank = np.empty(len(used), np.int64)
    rank[order] = np.arange(len(used))
    return tuple(labels[order].tolist()), rank[place]


def _packed(row: Column, market: Column, line: Column, book: Column) -> Ints:
    """One number that sorts as (row, market, line, book) does; room for 1,024 books."""
    packed = row.astype(np.int64) << 28 | market.astype(np.int64) << 26
    return packed | (line.astype(np.int64) + (1 << 15)) << 10 | book
