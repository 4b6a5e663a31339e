"""The application: the same under a server and under Lambda."""

from __future__ import annotations

import importlib.metadata
from typing import Any, Final

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from betting_ai.api.access import Access, Watch
from betting_ai.api.dashboard.pages import add_dashboard
from betting_ai.api.dependencies import ReadKey
from betting_ai.api.documented import answer
from betting_ai.api.edge import Edge
from betting_ai.api.emf import EmfMetrics
from betting_ai.api.limiting import RateLimiter
from betting_ai.api.options import ApiOptions
from betting_ai.api.problems import answer_with_problems
from betting_ai.api.readiness import Readiness
from betting_ai.api.reading import Reading
from betting_ai.api.routers import betting, crypto, operations
from betting_ai.api.schemas import Problem
from betting_ai.api.security import Security
from betting_ai.api.signatures import Authorities
from betting_ai.bootstrap import App

_ABOUT: Final = """
Finds the day's at most three value bets, says why, and keeps a record that can be checked.

Every route but `/health` needs an application key as a bearer token. Routes that bet or move money
are signed as well (RFC 9421, see docs/signatures.md) and take an `Idempotency-Key`. Failures are
problem+json (RFC 9457) with a stable `code`. Lists go on where `next_cursor` says.
"""


def create_app(app: App, options: ApiOptions) -> FastAPI:
    """The API and the dashboard.

    Nothing is opened here; the database and the models are when the first request needs them.

    Args:
        app: the use cases.
        options: how it is served.
    """
    settings = app.settings
    authorities = Authorities.of(options.authorities)
    api = FastAPI(
        title="Betting AI",
        version=importlib.metadata.version("betting-ai"),
        description=_ABOUT.strip(),
        openapi_url=None,  # served below, to who has a key
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # As they are: a router that is included is one more step for every request.
        routes=[*betting.router.routes, *crypto.router.routes, *operations.router.routes],
    )
    api.state.app = app
    api.state.options = options
    api.state.reading = Reading(app, options.shows)
    api.state.readiness = Readiness(app)
    api.state.limiter = RateLimiter(settings.api_rate_limit)
    api.state.security = Security(
        lambda: app.units(),  # noqa: PLW0108 - opens the database when it is first needed
        app.secrets,
        app.clock,
        authorities,
    )
    answer_with_problems(api)
    add_dashboard(api)

    @api.get("/openapi.json", include_in_schema=False)
    def openapi(_: ReadKey) -> Response:
        return answer(api.openapi())

    api.openapi = lambda: _specification(api)  # type: ignore[method-assign]
    if settings.api_origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=settings.api_origins,
            allow_methods=["GET", "POST"],
            allow_headers=[
                "Authorization", "Content-Type", "Content-Digest", "Idempotency-Key", "Signature",
                "Signature-Input", "If-None-Match", "X-Request-Id",
            ],
            expose_headers=["ETag", "Retry-After", "RateLimit", "X-Request-Id"],
        )  # fmt: skip
    api.add_middleware(Edge, authorities=authorities, networks=settings.api_networks)
    api.add_middleware(Access, watch=_counting(api, app, options))
    return api


def _counting(api: FastAPI, app: App, options: ApiOptions) -> Watch:
    """What counts the requests: a server is asked for its metrics, a Lambda writes them down."""
    if options.mode != "server":
        return EmfMetrics()
    from betting_ai.api.metrics import Metrics, routes  # noqa: PLC0415

    metrics = Metrics(app, options.shows)
    api.include_router(routes(metrics))
    return metrics


def _specification(api: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of the whole application."""
    if api.openapi_schema is None:
        found = get_openapi(
            title=api.title,
            version=api.version,
            openapi_version="3.1.0",
            description=api.description,
            routes=api.routes,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        schemas = found["components"]["schemas"]
        told = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= told.pop("$defs") | {Problem.__name__: told}
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        api.openapi_schema = found
    return api.openapi_schema
