"""A minute begins with the first call in it, for each caller and route."""

from __future__ import annotations

import pytest

from betting_ai.api.limiting import Headers, RateLimiter
from betting_ai.errors import RateLimitedError


class Timer:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def left(headers: Headers) -> bytes:
    return dict(headers)[b"ratelimit"]


def test_calls_are_counted_until_the_minute_is_over() -> None:
    timer = Timer()
    limiter = RateLimiter(2, timer)
    assert left(limiter.count("a", "GET /x")) == b'"minute";r=1;t=60'
    timer.now += 59.5
    assert left(limiter.count("a", "GET /x")) == b'"minute";r=0;t=1'
    with pytest.raises(RateLimitedError) as refused:
        limiter.count("a", "GET /x")
    assert refused.value.retry_after == 1
    timer.now += 0.5
    assert dict(limiter.count("a", "GET /x"))[b"ratelimit-policy"] == b'"minute";q=2;w=60'


def test_callers_and_routes_are_counted_apart() -> None:
    limiter = RateLimiter(1, Timer())
    for caller, route in (("a", "x"), ("b", "x"), ("a", "y")):
        limiter.count(caller, route)
    with pytest.raises(RateLimitedError):
        limiter.count("b", "x")


def test_callers_of_past_minutes_are_forgotten() -> None:
    timer = Timer()
    limiter = RateLimiter(1, timer)
    for number in range(1000):
        limiter.count(str(number), "x")
    timer.now += 61
    limiter.count("late", "x")
    assert list(limiter._windows) == [("late", "x")]
