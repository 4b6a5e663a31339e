"""Cloudbet's competitions to facts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from time import perf_counter
from typing import Any, Final
from urllib.parse import parse_qs

from betting_ai.adapters.feeds.cloudbet.names import BOOK, LEAGUE_OF_COMPETITION, MARKET_OF_KEY
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
    text,
)
from betting_ai.domain.markets import Market
from betting_ai.errors import NotJsonError
from betting_ai.ports.feeds import NameResolver, Parsed, Payload

_OPEN: Final = "TRADING"
_IN_PLAY: Final = "TRADING_LIVE"
_FULL_TIME: Final = "period=ft"
_LINE: Final = {Market.TOTALS: "total", Market.HANDICAP: "handicap"}
_OUTCOMES: Final = {
    Market.MATCH_RESULT: ("home", "draw", "away"),
    Market.TOTALS: ("over", "under"),
    Market.HANDICAP: ("home", "away"),
}


class CloudbetNormaliser:
    """Reads answers of ``/competitions/{key}``; the feed's prices stand when they are told."""

    def parse(self, payload: Payload, resolve: NameResolver) -> Parsed:
        """The payload's facts; rows with a name that ``resolve`` doubts are refused and counted.

        Raises:
            NotJsonError: the bytes are no competition.
        """
        began = perf_counter()
        document = mapping(read_json(payload))
        events = document.get("events")
        if not isinstance(events, list):
            raise NotJsonError(f"{payload.source}: {payload.name} is no competition with events")
        league = LEAGUE_OF_COMPETITION.get(text(document.get("key")))
        account = Account(rows=len(events))
        matches = []
        for event in map(mapping, events):
            found = _match(event, league, payload.received_at, account)
            if isinstance(found, str):
                account.rows_refused[found] += 1
            else:
                matches.append(found)
        return facts_of_matches(matches, account, payload, resolve, began)


def _match(
    event: Mapping[str, Any], league: str | None, seen_at: datetime, account: Account
) -> LiveMatch | str:
    """The match of an event, or why it is none."""
    if league is None:
        return "unknown_competition"
    home, away = (text(mapping(event.get(side)).get("name")) for side in ("home", "away"))
    if not (home and away):
        return "not_a_match"  # the feed lists who wins the league beside the matches
    status = text(event.get("status"))
    if status != _OPEN:
        return "in_play" if status == _IN_PLAY else "not_trading"
    kickoff = instant(event.get("startTime")) or instant(event.get("cutoffTime"))
    if kickoff is None:
        return "date_unreadable"
    quotes = tuple(_quotes(mapping(event.get("markets")), seen_at, account))
    return LiveMatch(league, home, away, kickoff.replace(second=0, microsecond=0), quotes)


def _quotes(markets: Mapping[str, Any], seen_at: datetime, account: Account) -> Iterator[LiveQuote]:
    for key, market in markets.items():
        kind = MARKET_OF_KEY.get(key.replace("_", "").lower())
        if kind is None:
            account.quotes_refused["unknown_market"] += 1
            continue
        for period, submarket in mapping(mapping(market).get("submarkets")).items():
            if period == _FULL_TIME:
                told = listed(mapping(submarket).get("selections"))
                yield from _lines(kind, [mapping(one) for one in told], seen_at, account)
            else:
                account.quotes_refused["other_period"] += 1


def _lines(
    kind: Market,
    told: list[Mapping[str, Any]],
    seen_at: datetime,
    account: Account,
) -> Iterator[LiveQuote]:
    """A quote per line; both sides of a handicap carry the home side's line."""
    names = _OUTCOMES[kind]
    lines: dict[float, dict[str, float]] = defaultdict(dict)
    faults: dict[float, str] = {}
    for selection in told:
        line, name = _line(kind, text(selection.get("params"))), text(selection.get("outcome"))
        why = _no_price(selection, name, names, lines[line])
        if why is None:
            lines[line][name] = number(selection.get("price"))
        else:
            faults.setdefault(line, why)
    for line, prices in lines.items():
        if line in faults:
            account.quotes_refused[faults[line]] += 1
        else:
            in_order = tuple(prices[name] for name in names if name in prices)
            yield LiveQuote(BOOK, kind, line, seen_at, in_order)


def _no_price(
    selection: Mapping[str, Any], name: str, names: tuple[str, ...], known: Mapping[str, float]
) -> str | None:
    """Why a selection spoils its line."""
    if name not in names:
        return "unknown_outcome"
    if name in known:
        return "duplicate_outcome"
    if text(selection.get("side")) not in ("", "BACK"):
        return "lay_market"
    return None if text(selection.get("status")) == "SELECTION_ENABLED" else "suspended"


def _line(kind: Market, params: str) -> float:
    if kind is Market.MATCH_RESULT:
        return 0.0
    line = number(parse_qs(params).get(_LINE[kind], [""])[0])
    return math.inf if math.isnan(line) else line  # one place for all that have none
