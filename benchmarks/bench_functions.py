"""Cold and warm functions, as built, under Lambda's own client, emulator and Python.

    python benchmarks/bench_functions.py

Each is started anew several times: from its start to the end of its imports and module code, as the
emulator tells. Warm is a sample event whose answer needs no database, or which fails at once for
want of one. The reference, in turns with them, is a function that answers nothing at all.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from functions.account import FUNCTIONS, event
from functions.emulator import (
    ABSENT,
    BUILT,
    LAYERS,
    NOWHERE,
    FunctionError,
    layers_of,
    python,
    running,
)

STARTS, CALLS = 5, 30
EVENTS = {
    "fetch_feeds": "prices",
    "ingest_raw": "test_notice",
    "select_top3": "morning",
    "settle_picks": "evening",
    "send_alerts": "slate",
    "api": "health",
    "migrate_db": "keys_list",
    "sign_transfer": "run_out",
    "broadcast_transfer": "minute",
}
BUDGET_MS = {"api": 1500, "select_top3": 2000, "sign_transfer": 1200}
BARE = "def handler(event, context):\n    return {}\n"


def measured(name: str, bare: Path) -> dict[str, float]:
    """Milliseconds of a cold start and of a warm call.

    Args:
        name: of the function, ``"bare"`` for the one that does nothing.
        bare: folder of that one.
    """
    code = bare if name == "bare" else FUNCTIONS / name
    layers = [] if name == "bare" else layers_of(name, BUILT)
    asked = {} if name == "bare" else event(name, EVENTS[name])
    with running(code, layers, BUILT / "tool", NOWHERE, name=name) as function:
        taken = []
        for _ in range(CALLS + 1):
            began = perf_counter()
            with suppress(FunctionError):
                function(asked)
            taken.append((perf_counter() - began) * 1000)
        return {"cold": function.init_ms, "warm": median(taken[1:])}


def main() -> int:
    """Measure and judge."""
    if python() is None or not (BUILT / "tool").is_dir():
        print(f"{ABSENT}, or `make layers` was not", file=sys.stderr)
        return 1
    names = ("bare", *LAYERS)
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder)
        (bare / "handler.py").write_text(BARE)
        runs = [{name: measured(name, bare) for name in names} for _ in range(STARTS)]
    figures = {
        name: {kind: round(min(run[name][kind] for run in runs), 1) for kind in ("cold", "warm")}
        for name in names
    }
    passed = all(figures[name]["cold"] < most for name, most in BUDGET_MS.items())
    print(json.dumps({"benchmark": "functions", "milliseconds": figures, "passed": passed}))
    reference = figures["bare"]["cold"]
    told = ", ".join(
        f"{name} {figures[name]['cold']:.0f} ms (budget {most}; "
        f"{figures[name]['cold'] / reference:.1f} x one that does nothing)"
        for name, most in BUDGET_MS.items()
    )
    print(f"{'PASS' if passed else 'FAIL'}: cold {told}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
