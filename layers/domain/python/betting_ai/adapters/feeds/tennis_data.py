"""Season files of tennis-data.co.uk: one tour, one year.

The columns are ordered by the outcome: winner, then loser, prices too. Before anything else is done
with a row its sides are named by `named_sides`, which does not know who won.
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
from betting_ai.adapters.feeds.football_data.table import Table, days_since_epoch, read_table
from betting_ai.domain.events import named_sides
from betting_ai.domain.markets import MARKET_AVERAGE, MARKET_MAXIMUM
from betting_ai.domain.sports import SPORTS, TENNIS, Ended
from betting_ai.errors import UnknownLeagueError
from betting_ai.features.facts import MISSING, Bools, Floats, Ints
from betting_ai.ports.feeds import Parsed

TOURS: Final = ("ATP", "WTA")

CLOCK: Final = Clock(ZoneInfo("UTC"), start=12, over=23)
"""Dates are those of the place; within a tournament one day is over before the next begins."""

_UNDATED: Final = Clock(ZoneInfo("UTC"), start=12, over=23 + 14 * 24)
"""Files before 2003 give the first day of the tournament, and the longest last two weeks."""

_FIRST_DATED: Final = 2003

_ENDINGS: Final = {
    "completed": Ended.FINISHED,
    "retired": Ended.RETIRED,
    "rrtired": Ended.RETIRED,
    "disqualified": Ended.RETIRED,
    "walkover": Ended.WALKOVER,
    "walkoer": Ended.WALKOVER,
    "awarded": Ended.WALKOVER,
    "cancelled": Ended.WALKOVER,
}

_SAME_BOOK: Final = {"Max": MARKET_MAXIMUM, "Avg": MARKET_AVERAGE, "B&W": "BW"}

_SAME_PLAYER: Final = {
    "van Lottum J.": "Van Lottum J.", "di Pasquale A.": "Di Pasquale A.",
    "de Chaunac S.": "De Chaunac S.", "de Voest R.": "De Voest R.", "di Mauro A.": "Di Mauro A.",
    "Ramirez Hidalgo R.": "Ramirez-Hidalgo R.", "Al-Ghareeb M.": "Al Ghareeb M.",
    "Dev Varman S.": "Devvarman S.", "McClune M.": "Mcclune M.", "McNally C.": "Mcnally C.",
    "Munoz de la Nava D.": "Munoz-De La Nava D.", "Munoz de La Nava D.": "Munoz-De La Nava D.",
    "Munoz De La Nava D.": "Munoz-De La Nava D.", "Van der Merwe I.": "Van Der Merwe I.",
    "De Heart R.": "Deheart R.", "Del Bonis F.": "Delbonis F.",
    "Granollers Pujol G.": "Granollers-Pujol G.", "Carreno-Busta P.": "Carreno Busta P.",
    "Stebe C-M.": "Stebe C.M.", "Struff J-L.": "Struff J.L.", "Herbert P-H.": "Herbert P.H.",
    "Herbert P.H": "Herbert P.H.", "O'Connell C.": "O Connell C.", "Zhang Ze": "Zhang Ze.",
    "Hernandez-Fernandez J": "Hernandez-Fernandez J.", "Marin J.A": "Marin J.A.",
    "Kim K": "Kim K.", "Wang Y.Jr": "Wang Y.Jr.", "Aragone JC": "Aragone J.C.",
    "Soler Espinosa S.": "Soler-Espinosa S.", "Xu Y-F.": "Xu Y.F.",
    "Duque Marino M.": "Duque-Marino M.", "Badosa Gibert.P.": "Badosa Gibert P.",
    "Jani R-L.": "Jani R.L.", "Pous-T L.": "Pous-T.L.", "Zhang K-L.": "Zhang K.L.",
    "Han N-L.": "Han N.L.", "Lee Y-H.": "Lee Y.H.", "Ruse E-G.": "Ruse E.G.",
    "Lu Jing-Jing": "Lu Jing Jing", "Lu Jia-Jing": "Lu Jia Jing", "Choi J-H.": "Choi J.H.",
}  # fmt: skip
"""Second spellings within the site's own files, and the usual ones."""

_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?: 00:00:00)?")
_AMERICAN = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})")


def parse_tennis_file(content: bytes, *, league: str, season: int, name: str) -> Parsed:
    """The facts of one tour's year.

    Args:
        content: the file's bytes; dates are ISO or, as the site's spreadsheets come out in America,
            ``m/d/yy``.
        league: ``"ATP"`` or ``"WTA"``.
        season: the year.
        name: the file's name, for errors and the report.

    Raises:
        NotTabularError: the bytes are not a file of matches.
        UnknownLeagueError: no such tour.
    """
    if league not in TOURS:
        raise UnknownLeagueError(f"no tour {league!r}; there are {' and '.join(TOURS)}")
    began = perf_counter()
    table = read_table(content, name=name, required=(("Date",), ("Winner",), ("Loser",)))
    sieve = Sieve(table.rows)
    winner, loser = (table.text(side) for side in ("Winner", "Loser"))
    sieve.refuse(table.truncated, "truncated_row")
    sieve.refuse(table.unreadable, "unreadable_row")
    named = [bool(one and other) for one, other in zip(winner, loser, strict=True)]
    sieve.refuse(~np.array(named, np.bool_), "team_missing")
    day = np.array([_day(text) for text in table.text("Date")], dtype=np.int64)
    first, last = (days_since_epoch(end) for end in SPORTS[TENNIS].season_days(season))
    # The file of a year ends with it; the first tournament of the next may lie in both.
    outside = (day < first) | (day > last + 7)
    sieve.refuse((day != NO_DAY) & outside, "date_outside_season")
    winner, loser = ([_player(text) for text in side] for side in (winner, loser))
    sides = [named_sides(*pair) for pair in zip(winner, loser, strict=True)]
    home_won = np.array([home == one for (home, _), one in zip(sides, winner, strict=True)])
    ending, known = _endings(table)
    sieve.refuse(~known, "ending_unknown")
    score, contradicted = _score(table, home_won, ending)
    renamed = _changed(table.raw("Winner"), winner) | _changed(table.raw("Loser"), loser)
    contests = Contests(
        league=league,
        season=np.full(table.rows, season, dtype=np.int64),
        day=day,
        home=[home for home, _ in sides],
        away=[away for _, away in sides],
        score=score,
        ending=ending,
        prices=_prices(table, home_won),
        sieve=sieve,
        repaired={"team_name": renamed, "result_contradicts_sets": contradicted},
    )
    return contest_facts(contests, CLOCK if season >= _FIRST_DATED else _UNDATED, name, began)


def _player(text: str) -> str:
    """A name without stray spaces and dots, in its usual spelling."""
    tidy = re.sub(r"\.{2,}", ".", re.sub(r"\.\s+(?=[A-Z]\.?)", ".", " ".join(text.split())))
    return _SAME_PLAYER.get(tidy, tidy)


def _day(text: str) -> int:
    if found := _ISO.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _AMERICAN.fullmatch(text):
        month, day, year = map(int, found.groups())
        year += 2000 if len(found[3]) == 2 else 0
    else:
        return NO_DAY
    try:
        return days_since_epoch(date(year, month, day))
    except ValueError:
        return NO_DAY


def _endings(table: Table) -> tuple[Ints, Bools]:
    """How each match ended, and whether the comment says so at all."""
    found = [_ENDINGS.get(text.lower()) for text in table.text("Comment")]
    known = np.array([one is not None for one in found], dtype=np.bool_)
    return np.array([one or Ended.FINISHED for one in found], dtype=np.int64), known


def _score(table: Table, home_won: Bools, ending: Ints) -> tuple[Ints, Bools]:
    """Sets of home and away, and which finished matches have sets that cannot be."""
    won, lost = (table.numbers(name) for name in ("Wsets", "Lsets"))
    possible = (won > lost) & (lost >= 0) & (won <= 3)  # an empty cell is NaN, and nothing is so
    finished = ending == Ended.FINISHED
    counts = (finished & possible)[:, None]
    sets = np.where(counts, np.column_stack([won, lost]), MISSING).astype(np.int64)
    sided: Ints = np.where(home_won[:, None], sets, sets[:, ::-1])
    return sided, finished & ~possible


def _prices(table: Table, home_won: Bools) -> dict[str, Floats]:
    """Every book's prices of home and away; a book is whoever has a column for either side."""
    names = set(table.header)
    found = {}
    for column in table.header:
        book = column[:-1]
        if column.endswith("W") and book and f"{book}L" in names:
            of_winner, of_loser = table.numbers(column), table.numbers(f"{book}L")
            home = np.where(home_won, of_winner, of_loser)
            away = np.where(home_won, of_loser, of_winner)
            found[_SAME_BOOK.get(book, book)] = np.column_stack([home, away])
    return found


def _changed(given: tuple[str, ...], tidy: list[str]) -> Bools:
    return np.array([one != other for one, other in zip(given, tidy, strict=True)], np.bool_)
