"""Matches by hand and by the season: small leagues with everything that real ones can have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache

import numpy as np

from betting_ai.domain.events import event_id, event_slug
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import Market
from betting_ai.domain.sports import Ended
from betting_ai.features.facts import MISSING, NEVER, OF_QUOTES, STATS, Facts, Ints, merge
from betting_ai.ports.repositories import FactsQuery

DAY = 86_400
HOUR = 3_600
AT_CLOSE = 0
A_DAY_BEFORE = DAY


@dataclass(frozen=True)
class Quote:
    """A book's prices, so many seconds before kick-off."""

    book: str
    before: int
    prices: tuple[float, ...]
    market: Market = Market.MATCH_RESULT
    line: float = 0.0
    live: bool = False


@dataclass(frozen=True)
class Match:
    """One event; without goals it is still to be played."""

    day: str
    home: str
    away: str
    goals: tuple[int, int] | None = None
    quotes: tuple[Quote, ...] = ()
    stats: Mapping[str, int] = field(default_factory=dict)
    league: str = "E0"
    season: int | None = None
    hour: float = 15.0
    time_assumed: bool = False
    ending: Ended = Ended.FINISHED


def days(day: str) -> int:
    """Days since the epoch."""
    return (date.fromisoformat(day) - date(1970, 1, 1)).days


def kickoff(match: Match) -> int:
    """Seconds since the epoch."""
    return days(match.day) * DAY + int(match.hour * HOUR)


def facts_of(*matches: Match) -> Facts:
    """Facts of matches in any order; a result is known 2 h 15 min after kick-off."""
    leagues = tuple(sorted({m.league for m in matches}))
    teams = tuple(sorted({_key(m, side) for m in matches for side in (m.home, m.away)}))
    books = tuple(sorted({q.book for m in matches for q in m.quotes}))
    quotes = [(i, q) for i, m in enumerate(matches) for q in m.quotes]
    starts = np.array([kickoff(m) for m in matches], dtype=np.int64)
    stats = np.array([_stats(m) for m in matches], dtype=np.int64).reshape(-1, len(STATS))
    endings = _ints(m.ending for m in matches)
    finished = endings == Ended.FINISHED
    return merge([
        Facts(
            leagues=leagues,
            teams=teams,
            books=books,
            event_id=_ints(event_id(event_slug(m.league, m.day, m.home, m.away)) for m in matches),
            league=_ints(leagues.index(m.league) for m in matches),
            season=_ints(m.season or int(m.day[:4]) - (m.day[5:7] < "07") for m in matches),
            home=_ints(teams.index(_key(m, m.home)) for m in matches),
            away=_ints(teams.index(_key(m, m.away)) for m in matches),
            kickoff=starts,
            day=_ints(days(m.day) for m in matches),
            time_assumed=np.array([m.time_assumed for m in matches], dtype=np.bool_),
            result_known_at=np.where((stats[:, 0] == MISSING) & finished, NEVER, starts + 8_100),
            stats=stats,
            ending=endings,
            quote_event=_ints(i for i, _ in quotes),
            quote_book=_ints(books.index(q.book) for _, q in quotes),
            quote_market=_ints(q.market for _, q in quotes),
            quote_line=np.array([q.line for _, q in quotes], dtype=np.float64),
            quoted_at=_ints(starts[i] - q.before for i, q in quotes),
            price=np.array(
                [(*q.prices, np.nan)[:3] for _, q in quotes], dtype=np.float64
            ).reshape(-1, 3),
            quote_live=np.array([q.live for _, q in quotes], dtype=np.bool_),
        )
    ])  # fmt: skip


def known_at(facts: Facts, as_of: int) -> Facts:
    """The facts as they were known: later prices are not there, later results are not known."""
    over = facts.result_known_at <= as_of
    return replace(
        facts.where(np.ones(len(facts), dtype=np.bool_)),
        result_known_at=np.where(over, facts.result_known_at, NEVER),
        stats=np.where(over[:, None], facts.stats, MISSING),
        ending=np.where(over, facts.ending, Ended.FINISHED),
        **{name: getattr(facts, name)[facts.quoted_at <= as_of] for name in OF_QUOTES},
    )


@dataclass(frozen=True)
class ArrayFacts:
    """A facts repository over arrays: what `FactsQuery` promises of reconstructed history."""

    facts: Facts
    payloads: Mapping[tuple[str, int], frozenset[str]] = field(default_factory=dict)

    def load(self, query: FactsQuery) -> Facts:
        facts = self.facts
        keep = np.ones(len(facts), dtype=np.bool_)
        if query.since is not None:
            keep &= facts.day >= days(query.since.isoformat())
        if query.kickoff_before is not None:
            keep &= facts.kickoff < query.kickoff_before.timestamp()
        return known_at(facts.where(keep), int(query.as_of.timestamp()))

    def seasons(self, through: date) -> dict[tuple[str, int], frozenset[str]]:
        facts = self.facts
        over = (facts.day <= days(through.isoformat())) & (facts.result_known_at != NEVER)
        pairs = zip(facts.league[over].tolist(), facts.season[over].tolist(), strict=True)
        keys = {(facts.leagues[league], season) for league, season in pairs}
        return {key: self.payloads.get(key, frozenset()) for key in keys}


def closes_of_totals(facts: Facts) -> Facts:
    """The same with the totals' prices standing at kick-off too."""
    its = facts.quote_market == Market.TOTALS
    columns = {name: getattr(facts, name)[its] for name in OF_QUOTES if name != "quoted_at"}
    at_close = {"quoted_at": facts.kickoff[columns["quote_event"]]}
    return merge([facts, replace(facts, **columns, **at_close)])


def seasons_of(
    leagues: Sequence[str] = ("D1", "E0", "E1"),
    seasons: Sequence[int] = (2019, 2020, 2021, 2022),
    teams: int = 8,
    seed: int = 0,
) -> Facts:
    """Whole seasons, drawn once per argument list."""
    return _seasons_of(tuple(leagues), tuple(seasons), teams, seed)


@cache
def _seasons_of(leagues: tuple[str, ...], seasons: tuple[int, ...], teams: int, seed: int) -> Facts:
    random = np.random.default_rng(seed)
    strength = {
        (LEAGUES[code].country, f"{code} {i}"): 0.5 * random.normal() - 0.3 * LEAGUES[code].tier
        for code in leagues
        for i in range(teams)
    }
    matches: list[Match] = []
    for season in seasons:
        for code in leagues:
            country = LEAGUES[code].country
            names = [f"{code} {i}" for i in range(teams)]
            if code in {"E0", "E1"} and {"E0", "E1"} <= set(leagues) and season % 2:
                names[-1] = f"{'E1' if code == 'E0' else 'E0'} {teams - 1}"  # up, and down
            for day, home, away in _calendar(names, season):
                edge = strength[country, home] - strength[country, away] + 0.25
                matches.append(_drawn(random, code, season, day, home, away, edge, len(matches)))
    return facts_of(*matches)


def _calendar(names: Sequence[str], season: int) -> Iterator[tuple[str, str, str]]:
    """A double round robin: Saturdays, and a Tuesday after every third of them."""
    ring = list(names)
    half = len(ring) // 2
    day = np.datetime64(f"{season}-08-06")
    day += (5 - (day.astype(int) + 3) % 7) % 7
    for turn in range(2 * (len(ring) - 1)):
        pairs = list(zip(ring[:half], ring[: half - 1 : -1], strict=True))
        if turn % 2:
            pairs = [(away, home) for home, away in pairs]
        for home, away in pairs:
            yield str(day), home, away
        ring.insert(1, ring.pop())
        day += 3 if turn % 4 == 2 else 4 if turn % 4 == 3 else 14


def _drawn(
    random: np.random.Generator,
    league: str,
    season: int,
    day: str,
    home: str,
    away: str,
    edge: float,
    number: int,
) -> Match:
    rates = np.exp(np.array([0.3 + edge / 2, 0.1 - edge / 2]))
    goals = random.poisson(rates)
    counts = random.poisson(np.tile(rates, 6).clip(0.3) * np.repeat([0.5, 9, 4, 5, 2, 0.1], 2))
    stats = dict(zip(STATS[2:], counts.tolist(), strict=True))
    if league == "E1" or number % 11 == 0:
        stats = {}
    return Match(
        day=day,
        home=home,
        away=away,
        goals=(int(goals[0]), int(goals[1])),
        quotes=() if number % 17 == 5 else tuple(_quotes(random, edge, number)),
        stats=stats,
        league=league,
        season=season,
        hour=15.0 if number % 3 else 19.75,
        time_assumed=number % 7 == 0,
    )


def _quotes(random: np.random.Generator, edge: float, number: int) -> Iterator[Quote]:
    """Two snapshots of every book; the later one is nearer to the truth."""
    for before, noise in ((A_DAY_BEFORE, 0.08), (AT_CLOSE, 0.02)):
        seen = edge + noise * random.normal()
        fair = np.exp([seen, -0.35, -seen])
        fair /= fair.sum()
        named = {}
        for book, margin in (("B365", 1.06), ("BW", 1.05), ("PS", 1.02), ("WH", 1.07)):
            if book != "WH" or number % 5:
                named[book] = np.round(
                    1.0 / (fair * margin * np.exp(0.02 * random.normal(size=3))), 2
                ).clip(1.02)
        prices = np.array(list(named.values()))
        if number % 13:
            named["AVG"] = np.round(prices.mean(axis=0), 2)
        named["MAX"] = prices.max(axis=0)
        if number % 2:
            named["BFE"] = np.round(1.0 / (fair * 1.01), 2)
        for book, price in named.items():
            yield Quote(book, before, tuple(price.tolist()))
        for book in ("AVG", "B365", "WH"):
            over = np.round(1.9 + 0.05 * random.normal(), 2)
            yield Quote(book, before, (over, np.round(3.8 - over, 2)), Market.TOTALS, 2.5)
            line = -np.round(4 * seen) / 4
            yield Quote(book, before, (over, np.round(3.8 - over, 2)), Market.HANDICAP, line)


def _key(match: Match, name: str) -> str:
    return f"{LEAGUES[match.league].country}:{name}"


def _stats(match: Match) -> list[int]:
    if match.goals is None:
        return [MISSING] * len(STATS)
    known = {"goals_home": match.goals[0], "goals_away": match.goals[1], **match.stats}
    return [known.get(name, MISSING) for name in STATS]


def _ints(values: Iterator[int]) -> Ints:
    return np.array(list(values), dtype=np.int64)
