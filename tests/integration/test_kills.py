"""Whenever the process is killed, nothing is lost or doubled, and no bet is in a wrong state."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from datetime import date as calendar_date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from pg8000.native import Connection
from sqlalchemy.engine import Engine

from betting_ai.adapters.local.postgres import EmbeddedPostgres
from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork, unit_of_work_factory
from betting_ai.backtest.relive import UNLIMITED
from betting_ai.ports.bets import PAPER
from betting_ai.usecases.verify_record import VerifyRecord
from integration import kill_work
from integration.conftest import fresh
from integration.kill_work import MORNING
from small_model import THROUGH, artifact, league

PLACED_KILLS = 140  # spread over the calls of a day, of which there are some 370
RANDOM_KILLS = 60
SIGKILL = -9

# What a day comes to, without the numbers that a database gives out and skips when it rolls back.
CONTENT = {
    "events": "SELECT slug, kickoff FROM events ORDER BY slug",
    "prices": "SELECT count(*), sum(price) FROM odds",
    "results": "SELECT event_id, goals_home, goals_away FROM results ORDER BY event_id",
    "payloads": "SELECT name, sha256, rows_kept FROM ingest_log WHERE status = 'stored'",
    "slates": "SELECT id, hash FROM slates",
    "predictions": "SELECT event_id, member, p_home FROM predictions ORDER BY event_id, member",
    "picks": "SELECT rank, hash, status, profit, clv FROM recommendations ORDER BY rank",
    "settlements": "SELECT recommendation_id IS NULL AS bet, status, profit, clv FROM settlements"
    " ORDER BY bet, profit",
    "bets": "SELECT event_id, price, stake, status, profit, clv FROM bets"
    " WHERE status <> 'rejected' ORDER BY event_id",
    "at the venue": "SELECT slip ->> 'event_id', price, stake FROM paper_bets ORDER BY 1",
    "money": "SELECT bankroll FROM betting_sessions",
    "days": "SELECT day, picks, won, profit, clv_sum FROM historical_performance"
    " ORDER BY day, league_id NULLS FIRST",
    "models": "SELECT member, matches, log_loss FROM model_performance ORDER BY member",
}


@dataclass
class Ground:
    """Databases that all begin alike: matches of a few weeks, and an open session."""

    server: EmbeddedPostgres
    administration: Connection
    template: str
    folder: Path
    numbers: Iterator[int]

    def world(self) -> Any:
        return fresh(self.administration, self.template)

    def objects(self) -> Path:
        """A folder with the models, and with a store of raw payloads of its own."""
        folder = self.folder / str(next(self.numbers))
        folder.mkdir()
        (folder / "models").symlink_to(self.folder / "models")
        return folder


@pytest.fixture(scope="module")
def ground(
    postgres: EmbeddedPostgres, administration: Connection, template: str
) -> Iterator[Ground]:
    folder = Path(tempfile.mkdtemp(prefix="betting-ai-kills-"))
    models = folder / "models" / "match_result" / THROUGH.isoformat()
    models.mkdir(parents=True)
    for name, content in artifact().items():
        (models / name).write_bytes(content)
    channels = f'{{"match_result": {{"stable": ["{THROUGH}"]}}}}'
    (folder / "models" / "channels.json").write_text(channels)
    administration.run(f"CREATE DATABASE killing_ground TEMPLATE {template}")
    engine = connect(postgres.url("killing_ground"))
    facts = league()
    today = (MORNING.astimezone(UTC).date() - calendar_date(1970, 1, 1)).days
    near = facts.where(np.abs(facts.day - today) < 21)
    with SqlUnitOfWork(engine) as unit:
        unit.facts.store(near, source="small", received_at=MORNING, reconstructed=True)
        unit.bets.open_session("s", PAPER, "units", Decimal(1000), UNLIMITED, MORNING)
        unit.commit()
    engine.dispose()
    yield Ground(postgres, administration, "killing_ground", folder, itertools.count())
    administration.run("DROP DATABASE killing_ground WITH (FORCE)")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def workshop(ground: Ground) -> Iterator[subprocess.Popen[str]]:
    """A process that forks workers, see `kill_work.serve`."""
    tests = Path(kill_work.__file__).resolve().parents[1]
    environment = os.environ | {"PYTHONPATH": str(tests), "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "integration.kill_work"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        with ground.world() as name:
            told = {"url": ground.server.url(name), "folder": str(ground.objects()), "number": None}
            process.stdin.write(json.dumps(told | {"warm": True}) + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "0\n"
        yield process
        process.stdin.close()  # it ends with its input


def content(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {
            name: [tuple(row) for row in connection.execute(sa.text(sql))]
            for name, sql in CONTENT.items()
        }


def undisturbed(ground: Ground) -> dict[str, list[Any]]:
    with ground.world() as name:
        engine = kill_work.opened(ground.server.url(name))
        kill_work.day(engine, ground.objects())
        found = content(engine)
        engine.dispose()
    assert len(found["picks"]) == len(found["bets"]) == len(found["at the venue"]) == 3
    return found


def killed(
    ground: Ground,
    workshop: subprocess.Popen[str],
    number: int | None = None,
    after: float | None = None,
) -> dict[str, list[Any]]:
    """What a day comes to that was killed once, and then taken up again."""
    with ground.world() as name:
        url, folder = ground.server.url(name), ground.objects()
        told = {"url": url, "folder": str(folder), "number": number, "after": after}
        assert workshop.stdin is not None
        assert workshop.stdout is not None
        workshop.stdin.write(json.dumps(told) + "\n")
        workshop.stdin.flush()
        code = int(workshop.stdout.readline())
        assert code == SIGKILL or (after is not None and code == 0)
        engine = kill_work.opened(url)
        kill_work.recover(engine, folder)
        found = content(engine)
        assert VerifyRecord(unit_of_work_factory(engine))().flaws == ()
        engine.dispose()
    return found


def test_a_day_may_be_killed_at_any_call_to_the_database(
    ground: Ground, workshop: subprocess.Popen[str]
) -> None:
    """Before and after statements and commits, one kill each."""
    with ground.world() as name:
        points = kill_work.calls_of_a_day(ground.server.url(name), ground.objects())
    expected = undisturbed(ground)
    assert points > 2 * PLACED_KILLS
    for point in np.linspace(1, points, PLACED_KILLS).astype(int).tolist():
        found = killed(ground, workshop, number=point)
        assert found == expected, f"killed at call {point} of {points}"


def test_and_at_any_time(ground: Ground, workshop: subprocess.Popen[str]) -> None:
    """In the middle of statements too, and while the server commits."""
    expected = undisturbed(ground)
    chance = random.Random(7)  # noqa: S311 - the same moments every time
    for _ in range(RANDOM_KILLS):
        after = chance.uniform(0.0, 1.0)
        found = killed(ground, workshop, after=after)
        assert found == expected, f"killed after {after:.3f} s"
