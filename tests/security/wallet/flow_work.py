"""A wallet's signer and whoever carries its transfers, in a process that may be killed any time."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any

STEPS = (
    ("custody", "sign"),
    ("store", "commit"),
    ("store", "put_signed"),
    ("rows", "put_quote"),
    ("rows", "put_row"),
    ("rows", "unlist"),
)
"""What is noted, beside the sending: where a worker may be told to end, before it and after."""

PLACES = [f"{when} {name}" for _, name in (*STEPS, ("", "send")) for when in ("before", "after")]

ASKED = {"dynamodb": "list_tables", "s3": "list_buckets", "secretsmanager": "list_secrets"}
"""Something to ask each service, so that its client has loaded what it needs."""


@cache
def clients(url: str, service: str) -> Any:
    """Made once, before any worker is forked, and used by none but workers."""
    import boto3
    from botocore.config import Config

    from fakes.aws import CREDENTIALS

    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2})
    return boto3.client(service, endpoint_url=url, config=config, **CREDENTIALS)


class Marks:
    """Notes where a worker is, in a file that outlives it; and ends it where it is told to."""

    def __init__(self, path: Path, last: str | None) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._last = last

    def at(self, where: str) -> None:
        os.pwrite(self._file, where.ljust(32).encode(), 0)
        if where == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(work)
        def marked(*words: Any, **named: Any) -> Any:
            self.at(f"before {name}")
            answer = work(*words, **named)
            self.at(f"after {name}")
            return answer

        return marked


def work(told: dict[str, Any]) -> None:
    """Begin, sign and follow, for ever; with any of them first."""
    from betting_ai.adapters.chain.nodes import EvmNodes
    from security.wallet.flow import made

    marks = Marks(Path(told["marks"]), told["last"])
    for one, name in ((EvmNodes, "send"),):
        setattr(one, name, marks.around(name, getattr(one, name)))
    flow = made(told, lambda service: clients(told["aws"], service))
    for part, name in STEPS:
        one = getattr(flow, part)
        object.__setattr__(one, name, marks.around(name, getattr(one, name)))
    carry, signer = flow.carry(), flow.signer()

    def follow() -> None:
        for transfer_id in flow.rows.listed()[0]:
            if flow.rows.signatures(transfer_id):
                carry.signed(transfer_id)
                break

    steps = [lambda: flow.begin(carry), lambda: flow.sign(signer), follow, carry]
    random.Random(told["seed"]).shuffle(steps)  # noqa: S311 - the same order every time
    os.write(told["ready"], b"!")
    while True:
        for step in steps:
            step()


def warm() -> None:
    """Load what is loaded by the first use, so that no worker has to."""
    from betting_signer.contract import DYNAMIC, NOBODY, Transaction
    from betting_signer.signing import checked, sign_with
    from security.signer.world import ADDRESS, FRIEND, KEY

    one = Transaction(56, 0, FRIEND, 1, "0x", 21_000, DYNAMIC, 2, 1)
    raw = sign_with(bytes.fromhex(KEY), ADDRESS, one)
    assert checked(raw, ADDRESS, one) != NOBODY


def ended(worker: int, after: float) -> int:
    """How a worker ended, by itself or after some seconds, without a thread: workers are forked."""
    deadline = time.monotonic() + after
    while time.monotonic() < deadline:
        gone, status = os.waitpid(worker, os.WNOHANG)
        if gone:
            return status
        time.sleep(0.002)
    os.kill(worker, signal.SIGKILL)
    return os.waitpid(worker, 0)[1]


def serve() -> None:
    """Fork a worker for every line on stdin, kill it after some seconds, and say how it ended.

    Everything is imported once, and the seconds count from when a worker begins its work.
    """
    import betting_ai.adapters.chain.nodes  # noqa: F401
    import security.wallet.flow  # noqa: F401

    warm()
    seen: set[str] = set()
    for line in sys.stdin:
        told = json.loads(line)
        if told["store"] == "dynamo" and "seen" not in seen:
            seen.add("seen")
            for service, ask in ASKED.items():
                one = clients(told["aws"], service)
                getattr(one, ask)()
                one.close()  # a connection must not be another process's too
        reader, told["ready"] = os.pipe()
        worker = os.fork()
        if not worker:
            try:
                work(told)
            except BaseException as error:
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                sys.stderr.flush()
            finally:
                os._exit(1)
        os.close(told["ready"])
        select.select([reader], [], [], 30)
        os.close(reader)
        status = ended(worker, told["after"])
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
