"""How often one caller may call one route."""

from __future__ import annotations

import math
import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage

from betting_ai.errors import RateLimitedError

Headers = tuple[tuple[bytes, bytes], ...]

_WINDOW: Final = 60


class RateLimiter:
    """Counts calls a minute by caller and route, in this process; any number of threads may.

    Args:
        a_minute: most calls in the minute that begins with the first of them.
    """

    def __init__(self, a_minute: int) -> None:
        self._item = RateLimitItemPerMinute(a_minute)
        self._storage = MemoryStorage()
        self._policy = (b"ratelimit-policy", f'"minute";q={a_minute};w={_WINDOW}'.encode())

    def count(self, caller: str, route: str) -> Headers:
        """Count one call.

        Returns:
            Headers that say how many more may follow, and when the count begins anew.

        Raises:
            RateLimitedError: it is one too many.
        """
        # A fixed window by hand: the library's own strategy asks its storage three times for this.
        key, most = self._item.key_for(caller, route), self._item.amount
        calls = self._storage.incr(key, _WINDOW)
        wait = max(1, math.ceil(self._storage.get_expiry(key) - time.time()))
        if calls > most:
            raise RateLimitedError(f"more than {most} calls a minute; wait {wait} seconds", wait)
        return self.headers(most - calls, wait)

    def headers(self, left: int, wait: int) -> Headers:
        """How many more calls may follow, and after how many seconds the count begins anew."""
        return (self._policy, (b"ratelimit", b'"minute";r=%d;t=%d' % (left, wait)))
