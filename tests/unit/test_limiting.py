"""A minute begins with the first call in it, for each caller and route."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from betting_ai.api.limiting import Headers, RateLimiter
from betting_ai.errors import RateLimitedError


def left(headers: Headers) -> bytes:
    return dict(headers)[b"ratelimit"]


def test_calls_are_counted_down_and_one_too_many_is_told_when_to_come_back() -> None:
    limiter = RateLimiter(2)
    first = limiter.count("a", "GET /x")
    assert dict(first)[b"ratelimit-policy"] == b'"minute";q=2;w=60'
    assert left(first).startswith(b'"minute";r=1;t=')
    assert left(limiter.count("a", "GET /x")).startswith(b'"minute";r=0;t=')
    with pytest.raises(RateLimitedError) as refused:
        limiter.count("a", "GET /x")
    assert 1 <= refused.value.retry_after <= 60


def test_callers_and_routes_are_counted_apart() -> None:
    limiter = RateLimiter(1)
    for caller, route in (("a", "x"), ("b", "x"), ("a", "y")):
        limiter.count(caller, route)
    with pytest.raises(RateLimitedError):
        limiter.count("b", "x")


def test_of_many_at_once_no_more_than_the_limit_pass() -> None:
    limiter = RateLimiter(50)

    def passes(_: int) -> bool:
        try:
            limiter.count("a", "x")
        except RateLimitedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(passes, range(400))) == 50
