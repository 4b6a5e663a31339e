"""The NBA archive: every game of many seasons in one file, with one American moneyline.

The archive does not say whose price it is. It is kept as the market's average: a source of the
consensus, never a price that a bettor could have taken.
"""

from __future__ import annotations

import re
from datetime import date
from time import perf_counter
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from betting_ai.adapters.feeds.contests import NO_DAY, Clock, Contests, contest_facts
from betting_ai.adapters.feeds.football_data.rows import Sieve
from betting_ai.adapters.feeds.football_data.table import days_since_epoch, read_table
from betting_ai.domain.markets import MARKET_AVERAGE
from betting_ai.domain.sports import Ended
from betting_ai.features.facts import MISSING, Floats
from betting_ai.ports.feeds import Parsed

CLOCK: Final = Clock(ZoneInfo("America/New_York"), start=19, over=26)
"""Games begin in the evening; the last of a date ends on the west coast after one in the east."""

TEAMS: Final = {
    "atl": "Atlanta Hawks", "bkn": "Brooklyn Nets", "bos": "Boston Celtics",
    "cha": "Charlotte Hornets", "chi": "Chicago Bulls", "cle": "Cleveland Cavaliers",
    "dal": "Dallas Mavericks", "den": "Denver Nuggets", "det": "Detroit Pistons",
    "gs": "Golden State Warriors", "hou": "Houston Rockets", "ind": "Indiana Pacers",
    "lac": "Los Angeles Clippers", "lal": "Los Angeles Lakers", "mem": "Memphis Grizzlies",
    "mia": "Miami Heat", "mil": "Milwaukee Bucks", "min": "Minnesota Timberwolves",
    "no": "New Orleans Pelicans", "ny": "New York Knicks", "okc": "Oklahoma City Thunder",
    "orl": "Orlando Magic", "phi": "Philadelphia 76ers", "phx": "Phoenix Suns",
    "por": "Portland Trail Blazers", "sa": "San Antonio Spurs", "sac": "Sacramento Kings",
    "tor": "Toronto Raptors", "utah": "Utah Jazz", "wsh": "Washington Wizards",
}  # fmt: skip
"""A franchise keeps its name of today, wherever it played before."""

_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_NO_SEASON: Final = 0
_LAST_MONTH: Final = 10
"""The season of 2019-20 ended in October."""


def parse_nba_archive(content: bytes, *, name: str) -> Parsed:
    """The facts of the archive.

    Args:
        content: the file's bytes.
        name: the file's name, for errors and the report.

    Raises:
        NotTabularError: the bytes are not a file of games.
    """
    began = perf_counter()
    required = (("season",), ("dates",), ("home",), ("away",))
    table = read_table(content, name=name, required=required)
    sieve = Sieve(table.rows)
    sieve.refuse(table.truncated, "truncated_row")
    sieve.refuse(table.unreadable, "unreadable_row")
    day = np.array([_day(text) for text in table.text("dates")], dtype=np.int64)
    ended = table.numbers("season")
    season = np.where(np.isfinite(ended), ended - 1, _NO_SEASON).astype(np.int64)
    sieve.refuse(season == _NO_SEASON, "season_unreadable")
    outside = (day < _month(season, 7)) | (day >= _month(season + 1, _LAST_MONTH + 1))
    sieve.refuse((day != NO_DAY) & outside, "date_outside_season")
    home, away = ([TEAMS.get(code, "") for code in table.text(side)] for side in ("home", "away"))
    named = [bool(one and other) for one, other in zip(home, away, strict=True)]
    sieve.refuse(~np.array(named, np.bool_), "team_unknown")
    score = np.stack([table.numbers(f"score_{side}") for side in ("home", "away")], axis=1)
    whole = np.isfinite(score) & (score >= 0) & (score % 1 == 0)
    counted = whole.all(axis=1) & (score[:, 0] != score[:, 1])
    prices = np.stack(
        [decimal_odds(table.numbers(f"moneyline_{side}")) for side in ("home", "away")], axis=1
    )
    contests = Contests(
        league="NBA",
        season=season,
        day=day,
        home=home,
        away=away,
        score=np.where(counted[:, None], np.where(whole, score, MISSING), MISSING).astype(np.int64),
        ending=np.full(table.rows, Ended.FINISHED, dtype=np.int64),
        prices={MARKET_AVERAGE: prices},
        sieve=sieve,
        repaired={"score_impossible": ~counted & ~np.isnan(score).all(axis=1)},
    )
    return contest_facts(contests, CLOCK, name, began)


def decimal_odds(moneyline: Floats) -> Floats:
    """Decimal odds, to 4 places, of American ones: what 100 wins, or what must be risked for it.

    Args:
        moneyline: any shape; -150 is 1.6667, +130 is 2.30. Between -100 and 100 there is no such
            price: it comes out as 1, which is none.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.where(moneyline > 0, 1.0 + moneyline / 100.0, 1.0 - 100.0 / moneyline)
    odds = np.where(np.abs(moneyline) >= 100.0, odds, 1.0)
    return np.where(np.isfinite(moneyline), np.round(odds, 4), moneyline)


def _day(text: str) -> int:
    found = _DATE.fullmatch(text)
    if not found:
        return NO_DAY
    month, day, year = map(int, found.groups())
    try:
        return days_since_epoch(date(year, month, day))
    except ValueError:
        return NO_DAY


def _month(year: np.ndarray, month: int) -> np.ndarray:
    """Days since the epoch of a month's first day."""
    months = (year - 1970) * 12 + month - 1
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
