"""Whenever it is killed, no wish is paid twice and none is lost, and the sums add up to the wei."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from betting_ai.usecases.receipts import of_document
from betting_signer.audit import first_broken
from chain.evm import COIN, Chain, evm
from security.marks import nothing_told
from security.signer.world import ADDRESS
from security.wallet import flow_work
from security.wallet.flow import on_dynamo, on_postgres, payee, wait_for

KILLS = 100  # of each store
WISHES = 30


@pytest.fixture
def chain() -> Iterator[Chain]:
    with evm(97) as one:
        yield one


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    tests = Path(flow_work.__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(tests)}
    with (tmp_path / "workers").open("w") as errors, subprocess.Popen(
        [sys.executable, "-m", "security.wallet.flow_work"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment,
    ) as process:  # fmt: skip
        yield process
        assert process.stdin is not None
        process.stdin.close()  # it ends with its input


def killed(workshop: subprocess.Popen[str], told: dict[str, Any]) -> int:
    assert workshop.stdin is not None
    assert workshop.stdout is not None
    workshop.stdin.write(json.dumps(told) + "\n")
    workshop.stdin.flush()
    return int(workshop.stdout.readline())


@pytest.mark.slow
@pytest.mark.parametrize("store", ["dynamo", "postgres"])
def test_a_hundred_kills_at_random(
    request: pytest.FixtureRequest,
    store: str,
    chain: Chain,
    workshop: subprocess.Popen[str],
    tmp_path: Path,
) -> None:
    if store == "dynamo":
        flow = on_dynamo(request.getfixturevalue("aws"), chain, tmp_path)
    else:
        flow = on_postgres(request.getfixturevalue("empty_url"), chain, tmp_path)
    before = chain.balance(ADDRESS)
    chance = random.Random(11)  # noqa: S311 - the same moments every time
    wishes: list[Any] = []
    ends = []
    where: Counter[str] = Counter()
    marks = tmp_path / "marks"
    marks.touch()
    places = chance.sample(flow_work.PLACES, len(flow_work.PLACES))
    started = time.monotonic()
    for number in range(KILLS):
        if number * WISHES // KILLS >= len(wishes):
            place = len(wishes)
            wishes.append(flow.wish(to=place, amount=COIN // 100 + place))
        # Half of them at a moment of a clock, half before or after a step that counts.
        by_clock = number % 2 == 0
        told = flow.told | {
            "marks": str(marks),
            "seed": number,
            "last": None if by_clock else places[number // 2 % len(places)],
            "after": chance.uniform(0.0, 0.3) if by_clock else 2.5,
        }
        ends.append(killed(workshop, told))
        where[marks.read_text().strip()] += 1
        chain.mine(16)  # some are final, and quotes are of the newest block, which has to be new
    took = time.monotonic() - started
    assert ends.count(-signal.SIGKILL) == KILLS, (tmp_path / "workers").read_text()

    # Between reserving, signing, sending and noting it, and within each.
    assert {place for place in places if place.split()[1] not in {"put_quote", "unlist"}} <= set(
        where
    )
    assert chain.nonce(ADDRESS) > WISHES // 3  # something was done while it was killed

    # Nobody kills any more: what was left comes to its end.
    carry, signer = flow.carry(), flow.signer()

    def on() -> None:
        flow.go(carry, signer)
        chain.mine(16)

    wait_for(lambda: not flow.rows.listed()[0] and not flow.rows.new_intents(), on, 30)
    states = [flow.state(wish) for wish in wishes]
    assert {one.state.value for one in states} == {"final"}
    # Each was paid, and once: every payee has an address of its own.
    for place, wish in enumerate(wishes):
        assert chain.balance(payee(place)) == wish.amount
    assert chain.nonce(ADDRESS) == len(wishes)
    assert sorted(one.nonce for one in states) == list(range(len(wishes)))
    paid = sum(wish.amount for wish in wishes)
    fees = sum(one.receipt.cost for one in states)
    assert chain.balance(ADDRESS) == before - paid - fees
    receipts = {
        receipt.intent_id: receipt
        for payload in flow.announced
        for receipt in of_document(payload.content)
    }
    assert set(receipts) <= {wish.intent_id for wish in wishes}
    # The record of all of it is whole, and every line has its copy.
    head = flow.store.head(ADDRESS)
    lines = list(flow.store.audit(ADDRESS, 1, head.audit_seq))
    assert first_broken(lines, (head.audit_seq, head.audit_hash)) is None
    nothing_told(tmp_path)
    flow.close()
    sys.stdout.write(f"{store}: {KILLS} kills in {took:.0f} s, {dict(where)}\n")
