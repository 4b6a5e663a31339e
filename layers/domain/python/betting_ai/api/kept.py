"""An answer that is kept for a moment: many readers, one question to the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

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
