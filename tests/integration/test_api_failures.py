"""What callers are told when something behind the API fails, and that it ends without a restart."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from betting_ai.adapters.local.postgres import EmbeddedPostgres
from betting_ai.adapters.sql.database import prepare
from betting_ai.adapters.sql.engine import POOL_SIZES, connect
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.api import schemas
from betting_ai.api.client import KeyAuth
from betting_ai.api.options import ApiOptions
from betting_ai.clock import MovingClock
from betting_ai.domain.protections import Limits
from betting_ai.ports.secrets import ROOT_SECRET
from betting_ai.settings import shipped_models
from integration.api_world import Api, served
from integration.record_world import MORNING, SLUGS, World, match, pick, slate, world

__all__ = ["world"]

V1 = "/api/v1/betting"
READS = (
    f"{V1}/top3",
    f"{V1}/top3?profile=strict",
    f"{V1}/events",
    f"{V1}/events/{SLUGS[0]}",
    f"{V1}/events/{SLUGS[0]}/odds",
    f"{V1}/recommendations/history",
    f"{V1}/performance",
    f"{V1}/models",
    f"{V1}/sessions",
    "/api/v1/crypto/transactions/6f9619ff-8b86-4d01-b42d-00c04fc964ff",
)
PAGES = ("/", "/events", f"/events/{SLUGS[0]}", "/record", "/sessions", "/models", "/data")
PREDICT = {"event_id": SLUGS[0]}


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock(MORNING + timedelta(minutes=5))


def unavailable(answer: httpx.Response, code: str) -> str:
    """A failure that says when to come back, and nothing of this machine."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = schemas.Problem.model_validate_json(answer.content)
    assert (told.status, told.code) == (503, code)
    discreet(answer)
    return told.detail


def discreet(answer: httpx.Response) -> None:
    """No file of this machine, no socket, no host of a database, no driver's words."""
    assert not re.search(
        r"/(tmp|var|home|root|usr|run)\b|PGSQL|pg8000|postgresql://|Trace", answer.text
    )


def page_unavailable(answer: httpx.Response) -> None:
    """The same for people."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Not available for now" in answer.text
    discreet(answer)


def until(look: Callable[[], bool]) -> None:
    """Wait for something that comes by itself."""
    ends = time.monotonic() + 60
    while not look():
        assert time.monotonic() < ends, "it does not come"
        time.sleep(0.02)


def waiting(connection: Connection, what: str) -> int:
    """How many sessions of this database wait for somebody else's lock with such a statement."""
    connection.rollback()  # a transaction sees the same all the time
    return (
        connection.scalar(
            sa.text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock' AND query LIKE :what"
            ),
            {"what": f"%{what}%"},
        )
        or 0
    )


# The database


@contextmanager
def own_database(home: Path, clock: MovingClock) -> Iterator[tuple[EmbeddedPostgres, Api]]:
    """The application over a server that nobody else needs."""
    server = EmbeddedPostgres(home, durable=False)
    server.start()
    try:
        engine = connect(server.url())
        prepare(engine)
        mine = World(engine)
        mine.tell(*(match(i) for i in range(4)), at=MORNING - timedelta(hours=1))
        mine.publish(slate(pick(0, 1), pick(1, 2)))
        engine.dispose()
        options = ApiOptions(keyless_dashboard=True)
        with served(server.url(), home, clock=clock, options=options) as api:
            yield server, api
    finally:
        server.leave()


def test_without_the_database_and_with_it_again(home: Path, clock: MovingClock) -> None:
    with own_database(home, clock) as (server, api), api.client("read", "bet") as client:
        assert client.get(f"{V1}/top3").status_code == 200
        assert client.get(f"{V1}/events").status_code == 200
        server.leave()
        assert not server.running
        # What a key is known by is kept for some seconds, and so are slates and models, for less.
        until(lambda: client.get(f"{V1}/top3").status_code == 503)
        for path in READS:
            if path != f"{V1}/models":
                unavailable(client.get(path), "database_unavailable")
        unavailable(client.post(f"{V1}/predict", json=PREDICT), "database_unavailable")
        bet = {"recommendation_id": 1}
        unavailable(client.post(f"{V1}/bets", json=bet), "database_unavailable")
        until(lambda: client.get(f"{V1}/models").status_code == 503)
        ready = client.get("/ready")
        assert (ready.status_code, int(ready.headers["Retry-After"]) > 0) == (503, True)
        discreet(ready)
        for page in PAGES:
            until(lambda: client.get(page).status_code == 503)  # noqa: B023 - called at once
            page_unavailable(client.get(page))
        assert client.get("/health").json() == {"status": "ok"}
        server.start()
        for page in PAGES:
            assert client.get(page).status_code == 200, page
        for path in READS[:-1]:
            assert client.get(path).status_code == 200, path
        assert client.get("/ready").json()["checks"]["database"]["ok"]


def test_a_database_that_stops_in_the_middle(home: Path, clock: MovingClock) -> None:
    """Whoever is being answered meanwhile gets an answer, whole or 503; nobody gets a 500."""
    with own_database(home, clock) as (server, api):
        answers: list[httpx.Response] = []
        over = threading.Event()

        def ask(number: int) -> None:
            with api.client("read") as client:
                while not over.is_set():
                    answers.append(client.get(READS[2 + number % 6]))

        with ThreadPoolExecutor(6) as callers:
            asked = [callers.submit(ask, number) for number in range(6)]
            for status in (200, 503, 200):
                if status == 503:
                    server.leave()
                elif not server.running:
                    server.start()
                seen = len(answers)
                until(lambda: status in {one.status_code for one in answers[seen:]})  # noqa: B023
            over.set()
        for each in asked:
            each.result()
        assert {one.status_code for one in answers} == {200, 503}
        for one in answers:
            if one.status_code == 503:
                unavailable(one, "database_unavailable")


def test_the_newest_slate_is_told_for_a_moment_without_the_database(
    home: Path, clock: MovingClock
) -> None:
    with own_database(home, clock) as (server, api), api.client("read") as client:
        stopped = threading.Thread(target=server.leave)
        first = client.get(f"{V1}/top3")
        assert first.status_code == 200
        kept = api.api.state.reading._slates[None]
        stopped.start()
        stopped.join()
        # However long stopping took: as if the slate had been read just now.
        kept._found = (time.monotonic(), kept._found[1])
        again = client.get(f"{V1}/top3")
        assert (again.status_code, again.content) == (200, first.content)


def test_who_finds_every_connection_busy_is_not_kept_waiting(
    world: World, database_url: str, tmp_path: Path, clock: MovingClock
) -> None:
    most = POOL_SIZES["server"]
    with (
        served(database_url, tmp_path, clock=clock) as api,
        api.client("read") as client,
        world.engine.connect() as locker,
    ):
        assert client.get(f"{V1}/events").status_code == 200
        locker.execute(sa.text("LOCK TABLE recommendations IN ACCESS EXCLUSIVE MODE"))
        path = f"{V1}/recommendations/history"
        with ThreadPoolExecutor(most) as callers, world.engine.connect() as observer:
            busy = [callers.submit(client.get, path) for _ in range(most)]
            until(lambda: waiting(observer, "recommendations") == most)
            told = unavailable(client.get(f"{V1}/events"), "database_unavailable")
            assert "try again" in told
            locker.rollback()
            assert {one.result().status_code for one in busy} == {200}
        assert client.get(f"{V1}/events").status_code == 200


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "57014", "53200", "53300", "25006"])
def test_what_may_go_well_the_next_time_is_no_fault(
    world: World, database_url: str, tmp_path: Path, clock: MovingClock, state: str
) -> None:
    world.publish(slate(pick(0, 1)))
    world.change(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" RAISE EXCEPTION 'at /var/lib/secret' USING ERRCODE = '{state}'; END $$"
    )
    world.change("CREATE TRIGGER fail BEFORE INSERT ON api_nonces EXECUTE FUNCTION fail()")
    with served(database_url, tmp_path, clock=clock) as api, api.client("read", "bet") as client:
        body = {"recommendation_id": 1}
        unavailable(client.post(f"{V1}/bets", json=body), "database_unavailable")
        world.change("DROP TRIGGER fail ON api_nonces")
        assert client.post(f"{V1}/bets", json=body).status_code not in {500, 503}


def test_a_deadlock_costs_nobody_a_bet(
    world: World, database_url: str, tmp_path: Path, clock: MovingClock
) -> None:
    """A real one: the bet holds its session and waits for us, who then ask for that session."""
    world.publish(slate(pick(0, 1)))
    (key,) = [row["id"] for row in world.rows("SELECT id FROM recommendations")]
    (name,) = [row["name"] for row in world.rows("SELECT current_database() AS name")]
    world.change(f"ALTER DATABASE {name} SET deadlock_timeout = '3s'")  # of sessions to come
    with SqlUnitOfWork(world.engine) as unit:
        unit.bets.open_session("test", "paper", "units", Decimal(1000), Limits(), MORNING)
        unit.commit()
    with (
        served(database_url, tmp_path, clock=clock, paper_rejects=0, paper_delay=0) as api,
        api.client("read", "bet") as client,
        world.engine.connect() as other,
        world.engine.connect() as observer,
        ThreadPoolExecutor(1) as caller,
    ):
        body, headers = {"recommendation_id": key}, {"Idempotency-Key": "mine"}
        other.execute(sa.text("SET LOCAL deadlock_timeout = '1h'"))  # let the bet give way
        other.execute(sa.text("LOCK TABLE bets IN SHARE MODE"))
        first = caller.submit(client.post, f"{V1}/bets", json=body, headers=headers)
        until(lambda: waiting(observer, "INSERT INTO bets") == 1)
        other.execute(sa.text("SELECT FROM betting_sessions FOR UPDATE"))
        unavailable(first.result(), "database_unavailable")
        other.rollback()
        assert not world.rows("SELECT 1 FROM bets")
        again = client.post(f"{V1}/bets", json=body, headers=headers)
        assert (again.status_code, again.json()["status"]) == (201, "placed")


# Storage


@contextmanager
def tiny(folder: Path) -> Iterator[Path]:
    """A file system of 64 kB; only an administrator can make one."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", folder],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("no right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill_up(folder: Path) -> Path:
    """Leave no room at all."""
    file = folder / "filling"
    with file.open("wb", buffering=0) as filling, contextlib.suppress(OSError):
        while True:
            filling.write(bytes(512))
    return file


def test_a_full_disk_and_room_again(
    world: World, database_url: str, tmp_path: Path, clock: MovingClock
) -> None:
    with (
        tiny(tmp_path / "disk") as disk,
        served(database_url, disk, clock=clock, root_secret="r" * 32) as api,
        api.client("read") as client,
    ):
        assert client.get("/ready").json()["checks"]["storage"]["ok"]
        filling = fill_up(disk)
        full = client.get("/ready")
        assert full.status_code == 503
        assert int(full.headers["Retry-After"]) > 0
        told = full.json()["checks"]["storage"]
        assert told == {"ok": False, "detail": "cannot be written to: No space left on device"}
        assert client.get(f"{V1}/events").status_code == 200  # what only reads does not mind
        filling.unlink()
        assert client.get("/ready").json()["checks"]["storage"]["ok"]


def test_a_secret_that_cannot_be_kept(
    world: World, database_url: str, tmp_path: Path, clock: MovingClock
) -> None:
    """The first signed call of all makes the root secret, and there is no room for it."""
    world.publish(slate(pick(0, 1)))
    home = tmp_path / "disk"
    with tiny(home), served(database_url, home, clock=clock) as api:
        made = api.key("read", "bet")
        shutil.rmtree(home / "secrets")
        filling = fill_up(home)
        auth = KeyAuth(made.token, made.signing_secret, clock=clock)
        with httpx.Client(base_url=api.url, auth=auth) as client:
            body = {"recommendation_id": 1}
            unavailable(client.post(f"{V1}/bets", json=body), "storage_full")
            filling.unlink()
            # Another secret was made, so what is signed with the one before is not believed.
            assert client.post(f"{V1}/bets", json=body).status_code == 401


def test_a_database_without_room(home: Path, clock: MovingClock, tmp_path: Path) -> None:
    with tiny(home / "disk") as disk, own_database(home, clock) as (server, api):
        engine = connect(server.url())
        theirs = disk / "space"
        theirs.mkdir(mode=0o700)
        owner = (server.location / "data").stat()
        os.chown(theirs, owner.st_uid, owner.st_gid)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text(f"CREATE TABLESPACE tiny LOCATION '{theirs}'"))
            connection.execute(sa.text("ALTER TABLE api_calls SET TABLESPACE tiny"))
        with api.client("read", "bet") as client:
            filling = fill_up(disk)
            body = {"recommendation_id": 1}
            told = unavailable(client.post(f"{V1}/bets", json=body), "storage_full")
            assert "full" in told
            assert client.get(f"{V1}/events").status_code == 200
            filling.unlink()
            assert client.post(f"{V1}/bets", json=body).status_code not in {500, 503}
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("ALTER TABLE api_calls SET TABLESPACE pg_default"))
            connection.execute(sa.text("DROP TABLESPACE tiny"))
        engine.dispose()


# Models


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The shipped models of the match result, to be broken."""
    folder = tmp_path / "models"
    channels = json.loads((shipped_models() / "channels.json").read_text())
    version = channels["match_result"]["stable"][1]
    shutil.copytree(shipped_models() / "match_result" / version, folder / "match_result" / version)
    listed = {"match_result": {"stable": [version]}}
    (folder / "channels.json").write_text(json.dumps(listed))
    return folder


def the(models: Path, name: str) -> Path:
    """A file of the model."""
    (found,) = models.glob(f"match_result/*/{name}")
    return found


def flip(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


def of_a_later_version(content: bytes) -> bytes:
    """What builds other features says so by its hash, whatever else it says."""
    told = json.loads(content)
    told["spec"] |= {"version": told["spec"]["version"] + 1, "another_constant": 2.5}
    told["spec_hash"] = hashlib.sha256(json.dumps(told["spec"]).encode()).hexdigest()
    return json.dumps(told).encode()


@pytest.mark.parametrize(
    ("name", "spoil", "code"),
    [
        ("ensemble.onnx", flip, "model_checksum"),
        ("ensemble.onnx", lambda content: content[: len(content) // 2], "model_checksum"),
        ("feature_state.npz", lambda content: content[:100], "model_checksum"),
        ("ensemble.onnx", None, "model_missing"),
        ("manifest.json", None, "model_missing"),
        ("manifest.json", lambda content: content[:100], "model_failed"),
        ("manifest.json", of_a_later_version, "spec_mismatch"),
    ],
)
def test_a_spoilt_model_and_a_repaired_one(
    world: World,
    database_url: str,
    tmp_path: Path,
    clock: MovingClock,
    models: Path,
    name: str,
    spoil: Callable[[bytes], bytes] | None,
    code: str,
) -> None:
    file = the(models, name)
    whole = file.read_bytes()
    if spoil is None:
        file.unlink()
    else:
        file.write_bytes(spoil(whole))
    with (
        served(database_url, tmp_path, clock=clock, models=models) as api,
        api.client("read") as client,
    ):
        told = unavailable(client.post(f"{V1}/predict", json=PREDICT), code)
        assert "\n" not in told
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["checks"]["model"]["ok"]) == (503, False)
        discreet(ready)
        discreet(client.get(f"{V1}/models"))
        file.write_bytes(whole)
        assert client.post(f"{V1}/predict", json=PREDICT).status_code == 200
        assert client.get("/ready").json()["checks"]["model"]["ok"]


def test_a_model_that_is_loaded_goes_on_answering(
    world: World, database_url: str, tmp_path: Path, clock: MovingClock, models: Path
) -> None:
    with (
        served(database_url, tmp_path, clock=clock, models=models) as api,
        api.client("read") as client,
    ):
        first = client.post(f"{V1}/predict", json=PREDICT)
        assert first.status_code == 200, first.text
        the(models, "ensemble.onnx").write_bytes(b"")
        the(models, "feature_state.npz").unlink()
        again = client.post(f"{V1}/predict", json=PREDICT)
        assert (again.status_code, again.json()) == (200, first.json())


# Secrets


def loosened(path: Path) -> None:
    path.chmod(0o644)


def shortened(path: Path) -> None:
    path.write_bytes(b"short")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [loosened, shortened, a_folder])
def test_a_root_secret_that_cannot_be_used(
    world: World,
    database_url: str,
    tmp_path: Path,
    clock: MovingClock,
    spoil: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with served(database_url, tmp_path, clock=clock) as api, api.client("read", "bet") as client:
        secret = tmp_path / "secrets" / ROOT_SECRET
        told = secret.read_bytes()
        spoil(secret)
        answer = client.post(f"{V1}/bets", json={"recommendation_id": 1})
        unavailable(answer, "secret_unusable")
        for text in (answer.text, caplog.text):
            assert told.hex() not in text
            assert str(told) not in text
        (line,) = [one for one in caplog.records if getattr(one, "code", "") == "secret_unusable"]
        assert str(secret) in line.detail  # type: ignore[attr-defined]
        assert client.get(f"{V1}/events").status_code == 200
