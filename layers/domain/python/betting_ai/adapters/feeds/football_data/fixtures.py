"""Coming matches with current prices: ``fixtures.csv`` and ``new_league_fixtures.csv``.

Past days are left in, years are mistyped, and teams are called other names than in the season
files, so every row is checked against the day it was seen and every name against the known teams.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np

from betting_ai.adapters.feeds.football_data.columns import AWAY, DATE, HOME
from betting_ai.adapters.feeds.football_data.extra import CALENDAR_YEAR, COUNTRY_CODES
from betting_ai.adapters.feeds.football_data.parser import facts_of
from betting_ai.adapters.feeds.football_data.rows import matches_of
from betting_ai.adapters.feeds.football_data.stamps import UK
from betting_ai.adapters.feeds.football_data.table import NO_VALUE, days_since_epoch, read_table
from betting_ai.domain.leagues import LEAGUES
from betting_ai.features.facts import Ints
from betting_ai.ports.feeds import NameResolver, Parsed

_PAST_DAYS: Final = 1
_COMING_DAYS: Final = 21


def parse_fixtures(
    content: bytes, *, name: str, resolve: NameResolver, seen_at: datetime | None = None
) -> Parsed:
    """The facts of a fixtures file, either form.

    Args:
        content: the file's bytes.
        name: the file's name, for errors and the report.
        resolve: canonical names of teams; a row with a name in doubt is refused and counted.
        seen_at: when the file was taken; rows more than a day before or three weeks after are
            refused, and no price stood later. None to take every row.

    Raises:
        NotTabularError: the bytes are not a file of matches.
    """
    table = read_table(content, name=name, required=(("Div", "Country"), DATE, HOME, AWAY))
    if table.has("Div"):
        codes = [code if code in LEAGUES else "" for code in table.text("Div")]
    else:
        codes = [COUNTRY_CODES.get(country, "") for country in table.text("Country")]
    matches = matches_of(table, codes, seasons_by_date(table.days(*DATE), codes))
    sieve = matches.sieve
    sieve.refuse([code == "" for code in codes], "unknown_division")
    if seen_at is not None:
        today = days_since_epoch(seen_at.astimezone(UK).date())
        sieve.refuse(matches.day < today - _PAST_DAYS, "stale_row")
        sieve.refuse(matches.day > today + _COMING_DAYS, "date_implausible")
    return facts_of(table, matches, resolve, name, seen_at=seen_at)


def seasons_by_date(day: Ints, leagues: list[str]) -> Ints:
    """The season of each match by its date: July begins one, or January in some leagues."""
    months = np.where(day == NO_VALUE, 0, day).astype("datetime64[D]").astype("datetime64[M]")
    since = months.astype(np.int64) + 1970 * 12
    calendar = np.array([code in CALENDAR_YEAR for code in leagues], dtype=np.bool_)
    seasons: Ints = np.where(calendar, since, since - 6) // 12
    return seasons
