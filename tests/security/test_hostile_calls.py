"""What strangers and thieves send is refused, is logged without secrets, and changes nothing."""

from __future__ import annotations

import json
import logging
import random
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.api import schemas
from betting_ai.api.client import KeyAuth
from betting_ai.clock import FixedClock, MovingClock
from betting_ai.domain.protections import Limits
from betting_ai.usecases.manage_keys import NewSecrets
from integration.api_world import Api, served
from integration.record_world import MORNING, SLUGS, World, pick, slate, world

__all__ = ["world"]  # a fixture

NOW = MORNING + timedelta(minutes=5)
V1 = "/api/v1/betting"
KEPT = (
    "bets", "ledger", "betting_sessions", "recommendations", "slates", "settlements", "odds",
    "results", "events", "teams", "transactions", "violations", "restraints", "review_queue",
)  # fmt: skip
INJECTIONS = (
    "'; DROP TABLE bets; --",
    "' OR '1'='1",
    '" OR ""="',
    "1; UPDATE betting_sessions SET bankroll = 0",
    "${jndi:ldap://127.0.0.1/a}",
    "../../../../etc/passwd",
    "%00",
    "\u202egnp.exe",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "\ud7ff" * 50,
)


@pytest.fixture
def api(world: World, database_url: str, tmp_path: Path) -> Iterator[Api]:
    world.publish(slate(pick(0, 1), pick(1, 2)))
    with SqlUnitOfWork(world.engine) as unit:
        unit.bets.open_session("test", "paper", "units", Decimal(1000), Limits(), MORNING)
        unit.commit()
    with served(database_url, tmp_path, clock=FixedClock(NOW)) as api:
        yield api


def contents(world: World) -> dict[str, Any]:
    """Everything that a call could have changed, and must not."""
    return {
        table: world.rows(
            f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
        )
        for table in KEPT
    }


@pytest.fixture
def unchanged(world: World, api: Api) -> Iterator[None]:
    before = contents(world)
    yield
    assert contents(world) == before


def refused(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["Content-Type"] == "application/problem+json"
    schemas.Problem.model_validate_json(answer.content)


@pytest.mark.usefixtures("unchanged")
def test_sql_and_other_languages_in_every_parameter(api: Api) -> None:
    with api.client("read") as client:
        for text in INJECTIONS:
            for name in ("league", "from", "to", "cursor", "limit", "profile", "status"):
                for path in ("events", "recommendations/history", "performance"):
                    refused(client.get(f"{V1}/{path}", params={name: text}), 422)
            for name in ("market", "bookmaker", "cursor"):
                path = f"{V1}/events/{SLUGS[0]}/odds"
                refused(client.get(path, params={name: text}), 422)
            refused(
                client.get(
                    f"{V1}/events/{httpx.URL('/').copy_with(path='/' + text).raw_path[1:].decode()}"
                ),
                404,
                422,
            )
            for body in ({"event_id": text}, {"event_id": SLUGS[0], "bookmakers": [text]}):
                refused(client.post(f"{V1}/predict", json=body), 422)
            assert client.get(f"{V1}/top3", params={"profile": text}).status_code == 422


@pytest.mark.usefixtures("unchanged")
def test_sql_in_a_signed_body(api: Api) -> None:
    with api.client("bet") as client:
        for text in INJECTIONS:
            for body in (
                {"recommendation_id": text},
                {"recommendation_id": 1, "stake": text},
                {"recommendation_id": 1, "venue": text},
                {"recommendation_id": 1, text: 1},
            ):
                told = client.post(f"{V1}/bets", json=body)
                refused(told, 422)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.usefixtures("unchanged")
def test_bodies_that_are_too_large_or_too_deep(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    with api.client("read", "bet") as client:
        for path in (f"{V1}/predict", f"{V1}/bets", "/api/v1/crypto/balance"):
            for body in (nested(30_000), b'{"a":' * 10_000 + b"1" + b"}" * 10_000):
                refused(client.post(path, content=body, headers=headers), 400, 422)
            refused(client.post(path, content=nested(500), headers=headers), 400, 422)
            refused(client.post(path, content=b" " * 65_537, headers=headers), 413)
            refused(client.post(path, content=b"\xff\xfe{}", headers=headers), 400, 422)
            refused(client.post(path, content=b"", headers=headers), 400, 422)
            number = b'{"recommendation_id": ' + b"9" * 60_000 + b"}"
            refused(client.post(path, content=number, headers=headers), 400, 422)


def raw(url: str, text: bytes) -> bytes:
    """What comes back for these very bytes."""
    where = urlsplit(url)
    with closing(socket.create_connection((where.hostname, where.port), timeout=10)) as line:
        line.sendall(text)
        told = b""
        while part := line.recv(65536):
            told += part
        return told


@pytest.mark.usefixtures("unchanged")
def test_headers_cannot_be_slipped_in(api: Api) -> None:
    host = urlsplit(api.url).netloc.encode()
    for name in (b"evil\r\nSet-Cookie: a=b", b"x" * 500, b"abc\x00defgh", b"\xff\xfe\xfd" * 5):
        told = raw(
            api.url,
            b"GET /health HTTP/1.1\r\nHost: " + host + b"\r\nX-Request-Id: " + name
            + b"\r\nConnection: close\r\n\r\n",
        )  # fmt: skip
        head = told.partition(b"\r\n\r\n")[0].lower()
        assert head.startswith((b"http/1.1 200", b"http/1.1 400"))
        assert b"set-cookie" not in head
    for target in (b"/%0d%0aSet-Cookie:%20a=b", b"/\\evil.example", b"//evil.example/x"):
        told = raw(
            api.url,
            b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n",
        )
        head = told.partition(b"\r\n\r\n")[0].lower()
        assert head.startswith((b"http/1.1 404", b"http/1.1 401", b"http/1.1 303", b"http/1.1 400"))
        assert b"set-cookie" not in head
        assert b"location: //" not in head


@pytest.mark.usefixtures("unchanged")
def test_a_request_within_a_request_is_not_heard(api: Api) -> None:
    """Two lengths, or a length and chunks, are how one request is smuggled past a proxy."""
    host = urlsplit(api.url).netloc.encode()
    hidden = b"GET /smuggled HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
    for lengths in (
        b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(hidden),
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(hidden),
    ):
        told = raw(
            api.url,
            b"POST /health HTTP/1.1\r\nHost: " + host + b"\r\n" + lengths + b"\r\n" + hidden,
        )
        assert b"smuggled" not in told
        assert told.count(b"HTTP/1.1 ") <= 1


class Thief:
    """Has seen one good signed call, and sends whatever they make of it."""

    def __init__(self, api: Api, made: NewSecrets, clock: MovingClock | FixedClock) -> None:
        self._auth = KeyAuth(made.token, made.signing_secret, clock=clock)
        self._api = api

    def good(self) -> httpx.Request:
        request = httpx.Request(
            "POST", f"{self._api.url}{V1}/bets",
            json={"recommendation_id": 10**9}, headers={"Idempotency-Key": str(uuid4())},
        )  # fmt: skip
        return next(self._auth.auth_flow(request))


@pytest.mark.usefixtures("unchanged")
def test_signatures_with_one_thing_changed(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """A thousand changes of one byte somewhere in what is signed, or in its signature."""
    made = api.key("bet")
    thief = Thief(api, made, FixedClock(NOW))
    chance = random.Random(7)  # noqa: S311 - the same on every run
    tried, bodies = 0, set()
    with httpx.Client() as client, caplog.at_level(logging.DEBUG, logger="betting_ai"):
        while tried < 1_000:
            good = thief.good()
            headers = dict(good.headers)
            content = bytearray(good.content)
            name = chance.choice(
                ["content-digest", "signature-input", "signature", "idempotency-key",
                 "content-type", "authorization", "body"]
            )  # fmt: skip
            if name == "body":
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(7)
            else:
                letters = list(headers[name])
                place = chance.randrange(len(letters))
                letters[place] = chance.choice([c for c in 'aZ09;="() ,:-_' if c != letters[place]])
                headers[name] = "".join(letters)
                if headers[name] != headers[name].strip():
                    continue  # outer spaces are not part of a header
            told = client.post(good.url, content=bytes(content), headers=headers)
            refused(told, 401)
            bodies.add(json.dumps(told.json() | {"request_id": ""}))
            tried += 1
        fine = client.send(thief.good())
        assert fine.json()["code"] == "invalid_input"  # there is no such pick: it was let in
    assert len(bodies) == 1
    written = " ".join(str(vars(one)) for one in caplog.records)
    assert made.token.split("_", 2)[-1] not in written
    assert str(made.signing_secret) not in written


@pytest.mark.usefixtures("unchanged")
def test_calls_are_good_once_and_not_for_long(api: Api) -> None:
    made = api.key("bet")
    with httpx.Client() as client:
        good = Thief(api, made, FixedClock(NOW)).good()
        assert client.send(good).json()["code"] == "invalid_input"
        for _ in range(3):
            refused(client.send(good), 401)
        for seconds in (-3600, -121, 121, 3600):
            skewed = FixedClock(NOW + timedelta(seconds=seconds))
            refused(client.send(Thief(api, made, skewed).good()), 401)


@pytest.mark.usefixtures("unchanged")
def test_a_key_does_only_what_its_scopes_say(api: Api) -> None:
    calls = {
        "read": [("GET", f"{V1}/top3"), ("GET", f"{V1}/sessions"), ("GET", "/ready")],
        "bet": [("POST", f"{V1}/bets")],
        "transfer": [("POST", "/api/v1/crypto/send")],
    }
    for scope in calls:
        with api.client(scope) as client:
            for other, its in calls.items():
                for method, path in its:
                    if other != scope:
                        body = {"json": {}} if method == "POST" else {}
                        refused(client.request(method, path, **body), 403, 401)
