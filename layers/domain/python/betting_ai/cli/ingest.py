"""``ingest`` and ``fetch``: bring matches, prices and results into the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from betting_ai.cli.ingest_view import Tally, show
from betting_ai.domain.leagues import LEAGUES, SEASON_FILE_LEAGUES, find_league
from betting_ai.settings import Settings, load_settings

if TYPE_CHECKING:
    from betting_ai.ports.feeds import Feed
    from betting_ai.ports.object_store import RawStore
    from betting_ai.usecases.ingest_raw import IngestRaw

_Seasons = Annotated[
    str | None, typer.Option("--seasons", help="Such as 2324,2425; all of the folder by default.")
]
_Leagues = Annotated[
    str | None, typer.Option("--leagues", help="Division codes, such as E0,SP1; all by default.")
]
_Extra = Annotated[bool, typer.Option("--extra", help="The extra leagues too (ARG, BRA, ...).")]
_Fixtures = Annotated[bool, typer.Option("--fixtures", help="Coming matches too.")]
_Json = Annotated[bool, typer.Option("--json", help="For machines.")]


@dataclass(frozen=True)
class Wiring:
    """The adapters that these commands speak to."""

    ingest: IngestRaw
    raw: RawStore
    sample: Feed
    folder: Callable[[Path], Feed]
    site: Callable[[Callable[[int, int], None]], Feed]


@contextmanager
def wired(settings: Settings) -> Iterator[Wiring]:
    """The adapters for these settings, with a database that is ready."""
    from betting_ai.adapters.feeds.football_data.folder import FolderFeed
    from betting_ai.adapters.feeds.football_data.normaliser import FootballDataNormaliser
    from betting_ai.adapters.feeds.football_data.site import SiteFeed
    from betting_ai.adapters.feeds.resolver import TeamResolver, seed_aliases
    from betting_ai.adapters.feeds.sample import SampleFeed
    from betting_ai.adapters.local.object_store import LocalObjectStore
    from betting_ai.adapters.sql.database import open_database
    from betting_ai.adapters.sql.unit_of_work import unit_of_work_factory
    from betting_ai.clock import SystemClock
    from betting_ai.usecases.ingest_raw import IngestRaw

    url = settings.database_url.get_secret_value() if settings.database_url else None
    with open_database(url, settings.home) as engine:
        clock = SystemClock()
        store = LocalObjectStore(settings.home / "objects")
        yield Wiring(
            ingest=IngestRaw(
                units=unit_of_work_factory(engine),
                raw=store,
                normaliser=FootballDataNormaliser(),
                resolver=TeamResolver(seed_aliases()),
            ),
            raw=store,
            sample=SampleFeed(clock),
            folder=lambda path: FolderFeed(path, clock),
            site=lambda progress: SiteFeed(
                settings.site_url, raw=store, notes=store, clock=clock, progress=progress
            ),
        )


def ingest(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            help="Folder of season files; without it, the sample matches (E0 and SP1 of 2023-24).",
        ),
    ] = None,
    seasons: _Seasons = None,
    leagues: _Leagues = None,
    extra: _Extra = False,
    fixtures: _Fixtures = False,
    again: Annotated[
        bool, typer.Option("--again", help="Read files again that were stored before.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Read season files, extra leagues and fixtures from a folder into the database."""
    from betting_ai.ports.feeds import FeedRequest
    from betting_ai.usecases.ingest_raw import IngestCommand

    request = FeedRequest(_codes(leagues), _years(seasons), fixtures=fixtures, extra=extra)
    with wired(load_settings()) as wiring:
        feed = wiring.folder(folder) if folder else wiring.sample
        with Tally(quiet=as_json) as tally:
            fetched = feed.fetch(request)
            command = IngestCommand(fetched.payloads, again=again)
            result = wiring.ingest(command, tally.ingested)
    show(fetched, result, as_json=as_json)


def fetch(
    seasons: Annotated[
        str | None, typer.Option("--seasons", help="Such as 2425,2526; the last two by default.")
    ] = None,
    leagues: _Leagues = None,
    extra: _Extra = False,
    fixtures: Annotated[
        bool, typer.Option("--fixtures/--no-fixtures", help="Coming matches too.")
    ] = True,
    as_json: _Json = False,
) -> None:
    """Fetch from the site what changed, and read it into the database."""
    from betting_ai.adapters.feeds.football_data.seasons import season_of
    from betting_ai.clock import SystemClock
    from betting_ai.ports.feeds import FeedRequest
    from betting_ai.usecases.fetch_feeds import FetchFeeds
    from betting_ai.usecases.ingest_raw import IngestCommand

    settings = load_settings()
    now = season_of(SystemClock().now().date())
    extra_leagues = tuple(code for code in LEAGUES if code not in SEASON_FILE_LEAGUES)
    request = FeedRequest(
        leagues=_codes(leagues) or (*settings.leagues, *(extra_leagues if extra else ())),
        seasons=_years(seasons) or (now - 1, now),
        fixtures=fixtures,
        extra=extra,
    )
    with wired(settings) as wiring, Tally(quiet=as_json) as tally:
        fetched = FetchFeeds(wiring.site(tally.fetched), wiring.raw)(request)
        result = wiring.ingest(IngestCommand(fetched.payloads), tally.ingested)
    show(fetched, result, as_json=as_json)


def _codes(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(find_league(code.strip()).code for code in text.split(","))


def _years(text: str | None) -> tuple[int, ...] | None:
    from betting_ai.adapters.feeds.football_data.seasons import season_year

    if text is None:
        return None
    return tuple(season_year(code.strip()) for code in text.split(","))
