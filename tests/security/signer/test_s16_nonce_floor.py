"""S16: the chain's nonce may raise the floor and never lowers it; gaps are reported."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betting_signer.contract import Code
from betting_signer.nonces import allocated
from betting_signer.service import Gap
from security.signer.world import ADDRESS, Gone, World, code, intent, policy, with_chain


def nonce(world: World, floor: int) -> int:
    found: int = world.ask(intent(), nonce_floor=floor).transaction.nonce
    return found


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_never_below_either(following: int, floor: int) -> None:
    found = allocated(following, floor)
    assert found.nonce == max(following, floor)
    assert found.next > following
    assert found.skipped == max(0, floor - following)


def test_drift_of_the_chain(world: World) -> None:
    assert [nonce(world, floor) for floor in (0, 0, 1, 0)] == [0, 1, 2, 3]
    assert world.reports == []
    assert nonce(world, 6) == 6  # somebody else used 4 and 5
    assert world.reports == [("skipped", {"chain_id": 56, "nonces": 2})]
    assert [nonce(world, floor) for floor in (0, 6, 7)] == [7, 8, 9]
    assert world.store.head(ADDRESS).nonces == {56: 10}


def test_a_nonce_far_ahead_is_refused(server: World) -> None:
    assert nonce(server, 0) == 0
    assert code(server.ask(intent(), nonce_floor=7)) is Code.NONCE_JUMP
    assert code(server.ask(intent(), nonce_floor=2**62)) is Code.NONCE_JUMP
    assert nonce(server, 6) == 6


def test_a_wallet_with_a_past_begins_where_its_policy_says(server: World) -> None:
    server.under(with_chain(policy(), first_nonce=40))
    assert nonce(server, 0) == 40
    server.under(with_chain(policy(), first_nonce=90))
    assert nonce(server, 0) == 41


def test_gaps_are_reported_by_name(world: World) -> None:
    nonce(world, 0)
    wish = intent()
    with pytest.raises(KeyboardInterrupt):
        world.ask(wish, world.signer(custody=Gone()))
    assert world.signer().gaps(56, 0) == (Gap(1, wish.intent_id),)
    world.reports.clear()
    nonce(world, 1)
    facts = {"chain_id": 56, "nonce": 1, "intent_id": wish.intent_id}
    assert world.reports == [("gap", facts)]
    world.ask(wish)
    world.reports.clear()
    nonce(world, 1)
    assert world.reports == []
    assert world.signer().gaps(56, 0) == ()


def test_a_gap_of_nobody_is_reported_too(server: World) -> None:
    nonce(server, 0)
    nonce(server, 3)
    server.reports.clear()
    nonce(server, 1)
    assert [facts["nonce"] for event, facts in server.reports if event == "gap"] == [1, 2]
