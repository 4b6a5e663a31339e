"""The routes over real HTTP and a real database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import BaseModel

from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.api import schemas
from betting_ai.api.options import ApiOptions
from betting_ai.api.reading import Reading
from betting_ai.clock import MovingClock
from betting_ai.domain.protections import Limits
from betting_ai.usecases.place_bet import PlaceBetCommand
from integration.api_world import Api, served
from integration.record_world import EVENING, MORNING, SLUGS, World, match, pick, slate, world

__all__ = ["world"]

V1 = "/api/v1/betting"


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock(MORNING + timedelta(minutes=5))


@pytest.fixture
def api(world: World, database_url: str, tmp_path: Path, clock: MovingClock) -> Iterator[Api]:
    """Four matches; two picks; a paper session."""
    world.publish(slate(pick(0, 1), pick(1, 2)))
    with SqlUnitOfWork(world.engine) as unit:
        unit.bets.open_session("test", "paper", "units", Decimal(1000), Limits(), MORNING)
        unit.commit()
    with served(database_url, tmp_path, clock=clock, paper_rejects=0, paper_delay=0) as api:
        yield api


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with api.client("read") as client:
        yield client


@pytest.fixture
def better(api: Api) -> Iterator[httpx.Client]:
    with api.client("read", "bet") as client:
        yield client


def told(answer: httpx.Response, model: type[BaseModel], status: int = 200) -> dict[str, Any]:
    """An answer that is of its shape, to the last field."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    model.model_validate_json(answer.content, strict=False)
    found: dict[str, Any] = answer.json()
    return found


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """A failure of a shape that programs can rely on."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    problem = schemas.Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.status, problem.code) == (status, status, code)
    assert problem.request_id == answer.headers["X-Request-Id"]
    return problem.detail


def every_page(client: httpx.Client, path: str, **asked: Any) -> list[list[dict[str, Any]]]:
    pages, cursor = [], None
    while True:
        page = client.get(path, params=asked | ({"cursor": cursor} if cursor else {})).json()
        pages.append(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return pages


def bet(client: httpx.Client, body: dict[str, Any], key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key or str(uuid4())}
    return client.post(f"{V1}/bets", json=body, headers=headers)


def test_top3_is_the_newest_slate_and_names_itself(client: httpx.Client) -> None:
    first = client.get(f"{V1}/top3")
    found = told(first, schemas.SlateTold)
    assert [one["event_id"] for one in found["picks"]] == SLUGS[:2]
    again = client.get(
        f"{V1}/top3", headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    refused(client.get(f"{V1}/top3", params={"profile": "value"}), 404, "not_found")


def test_a_new_slate_is_seen_within_a_second(client: httpx.Client, world: World) -> None:
    before = client.get(f"{V1}/top3").headers["ETag"]
    world.publish(slate(pick(2, 1), as_of=MORNING + timedelta(minutes=1)))
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        if client.get(f"{V1}/top3").headers["ETag"] != before:
            return
    pytest.fail("the old slate is still told")


def test_events_come_page_by_page_by_kickoff(client: httpx.Client) -> None:
    pages = every_page(client, f"{V1}/events", limit=3)
    assert [len(page) for page in pages] == [3, 1]
    assert sorted(one["event_id"] for page in pages for one in page) == sorted(SLUGS)
    page = told(client.get(f"{V1}/events"), schemas.Page[schemas.EventTold])
    best = page["items"][0]["best_odds"]
    assert [(one["outcome"], one["odds"], one["bookmaker"]) for one in best] == [
        ("home", 2.3, "B365"),
        ("draw", 3.4, "B365"),
        ("away", 3.2, "B365"),
    ]


def test_events_by_league_and_time(client: httpx.Client) -> None:
    assert client.get(f"{V1}/events", params={"league": "SP1"}).json()["items"] == []
    late = {"from": "2025-03-16T00:00:00Z"}
    assert client.get(f"{V1}/events", params=late).json()["items"] == []
    refused(client.get(f"{V1}/events", params={"league": "XX9"}), 422, "unknown_league")
    refused(
        client.get(f"{V1}/events", params={"from": "0001-01-01T00:00:00+14:00"}),
        422,
        "invalid_input",
    )


@pytest.mark.parametrize(
    ("path", "since", "until"),
    [
        ("events", "2025-03-16T00:00:00Z", "2025-03-15T23:59:59Z"),
        ("events", "2025-03-16T00:00:00+02:00", "2025-03-15T21:00:00Z"),
        ("recommendations/history", "2025-03-16", "2025-03-15"),
        ("performance", "2025-03-16", "2025-03-15"),
    ],
)
def test_an_end_before_its_beginning_is_a_mistake(
    client: httpx.Client, path: str, since: str, until: str
) -> None:
    asked = {"from": since, "to": until}
    detail = refused(client.get(f"{V1}/{path}", params=asked), 422, "invalid_input")
    assert detail == "query.to: lies before from; swap the two"
    swapped = {"from": until, "to": since}
    assert client.get(f"{V1}/{path}", params=swapped).status_code == 200
    same = {"from": since, "to": since}
    assert client.get(f"{V1}/{path}", params=same).status_code == 200


def test_an_event_with_all_that_is_known(client: httpx.Client, world: World) -> None:
    world.tell(match(0, (2, 1)))
    world.settle()
    found = told(client.get(f"{V1}/events/{SLUGS[0]}"), schemas.EventDetail)
    assert (found["status"], found["score"]) == ("finished", {"home": 2, "away": 1})
    assert {one["bookmaker"] for one in found["latest_odds"]} == {"B365", "AVG"}
    assert [one["status"] for one in found["recommendations"]] == ["won"]
    refused(client.get(f"{V1}/events/e0-2025-03-15-nobody-else"), 404, "not_found")
    refused(client.get(f"{V1}/events/DROP TABLE"), 422, "invalid_input")


def test_price_history(client: httpx.Client, world: World) -> None:
    world.tell(match(0, (2, 1)))
    path = f"{V1}/events/{SLUGS[0]}/odds"
    pages = every_page(client, path, limit=5)
    found = [one for page in pages for one in page]
    assert len(found) == 12
    assert [one["quoted_at"] for one in found] == sorted(one["quoted_at"] for one in found)
    assert len({(o["bookmaker"], o["outcome"], o["quoted_at"]) for o in found}) == 12
    told(client.get(path), schemas.Page[schemas.PriceTold])
    mine = client.get(path, params={"bookmaker": "B365", "market": "match_result"}).json()["items"]
    assert {one["bookmaker"] for one in mine} == {"B365"}
    assert client.get(path, params={"market": "totals"}).json()["items"] == []


def test_history_newest_first(client: httpx.Client, world: World) -> None:
    world.publish(slate(pick(0, 1), as_of=MORNING + timedelta(minutes=1)))
    world.tell(match(1, (0, 3)))
    world.settle()
    path = f"{V1}/recommendations/history"
    found = told(client.get(path), schemas.Page[schemas.RecommendationTold])["items"]
    assert [(one["event_id"], one["status"]) for one in found] == [
        (SLUGS[0], "pending"),
        (SLUGS[1], "lost"),
    ]
    assert [len(page) for page in every_page(client, path, limit=1)] == [1, 1]
    only = client.get(path, params={"status": "replaced"}).json()["items"]
    assert [one["event_id"] for one in only] == [SLUGS[0]]
    assert client.get(path, params={"from": "2025-03-16"}).json()["items"] == []
    refused(client.get(path, params={"cursor": "bm9wZQ"}), 422, "invalid_input")


def test_performance_is_that_of_the_record(client: httpx.Client, world: World) -> None:
    empty = told(client.get(f"{V1}/performance"), schemas.Performance)
    assert (empty["picks"], empty["pending"], empty["all"]["clv"]["mean"]) == (2, 2, None)
    world.tell(match(0, (2, 1)), match(1, (0, 3)))
    world.settle()
    found = told(client.get(f"{V1}/performance"), schemas.Performance)
    assert (found["all"]["results"]["won"], found["all"]["results"]["lost"]) == (1, 1)
    assert found["all"]["profit"] == 3.0


def test_models_and_sessions(client: httpx.Client) -> None:
    models = told(client.get(f"{V1}/models"), schemas.Page[schemas.ModelTold])["items"]
    assert models[0]["weights"] == {
        "xgboost": 0.35,
        "random_forest": 0.25,
        "deep_rl": 0.25,
        "bayesian": 0.15,
    }
    (one,) = told(client.get(f"{V1}/sessions"), schemas.Page[schemas.SessionTold])["items"]
    assert (one["bankroll"], one["bets"], one["limits"]["per_day"]) == (1000.0, 0, 0.1)


def test_a_bet_is_placed_once(better: httpx.Client, client: httpx.Client, world: World) -> None:
    (key,) = [row["id"] for row in world.rows("SELECT id FROM recommendations WHERE rank = 1")]
    body = {"recommendation_id": key, "stake": 12.5}
    first = bet(better, body, "mine")
    found = told(first, schemas.BetTold, 201)
    assert (found["stake"], found["venue"], found["mode"]) == (12.5, "paper", "paper")
    again = bet(better, body, "mine")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    refused(bet(better, body | {"stake": 13}, "mine"), 422, "idempotency_mismatch")
    assert len(world.rows("SELECT 1 FROM bets")) == 1
    (one,) = client.get(f"{V1}/sessions").json()["items"]
    assert (one["bets"], one["at_risk"]) == (1, 12.5)


def test_bets_newest_first_with_what_became_of_them(
    better: httpx.Client, client: httpx.Client, world: World
) -> None:
    path = f"{V1}/bets"
    assert told(client.get(path), schemas.Page[schemas.BetTold])["items"] == []
    keys = [row["id"] for row in world.rows("SELECT id FROM recommendations ORDER BY rank")]
    for key in keys:
        assert bet(better, {"recommendation_id": key, "stake": 10}).status_code == 201
    found = told(client.get(path), schemas.Page[schemas.BetTold])["items"]
    assert [one["recommendation_id"] for one in found] == keys[::-1]
    assert [one["event_name"] for one in found] == ["Cedar vs Date", "Ash vs Birch"]
    assert [(one["selection"], one["status"], one["profit"]) for one in found] == [
        ("Cedar", "placed", None),
        ("Ash", "placed", None),
    ]
    assert [len(page) for page in every_page(client, path, limit=1)] == [1, 1]
    world.tell(match(0, (2, 1)))
    world.settle()
    (won,) = client.get(path, params={"status": "won"}).json()["items"]
    assert won["event_id"] == SLUGS[0]
    assert won["profit"] == pytest.approx(won["stake"] * (won["odds"] - 1), abs=0.005)
    assert won["settled_at"] is not None
    (session,) = client.get(f"{V1}/sessions").json()["items"]
    mine = client.get(path, params={"session_id": session["session_id"]}).json()["items"]
    assert len(mine) == 2
    other = client.get(path, params={"session_id": session["session_id"] + 1})
    assert other.json() == {"items": [], "next_cursor": None}
    refused(client.get(path, params={"status": "lucky"}), 422, "invalid_input")
    refused(client.get(path, params={"cursor": "bm9wZQ"}), 422, "invalid_input")


def test_the_newest_bets_of_each_session(better: httpx.Client, api: Api, world: World) -> None:
    for row in world.rows("SELECT id FROM recommendations ORDER BY rank"):
        assert bet(better, {"recommendation_id": row["id"], "stake": 10}).status_code == 201
    world.change("UPDATE betting_sessions SET status = 'closed', ended_at = now()")
    with SqlUnitOfWork(world.engine) as unit:
        unit.bets.open_session("next", "paper", "units", Decimal(1000), Limits(), MORNING)
        unit.commit()
    world.publish(slate(pick(2, 1), as_of=MORNING + timedelta(minutes=1)))
    (third,) = world.rows("SELECT max(id) AS id FROM recommendations")
    assert bet(better, {"recommendation_id": third["id"], "stake": 10}).status_code == 201
    reading: Reading = api.api.state.reading
    assert [one["event_id"] for one in reading.newest_bets(20)] == SLUGS[2::-1]
    assert [one["event_id"] for one in reading.newest_bets(1)] == SLUGS[2:0:-1]


def test_a_pick_is_one_bet_whoever_asks(better: httpx.Client, api: Api, world: World) -> None:
    (key,) = [row["id"] for row in world.rows("SELECT id FROM recommendations WHERE rank = 1")]
    first = told(bet(better, {"recommendation_id": key}), schemas.BetTold, 201)
    again = told(bet(better, {"recommendation_id": key}), schemas.BetTold, 201)
    assert again["reference"] == first["reference"]
    there = api.app.place_bet("paper")(PlaceBetCommand(key))  # as the command line does
    assert str(there.bet.reference) == first["reference"]
    assert len(world.rows("SELECT 1 FROM bets")) == 1


def test_a_bet_that_cannot_be(better: httpx.Client, client: httpx.Client, world: World) -> None:
    (key,) = [row["id"] for row in world.rows("SELECT id FROM recommendations WHERE rank = 1")]
    detail = refused(bet(better, {"recommendation_id": key, "stake": 60}), 409, "protected")
    assert "event" in detail
    refused(bet(better, {"recommendation_id": 10**6}), 422, "invalid_input")
    refused(bet(better, {"recommendation_id": key, "stake": "NaN"}), 422, "invalid_input")
    refused(bet(better, {"recommendation_id": key, "stake": 0.001}), 422, "invalid_input")
    for venue in ("stake", "nowhere"):
        found = bet(better, {"recommendation_id": key, "venue": venue})
        refused(found, 409, "venue_not_available")
    refused(bet(client, {"recommendation_id": key}), 403, "forbidden")
    assert not world.rows("SELECT 1 FROM bets")


def test_transactions(client: httpx.Client, api: Api, world: World) -> None:
    name = uuid4()
    path = f"/api/v1/crypto/transactions/{name}"
    refused(client.get(path), 404, "not_found")
    world.change(
        "INSERT INTO transactions (id, chain_id, token, from_address, to_address, amount, status)"
        f" VALUES ('{name}', 56, 'USDT', '0xaa', '0xbb', 12.50, 'sent')"
    )
    found = told(client.get(path), schemas.TransactionTold)
    assert (found["amount"], found["status"], found["fee"]) == ("12.5", "sent", None)
    refused(client.post("/api/v1/crypto/balance", json={"token": "BNB"}), 409, "wallet_off")
    with api.client("transfer") as payer:
        body = {"token": "USDT", "to": "0x" + "ab" * 20, "amount": "1"}
        sent = payer.post("/api/v1/crypto/send", json=body, headers={"Idempotency-Key": "one"})
        refused(sent, 409, "wallet_off")


def test_health_is_open_and_ready_is_not(client: httpx.Client, api: Api, world: World) -> None:
    with api.client() as stranger:
        told(stranger.get("/health"), schemas.Health)
        refused(stranger.get("/ready"), 401, "unauthorized")
    found = told(client.get("/ready"), schemas.Ready)
    assert [name for name, check in found["checks"].items() if check["ok"]] == [
        "database",
        "model",
        "storage",
    ]
    assert found["checks"]["data"]["detail"] == "nothing was ingested yet"


def test_failures_of_the_edge_are_problems_too(client: httpx.Client, api: Api) -> None:
    refused(client.get("/nowhere"), 404, "not_found")
    for path, methods in {"top3": "GET", "bets": "GET, POST", "predict": "POST"}.items():
        answer = client.delete(f"{V1}/{path}")
        refused(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"] == methods
    refused(client.delete("/nowhere"), 404, "not_found")
    elsewhere = client.delete("/events")
    refused(elsewhere, 405, "method_not_allowed")
    assert elsewhere.headers["Allow"] == "GET"
    refused(client.get(f"{V1}/top3", headers={"Host": "evil.example"}), 421, "unknown_host")
    body = {"content": b"{" + b" " * 70_000, "headers": {"Content-Type": "application/json"}}
    refused(client.post(f"{V1}/predict", **body), 413, "too_large")  # type: ignore[arg-type]
    body["content"] = b"[" * 60_000
    refused(client.post(f"{V1}/predict", **body), 400, "malformed")  # type: ignore[arg-type]
    body["content"] = iter([b" " * 50_000] * 3)
    refused(client.post(f"{V1}/predict", **body), 413, "too_large")  # type: ignore[arg-type]
    text = {"content": "{}", "headers": {"Content-Type": "text/plain"}}
    refused(client.post(f"{V1}/predict", **text), 415, "unsupported_media_type")  # type: ignore[arg-type]
    with api.client("bet") as other:
        refused(other.get(f"{V1}/top3"), 403, "forbidden")


BODIES = {
    "good": b'{"event_id": "e0-2025-03-15-ash-birch"}',
    "another shape": b'{"nothing": 1}',
    "not JSON": b"{",
    "not text": b"\xff\xfe",
    "deep": b"[" * 60_000,
    "none": b"",
}


@pytest.mark.parametrize(
    "path", [f"{V1}/predict", f"{V1}/bets", "/api/v1/crypto/balance", "/api/v1/crypto/send"]
)
def test_a_stranger_is_told_nothing_of_a_body(api: Api, path: str) -> None:
    kind = {"Content-Type": "application/json"}
    with api.client() as stranger:
        told = set()
        for body in BODIES.values():
            answer = stranger.post(path, content=body, headers=kind)
            told.add(refused(answer, 401, "unauthorized"))
        large = stranger.post(path, content=iter([b" " * 50_000] * 3), headers=kind)
        told.add(refused(large, 401, "unauthorized"))
    assert len(told) == 1
    with api.client("transfer") as other:
        answer = other.post(f"{V1}/predict", content=BODIES["not JSON"], headers=kind)
        refused(answer, 403, "forbidden")


def test_a_body_that_cannot_be_read_is_a_call_too(client: httpx.Client) -> None:
    kind = {"Content-Type": "application/json"}
    for left in (99_999, 99_998):
        answer = client.post(f"{V1}/predict", content=BODIES["not JSON"], headers=kind)
        refused(answer, 400, "malformed")
        assert f"r={left};" in answer.headers["RateLimit"]


def test_who_calls_too_often_is_told_when_to_come_back(
    world: World, database_url: str, tmp_path: Path
) -> None:
    with served(database_url, tmp_path, api_rate_limit=3) as api, api.client("read") as client:
        answers = [client.get(f"{V1}/sessions") for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        assert answers[0].headers["RateLimit"].startswith('"minute";r=2;t=')
        wait = answers[3].headers["Retry-After"]
        assert 1 <= int(wait) <= 60
        assert answers[3].headers["RateLimit"] == f'"minute";r=0;t={wait}'
        assert answers[3].headers["RateLimit-Policy"] == '"minute";q=3;w=60'
        refused(answers[3], 429, "rate_limited")
        assert client.get(f"{V1}/models").status_code == 200
        with api.client("read") as other:
            assert other.get(f"{V1}/sessions").status_code == 200
        with api.client() as stranger:
            assert [stranger.get(f"{V1}/models").status_code for _ in range(4)] == [401] * 3 + [429]
            for one in (stranger.get(f"{V1}/models"), stranger.get(f"{V1}/bets")):
                assert ("r=0" if one.status_code == 429 else "r=2") in one.headers["RateLimit"]


def test_only_known_networks_may_call(world: World, database_url: str, tmp_path: Path) -> None:
    networks = ("10.0.0.0/8",)
    with (
        served(database_url, tmp_path, api_networks=networks) as api,
        api.client("read") as client,
    ):
        refused(client.get(f"{V1}/models"), 403, "address_refused")
        assert client.get("/health").status_code == 200


def test_cors_only_where_it_is_set(world: World, database_url: str, tmp_path: Path) -> None:
    mine, other = "https://mine.example", "https://other.example"
    asked = {"Origin": mine, "Access-Control-Request-Method": "GET"}
    with served(database_url, tmp_path) as api, api.client() as client:
        refused(client.options(f"{V1}/top3", headers=asked), 405, "method_not_allowed")
    with served(database_url, tmp_path, api_origins=(mine,)) as api, api.client() as client:
        answer = client.options(f"{V1}/top3", headers=asked)
        assert answer.headers["Access-Control-Allow-Origin"] == mine
        stranger = client.options(f"{V1}/top3", headers=asked | {"Origin": other})
        assert "Access-Control-Allow-Origin" not in stranger.headers


def test_the_evening(api: Api, clock: MovingClock, client: httpx.Client) -> None:
    """What has kicked off is not among the events to come, and has no result yet."""
    clock.move(EVENING)
    assert client.get(f"{V1}/events").json()["items"] == []
    found = client.get(f"{V1}/events", params={"from": "2025-03-15T00:00:00Z"}).json()["items"]
    assert {one["status"] for one in found} == {"no_result_yet"}


def test_what_is_old_is_a_problem_of_the_data(
    world: World, database_url: str, tmp_path: Path
) -> None:
    """Only where the present is shown: the past is meant to be old."""
    clock = MovingClock(MORNING + timedelta(days=900))
    for shows, ok in (("live", False), ("replay", True)):
        options = ApiOptions(keyless_dashboard=True, shows=shows)  # type: ignore[arg-type]
        with (
            served(database_url, tmp_path, clock=clock, options=options) as api,
            api.client() as browser,
        ):
            page = browser.get("/data").text
        assert ("No problem was found" in page) is ok
        assert ("The newest match is of 2025-03-15" in page) is not ok
        assert ("days ago; `train` makes a newer one" in page) is not ok


def test_days_that_are_lived_again_have_a_present_of_their_own(
    world: World, database_url: str, tmp_path: Path
) -> None:
    """Years later, what was to come when the newest slate was made is still what is shown."""
    clock = MovingClock(MORNING + timedelta(days=900))
    options = ApiOptions(keyless_dashboard=True, shows="replay")
    with (
        served(database_url, tmp_path, clock=clock, options=options) as api,
        api.client("read") as client,
    ):
        assert client.get(f"{V1}/events").json()["items"] == []
    with SqlUnitOfWork(world.engine) as unit:
        unit.slates.add(slate(pick(0, 1)), (), "replay")
        unit.commit()
    with (
        served(database_url, tmp_path, clock=clock, options=options) as api,
        api.client("read") as client,
    ):
        found = client.get(f"{V1}/events").json()["items"]
        assert sorted(one["event_id"] for one in found) == sorted(SLUGS)
        later = {"from": "2025-03-16T00:00:00Z"}
        assert client.get(f"{V1}/events", params=later).json()["items"] == []
        page = client.get("/events").text
        assert "Ash vs Birch" in page
        assert "day=2025-03-14" in page, "the days around it can be chosen"
        assert "The sample has no closing prices" in client.get("/record").text


def test_predict_scores_an_event_here_and_now(client: httpx.Client) -> None:
    found = told(client.post(f"{V1}/predict", json={"event_id": SLUGS[0]}), schemas.Prediction)
    assert found["event_name"] == "Ash vs Birch"
    assert set(found["members"]) == {"xgboost", "random_forest", "deep_rl", "bayesian"}
    assert sum(found["pick_price"].values()) == pytest.approx(1.0, abs=1e-5)
    assert found["best_prices"]["home"]["odds"] == 2.3
    unknown = client.post(f"{V1}/predict", json={"event_id": "e0-2025-03-15-nobody-else"})
    refused(unknown, 404, "nothing_to_do")
    future = {"event_id": SLUGS[0], "as_of": "2199-01-01T00:00:00Z"}
    refused(client.post(f"{V1}/predict", json=future), 422, "invalid_input")
    early = {"event_id": SLUGS[0], "as_of": "2019-01-01T00:00:00Z"}
    refused(client.post(f"{V1}/predict", json=early), 404, "no_model_before")
    books = {"event_id": SLUGS[0], "bookmakers": ["nobody"]}
    refused(client.post(f"{V1}/predict", json=books), 422, "invalid_input")
