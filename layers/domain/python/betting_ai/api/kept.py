"""An answer that is kept for a moment: many readers, one question to the database."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

T = TypeVar("T")


class OneTurn(Generic[T]):
    """Work that callers of one event loop who want the same wait for together, in one thread.

    A caller who leaves does not stop the others.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[T]] = {}

    def start(self, name: Hashable, work: Callable[[], T]) -> asyncio.Task[T]:
        """The work that runs under a name; begun if none does."""
        running = self._running.get(name)
        # A loop that has ended, as one may between two calls of a Lambda, ends nothing any more.
        if running is None or running.get_loop() is not asyncio.get_running_loop():
            running = asyncio.create_task(run_in_threadpool(work))
            self._running[name] = running
            running.add_done_callback(partial(self._ended, name))
        return running

    async def __call__(self, name: Hashable, work: Callable[[], T]) -> T:
        """What the work under a name comes to."""
        return await asyncio.shield(self.start(name, work))

    def _ended(self, name: Hashable, task: asyncio.Task[T]) -> None:
        if self._running.get(name) is task:
            del self._running[name]
        if not task.cancelled():
            task.exception()  # who waits is told; nobody may


class Kept(Generic[T]):
    """What a function answers, asked again when the answer is older than some seconds.

    Any number of threads may ask; one of them asks the function, the others wait for it. A failure
    is not kept.

    Args:
        ask: the function.
        seconds: how long its answer is good.
    """

    def __init__(self, ask: Callable[[], T], seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._lock = threading.Lock()
        self._found: tuple[float, T] | None = None
        self._turn = OneTurn[T]()

    def fresh(self) -> tuple[T] | None:
        """The answer, if it is good; never waits. In a tuple, since None is an answer too."""
        found = self._found
        if found is not None and time.monotonic() - found[0] < self._seconds:
            return (found[1],)
        return None

    def get(self) -> T:
        """The answer."""
        found = self.fresh()
        if found is None:
            with self._lock:
                found = self.fresh()
                if found is None:
                    asked_at = time.monotonic()
                    found = (self._ask(),)
                    self._found = (asked_at, found[0])
        return found[0]

    async def told(self) -> T:
        """The answer, for any number of callers in one event loop: they cost one thread together.

        In its last half it is asked for anew while the kept one is still told, so that a busy
        server never stops for it.
        """
        found = self._found
        age = self._seconds if found is None else time.monotonic() - found[0]
        if found is not None and age < self._seconds / 2:
            return found[1]
        if found is not None and age < self._seconds:
            self._turn.start(None, self._renew)
            return found[1]
        return await self._turn(None, self._renew)

    def _renew(self) -> T:
        with self._lock:
            asked_at = time.monotonic()
            answer = self._ask()
            self._found = (asked_at, answer)
        return answer
