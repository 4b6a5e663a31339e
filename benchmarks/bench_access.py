"""What it costs a request to be logged and counted: processor microseconds, on one thread.

    python benchmarks/bench_access.py

The reference is a plain `logging` line of the same fields through a formatter that does nothing but
``json.dumps``: no redaction, no counting. Both write to the null device.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

from starlette.types import Message, Receive, Scope, Send

from betting_ai.api.access import Access
from betting_ai.api.metrics import Metrics
from betting_ai.bootstrap import build
from betting_ai.observability import configure
from betting_ai.settings import load_settings

TIMES, REPEATS = 10_000, 7
MOST_RATIO = 2.0
MOST_MICROSECONDS = 100.0  # at 1,000 requests a second, a tenth of a core
SECRETS = ["postgresql://betting:a-password@database/betting", "0f" * 32]


class Plain(logging.Formatter):
    """A formatter that hides nothing."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        known = {name: record.__dict__[name] for name in FIELDS}
        told = {"time": record.created, "level": record.levelname, "message": record.getMessage()}
        return json.dumps(told | known)


FIELDS = {"method": "GET", "route": "/x/{y}", "status": 200, "duration_ms": 1.2, "key_id": "ab12"}


class Route:
    """As the router leaves it."""

    path = "/x/{y}"


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that does nothing."""
    scope["route"] = Route
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def ignore(message: Message) -> None:
    """Nobody listens."""


async def nothing() -> Message:
    """Nobody speaks."""
    return {"type": "http.request", "body": b""}


def best(work: Callable[[], None]) -> float:
    """Processor microseconds of one of many, in the best run."""
    found = []
    for _ in range(REPEATS):
        began = process_time()
        work()
        found.append((process_time() - began) / TIMES * 1e6)
    return min(found)


def main() -> int:
    """Measure, print, and say whether the budget is kept."""
    with Path(os.devnull).open("w") as sink, tempfile.TemporaryDirectory() as home:
        handler = logging.StreamHandler(sink)
        handler.setFormatter(Plain())
        reference = logging.getLogger("reference")
        reference.propagate = False
        reference.addHandler(handler)
        reference.setLevel(logging.INFO)

        def plain() -> None:
            for _ in range(TIMES):
                reference.info("request", extra=FIELDS)

        configure("INFO", SECRETS, sink)
        with build(load_settings(home=Path(home))) as app:
            logged, counted = Access(answer), Access(answer, Metrics(app))

        def asked(app: Access | Callable[..., object]) -> Callable[[], None]:
            async def many() -> None:
                for _ in range(TIMES):
                    scope = {"type": "http", "method": "GET", "state": {"key_id": "ab12"}}
                    await app(scope, nothing, ignore)  # type: ignore[misc]

            return lambda: asyncio.run(many())

        bare = best(asked(answer))
        line = best(plain)
        one = best(asked(logged)) - bare
        both = best(asked(counted)) - bare
    ratio = both / line
    print(
        json.dumps(
            {
                "plain_line_us": round(line, 1),
                "access_line_us": round(one, 1),
                "line_and_counts_us": round(both, 1),
                "ratio": round(ratio, 2),
            }
        )
    )
    kept = ratio <= MOST_RATIO and both <= MOST_MICROSECONDS
    print(
        f"access: {both:.0f} us a request to log and count, {ratio:.1f} x a plain line "
        f"(budget {MOST_RATIO:g} x, {MOST_MICROSECONDS:g} us): {'PASS' if kept else 'FAIL'}"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
