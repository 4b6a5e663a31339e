"""The site feed against a real HTTP server that fails in every way the site does."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from betting_ai.adapters.feeds.football_data.site import SiteFeed, SiteLimits
from betting_ai.adapters.local.object_store import LocalObjectStore
from betting_ai.clock import FixedClock
from betting_ai.domain.leagues import SEASON_FILE_LEAGUES
from betting_ai.errors import (
    FeedError,
    FeedOfflineError,
    InvalidInputError,
    NothingToDoError,
    UnknownLeagueError,
)
from betting_ai.ports.feeds import FeedRequest, Fetched, PayloadKind
from betting_ai.usecases.fetch_feeds import FetchFeeds

NOW = datetime(2025, 3, 14, 18, tzinfo=UTC)
QUICK = SiteLimits(timeout=0.3, pause=0.01)
PAGE = b"<!DOCTYPE HTML><html><body><h1>Multiple Choices</h1></body></html>"


def csv(league: str) -> bytes:
    return f"Div,Date,HomeTeam,AwayTeam\n{league},01/03/2025,Arsenal,Chelsea\n".encode()


class Site(ThreadingHTTPServer):
    """Serves ``files``; ``trouble`` holds, by path, what goes wrong with the next requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.trouble: defaultdict[str, list[int | str]] = defaultdict(list)
        self.asked: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.etags = True
        self.delay = 0.0
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        site = self.server
        with site.lock:
            site.asked[self.path] += 1
            site.at_once += 1
            site.most_at_once = max(site.most_at_once, site.at_once)
            trouble = site.trouble[self.path].pop(0) if site.trouble[self.path] else None
        time.sleep(site.delay)
        try:
            self.answer(site, trouble)
        finally:
            with site.lock:
                site.at_once -= 1

    def answer(self, site: Site, trouble: int | str | None) -> None:
        content = site.files.get(self.path)
        if trouble == "hang":
            time.sleep(0.6)
        elif trouble == "drop":
            self.close_connection = True
        elif trouble == "cut":
            self.send(200, b"Div,Date,Home", length=5000)
            self.close_connection = True
        elif isinstance(trouble, int):
            self.send(trouble, PAGE)
        elif content is None:
            self.send(300, PAGE)
        else:
            self.send_file(site, content)

    def send_file(self, site: Site, content: bytes) -> None:
        tag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        modified = "Fri, 14 Mar 2025 15:00:00 GMT"
        asked = self.headers.get("If-None-Match") or self.headers.get("If-Modified-Since")
        if asked in (tag, modified):
            self.send(304, b"")
            return
        site.sent[self.path] += 1
        headers = {"ETag": tag} if site.etags else {"Last-Modified": modified}
        self.send(200, content, **headers)

    def send(self, status: int, content: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    for league in SEASON_FILE_LEAGUES:
        server.files[f"/mmz4281/2425/{league}.csv"] = csv(league)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path)


def feed(url: str, store: LocalObjectStore, limits: SiteLimits = QUICK) -> SiteFeed:
    return SiteFeed(url, raw=store, notes=store, clock=FixedClock(NOW), limits=limits)


def fetch(site: Site, store: LocalObjectStore, *leagues: str, season: int = 2024) -> Fetched:
    request = FeedRequest(leagues=leagues or None, seasons=(season,))
    return FetchFeeds(feed(site.url, store), store)(request)


def test_a_season_is_fetched_and_kept_raw(site: Site, store: LocalObjectStore) -> None:
    fetched = fetch(site, store)
    assert len(fetched.payloads) == 22
    assert (fetched.not_published, fetched.failed) == ((), ())
    for payload in fetched.payloads:
        assert (payload.season, payload.kind) == (2024, PayloadKind.SEASON)
        assert (payload.name, payload.received_at) == (f"2425/{payload.league}.csv", NOW)
        assert store.get(payload.sha256) == csv(payload.league or "")


def test_files_are_asked_for_a_few_at_a_time(site: Site, store: LocalObjectStore) -> None:
    site.delay = 0.02
    fetch(site, store)
    assert 1 < site.most_at_once <= QUICK.at_once


def test_a_request_names_its_files(site: Site, store: LocalObjectStore) -> None:
    fixtures, extra = b"Div,Date,HomeTeam,AwayTeam\n", b"Country,Season,Date,Home,Away\n"
    site.files |= {"/fixtures.csv": fixtures, "/new_league_fixtures.csv": fixtures}
    site.files["/new/ARG.csv"] = extra
    request = FeedRequest(("E0", "ARG"), (2023, 2024), fixtures=True, extra=True)
    fetched = feed(site.url, store).fetch(request)
    assert set(site.asked) == {
        "/mmz4281/2324/E0.csv", "/mmz4281/2425/E0.csv", "/new/ARG.csv", "/fixtures.csv",
        "/new_league_fixtures.csv",
    }  # fmt: skip
    assert {payload.name: payload.kind for payload in fetched.payloads} == {
        "2425/E0.csv": PayloadKind.SEASON,
        "new/ARG.csv": PayloadKind.EXTRA,
        "fixtures.csv": PayloadKind.FIXTURES,
        "new_league_fixtures.csv": PayloadKind.FIXTURES,
    }
    assert fetched.not_published == ("2324/E0.csv",)


@pytest.mark.parametrize("etags", [True, False])
def test_what_did_not_change_is_not_sent_again(
    site: Site, store: LocalObjectStore, *, etags: bool
) -> None:
    site.etags = etags
    first = fetch(site, store, "E0", "E1")
    second = fetch(site, store, "E0", "E1")
    assert second.payloads == first.payloads
    assert set(site.sent.values()) == {1}
    assert set(site.asked.values()) == {2}


def test_what_changed_is_sent_again(site: Site, store: LocalObjectStore) -> None:
    fetch(site, store, "E0")
    path = "/mmz4281/2425/E0.csv"
    site.files[path] += b"E0,08/03/2025,Leeds,Fulham\n"
    [payload] = fetch(site, store, "E0").payloads
    assert payload.content == site.files[path]


def test_what_the_store_lost_is_asked_for_in_full(site: Site, store: LocalObjectStore) -> None:
    [payload] = fetch(site, store, "E0").payloads
    store.discard(payload.sha256)
    assert fetch(site, store, "E0").payloads == (payload,)


@pytest.mark.parametrize("status", [300, 404])
def test_a_season_that_is_not_published_is_no_failure(
    site: Site, store: LocalObjectStore, status: int
) -> None:
    site.trouble["/mmz4281/2526/E0.csv"] = [status]
    fetched = fetch(site, store, "E0", season=2025)
    assert fetched == Fetched((), not_published=("2526/E0.csv",))


def test_nor_is_a_page_that_says_ok(site: Site, store: LocalObjectStore) -> None:
    site.files["/mmz4281/2526/E0.csv"] = PAGE
    assert fetch(site, store, "E0", season=2025).not_published == ("2526/E0.csv",)


@pytest.mark.parametrize(
    "trouble",
    [[503], [500, 502], [429], ["hang"], ["drop"], ["cut"], ["drop", 503]],
    ids=str,
)
def test_passing_failures_are_waited_out(
    site: Site, store: LocalObjectStore, trouble: list[int | str]
) -> None:
    path = "/mmz4281/2425/E0.csv"
    site.trouble[path] = list(trouble)
    fetched = fetch(site, store, "E0")
    assert [payload.content for payload in fetched.payloads] == [csv("E0")]
    assert site.asked[path] == len(trouble) + 1


@pytest.mark.parametrize(
    ("trouble", "why"), [(503, "answered 503"), ("hang", "no answer within 0.3 s")]
)
def test_one_file_that_fails_does_not_stop_the_others(
    site: Site, store: LocalObjectStore, trouble: int | str, why: str
) -> None:
    site.trouble["/mmz4281/2425/E1.csv"] = [trouble] * 3
    fetched = fetch(site, store, "E0", "E1")
    assert [payload.league for payload in fetched.payloads] == ["E0"]
    [line] = fetched.failed
    assert "2425/E1.csv" in line
    assert why in line


def test_a_refusal_is_not_asked_again(site: Site, store: LocalObjectStore) -> None:
    path = "/mmz4281/2425/E0.csv"
    site.trouble[path] = [403]
    with pytest.raises(FeedError, match="answered 403"):
        fetch(site, store, "E0")
    assert site.asked[path] == 1


def test_pauses_grow(site: Site, store: LocalObjectStore) -> None:
    path = "/mmz4281/2425/E0.csv"
    site.trouble[path] = [503, 503]
    began = time.monotonic()
    limits = SiteLimits(pause=0.1)
    feed(site.url, store, limits).fetch(FeedRequest(("E0",), (2024,)))
    assert time.monotonic() - began >= 0.1 + 0.2


def test_a_site_that_cannot_be_reached_is_offline_in_one_line(store: LocalObjectStore) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{server.server_port}"
    server.server_close()
    with pytest.raises(FeedOfflineError) as caught:
        feed(url, store).fetch(FeedRequest(("E0", "E1"), (2024,)))
    message = str(caught.value)
    assert message.startswith(url)
    assert "cannot be reached" in message
    assert "\n" not in message


def test_what_was_fetched_before_a_failure_is_remembered(
    site: Site, store: LocalObjectStore
) -> None:
    site.trouble["/mmz4281/2425/E1.csv"] = [503] * 3
    fetch(site, store, "E0", "E1")
    fetch(site, store, "E0", "E1")
    assert site.sent == {"/mmz4281/2425/E0.csv": 1, "/mmz4281/2425/E1.csv": 1}


def test_requests_for_nothing(store: LocalObjectStore) -> None:
    nowhere = feed("http://127.0.0.1:9", store)
    with pytest.raises(NothingToDoError, match="name seasons"):
        nowhere.fetch(FeedRequest())
    with pytest.raises(UnknownLeagueError, match="XX"):
        nowhere.fetch(FeedRequest(leagues=("XX",), seasons=(2024,)))


def test_a_damaged_note_does_not_lock_the_feed(site: Site, store: LocalObjectStore) -> None:
    store.write("football_data.site.json", b"{ not json")
    assert len(fetch(site, store, "E0").payloads) == 1


def test_an_address_that_is_none_is_named(store: LocalObjectStore) -> None:
    with pytest.raises(InvalidInputError, match="ftp"):
        feed("ftp://example.org", store)
