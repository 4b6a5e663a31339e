"""A day's work in a process of its own, which can be told to die at any point of it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Dialect, Engine

from betting_ai.adapters.feeds.football_data.normaliser import FootballDataNormaliser
from betting_ai.adapters.feeds.resolver import TeamResolver, seed_aliases
from betting_ai.adapters.local.model_store import FolderModelStore
from betting_ai.adapters.local.object_store import LocalObjectStore
from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.unit_of_work import unit_of_work_factory
from betting_ai.adapters.venues.paper import PaperRules, PaperVenue
from betting_ai.adapters.venues.stored_offers import StoredOffers
from betting_ai.clock import FixedClock
from betting_ai.domain.slate import Criteria
from betting_ai.models.registry import Registry
from betting_ai.ports.feeds import Payload, PayloadKind
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.ingest_raw import IngestCommand, IngestRaw
from betting_ai.usecases.place_bet import PlaceBet, PlaceBetCommand, ReconcileBets
from betting_ai.usecases.select_top3 import REPLAY, SelectTop3, SelectTop3Command
from betting_ai.usecases.settle_picks import SettlePicks, SettlePicksCommand

MORNING = datetime(2022, 9, 10, 8, tzinfo=UTC)
NEXT_DAY = MORNING + timedelta(days=1)
LOOSE = Criteria("loose", 0.0, 0.0, 1.0)
RULES = PaperRules(drift=Decimal(0), rejects=0.0, delay=timedelta(0), bankroll=Decimal(10_000))
COLUMNS = "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,B365H,B365D,B365A,AvgH,AvgD,AvgA\n"
SEASON = COLUMNS + "".join(
    f"SP1,{day:02}/09/2022,15:00,Side {day + 10 * k},Side {day + 10 * k + 40},2,{k},"
    f"{'HHD'[k]},2.1,3.3,3.6,2.0,3.2,3.5\n"
    for day in range(1, 9)
    for k in range(3)
)


_compiled: dict[Any, Any] = {}
_dialects: list[Dialect] = []


def opened(url: str) -> Engine:
    """An engine that knows the statements which others of this process, or its parent, compiled.

    To compile them anew takes as long as all the rest of a day.
    """
    engine = connect(url, pool="server")
    _dialects.append(engine.dialect)
    engine.dialect = _dialects[0]
    return engine.execution_options(compiled_cache=_compiled)


def payload() -> Payload:
    """Twenty-four matches of a league that nothing else is about."""
    return Payload(
        "football_data", "2223/SP1.csv", PayloadKind.SEASON, SEASON.encode(), MORNING,
        league="SP1", season=2022,
    )  # fmt: skip


def ingest(engine: Engine, folder: Path) -> None:
    resolver = TeamResolver(seed_aliases())
    raw = LocalObjectStore(folder / "objects")
    IngestRaw(unit_of_work_factory(engine), raw, FootballDataNormaliser(), resolver)(
        IngestCommand((payload(),))
    )


def select(engine: Engine, folder: Path) -> None:
    registry = Registry(FolderModelStore(folder / "models"))
    SelectTop3(unit_of_work_factory(engine), registry, FixedClock(MORNING))(
        SelectTop3Command(
            Window(MORNING, leagues=("D1", "E0", "E1")), LOOSE, Decimal(1000), publish=True,
            mode=REPLAY,
        )
    )  # fmt: skip


def place(engine: Engine, _folder: Path, at: datetime = MORNING) -> None:
    units, clock = unit_of_work_factory(engine), FixedClock(at)
    venue = PaperVenue(engine, StoredOffers(engine), clock, RULES)
    with units() as unit:
        picks = unit.record.picks()
    for pick in picks:
        if pick.status == "pending":
            PlaceBet(units, venue, TeamResolver({}), clock)(PlaceBetCommand(pick.id))


def settle(engine: Engine, _folder: Path) -> None:
    SettlePicks(unit_of_work_factory(engine))(SettlePicksCommand(NEXT_DAY))


def reconcile(engine: Engine, at: datetime) -> None:
    units, clock = unit_of_work_factory(engine), FixedClock(at)
    venue = PaperVenue(engine, StoredOffers(engine), clock, RULES)
    ReconcileBets(units, lambda _name: venue, clock)()


STEPS: tuple[Callable[[Engine, Path], None], ...] = (ingest, select, place, settle)


def day(engine: Engine, folder: Path) -> None:
    """Everything, in order."""
    for step in STEPS:
        step(engine, folder)


def recover(engine: Engine, folder: Path) -> None:
    """What a person or a schedule does after a crash: the same again, and asks the venue."""
    for step in (ingest, select, place):
        step(engine, folder)
    reconcile(engine, MORNING + timedelta(minutes=10))
    place(engine, folder, MORNING + timedelta(minutes=10))
    settle(engine, folder)


def calls_of_a_day(url: str, folder: Path) -> int:
    """How many statements and commits a day's work is."""
    engine, count = opened(url), 0

    def tick(*_: Any, **__: Any) -> None:
        nonlocal count
        count += 1

    _at_every_call(engine, tick, tick)
    day(engine, folder)
    engine.dispose()
    return count


def work(url: str, folder: Path, number: int | None = None) -> None:
    """Work to the end, or until the n-th moment before or after a call, and die there."""
    engine, left = opened(url), number

    def tick(*_: Any, **__: Any) -> None:
        nonlocal left
        if left is not None:
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    _at_every_call(engine, tick, tick)
    day(engine, folder)
    engine.dispose()


def serve() -> None:
    """Fork a worker for every line on stdin, end it as told, and say how it ended.

    Everything is imported once, and compiled by a day that is let live; a worker is there within
    milliseconds.
    """
    for line in sys.stdin:
        told = json.loads(line)
        if told.get("warm"):
            work(told["url"], Path(told["folder"]))
            sys.stdout.write("0\n")
            sys.stdout.flush()
            continue
        worker = os.fork()
        if not worker:
            work(told["url"], Path(told["folder"]), told["number"])
            os._exit(0)
        if told["after"] is not None:
            time.sleep(told["after"])
            os.kill(worker, signal.SIGKILL)
        _, status = os.waitpid(worker, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _at_every_call(engine: Engine, before: Callable[..., None], after: Callable[..., None]) -> None:
    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "commit", before)
    event.listen(engine, "checkin", after)  # a unit of work is over, committed or not


if __name__ == "__main__":
    serve()
