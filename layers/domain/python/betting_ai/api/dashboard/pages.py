"""The routes of the dashboard: pages for people, drawn on the server from what `Reading` answers.

Every page is whole without JavaScript, every link is relative (the application may live under a
path of its own), and no form changes anything but the reader's own cookie.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qs, quote, urlencode

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from betting_ai.api.dashboard import views, words
from betting_ai.api.dashboard.assets import Assets
from betting_ai.api.dependencies import AppOf, ReadingOf, count
from betting_ai.api.options import ApiOptions
from betting_ai.api.problems import STATUS, note, told
from betting_ai.api.security import COOKIE_LIFETIME, security_of
from betting_ai.domain.keys import Scope
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import Market
from betting_ai.errors import (
    DomainError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnauthorizedError,
)

COOKIE: Final = "betting-ai"
"""Holds what `DashboardCookie.seal` made."""

_HERE: Final = Path(__file__).parent
_PAGE: Final = 50
_NEWEST: Final = 20
_MOST_PRICES: Final = 20_000
_LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
_NEXT: Final = re.compile(r"[a-z][a-z0-9/-]*(\?[A-Za-z0-9=&_%.-]*)?")

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DOCS_POLICY: Final = _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI writes styles into its own markup."""

NAVIGATION: Final = (
    ("", "Today"),
    ("events", "Events"),
    ("record", "Record"),
    ("models", "Models"),
    ("sessions", "Sessions"),
    ("wallet", "Wallet"),
    ("data", "Data"),
)


class _Page(APIRoute):
    """A route whose failures are pages too."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except UnauthorizedError:
                return _to_login(request)
            except DomainError as error:
                note(error)
                code, why = error.code, told(error)
            except RequestValidationError as error:
                first = error.errors()[0]
                code, why = InvalidInputError.code, f"{first['loc'][-1]}: {first['msg']}"
            request.state.problem = code
            return await run_in_threadpool(_failed, request, STATUS.get(code, 500), why)

        return answer


router: Final = APIRouter(route_class=_Page, include_in_schema=False)


def add_dashboard(api: FastAPI) -> None:
    """Add the dashboard to an application that has its state in place."""
    api.state.dashboard = _Dashboard()
    api.include_router(router)


class _Dashboard:
    """The templates and the static files of one application."""

    def __init__(self) -> None:
        self.assets = Assets(_HERE / "static")
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["words"] = words

    def page(self, request: Request, template: str, **view: Any) -> str:  # noqa: ANN401
        """A page as HTML."""
        here = _here(request)
        base = "../" * here.count("/")
        assets = self.assets

        def asset(name: str) -> str | None:
            url = assets.url(name)
            return None if url is None else base + url

        return self._templates.get_template(template).render(
            asset=asset,
            base=base,
            here=here.partition("/")[0],
            navigation=NAVIGATION,
            now=_now(request),
            signed_in=not _options(request).keyless_dashboard,
            shows=_options(request).shows,
            **view,
        )


def _options(request: Request) -> ApiOptions:
    found: ApiOptions = request.app.state.options
    return found


def _now(request: Request) -> datetime:
    now: datetime = request.app.state.app.clock.now()
    return now


def _root(request: Request) -> str:
    """The path under which the application lives, without a slash at its end."""
    root: str = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    return root.rstrip("/")


def _here(request: Request) -> str:
    """The path of a page below where the application lives: ``"events/e0-..."``."""
    path: str = request.scope["path"]
    return path.removeprefix(f"{_root(request)}/")


async def _reader(request: Request) -> None:
    """Let in who has a cookie of ours, or everybody on this machine where that was asked for."""
    if _options(request).keyless_dashboard:
        # A page elsewhere may point a name of its own at this machine.
        if request.url.hostname not in _LOOPBACK:
            raise ForbiddenError("this host name is not served here")
        return
    value = request.cookies.get(COOKIE)
    if value is None:
        raise UnauthorizedError("cookie_missing")
    await security_of(request).cookie_caller(request, value, Scope.READ)


_Reader = Depends(_reader)


def _answer(request: Request, template: str, **view: Any) -> Response:  # noqa: ANN401
    """A page that the browser asks for again each time, and gets only where it has changed."""
    dashboard: _Dashboard = request.app.state.dashboard
    body = dashboard.page(request, template, **view).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = _headers() | {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return HTMLResponse(body, headers=headers)


def _headers(policy: str = _POLICY) -> dict[str, str]:
    return {"Content-Security-Policy": policy, "Cross-Origin-Opener-Policy": "same-origin"}


def _failed(request: Request, status: int, told: str) -> Response:
    dashboard: _Dashboard = request.app.state.dashboard
    title = _FAILURES.get(status, "This did not work")
    body = dashboard.page(request, "failed.html", title=title, told=words.sentence(told))
    headers = _headers() | {"Cache-Control": "no-store"}
    return HTMLResponse(body, status, headers | ({"Retry-After": "5"} if status == 503 else {}))


_FAILURES: Final = {
    403: "Not allowed",
    404: "Not found",
    422: "That cannot be asked",
    429: "Too many tries",
    503: "Not available for now",
}


def _to_login(request: Request) -> Response:
    here = _here(request)
    base = "../" * here.count("/")
    query = request.scope["query_string"].decode("latin-1")
    there = f"{here}?{query}" if query else here
    told = f"?{urlencode({'next': there})}" if _NEXT.fullmatch(there) else ""
    return RedirectResponse(f"{base}login{told}", 303, {"Cache-Control": "no-store"})


@router.get("/", dependencies=[_Reader])
def today(request: Request, reading: ReadingOf, app: AppOf) -> Response:
    """The newest slate."""
    found = reading.slate()
    slate = None
    if found is not None:
        body = found.body
        frequency = None if body["picks"] else app.frequency
        slate = views.slate_view(body, _now(request), frequency)
    return _answer(request, "today.html", slate=slate)


_Cursor = Annotated[str | None, Query(max_length=400, pattern=r"^[A-Za-z0-9_-]*$")]
_League = Annotated[str | None, Query(pattern=r"^([A-Z0-9]{2,5})?$")]


@router.get("/events", dependencies=[_Reader])
def events(
    request: Request,
    reading: ReadingOf,
    league: _League = None,
    day: Annotated[str | None, Query(pattern=r"^(2\d{3}-\d\d-\d\d)?$")] = None,
    cursor: _Cursor = None,
) -> Response:
    """Events by kick-off: those to come, or those of a day."""
    if league and league not in LEAGUES:
        raise NotFoundError(f"there is no league {league}")
    chosen = _day(day)
    start = None if chosen is None else datetime.combine(chosen, time(), UTC)
    found = reading.events(
        league=league or None,
        since=start,
        until=None if start is None else start + timedelta(days=1),
        after=cursor or None,
        limit=_PAGE,
    )
    asked = {"league": league, "day": day}
    return _answer(
        request,
        "events.html",
        days=views.event_lines(found["items"]),
        leagues=sorted((one.name, one.code) for one in LEAGUES.values()),
        league=league or "",
        day=day or "",
        steps=[
            step | {"query": _query(asked, day=step["day"])}
            for step in views.day_links(chosen, reading.present().date())
        ],
        upcoming=_query(asked, day=None),
        following=_following(asked, found["next_cursor"]),
        first=_query(asked) if cursor else None,
    )


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise NotFoundError(f"there is no day {text}") from None


def _query(asked: dict[str, Any], **changed: Any) -> str:  # noqa: ANN401
    """The part of a link that says what is asked for, with some of it changed."""
    return "?" + urlencode({name: value for name, value in (asked | changed).items() if value})


def _following(asked: dict[str, Any], cursor: str | None) -> str | None:
    return None if cursor is None else _query(asked, cursor=cursor)


@router.get("/events/{event_id}", dependencies=[_Reader])
def event(
    request: Request,
    reading: ReadingOf,
    event_id: Annotated[str, InPath(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=200)],
) -> Response:
    """One event: prices, what the models say, picks."""
    found = reading.event(event_id)
    prices = reading.odds(event_id, market=Market.MATCH_RESULT, limit=_MOST_PRICES)["items"]
    return _answer(request, "event.html", event=views.event_view(found, prices))


@router.get("/record", dependencies=[_Reader])
def record(
    request: Request,
    reading: ReadingOf,
    by: Literal["league", "month", "bookmaker", "market", "profile", "model"] = "month",
    profile: Literal["", "strict", "value"] = "",
    status: Annotated[str | None, Query(pattern=r"^[a-z_]*$", max_length=20)] = None,
    cursor: _Cursor = None,
) -> Response:
    """What the record amounts to, and every pick."""
    if status and status not in words.STATUSES:
        raise NotFoundError(f"no pick can be {status!r}")
    told = reading.performance(profile=profile or None)
    picks = reading.history(
        status=status or None, profile=profile or None, after=cursor or None, limit=_NEWEST
    )
    asked = {"by": by, "profile": profile, "status": status}
    return _answer(
        request,
        "record.html",
        record=views.record_view(told, by, _options(request).shows),
        picks=[views.pick_line(pick) for pick in picks["items"]],
        groups=[
            {"name": name, "query": _query(asked, by=code), "current": code == by}
            for code, name in words.GROUPS.items()
        ],
        profiles=[
            {"name": name, "query": _query(asked, profile=code), "current": code == profile}
            for code, name in (("", "All profiles"), ("strict", "Strict"), ("value", "Value"))
        ],
        statuses=[
            {"name": name, "query": _query(asked, status=code), "current": code == (status or "")}
            for code, name in (("", "All"), *words.STATUSES.items())
        ],
        following=_following(asked, picks["next_cursor"]),
        first=_query(asked) if cursor else None,
    )


@router.get("/models", dependencies=[_Reader])
def models(request: Request, reading: ReadingOf) -> Response:
    """The models, and how they did."""
    return _answer(request, "models.html", markets=views.models_view(reading.models()["items"]))


@router.get("/sessions", dependencies=[_Reader])
def sessions(request: Request, reading: ReadingOf) -> Response:
    """Bankrolls, their newest bets, and the limits they are bet under."""
    its = views.sessions_view(reading.sessions()["items"], reading.newest_bets(_NEWEST))
    return _answer(request, "sessions.html", sessions=its)


@router.get("/wallet", dependencies=[_Reader])
def wallet(request: Request, app: AppOf) -> Response:
    """What the wallet holds, and its transfers; nothing can be sent from here."""
    if app.settings.wallet_address is None:
        return _answer(request, "wallet.html", wallet=None)
    held, reading = app.wallet, app.wallet_reading
    balances = {one: reading.balances(one) for one in (held.address, *held.watched)}
    with app.units() as unit:
        over = unit.receipts.latest(_NEWEST)
    view = views.wallet_view(held, app.wallet_chain, balances, app.read_transfer.open(), over)
    return _answer(request, "wallet.html", wallet=view)


@router.get("/data", dependencies=[_Reader])
def data(request: Request, reading: ReadingOf) -> Response:
    """How the data are."""
    return _answer(request, "data.html", data=views.data_view(reading.data()))


@router.get("/login")
def login(request: Request) -> Response:
    """Asks for a key."""
    if _options(request).keyless_dashboard:
        return RedirectResponse("./", 303)
    return _login_page(request, 200, None, request.query_params.get("next", ""))


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Takes a key, and gives a cookie for it."""
    # A page elsewhere must not sign its visitors in here.
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise ForbiddenError("sign in from the page of the dashboard itself")
    caller = request.client.host if request.client else "nowhere"
    count(request, caller)
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    there = form.get("next", [""])[0]
    try:
        sealed = await security_of(request).sign_in(
            request, form.get("key", [""])[0].strip(), Scope.READ
        )
    except UnauthorizedError as error:
        request.state.problem = error.code
        return await run_in_threadpool(_login_page, request, 401, _WRONG, there)
    except ForbiddenError as error:
        request.state.problem = error.code
        return await run_in_threadpool(_login_page, request, 403, _NO_READING, there)
    answer = RedirectResponse(
        there if _NEXT.fullmatch(there) else "./", 303, {"Cache-Control": "no-store"}
    )
    answer.set_cookie(
        COOKIE,
        sealed,
        max_age=int(COOKIE_LIFETIME.total_seconds()),
        path=_cookie_path(request),
        secure=True,
        httponly=True,
        samesite="strict",
    )
    return answer


_WRONG: Final = (
    "This key is not valid. It may be mistyped, revoked or too old; nothing tells which."
)
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_NO_READING: Final = "This key may not read. The dashboard needs one with the scope read."


def _login_page(request: Request, status: int, wrong: str | None, there: str) -> Response:
    dashboard: _Dashboard = request.app.state.dashboard
    kept = there if _NEXT.fullmatch(there) else ""
    plain = request.url.scheme == "http" and request.url.hostname not in _LOCAL
    body = dashboard.page(request, "login.html", wrong=wrong, there=kept, plain=plain)
    return HTMLResponse(body, status, _headers() | {"Cache-Control": "no-store"})


def _cookie_path(request: Request) -> str:
    return _root(request) or "/"


@router.get("/logout")
def logout(request: Request) -> Response:
    """Takes the cookie back."""
    answer = RedirectResponse("login", 303, {"Cache-Control": "no-store"})
    answer.delete_cookie(
        COOKIE, path=_cookie_path(request), secure=True, httponly=True, samesite="strict"
    )
    return answer


@router.get("/docs", dependencies=[_Reader])
def docs(request: Request) -> Response:
    """The API's own documentation, to try it out; without its files, where to find it."""
    dashboard: _Dashboard = request.app.state.dashboard
    body = dashboard.page(request, "docs.html")
    return HTMLResponse(body, headers=_headers(_DOCS_POLICY) | {"Cache-Control": "no-cache"})


@router.get("/docs/openapi.json", dependencies=[_Reader])
def specification(request: Request) -> Response:
    """The specification for who reads it here, with the place where the API lives."""
    told = request.app.openapi() | {"servers": [{"url": ".."}]}
    return Response(json.dumps(told), media_type="application/json")


@router.get("/static/{digest}/{name:path}")
def static(digest: str, name: str, request: Request) -> Response:
    """A static file; its address changes with its content."""
    dashboard: _Dashboard = request.app.state.dashboard
    asset = dashboard.assets.find(digest, name)
    if asset is None:
        raise NotFoundError(f"there is no file {quote(name)}")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(asset.body, headers=headers, media_type=asset.media_type)
