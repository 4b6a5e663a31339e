"""Puts a question's data in place: from a folder, the site, the database, or the sample."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from betting_ai.bootstrap import App, build
from betting_ai.cli.context import (
    MORNING,
    UK,
    Question,
    Voice,
    existing_folder,
    in_sample_offered,
)
from betting_ai.cli.ingest_view import Tally
from betting_ai.domain.sports import BASKETBALL, FOOTBALL, SPORTS, TENNIS, sport_of
from betting_ai.errors import FeedError, FeedOfflineError, InvalidInputError, NothingToDoError
from betting_ai.ports.feeds import FeedRequest, Payload
from betting_ai.ports.repositories import FactsQuery
from betting_ai.settings import Settings
from betting_ai.usecases.assess_events import Window, window_rows
from betting_ai.usecases.fetch_feeds import FetchFeeds
from betting_ai.usecases.ingest_raw import REFUSED, IngestCommand
from betting_ai.usecases.prepare_data import PrepareDataCommand
from betting_ai.usecases.select_top3 import SNAPSHOT_AGE

SAMPLE_DAY: Final = date(2023, 10, 8)
"""The day of the sample shown where there is nothing else: it has a pick even by `strict`."""

SAMPLE_DAYS: Final = (date(2023, 8, 11), date(2024, 5, 26))
_FOLDERS: Final = {
    FOOTBALL: "football_data",
    TENNIS: "tennis_data",
    BASKETBALL: "nba_archive",
}

SAMPLE_SOURCE: Final = "sample: sports-betting package, England and Spain 2023-24"


@dataclass(frozen=True)
class Day:
    """A question whose data is in place.

    Attributes:
        app: whose database holds it.
        window: what to assess.
        data_sources: where the facts came from, in words.
        live: it is about now, and a feed was just read.
    """

    app: App
    window: Window
    data_sources: tuple[str, ...]
    live: bool = False


@contextmanager
def prepared(question: Question, settings: Settings, voice: Voice) -> Iterator[Day]:
    """Bring in what the question needs, from the best place where it can be had.

    That is the folder where one is named; else the site; else, offline, what the database holds;
    else the sample.

    Raises:
        InvalidInputError: a day that cannot be asked about.
        NothingToDoError: no data for the day.
        DomainError: a model, a file or the database cannot be used.
    """
    with build(settings) as app, in_sample_offered():
        now = app.clock.now()
        if question.as_of and question.as_of > now:
            raise InvalidInputError(
                f"--as-of {question.as_of:%Y-%m-%d %H:%M} UTC lies in the future; it is "
                f"{now:%Y-%m-%d %H:%M} UTC"
            )
        window = Window(
            as_of=question.as_of or now,
            hours=question.hours,
            leagues=question.leagues,
            bookmakers=question.bookmakers,
            allow_in_sample=question.allow_in_sample,
            channel=settings.channel,
        )
        source = _Source(app, window, voice, live=question.as_of is None)
        yield source.folder(question.folder) if question.folder else source.best()


@dataclass(frozen=True)
class _Source:
    """Where the data of one question can come from."""

    app: App
    window: Window
    voice: Voice
    live: bool

    def folder(self, path: Path) -> Day:
        """From season files on disk, once it is clear that they cover the day."""
        seasons = self.app.seasons_in(existing_folder(path), self.window.leagues)
        if not seasons:
            raise NothingToDoError(
                f"{path} holds no season files of what was asked; expected <season>/<division>.csv,"
                " such as 2425/E0.csv"
            )
        sport = SPORTS[sport_of(self.window.leagues)]
        (first, _), (_, last) = sport.season_days(seasons[0]), sport.season_days(seasons[-1])
        covered = f"the season files in {path} cover {first} to {last}"
        day = self.window.as_of.date()
        if day < first:
            raise InvalidInputError(f"{day} is before the data: {covered}")
        prices, told = self._live_prices()
        coming = (*self._coming_in(path), *prices) if self.live else ()
        present = self.app.leagues_in(path, self.window.leagues)
        window = self.window if coming else replace(self.window, leagues=present)
        if day > last and not coming:
            raise NothingToDoError(
                f"{day} is after the data: {covered}; ask for an earlier --as-of"
            )
        with Tally(quiet=self.voice.quiet) as tally:
            command = PrepareDataCommand(self.app.folder(path).fetch, window, coming)
            self._prepare(self.app, command, tally)
        sources = (f"{_FOLDERS[sport.code]} folder", *told)
        return Day(self.app, self._now(window), sources, self.live)

    def best(self) -> Day:
        """From the site; offline, from what there is."""
        football = sport_of(self.window.leagues) == FOOTBALL
        trouble = "the site has football only"
        prices, told = self._live_prices()
        try:
            if football:
                return self._site(prices, told)
        except FeedOfflineError:
            trouble = "the site cannot be reached"
        except FeedError as error:
            trouble = f"the site cannot be used ({error})"
        if prices:
            self.app.ingest(IngestCommand(prices))
        window = self._now(self.window) if prices else self.window
        with self.app.units() as unit:
            facts = unit.facts.load(self._about(window))
            seasons = {season for _, season in unit.facts.seasons(self.app.clock.now().date())}
            latest = [e for e in unit.ingest_log.recent(100) if e.status != REFUSED]
        if len(window_rows(facts, window)):
            read = f"{latest[0].received_at:%Y-%m-%d %H:%M} UTC" if latest else "long ago"
            self.voice.note(f"{trouble}; showing what is in the database, read {read}")
            sources = (f"database, read {read}", *told)
            return Day(self.app, window, sources, live=bool(prices))
        asked = self.window.as_of.date()
        sampled = not seasons and SAMPLE_DAYS[0] <= asked <= SAMPLE_DAYS[1]
        if not (football and (self.live or sampled)):
            held = f"matches of {min(seasons)} to {max(seasons) + 1}" if seasons else "no matches"
            raise NothingToDoError(
                f"{trouble}, and the database has no match within {self.window.hours:g} hours of "
                f"{asked} (it has {held}); pass --folder with season files, or an --as-of it covers"
            )
        return self._sample(seasons)

    def _live_prices(self) -> tuple[tuple[Payload, ...], tuple[str, ...]]:
        """Prices of now from every live feed that there is a key for, and the feeds' names.

        A live feed that fails is left out with a word: the other prices are still there.
        """
        payloads: list[Payload] = []
        answered = []
        until = self.window.as_of + timedelta(hours=self.window.hours)
        request = FeedRequest(self.window.leagues or None, fixtures=True, until=until)
        for name in self.app.live_feeds if self.live else ():
            with Tally(quiet=self.voice.quiet) as tally:
                try:
                    feed = self.app.live_feed(name, tally.fetched, patient=False)
                    fetched = FetchFeeds(feed, self.app.raw)(request)
                except NothingToDoError:  # it has none of these leagues
                    continue
                except FeedError as error:
                    self.voice.warn(f"without {name}: {error}")
                    continue
            for line in fetched.failed:
                self.voice.warn(f"{name}: {line}")
            payloads += fetched.payloads
            answered.append(name)
        return tuple(payloads), tuple(answered)

    def _site(self, prices: tuple[Payload, ...], told: tuple[str, ...]) -> Day:
        """Ask for one file first: offline, that is all that is lost."""
        quick = FetchFeeds(self.app.site(patient=False), self.app.raw)
        answer = quick(FeedRequest(fixtures=True))
        coming = (*answer.payloads, *prices) if self.live else ()
        with Tally(quiet=self.voice.quiet) as tally:
            fetch = FetchFeeds(self.app.site(tally.fetched), self.app.raw)
            self._prepare(self.app, PrepareDataCommand(fetch, self.window, coming), tally)
        return Day(self.app, self._now(self.window), (self.app.site_name, *told), self.live)

    def _sample(self, seasons: Collection[int]) -> Day:
        """Real matches of another year, in a database of their own."""
        as_of = self.window.as_of
        if self.live:
            as_of = datetime.combine(SAMPLE_DAY, MORNING, UK).astimezone(UTC)
        self.voice.note(
            f"No network and no data {_of_today(seasons)}: showing a sample day, real matches of "
            f"{as_of:%-d %B %Y} in England and Spain, at market-maximum prices (an upper bound, "
            "not prices to take)"
        )
        app = self.app.for_sample()
        window = replace(self.window, as_of=as_of, maximum_as_bound=True)
        with Tally(quiet=self.voice.quiet) as tally:
            self._prepare(app, PrepareDataCommand(app.sample.fetch, window), tally)
        return Day(app, window, (SAMPLE_SOURCE,))

    def _now(self, window: Window) -> Window:
        """For a question about now, what was received a moment ago counts."""
        return replace(window, as_of=self.app.clock.now()) if self.live else window

    def _prepare(self, app: App, command: PrepareDataCommand, tally: Tally) -> None:
        for line in app.prepare_data(command, tally.ingested).warnings:
            self.voice.warn(line)

    def _coming_in(self, path: Path) -> tuple[Payload, ...]:
        """Fixtures in a folder; a snapshot kept from another day only while it is fresh."""
        oldest = self.window.as_of - SNAPSHOT_AGE
        try:
            request = FeedRequest(leagues=(), seasons=(), fixtures=True)
            found = self.app.folder(path).fetch(request).payloads
        except NothingToDoError:
            return ()
        return tuple(p for p in found if p.snapshot_at is None or p.snapshot_at > oldest)

    def _about(self, window: Window) -> FactsQuery:
        """What a window can hold."""
        start = window.as_of
        return FactsQuery(
            start,
            since=(start - timedelta(days=1)).date(),
            kickoff_before=start + timedelta(hours=window.hours),
        )


def _of_today(seasons: Collection[int]) -> str:
    if not seasons:
        return "at all"
    return f"of today (the database has matches of {min(seasons)} to {max(seasons) + 1})"
