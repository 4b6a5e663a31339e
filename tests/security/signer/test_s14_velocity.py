"""S14: so many transfers in a time; so many refusals lock the wallet until it is released."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from betting_signer.contract import Code, Intent
from betting_signer.policy import Count
from betting_signer.state import Head
from security.signer.world import (
    ADDRESS,
    NOW,
    STRANGER,
    World,
    at_once,
    code,
    insisted,
    intent,
    policy,
    quote,
)

SLOW = policy(velocity={"most": 3, "seconds": 600}, cool_off={"most": 4, "seconds": 600})


def later(world: World, **changes: object) -> Intent:
    """A wish of now."""
    at = world.clock.at
    return intent(created_at=at, expires_at=at + timedelta(minutes=9), **changes)


def step(world: World, seconds: int) -> None:
    world.clock.at = NOW + timedelta(seconds=seconds)


def test_so_many_in_a_time_and_more_when_it_has_passed(world: World) -> None:
    world.under(SLOW)
    for seconds in (0, 100, 200):
        step(world, seconds)
        assert code(world.ask(later(world))) is None
    for seconds in (200, 599):
        step(world, seconds)
        assert code(world.ask(later(world))) is Code.TOO_OFTEN
    step(world, 600)
    assert code(world.ask(later(world))) is None
    assert code(world.ask(later(world))) is Code.TOO_OFTEN


def test_another_policy_counts_what_was_allowed_before_it(server: World) -> None:
    server.under(policy(velocity={"most": 9, "seconds": 1}))
    for seconds in (0, 60, 120):
        step(server, seconds)
        assert code(server.ask(later(server))) is None
    server.under(SLOW)
    assert code(server.ask(later(server))) is Code.TOO_OFTEN
    step(server, 600)
    assert code(server.ask(later(server))) is None


def test_of_what_was_allowed_no_more_is_kept_than_can_be_counted(server: World) -> None:
    times = tuple(NOW - timedelta(seconds=n) for n in range(1000))
    kept = replace(Head(ADDRESS), decided=times).deciding(NOW + timedelta(seconds=1))
    assert len(kept.decided) == 1000
    assert kept.decided[-1] == NOW + timedelta(seconds=1)
    assert times[-1] not in kept.decided
    assert Head(ADDRESS, decided=times).deciding(NOW + timedelta(days=7)).decided[:1] == (
        NOW + timedelta(days=7),
    )


def test_many_at_once_are_as_many_as_one_after_the_other(world: World) -> None:
    world.under(SLOW)
    wishes = [world.put(intent()) for _ in range(12)]
    outcomes = at_once(lambda wish: insisted(world.signer(), quote(wish).dumps()), wishes)
    assert [code(one) for one in outcomes].count(None) == 3


def test_refusals_lock_it_until_it_is_released(world: World) -> None:
    world.under(SLOW)
    for _ in range(4):
        assert code(world.ask(intent(to=STRANGER))) is Code.DESTINATION_NOT_ALLOWED
    assert code(world.ask(intent())) is Code.LOCKED
    step(world, 10**6)
    assert code(world.ask(later(world))) is Code.LOCKED  # no time opens it
    world.under(SLOW, released=1)
    assert code(world.ask(later(world))) is None
    for _ in range(4):
        world.ask(later(world, to=STRANGER))
    assert code(world.ask(later(world))) is Code.LOCKED  # one release opens one lock
    world.under(SLOW, released=2)
    assert code(world.ask(later(world))) is None


def test_refusals_long_ago_do_not_count(server: World) -> None:
    server.under(SLOW)
    for seconds in (0, 250, 500, 750, 1000, 1250):
        step(server, seconds)
        server.ask(later(server, to=STRANGER))
    assert code(server.ask(later(server))) is None
    assert server.store.head(ADDRESS).locks == 0


def test_what_honest_callers_meet_does_not_lock(server: World) -> None:
    server.under(SLOW)
    for _ in range(6):
        wish = server.put(intent())
        stale = quote(wish, observed_at=NOW - timedelta(minutes=2))
        assert code(server.signer().sign(stale.dumps())) is Code.QUOTE_STALE
        assert code(server.ask(intent(), native_balance=0)) is Code.INSUFFICIENT_FUNDS
        needy = intent(amount=policy().assets[0].per_transaction)
        assert code(server.ask(needy)) is Code.APPROVAL_REQUIRED
    assert code(server.ask(intent())) is None


def test_what_cannot_be_read_does(server: World) -> None:
    server.under(SLOW)
    for text in ("", "{}", "[]", quote(intent()).dumps()):
        server.signer().sign(text)
    assert code(server.ask(intent())) is Code.LOCKED


@pytest.mark.parametrize(
    ("most", "seconds", "named"),
    [
        (0, 1, "most: not from 1 to 1000"),
        (1001, 1, "most: not from 1 to 1000"),
        (1, 0, "seconds: not from 1 to 604800, a week"),
        (1, 7 * 24 * 3600 + 1, "seconds: not from 1 to 604800, a week"),
    ],
)
def test_counts_that_would_switch_it_off_are_refused(most: int, seconds: int, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}$"):
        Count(most, seconds)
