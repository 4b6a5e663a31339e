"""Signing by the guarded signer, on both stores, against a bare signature of the same library.

    python benchmarks/bench_signing.py

Each answer reads the intent and the state, decides, keeps decision and audit together, copies the
audit, signs, checks and keeps what was signed. PostgreSQL is the embedded one and durable as ever;
DynamoDB, S3 and Secrets Manager are an imitation in a process of its own, so that its figures tell
of the calls that are made and not of AWS. The bare signature is taken in turns with them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from betting_ai.adapters.local.postgres import EmbeddedPostgres
from betting_signer.contract import DYNAMIC, Signed, Transaction
from betting_signer.signing import sign_with
from fakes.aws import running
from security.signer import world

ONE_BY_ONE, AT_ONCE, THREADS = 60, 48, 8


def bare(number: int) -> float:
    """Seconds of a signature and nothing else."""
    one = Transaction(
        56, number, world.FRIEND, 1, "0x", 21_000, DYNAMIC, 3 * world.GWEI, world.GWEI
    )
    key = bytes.fromhex(world.KEY)
    started = perf_counter()
    sign_with(key, world.ADDRESS, one)
    return perf_counter() - started


def measured(name: str, wallet: Any) -> dict[str, float | str]:  # noqa: ANN401 - of the tests
    """Latency of one after the other, and how many a second several threads get through."""
    policy = world.with_asset(world.policy(), per_day=10**24, per_week=10**24)
    wallet.under(replace(policy, velocity=replace(policy.velocity, most=1000)))
    signer = wallet.signer()
    taken, alone = [], []
    for number in range(ONE_BY_ONE):
        text = world.quote(wallet.put(world.intent())).dumps()
        started = perf_counter()
        assert isinstance(signer.sign(text), Signed)
        taken.append(perf_counter() - started)
        alone.append(bare(number))
    texts = [world.quote(wallet.put(world.intent())).dumps() for _ in range(AT_ONCE)]
    started = perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(lambda text: world.insisted(signer, text), texts))
    rate = AT_ONCE / (perf_counter() - started)
    assert all(isinstance(one, Signed) for one in outcomes)
    return {
        "store": name,
        "median_ms": 1000 * median(taken),
        "p95_ms": 1000 * quantiles(taken, n=20)[-1],
        "bare_ms": 1000 * median(alone),
        "ratio": median(taken) / median(alone),
        "per_second_of_8_threads": rate,
    }


def main() -> None:
    """Print a line a store."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o755)
        server = stack.enter_context(EmbeddedPostgres(home))
        aws = stack.enter_context(running())
        own = stack.enter_context(world.on_postgres(server.url(), home))
        for name, wallet in (("postgres", own), ("dynamo", world.on_dynamo(aws))):
            found = measured(name, wallet)
            told = {k: round(v, 2) if isinstance(v, float) else v for k, v in found.items()}
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
