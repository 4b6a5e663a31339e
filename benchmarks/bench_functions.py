"""Cold and warm functions, as built, under Lambda's own client, emulator and Python.

    python benchmarks/bench_functions.py

Each is started anew several times. Cold is from its start to the end of its imports and module
code, as the emulator tells; first is the same with the first call, as its caller waits for it,
which loads what only a call needs; warm is a call after it. A call is a sample event whose answer
needs no database, or which fails at once for want of one. The two of the wallet do their whole
work, on an imitation of AWS and a chain of one's own: one signs a new quote with each call, the
other makes its round of a minute. The reference, in turns with them, is a function that answers
nothing at all.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from chain.evm import Chain, evm
from fakes.aws import FakeAws
from fakes.aws import running as imitated
from functions.account import FUNCTIONS, event
from functions.emulator import (
    ABSENT,
    BUILT,
    LAYERS,
    FunctionError,
    layers_of,
    nowhere,
    python,
    running,
)
from security.wallet.flow import Flow, on_dynamo
from security.wallet.on_lambda import News, account, of

STARTS, CALLS = 5, 30
EVENTS = {
    "fetch_feeds": "prices",
    "ingest_raw": "test_notice",
    "select_top3": "morning",
    "settle_picks": "evening",
    "send_alerts": "slate",
    "api": "health",
    "migrate_db": "keys_list",
}
WALLET = ("sign_transfer", "broadcast_transfer")
KINDS = ("cold", "first", "warm")
BUDGET_MS = {"api": 1500, "select_top3": 2000, "sign_transfer": 1200}
BARE = "def handler(event, context):\n    return {}\n"


Asked = tuple[dict[str, str], list[Any]]
"""The environment of a function, and an event for each of its calls."""


def measured(name: str, code: Path, environment: dict[str, str], events: list[Any]) -> list[float]:
    """Milliseconds of a cold start, of that with its first call, and of a warm call.

    Args:
        name: of the function, ``"bare"`` for the one that does nothing.
        code: its folder.
        environment: its variables.
        events: what it is called with, in order.
    """
    layers = [] if name == "bare" else layers_of(name, BUILT)
    with running(code, layers, BUILT / "tool", environment, name=name) as function:
        taken = []
        for asked in events:
            began = perf_counter()
            with suppress(FunctionError):
                answer = function(asked)
                assert name != "sign_transfer" or answer == {"batchItemFailures": []}
            taken.append((perf_counter() - began) * 1000)
        if name == "sign_transfer":
            signed = [line for line in function.lines() if line.get("message") == "signed"]
            assert len(signed) == len(events)
        return [function.init_ms, taken[0], median(taken[1:])]


def wallet(flow: Flow, aws: FakeAws, chain: Chain) -> Iterator[tuple[str, Asked]]:
    """What the functions of a wallet are asked: new quotes, and rounds with nothing open."""
    variables = account(flow, aws, chain.url)
    chain.mine()  # nodes that stand still are not asked
    yield "broadcast_transfer", (variables, [event("broadcast_transfer", "minute")] * (CALLS + 1))
    carry, news = flow.carry(), News(flow, aws)
    chain.mine()  # a quote lives for two minutes
    for place in range(CALLS + 1):
        carry.begin(flow.wish(to=place).intent_id)
    records = news("quotes")["Records"]
    yield "sign_transfer", (variables, [{"Records": [one]} for one in records])


def round_of_all(bare: Path, aws: FakeAws, folder: Path) -> dict[str, list[float]]:
    """Every function once."""
    found = {"bare": measured("bare", bare, {}, [{}] * (CALLS + 1))}
    for name in LAYERS:
        if name not in WALLET:
            events = [event(name, EVENTS[name])] * (CALLS + 1)
            found[name] = measured(name, FUNCTIONS / name, nowhere(name), events)
    with evm(97) as chain:
        flow = on_dynamo(aws, chain, folder)
        for name, (variables, events) in wallet(flow, aws, chain):
            found[name] = measured(name, FUNCTIONS / name, of(name, variables), events)
        flow.close()
    return found


def main() -> int:
    """Measure and judge."""
    if python() is None or not (BUILT / "tool").is_dir():
        print(f"{ABSENT}, or `make layers` was not", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        aws = stack.enter_context(imitated())
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        (folders[0] / "handler.py").write_text(BARE)
        runs = [round_of_all(folders[0], aws, folders[1]) for _ in range(STARTS)]
    figures = {
        name: {
            kind: round(min(run[name][place] for run in runs), 1)
            for place, kind in enumerate(KINDS)
        }
        for name in ("bare", *LAYERS)
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
