"""Bring in what a day's question needs of a feed, and no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from betting_ai.domain.leagues import LEAGUES, SEASON_FILE_LEAGUES
from betting_ai.domain.markets import winner_market
from betting_ai.domain.sports import FOOTBALL, SPORTS, leagues_of, sport_of
from betting_ai.errors import FeedError, InvalidInputError, NoModelBeforeError
from betting_ai.features.checkpoint import Checkpoint
from betting_ai.features.history import summarise
from betting_ai.models.manifest import Manifest
from betting_ai.models.registry import Registry
from betting_ai.ports.feeds import FeedRequest, Fetched, Payload
from betting_ai.ports.repositories import FactsQuery, IngestEntry
from betting_ai.ports.unit_of_work import UnitOfWorkFactory
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.ingest_raw import REFUSED, IngestCommand, IngestRaw, Progress
from betting_ai.usecases.select_top3 import SNAPSHOT_AGE

Fetch = Callable[[FeedRequest], Fetched]
"""How a feed is asked."""


@dataclass(frozen=True)
class PrepareDataCommand:
    """What is needed.

    Attributes:
        fetch: asks the feed.
        window: the question.
        coming: payloads of coming matches, already fetched; for a question about now.
    """

    fetch: Fetch
    window: Window
    coming: tuple[Payload, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """What was found.

    Attributes:
        warnings: what could not be used, one line each.
    """

    warnings: tuple[str, ...]


@dataclass(frozen=True)
class PrepareData:
    """The use case: ingests the season files that the model for the day has not seen.

    A model brings its past along as a checkpoint, so only seasons after it are needed. Where the
    checkpoint does not fit what is stored, or the model has seen the day, every season is.
    """

    units: UnitOfWorkFactory
    ingest: IngestRaw
    registry: Registry

    def __call__(self, command: PrepareDataCommand, progress: Progress | None = None) -> Prepared:
        """Fetch and ingest.

        Raises:
            NoModelBeforeError: every model has seen the day.
            InvalidInputError: the day lies before all data.
            FeedError: the feed cannot be had, or not one of its files can be used.
            NothingToDoError: the feed has none of the files.
        """
        window = command.window
        models = self._models(window)
        manifest, in_sample = models[0]
        sport = SPORTS[sport_of(window.leagues)]
        last = sport.season_of((window.as_of + timedelta(hours=window.hours)).date())
        first = _first_season(self.registry.checkpoint(manifest))
        begins, _ = sport.season_days(first)
        if window.as_of.date() < begins:
            raise InvalidInputError(f"there is no data before {begins}; ask for a later day")
        its = SEASON_FILE_LEAGUES if sport.code == FOOTBALL else leagues_of(sport.code)
        everything = _request((*its, *window.leagues), first, last)
        if in_sample:
            return self._read(command, everything, progress)
        since = sport.season_of(manifest.trained_through + timedelta(days=1))
        leagues = window.leagues or its
        prepared = self._read(command, _request(leagues, since, last), progress)
        if not all(self._fits(model, window) for model, _ in models):
            return self._read(command, everything, progress)
        return prepared

    def _models(self, window: Window) -> list[tuple[Manifest, bool]]:
        """Those that may answer, oldest first; one for prices a little older than the question."""
        choose = self.registry.choose
        market = winner_market(sport_of(window.leagues)).name
        now = choose(market, window.channel, window.as_of, window.allow_in_sample)
        try:
            before = choose(market, window.channel, window.as_of - SNAPSHOT_AGE)
        except NoModelBeforeError:
            return [now]
        return [now] if before[0].version == now[0].version else [before, now]

    def _read(
        self, command: PrepareDataCommand, request: FeedRequest, progress: Progress | None
    ) -> Prepared:
        fetched = command.fetch(request)
        payloads = (*fetched.payloads, *command.coming)  # results first: they bring the teams
        result = self.ingest(IngestCommand(payloads), progress)
        refused = [str(entry.error) for entry in result.entries if entry.status == REFUSED]
        if payloads and len(refused) == len(payloads):
            raise FeedError(_in_short(refused))
        sport = SPORTS[sport_of(command.window.leagues)]
        absent = set(request.seasons or ()) - {payload.season for payload in payloads}
        if payloads and all(payload.season is None for payload in payloads):
            absent = set()  # archives of all seasons
        now = sport.season_of(command.window.as_of.date())
        begun = sorted(season for season in absent if season < now)
        gaps = [f"no files of season {sport.season_name(season)}" for season in begun]
        told = (refused, fetched.failed, gaps, *_losses(result.entries))
        return Prepared(tuple(_in_short(warnings) for warnings in told if warnings))

    def _fits(self, manifest: Manifest, window: Window) -> bool:
        """Whether the model's checkpoint may stand in for the stored past that it covers."""
        checkpoint = self.registry.checkpoint(manifest)
        through = date(1970, 1, 1) + timedelta(days=checkpoint.through)
        with self.units() as unit:
            if checkpoint.vouches_for(unit.facts.seasons(through)):
                return True
            until = window.as_of + timedelta(hours=window.hours)
            stored = unit.facts.load(FactsQuery(window.as_of, kickoff_before=until))
        as_of, spec = int(window.as_of.timestamp()), manifest.spec
        return checkpoint.serves(as_of, spec, summarise(stored, as_of, spec))


def _losses(entries: Sequence[IngestEntry]) -> tuple[list[str], list[str]]:
    """What files that could be used lost on the way: rows, and facts stored otherwise before."""
    rows, differing = [], []
    for entry in entries:
        reasons = {why: n for why, n in entry.rows_refused.items() if why != STALE_ROW}
        if reasons:
            told = ", ".join(f"{why.replace('_', ' ')} {n}" for why, n in reasons.items())
            lost = f"{sum(reasons.values())} of {entry.rows_read} rows refused"
            rows.append(f"{entry.name}: {lost} ({told})")
        if entry.stored.conflicting:
            differing.append(
                f"{entry.name}: {entry.stored.conflicting} facts differ from what is stored, "
                "which stays; `settle` goes by the last word on a result"
            )
    return rows, differing


STALE_ROW: Final = "stale_row"
"""Past matches that a fixtures file still lists are no loss."""


def _first_season(checkpoint: Checkpoint) -> int:
    return min(int(name.partition("/")[2]) for name in checkpoint.digests)


def _request(leagues: tuple[str, ...], first: int, last: int) -> FeedRequest:
    """The files of some leagues and of those that their teams come from."""
    countries = {LEAGUES[code].country for code in leagues}
    return FeedRequest(
        leagues=tuple(code for code, league in LEAGUES.items() if league.country in countries),
        seasons=tuple(range(first, last + 1)),
        extra=any(code not in SEASON_FILE_LEAGUES for code in leagues),
    )


def _in_short(lines: list[str] | tuple[str, ...]) -> str:
    """The first line, and how many more there are."""
    more = len(lines) - 1
    return lines[0] if not more else f"{lines[0]} (and {more} more like it)"
