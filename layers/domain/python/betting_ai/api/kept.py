"""An answer that is kept for a moment: many readers, one question to the database."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

T = TypeVar("T")


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
        self._asking: asyncio.Task[T] | None = None

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
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(run_in_threadpool(self._renew))
            self._asking.add_done_callback(_seen)
        if found is not None and age < self._seconds:
            return found[1]
        return await asyncio.shield(self._asking)  # a caller who leaves does not stop the others

    def _renew(self) -> T:
        with self._lock:
            asked_at = time.monotonic()
            answer = self._ask()
            self._found = (asked_at, answer)
        return answer


def _seen(task: asyncio.Task[T]) -> None:
    """A failure that nobody waited for: the next caller is told of it, or of its end."""
    if not task.cancelled():
        task.exception()
