"""A wallet's signer and whoever carries its transfers, in a process that may be killed any time."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import ssl
import sys
import time
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any

STEPS = (
    ("rows", "put_quote"),
    ("store", "commit"),
    ("copies", "put"),
    ("custody", "sign"),
    ("store", "put_signed"),
    ("nodes", "send"),
    ("rows", "put_row"),
    ("receipts", "announce"),
    ("rows", "unlist"),
)
"""All that changes anything, from the quote to the receipt, and the use of the key."""

PLACES = tuple(f"{when} {name}" for _, name in STEPS for when in ("before", "within", "after"))
"""Where a worker may be told to end; each comes up for every wish that is new."""

OUTGOING = frozenset({"flush", "sendall", "send", "fsync"})
"""What hands something to a server or a disk, as C calls it."""

TOO_LONG = 60
"""Seconds after which a worker does not come to its place any more."""

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


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Marks:
    """Notes where a worker is, in a file that outlives it; and ends it where it is told to.

    Attributes:
        path: of the file.
        last: the place to end at; None to go on.
        number: within a step, after how much that went out; with the step's own end at the latest.
        busy: called at each mark.
        sent: whether a transaction was, since somebody noted it.
    """

    def __init__(self, path: Path, last: str | None, number: int, busy: Callable[[], None]) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._last = last
        self._left = number
        self._busy = busy
        self.sent = False

    def at(self, where: str) -> None:
        os.pwrite(self._file, where.ljust(32).encode(), 0)
        if where == self._last:
            end()
        self._busy()

    def around(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        within = f"within {name}"

        def count(_: object, event: str, called: Any) -> None:
            if event == "c_return" and called.__name__ in OUTGOING:
                self._left -= 1
                if not self._left:
                    self.at(within)

        @wraps(work)
        def marked(*words: Any, **named: Any) -> Any:
            self.at(f"before {name}")
            if self._last == within:
                sys.setprofile(count)
            answer = work(*words, **named)
            if self._last == within:
                sys.setprofile(None)
                self.at(within)  # done, and nobody knows it
            self.at(f"after {name}")
            self.sent |= name == "send"
            return answer

        return marked


class Receipts:
    """Where receipts are handed over to: a file of each, which is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def announce(self, payload: Any) -> None:
        self.folder.mkdir(exist_ok=True)
        scratch = self.folder / "scratch"
        scratch.write_bytes(payload.content)
        scratch.rename(self.folder / f"{payload.name.replace('/', '-')}.json")


def work(told: dict[str, Any], ready: int) -> None:
    """Begin, sign, follow and carry, for ever, in any order; meanwhile the chain goes on."""
    from betting_ai.adapters.chain.nodes import EvmNodes
    from chain.evm import Chain
    from security.wallet.flow import made

    started: list[bool] = []

    def busy() -> None:
        if not started:
            started.append(True)
            os.write(ready, b"!")

    marks = Marks(Path(told["marks"]), told["last"], told["number"], busy)
    flow = made(told, lambda service: clients(told["aws"], service))
    receipts = Receipts(Path(told["folder"]) / "receipts")
    parts = {**vars(flow), "receipts": receipts, "nodes": EvmNodes}
    for part, name in STEPS:
        marked = marks.around(name, getattr(parts[part], name))
        if part == "nodes":
            setattr(EvmNodes, name, marked)
        else:
            object.__setattr__(parts[part], name, marked)
    carry, signer = flow.carry(announce=receipts.announce), flow.signer()
    chain = Chain(told["chain_id"], told["chain_url"])

    def follow() -> None:
        for transfer_id in flow.rows.listed()[0]:
            if flow.rows.signatures(transfer_id):
                carry.signed(transfer_id)
                break

    steps = [lambda: flow.begin(carry), lambda: flow.sign(signer), follow, carry]
    random.Random(told["seed"]).shuffle(steps)  # noqa: S311 - the same order every time
    while True:
        for step in steps:
            step()
            if marks.sent:  # it is final; a long chain is slow, so that no more is mined
                marks.sent = False
                chain.mine(16)
        busy()


def warm() -> None:
    """Load what is loaded by the first use, so that no worker has to."""
    from betting_signer.contract import DYNAMIC, NOBODY, Transaction
    from betting_signer.signing import checked, sign_with
    from security.signer.world import ADDRESS, FRIEND, KEY
    from security.wallet.flow import policy

    one = Transaction(56, 0, FRIEND, 1, "0x", 21_000, DYNAMIC, 2, 1)
    raw = sign_with(bytes.fromhex(KEY), ADDRESS, one)
    assert checked(raw, ADDRESS, one) != NOBODY
    policy(97)
    # No worker speaks TLS, and each would read the certificates of the whole world for it.
    ssl.create_default_context = cache(ssl.create_default_context)  # type: ignore[assignment]


def killed(told: dict[str, Any]) -> int:
    """How a worker ended that was told to end itself, or is ended some seconds after it began."""
    reader, writer = os.pipe()
    worker = os.fork()
    if not worker:
        os.close(reader)
        try:
            work(told, writer)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            sys.stderr.flush()
        finally:
            os._exit(1)
    os.close(writer)  # the worker alone has it: the pipe ends with the worker
    if _told(reader) and told["last"] is None:
        time.sleep(told["after"])
    elif told["last"] is not None:
        _told(reader)
    os.kill(worker, signal.SIGKILL)
    os.close(reader)
    return os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])


def _told(reader: int) -> bytes:
    """What a worker says, nothing when it is gone or says nothing for too long."""
    found, _, _ = select.select([reader], [], [], TOO_LONG)
    return os.read(reader, 1) if found else b""


def serve() -> None:
    """Fork a worker for every line on stdin, and say how it ended; everything is loaded once."""
    import betting_ai.adapters.chain.nodes  # noqa: F401
    import security.wallet.flow  # noqa: F401

    warm()
    for line in sys.stdin:
        told = json.loads(line)
        if told["store"] == "dynamo" and not clients.cache_info().currsize:
            for service, ask in ASKED.items():
                one = clients(told["aws"], service)
                getattr(one, ask)()
                one.close()  # a connection must not be another process's too
        sys.stdout.write(f"{killed(told)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
