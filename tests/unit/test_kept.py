"""One question for many callers, in threads and in an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from betting_ai.api.kept import Kept

T = TypeVar("T")


class Source:
    """Counts how often it is asked; may be held up, or fail."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = threading.Event()
        self.go.set()
        self.broken = False

    def __call__(self) -> int:
        self.go.wait(30)
        self.asked += 1
        if self.broken:
            raise OSError("gone")
        return self.asked


def run(work: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own: that of the tests may have a loop, which would be forgotten."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def aged(kept: Kept[int], seconds: float) -> None:
    assert kept._found is not None
    kept._found = (time.monotonic() - seconds, kept._found[1])


def test_a_thousand_callers_are_one_question() -> None:
    source = Source()
    kept = Kept(source, 1000)

    async def ask() -> list[int]:
        source.go.clear()
        calls = [asyncio.create_task(kept.told()) for _ in range(1000)]
        await asyncio.sleep(0)
        calls[0].cancel()  # who leaves does not take the answer from the others
        source.go.set()
        return await asyncio.gather(*calls[1:])

    assert set(run(ask())) == {1}
    assert source.asked == 1
    assert kept.get() == 1


def test_the_kept_answer_is_told_while_the_next_one_is_asked_for() -> None:
    source = Source()
    kept = Kept(source, 1000)
    assert kept.get() == 1
    aged(kept, 600)

    async def ask() -> int:
        source.go.clear()
        meanwhile = await kept.told()
        source.go.set()
        await kept._turn(None, source)  # that which runs, not another one
        assert await kept.told() == 2
        return meanwhile

    assert run(ask()) == 1
    assert source.asked == 2


def test_a_failure_is_told_only_once_the_kept_answer_is_too_old() -> None:
    source = Source()
    kept = Kept(source, 1000)
    assert kept.get() == 1
    source.broken = True

    async def ask() -> None:
        aged(kept, 600)
        assert await kept.told() == 1
        with pytest.raises(OSError, match="gone"):
            await kept._turn(None, source)
        assert await kept.told() == 1
        aged(kept, 1001)
        with pytest.raises(OSError, match="gone"):
            await kept.told()
        source.broken = False
        assert await kept.told() > 1

    run(ask())


def test_a_loop_that_ended_leaves_nobody_waiting() -> None:
    source = Source()
    kept = Kept(source, 1000)
    source.go.clear()

    async def leave() -> None:
        call = asyncio.create_task(kept.told())
        await asyncio.sleep(0)
        call.cancel()
        source.go.set()

    run(leave())
    assert run(kept.told()) >= 1
