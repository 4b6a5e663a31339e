"""The extra leagues: one file per country, all seasons, closing prices only."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from betting_ai.adapters.feeds.football_data.columns import AWAY, DATE, HOME
from betting_ai.adapters.feeds.football_data.parser import facts_of, first_spelling
from betting_ai.adapters.feeds.football_data.rows import matches_of
from betting_ai.adapters.feeds.football_data.table import read_table
from betting_ai.errors import UnknownLeagueError
from betting_ai.features.facts import Ints
from betting_ai.ports.feeds import Parsed

COUNTRY_CODES: Final = {
    "Argentina": "ARG", "Austria": "AUT", "Brazil": "BRA", "China": "CHN", "Denmark": "DNK",
    "Finland": "FIN", "Ireland": "IRL", "Japan": "JPN", "Mexico": "MEX", "Norway": "NOR",
    "Poland": "POL", "Romania": "ROU", "Russia": "RUS", "Sweden": "SWE", "Switzerland": "SWZ",
    "USA": "USA",
}  # fmt: skip
"""The site's country names and its league codes."""

CALENDAR_YEAR: Final = frozenset({"ARG", "BRA", "CHN", "FIN", "IRL", "JPN", "NOR", "SWE", "USA"})
"""Leagues whose season is a calendar year now."""

_SEASON = re.compile(r"([0-9]{4})(?:/([0-9]{4}))?")
_NO_SEASON: Final = 0


def parse_extra_file(content: bytes, *, league: str, name: str) -> Parsed:
    """The facts of one country's file.

    Args:
        content: the file's bytes.
        league: league code, ``"ARG"``.
        name: the file's name, for errors and the report.

    Raises:
        NotTabularError: the bytes are not a file of matches.
        UnknownLeagueError: no such extra league.
    """
    if league not in COUNTRY_CODES.values():
        known = ", ".join(COUNTRY_CODES.values())
        raise UnknownLeagueError(f"no extra league {league!r}; known are {known}")
    table = read_table(content, name=name, required=(DATE, HOME, AWAY, ("Season",)))
    cells = table.text("Season")
    found = [_SEASON.fullmatch(cell) for cell in cells]
    season = np.array([int(m[1]) if m else _NO_SEASON for m in found], dtype=np.int64)
    split = np.array([bool(m and m[2]) for m in found], dtype=np.bool_)
    matches = matches_of(table, [league] * table.rows, season)
    sieve = matches.sieve
    countries = [COUNTRY_CODES.get(cell, "") for cell in table.text("Country")]
    sieve.refuse([code != league for code in countries], "other_division")
    sieve.refuse(season == _NO_SEASON, "season_unreadable")
    # A split season may run to September; one of a calendar year to the next spring (as in 2020).
    first = np.where(split, _month(season, 7), _month(season, 1))
    after = np.where(split, _month(season + 1, 10), _month(season + 1, 4))
    sieve.refuse((matches.day < first) | (matches.day >= after), "date_outside_season")
    return facts_of(table, matches, first_spelling, name)


def _month(year: Ints, month: int) -> Ints:
    """Days since the epoch of a month's first day."""
    months = (year - 1970) * 12 + month - 1
    days: Ints = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return days
