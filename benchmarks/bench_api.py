"""The API under load: the newest slate against a bare FastAPI hello-world, and a prediction.

    python benchmarks/bench_api.py [--folder DIR]

The server is the real one, `betting-ai serve` with its access log written to a file, over a real
PostgreSQL with a published slate of three picks; the caller has a real key. The hello-world runs
under uvicorn with the same options, and both are loaded in turns, so that a busy machine slows
both. A thousand callers without a pause (wrk) tell the throughput; latency is told at an arrival
rate, from the instant at which a request was due, so that a server that falls behind is not
spared. Predictions are of real season files, where they are present, at moments that move on from
one to the next, one after the other and four at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI

from betting_ai.bootstrap import App, build
from betting_ai.clock import FixedClock
from betting_ai.domain.keys import Scope
from betting_ai.domain.leagues import SEASON_FILE_LEAGUES
from betting_ai.domain.slate import Criteria
from betting_ai.ports.feeds import FeedRequest
from betting_ai.settings import load_settings
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.ingest_raw import IngestCommand
from betting_ai.usecases.manage_keys import CreateKeyCommand
from betting_ai.usecases.select_top3 import SelectTop3, SelectTop3Command

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "football"
TOP3 = "/api/v1/betting/top3"

SHARE_OF_HELLO = 0.60
ARRIVALS_MS, PREDICT_MS = 200.0, 500.0
CLIENTS, RATE = 1_000, 100
ROUNDS, ROUND_SECONDS, ARRIVAL_SECONDS = 5, 4, 10
PREDICTIONS = 120

SLATE_AT = datetime(2023, 10, 8, 8, tzinfo=UTC)
SATURDAY = datetime(2025, 3, 15, 8, tzinfo=UTC)
SEASONS = (2023, 2024)

REPORT = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\nJSON {"requests": %d, "seconds": %f, "socket": %d, "status": %d, "p50": %f, "p95": %f}\\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.timeout, e.status,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3))
end
"""


@dataclass(frozen=True)
class Target:
    """What is loaded.

    Attributes:
        url: of the server.
        path: on it.
        token: of a key; empty for none.
    """

    url: str
    path: str
    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The caller's."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def hello() -> None:
    """A bare application under the options of `betting-ai serve`."""
    app = FastAPI()

    @app.get("/")
    async def greet() -> dict[str, str]:
        return {"hello": "world"}

    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(f"listens on http://127.0.0.1:{listener.getsockname()[1]} ", flush=True)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run([listener])


@contextlib.contextmanager
def running(command: list[str], log: Path, **environment: str) -> Iterator[str]:
    """A server while the block runs; its address."""
    with log.open("wb") as errors:
        server = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | environment,
            text=True,
        )
    try:
        assert server.stdout is not None
        found = re.search(r"listens on (http://\S+)", server.stdout.readline())
        if found is None:
            raise SystemExit(f"no server: {log.read_text()[-2000:]}")
        url = found[1]
        deadline = perf_counter() + 30
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{url}/health", timeout=5)
                break
            if perf_counter() > deadline:
                raise SystemExit("the server does not answer")
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


def served(home: Path) -> contextlib.AbstractContextManager[str]:
    """The real server over the embedded database of a home."""
    return running(
        ["-m", "betting_ai", "serve", "--port", "0"],
        home / "access.log",
        BETTING_AI_HOME=str(home),
        BETTING_AI_API_RATE_LIMIT="1000000000",
        DATABASE_URL="",
    )


@contextlib.contextmanager
def application(home: Path) -> Iterator[tuple[App, str]]:
    """The use cases over a fresh home, and the token of a key that may read."""
    home.mkdir(mode=0o755)
    with build(load_settings(home=home, database_url=None)) as app:
        made = app.create_key(CreateKeyCommand("bench", frozenset({Scope.READ})))
        yield app, made.token


def publish_three(app: App) -> None:
    """A slate of three picks on real matches, published as today's would be."""
    fetched = app.sample.fetch(FeedRequest())
    app.ingest(IngestCommand(fetched.payloads))
    slate = SelectTop3(app.units, app.registry, FixedClock(SLATE_AT))(
        SelectTop3Command(
            Window(SLATE_AT, leagues=("E0", "SP1"), maximum_as_bound=True),
            Criteria("loose", 0.0, -1.0, 1.0),
            Decimal(1_000),
            ("sample",),
            publish=True,
        )
    )
    assert len(slate.picks) == 3, len(slate.picks)


def pushed(target: Target, script: Path) -> dict[str, float]:
    """What wrk makes of a thousand callers without a pause."""
    headers = [part for pair in target.headers.items() for part in ("-H", ": ".join(pair))]
    ran = subprocess.run(
        [
            shutil.which("wrk") or "", "-t1", f"-c{CLIENTS}", f"-d{ROUND_SECONDS}s",
            "--timeout", "10s",
            "-s", str(script), *headers, target.url + target.path,
        ],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(ran.stdout.rpartition("JSON ")[2])
    return found | {"rate": found["requests"] / found["seconds"]}


async def _once(
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]], address: str, request: bytes
) -> bool:
    """One request over a connection that is free; whether it was answered with 200."""
    host, _, port = address.rpartition(":")
    while idle and idle[-1][0].at_eof():
        idle.pop()[1].close()  # the server lets go of a connection that nobody uses
    reader, writer = idle.pop() if idle else await asyncio.open_connection(host, int(port))
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    assert length is not None
    await reader.readexactly(int(length[1]))
    idle.append((reader, writer))
    return head.startswith(b"HTTP/1.1 200 ")


async def _arriving(target: Target, seconds: float, seed: int) -> tuple[list[float], int]:
    address = target.url.removeprefix("http://")
    lines = [f"GET {target.path} HTTP/1.1", f"Host: {address}"]
    lines += [f"{name}: {value}" for name, value in target.headers.items()]
    request = "\r\n".join([*lines, "", ""]).encode()
    gaps = np.random.default_rng(seed).exponential(1 / RATE, int(RATE * seconds))
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    taken: list[float] = []
    failed = 0

    async def one(due: float) -> None:
        nonlocal failed
        failed += not await _once(idle, address, request)
        taken.append((perf_counter() - due) * 1000)

    began, calls = perf_counter(), []
    for due in began + np.cumsum(gaps):
        await asyncio.sleep(max(0.0, due - perf_counter()))
        calls.append(asyncio.create_task(one(float(due))))
    await asyncio.gather(*calls)
    for _, writer in idle:
        writer.close()
    return taken, failed


def at_a_rate(target: Target, seed: int) -> dict[str, float]:
    """Latency at 100 arrivals a second at random, in milliseconds."""
    taken, failed = asyncio.run(_arriving(target, ARRIVAL_SECONDS, seed))
    p50, p95, p99 = np.percentile(taken, [50, 95, 99])
    return {"p50": p50, "p95": p95, "p99": p99, "failed": failed}


def load(home: Path, scratch: Path) -> dict[str, Any]:
    """The slate and the hello-world, in turns."""
    script = scratch / "report.lua"
    script.write_text(REPORT)
    with application(home) as (app, token):
        publish_three(app)
        with served(home) as ours, running([__file__, "--hello"], scratch / "hello.log") as bare:
            targets = {"top3": Target(ours, TOP3, token), "hello": Target(bare, "/")}
            for target in targets.values():  # first answers take longest
                at_a_rate(target, 0)
            answer = httpx.get(ours + TOP3, headers=targets["top3"].headers)
            assert len(answer.raise_for_status().json()["picks"]) == 3
            rounds: dict[str, list[dict[str, float]]] = {name: [] for name in targets}
            paced: dict[str, list[dict[str, float]]] = {name: [] for name in targets}
            for _ in range(ROUNDS):
                for name, target in targets.items():
                    rounds[name].append(pushed(target, script))
            for turn in range(3):
                for name, target in targets.items():
                    paced[name].append(at_a_rate(target, turn + 1))
    shares = [a["rate"] / b["rate"] for a, b in zip(*rounds.values(), strict=True)]

    def middle(of: list[dict[str, float]], what: str) -> float:
        return round(statistics.median(one[what] for one in of), 2)

    return {
        "bytes": len(answer.content),
        "share_of_hello": round(statistics.median(shares), 3),
        "shares": [round(share, 3) for share in shares],
        "errors": int(sum(one["socket"] + one["status"] for one in rounds["top3"])),
        "failed_at_rate": int(sum(one["failed"] for one in paced["top3"])),
        **{
            f"{name}_{figure}": value
            for name in targets
            for figure, value in (
                ("per_second", round(middle(rounds[name], "rate"))),
                ("pushed_p95_ms", middle(rounds[name], "p95")),
                ("p50_ms", middle(paced[name], "p50")),
                ("p95_ms", middle(paced[name], "p95")),
                ("p99_ms", middle(paced[name], "p99")),
            )
        },
    }


def timed(
    call: Callable[[int], httpx.Response], times: int, at_once: int = 1, turns: int = 1
) -> dict[str, float]:
    """Median and 95th percentile of some calls, in milliseconds; of the best of some turns."""

    def one(number: int) -> float:
        start = perf_counter()
        call(number).raise_for_status()
        return (perf_counter() - start) * 1000

    found = []
    for turn in range(turns):
        with ThreadPoolExecutor(at_once) as callers:
            taken = list(callers.map(one, range(turn * times, (turn + 1) * times)))
        p50, p95 = np.percentile(taken, [50, 95])
        found.append({"p50": round(float(p50), 1), "p95": round(float(p95), 1)})
    return min(found, key=lambda one: one["p95"])


def predictions(home: Path, folder: Path) -> dict[str, Any]:
    """Predictions of a Saturday's real matches, and what else is read from such a database."""
    with application(home) as (app, token):
        fetched = app.folder(folder).fetch(FeedRequest(SEASON_FILE_LEAGUES, SEASONS))
        eve = SATURDAY - timedelta(hours=12)  # so that each moment is one of the present
        app.ingest(IngestCommand(tuple(replace(one, received_at=eve) for one in fetched.payloads)))
        with (
            served(home) as url,
            httpx.Client(base_url=url, timeout=60, headers=Target("", "", token).headers) as client,
        ):
            day = {"from": SATURDAY.isoformat(), "to": (SATURDAY + timedelta(hours=12)).isoformat()}
            found = client.get("/api/v1/betting/events", params=day | {"limit": 100}).json()
            names = [one["event_id"] for one in found["items"] if one["kickoff"] > "2025-03-15T12"]
            assert len(names) > 20

            def predict(number: int) -> httpx.Response:
                as_of = SATURDAY + timedelta(seconds=37 * number)
                body = {"event_id": names[number % len(names)], "as_of": as_of.isoformat()}
                return client.post("/api/v1/betting/predict", json=body)

            first = timed(predict, 1)["p50"]

            def reading(path: str, **asked: str) -> dict[str, float]:
                return timed(lambda _: client.get(path, params=asked), 60)

            one = f"/api/v1/betting/events/{names[0]}"
            return {
                "predict_first_ms": first,
                "predict_ms": timed(predict, PREDICTIONS, turns=3),
                "predict_four_at_once_ms": timed(predict, PREDICTIONS, at_once=4, turns=3),
                "events_ms": reading("/api/v1/betting/events", **day),
                "event_ms": reading(one),
                "odds_ms": reading(f"{one}/odds"),
                "history_ms": reading("/api/v1/betting/recommendations/history"),
                "performance_ms": reading("/api/v1/betting/performance"),
            }


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=SHARED, help="season files")
    parser.add_argument("--hello", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.hello:
        hello()
        return 0
    if shutil.which("wrk") is None:
        print("skipped: wrk is not installed (Debian has it as `wrk`)")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        here.chmod(0o755)
        figures = load(here / "slate", here)
        if asked.folder.is_dir():
            figures |= predictions(here / "seasons", asked.folder)
    verdicts = [
        (
            figures["errors"] == 0 and figures["share_of_hello"] >= SHARE_OF_HELLO,
            f"{CLIENTS:,} clients at once: {figures['top3_per_second']:,} slates/s, "
            f"{figures['share_of_hello']:.0%} of hello-world (budget {SHARE_OF_HELLO:.0%}), "
            f"{figures['errors']} errors",
        ),
        (
            figures["failed_at_rate"] == 0 and figures["top3_p95_ms"] < ARRIVALS_MS,
            f"{RATE} arrivals/s: p95 {figures['top3_p95_ms']:.1f} ms (budget {ARRIVALS_MS:g}; "
            f"hello-world {figures['hello_p95_ms']:.1f} ms)",
        ),
    ]
    if "predict_ms" in figures:
        alone, four = figures["predict_ms"]["p95"], figures["predict_four_at_once_ms"]["p95"]
        verdicts.append(
            (
                max(alone, four) < PREDICT_MS,
                f"prediction: p95 {alone:.0f} ms, {four:.0f} ms four at once "
                f"(budget {PREDICT_MS:g}; the first of a day {figures['predict_first_ms']:.0f} ms)",
            )
        )
    passed = all(good for good, _ in verdicts)
    print(json.dumps({"benchmark": "api", **figures, "passed": passed}))
    for good, told in verdicts:
        print(f"{'PASS' if good else 'FAIL'}: {told}")
    if "predict_ms" not in figures:
        print("skipped: predictions need season files, see --folder")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
