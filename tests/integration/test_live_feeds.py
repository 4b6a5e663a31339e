"""The live feeds against a real HTTP server that fails, counts credits and asks for patience."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from betting_ai.adapters.feeds.api import ApiAddress, ApiLimits
from betting_ai.adapters.feeds.cloudbet.feed import CloudbetFeed
from betting_ai.adapters.feeds.memory import FIRST_PAUSE
from betting_ai.adapters.feeds.odds_api.feed import OddsApiFeed, OddsApiPlan
from betting_ai.adapters.local.object_store import LocalObjectStore
from betting_ai.clock import FixedClock
from betting_ai.errors import (
    DomainError,
    FeedError,
    FeedKeyError,
    FeedOfflineError,
    FeedPausedError,
    FeedQuotaError,
    InvalidInputError,
    NothingToDoError,
    UnknownLeagueError,
)
from betting_ai.ports.feeds import FeedRequest, Fetched, PayloadKind
from betting_ai.usecases.fetch_feeds import FetchFeeds
from fake_api import KEY, PAGE, FakeApi, Trouble, odds_row, score_row, serving

NOW = datetime(2024, 10, 18, 18, tzinfo=UTC)
QUICK = ApiLimits(timeout=0.3, pause=0.01, longest_wait=0.5)
SPORTS = "/v4/sports"
ODDS = "/v4/sports/soccer_epl/odds"
SPANISH_ODDS = "/v4/sports/soccer_spain_la_liga/odds"
SCORES = "/v4/sports/soccer_epl/scores"
EPL = "/pub/v2/odds/competitions/soccer-england-premier-league"
ENGLAND = FeedRequest(("E0",), fixtures=True)
BOTH = FeedRequest(("E0", "SP1"), fixtures=True)
COMING = [odds_row(NOW + timedelta(hours=20), {"pinnacle": (2.1, 3.4, 3.6)}, told=NOW)]


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with serving() as server:
        active = ["soccer_epl", "soccer_spain_la_liga"]
        server.put(SPORTS, [{"key": key, "active": True} for key in active])
        server.put(ODDS, COMING, cost=2)
        server.put(SPANISH_ODDS, [], cost=2)
        server.put(SCORES, [score_row(NOW - timedelta(days=1), (1, 0))], cost=2)
        server.put(EPL, {"key": "soccer-england-premier-league", "events": []})
        yield server


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path)


def odds_api(url: str, store: LocalObjectStore, at: datetime = NOW, **plan: Any) -> OddsApiFeed:
    address = ApiAddress("The Odds API", url, SecretStr(KEY), "BETTING_AI_ODDS_API_KEY")
    clock, asked = FixedClock(at), OddsApiPlan(**plan)
    return OddsApiFeed(address, plan=asked, notes=store, clock=clock, limits=QUICK)


def cloudbet(url: str, store: LocalObjectStore) -> CloudbetFeed:
    address = ApiAddress("Cloudbet", url, SecretStr(KEY), "BETTING_AI_CLOUDBET_KEY")
    return CloudbetFeed(address, notes=store, clock=FixedClock(NOW), limits=QUICK)


def fetch(api: FakeApi, store: LocalObjectStore, request: FeedRequest = ENGLAND) -> Fetched:
    return FetchFeeds(odds_api(api.url, store), store)(request)


def test_prices_are_kept_raw_as_they_came(api: FakeApi, store: LocalObjectStore) -> None:
    [payload] = fetch(api, store).payloads
    assert (payload.source, payload.name) == ("odds_api", "odds/soccer_epl.json")
    assert (payload.kind, payload.received_at, payload.league) == (PayloadKind.ODDS, NOW, None)
    assert store.get(payload.sha256) == payload.content == api.answers[ODDS]


def test_a_question_says_what_it_wants(api: FakeApi, store: LocalObjectStore) -> None:
    until = NOW + timedelta(hours=24)
    request = FeedRequest(("E0",), fixtures=True, results=True, until=until)
    feed = odds_api(api.url, store, regions=("uk", "eu"), markets=("h2h", "totals", "spreads"))
    assert [p.kind for p in feed.fetch(request).payloads] == [PayloadKind.SCORES, PayloadKind.ODDS]
    sports, scores, odds = api.asked
    assert sports.query == {"apiKey": [KEY]}
    assert scores.query == {"apiKey": [KEY], "dateFormat": ["iso"], "daysFrom": ["3"]}
    assert odds.query == {
        "apiKey": [KEY],
        "dateFormat": ["iso"],
        "oddsFormat": ["decimal"],
        "regions": ["uk,eu"],
        "markets": ["h2h,totals,spreads"],
        "commenceTimeFrom": ["2024-10-18T18:00:00Z"],
        "commenceTimeTo": ["2024-10-19T18:00:00Z"],
    }


def test_a_league_out_of_season_is_not_asked_for(api: FakeApi, store: LocalObjectStore) -> None:
    fetched = fetch(api, store, FeedRequest(("E0", "D1"), fixtures=True))
    assert fetched.not_published == ("D1",)
    assert api.paths() == [SPORTS, ODDS]


def test_requests_for_nothing(api: FakeApi, store: LocalObjectStore) -> None:
    for request in (FeedRequest(("E0",)), FeedRequest(("EC",), fixtures=True)):
        with pytest.raises(NothingToDoError, match="ask for fixtures or results"):
            fetch(api, store, request)
    with pytest.raises(UnknownLeagueError):
        fetch(api, store, FeedRequest(("XX",), fixtures=True))
    assert api.asked == []


# --- quota and budget


def test_the_quota_is_remembered_as_the_headers_tell(api: FakeApi, store: LocalObjectStore) -> None:
    fetch(api, store)
    state = odds_api(api.url, store).state
    assert (state.remaining, state.used, state.told_at) == (498, 2, NOW.isoformat())
    assert (state.spent_today, state.spent_this_month) == (2, 2)
    assert state.succeeded_at == NOW.isoformat()


def test_an_empty_answer_costs_nothing(api: FakeApi, store: LocalObjectStore) -> None:
    fetch(api, store, FeedRequest(("SP1",), fixtures=True))
    assert odds_api(api.url, store).state.spent_today == 0


def test_what_costs_more_than_is_left_is_not_asked(api: FakeApi, store: LocalObjectStore) -> None:
    api.remaining = 1
    with pytest.raises(FeedQuotaError) as caught:
        fetch(api, store)
    assert str(caught.value) == (
        "The Odds API is not asked for odds/soccer_epl.json: it costs 2 credits and 1 are left "
        "of the plan's quota"
    )
    assert api.paths() == [SPORTS]


def test_news_of_the_quota_does_not_block_for_good(api: FakeApi, store: LocalObjectStore) -> None:
    api.remaining = 0
    with pytest.raises(FeedQuotaError):
        fetch(api, store)
    api.remaining = None  # the plan was renewed, and this API does not say so
    with pytest.raises(FeedQuotaError):
        odds_api(api.url, store, at=NOW + timedelta(hours=23)).fetch(ENGLAND)
    later = odds_api(api.url, store, at=NOW + timedelta(hours=24))
    assert len(later.fetch(ENGLAND).payloads) == 1


def test_what_was_paid_for_is_kept_when_the_rest_is_too_dear(
    api: FakeApi, store: LocalObjectStore
) -> None:
    api.remaining = 3
    fetched = fetch(api, store, BOTH)
    assert [p.name for p in fetched.payloads] == ["odds/soccer_epl.json"]
    [line] = fetched.failed
    assert "odds/soccer_spain_la_liga.json: it costs 2 credits and 1 are left" in line


@pytest.mark.parametrize("budget", ["daily_budget", "monthly_budget"])
def test_a_budget_holds_from_visit_to_visit(
    api: FakeApi, store: LocalObjectStore, budget: str
) -> None:
    fetch(api, store)
    with pytest.raises(FeedQuotaError, match=f"BETTING_AI_ODDS_API_{budget.upper()}"):
        odds_api(api.url, store, **{budget: 3}).fetch(ENGLAND)
    days = 1 if budget == "daily_budget" else 14
    later = odds_api(api.url, store, at=NOW + timedelta(days=days), **{budget: 3})
    assert len(later.fetch(ENGLAND).payloads) == 1


def test_an_answer_that_got_lost_is_counted_as_paid(api: FakeApi, store: LocalObjectStore) -> None:
    api.trouble[ODDS] = [Trouble(deed="drop")]
    fetch(api, store)
    assert odds_api(api.url, store).state.spent_today == 4
    api.trouble[ODDS] = [Trouble(503)]  # a refusal is not charged
    fetch(api, store)
    assert odds_api(api.url, store).state.spent_today == 6


# --- failures


@pytest.mark.parametrize(
    "trouble",
    [
        [Trouble(503)],
        [Trouble(500), Trouble(502)],
        [Trouble(429, headers={"Retry-After": "0"})],
        [Trouble(deed="hang")],
        [Trouble(deed="drop")],
        [Trouble(deed="cut")],
    ],
    ids=str,
)
def test_passing_failures_are_waited_out(
    api: FakeApi, store: LocalObjectStore, trouble: list[Trouble]
) -> None:
    api.trouble[ODDS] = list(trouble)
    assert [p.content for p in fetch(api, store).payloads] == [api.answers[ODDS]]
    assert api.paths().count(ODDS) == len(trouble) + 1


@pytest.mark.parametrize(
    "told", ["1", format_datetime(NOW + timedelta(seconds=1), usegmt=True)], ids=["number", "date"]
)
def test_a_wait_that_is_asked_for_is_kept(
    api: FakeApi, store: LocalObjectStore, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    api.trouble[ODDS] = [Trouble(429, headers={"Retry-After": told})]
    address = ApiAddress("The Odds API", api.url, SecretStr(KEY), "X")
    limits = ApiLimits(timeout=5.0, pause=0.01, longest_wait=30.0)
    OddsApiFeed(
        address, plan=OddsApiPlan(), notes=store, clock=FixedClock(NOW), limits=limits
    ).fetch(ENGLAND)
    assert waits == [1.0]


def test_a_long_wait_is_told_instead(api: FakeApi, store: LocalObjectStore) -> None:
    api.trouble[SPORTS] = [Trouble(429, headers={"Retry-After": "3600"})]
    with pytest.raises(FeedOfflineError, match="answered 429 and asks to wait 3600 s"):
        fetch(api, store)
    assert api.paths() == [SPORTS]


@pytest.mark.parametrize(
    ("trouble", "error", "why"),
    [
        (Trouble(401), FeedKeyError, "does not accept the key in BETTING_AI_ODDS_API_KEY .401"),
        (Trouble(403, body=PAGE), FeedKeyError, r"BETTING_AI_ODDS_API_KEY \(403\)"),
        (
            Trouble(401, body=b'{"message": "Usage", "error_code": "OUT_OF_USAGE_CREDITS"}'),
            FeedQuotaError,
            "nothing is left of the quota: Usage",
        ),
        (Trouble(422), FeedError, "answered 422: so it is"),
        (Trouble(301), FeedError, "answered 301"),
        (Trouble(404), FeedError, "answered 404"),
        (Trouble(deed="echo"), FeedError, "repeats the key"),
    ],
    ids=str,
)
def test_a_refusal_is_told_and_not_asked_again(
    api: FakeApi, store: LocalObjectStore, trouble: Trouble, error: type[FeedError], why: str
) -> None:
    api.trouble[ODDS] = [trouble]
    with pytest.raises(error, match=why) as caught:
        fetch(api, store)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert api.paths() == [SPORTS, ODDS]


@pytest.mark.parametrize("body", [PAGE, b"", b"{", b"[1, 2]", b'{"message": "x"}', b"\xff\xfe"])
def test_a_list_of_sports_that_is_none(api: FakeApi, store: LocalObjectStore, body: bytes) -> None:
    api.answers[SPORTS] = body
    with pytest.raises(FeedError, match="list of sports"):
        fetch(api, store)


def test_one_league_that_fails_does_not_stop_the_others(
    api: FakeApi, store: LocalObjectStore
) -> None:
    api.trouble[ODDS] = [Trouble(422)]
    fetched = fetch(api, store, BOTH)
    assert [p.name for p in fetched.payloads] == ["odds/soccer_spain_la_liga.json"]
    assert [line.partition("odds ")[2] for line in fetched.failed] == ["answered 422: so it is"]


def test_what_would_fail_for_all_is_not_asked_on(api: FakeApi, store: LocalObjectStore) -> None:
    england = FeedRequest(("E0",), fixtures=True, results=True)
    api.trouble[ODDS] = [Trouble(503)] * 3
    fetched = fetch(api, store, england)
    assert [payload.kind for payload in fetched.payloads] == [PayloadKind.SCORES]
    assert "answered 503, 3 times" in fetched.failed[0]
    api.trouble[SCORES] = [Trouble(401)]
    with pytest.raises(FeedKeyError):
        fetch(api, store, england)
    assert api.paths()[-1] == SCORES


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_feed_that_fails_again_and_again_is_left_alone(
    api: FakeApi, store: LocalObjectStore
) -> None:
    nowhere = closed_port()
    for _ in range(3):
        with pytest.raises(FeedOfflineError, match="cannot be reached"):
            odds_api(nowhere, store).fetch(ENGLAND)
    with pytest.raises(FeedPausedError, match=r"failed 3 times in a row .* until 2024-10-18 18:15"):
        odds_api(api.url, store).fetch(ENGLAND)
    assert api.asked == []
    after = odds_api(api.url, store, at=NOW + FIRST_PAUSE)
    assert len(after.fetch(ENGLAND).payloads) == 1
    assert (after.state.failures, after.state.paused_until) == (0, None)


def test_pauses_grow(store: LocalObjectStore) -> None:
    nowhere, at, pauses = closed_port(), NOW, []
    for _ in range(9):
        feed = odds_api(nowhere, store, at=at)
        with pytest.raises(FeedOfflineError):
            feed.fetch(ENGLAND)
        if feed.state.paused_until:
            until = datetime.fromisoformat(feed.state.paused_until)
            pauses.append(int((until - at).total_seconds()) // 60)
            at = until
    assert pauses == [15, 30, 60, 120, 240, 360, 360]


def test_a_wrong_key_can_be_mended_at_once(api: FakeApi, store: LocalObjectStore) -> None:
    for _ in range(5):
        api.trouble[SPORTS] = [Trouble(401)]
        with pytest.raises(FeedKeyError):
            fetch(api, store)
    assert len(fetch(api, store).payloads) == 1


@pytest.mark.parametrize("note", [b"{ not json", b"[]", b'{"failures": "many", "day": 3}', b"null"])
def test_a_damaged_note_does_not_lock_the_feed(
    api: FakeApi, store: LocalObjectStore, note: bytes
) -> None:
    store.write("odds_api.state.json", note)
    assert len(fetch(api, store).payloads) == 1


# --- the key


def every_failure(api: FakeApi, store: LocalObjectStore) -> Iterator[Callable[[], object]]:
    for deed in ("hang", "drop", "cut", "echo"):
        for path in (SPORTS, ODDS, EPL):
            api.trouble[path] = [Trouble(deed=deed)] * 3
            yield lambda: fetch(api, store)
            yield lambda: cloudbet(api.url, store).fetch(ENGLAND)
    for status in (301, 400, 401, 403, 404, 422, 429, 500, 503):
        for path in (SPORTS, ODDS, EPL):
            body = f'{{"message": "no key {KEY}"}}'.encode()
            api.trouble[path] = [Trouble(status, body=body)] * 3
            yield lambda: fetch(api, store)
            yield lambda: cloudbet(api.url, store).fetch(ENGLAND)


def test_the_key_is_in_no_error_no_log_and_no_file(
    api: FakeApi, store: LocalObjectStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="httpx")  # which a log of our own may have hushed
    told = []
    for number, visit in enumerate(every_failure(api, store)):
        store.write("odds_api.state.json", b"{}")  # not to be left alone
        store.write("cloudbet.state.json", b"{}")
        try:
            told.append(str(visit()))
        except DomainError as error:
            told += [str(error), repr(error)]
            told += [str(error.__cause__), str(error.__context__)]
        assert number < 100
    assert len(api.asked) > 60
    assert KEY not in "".join(told)
    assert "HTTP Request: GET" in caplog.text  # the client does log what it asks
    assert KEY not in caplog.text
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        kept = store.get(file.name) if "raw" in file.parts else file.read_bytes()
        assert KEY.encode() not in kept


def test_a_key_that_is_none_is_refused_without_being_repeated() -> None:
    for wrong in ("short", "k3y with a space in it", "line\nbreak-in-the-key", "schlüssel-key"):
        with pytest.raises(InvalidInputError, match="BETTING_AI_ODDS_API_KEY holds") as caught:
            ApiAddress(
                "The Odds API", "http://127.0.0.1", SecretStr(wrong), "BETTING_AI_ODDS_API_KEY"
            )
        assert wrong not in str(caught.value)


def test_addresses_and_plans_that_cannot_be() -> None:
    with pytest.raises(InvalidInputError, match="ftp"):
        ApiAddress("Cloudbet", "ftp://127.0.0.1", SecretStr(KEY), "X")
    with pytest.raises(InvalidInputError, match=r"no such region \('moon'\)"):
        OddsApiPlan(regions=("eu", "moon"))
    with pytest.raises(InvalidInputError, match="no such market"):
        OddsApiPlan(markets=())
    assert OddsApiPlan(("eu", "uk"), ("h2h", "totals", "spreads")).odds_cost == 6


# --- Cloudbet


def test_a_competition_is_asked_for_with_the_key_in_a_header(
    api: FakeApi, store: LocalObjectStore
) -> None:
    until = NOW + timedelta(hours=24)
    fetched = cloudbet(api.url, store).fetch(FeedRequest(("E0",), fixtures=True, until=until))
    [payload], [asked] = fetched.payloads, api.asked
    assert (payload.source, payload.kind) == ("cloudbet", PayloadKind.ODDS)
    assert payload.name == "competitions/soccer-england-premier-league.json"
    assert asked.headers["X-API-Key"] == KEY
    assert asked.query["markets"][0] == "soccer.match_odds"
    assert asked.query["from"] == [str(int(NOW.timestamp()))]
    assert asked.query["to"] == [str(int(until.timestamp()))]


def test_a_competition_that_it_does_not_have_is_no_failure(
    api: FakeApi, store: LocalObjectStore
) -> None:
    fetched = cloudbet(api.url, store).fetch(BOTH)
    assert (len(fetched.payloads), fetched.not_published) == (1, ("SP1",))
    with pytest.raises(NothingToDoError):
        cloudbet(api.url, store).fetch(FeedRequest(("E0",), results=True))


def test_its_failures_are_told_too(api: FakeApi, store: LocalObjectStore) -> None:
    api.trouble[EPL] = [Trouble(400)]
    with pytest.raises(FeedError, match="answered 400: so it is"):
        cloudbet(api.url, store).fetch(ENGLAND)
    api.trouble[EPL] = [Trouble(401)]
    with pytest.raises(FeedKeyError, match="BETTING_AI_CLOUDBET_KEY"):
        cloudbet(api.url, store).fetch(BOTH)
    assert cloudbet(api.url, store).state.failures == 1
