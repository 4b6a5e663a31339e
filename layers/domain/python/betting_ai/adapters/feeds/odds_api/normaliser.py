"""The Odds API's answers to facts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from time import perf_counter
from typing import Any, Final

from betting_ai.adapters.feeds.live import (
    Account,
    LiveMatch,
    LiveQuote,
    facts_of_matches,
    instant,
    listed,
    mapping,
    number,
    read_json,
    selections,
    text,
)
from betting_ai.adapters.feeds.odds_api.names import BOOK_OF_KEY, LEAGUE_OF_SPORT, MARKET_OF_KEY
from betting_ai.domain.markets import EXCHANGE_COMMISSION, Market
from betting_ai.errors import NotJsonError
from betting_ai.ports.feeds import NameResolver, Parsed, Payload, PayloadKind

_DRAW: Final = "Draw"
_LAY: Final = "_lay"


class OddsApiNormaliser:
    """Reads answers of ``/odds`` and ``/scores``, also the envelope of historical ones."""

    def parse(self, payload: Payload, resolve: NameResolver) -> Parsed:
        """The payload's facts; rows with a name that ``resolve`` doubts are refused and counted.

        Raises:
            NotJsonError: the bytes are no list of matches.
        """
        began = perf_counter()
        rows = _rows(payload)
        account = Account(rows=len(rows))
        matches = []
        for row in rows:
            found = _match(mapping(row), payload, account)
            if isinstance(found, str):
                account.rows_refused[found] += 1
            else:
                matches.append(found)
        return facts_of_matches(matches, account, payload, resolve, began)


def _rows(payload: Payload) -> list[Any]:
    document = read_json(payload)
    rows = document.get("data") if isinstance(document, dict) else document
    if isinstance(rows, list):
        return rows
    told = text(mapping(document).get("message"))
    said = f" ({told[:100]})" if told else ""
    raise NotJsonError(f"{payload.source}: {payload.name} is no list of matches{said}")


def _match(row: Mapping[str, Any], payload: Payload, account: Account) -> LiveMatch | str:
    """The match of a row, or why it is none."""
    league = LEAGUE_OF_SPORT.get(text(row.get("sport_key")))
    if league is None:
        return "unknown_sport" if row else "unreadable_row"
    kickoff = instant(row.get("commence_time"))
    if kickoff is None:
        return "date_unreadable"
    home, away = text(row.get("home_team")), text(row.get("away_team"))
    # Once a match has begun, the feed gives the second in which it did.
    kickoff = kickoff.replace(second=0, microsecond=0)
    if payload.kind is PayloadKind.SCORES:
        goals = _goals(row, home, away)
        if isinstance(goals, str):
            return goals
        known_at = instant(row.get("last_update")) or payload.received_at
        return LiveMatch(league, home, away, kickoff, goals=goals, known_at=known_at)
    quotes = tuple(_quotes(row, league, (home, away), account))
    return LiveMatch(league, home, away, kickoff, quotes)


def _goals(row: Mapping[str, Any], home: str, away: str) -> tuple[int, int] | str:
    """The final score, or why there is none."""
    if row.get("completed") is not True:
        return "not_completed"
    told = {text(s.get("name")): s.get("score") for s in map(mapping, listed(row.get("scores")))}
    goals = [number(told.get(side)) for side in (home, away)]
    if len(told) != len(goals) or not all(value.is_integer() for value in goals):
        return "score_unreadable"
    return int(goals[0]), int(goals[1])


def _quotes(
    row: Mapping[str, Any], league: str, teams: tuple[str, str], account: Account
) -> Iterator[LiveQuote]:
    for bookmaker in map(mapping, listed(row.get("bookmakers"))):
        key = text(bookmaker.get("key"))
        markets = [mapping(market) for market in listed(bookmaker.get("markets"))]
        code = BOOK_OF_KEY.get(key, key)
        exchange = any(text(market.get("key")).endswith(_LAY) for market in markets)
        for market in markets:
            kind = MARKET_OF_KEY.get(text(market.get("key")))
            at = instant(market.get("last_update")) or instant(bookmaker.get("last_update"))
            if why := _no_quote(market, kind, at, code, exchange=exchange):
                account.quotes_refused[why] += 1
            elif kind is not None and at is not None:
                yield from _lines(market, kind, at, code, league, teams, account)


def _no_quote(
    market: Mapping[str, Any],
    kind: Market | None,
    at: datetime | None,
    code: str,
    *,
    exchange: bool,
) -> str | None:
    """Why a market of a bookmaker holds no quote."""
    if text(market.get("key")).endswith(_LAY):
        return "lay_market"
    if kind is None:
        return "unknown_market"
    if not code:
        return "book_missing"
    if exchange and code not in EXCHANGE_COMMISSION:
        return "commission_unknown"
    return "no_stamp" if at is None else None


def _lines(
    market: Mapping[str, Any],
    kind: Market,
    at: datetime,
    book: str,
    league: str,
    teams: tuple[str, str],
    account: Account,
) -> Iterator[LiveQuote]:
    """A quote per line of a market; alternative lines stand in one list."""
    names = _names(kind, teams, selections(league, kind))
    lines: dict[float, dict[str, float]] = defaultdict(dict)
    for outcome in map(mapping, listed(market.get("outcomes"))):
        name = text(outcome.get("name"))
        if name not in names:
            account.quotes_refused["unknown_outcome"] += 1
            return
        line = _line(kind, number(outcome.get("point")), away=name == teams[1])
        if name in lines[line]:
            account.quotes_refused["duplicate_outcome"] += 1
            return
        lines[line][name] = number(outcome.get("price"))
    if not lines:
        account.quotes_refused["incomplete"] += 1
    for line, told in lines.items():
        prices = tuple(told[name] for name in names if name in told)
        yield LiveQuote(book, kind, line, at, prices)


def _names(kind: Market, teams: tuple[str, str], width: int) -> Sequence[str]:
    """Names of the selections, in the order of prices in facts."""
    if kind is Market.TOTALS:
        return ("Over", "Under")
    home, away = teams
    return (home, away) if width == len(teams) else (home, _DRAW, away)


def _line(kind: Market, point: float, *, away: bool) -> float:
    """The line as facts have it: of a handicap, what is added to the home side's score."""
    if kind is Market.MATCH_RESULT:
        return 0.0
    if math.isnan(point):
        return math.inf  # one place for all that have none; refused as a line
    return (-point if kind is Market.HANDICAP and away else point) + 0.0
