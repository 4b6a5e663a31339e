"""`betting-ai serve` as a process: its address, its log, its metrics, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from betting_ai.adapters.local.postgres import EmbeddedPostgres
from betting_ai.bootstrap import build
from betting_ai.domain.keys import Scope
from betting_ai.settings import load_settings
from betting_ai.usecases.manage_keys import CreateKeyCommand
from integration.test_metrics import samples

V1 = "/api/v1/betting"
ENOUGH = 60.0
NOWHERE = "http://127.0.0.1:9"


@dataclass
class Server:
    """A server process; everything that it said is in ``lines`` and ``log``."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    url: str = ""

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=ENOUGH)

    def stop(self, sig: int = signal.SIGTERM) -> int:
        self.process.send_signal(sig)
        return self.process.wait(ENOUGH)

    def told(self, message: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.log) if line["message"] == message]

    def wait_for(self, message: str, times: int = 1) -> list[dict[str, Any]]:
        until(lambda: len(self.told(message)) >= times)
        return self.told(message)


def until(done: Any) -> None:
    deadline = time.monotonic() + ENOUGH
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextlib.contextmanager
def serving(home: Path, *options: str, **settings: str) -> Iterator[Server]:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("BETTING_AI_")
    }
    environment |= {"BETTING_AI_HOME": str(home), "BETTING_AI_SITE_URL": NOWHERE}
    environment |= {key.upper(): value for key, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "betting_ai", "serve", "--port", "0", *options],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    server = Server(process)

    def keep(stream: Any, into: list[str]) -> threading.Thread:
        def run() -> None:
            into.extend(line.rstrip("\n") for line in stream)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    readers = [keep(process.stdout, server.lines), keep(process.stderr, server.log)]
    try:
        until(lambda: server.lines or process.poll() is not None)
        assert server.lines, server.log
        found = re.fullmatch(
            r"Betting AI listens on (http://\S+:\d+) \(Ctrl-C stops it\)", server.lines[0]
        )
        assert found
        server.url = found[1]
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for reader in readers:
            reader.join()
        for stream in (process.stdout, process.stderr):
            assert stream
            stream.close()


def key(url: str, home: Path, *scopes: str) -> str:
    with build(load_settings(home=home, database_url=url)) as app:
        made = app.create_key(CreateKeyCommand("test", frozenset(map(Scope, scopes or ("read",)))))
    return made.token


@pytest.fixture
def token(database_url: str, tmp_path: Path) -> str:
    return key(database_url, tmp_path, "read", "bet")


def test_it_answers_where_it_says_and_its_log_is_json_without_secrets(
    database_url: str, tmp_path: Path, token: str
) -> None:
    password = "hunter2-hunter2"  # noqa: S105 - made up; the socket asks for none
    address = database_url.replace("://betting@", f"://betting:{password}@")
    assert password in address
    other = "bai_0123456789abcdef_Zk3Qy7mVt0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sTu"
    with serving(tmp_path, database_url=address, betting_ai_root_secret="0f" * 32) as server:
        with server.client(token) as client:
            named = client.get("/health", headers={"X-Request-Id": "request-0001"})
            assert named.headers["X-Request-Id"] == "request-0001"
            assert "server" not in named.headers
            assert client.get(f"{V1}/events", params={"league": "E0"}).status_code == 200
            misled = client.get(f"{V1}/events", params={"league": "E0", "token": other})
            assert misled.status_code == 422
            assert client.get(f"{V1}/{other}").status_code == 404
            assert client.get(f"{V1}/top3", headers={"Cookie": f"x={other}"}).status_code == 404
            refused = client.get(f"{V1}/events", headers={"Authorization": f"Bearer {other}"})
            assert refused.status_code == 401
            unsigned = client.post(
                f"{V1}/bets",
                json={"token": other},
                headers={"Signature": "sig1=:c2VjcmV0LXNpZ25hdHVyZS1ieXRlcw==:"},
            )
            assert unsigned.status_code == 401
            foreign = client.get("/health/../ready", headers={"Host": "rebinding.example"})
            assert foreign.status_code == 421
            metrics = client.get("/metrics")
            assert metrics.status_code == 200
        assert server.stop() == 0

    lines = [json.loads(line) for line in server.log]
    assert {"time", "level", "message", "logger"} <= set.intersection(*map(set, lines))
    requests = server.told("request")
    assert requests[0]["request_id"] == "request-0001"
    assert all(re.fullmatch(r"[A-Za-z0-9-]{8,64}", line["request_id"]) for line in requests)
    assert len({line["request_id"] for line in requests}) == len(requests) == 8
    assert [(line["route"], line["status"]) for line in requests] == [
        ("/health", 200),
        (f"{V1}/events", 200),
        ("unmatched", 404),
        (f"{V1}/top3", 404),
        (f"{V1}/events", 401),
        (f"{V1}/bets", 401),
        ("unmatched", 421),
        ("/metrics", 200),
    ]
    key_id = token.split("_")[1]
    assert requests[1]["key_id"] == key_id
    reasons = [line["reason"] for line in server.told("refused")]
    assert reasons == ["token_malformed", reasons[1]]
    found = samples(metrics.text)
    events = (("method", "GET"), ("route", f"{V1}/events"), ("status", "200"))
    assert found["http_requests_total", events] == 1
    assert found["http_refused_total", (("reason", "unknown_host"),)] == 1
    everything = "\n".join([*server.log, *server.lines, metrics.text])
    for secret in (token, other, other[-20:], password, "0f" * 32, "c2VjcmV0"):
        assert secret not in everything


def test_sigterm_lets_a_slow_request_end(
    database_url: str, engine: Engine, tmp_path: Path, token: str
) -> None:
    answers: list[httpx.Response] = []
    with (
        serving(tmp_path, database_url=database_url) as server,
        server.client(token) as client,
        engine.connect() as other,
    ):
        assert client.get("/ready").status_code == 200
        held = other.begin()
        other.execute(sa.text("LOCK TABLE betting_sessions IN ACCESS EXCLUSIVE MODE"))

        def ask() -> None:
            answers.append(client.get(f"{V1}/sessions"))

        slow = threading.Thread(target=ask)
        slow.start()
        waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        until(lambda: other.scalar(waiting) > 0)
        server.process.send_signal(signal.SIGTERM)
        with server.client(token) as late:
            until(lambda: late.get("/ready").status_code == 503)
            told = late.get("/ready")
        assert told.json()["checks"]["process"] == {"ok": False, "detail": "stopping"}
        assert "Retry-After" in told.headers
        server.wait_for("Shutting down")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/health")
        assert server.process.poll() is None
        assert answers == []
        held.rollback()
        slow.join()
        assert answers[0].status_code == 200
        assert server.process.wait(ENOUGH) == 0
    assert [line for line in map(json.loads, server.log) if line["level"] == "ERROR"] == []


@pytest.mark.slow
def test_a_request_that_never_ends_does_not_keep_the_server(
    database_url: str, engine: Engine, tmp_path: Path, token: str
) -> None:
    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError):
            client.get(f"{V1}/sessions")

    with (
        serving(tmp_path, database_url=database_url) as server,
        server.client(token) as client,
        engine.connect() as other,
        other.begin(),
    ):
        client.get("/ready")
        other.execute(sa.text("LOCK TABLE betting_sessions IN ACCESS EXCLUSIVE MODE"))
        stuck = threading.Thread(target=ask)
        stuck.start()
        until(lambda: other.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")) > 0)
        assert server.stop() == 0
        stuck.join()
    for line in server.log:
        json.loads(line)


def test_a_database_that_comes_back_is_used_again(home: Path, tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(home, durable=False)
    postgres.start()
    try:
        url = postgres.url()
        token = key(url, tmp_path)
        with (
            serving(tmp_path, database_url=url) as server,
            server.client(token) as client,
        ):
            assert client.get(f"{V1}/events").status_code == 200
            postgres.leave()
            gone = client.get(f"{V1}/events")
            assert gone.status_code == 503
            assert int(gone.headers["Retry-After"]) > 0
            assert gone.json()["code"] == "database_unavailable"
            assert client.get("/health").status_code == 200
            postgres.start()
            assert client.get(f"{V1}/events").status_code == 200
            assert server.stop() == 0
    finally:
        postgres.leave()


def test_a_database_that_is_away_at_the_start_may_come_later(home: Path, tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(home, durable=False)
    postgres.start()
    url = postgres.url()
    token = key(url, tmp_path)
    postgres.leave()
    try:
        with serving(tmp_path, database_url=url) as server, server.client(token) as client:
            server.wait_for("the database does not answer yet")
            assert client.get(f"{V1}/events").status_code == 503
            postgres.start()
            assert client.get(f"{V1}/events").status_code == 200
            assert server.stop() == 0
    finally:
        postgres.leave()


def test_ctrl_c_ends_it_at_once(database_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, database_url=database_url) as server:
        assert server.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_said_in_one_line(workers: str, database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "betting_ai", "serve", "--port", port, "--workers", workers],
            env=os.environ | {"BETTING_AI_HOME": str(tmp_path), "DATABASE_URL": database_url},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: port {port} is in use on 127.0.0.1; stop what listens there, or pass --port\n"
    )


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--host", "no.such.host.invalid"), "is no address of this machine"),
        (("--host", "192.0.2.1"), "cannot listen on 192.0.2.1"),
        (("--port", "70000"), "65535"),
        (("--workers", "0"), "--workers"),
        (("--sample", "--every", "5"), "--every keeps a record of today"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    options: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "betting_ai", "serve", *options],
        env=os.environ | {"BETTING_AI_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    [told] = done.stderr.splitlines()
    assert line in told


def test_workers_share_a_port_and_count_together_and_are_replaced(
    database_url: str, tmp_path: Path, token: str
) -> None:
    with serving(tmp_path, "--workers", "2", database_url=database_url) as server:
        started = server.wait_for("Application startup complete.", 2)
        assert len(started) == 2
        for _ in range(30):
            with server.client() as client:  # a connection each, so that both take some
                assert client.get("/health").status_code == 200
        with server.client(token) as client:
            found = samples(client.get("/metrics").text)
        health = (("method", "GET"), ("route", "/health"), ("status", "200"))
        assert found["http_requests_total", health] == 30

        pids = [int(line["message"].split("[")[1][:-1]) for line in _started(server)]
        os.kill(pids[0], signal.SIGKILL)
        [ended] = server.wait_for("a worker ended")
        assert (ended["worker"], ended["exit_code"]) == (pids[0], -signal.SIGKILL)
        server.wait_for("Application startup complete.", 3)
        with server.client(token) as client:
            assert client.get(f"{V1}/events").status_code == 200
        assert server.stop() == 0


def _started(server: Server) -> list[dict[str, Any]]:
    lines = map(json.loads, server.log)
    return [line for line in lines if line["message"].startswith("Started server process")]


def test_only_a_named_proxy_is_believed(database_url: str, tmp_path: Path, token: str) -> None:
    inside = {"X-Forwarded-For": "10.1.2.3"}
    own: dict[str, str] = {"betting_ai_api_networks": "10.0.0.0/8", "database_url": database_url}
    with serving(tmp_path, **own) as server, server.client(token) as client:
        assert client.get(f"{V1}/events").status_code == 403
        assert client.get(f"{V1}/events", headers=inside).status_code == 403
    proxy = {"betting_ai_api_proxies": "127.0.0.1/32"}
    with serving(tmp_path, **own, **proxy) as server, server.client(token) as client:
        assert client.get(f"{V1}/events").status_code == 403
        assert client.get(f"{V1}/events", headers=inside).status_code == 200
        forged = {"X-Forwarded-For": "10.1.2.3, 192.0.2.7"}
        assert client.get(f"{V1}/events", headers=forged).status_code == 403


@pytest.mark.slow
def test_the_daily_work_runs_beside_it(database_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, "--every", "1", database_url=database_url) as server:
        [first, second] = server.wait_for("daily work done", 2)[:2]
        assert (first["command"], first["exit_code"]) == ("top3-bets --json", 0)
        assert (second["command"], second["exit_code"]) == ("settle --json", 3)
        assert second["said"].startswith('{"error":')
        assert server.stop() == 0
    for line in server.log:
        json.loads(line)


@pytest.mark.slow
def test_the_sample_has_a_slate_and_a_settled_record(home: Path) -> None:
    told = []
    for _ in range(2):
        with serving(home, "--sample") as server:
            assert server.log[0].startswith("note: showing real matches of 11 August to 8 October")
            own = load_settings(home=home, database_url=None)
            with build(own) as outside:
                made = outside.for_sample().create_key(
                    CreateKeyCommand("test", frozenset({Scope.READ}))
                )
            with server.client(made.token) as client:
                slate = client.get(f"{V1}/top3").json()
                record = client.get(f"{V1}/performance").json()
                found = samples(client.get("/metrics").text)
            assert server.stop() == 0
        told.append((slate, record))
        assert found["slate_picks", ()] == 3
        assert found["picks_pending", ()] == 3
    slate, record = told[0]
    assert slate["mode"] == "replay"
    assert slate["as_of"].startswith("2023-10-08")
    assert len(slate["picks"]) == 3
    assert record["all"]["picks"] >= 30
    assert record["pending"] == 3
    assert told[1] == told[0]  # kept: the second start published nothing
