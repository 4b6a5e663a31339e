"""A folder of two-way sports' files, as a history for training and as a feed.

Tennis lies as ``atp/<year>.csv`` and ``wta/<year>.csv``, the NBA archive as ``nba_<years>.csv``, at
any depth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from betting_ai.adapters.feeds.football_data.folder import FolderContents, SeasonFile
from betting_ai.adapters.feeds.football_data.normaliser import FootballDataNormaliser
from betting_ai.adapters.feeds.football_data.table import read_table
from betting_ai.adapters.feeds.nba_archive import parse_nba_archive
from betting_ai.adapters.feeds.tennis_data import TOURS, parse_tennis_file
from betting_ai.clock import Clock
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.sports import FOOTBALL, TENNIS, leagues_of
from betting_ai.errors import FeedError, NothingToDoError, NotTabularError
from betting_ai.features.facts import merge
from betting_ai.ports.feeds import (
    Feed,
    FeedRequest,
    Fetched,
    NameResolver,
    Parsed,
    Payload,
    PayloadKind,
)

_NBA: Final = "NBA"
_SOURCES: Final = {"ATP": "tennis_data", "WTA": "tennis_data", _NBA: "nba_archive"}


@dataclass(frozen=True)
class ContestFolder:
    """One sport's files under a folder.

    Attributes:
        path: the folder.
        sport: which of the two-way sports.
    """

    path: Path
    sport: str

    def find(
        self, seasons: Collection[int] | None = None, leagues: Collection[str] | None = None
    ) -> list[SeasonFile]:
        """The files of the asked seasons and leagues (None for all), in order.

        A file of many seasons is there once for each of them.
        """
        found = (
            file
            for file in (_tennis(self.path) if self.sport == TENNIS else _nba(self.path))
            if (seasons is None or file.season in seasons)
            and (leagues is None or file.league in leagues)
        )
        return sorted(found, key=lambda file: (file.season, file.league, file.path))

    def read(
        self,
        seasons: Collection[int] | None = None,
        leagues: Collection[str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> FolderContents:
        """Facts and reports of the asked seasons; a file that is no table is left out.

        Args:
            seasons: None for all.
            leagues: None for all.
            progress: told after each file how many are done, of how many.

        Raises:
            NothingToDoError: the folder has none of what was asked.
            NotTabularError: not one of the files can be used.
        """
        files = self.find(seasons, leagues)
        if not files:
            raise _nothing_in(self.path)
        wanted: dict[Path, list[SeasonFile]] = {}
        for file in files:
            wanted.setdefault(file.path, []).append(file)
        parts, reports, unusable = [], [], []
        payloads: dict[str, str] = {}
        for done, (path, its) in enumerate(wanted.items(), start=1):
            content = path.read_bytes()
            try:
                parsed = parse(content, its[0].league, its[0].season, its[0].name)
            except NotTabularError as error:
                unusable.append(str(error))
            else:
                asked = np.isin(parsed.facts.season, [file.season for file in its])
                parts.append(parsed.facts.where(asked))
                reports.append(parsed.report)
                digest = hashlib.sha256(content).hexdigest()
                payloads |= {f"{file.league}/{file.season}": digest for file in its}
            if progress:
                progress(done, len(wanted))
        if not parts:
            raise NotTabularError(unusable[0])
        return FolderContents(merge(parts), tuple(reports), tuple(unusable), payloads)


def parse(content: bytes, league: str, season: int, name: str) -> Parsed:
    """The facts of one file.

    Args:
        content: the file's bytes.
        league: league code.
        season: of a file of one season.
        name: the file's name.

    Raises:
        NotTabularError: the bytes are not a file of matches.
    """
    if league in TOURS:
        return parse_tennis_file(content, league=league, season=season, name=name)
    return parse_nba_archive(content, name=name)


class FolderFeeds:
    """All sports' files in a folder, as one feed."""

    name = "folder"

    def __init__(self, path: Path, clock: Clock, football: Feed) -> None:
        self._path = path
        self._clock = clock
        self._football = football

    def fetch(self, request: FeedRequest) -> Fetched:
        """The folder's files among those asked for.

        Raises:
            UnknownLeagueError: a league code that no feed has.
            NothingToDoError: the folder has none of them.
        """
        asked = request.leagues
        contests = [
            payload
            for sport in sorted({LEAGUES[code].sport for code in _SOURCES})
            for payload in self._contests(sport, request)
        ]
        others = None if asked is None else tuple(code for code in asked if code not in _SOURCES)
        if contests and asked and not others:
            return Fetched(tuple(contests))
        try:
            found = self._football.fetch(replace(request, leagues=others))
        except NothingToDoError:
            if not contests:
                raise
            return Fetched(tuple(contests))
        return replace(found, payloads=(*found.payloads, *contests))

    def _contests(self, sport: str, request: FeedRequest) -> Iterator[Payload]:
        leagues = leagues_of(sport)
        if request.leagues is not None:
            leagues = tuple(code for code in leagues if code in request.leagues)
        files = ContestFolder(self._path, sport).find(request.seasons, leagues)
        for path, file in {file.path: file for file in files}.items():
            of_one_season = file.league in TOURS
            yield Payload(
                source=_SOURCES[file.league],
                name=file.name,
                kind=PayloadKind.SEASON if of_one_season else PayloadKind.EXTRA,
                content=path.read_bytes(),
                received_at=self._clock.now(),
                league=file.league,
                season=file.season if of_one_season else None,
            )


class SportsNormaliser:
    """Reads the files of all sports."""

    def __init__(self) -> None:
        self._football = FootballDataNormaliser()

    def parse(self, payload: Payload, resolve: NameResolver) -> Parsed:
        """The payload's facts; rows with a name that ``resolve`` doubts are refused and counted.

        Raises:
            NotTabularError: the bytes are not a file of matches.
            FeedError: the payload does not say which league or season it holds.
        """
        league = payload.league
        if league is None or LEAGUES[league].sport == FOOTBALL:
            return self._football.parse(payload, resolve)
        if payload.season is None and payload.kind is PayloadKind.SEASON:
            raise FeedError(f"{payload.name} does not say which season it holds")
        return parse(payload.content, league, payload.season or 0, payload.name)


def _tennis(folder: Path) -> Iterator[SeasonFile]:
    for tour in TOURS:
        for path in sorted(folder.glob(f"**/{tour.lower()}/*.csv")):
            if path.stem.isdecimal():
                yield SeasonFile(path, tour, int(path.stem))


def _nba(folder: Path) -> Iterator[SeasonFile]:
    for path in sorted(folder.glob("**/nba_*.csv")):
        try:
            table = read_table(path.read_bytes(), name=path.name, required=(("season",),))
        except NotTabularError:
            continue
        ended = table.numbers("season")
        for season in np.unique(ended[np.isfinite(ended)]).tolist():
            yield SeasonFile(path, _NBA, int(season) - 1)


def _nothing_in(path: Path) -> NothingToDoError:
    return NothingToDoError(
        f"{path} holds no files of what was asked; expected atp/<year>.csv, wta/<year>.csv or "
        "nba_<years>.csv"
    )
