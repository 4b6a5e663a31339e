"""What the normalisers of live feeds share: plausible prices of named matches become facts.

A row is kept or refused with a reason, and so is every quote of a kept row; nothing is repaired.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any, Final

import numpy as np

from betting_ai.adapters.feeds.football_data.fixtures import seasons_by_date
from betting_ai.adapters.feeds.football_data.quotes import (
    FARTHEST_LINE,
    HIGHEST_BOOK,
    HIGHEST_PRICE,
    LOWEST_BOOK,
)
from betting_ai.adapters.feeds.football_data.stamps import UK
from betting_ai.adapters.feeds.football_data.table import days_since_epoch
from betting_ai.domain.events import event_id, event_slug
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import Market
from betting_ai.domain.sports import SPORTS
from betting_ai.errors import NotJsonError
from betting_ai.features.facts import MISSING, NEVER, STATS, Facts, Ints, merge
from betting_ai.ports.feeds import CleaningReport, NameResolver, Parsed, Payload

_OLDEST_ROW: Final = timedelta(days=4)  # scores go back three days
_FARTHEST_ROW: Final = timedelta(days=21)
_CLOCK_SKEW: Final = timedelta(minutes=2)
_FARTHEST_TOTAL: Final = 15.0
_MOST_GOALS: Final = 99


@dataclass(frozen=True)
class LiveQuote:
    """One book's prices of one market; a price that cannot be read is NaN.

    Attributes:
        book: book code.
        market: a `Market`.
        line: as in `betting_ai.features.facts.Facts`; NaN where it should have one and has not.
        at: when the prices stood.
        prices: one per selection.
    """

    book: str
    market: Market
    line: float
    at: datetime
    prices: tuple[float, ...]


@dataclass(frozen=True)
class LiveMatch:
    """One match as a live feed tells it.

    Attributes:
        league: league code.
        home: home team's name in the feed.
        away: away team's name in the feed.
        kickoff: aware instant, as it is planned now.
        quotes: prices.
        goals: final score.
        known_at: when the final score was known.
    """

    league: str
    home: str
    away: str
    kickoff: datetime
    quotes: tuple[LiveQuote, ...] = ()
    goals: tuple[int, int] | None = None
    known_at: datetime | None = None


@dataclass(frozen=True)
class _Named:
    """A match that can be named: its key, the keys of its teams, and its day."""

    match: LiveMatch
    key: int
    home: str
    away: str
    day: int


@dataclass
class Account:
    """What becomes of a payload's rows while it is read.

    Attributes:
        rows: how many there are.
        rows_refused: how many were put out, by reason.
        quotes_refused: quotes of other rows that were put out, by reason.
    """

    rows: int = 0
    rows_refused: Counter[str] = field(default_factory=Counter)
    quotes_refused: Counter[str] = field(default_factory=Counter)


def read_json(payload: Payload) -> Any:  # noqa: ANN401 - any JSON document
    """The payload's document.

    Raises:
        NotJsonError: it is none.
    """
    try:
        return json.loads(payload.content)
    except (ValueError, RecursionError):
        page = payload.content.lstrip()[:1] == b"<"
        what = "an HTML page" if page else "empty" if not payload.content.strip() else "garbled"
        raise NotJsonError(f"{payload.source}: {payload.name} is {what}, not JSON") from None


def facts_of_matches(
    matches: Sequence[LiveMatch],
    account: Account,
    payload: Payload,
    resolve: NameResolver,
    began: float,
) -> Parsed:
    """Facts of the matches that can be named without doubt, and the report.

    Args:
        matches: as the feed tells them; the first of equal ones stays.
        account: what was put out before; completed here.
        payload: where they come from.
        resolve: canonical names of teams.
        began: when reading began, by `time.perf_counter`.
    """
    read = perf_counter()
    named: dict[int, _Named] = {}
    for match in matches:
        found = _fault_of(match, payload.received_at) or _named(match, resolve)
        if isinstance(found, _Named) and found.key in named:
            found = "duplicate"
        if isinstance(found, _Named):
            named[found.key] = found
        else:
            account.rows_refused[found] += 1
    rows = list(named.values())
    quotes = [
        (row, quote)
        for row, found in enumerate(rows)
        for quote in _sifted(found.match, payload.received_at, account)
    ]
    facts = _facts(rows, quotes, int(payload.received_at.timestamp()))
    report = CleaningReport(
        name=payload.name,
        rows_read=account.rows,
        rows_kept=len(rows),
        rows_refused=dict(account.rows_refused),
        quotes_kept=facts.quotes,
        quotes_refused=dict(account.quotes_refused),
        stages={"read": read - began, "normalise": perf_counter() - read},
    )
    return Parsed(facts, report)


def instant(value: object) -> datetime | None:
    """An instant as feeds write it: RFC 3339, or seconds since the epoch; None where it is none."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo else None
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def number(value: object) -> float:
    """A price or a line, as a number or as text; NaN where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        return round(float(value), 4) + 0.0  # no negative zero
    except (ValueError, OverflowError):
        return math.nan


def mapping(value: object) -> Mapping[str, Any]:
    """An object of a document; an empty one where something else stands."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[Any]:
    """A list of a document; an empty one where something else stands."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """A text of a document, stripped; empty where something else stands."""
    return value.strip() if isinstance(value, str) else ""


def selections(league: str, market: Market) -> int:
    """How many selections a market has in a league's sport."""
    return SPORTS[LEAGUES[league].sport].outcomes if market is Market.MATCH_RESULT else 2


def _fault_of(match: LiveMatch, received_at: datetime) -> str | None:
    if not (match.home and match.away):
        return "team_missing"
    if match.kickoff < received_at - _OLDEST_ROW:
        return "stale_row"
    if match.kickoff > received_at + _FARTHEST_ROW:
        return "too_far_ahead"
    if match.goals is not None and not all(0 <= goals <= _MOST_GOALS for goals in match.goals):
        return "score_unreadable"
    return None


def _named(match: LiveMatch, resolve: NameResolver) -> _Named | str:
    home, away = resolve(match.league, match.home), resolve(match.league, match.away)
    if home is None or away is None:
        return "team_unresolved"
    if home == away:
        return "team_against_itself"
    date = match.kickoff.astimezone(UK).date()
    key = event_id(event_slug(match.league, date.isoformat(), home, away))
    country = LEAGUES[match.league].country
    return _Named(match, key, f"{country}:{home}", f"{country}:{away}", days_since_epoch(date))


def _sifted(match: LiveMatch, received_at: datetime, account: Account) -> list[LiveQuote]:
    """The match's quotes that can be used, each book, market, line and instant once."""
    kept: dict[tuple[object, ...], LiveQuote] = {}
    for quote in match.quotes:
        key = (quote.book, quote.market, quote.line, quote.at)
        why = _fault_of_quote(quote, match, received_at) or ("duplicate" if key in kept else None)
        if why is None:
            kept[key] = quote
        else:
            account.quotes_refused[why] += 1
    return list(kept.values())


def _fault_of_quote(quote: LiveQuote, match: LiveMatch, received_at: datetime) -> str | None:
    if len(quote.prices) != selections(match.league, quote.market):
        return "incomplete"
    if (why := _fault_of_prices(quote.prices)) is not None:
        return why
    if not _is_line(quote.market, quote.line):
        return "line_absurd"
    if quote.at >= match.kickoff:
        return "in_play"
    if quote.at > received_at + _CLOCK_SKEW:
        return "stamp_in_future"
    return None


def _fault_of_prices(prices: Sequence[float]) -> str | None:
    if not all(map(math.isfinite, prices)):
        return "text_price"
    if min(prices) <= 1.0:
        return "price_not_above_1"
    if max(prices) > HIGHEST_PRICE:
        return "price_absurd"
    total = sum(1.0 / price for price in prices)
    return None if LOWEST_BOOK <= total <= HIGHEST_BOOK else "overround_absurd"


def _is_line(market: Market, line: float) -> bool:
    if market is Market.MATCH_RESULT:
        return line == 0.0
    on_grid = math.isfinite(line) and line * 4 % 1 == 0
    if market is Market.TOTALS:
        return on_grid and 0.0 < line <= _FARTHEST_TOTAL
    return on_grid and abs(line) <= FARTHEST_LINE


def _facts(
    rows: Sequence[_Named], quotes: Sequence[tuple[int, LiveQuote]], received_at: int
) -> Facts:
    codes = [row.match.league for row in rows]
    leagues = tuple(sorted(set(codes)))
    teams = tuple(sorted({team for row in rows for team in (row.home, row.away)}))
    books = tuple(sorted({quote.book for _, quote in quotes}))
    days = _ints([row.day for row in rows])
    stats = np.full((len(rows), len(STATS)), MISSING, dtype=np.int64)
    known_at = np.full(len(rows), NEVER, dtype=np.int64)
    for place, match in enumerate(row.match for row in rows):
        if match.goals is not None:
            stats[place, :2] = match.goals
            told = match.known_at or match.kickoff
            known_at[place] = min(max(_seconds(told), _seconds(match.kickoff)), received_at)
    return merge([
        Facts(
            leagues=leagues,
            teams=teams,
            books=books,
            event_id=_ints([row.key for row in rows]),
            league=_ints([leagues.index(code) for code in codes]),
            season=seasons_by_date(days, codes),
            home=_ints([teams.index(row.home) for row in rows]),
            away=_ints([teams.index(row.away) for row in rows]),
            kickoff=_ints([_seconds(row.match.kickoff) for row in rows]),
            day=days,
            time_assumed=np.zeros(len(rows), dtype=np.bool_),
            result_known_at=known_at,
            stats=stats,
            quote_event=_ints([row for row, _ in quotes]),
            quote_book=_ints([books.index(quote.book) for _, quote in quotes]),
            quote_market=_ints([int(quote.market) for _, quote in quotes]),
            quote_line=np.array([quote.line for _, quote in quotes], dtype=np.float64),
            quoted_at=_ints([min(_seconds(quote.at), received_at) for _, quote in quotes]),
            price=np.array(
                [(*quote.prices, math.nan)[:3] for _, quote in quotes], dtype=np.float64
            ).reshape(-1, 3),
            quote_live=np.ones(len(quotes), dtype=np.bool_),
        )
    ])  # fmt: skip


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)
