"""Season files as commands read them: what could not be read, and what is not there, is said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from betting_ai.domain.leagues import LEAGUES, SEASON_FILE_LEAGUES
from betting_ai.domain.sports import FOOTBALL, SPORTS, Sport, sport_of
from betting_ai.errors import InvalidInputError, NothingToDoError

if TYPE_CHECKING:
    from betting_ai.adapters.feeds.football_data.folder import FolderContents
    from betting_ai.bootstrap import App
    from betting_ai.cli.context import Voice

_MOST_NAMED: Final = 5
_EXPECTED: Final = {
    "football": "<season>/<division>.csv, such as 2425/E0.csv",
    "tennis": "<tour>/<year>.csv, such as atp/2024.csv",
    "basketball": "nba_2008-2023.csv",
}


def with_opening_prices(leagues: Collection[str]) -> None:
    """Refuse leagues that nothing can be judged in before kick-off.

    Raises:
        InvalidInputError: one of them has closing prices only.
    """
    closing_only = [
        code
        for code in leagues
        if LEAGUES[code].sport == FOOTBALL and code not in SEASON_FILE_LEAGUES
    ]
    if closing_only:
        raise InvalidInputError(
            f"--leagues {', '.join(closing_only)}: the extra leagues have closing prices only, so "
            f"no bet in them can be judged; there are {', '.join(SEASON_FILE_LEAGUES)}"
        )


def covered(
    app: App, folder: Path, first: date, last: date, leagues: Collection[str], voice: Voice
) -> None:
    """Say which seasons of a range of days have no file.

    Args:
        app: reads folders.
        folder: of season files.
        first: first day.
        last: last day.
        leagues: of one sport; empty for all of football.
        voice: says it.

    Raises:
        NothingToDoError: not one of them has.
    """
    sport = SPORTS[sport_of(leagues)]
    present = app.seasons_in(folder, leagues)
    asked = range(sport.season_of(first), sport.season_of(last) + 1)
    absent = [season for season in asked if season not in present]
    if not present:
        raise NothingToDoError(
            f"{folder} holds no season files of what was asked; expected {_EXPECTED[sport.code]}"
        )
    if len(absent) == len(asked):
        raise NothingToDoError(
            f"no season file covers {first} to {last}: {folder} has {seasons_told(present, sport)}"
        )
    if absent:
        voice.warn(f"no season files of {seasons_told(absent, sport)}: nothing of them is counted")


def read_seasons(
    app: App,
    folder: Path,
    voice: Voice,
    progress: Callable[[int, int], None],
    since: int | None = None,
    until: int | None = None,
    sport: str = FOOTBALL,
) -> FolderContents:
    """The matches of a sport in some seasons (both included); what could not be read is said.

    Raises:
        NothingToDoError: the folder has none of them.
        NotTabularError: not one of the files can be read.
    """
    contents = app.matches_in(folder, since, until, progress, sport)
    if contents.unusable:
        voice.warn(f"{_count(contents.unusable, 'file')} unreadable: {_told(contents.unusable)}")
    refused = [report for report in contents.reports if report.rows_refused or not report.rows_read]
    if refused:
        told = [
            f"{report.name} {sum(report.rows_refused.values())} of {report.rows_read} ("
            + (", ".join(f"{n} {why.replace('_', ' ')}" for why, n in report.rows_refused.items()))
            + ")"
            if report.rows_read
            else f"{report.name} holds no match"
            for report in refused
        ]
        voice.warn(f"{_count(refused, 'file')} with rows left out: {_told(told)}")
    return contents


def seasons_told(seasons: Sequence[int], sport: Sport) -> str:
    """``[2019, 2020, 2021, 2024]`` -> ``"2019-20 to 2021-22, 2024-25"``."""
    runs: list[list[int]] = []
    for season in sorted(seasons):
        if runs and season == runs[-1][-1] + 1:
            runs[-1].append(season)
        else:
            runs.append([season])
    return ", ".join(
        " to ".join(dict.fromkeys(sport.season_name(run[k]) for k in (0, -1))) for run in runs
    )


def _count(things: Sequence[object], what: str) -> str:
    return f"{len(things)} {what}{'s' if len(things) > 1 else ''}"


def _told(lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - _MOST_NAMED} more"] if len(lines) > _MOST_NAMED else []
    return "; ".join([*lines[:_MOST_NAMED], *more])
