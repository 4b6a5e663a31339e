"""A folder of the site's files, as a history for training and as a feed."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from betting_ai.adapters.feeds.football_data.columns import AWAY, DATE, HOME
from betting_ai.adapters.feeds.football_data.parser import parse_season_file
from betting_ai.adapters.feeds.football_data.seasons import is_season_code, season_year
from betting_ai.adapters.feeds.football_data.table import NO_VALUE, read_table
from betting_ai.domain.leagues import LEAGUES
from betting_ai.errors import NothingToDoError, NotTabularError
from betting_ai.features.facts import Facts, merge
from betting_ai.ports.feeds import CleaningReport

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeasonFile:
    """One division's season on disk."""

    path: Path
    league: str
    season: int

    @property
    def name(self) -> str:
        """As a person would name it: ``"2425/E0.csv"``."""
        return f"{self.path.parent.name}/{self.path.name}"


@dataclass(frozen=True)
class FolderContents:
    """What a folder's files gave.

    Attributes:
        facts: of all usable files.
        reports: one per usable file.
        unusable: why the other files could not be used, one line each.
    """

    facts: Facts
    reports: tuple[CleaningReport, ...]
    unusable: tuple[str, ...]


@dataclass(frozen=True)
class SeasonFolder:
    """Season files under a folder: ``<season>/<DIV>.csv``, or one season's files directly.

    Attributes:
        path: the folder.
    """

    path: Path

    def files(
        self, seasons: Collection[int] | None = None, leagues: Collection[str] | None = None
    ) -> list[SeasonFile]:
        """The season files of the asked seasons and leagues (None for all), in order.

        Raises:
            NothingToDoError: the folder has none.
        """
        found = [
            file
            for file in self._all()
            if (seasons is None or file.season in seasons)
            and (leagues is None or file.league in leagues)
        ]
        if not found:
            raise NothingToDoError(
                f"{self.path} holds no season files of what was asked; "
                "expected <season>/<division>.csv, such as 2425/E0.csv"
            )
        return sorted(found, key=lambda file: (file.season, list(LEAGUES).index(file.league)))

    def read(
        self, seasons: Collection[int] | None = None, leagues: Collection[str] | None = None
    ) -> FolderContents:
        """Facts and reports of the asked season files; a file that is no table is left out.

        Raises:
            NothingToDoError: the folder has none of what was asked.
            NotTabularError: not one of the files can be used.
        """
        parts, reports, unusable = [], [], []
        for file in self.files(seasons, leagues):
            try:
                parsed = parse_season_file(
                    file.path.read_bytes(), league=file.league, season=file.season, name=file.name
                )
            except NotTabularError as error:
                unusable.append(str(error))
                continue
            parts.append(parsed.facts)
            reports.append(parsed.report)
        if not parts:
            raise NotTabularError(unusable[0])
        return FolderContents(merge(parts), tuple(reports), tuple(unusable))

    def load(
        self, seasons: Collection[int] | None = None, leagues: Collection[str] | None = None
    ) -> Facts:
        """The facts alone; files that cannot be used are logged as warnings.

        Raises:
            NothingToDoError: the folder has none of what was asked.
            NotTabularError: not one of the files can be used.
        """
        contents = self.read(seasons, leagues)
        for line in contents.unusable:
            _log.warning("left out: %s", line)
        return contents.facts

    def _all(self) -> Iterator[SeasonFile]:
        for league, path in _divisions(self.path):
            season = _season_of(path)
            if season is not None:
                yield SeasonFile(path, league, season)
        for folder in sorted(self.path.iterdir()) if self.path.is_dir() else ():
            if folder.is_dir() and is_season_code(folder.name):
                for league, path in _divisions(folder):
                    yield SeasonFile(path, league, season_year(folder.name))


def _divisions(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.glob("*.csv")):
        if path.stem in LEAGUES:
            yield path.stem, path


def _season_of(path: Path) -> int | None:
    """The season of a file that no folder names: the one its middle match lies in."""
    if is_season_code(path.parent.name):
        return season_year(path.parent.name)
    try:
        table = read_table(path.read_bytes(), name=path.name, required=(DATE, HOME, AWAY))
    except NotTabularError:
        return None
    days = np.sort(table.days(*DATE))
    days = days[days != NO_VALUE]
    if not len(days):
        return None
    middle = days[len(days) // 2].astype("datetime64[D]").item()
    return int(middle.year if middle.month >= 7 else middle.year - 1)
