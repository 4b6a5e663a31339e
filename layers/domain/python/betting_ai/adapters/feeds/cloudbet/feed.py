"""Cloudbet's feed over HTTP: one call a competition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import httpx

from betting_ai.adapters.feeds.api import Api, ApiAddress, ApiLimits
from betting_ai.adapters.feeds.cloudbet.names import LEAGUE_OF_COMPETITION, MARKETS_ASKED
from betting_ai.adapters.feeds.memory import FeedMemory, FeedState
from betting_ai.clock import Clock
from betting_ai.domain.leagues import LEAGUES, find_league
from betting_ai.errors import FeedError, FeedKeyError, FeedOfflineError, NothingToDoError
from betting_ai.ports.feeds import FeedRequest, Fetched, Payload, PayloadKind
from betting_ai.ports.object_store import NoteStore

NAME: Final = "cloudbet"
_FOR_ALL: Final = (FeedKeyError, FeedOfflineError)


class CloudbetFeed:
    """Prices per competition; the feed has no scores."""

    name = NAME

    def __init__(
        self,
        address: ApiAddress,
        *,
        notes: NoteStore,
        clock: Clock,
        limits: ApiLimits | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._address = address
        self._clock = clock
        self._limits = limits
        self._memory = FeedMemory(NAME, notes, clock)
        self._progress = progress or (lambda _done, _total: None)

    @property
    def state(self) -> FeedState:
        """Failures as they were left."""
        return self._memory.state()

    def fetch(self, request: FeedRequest) -> Fetched:
        """Prices of the leagues asked for.

        Raises:
            UnknownLeagueError: a league code that no feed has.
            NothingToDoError: nothing was asked that this feed has.
            FeedKeyError: the key is not accepted.
            FeedPausedError: it failed too often of late.
            FeedError: not one answer could be had.
        """
        for code in request.leagues or ():
            find_league(code)
        asked = LEAGUES if request.leagues is None else request.leagues
        keys = {key: code for key, code in LEAGUE_OF_COMPETITION.items() if code in asked}
        if not keys or not request.fixtures:
            raise NothingToDoError(
                "Cloudbet has prices of now: ask for fixtures of "
                f"{', '.join(LEAGUE_OF_COMPETITION.values())}"
            )
        with self._memory.watched(), self._api() as api:
            return self._answers(api, keys, request)

    def _api(self) -> Api:
        def sign(request: httpx.Request, key: str) -> None:
            request.headers["X-API-Key"] = key

        return Api(self._address, sign, self._clock, self._limits)

    def _answers(self, api: Api, keys: dict[str, str], request: FeedRequest) -> Fetched:
        payloads: list[Payload] = []
        absent: list[str] = []
        failures: list[FeedError] = []
        for done, (key, league) in enumerate(keys.items(), start=1):
            try:
                payload = self._answer(api, key, request)
            except FeedError as error:
                failures.append(error)
                if isinstance(error, _FOR_ALL):
                    break
            else:
                if payload is None:
                    absent.append(league)
                else:
                    payloads.append(payload)
            self._progress(done, len(keys))
        if failures and not payloads:
            raise failures[0]
        return Fetched(tuple(payloads), tuple(absent), tuple(map(str, failures)))

    def _answer(self, api: Api, key: str, request: FeedRequest) -> Payload | None:
        """A competition; None where the feed does not have it."""
        now = self._clock.now()
        params: dict[str, str | list[str]] = {
            "markets": list(MARKETS_ASKED),
            "from": str(int(now.timestamp())),
        }
        if request.until is not None:
            params["to"] = str(int(request.until.timestamp()))
        answer = api.get(f"/pub/v2/odds/competitions/{key}", params)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        name = f"competitions/{key}.json"
        return Payload(NAME, name, PayloadKind.ODDS, answer.content, self._clock.now())
