"""Real matches that ship inside the ``sports-betting`` package: England and Spain, 2023-24.

The package is found, never imported: importing it would need its own dependencies. Its tables are
turned into season files of the usual form, so that one parser reads everything.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from betting_ai.clock import Clock
from betting_ai.domain.leagues import find_league
from betting_ai.errors import FeedError, NothingToDoError
from betting_ai.ports.feeds import FeedRequest, Fetched, Payload, PayloadKind

SEASON: Final = 2023
_FILES: Final = {"E0": "England_1_2024", "SP1": "Spain_1_2024"}
_UK: Final = ZoneInfo("Europe/London")
_PREFIX: Final = {"market_average": "Avg", "market_maximum": "Max"}
_PRICES: Final = {
    "home_win": "H", "draw": "D", "away_win": "A", "over_2.5": ">2.5", "under_2.5": "<2.5",
}  # fmt: skip
_HEADER: Final = (
    "Div", "Date", "Time", "HomeTeam", "AwayTeam", "FTHG", "FTAG", "HTHG", "HTAG",
    *(prefix + price for prefix in _PREFIX.values() for price in _PRICES.values()),
)  # fmt: skip
_GOALS: Final = {"postplay": ("FTHG", "FTAG"), "inplay": ("HTHG", "HTAG")}

_Row = dict[str, str]
_Key = tuple[str, str, str]


class SampleFeed:
    """The sample as a feed of two season files."""

    name = "sample"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def fetch(self, request: FeedRequest) -> Fetched:
        """The sample's season files among those asked for.

        Raises:
            NothingToDoError: neither league, or another season.
            FeedError: the package is not installed.
        """
        for code in request.leagues or ():
            find_league(code)
        leagues = [code for code in _FILES if request.leagues is None or code in request.leagues]
        if not leagues or (request.seasons is not None and SEASON not in request.seasons):
            raise NothingToDoError("the sample holds E0 and SP1 of 2023-24 and nothing else")
        data = _data_folder()
        now = self._clock.now()
        return Fetched(
            tuple(
                Payload(
                    source=self.name,
                    name=f"{league}.csv",
                    kind=PayloadKind.SEASON,
                    content=_season_file(data, league),
                    received_at=now,
                    league=league,
                    season=SEASON,
                )
                for league in leagues
            )
        )


def _data_folder() -> Path:
    spec = find_spec("sportsbet")
    if spec is None or not spec.submodule_search_locations:
        raise FeedError("the sample needs the package sports-betting; install it")
    return Path(spec.submodule_search_locations[0]) / "sources" / "data"


def _season_file(data: Path, league: str) -> bytes:
    matches: dict[_Key, _Row] = {}
    for kind in ("stats", "odds"):
        for row in _rows(data / f"{_FILES[league]}_{kind}.csv.gz"):
            key = (row["date"], row["home_team"], row["away_team"])
            match = matches.setdefault(key, _identity(league, *key))
            match.update(_goals(row) if kind == "stats" else _prices(row))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, _HEADER, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(matches[key] for key in sorted(matches))
    return out.getvalue().encode()


def _rows(path: Path) -> Iterator[_Row]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _identity(league: str, instant: str, home: str, away: str) -> _Row:
    kickoff = datetime.fromisoformat(instant).astimezone(_UK)
    date, time = f"{kickoff:%d/%m/%Y}", f"{kickoff:%H:%M}"
    return {"Div": league, "Date": date, "Time": time, "HomeTeam": home, "AwayTeam": away}


def _goals(row: _Row) -> _Row:
    columns = _GOALS.get(row["event_status"])
    if columns is None or not row["home_goals"]:
        return {}
    goals = (row["home_goals"], row["away_goals"])
    return {column: f"{float(count):.0f}" for column, count in zip(columns, goals, strict=True)}


def _prices(row: _Row) -> _Row:
    prefix = _PREFIX[row["provider"]]
    return {prefix + short: row[column] for column, short in _PRICES.items()}
