"""``ingest`` and ``fetch``: bring matches, prices and results into the database."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from betting_ai.cli.context import (
    Json,
    Voice,
    current_settings,
    environment,
    existing_folder,
    instant,
    league_codes,
)
from betting_ai.cli.operating import ask
from betting_ai.domain.leagues import SEASON_FILE_LEAGUES
from betting_ai.domain.sports import FOOTBALL, leagues_of
from betting_ai.errors import InvalidInputError, NothingToDoError
from betting_ai.ports.feeds import PayloadKind

if TYPE_CHECKING:
    from betting_ai.ports.repositories import IngestEntry, ReviewItem

_Seasons = Annotated[
    str | None, typer.Option("--seasons", help="Such as 2324,2425; all of the folder by default.")
]
_Leagues = Annotated[
    str | None, typer.Option("--leagues", help="League codes: E0,SP1 or ATP; all by default.")
]
_Extra = Annotated[bool, typer.Option("--extra", help="The extra leagues too (ARG, BRA, ...).")]
_Fixtures = Annotated[bool, typer.Option("--fixtures", help="Coming matches too.")]


def ingest(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            help="Season files; without it, the sample (2023-24), in a database of its own.",
        ),
    ] = None,
    seasons: _Seasons = None,
    leagues: _Leagues = None,
    extra: _Extra = False,
    fixtures: _Fixtures = False,
    again: Annotated[
        bool, typer.Option("--again", help="Read files again that were stored before.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help="With --env and --again: what came then or later; a date is 08:00 UK."
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="With --env and --again: of this feed.")
    ] = None,
    kind: Annotated[
        PayloadKind | None, typer.Option("--kind", help="With --env and --again: of this kind.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read season files, extra leagues and fixtures from a folder into the database.

    With --env and --again, what was announced there before is read again.
    """
    here = (folder, seasons, leagues, extra, fixtures)
    if again and environment.get() is not None:
        if any(here):
            raise InvalidInputError("with --env, --again goes with --since, --source and --kind")
        _ingest_there({"since": since, "source": source, "kind": kind}, as_json=as_json)
        return
    if since or source or kind:
        raise InvalidInputError("--since, --source and --kind go with --env and --again")
    from betting_ai.bootstrap import build
    from betting_ai.cli.ingest_view import Tally, show
    from betting_ai.ports.feeds import FeedRequest
    from betting_ai.usecases.ingest_raw import IngestCommand

    request = FeedRequest(league_codes(leagues), _years(seasons), fixtures=fixtures, extra=extra)
    with build(current_settings()) as app:
        feed = app.folder(existing_folder(folder)) if folder else app.sample
        with Tally(quiet=Voice(as_json=as_json).quiet) as tally:
            fetched = feed.fetch(request)
            command = IngestCommand(fetched.payloads, again=again)
            owner = app if folder else app.for_sample()
            result = owner.ingest(command, tally.ingested)
    show(fetched, result, as_json=as_json)


def _ingest_there(which: Mapping[str, str | None], *, as_json: bool) -> None:
    """Read again what an environment was told of, some at a time: no function runs for long."""
    from betting_ai.cli.ingest_view import Tally, show
    from betting_ai.operator.ingested import result_of
    from betting_ai.ports.feeds import Fetched
    from betting_ai.usecases.ingest_raw import IngestResult

    since = instant(which["since"])
    asked = dict(which) | {"since": None if since is None else since.isoformat()}
    entries: list[IngestEntry] = []
    doubts: dict[ReviewItem, None] = {}
    failed: list[str] = []
    after: str | None = ""
    with Tally(quiet=Voice(as_json=as_json).quiet) as tally:
        while after is not None:
            told = ask("replay", asked | {"after": after}, as_json=as_json).output
            done = result_of(told)
            entries += done.entries
            doubts.update(dict.fromkeys(done.doubts))
            failed += told["failed"]
            after = told["next"]
            for entry in done.entries[-1:]:
                tally.ingested(len(entries), len(entries) + told["left"], entry)
    if not (entries or failed):
        raise NothingToDoError("nothing has come since then")
    show(
        Fetched((), failed=tuple(failed)),
        IngestResult(tuple(entries), tuple(doubts)),
        as_json=as_json,
    )


class Source(StrEnum):
    """Feeds that can be asked by name."""

    FOOTBALL_DATA = "football_data"
    ODDS_API = "odds_api"
    CLOUDBET = "cloudbet"


def fetch(
    source: Annotated[
        Source, typer.Option("--source", help="Which feed; the live ones need a key.")
    ] = Source.FOOTBALL_DATA,
    seasons: Annotated[
        str | None, typer.Option("--seasons", help="Such as 2425,2526; the last two by default.")
    ] = None,
    leagues: _Leagues = None,
    extra: _Extra = False,
    fixtures: Annotated[
        bool, typer.Option("--fixtures/--no-fixtures", help="Coming matches too.")
    ] = True,
    results: Annotated[
        bool, typer.Option("--results", help="The latest scores too, where they are apart.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fetch from the site what changed, or from a live feed what is, and read it."""
    from betting_ai.adapters.feeds.football_data.seasons import season_of
    from betting_ai.bootstrap import build
    from betting_ai.cli.ingest_view import Tally, show
    from betting_ai.ports.feeds import FeedRequest
    from betting_ai.usecases.fetch_feeds import FetchFeeds
    from betting_ai.usecases.ingest_raw import IngestCommand

    if source is not Source.FOOTBALL_DATA and (seasons or extra):
        raise InvalidInputError(
            f"{source.value} has prices of now: leave --seasons and --extra out"
        )
    settings = current_settings()
    extra_leagues = tuple(code for code in leagues_of(FOOTBALL) if code not in SEASON_FILE_LEAGUES)
    with build(settings) as app, Tally(quiet=Voice(as_json=as_json).quiet) as tally:
        now = season_of(app.clock.now().date())
        request = FeedRequest(
            leagues=league_codes(leagues) or (*settings.leagues, *(extra_leagues if extra else ())),
            seasons=_years(seasons) or (now - 1, now),
            fixtures=fixtures,
            extra=extra,
            results=results,
        )
        if source is Source.FOOTBALL_DATA:
            feed = app.site(tally.fetched)
        else:
            feed = app.live_feed(source.value, tally.fetched)
        fetched = FetchFeeds(feed, app.raw)(request)
        result = app.ingest(IngestCommand(fetched.payloads), tally.ingested)
    show(fetched, result, as_json=as_json)


def _years(text: str | None) -> tuple[int, ...] | None:
    from betting_ai.adapters.feeds.football_data.seasons import season_year

    if text is None:
        return None
    return tuple(season_year(code.strip()) for code in text.split(","))
