"""How often one caller may call one route."""

from __future__ import annotations

import math
import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from betting_ai.errors import RateLimitedError

Headers = tuple[tuple[bytes, bytes], ...]

_WINDOW: Final = 60


class RateLimiter:
    """Counts calls a minute by caller and route, in this process.

    Args:
        a_minute: most calls.
    """

    def __init__(self, a_minute: int) -> None:
        self._item = RateLimitItemPerMinute(a_minute)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._policy = f'"minute";q={a_minute};w={_WINDOW}'.encode()

    def count(self, caller: str, route: str) -> Headers:
        """Count one call.

        Returns:
            Headers that say how many more may follow, and when the count begins anew.

        Raises:
            RateLimitedError: it is one too many.
        """
        taken = self._limiter.hit(self._item, caller, route)
        window = self._limiter.get_window_stats(self._item, caller, route)
        wait = max(1, math.ceil(window.reset_time - time.time()))
        if not taken:
            raise RateLimitedError(
                f"more than {self._item.amount} calls a minute; wait {wait} seconds", wait
            )
        left = f'"minute";r={window.remaining};t={wait}'.encode()
        return ((b"ratelimit-policy", self._policy), (b"ratelimit", left))
