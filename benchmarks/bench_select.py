"""A slate of 2,000 events x 12 books, from an embedded database, warm: time and memory.

    python benchmarks/bench_select.py

The slate is made by a process of its own, so that its peak memory is that of the product alone:
the database server, and the making of the events, are outside. The events are between real teams
of the newest shipped model's checkpoint, on the day after it. The reference is loading the same
facts from the database, in the same process.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import numpy as np

from betting_ai.adapters.local.model_store import FolderModelStore
from betting_ai.adapters.local.postgres import EmbeddedPostgres
from betting_ai.adapters.sql.database import prepare, refresh_statistics
from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.facts import SqlFactsRepository
from betting_ai.adapters.sql.unit_of_work import unit_of_work_factory
from betting_ai.clock import FixedClock
from betting_ai.domain.events import event_id, event_slug
from betting_ai.domain.leagues import SEASON_FILE_LEAGUES
from betting_ai.domain.slate import Criteria
from betting_ai.features.facts import MISSING, NEVER, STATS, Facts, merge
from betting_ai.models.registry import Registry
from betting_ai.ports.repositories import FactsQuery
from betting_ai.settings import shipped_models
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.select_top3 import SelectTop3, SelectTop3Command

EVENTS = 2_000
BOOKS = ("1XB", "AVG", "B365", "BF", "BFD", "BFE", "BMGM", "BV", "CL", "LB", "MAX", "PS")
SECONDS, MEGABYTES = 2.0, 512
REPEATS = 5
AS_OF = datetime(2026, 8, 15, 8, tzinfo=UTC)


def events(registry: Registry) -> Facts:
    """Fixtures of one day, each with twelve books' prices of the day before."""
    random = np.random.default_rng(12)
    model = registry.pick("match_result", "stable", AS_OF)
    known = model.checkpoint.history
    day = (AS_OF.date() - date(1970, 1, 1)).days
    made = []
    for code in SEASON_FILE_LEAGUES:
        index = known.leagues.index(code)
        its = np.unique(known.home[known.league == index])
        made += [(code, int(h), int(a)) for h in its for a in its if h != a]
    chosen = [made[i] for i in np.sort(random.choice(len(made), EVENTS, replace=False))]
    codes = tuple(sorted(SEASON_FILE_LEAGUES))
    names = [team.partition(":")[2] for team in known.teams]
    slugs = [event_slug(c, str(AS_OF.date()), names[h], names[a]) for c, h, a in chosen]
    kickoff = int(AS_OF.timestamp()) + random.integers(1, 12, EVENTS) * 3_600
    event = np.repeat(np.arange(EVENTS), len(BOOKS))
    fair = random.dirichlet((9.0, 5.5, 6.0), EVENTS)[event]
    price = np.round(1.0 / (fair * 1.05 * random.uniform(0.97, 1.03, (len(event), 3))), 2)
    return merge([
        Facts(
            leagues=codes,
            teams=known.teams,
            books=BOOKS,
            event_id=np.array([event_id(slug) for slug in slugs]),
            league=np.array([codes.index(code) for code, _, _ in chosen]),
            season=np.full(EVENTS, AS_OF.year),
            home=np.array([home for _, home, _ in chosen]),
            away=np.array([away for _, _, away in chosen]),
            kickoff=kickoff,
            day=np.full(EVENTS, day),
            time_assumed=np.zeros(EVENTS, np.bool_),
            result_known_at=np.full(EVENTS, NEVER),
            stats=np.full((EVENTS, len(STATS)), MISSING),
            quote_event=event,
            quote_book=np.tile(np.arange(len(BOOKS)), EVENTS),
            quote_market=np.zeros(len(event), np.int64),
            quote_line=np.zeros(len(event)),
            quoted_at=np.full(len(event), int(AS_OF.timestamp()) - 17 * 3_600),
            price=np.maximum(price, 1.02),
        )
    ])  # fmt: skip


def child(url: str) -> None:
    """Make the slate some times; print what the warm ones took."""
    engine = connect(url)
    units = unit_of_work_factory(engine)
    select = SelectTop3(units, Registry(FolderModelStore(shipped_models())), FixedClock(AS_OF))
    command = SelectTop3Command(Window(AS_OF), Criteria("loose", 0.0, -1.0, 1.0), Decimal(1_000))
    taken, loads = [], []
    for _ in range(REPEATS + 1):
        start = perf_counter()
        slate = select(command)
        taken.append(perf_counter() - start)
        start = perf_counter()
        with units() as unit:
            unit.facts.load(FactsQuery(AS_OF, kickoff_before=AS_OF + timedelta(hours=24)))
        loads.append(perf_counter() - start)
    assert slate.events_priced == EVENTS
    assert len(slate.picks) + len(slate.near_misses) >= 3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 if sys.platform == "darwin" else 1024
    )
    figures = {
        "events": EVENTS,
        "books": len(BOOKS),
        "cold_seconds": round(taken[0], 3),
        "warm_seconds": round(min(taken[1:]), 3),
        "load_seconds": round(min(loads[1:]), 3),
        "ratio_to_load": round(min(taken[1:]) / min(loads[1:]), 1),
        "peak_megabytes": round(peak),
    }
    print(json.dumps(figures))


def main() -> int:
    """Prepare the database, run the child, judge."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder)) as server:
            engine = connect(server.url())
            prepare(engine)
            facts = events(Registry(FolderModelStore(shipped_models())))
            with engine.begin() as connection:
                SqlFactsRepository(connection).store(
                    facts, source="bench", received_at=AS_OF, reconstructed=True
                )
            refresh_statistics(engine)
            engine.dispose()
            ran = subprocess.run(
                [sys.executable, __file__, "--child", server.url()],
                stdout=subprocess.PIPE,
                check=True,
            )
    figures = json.loads(ran.stdout)
    warm, peak = figures["warm_seconds"], figures["peak_megabytes"]
    passed = warm < SECONDS and peak < MEGABYTES
    print(json.dumps({"benchmark": "select", **figures, "passed": passed}))
    print(
        f"{'PASS' if passed else 'FAIL'}: {EVENTS:,} events x {len(BOOKS)} books in {warm:.2f} s "
        f"warm (budget {SECONDS:g}; {figures['ratio_to_load']} x loading them), "
        f"{peak} MB at most (budget {MEGABYTES})"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
    else:
        sys.exit(main())
