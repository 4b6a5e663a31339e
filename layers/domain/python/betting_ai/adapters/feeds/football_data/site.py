"""The site itself: a few files at once, again only when they changed, patient with failures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

import httpx

from betting_ai.adapters.feeds.football_data.extra import COUNTRY_CODES
from betting_ai.adapters.feeds.football_data.seasons import season_code
from betting_ai.clock import Clock
from betting_ai.domain.leagues import SEASON_FILE_LEAGUES, find_league
from betting_ai.errors import FeedError, FeedOfflineError, InvalidInputError, NothingToDoError
from betting_ai.ports.feeds import FeedRequest, Fetched, Payload, PayloadKind
from betting_ai.ports.object_store import NoteStore, RawStore

_NOTE: Final = "football_data.site.json"
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_ABSENT: Final = frozenset({300, 404})  # 300: "however, we found documents with similar names"


@dataclass(frozen=True)
class SiteLimits:
    """How the site is treated.

    Attributes:
        at_once: files asked for at the same time.
        attempts: how often a file is asked for before giving up.
        timeout: seconds to wait for an answer.
        pause: seconds before the second attempt; doubles with each further one.
    """

    at_once: int = 4
    attempts: int = 3
    timeout: float = 20.0
    pause: float = 0.5


@dataclass(frozen=True)
class _Target:
    path: str
    name: str
    kind: PayloadKind
    league: str | None = None
    season: int | None = None


class _Absence(Enum):
    NOT_PUBLISHED = "not published"


class SiteFeed:
    """Season files, extra leagues and fixtures over HTTP.

    What changed is decided by the site (ETag, Last-Modified); what did not change is taken from the
    raw store, so a payload whose ingest failed is handed over again.

    Raises:
        InvalidInputError: when made with something that is no HTTP address.
    """

    name = "football_data"

    def __init__(
        self,
        url: str,
        *,
        raw: RawStore,
        notes: NoteStore,
        clock: Clock,
        limits: SiteLimits | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise InvalidInputError(f"{url!r} is no address of a site; write https://...")
        self._url = url.rstrip("/")
        self._raw = raw
        self._notes = notes
        self._clock = clock
        self._limits = limits or SiteLimits()
        self._progress = progress

    def fetch(self, request: FeedRequest) -> Fetched:
        """The site's files of the request; seasons must be named.

        Raises:
            UnknownLeagueError: a league code that no feed has.
            NothingToDoError: the request names nothing that the site has.
            FeedOfflineError: not one file could be had.
        """
        targets = _targets(request)
        if not targets:
            raise NothingToDoError("nothing to fetch: name seasons, or ask for fixtures or extra")
        return asyncio.run(self._fetch(targets))

    async def _fetch(self, targets: list[_Target]) -> Fetched:
        known = self._remembered()
        gate = asyncio.Semaphore(self._limits.at_once)
        done = 0
        async with httpx.AsyncClient(
            base_url=self._url, timeout=self._limits.timeout, follow_redirects=True
        ) as client:

            async def one(target: _Target) -> Payload | _Absence | FeedError:
                nonlocal done
                outcome: Payload | _Absence | FeedError
                async with gate:
                    try:
                        outcome = await self._file(client, target, known)
                    except FeedError as error:
                        outcome = error
                done += 1
                if self._progress:
                    self._progress(done, len(targets))
                return outcome

            outcomes = await asyncio.gather(*(one(target) for target in targets))
        self._notes.write(_NOTE, json.dumps(known, indent=1, sort_keys=True).encode())
        pairs = list(zip(targets, outcomes, strict=True))
        failures = [o for _, o in pairs if isinstance(o, FeedError)]
        if len(failures) == len(targets):
            raise failures[0]
        return Fetched(
            payloads=tuple(o for _, o in pairs if isinstance(o, Payload)),
            not_published=tuple(t.name for t, o in pairs if isinstance(o, _Absence)),
            failed=tuple(str(error) for error in failures),
        )

    async def _file(
        self, client: httpx.AsyncClient, target: _Target, known: dict[str, dict[str, str]]
    ) -> Payload | _Absence:
        memory = known.get(target.path, {})
        if not self._raw.holds(memory.get("sha256", "0" * 64)):
            memory = {}
        asked = {
            header: memory[note]
            for header, note in (("If-None-Match", "etag"), ("If-Modified-Since", "modified"))
            if note in memory
        }
        answer = await self._ask(client, target.path, asked)
        if answer.status_code == httpx.codes.NOT_MODIFIED and memory:
            return self._payload(target, self._raw.get(memory["sha256"]))
        if answer.status_code in _ABSENT:
            return _Absence.NOT_PUBLISHED
        if answer.status_code != httpx.codes.OK:
            raise FeedError(f"{self._url}{target.path} answered {answer.status_code}")
        if answer.content.lstrip()[:1] == b"<":
            return _Absence.NOT_PUBLISHED
        payload = self._payload(target, answer.content)
        known[target.path] = {
            "sha256": payload.sha256,
            **{
                note: answer.headers[header]
                for header, note in (("ETag", "etag"), ("Last-Modified", "modified"))
                if header in answer.headers
            },
        }
        return payload

    async def _ask(
        self, client: httpx.AsyncClient, path: str, headers: dict[str, str]
    ) -> httpx.Response:
        why = ""
        for attempt in range(self._limits.attempts):
            if attempt:
                await asyncio.sleep(self._limits.pause * 2 ** (attempt - 1))
            try:
                answer = await client.get(path, headers=headers)
            except httpx.TimeoutException:
                why = f"gave no answer within {self._limits.timeout:g} s"
            except httpx.TransportError as error:
                why = f"cannot be reached ({error or type(error).__name__})"
            else:
                if answer.status_code not in _BUSY:
                    return answer
                why = f"answered {answer.status_code}"
        tries = self._limits.attempts
        raise FeedOfflineError(f"{self._url}{path} {why}, {tries} times; try again later")

    def _payload(self, target: _Target, content: bytes) -> Payload:
        return Payload(
            source=self.name,
            name=target.name,
            kind=target.kind,
            content=content,
            received_at=self._clock.now(),
            league=target.league,
            season=target.season,
        )

    def _remembered(self) -> dict[str, dict[str, str]]:
        try:
            known: dict[str, dict[str, str]] = json.loads(self._notes.read(_NOTE) or b"{}")
        except ValueError:
            return {}  # it only saves traffic
        return known


def _targets(request: FeedRequest) -> list[_Target]:
    for code in request.leagues or ():
        find_league(code)
    targets = [
        _Target(
            path=f"/mmz4281/{season_code(season)}/{league}.csv",
            name=f"{season_code(season)}/{league}.csv",
            kind=PayloadKind.SEASON,
            league=league,
            season=season,
        )
        for season in request.seasons or ()
        for league in SEASON_FILE_LEAGUES
        if request.leagues is None or league in request.leagues
    ]
    if request.extra:
        targets += [
            _Target(f"/new/{code}.csv", f"new/{code}.csv", PayloadKind.EXTRA, league=code)
            for code in COUNTRY_CODES.values()
            if request.leagues is None or code in request.leagues
        ]
    if request.fixtures:
        targets.append(_Target("/fixtures.csv", "fixtures.csv", PayloadKind.FIXTURES))
        if request.extra:
            name = "new_league_fixtures.csv"
            targets.append(_Target(f"/{name}", name, PayloadKind.FIXTURES))
    return targets
