"""A folder of the site's files, as a history for training and as a feed."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

import numpy as np

from betting_ai.adapters.feeds.football_data.columns import AWAY, DATE, HOME
from betting_ai.adapters.feeds.football_data.extra import COUNTRY_CODES
from betting_ai.adapters.feeds.football_data.parser import parse_season_file
from betting_ai.adapters.feeds.football_data.seasons import is_season_code, season_of, season_year
from betting_ai.adapters.feeds.football_data.stamps import UK
from betting_ai.adapters.feeds.football_data.table import NO_VALUE, read_table
from betting_ai.clock import Clock
from betting_ai.domain.leagues import LEAGUES, find_league
from betting_ai.errors import NothingToDoError, NotTabularError
from betting_ai.features.facts import Facts, merge
from betting_ai.ports.feeds import CleaningReport, FeedRequest, Fetched, Payload, PayloadKind

_log = logging.getLogger(__name__)
_SNAPSHOT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}$")
_COLLECTED: Final = time(15)


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
        payloads: ``"E0/2024"`` -> SHA-256 of the usable file it was read from.
    """

    facts: Facts
    reports: tuple[CleaningReport, ...]
    unusable: tuple[str, ...]
    payloads: dict[str, str]


@dataclass(frozen=True)
class SeasonFolder:
    """Season files under a folder: ``<season>/<DIV>.csv``, or one season's files directly.

    Attributes:
        path: the folder.
    """

    path: Path

    def find(
        self, seasons: Collection[int] | None = None, leagues: Collection[str] | None = None
    ) -> list[SeasonFile]:
        """The season files of the asked seasons and leagues (None for all), in order."""
        found = [
            file
            for file in self._all()
            if (seasons is None or file.season in seasons)
            and (leagues is None or file.league in leagues)
        ]
        order = {code: i for i, code in enumerate(LEAGUES)}
        return sorted(found, key=lambda file: (file.season, order[file.league]))

    def read(
        self,
        seasons: Collection[int] | None = None,
        leagues: Collection[str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> FolderContents:
        """Facts and reports of the asked season files; a file that is no table is left out.

        Args:
            seasons: None for all.
            leagues: None for all.
            progress: told after each file how many are done, of how many.

        Raises:
            NothingToDoError: the folder has none of what was asked.
            NotTabularError: not one of the files can be used.
        """
        parts, reports, unusable, payloads = [], [], [], {}
        files = self.find(seasons, leagues)
        if not files:
            raise _nothing_in(self.path)
        for done, file in enumerate(files, start=1):
            content = file.path.read_bytes()
            try:
                parsed = parse_season_file(
                    content, league=file.league, season=file.season, name=file.name
                )
            except NotTabularError as error:
                unusable.append(str(error))
            else:
                parts.append(parsed.facts)
                reports.append(parsed.report)
                payloads[f"{file.league}/{file.season}"] = hashlib.sha256(content).hexdigest()
            if progress:
                progress(done, len(files))
        if not parts:
            raise NotTabularError(unusable[0])
        return FolderContents(merge(parts), tuple(reports), tuple(unusable), payloads)

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
    middle: date = days[len(days) // 2].astype("datetime64[D]").item()
    return season_of(middle)


class FolderFeed:
    """The site's files in a folder as a feed.

    Season files as in `SeasonFolder`; the countries' files under ``extra/`` or ``new/``; coming
    matches as ``fixtures.csv``, ``new_league_fixtures.csv`` and snapshots under ``fixtures/``. A
    snapshot named for a day, ``2024-03-05.csv``, was taken at 15:00 UK time on that day.
    """

    name = "football_data"

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    def fetch(self, request: FeedRequest) -> Fetched:
        """The folder's files among those asked for.

        Raises:
            UnknownLeagueError: a league code that no feed has.
            NothingToDoError: the folder has none of them.
        """
        for code in request.leagues or ():
            find_league(code)
        payloads = [
            self._payload(
                file.path, file.name, PayloadKind.SEASON, league=file.league, season=file.season
            )
            for file in SeasonFolder(self._path).find(request.seasons, request.leagues)
        ]
        if request.extra:
            payloads += self._extra(request.leagues)
        if request.fixtures:
            payloads += self._fixtures()
        if not payloads:
            raise _nothing_in(self._path)
        return Fetched(tuple(payloads))

    def _extra(self, leagues: Collection[str] | None) -> Iterator[Payload]:
        for folder in ("extra", "new"):
            for path in sorted((self._path / folder).glob("*.csv")):
                code = path.stem
                if code in COUNTRY_CODES.values() and (leagues is None or code in leagues):
                    name = f"{folder}/{path.name}"
                    yield self._payload(path, name, PayloadKind.EXTRA, league=code)

    def _fixtures(self) -> Iterator[Payload]:
        for name in ("fixtures.csv", "new_league_fixtures.csv"):
            if (self._path / name).is_file():
                yield self._payload(self._path / name, name, PayloadKind.FIXTURES)
        for path in sorted((self._path / "fixtures").glob("*.csv")):
            name, taken = f"fixtures/{path.name}", _snapshot_time(path.stem)
            yield self._payload(path, name, PayloadKind.FIXTURES, snapshot_at=taken)

    def _payload(
        self,
        path: Path,
        name: str,
        kind: PayloadKind,
        *,
        league: str | None = None,
        season: int | None = None,
        snapshot_at: datetime | None = None,
    ) -> Payload:
        return Payload(
            source=self.name,
            name=name,
            kind=kind,
            content=path.read_bytes(),
            received_at=self._clock.now(),
            league=league,
            season=season,
            snapshot_at=snapshot_at,
        )


def _snapshot_time(stem: str) -> datetime | None:
    found = _SNAPSHOT.search(stem)
    if not found:
        return None
    try:
        day = date.fromisoformat(found[0])
    except ValueError:
        return None
    return datetime.combine(day, _COLLECTED, UK).astimezone(UTC)


def _nothing_in(path: Path) -> NothingToDoError:
    return NothingToDoError(
        f"{path} holds no files of what was asked; expected <season>/<division>.csv, "
        "such as 2425/E0.csv"
    )
