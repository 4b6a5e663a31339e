"""What routes ask for: who calls, within their rate, and what can be read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Depends, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException as HTTPError
from starlette.responses import Response

from betting_ai.api.limiting import RateLimiter
from betting_ai.api.reading import Reading
from betting_ai.api.security import Caller, Security, SignedCall, security_of
from betting_ai.bootstrap import App
from betting_ai.domain.keys import Scope
from betting_ai.errors import InvalidInputError, RateLimitedError, UnauthorizedError

Asked = TypeVar("Asked", Caller, SignedCall)


class _Guard(HTTPBearer, Generic[Asked]):
    """Lets in who may call; to the specification, a bearer token."""

    def __init__(self, ask: Callable[[Security, Request], Awaitable[Asked]]) -> None:
        super().__init__(
            scheme_name="key",
            bearerFormat="bai_...",
            description="An application key; `betting-ai keys create` makes one.",
        )
        self._ask: Callable[[Security, Request], Awaitable[Asked]] = ask

    async def __call__(self, request: Request) -> Asked:  # type: ignore[override]
        """Who calls, within their rate."""
        return await _within_rate(request, self._ask(security_of(request), request))


async def _within_rate(request: Request, asked: Awaitable[Asked]) -> Asked:
    """Count a call for its key, and one without a good key for its address."""
    try:
        found = await asked
    except UnauthorizedError:
        count(request, request.client.host if request.client else "nowhere")
        raise
    _refuse_other_types(request)
    _refuse_unknown_parameters(request)
    who = found.caller if isinstance(found, SignedCall) else found
    request.state.key_id = who.key.id
    count(request, who.key.id)
    return found


def _refuse_unknown_parameters(request: Request) -> None:
    """A parameter that is misspelt must not be taken for one that was left out."""
    if not request.scope["query_string"]:
        return
    route: APIRoute = request.scope["route"]
    known = {field.alias for field in route.dependant.query_params}
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        told = ", ".join(sorted(known)) or "none"
        raise InvalidInputError(f"query: unknown parameter {unknown[0][:40]!r}; known are: {told}")


def _refuse_other_types(request: Request) -> None:
    """A body of another type is not read at all."""
    if request.method != "POST":
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "the body must be JSON: Content-Type: application/json")


def count(request: Request, who: str) -> None:
    """Count a call of somebody on a route; the answer will say how many are left.

    Raises:
        RateLimitedError: it is one too many; that answer says so too.
    """
    limiter: RateLimiter = request.app.state.limiter
    route = f"{request.method} {request.scope['route'].path}"
    try:
        request.state.rate_headers = limiter.count(who, route)
    except RateLimitedError as error:
        request.state.rate_headers = limiter.headers(0, error.retry_after)
        raise


async def _reading(request: Request) -> Reading:
    found: Reading = request.app.state.reading
    return found


async def _app(request: Request) -> App:
    found: App = request.app.state.app
    return found


class KeyFirst(APIRoute):
    """A route that asks for the key before it says anything about a body.

    The framework reads a body before it looks at what a route depends on.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Answers as every route does."""
        usual = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await usual(request)
            except (RequestValidationError, HTTPError):
                if not hasattr(request.state, "key_id"):
                    await reader(request)
                raise

        return handle


reader: Final = _Guard[Caller](lambda guard, call: guard.caller(call, Scope.READ))
"""Who reads, for `ReadKey` and for routes that ask by themselves."""

ReadKey = Annotated[Caller, Depends(reader)]
"""A key that may read."""

_better: Final = _Guard[SignedCall](lambda guard, call: guard.signed_call(call, Scope.BET))
_payer: Final = _Guard[SignedCall](lambda guard, call: guard.signed_call(call, Scope.TRANSFER))

BetCall = Annotated[SignedCall, Depends(_better)]
"""A signed call by a key that may bet."""

TransferCall = Annotated[SignedCall, Depends(_payer)]
"""A signed call by a key that may move money."""

ReadingOf = Annotated[Reading, Depends(_reading)]
AppOf = Annotated[App, Depends(_app)]
