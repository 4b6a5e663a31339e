"""A signed call is done once: at once, again, later, and after a crash."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Event
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from starlette.responses import JSONResponse, Response

from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork, unit_of_work_factory
from betting_ai.api.idempotency import LEASE, once
from betting_ai.clock import MovingClock
from betting_ai.domain.keys import ApiKey, Scope
from betting_ai.errors import (
    DomainError,
    IdempotencyMismatchError,
    IdempotencyRunningError,
    PriceMovedError,
    VenueOfflineError,
)
from integration import idempotent_work
from integration.idempotent_work import ROUTE, signed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = ("0123456789abcdef", "fedcba9876543210")
BODY = b'{"recommendation_id": 17}'

Work = Callable[[UUID], Response]


@dataclass
class Calls:
    """Makes calls, and remembers which work they did."""

    engine: Engine
    clock: MovingClock = field(default_factory=lambda: MovingClock(NOW))
    done: list[UUID] = field(default_factory=list)

    def __call__(
        self,
        name: str = "n",
        body: bytes = BODY,
        *,
        key_id: str = KEYS[0],
        route: str = ROUTE,
        work: Work | None = None,
    ) -> Response:
        def noted(reference: UUID) -> Response:
            self.done.append(reference)
            return (work or answered)(reference)

        return once(
            signed(key_id, name, body, NOW, route),
            noted,
            units=unit_of_work_factory(self.engine),
            clock=self.clock,
            explain=explained,
        )


def answered(reference: UUID) -> Response:
    told = {"X-Mine": "yes", "Set-Cookie": "a=b", "X-Request-Id": "r1"}
    return JSONResponse({"reference": str(reference)}, 201, told)


def explained(error: DomainError) -> Response:
    status = 503 if isinstance(error, VenueOfflineError) else 409
    return JSONResponse({"code": error.code}, status)


@pytest.fixture
def calls(database_url: str) -> Iterator[Calls]:
    engine = connect(database_url, pool="server")
    with SqlUnitOfWork(engine) as unit:
        for number, key_id in enumerate(KEYS):
            hashed = bytes([number]) * 32
            unit.keys.add(ApiKey(key_id, "mine", frozenset({Scope.BET}), hashed, NOW))
        unit.commit()
    yield Calls(engine)
    engine.dispose()


def test_the_same_call_is_answered_alike_and_done_once(calls: Calls) -> None:
    first, second = calls(), calls()
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.body == first.body
    assert len(calls.done) == 1
    assert second.headers["X-Mine"] == "yes"
    assert second.headers["Content-Type"] == "application/json"
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert not {"set-cookie", "x-request-id"} & set(second.headers)


def test_so_it_is_by_another_process_a_day_less_a_second_later(
    calls: Calls, database_url: str
) -> None:
    first = calls()
    engine = connect(database_url)
    later = Calls(engine, MovingClock(NOW + timedelta(hours=24) - timedelta(seconds=1)))
    assert later().body == first.body
    assert later.done == []
    engine.dispose()


def test_other_calls_are_other_calls(calls: Calls) -> None:
    calls()
    calls("N")
    calls(key_id=KEYS[1])
    calls(route="POST /api/v1/crypto/send")
    assert len(set(calls.done)) == 4


def test_another_body_is_refused_whether_there_is_an_answer_or_not(calls: Calls) -> None:
    def meanwhile(reference: UUID) -> Response:
        with pytest.raises(IdempotencyMismatchError):
            calls(body=b"{}")
        return answered(reference)

    calls(work=meanwhile)
    with pytest.raises(IdempotencyMismatchError):
        calls(body=b"{}")
    calls.clock.move(NOW + timedelta(hours=23))
    with pytest.raises(IdempotencyMismatchError):
        calls(body=b"{}")
    assert len(calls.done) == 1


def test_while_it_runs_the_same_call_is_told_so(calls: Calls) -> None:
    def meanwhile(reference: UUID) -> Response:
        with pytest.raises(IdempotencyRunningError) as refused:
            calls()
        assert refused.value.retry_after >= 1
        return answered(reference)

    calls(work=meanwhile)
    assert len(calls.done) == 1


def test_of_fifty_at_once_one_does_the_work(calls: Calls) -> None:
    together, others_are_through = Barrier(50), Event()

    def slow(reference: UUID) -> Response:
        others_are_through.wait(60)
        return answered(reference)

    def call(_: int) -> object:
        together.wait()
        try:
            return calls(work=slow).body
        except IdempotencyRunningError:
            return "running"

    with ThreadPoolExecutor(50) as pool:
        waiting = [pool.submit(call, number) for number in range(50)]
        while sum(one.done() for one in waiting) < 49:
            time.sleep(0.01)
        others_are_through.set()
        told = [one.result() for one in waiting]
    assert len(calls.done) == 1
    assert told.count("running") == 49
    assert calls().body in told


def test_of_fifty_that_take_no_time_one_does_the_work_too(calls: Calls) -> None:
    together = Barrier(50)

    def call(_: int) -> object:
        together.wait()
        try:
            return calls().body
        except IdempotencyRunningError:
            return "running"

    with ThreadPoolExecutor(50) as pool:
        told = set(pool.map(call, range(50)))
    assert len(calls.done) == 1
    assert told - {"running"} == {calls().body}


def test_a_refusal_is_an_answer_too(calls: Calls) -> None:
    def moved(reference: UUID) -> Response:
        raise PriceMovedError("too low")

    first = calls(work=moved)
    assert (first.status_code, calls().body) == (409, first.body)
    assert len(calls.done) == 1


def test_after_a_failure_of_ours_the_call_may_be_made_again_as_the_same(calls: Calls) -> None:
    def offline(reference: UUID) -> Response:
        raise VenueOfflineError("no answer")

    def broken(reference: UUID) -> Response:
        raise RuntimeError("a bug")

    assert calls(work=offline).status_code == 503
    assert calls(work=lambda _: Response(status_code=500)).status_code == 500
    with pytest.raises(RuntimeError, match="a bug"):
        calls(work=broken)
    assert calls().status_code == 201
    assert len(calls.done) == 4
    assert len(set(calls.done)) == 1


def test_what_died_is_taken_over_after_two_minutes_as_the_same(calls: Calls) -> None:
    def die(reference: UUID) -> Response:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calls(work=die)
    calls.clock.move(NOW + LEASE - timedelta(seconds=1))
    with pytest.raises(IdempotencyRunningError):
        calls()
    calls.clock.move(NOW + LEASE)
    with pytest.raises(IdempotencyMismatchError):
        calls(body=b"{}")
    assert calls().status_code == 201
    assert len(calls.done) == 2
    assert len(set(calls.done)) == 1


def test_so_is_what_was_killed(calls: Calls, database_url: str, tmp_path: Path) -> None:
    note = tmp_path / "reference"
    words = [database_url, KEYS[0], "n", BODY.decode(), NOW.isoformat(), str(note)]
    process = subprocess.Popen([sys.executable, "-m", idempotent_work.__name__, *words], cwd=TESTS)
    while not (note.exists() and note.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    with pytest.raises(IdempotencyRunningError):
        calls()
    process.kill()
    process.wait()
    calls.clock.move(NOW + LEASE)
    assert calls().status_code == 201
    assert [str(reference) for reference in calls.done] == [note.read_text()]


@pytest.mark.parametrize("status", [201, 409, 500])
def test_who_was_taken_over_changes_nothing_any_more(calls: Calls, status: int) -> None:
    def overtaken(reference: UUID) -> Response:
        calls.clock.move(NOW + LEASE)
        calls(work=lambda _: JSONResponse({"by": "the second"}, 200))
        return JSONResponse({"by": "the first"}, status)

    assert calls(work=overtaken).status_code == status
    assert calls().body == b'{"by":"the second"}'
    assert len(calls.done) == 2


def test_a_day_later_the_name_is_free_for_another_call(calls: Calls) -> None:
    calls()
    calls.clock.move(NOW + timedelta(hours=24))
    assert calls(body=b"{}").status_code == 201
    assert len(set(calls.done)) == 2


def test_the_same_call_a_day_later_is_still_the_same_to_its_work(calls: Calls) -> None:
    calls()
    calls.clock.move(NOW + timedelta(hours=24))
    calls()
    assert len(calls.done) == 2
    assert len(set(calls.done)) == 1


def test_answers_are_forgotten_bit_by_bit_once_they_expired(calls: Calls) -> None:
    for number in range(50):
        calls(f"n{number}")
    calls.clock.move(NOW + timedelta(hours=24))
    left = []
    for number in range(4):
        calls(f"late{number}")
        with calls.engine.connect() as connection:
            left.append(connection.scalar(sa.text("SELECT count(*) FROM api_calls")))
    assert left == [31, 12, 3, 4]


def test_what_expired_counts_for_nothing_even_before_it_is_forgotten(calls: Calls) -> None:
    for number in range(30):
        calls.clock.move(NOW + timedelta(seconds=number))
        calls(f"n{number}")
    calls.clock.move(NOW + timedelta(hours=25))
    assert calls("n29", b"{}").status_code == 201
    assert len(set(calls.done)) == 31


def test_bytes_of_any_kind_are_kept(calls: Calls) -> None:
    content = bytes(range(256))
    for _ in range(2):
        assert calls(work=lambda _: Response(content, 200)).body == content


TESTS = Path(__file__).parents[1]
