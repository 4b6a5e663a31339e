"""What Prometheus reads: over real HTTP, of a real database, in the format that it parses."""

from __future__ import annotations

import math
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from betting_ai.adapters.sql.figures import Bets, read_figures
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.api.options import ApiOptions
from betting_ai.clock import MovingClock
from betting_ai.domain.protections import Limits
from betting_ai.ports.repositories import IngestEntry
from integration.api_world import Api, served
from integration.record_world import EVENING, MORNING, World, match, pick, slate, world

__all__ = ["world"]

Labels = tuple[tuple[str, str], ...]


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock(MORNING + timedelta(minutes=5))


@pytest.fixture
def api(world: World, database_url: str, tmp_path: Path, clock: MovingClock) -> Iterator[Api]:
    with served(database_url, tmp_path, clock=clock) as api:
        yield api


def samples(text: str) -> dict[tuple[str, Labels], float]:
    return {
        (sample.name.removeprefix("betting_ai_"), tuple(sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(client: httpx.Client) -> dict[tuple[str, Labels], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return samples(answer.text)


def plain(found: dict[tuple[str, Labels], float], name: str) -> float | None:
    return found.get((name, ()))


def ingested(source: str, at: timedelta, *, quotes: int = 5, status: str = "stored") -> IngestEntry:
    return IngestEntry(
        source=source,
        name="x",
        sha256="ab" * 32,
        received_at=MORNING - at,
        status=status,
        quotes_kept=quotes,
        error="no" if status == "refused" else None,
    )


def test_requests_are_counted_by_template_method_and_status(api: Api) -> None:
    with api.client("read") as client, api.client() as stranger:
        for slug in ("e0-2025-03-15-ash-birch", "e0-2025-03-15-cedar-date", "none"):
            client.get(f"/api/v1/betting/events/{slug}")
        client.get("/wp-login.php?a=1")
        client.post("/health")
        stranger.get("/api/v1/betting/top3")
        stranger.request("PROPFIND", "/pot")
        found = scrape(client)
    events = (("method", "GET"), ("route", "/api/v1/betting/events/{event_id}"))

    def requests(method: str, route: str, status: int) -> float:
        labels = (("method", method), ("route", route), ("status", str(status)))
        return found.get(("http_requests_total", labels), 0.0)

    assert requests("GET", "/api/v1/betting/events/{event_id}", 200) == 2
    assert requests("GET", "/api/v1/betting/events/{event_id}", 404) == 1
    assert requests("GET", "/api/v1/betting/top3", 401) == 1
    assert requests("GET", "unmatched", 404) == 1
    assert requests("other", "unmatched", 404) == 1
    assert requests("POST", "/health", 405) == 1
    assert found["http_request_seconds_count", events] == 3
    assert 0 < found["http_request_seconds_sum", events] < math.inf
    assert plain(found, "http_requests_in_flight") == 1  # this one
    for reason, times in {"unauthorized": 1, "not_found": 3, "method_not_allowed": 1}.items():
        assert found["http_refused_total", (("reason", reason),)] == times
    names = {value for _, labels in found for _, value in labels}
    assert not {name for name in names if "ash" in name or "wp-" in name or "PROP" in name}


def test_who_comes_too_often_is_counted(
    world: World, database_url: str, tmp_path: Path, clock: MovingClock
) -> None:
    with (
        served(database_url, tmp_path, clock=clock, api_rate_limit=3) as api,
        api.client("read") as client,
    ):
        answers = [client.get("/api/v1/betting/events").status_code for _ in range(5)]
        found = scrape(client)
    assert answers == [200, 200, 200, 429, 429]
    assert found["http_rate_limited_total", (("route", "/api/v1/betting/events"),)] == 2
    assert found["http_refused_total", (("reason", "rate_limited"),)] == 2


def test_metrics_need_a_read_key_and_a_server(
    world: World, database_url: str, tmp_path: Path
) -> None:
    with served(database_url, tmp_path) as api, api.client() as stranger:
        refused = stranger.get("/metrics")
        assert refused.status_code == 401
        assert "betting_ai_" not in refused.text
        key = api.key("read")
        shown = stranger.get("/metrics", headers={"Authorization": f"Bearer {key.token}"})
        assert shown.status_code == 200
        assert "/metrics" not in api.api.openapi()["paths"]
    with (
        served(database_url, tmp_path, options=ApiOptions(mode="lambda")) as api,
        api.client("read") as client,
    ):
        assert client.get("/metrics").status_code == 404


def test_two_applications_count_for_themselves(
    world: World, database_url: str, tmp_path: Path
) -> None:
    with (
        served(database_url, tmp_path) as one,
        served(database_url, tmp_path) as other,
        one.client("read") as client,
        other.client("read") as another,
    ):
        client.get("/health")
        health = (("method", "GET"), ("route", "/health"), ("status", "200"))
        assert scrape(client)["http_requests_total", health] == 1
        assert ("http_requests_total", health) not in scrape(another)


def test_how_the_product_stands(world: World, api: Api) -> None:
    with api.client("read") as client:
        empty = scrape(client)
    assert plain(empty, "database_up") == 1
    assert plain(empty, "slate_age_seconds") is None
    assert plain(empty, "clv_90d_count") == 0
    assert plain(empty, "clv_90d_mean") is None
    ages = {dict(labels)["market"] for name, labels in empty if name == "model_age_hours"}
    assert {"match_result", "over_under_2_5"} <= ages
    assert empty["bets_open", (("mode", "paper"),)] == 0
    assert empty["build_info", (("version", "0.1.0"),)] == 1


def test_figures_are_those_of_the_record(world: World, clock: MovingClock) -> None:
    with SqlUnitOfWork(world.engine) as unit:
        for entry in (
            ingested("football_data", timedelta(hours=3)),
            ingested("odds_api", timedelta(minutes=30)),
            ingested("odds_api", timedelta(minutes=20)),
            ingested("odds_api", timedelta(minutes=1), quotes=0),
            ingested("cloudbet", timedelta(minutes=1), status="refused"),
        ):
            unit.ingest_log.add(entry)
        unit.bets.open_session("test", "paper", "units", Decimal(1000), Limits(), MORNING)
        unit.commit()
    world.publish(slate(pick(0, 1), pick(1, 2)))
    found = read_figures(world.engine, MORNING, "live")
    assert (found.slate_as_of, found.slate_picks, found.pending) == (MORNING, 2, 2)
    assert found.prices_at == {
        "football_data": MORNING - timedelta(hours=3),
        "odds_api": MORNING - timedelta(minutes=20),
    }
    assert (found.clv_count, found.clv_mean, found.picks_profit) == (0, None, 0.0)
    assert found.bets == {"paper": Bets(0, 0.0), "real": Bets(0, 0.0)}

    world.tell(match(0, (2, 0)), match(1, (0, 1), closed=False))
    world.settle()
    found = read_figures(world.engine, EVENING, "live")
    [clv] = [row["clv"] for row in world.rows("SELECT clv FROM recommendations ORDER BY id")][:1]
    assert (found.pending, found.clv_count) == (0, 1)
    assert found.clv_mean == pytest.approx(clv)
    assert found.picks_profit == pytest.approx(13.0 - 10.0)
    later = read_figures(world.engine, EVENING + timedelta(days=91), "live")
    assert (later.clv_count, later.picks_profit) == (0, found.picks_profit)
    other = read_figures(world.engine, EVENING, "replay")
    assert (other.slate_as_of, other.slate_picks, other.picks_profit) == (None, None, 0.0)


def test_figures_are_kept_for_a_while_and_survive_the_database(
    world: World, api: Api, clock: MovingClock
) -> None:
    reads = []

    @sa.event.listens_for(api.app._engine, "before_cursor_execute")
    def noted(_c: object, _u: object, statement: str, *_: object) -> None:
        reads.append("jsonb_array_length" in statement)

    world.publish(slate(pick(0, 1), pick(1, 2)))
    with api.client("read") as client:
        for _ in range(20):
            found = scrape(client)
    assert sum(reads) == 1
    assert plain(found, "slate_picks") == 2
    assert plain(found, "slate_age_seconds") == 300


def test_without_a_database_the_rest_is_still_told(tmp_path: Path) -> None:
    from betting_ai.api.metrics import Metrics
    from betting_ai.bootstrap import build
    from betting_ai.settings import load_settings

    nowhere = f"postgresql://u:p@/x?host={tmp_path}"
    with build(load_settings(home=tmp_path, database_url=nowhere)) as app:
        metrics = Metrics(app)
        metrics.began()
        metrics.ended("GET", "/health", 200, 0.01, None)
        text, _ = metrics.text()
    found = samples(text.decode())
    assert plain(found, "database_up") == 0
    assert plain(found, "slate_age_seconds") is None
    assert found["http_request_seconds_count", (("method", "GET"), ("route", "/health"))] == 1


WORKER = """
import sys
from pathlib import Path
from betting_ai.api.metrics import Metrics
from betting_ai.bootstrap import build
from betting_ai.settings import load_settings
home = Path(sys.argv[1])
with build(load_settings(home=home, database_url=f"postgresql://u:p@/x?host={home}")) as app:
    metrics = Metrics(app)
    for _ in range(int(sys.argv[2])):
        metrics.began()
        metrics.ended("GET", "/health", 200, 0.01, None)
    metrics.began()
    print(metrics.text()[0].decode())
"""


def test_workers_of_one_server_count_together(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    told = [
        subprocess.run(
            [sys.executable, "-c", WORKER, str(tmp_path), times],
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(shared)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for times in ("3", "4")
    ]
    found = samples(told[-1])
    health = (("method", "GET"), ("route", "/health"), ("status", "200"))
    assert found["http_requests_total", health] == 7
    assert plain(found, "http_requests_in_flight") == 1  # the first worker's is gone with it
    assert plain(found, "database_up") == 0


def test_of_many_threads_one_opens_the_database(database_url: str, tmp_path: Path) -> None:
    from betting_ai.bootstrap import build
    from betting_ai.settings import load_settings

    settings = load_settings(home=tmp_path, database_url=database_url)
    found, gate = [], threading.Barrier(16)
    with build(settings, pool="server") as app:

        def open_it() -> None:
            gate.wait()
            found.append(id(app._engine))

        threads = [threading.Thread(target=open_it) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 16
        assert len(set(found)) == 1
        assert app._engine.pool.size() == 20  # type: ignore[attr-defined]
        assert app.for_sample().pool == "server"
    assert multiprocessing.active_children() == []
