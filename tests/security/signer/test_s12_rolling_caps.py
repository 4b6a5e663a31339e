"""S12: caps of an asset for 24 hours and 7 days count reservations and never too little."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betting_signer.contract import Code, Signed
from betting_signer.state import DAY, WEEK, Head
from security.signer.world import (
    ADDRESS,
    COIN,
    NOW,
    TOKEN,
    Gone,
    World,
    at_once,
    code,
    decided,
    insisted,
    intent,
    policy,
    quote,
    with_asset,
)

TENTH = COIN // 10
SMALL = with_asset(policy(), per_transaction=TENTH)


@pytest.mark.slow
def test_fifty_at_once_never_exceed_the_cap_of_a_day(world: World) -> None:
    world.under(with_asset(SMALL, per_day=20 * TENTH + TENTH - 1))
    race(world, Code.DAY_ABOVE_CAP)


def test_fifty_at_once_never_exceed_the_cap_of_a_week(server: World) -> None:
    most = 25 * TENTH + TENTH - 1
    server.under(with_asset(SMALL, per_day=most, per_week=most))
    server.clock.at = at = NOW - timedelta(days=2)
    for _ in range(5):
        assert code(server.ask(intent(created_at=at, expires_at=at + timedelta(minutes=9)))) is None
    server.clock.at = NOW
    race(server, Code.WEEK_ABOVE_CAP, before=5)


def race(world: World, named: Code, before: int = 0) -> None:
    """Fifty wishes for what twenty of them may have."""
    wishes = [world.put(intent(amount=TENTH)) for _ in range(50)]
    signer = world.signer()
    outcomes = at_once(lambda wish: insisted(signer, quote(wish).dumps()), wishes)
    signed = [one for one in outcomes if isinstance(one, Signed)]
    assert len(signed) == 20
    assert {code(one) for one in outcomes} == {None, named}
    assert sorted(one.transaction.nonce for one in signed) == list(range(before, before + 20))
    head = world.store.head(ADDRESS)
    assert head.used("56:native", DAY, NOW) == 20 * TENTH
    assert head.audit_seq == before + 50


def test_caps_are_of_each_asset(server: World) -> None:
    server.under(with_asset(SMALL, per_day=TENTH))
    assert code(server.ask(intent())) is None
    assert code(server.ask(intent())) is Code.DAY_ABOVE_CAP
    assert code(server.ask(intent(asset=TOKEN, amount=100 * COIN))) is None


def test_what_is_reserved_and_never_signed_counts(server: World) -> None:
    server.under(with_asset(SMALL, per_day=2 * TENTH))
    with pytest.raises(KeyboardInterrupt):
        server.ask(intent(), server.signer(custody=Gone()))
    assert code(server.ask(intent())) is None
    assert code(server.ask(intent())) is Code.DAY_ABOVE_CAP


@pytest.mark.parametrize(
    ("window", "per_week", "named"),
    [(DAY, 100 * COIN, Code.DAY_ABOVE_CAP), (WEEK, TENTH, Code.WEEK_ABOVE_CAP)],
)
def test_a_window_rolls_on_by_whole_hours(
    server: World, window: timedelta, per_week: int, named: Code
) -> None:
    tight = with_asset(SMALL, per_day=TENTH, per_week=per_week)
    server.under(tight, until=NOW + timedelta(days=60))
    server.clock.at = NOW + timedelta(minutes=59)

    def ask() -> Code | None:
        at = server.clock.at
        wish = intent(created_at=at, expires_at=at + timedelta(minutes=9))
        return code(server.ask(wish))

    assert ask() is None
    for minutes in (0, 59):  # the hour is counted until its last minute is out of the window
        server.clock.at = NOW + window + timedelta(minutes=minutes)
        assert ask() is named
    server.clock.at = NOW + window + timedelta(hours=1)
    assert ask() is None


def test_the_boundary_of_each_cap() -> None:
    for days, named in ((0, Code.DAY_ABOVE_CAP), (2, Code.WEEK_ABOVE_CAP)):
        head = Head(ADDRESS).using("56:native", 5 * TENTH, NOW - timedelta(days=days))
        for more, wanted in ((-1, named), (0, None), (1, None)):
            most = 6 * TENTH + more
            under = with_asset(SMALL, per_day=most, per_week=most)
            assert code(decided(intent(amount=TENTH), under, head=head)) is wanted


instants = st.integers(0, 20 * 24 * 3600).map(lambda s: NOW + timedelta(seconds=s))


@given(st.lists(st.tuples(instants, st.integers(1, 10**20)), max_size=40), instants)
def test_never_less_than_the_truth_and_never_an_hour_more(
    spent: list[tuple[datetime, int]], at: datetime
) -> None:
    spent.sort()
    head = Head(ADDRESS)
    for when, amount in spent:
        head = head.using("56:native", amount, when)
    newest = max([at, *(when for when, _ in spent)])
    at = max(at, newest - timedelta(hours=1))
    head = Head.loads(head.dumps(), limit=None)
    for window in (DAY, WEEK):

        def sum_since(since: datetime) -> int:
            return sum(amount for when, amount in spent if when > since)

        used = head.used("56:native", window, at)
        assert sum_since(at - window) <= used
        assert used <= sum_since(at - window - timedelta(hours=1, seconds=1))


@given(st.integers(0, 10**6))
def test_a_clock_that_runs_back_counts_what_it_has_not_reached(seconds: int) -> None:
    head = Head(ADDRESS).using("56:native", 7, NOW)
    assert head.used("56:native", DAY, NOW - timedelta(seconds=seconds)) == 7


def test_a_head_stays_small() -> None:
    head = Head(ADDRESS)
    for hour in range(24 * 40):
        head = head.using("56:native", 2**255, NOW + timedelta(hours=hour))
    assert len(head.usage["56:native"]) <= 24 * 8 + 1
    assert len(head.dumps()) < 30_000
