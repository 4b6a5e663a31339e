"""How often one caller may call one route."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from betting_ai.errors import RateLimitedError

Headers = tuple[tuple[bytes, bytes], ...]

_WINDOW: Final = 60


@dataclass(slots=True)
class _Window:
    """A minute that began with the first call."""

    ends: float
    calls: int = 0


class RateLimiter:
    """Counts calls a minute by caller and route, in this process; any number of threads may.

    Minutes that are over are forgotten when the next one begins, so what is kept is bounded by the
    callers of two minutes.

    Args:
        a_minute: most calls.
        timer: seconds that only ever run forward.
    """

    def __init__(self, a_minute: int, timer: Callable[[], float] = time.monotonic) -> None:
        self._most = a_minute
        self._timer = timer
        self._policy = (b"ratelimit-policy", f'"minute";q={a_minute};w={_WINDOW}'.encode())
        self._windows: dict[tuple[str, str], _Window] = {}
        self._cleared_at = timer()
        self._lock = threading.Lock()

    def count(self, caller: str, route: str) -> Headers:
        """Count one call.

        Returns:
            Headers that say how many more may follow, and when the count begins anew.

        Raises:
            RateLimitedError: it is one too many.
        """
        now, who = self._timer(), (caller, route)
        with self._lock:
            if now - self._cleared_at >= _WINDOW:
                self._forget(now)
            window = self._windows.get(who)
            if window is None or now >= window.ends:
                window = self._windows[who] = _Window(now + _WINDOW)
            window.calls += 1
            calls, wait = window.calls, max(1, math.ceil(window.ends - now))
        if calls > self._most:
            raise RateLimitedError(
                f"more than {self._most} calls a minute; wait {wait} seconds", wait
            )
        return (self._policy, (b"ratelimit", b'"minute";r=%d;t=%d' % (self._most - calls, wait)))

    def _forget(self, now: float) -> None:
        self._cleared_at = now
        self._windows = {who: one for who, one in self._windows.items() if now < one.ends}
