"""The announcements of a real Sunday, and of ten and a hundred of them on one day.

13 October 2024, on which an answer of a live feed was kept. Files of the season are taken as they
stood then. A day that is busier has more of what makes days busy: earlier seasons and earlier
states of their files, other bookmakers, other minutes. Every match and every price is a real one.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from betting_ai.adapters.feeds.by_source import NormaliserBySource
from betting_ai.adapters.feeds.football_data.normaliser import FootballDataNormaliser
from betting_ai.adapters.feeds.football_data.seasons import season_year
from betting_ai.adapters.feeds.odds_api.names import LEAGUE_OF_SPORT
from betting_ai.adapters.feeds.odds_api.normaliser import OddsApiNormaliser
from betting_ai.adapters.sql.copying import fetch_columns
from betting_ai.adapters.sql.tables import Book, Event, Odds
from betting_ai.domain.leagues import SEASON_FILE_LEAGUES
from betting_ai.features.facts import Ints
from betting_ai.ports.feeds import Payload, PayloadKind

DAY: Final = date(2024, 10, 13)
SEASONS: Final = ("2425", "2324", "2223", "2122", "2021", "1920", "1819", "1718", "1617", "1516")
REGIONS: Final = 4
"""The live feed sells bookmakers by region; it has as many."""

STATES: Final = 10
"""So many days of matches are news in each file, one after the other."""

_ANSWER: Final = "the_odds_api_v4_odds_soccer_epl_2024-10-13.json"
_ASKED: Final = (timedelta(hours=-5), timedelta(0), timedelta(hours=4))
_CAME: Final = datetime(2024, 10, 13, 14, 0, tzinfo=UTC)
_SITE: Final = datetime(2024, 10, 13, 19, 0, tzinfo=UTC)
_ROUND: Final = 10


@dataclass(frozen=True)
class BusyDay:
    """What was announced on a day.

    Attributes:
        data: folder with ``football`` and ``odds_api``.
        leagues: whose files and prices.
    """

    data: Path
    leagues: tuple[str, ...] = tuple(sorted(SEASON_FILE_LEAGUES))

    def payloads(self, times: int) -> Iterator[Payload]:
        """All of a day that is so many times as busy, no two the same."""
        for copy in range(times):
            for league in self.leagues:
                yield self._season_file(league, copy)
            for number in range(len(_ASKED)):
                for sport, league in LEAGUE_OF_SPORT.items():
                    if league in self.leagues:
                        yield self._answer(sport, league, number, copy)

    def history(self, times: int) -> Iterator[Payload]:
        """What was announced before: the files in which a day of so many times has its news."""
        for copy in range(min(times, len(SEASONS))):
            for league in self.leagues:
                yield self._season_file(league, copy, states_before=STATES)

    def _season_file(self, league: str, copy: int, states_before: int = 0) -> Payload:
        code = SEASONS[copy % len(SEASONS)]
        file = self._files[code, league]
        state = (copy // len(SEASONS)) % STATES + states_before
        through = file.days[max(0, len(file.days) - 1 - state)]
        return Payload(
            "football_data",
            f"{code}/{league}.csv",
            PayloadKind.SEASON,
            file.until(through),
            _SITE + timedelta(seconds=copy),
            league,
            season_year(code),
        )

    def _answer(self, sport: str, league: str, number: int, copy: int) -> Payload:
        later = _ASKED[number] + timedelta(minutes=copy // REGIONS)
        region = copy % REGIONS
        matches = []
        coming = self._files[SEASONS[0], league].coming[:_ROUND]
        for match, told in zip(coming, self._prices, strict=False):
            names = {
                told["home_team"]: match["HomeTeam"],
                told["away_team"]: match["AwayTeam"],
                "Draw": "Draw",
            }
            books = []
            for book in told["bookmakers"]:
                stamp = _text(_instant(book["last_update"]) + later)
                markets = [
                    {
                        "key": market["key"],
                        "last_update": stamp,
                        "outcomes": [
                            one | {"name": names[one["name"]]} for one in market["outcomes"]
                        ],
                    }
                    for market in book["markets"]
                ]
                key = f"{book['key']}_{region}" if region else book["key"]
                books.append({"key": key, "last_update": stamp, "markets": markets})
            matches.append(
                {
                    "sport_key": sport,
                    "commence_time": f"{_day(match['Date'])}T14:00:00Z",
                    "home_team": match["HomeTeam"],
                    "away_team": match["AwayTeam"],
                    "bookmakers": books,
                }
            )
        content = json.dumps(matches).encode()
        return Payload("odds_api", f"{sport}/odds", PayloadKind.ODDS, content, _CAME + later)

    @cached_property
    def _prices(self) -> list[dict[str, Any]]:
        """Matches of the kept answer. What is no bookmaker's offer is left out."""
        found: list[dict[str, Any]] = json.loads((self.data / "odds_api" / _ANSWER).read_text())
        for match in found:
            match["bookmakers"] = [b for b in match["bookmakers"] if len(b["markets"]) == 1]
        return found

    @cached_property
    def _files(self) -> dict[tuple[str, str], _File]:
        return {
            (code, league): _File(
                self.data / "football" / code / f"{league}.csv",
                DAY if code == SEASONS[0] else None,
            )
            for code in SEASONS
            for league in self.leagues
        }


@dataclass(frozen=True)
class _File:
    """A season file as it stood on days until one.

    Attributes:
        path: of the whole file.
        last: the last of those days; None for two months after the first match.
    """

    path: Path
    last: date | None

    @cached_property
    def _lines(self) -> tuple[bytes, list[tuple[date, bytes, dict[str, str]]]]:
        head, *lines = self.path.read_bytes().splitlines(keepends=True)
        names = next(csv.reader([_decoded(head)]))
        rows = []
        for line in lines:
            cells = dict(zip(names, next(csv.reader([_decoded(line)]), []), strict=False))
            if cells.get("Date"):
                rows.append((_day(cells["Date"]), line, cells))
        return head, rows

    @cached_property
    def days(self) -> list[date]:
        """Days with matches, until the last."""
        days = sorted({day for day, _, _ in self._lines[1]})
        last = self.last or days[0] + timedelta(days=60)
        return [day for day in days if day <= last]

    def until(self, day: date) -> bytes:
        """The file with the matches until a day."""
        head, rows = self._lines
        return head + b"".join(line for played, line, _ in rows if played <= day)

    @cached_property
    def coming(self) -> list[dict[str, str]]:
        """The matches after the last day, the next first."""
        rows = sorted(self._lines[1], key=lambda row: row[0])
        return [cells for day, _, cells in rows if day > self.days[-1]]


def facts_told(payloads: Iterable[Payload]) -> tuple[Ints, Ints]:
    """Every event and every price that payloads tell of, each once.

    They are read one by one and put together here, without a database.

    Returns:
        Ids of events in order, and rows of `price_keys` in order.
    """
    normaliser = NormaliserBySource(
        {"odds_api": OddsApiNormaliser()}, otherwise=FootballDataNormaliser()
    )
    events, prices = set[int](), [np.empty((0, 3), np.int64)]
    for payload in payloads:
        facts = normaliser.parse(payload, lambda league, name: name).facts
        events.update(facts.event_id.tolist())
        quote, place = np.nonzero(~np.isnan(facts.price))
        books = np.array([book_number(code) for code in facts.books], np.int64)
        prices.append(
            price_keys(
                facts.event_id[facts.quote_event[quote]],
                facts.quoted_at[quote],
                books[facts.quote_book[quote]],
                facts.quote_market[quote],
                np.rint(facts.quote_line[quote] * 4).astype(np.int64),
                place,
            )
        )
        if len(prices) > 400:
            prices = [unique(prices)]
    return np.array(sorted(events), np.int64), unique(prices)


def stored_facts(connection: Connection) -> tuple[Ints, Ints]:
    """Every event and every price that a database holds, in the form of `facts_told`.

    A row that is there twice is here twice.
    """
    columns = (
        Odds.c.event_id,
        Odds.c.quoted_at,
        Odds.c.book_id,
        Odds.c.market,
        Odds.c.line,
        Odds.c.selection,
    )
    events = fetch_columns(connection, sa.select(Event.c.id).order_by(Event.c.id))["id"]
    odds = fetch_columns(connection, sa.select(*cast("tuple[Any, ...]", columns)))
    names = dict(connection.execute(sa.select(Book.c.id, Book.c.code)).all())
    place = np.zeros(max(names, default=0) + 1, np.int64)
    for key, code in names.items():
        place[key] = book_number(code)
    event, at, book, market, line, selection = (
        np.asarray(odds[column.key], np.int64) for column in columns
    )
    rows = price_keys(event, at, place[book], market, line, selection)
    return np.asarray(events, np.int64), rows[np.lexsort(rows.T[::-1])]


_numbers: dict[str, int] = {}


def book_number(code: str) -> int:
    """A number of our own for a bookmaker."""
    return _numbers.setdefault(code, len(_numbers))


def price_keys(event: Ints, at: Ints, book: Ints, market: Ints, line: Ints, place: Ints) -> Ints:
    """What tells a price from all others, as three numbers each."""
    packed = ((book * 8 + market) * 4096 + line + 2048) * 4 + place
    return np.column_stack([event, at, packed]).astype(np.int64)


def unique(parts: list[Ints]) -> Ints:
    """The different rows of some arrays, in order."""
    rows = np.concatenate(parts)
    rows = rows[np.lexsort(rows.T[::-1])]
    first = np.ones(len(rows), np.bool_)
    first[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    kept: Ints = rows[first]
    return kept


def _day(text: str) -> date:
    day, month, year = (int(part) for part in text.split("/"))
    return date(year if year > 99 else 2000 + year, month, day)


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return line.decode("cp1252").strip()


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
