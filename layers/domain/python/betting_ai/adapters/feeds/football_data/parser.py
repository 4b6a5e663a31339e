"""Season files to facts: what is sure is kept, the rest refused and counted, nothing guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from time import perf_counter
from typing import Final

import numpy as np

from betting_ai.adapters.feeds.football_data.columns import AWAY, DATE, HOME
from betting_ai.adapters.feeds.football_data.quotes import quotes_of
from betting_ai.adapters.feeds.football_data.results import results_of
from betting_ai.adapters.feeds.football_data.rows import Matches, matches_of
from betting_ai.adapters.feeds.football_data.stamps import stamps
from betting_ai.adapters.feeds.football_data.table import Table, days_since_epoch, read_table
from betting_ai.domain.events import event_id, event_slug
from betting_ai.domain.leagues import LEAGUES, find_league
from betting_ai.features.facts import MISSING, NEVER, Facts, Ints, merge
from betting_ai.ports.feeds import CleaningReport, NameResolver, Parsed

__all__ = ["Parsed", "facts_of", "first_spelling", "parse_season_file"]

_SAME_TEAM: Final = {
    ("GER", "St. Pauli"): "St Pauli",
    ("ARG", "Colon Santa FE"): "Colon Santa Fe",
    ("NOR", "Ham-Kam"): "HamKam",
}
"""Second spellings within the site's own results files, and the first."""


def parse_season_file(content: bytes, *, league: str, season: int, name: str) -> Parsed:
    """The facts of one division's season.

    The file's own team names, less spaces and second spellings, are the canonical ones.

    Args:
        content: the file's bytes.
        league: league code, ``"E0"``.
        season: year in which the season began.
        name: the file's name, for errors and the report.

    Raises:
        NotTabularError: the bytes are not a file of matches.
        UnknownLeagueError: no such league.
    """
    find_league(league)
    table = read_table(content, name=name, required=(DATE, HOME, AWAY))
    matches = matches_of(table, [league] * table.rows, np.full(table.rows, season, dtype=np.int64))
    sieve = matches.sieve
    sieve.refuse([code not in ("", league) for code in table.text("Div")], "other_division")
    first, last = date(season, 7, 1), date(season + 1, 9, 30)
    outside = (matches.day < days_since_epoch(first)) | (matches.day > days_since_epoch(last))
    sieve.refuse(outside, "date_outside_season")
    return facts_of(table, matches, first_spelling, name)


def first_spelling(league: str, team: str) -> str:
    """The canonical name of a team of a results file: its own, or its first spelling."""
    return _SAME_TEAM.get((LEAGUES[league].country, team), team)


def facts_of(
    table: Table,
    matches: Matches,
    resolve: NameResolver,
    name: str,
    *,
    seen_at: datetime | None = None,
) -> Parsed:
    """Facts of the rows that are still in, in canonical order, and the report.

    Args:
        table: the file.
        matches: its rows; those whose names are in doubt and second sightings of an event are
            refused here.
        resolve: canonical names of teams.
        name: the file's name.
        seen_at: when the file was taken, where it may hold prices of before the usual collection:
            no price stood later than that.
    """
    began = perf_counter()
    sieve = matches.sieve
    home = _resolved(matches, matches.home, resolve)
    away = _resolved(matches, matches.away, resolve)
    sieve.refuse([a == b for a, b in zip(home, away, strict=True)], "team_against_itself")
    ids = _event_ids(matches, home, away)
    rows = np.flatnonzero(sieve.keep)
    when = stamps(matches.day[rows], matches.clock[rows], seen_at)
    stats, dropped = results_of(table, rows)
    has_result = stats[:, 0] != MISSING
    cleaned = perf_counter()

    quotes = quotes_of(table, rows, when)
    kept = rows.tolist()
    league = [matches.league[row] for row in kept]
    leagues = tuple(sorted(set(league)))
    home_key = [
        f"{LEAGUES[code].country}:{home[row]}" for code, row in zip(league, kept, strict=True)
    ]
    away_key = [
        f"{LEAGUES[code].country}:{away[row]}" for code, row in zip(league, kept, strict=True)
    ]
    teams = tuple(sorted({*home_key, *away_key}))
    facts = merge([
        Facts(
            leagues=leagues,
            teams=teams,
            books=quotes.books,
            event_id=ids[rows],
            league=_places(league, leagues),
            season=matches.season[rows],
            home=_places(home_key, teams),
            away=_places(away_key, teams),
            kickoff=when.kickoff,
            day=matches.day[rows],
            time_assumed=when.time_assumed,
            result_known_at=np.where(has_result, when.over, NEVER),
            stats=stats,
            quote_event=quotes.event,
            quote_book=quotes.book,
            quote_market=quotes.market,
            quote_line=quotes.line,
            quoted_at=quotes.at,
            price=quotes.price,
        )
    ])  # fmt: skip
    repaired = dropped + _renamed(table, home, away, rows)
    clock_text = np.array([bool(text) for text in table.text("Time")], np.bool_)
    repaired["time_unreadable"] += int(np.count_nonzero(clock_text[rows] & when.time_assumed))
    report = CleaningReport(
        name=name,
        rows_read=table.rows,
        rows_kept=len(facts),
        rows_repaired=dict(+repaired),
        rows_refused=dict(sieve.refused),
        quotes_kept=facts.quotes,
        quotes_refused=dict(quotes.refused),
        stages={
            "read": table.seconds,
            "clean": cleaned - began,
            "normalise": perf_counter() - cleaned,
        },
    )
    return Parsed(facts, report)


def _resolved(matches: Matches, names: Sequence[str], resolve: NameResolver) -> list[str]:
    sieve = matches.sieve
    seen = dict.fromkeys(
        (league, name)
        for league, name, keep in zip(matches.league, names, sieve.keep, strict=True)
        if keep
    )
    found = {key: resolve(*key) for key in seen}
    resolved = [found.get(key) for key in zip(matches.league, names, strict=True)]
    sieve.refuse([name is None for name in resolved], "team_unresolved")
    return [name or "" for name in resolved]


def _event_ids(matches: Matches, home: Sequence[str], away: Sequence[str]) -> Ints:
    sieve = matches.sieve
    dates = np.datetime_as_string(matches.day.astype("datetime64[D]"))
    ids = np.zeros(len(home), dtype=np.int64)
    seen: set[int] = set()
    again = np.zeros(len(home), dtype=np.bool_)
    for row in np.flatnonzero(sieve.keep).tolist():
        key = event_id(event_slug(matches.league[row], str(dates[row]), home[row], away[row]))
        ids[row] = key
        again[row] = key in seen
        seen.add(key)
    sieve.refuse(again, "duplicate")
    return ids


def _renamed(table: Table, home: Sequence[str], away: Sequence[str], rows: Ints) -> Counter[str]:
    """How many rows had a team's name repaired."""
    as_given = zip(table.raw(*HOME), table.raw(*AWAY), home, away, strict=True)
    changed = np.array([a != c or b != d for a, b, c, d in as_given], np.bool_)
    return Counter(team_name=int(np.count_nonzero(changed[rows])))


def _places(names: Sequence[str], sorted_names: Sequence[str]) -> Ints:
    place = {name: i for i, name in enumerate(sorted_names)}
    return np.array([place[name] for name in names], dtype=np.int64)
