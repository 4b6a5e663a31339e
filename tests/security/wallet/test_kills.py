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
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from betting_ai.clock import MovingClock
from betting_ai.usecases.receipts import of_document
from betting_signer.audit import copy_name, first_broken
from betting_signer.contract import Intent
from chain.evm import COIN, Chain, evm
from security.marks import nothing_told
from security.signer.world import ADDRESS
from security.wallet import flow_work
from security.wallet.flow import Flow, now, payee, wait_for

KILLS = 100  # of each store
OUT = 12  # times that something goes out within a commit, at most
BETWEEN = timedelta(seconds=5)  # a kill and the next
ROUNDS = 30  # of ten seconds each: as many as quotes come anew in


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
def test_a_hundred_kills_at_random(
    flow: Flow, chain: Chain, workshop: subprocess.Popen[str], tmp_path: Path
) -> None:
    # Time is told by hand: how fast the machine is changes nothing, and quotes live two minutes.
    flow.clock = clock = MovingClock(now())
    before = chain.balance(ADDRESS)
    chance = random.Random(11)  # noqa: S311 - the same places and moments every time
    # Each place twice; between all that a commit says to its store; and whenever it may be.
    aims: list[tuple[str | None, int]] = [
        *((place, number) for place in flow_work.PLACES for number in (1, 2)),
        *(("within commit", number) for number in range(3, OUT + 1)),
    ]
    aims += [(None, 0)] * (KILLS - len(aims))
    chance.shuffle(aims)
    used = 0
    wishes: list[Intent] = []
    where: Counter[str] = Counter()
    marks = tmp_path / "marks"
    started = time.monotonic()
    for seed, (aim, number) in enumerate(aims):
        clock.move(clock.now() + BETWEEN)
        used, seen = chain.nonce(ADDRESS), used
        chain.mine(16 if used > seen else 1, clock.now())  # what was sent is final
        # Whoever is to end at a place is given what leads there; others take up what was left.
        if aim is not None:
            place = len(wishes)
            wishes.append(flow.wish(to=place, amount=COIN // 100 + place))
        told = flow.told | {
            "at": clock.now().isoformat(),
            "marks": str(marks),
            "seed": seed,
            "last": aim,
            "number": number,
            "after": chance.uniform(0.0, 0.2),
        }
        ended = killed(workshop, told)
        assert ended == -signal.SIGKILL, (tmp_path / "workers").read_text()
        found = marks.read_text().strip()
        assert aim in {None, found}
        where[f"{'at' if aim else 'by chance'} {found}"] += 1
    took = time.monotonic() - started
    done = chain.nonce(ADDRESS)
    assert len(wishes) // 2 < done  # something was done while it was killed

    # Nobody kills any more: what was left comes to its end.
    receipts = flow_work.Receipts(tmp_path / "receipts")
    carry, signer = flow.carry(announce=receipts.announce), flow.signer()

    def on() -> None:
        clock.move(clock.now() + timedelta(seconds=10))
        chain.mine(16, clock.now())
        flow.go(carry, signer)

    wait_for(lambda: not flow.rows.listed()[0] and not flow.rows.new_intents(), on, ROUNDS)
    states = [flow.state(wish) for wish in wishes]
    assert {one.state.value for one in states} == {"final"}
    # Each was paid, and once: every payee has an address of its own.
    assert [chain.balance(payee(place)) for place in range(len(wishes))] == [
        wish.amount for wish in wishes
    ]
    assert chain.nonce(ADDRESS) == len(wishes)
    assert sorted(one.nonce for one in states) == list(range(len(wishes)))
    assert {len(one.attempts) for one in states} == {1}
    paid = sum(wish.amount for wish in wishes)
    fees = sum(one.receipt.cost for one in states)
    assert chain.balance(ADDRESS) == before - paid - fees
    # Each has its receipt, and they add up to the same.
    told_of = [
        receipt
        for path in receipts.folder.glob("*.json")
        for receipt in of_document(path.read_bytes())
    ]
    assert sorted(one.intent_id for one in told_of) == sorted(wish.intent_id for wish in wishes)
    assert sum(one.fee or 0 for one in told_of) == fees
    # The record of all of it is whole, every line has its copy, and each was allowed once.
    head = flow.store.head(ADDRESS)
    lines = list(flow.store.audit(ADDRESS, 1, head.audit_seq))
    assert first_broken(lines, (head.audit_seq, head.audit_hash)) is None
    for number, line in enumerate(lines, 1):
        assert flow.copies.read(copy_name(ADDRESS, number)) == line.encode()
    allowed = [one["intent_id"] for one in map(json.loads, lines) if one["code"] == "allowed"]
    assert sorted(allowed) == sorted(wish.intent_id for wish in wishes)
    nothing_told(tmp_path)
    sys.stdout.write(f"{flow.told['store']}: {KILLS} kills in {took:.0f} s, {dict(where)}\n")
