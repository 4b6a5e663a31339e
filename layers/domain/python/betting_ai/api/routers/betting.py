"""Slates, events, predictions, the record, and bets."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from betting_ai.api import schemas
from betting_ai.api.bodies import parsed, signed
from betting_ai.api.dependencies import AppOf, BetCall, KeyFirst, ReadingOf, ReadKey, reader
from betting_ai.api.documented import answer, failures
from betting_ai.api.idempotency import once
from betting_ai.api.options import ApiOptions
from betting_ai.api.problems import of_error
from betting_ai.api.reading import Published, Reading, bet_line
from betting_ai.bootstrap import App
from betting_ai.domain.books import find_bookmaker
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import Market
from betting_ai.errors import (
    InvalidInputError,
    NotFoundError,
    UnknownLeagueError,
    VenueNotAvailableError,
    VenueOffError,
)
from betting_ai.ports.bets import PAPER
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.place_bet import PlaceBet, PlaceBetCommand
from betting_ai.usecases.predict_event import PredictEventCommand

router: Final = APIRouter(prefix="/api/v1/betting", tags=["betting"], route_class=KeyFirst)

Profile = Annotated[
    Literal["strict", "value"] | None, Query(description="Of the slate; any by default.")
]
LeagueCode = Annotated[
    str | None, Query(pattern=r"^[A-Z0-9]{2,5}$", description="Such as E0; all by default.")
]
Cursor = Annotated[
    str | None,
    Query(
        max_length=400, pattern=r"^[A-Za-z0-9_-]*$", description="`next_cursor` of the page before."
    ),
]
Moment = TypeVar("Moment", datetime, date)
Limit = Annotated[int, Query(ge=1, le=100, description="Most items.")]
EventId = Annotated[schemas.Slug, Path()]


class _OftenAsked(APIRoute):
    """A route that most callers ask without parameters: working those out takes half its time."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Answers directly where there are none; else as every route does."""
        usual = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.scope["query_string"]:
                return await usual(request)
            await reader(request)
            reading: Reading = request.app.state.reading
            return await _newest(reading, None, request.headers.get("If-None-Match"))

        return handle


async def top3(
    _: ReadKey,
    reading: ReadingOf,
    profile: Profile = None,
    if_none_match: Annotated[str | None, Header(description="`ETag` of the one you have.")] = None,
) -> Response:
    """The slate as it was published; `ETag` names it."""
    return await _newest(reading, profile, if_none_match)


async def _newest(reading: Reading, profile: str | None, known: str | None) -> Response:
    slate = await reading.told_slate(profile)
    if slate is None:
        which = "" if profile is None else f" of the profile {profile}"
        raise NotFoundError(f"no slate{which} was published yet; `betting-ai top3-bets` makes one")
    return published(slate, known)


router.add_api_route(
    "/top3",
    top3,
    methods=["GET"],
    operation_id="top3",
    summary="The newest slate: at most three bets, and why",
    response_model=schemas.SlateTold,
    responses=failures(404) | {304: {"description": "It is still the one that you have."}},
    route_class_override=_OftenAsked,
)


def published(found: Published, known: str | None) -> Response:
    """An answer that names itself; nothing where the reader has it already."""
    headers = {"ETag": found.etag, "Cache-Control": "private, no-cache"}
    if known is not None and (known.strip() == "*" or found.etag in _tags(known)):
        return Response(status_code=304, headers=headers)
    return Response(found.text, headers=headers, media_type="application/json")


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]


@router.get(
    "/events",
    operation_id="list_events",
    summary="Events by kick-off, with the best prices",
    response_model=schemas.Page[schemas.EventTold],
    responses=failures(),
)
def events(
    _: ReadKey,
    reading: ReadingOf,
    league: LeagueCode = None,
    since: Annotated[
        schemas.Instant | None, Query(alias="from", description="Kick-off not before; now.")
    ] = None,
    until: Annotated[
        schemas.Instant | None, Query(alias="to", description="Kick-off before; no end.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Those to come by default; earlier ones with how they ended.

    Where days of the past are lived again, those to come when the newest slate was made.
    """
    _known(league)
    _in_order(since, until)
    found = reading.events(league=league, since=since, until=until, after=cursor, limit=limit)
    return answer(found)


@router.get(
    "/events/{event_id}",
    operation_id="read_event",
    summary="One event: prices, what the models say, picks",
    response_model=schemas.EventDetail,
    responses=failures(404),
)
def event(_: ReadKey, reading: ReadingOf, event_id: EventId) -> Response:
    """Every source's last prices, the last word of every member, and the picks on it."""
    return answer(reading.event(event_id))


@router.get(
    "/events/{event_id}/odds",
    operation_id="list_odds",
    summary="How an event's prices moved",
    response_model=schemas.Page[schemas.PriceTold],
    responses=failures(404),
)
def odds(
    _: ReadKey,
    reading: ReadingOf,
    event_id: EventId,
    market: Annotated[schemas.MarketName | None, Query(description="All by default.")] = None,
    bookmaker: Annotated[
        str | None, Query(pattern=r"^[A-Z0-9]{1,12}$", description="Its code; all by default.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Every price from when it stood, oldest first."""
    kind = None if market is None else Market[market.upper()]
    found = reading.odds(event_id, market=kind, bookmaker=bookmaker, after=cursor, limit=limit)
    return answer(found)


@router.post(
    "/predict",
    operation_id="predict_event",
    summary="What every model thinks of an event, and what its prices are worth",
    response_model=schemas.Prediction,
    responses=failures(400, 404, 413, 415),
)
def predict(_: ReadKey, app: AppOf, body: schemas.PredictRequest) -> Response:
    """Scored now, as it stands now or stood at `as_of`; nothing is stored."""
    league = _known(body.event_id.partition("-")[0].upper())
    now = app.clock.now()
    if body.as_of is not None and body.as_of > now:
        raise InvalidInputError("body.as_of: lies in the future")
    window = Window(
        as_of=body.as_of or now,
        hours=body.hours,
        leagues=(league,) if league else (),
        bookmakers=_books(body.bookmakers) or app.settings.bookmakers,
        channel=app.settings.channel,
    )
    return answer(app.predict_event(PredictEventCommand(body.event_id, window)).to_dict())


@router.get(
    "/recommendations/history",
    operation_id="list_recommendations",
    summary="Every pick, and what became of it",
    response_model=schemas.Page[schemas.RecommendationTold],
    responses=failures(),
)
def history(
    _: ReadKey,
    reading: ReadingOf,
    status: Annotated[
        schemas.PickStatus | None, Query(description="All but replaced ones by default.")
    ] = None,
    league: LeagueCode = None,
    profile: Profile = None,
    since: Annotated[
        schemas.Day | None, Query(alias="from", description="First UK date of slates.")
    ] = None,
    until: Annotated[schemas.Day | None, Query(alias="to", description="Last one.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Newest first; each with its link of the hash chain."""
    _known(league)
    _in_order(since, until)
    found = reading.history(
        status=status, league=league, profile=profile, since=since, until=until,
        after=cursor, limit=limit,
    )  # fmt: skip
    return answer(found)


@router.get(
    "/performance",
    operation_id="track_record",
    summary="What the record amounts to: closing-line value first",
    response_model=schemas.Performance,
    responses=failures(),
)
def performance(
    _: ReadKey,
    reading: ReadingOf,
    since: Annotated[
        schemas.Day | None, Query(alias="from", description="First UK date of slates.")
    ] = None,
    until: Annotated[schemas.Day | None, Query(alias="to", description="Last one.")] = None,
    profile: Profile = None,
) -> Response:
    """Of settled picks: all, and by month, profile, league, market, bookmaker and model."""
    _in_order(since, until)
    return answer(reading.performance(since=since, until=until, profile=profile))


@router.get(
    "/models",
    operation_id="list_models",
    summary="The promoted models, and how they did",
    response_model=schemas.Page[schemas.ModelTold],
    responses=failures(),
)
def models(_: ReadKey, reading: ReadingOf) -> Response:
    """Newest first in each market."""
    return answer(reading.models())


@router.get(
    "/sessions",
    operation_id="list_sessions",
    summary="Bankrolls and the limits they are bet under",
    response_model=schemas.Page[schemas.SessionTold],
    responses=failures(),
)
def sessions(_: ReadKey, reading: ReadingOf) -> Response:
    """Newest first."""
    return answer(reading.sessions())


@router.get(
    "/bets",
    operation_id="list_bets",
    summary="Every bet, and what became of it",
    response_model=schemas.Page[schemas.BetTold],
    responses=failures(),
)
def placed(
    _: ReadKey,
    reading: ReadingOf,
    session_id: Annotated[
        schemas.Key | None, Query(description="Whose money; all by default.", examples=[1])
    ] = None,
    status: Annotated[
        schemas.BetStatus | None, Query(description="Any by default.", examples=["placed"])
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Newest first, of every session and venue; with its profit once it is settled."""
    found = reading.bets(session_id=session_id, status=status, after=cursor, limit=limit)
    return answer(found)


@router.post(
    "/bets",
    operation_id="place_bet",
    summary="Bet on a pick that stands; with play money by default",
    status_code=201,
    response_model=schemas.BetTold,
    responses=failures(400, 409, 413, 415),
    openapi_extra=signed(schemas.BetRequest),
)
def bets(call: BetCall, app: AppOf, request: Request) -> Response:
    """Signed, and done once for each `Idempotency-Key`; protections stand before every bet."""
    body = parsed(schemas.BetRequest, call.body)

    def place(_: UUID) -> Response:
        # Without a reference of its own: whoever asks, from here or elsewhere, a pick is one bet.
        command = PlaceBetCommand(body.recommendation_id, body.stake)
        return answer(bet_line(_venue(app, request, body.venue)(command)), 201)

    return once(
        call,
        place,
        units=app.units,
        clock=app.clock,
        explain=lambda error: of_error(error, request.url.path),
    )


def _venue(app: App, request: Request, name: str) -> PlaceBet:
    """Who places bets at a venue; on AWS with play money alone.

    Raises:
        VenueNotAvailableError: bets cannot be placed there from here.
    """
    options: ApiOptions = request.app.state.options
    if name != PAPER and options.mode != "server":
        raise VenueNotAvailableError(f"{name} can only be bet at from the command line or a server")
    try:
        return app.place_bet(name)
    except (InvalidInputError, VenueOffError) as error:
        raise VenueNotAvailableError(str(error)) from None


def _known(league: str | None) -> str | None:
    if league is not None and league not in LEAGUES:
        raise UnknownLeagueError(f"there is no league {league}")
    return league


def _in_order(since: Moment | None, until: Moment | None) -> None:
    """Nothing lies between an end and what comes after it: a mistake, and no empty answer."""
    if since is not None and until is not None and since > until:
        raise InvalidInputError("query.to: lies before from; swap the two")


def _books(names: list[str]) -> tuple[str, ...]:
    found = [find_bookmaker(name) for name in names]
    if None in found:
        raise InvalidInputError(f"body.bookmakers: no bookmaker {names[found.index(None)]!r}")
    return tuple(book.code for book in found if book is not None)
