"""A real day's announcements through the function that ingests them; then ten and a hundred days'.

    python benchmarks/bench_ingest_events.py [--times 1 10 100] [--leagues E0 D1 ...]

As many processes as the queue starts functions run `functions/ingest_raw/handler.py`, each handed
batches as the queue makes them: in no order, every tenth message twice, what failed once more. They
log in as the function's own role, whose limit is the database's. Objects lie in a server that
stands in for S3, in a process of its own: what it costs is not the function's.

By default of five leagues, whose messages then meet more often than those of all; all take long.

Nothing may be lost or doubled: what is in the database must be, key by key, what the payloads tell
of when they are read without one. The reference of the busiest day is the others of the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import multiprocessing as mp
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Engine, make_url

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from betting_ai.adapters.aws.inbox import S3Inbox  # noqa: E402
from betting_ai.adapters.aws.object_store import S3Objects, S3RawStore  # noqa: E402
from betting_ai.adapters.local.postgres import EmbeddedPostgres  # noqa: E402
from betting_ai.adapters.sql.database import prepare  # noqa: E402
from betting_ai.adapters.sql.engine import connect  # noqa: E402
from betting_ai.adapters.sql.roles import ROLES, ensure_roles  # noqa: E402
from fakes.busy_day import BusyDay, facts_told, stored_facts  # noqa: E402
from functions.account import Context  # noqa: E402
from infra.environments import (  # noqa: E402
    AT_ONCE,
    INGEST_BATCH,
    INGEST_MEGABYTES,
    INGEST_SECONDS,
)

FUNCTION: Final = "ingest_raw"
SHARED: Final = ROOT.parent / "shared" / "data"
BUCKET: Final = "objects"
REGION: Final = "eu-west-1"
TRIES: Final = 5
DEARER: Final = 2.0
"""A message of the busiest day may cost so many times what one of the cheapest day does."""

DRAINED: Final = 3600.0
"""Seconds in which a backlog must be gone."""

SIZES: Final = sa.text("""
SELECT pg_table_size('odds') AS table_bytes, pg_indexes_size('odds') AS index_bytes,
    (SELECT count(*) FROM odds) AS rows
""")


@dataclass(frozen=True)
class Ran:
    """One batch in one function.

    Attributes:
        failed: the messages that are to come again.
        seconds: how long it took.
        cpu: seconds of a processor in the function.
        megabytes: most memory of the function so far.
    """

    failed: tuple[str, ...]
    seconds: float
    cpu: float
    megabytes: int


def function(variables: dict[str, str], handed: Any, answers: Any) -> None:  # noqa: ANN401
    """A process that is one warm function until it is handed nothing."""
    os.environ.update(variables)
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - its log, until it ends
    place = ROOT / "functions" / FUNCTION / "handler.py"
    found = importlib.util.spec_from_file_location("handler", place)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    first = ROOT / "functions" / FUNCTION / "events" / "test_notice.json"
    module.handler(json.loads(first.read_text()), Context(FUNCTION))
    answers.put(None)  # warm
    while (records := handed.get()) is not None:
        began, cpu = time.perf_counter(), time.process_time()
        answer = module.handler({"Records": records}, Context(FUNCTION))
        answers.put(
            Ran(
                tuple(one["itemIdentifier"] for one in answer["batchItemFailures"]),
                time.perf_counter() - began,
                time.process_time() - cpu,
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            )
        )


@contextlib.contextmanager
def object_server() -> Iterator[str]:
    """The address of a stand-in for S3."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(300):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def messages(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the queue holds of announcements, by its own names."""
    sample = json.loads((ROOT / "functions" / FUNCTION / "events" / "notices.json").read_text())
    record = sample["Records"][0]
    notice = json.loads(record["body"])
    made = {}
    for number, name in enumerate(names):
        notice["Records"][0]["s3"]["object"]["key"] = name
        key = f"message-{number}"
        made[key] = record | {"messageId": key, "body": json.dumps(notice)}
    return made


class Watch:
    """Counts the connections of the function's role while it is open."""

    def __init__(self, engine: Engine) -> None:
        self.most = 0
        self._engine = engine
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        asked = sa.text("SELECT count(*) FROM pg_stat_activity WHERE usename = :role")
        while not self._done.wait(0.05):
            with self._engine.connect() as connection:
                now = connection.scalar(asked, {"role": f"betting_{FUNCTION}"}) or 0
            self.most = max(self.most, now)


class Functions:
    """The function as often as the queue starts it, each in a process; all are warm."""

    def __init__(self, variables: dict[str, str]) -> None:
        context = mp.get_context("spawn")
        self._handed, self._answers = context.Queue(), context.Queue()
        self._processes = [
            context.Process(target=function, args=(variables, self._handed, self._answers))
            for _ in range(AT_ONCE[FUNCTION])
        ]

    def __enter__(self) -> Functions:
        for process in self._processes:
            process.start()
        for _ in self._processes:
            self._answers.get(timeout=INGEST_SECONDS)
        return self

    def __exit__(self, *error: object) -> None:
        for _ in self._processes:
            self._handed.put(None)
        for process in self._processes:
            process.join()

    def drain(self, told: dict[str, dict[str, Any]], seed: int) -> tuple[list[Ran], float, int]:
        """Hand all messages over until each was taken, or came too often.

        Returns:
            The batches, the seconds it took, and how many messages were lost.
        """
        chance = random.Random(seed)  # noqa: S311 - a shuffle
        waiting = [*told, *chance.sample(sorted(told), len(told) // 10)]
        chance.shuffle(waiting)
        ran: list[Ran] = []
        began = time.perf_counter()
        for _ in range(TRIES):
            batches = [waiting[i : i + INGEST_BATCH] for i in range(0, len(waiting), INGEST_BATCH)]
            for batch in batches:
                self._handed.put([told[key] for key in batch])
            here = [self._answers.get(timeout=2 * INGEST_SECONDS) for _ in batches]
            ran += here
            waiting = [key for one in here for key in one.failed]
            if not waiting:
                break
        return ran, time.perf_counter() - began, len(waiting)


def measure(server: EmbeddedPostgres, day: BusyDay, times: int) -> dict[str, Any]:
    """A day that is so many times as busy, in a database of its own."""
    owner = connect(server.url())
    name = f"day_{times}"
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    owner.dispose()
    engine = connect(server.url(name))
    prepare(engine)
    with engine.begin() as connection:
        ensure_roles(connection)
    bucket = f"{BUCKET}-{times}"
    boto3.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    raw = S3RawStore(S3Objects(bucket))
    inbox = S3Inbox(raw)
    variables = {
        "DATABASE_URL": make_url(server.url(name))
        .set(username=f"betting_{FUNCTION}")
        .render_as_string(),
        "BETTING_AI_DATABASE_MIGRATES": "false",
        "BETTING_AI_OBJECTS_BUCKET": bucket,
        "POWERTOOLS_TRACE_DISABLED": "1",
    }

    def announced(payloads: Iterator[Any]) -> dict[str, dict[str, Any]]:
        before = set(inbox.names())
        for payload in payloads:
            raw.put(payload.content)
            inbox.announce(payload)
        return messages([name for name in inbox.names() if name not in before])

    with Functions(variables) as functions:
        _, _, lost = functions.drain(announced(day.history(times)), times)
        with engine.connect() as connection:
            before = connection.execute(SIZES).mappings().one()["rows"]
        told = announced(day.payloads(times))
        with Watch(engine) as watch:
            ran, seconds, lost_then = functions.drain(told, times)
    with engine.connect() as connection:
        sizes = connection.execute(SIZES).mappings().one()
        events, prices = stored_facts(connection)
    engine.dispose()
    these_events, these_prices = facts_told([*day.history(times), *day.payloads(times)])
    return {
        "times": times,
        "messages": len(told),
        "prices_before": before,
        "prices": sizes["rows"],
        "messages_per_second": round(len(told) / seconds, 1),
        "prices_per_second": round((sizes["rows"] - before) / seconds),
        "cpu_ms_per_message": round(1000 * sum(one.cpu for one in ran) / len(told), 1),
        "drain_seconds": round(seconds, 1),
        "longest_batch_seconds": round(max(one.seconds for one in ran), 2),
        "connections": watch.most,
        "megabytes": max(one.megabytes for one in ran),
        "came_again": sum(len(one.failed) for one in ran),
        "lost": lost + lost_then,
        "same": bool(np.array_equal(events, these_events) and np.array_equal(prices, these_prices)),
        "bytes_per_price": round((sizes["table_bytes"] + sizes["index_bytes"]) / sizes["rows"]),
        "of_which_index": round(sizes["index_bytes"] / sizes["rows"]),
    }


def dearer(rows: Sequence[dict[str, Any]]) -> float:
    """What a message of the last day costs, against the cheapest; the first day has the start."""
    costs = [float(row["cpu_ms_per_message"]) for row in rows]
    return costs[-1] / min(costs)


def passes(rows: Sequence[dict[str, Any]]) -> bool:
    """Whether every day kept to its budgets."""
    [limit] = [role.connections for role in ROLES if role.function == FUNCTION]
    return dearer(rows) <= DEARER and all(
        row["same"]
        and not row["lost"]
        and row["connections"] <= limit
        and row["longest_batch_seconds"] < INGEST_SECONDS
        and row["megabytes"] < INGEST_MEGABYTES
        and row["drain_seconds"] < DRAINED
        for row in rows
    )


def main() -> int:
    """Measure, print and judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--times", type=int, nargs="+", default=[1, 10, 100])
    arguments.add_argument("--data", type=Path, default=SHARED)
    arguments.add_argument("--leagues", nargs="+", default=["E0", "D1", "SP1", "I1", "F1"])
    asked = arguments.parse_args()
    if not asked.data.is_dir():
        print("left out: the real match files are not on this machine")
        return 0
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[variable] = "testing"
    os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = REGION
    rows = []
    with tempfile.TemporaryDirectory() as folder, object_server() as where:
        os.environ["AWS_ENDPOINT_URL"] = where
        os.environ["BETTING_AI_HOME"] = folder
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder)) as server:
            day = BusyDay(asked.data, tuple(asked.leagues))
            for times in asked.times:
                rows.append(measure(server, day, times))
                print(json.dumps(rows[-1]), file=sys.stderr)
    passed = passes(rows)
    print(json.dumps({"benchmark": "ingest_events", "days": rows, "passed": passed}))
    last = rows[-1]
    print(
        f"{'PASS' if passed else 'FAIL'}: {last['times']} days' {last['messages']:,} messages in "
        f"{last['drain_seconds']:,} s, longest batch {last['longest_batch_seconds']} s "
        f"(budget {INGEST_SECONDS}), {last['connections']} connections, {last['megabytes']} MB; a "
        f"message costs {dearer(rows):.2f} times the cheapest day's (budget {DEARER})"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
