"""The same money is not promised twice: what was signed and is not mined yet counts as spent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from betting_signer.contract import Code, Signed
from security.signer.world import (
    COIN,
    GWEI,
    NOW,
    TOKEN,
    Gone,
    World,
    at_once,
    code,
    dearer,
    insisted,
    intent,
    quote,
)

TENTH = COIN // 10
MANY = 100 * COIN
FEE = 21_000 * 3 * GWEI
TOKEN_FEE = 65_000 * 3 * GWEI


def test_money_that_waits_to_be_mined_is_not_there(world: World) -> None:
    both = 2 * (TENTH + FEE)
    assert code(world.ask(intent(), native_balance=both)) is None
    second = intent()
    assert code(world.ask(second, native_balance=both - 1)) is Code.INSUFFICIENT_FUNDS
    assert code(world.ask(second, native_balance=both)) is None
    # Both are mined, and the balance shows it.
    third = intent()
    assert code(world.ask(third, native_balance=both, nonce_floor=1)) is None
    assert code(world.ask(intent(), native_balance=TENTH + FEE, nonce_floor=3)) is None


def test_so_are_tokens_and_their_fees(world: World) -> None:
    of_token: dict[str, Any] = {"asset": TOKEN, "amount": MANY}
    wei = 2 * TOKEN_FEE
    first = world.ask(intent(**of_token), asset_balance=2 * MANY, native_balance=wei)
    assert code(first) is None
    few = world.ask(intent(**of_token), asset_balance=2 * MANY - 1, native_balance=wei)
    assert code(few) is Code.INSUFFICIENT_FUNDS
    poor = world.ask(intent(**of_token), asset_balance=2 * MANY, native_balance=wei - 1)
    assert code(poor) is Code.INSUFFICIENT_FUNDS
    # Coins are no tokens: of them only the fee is promised.
    assert code(world.ask(intent(), native_balance=TENTH + FEE + TOKEN_FEE)) is None
    owed = TENTH + FEE + 2 * TOKEN_FEE
    last = world.ask(intent(**of_token), asset_balance=2 * MANY, native_balance=owed)
    assert code(last) is None


def test_a_dearer_replacement_promises_more(server: World) -> None:
    wish = server.put(intent())
    first = quote(wish)
    assert code(server.signer().sign(first.dumps())) is None
    more = dearer(first, wish)
    assert code(server.signer().sign(more.dumps())) is None
    owed = TENTH + 21_000 * more.max_fee_per_gas
    assert code(server.ask(intent(), native_balance=owed + TENTH + FEE - 1)) is (
        Code.INSUFFICIENT_FUNDS
    )
    assert code(server.ask(intent(), native_balance=owed + TENTH + FEE)) is None


def test_what_expired_unsigned_promises_nothing(world: World) -> None:
    """Its gap is closed once another waits behind it: that other must not wait for it."""
    enough = TENTH + FEE
    lost = intent()
    with pytest.raises(KeyboardInterrupt):
        world.ask(lost, world.signer(custody=Gone()), native_balance=enough)
    later: dict[str, Any] = {"created_at": lost.expires_at - timedelta(seconds=1)}
    later["expires_at"] = lost.expires_at + timedelta(minutes=10)
    world.clock.at = lost.expires_at - timedelta(seconds=1)
    wish = intent(**later)
    # It may still be signed.
    assert code(world.ask(wish, native_balance=enough)) is Code.INSUFFICIENT_FUNDS
    world.clock.at = lost.expires_at
    assert code(world.ask(wish, native_balance=enough)) is None
    assert world.store.holder(lost.sender, 56, 0) == lost.intent_id


def test_what_was_signed_in_time_promises_its_amount_for_ever(world: World) -> None:
    enough = TENTH + FEE
    assert code(world.ask(intent(), native_balance=enough)) is None
    world.clock.at = NOW + timedelta(hours=2)
    wish = intent(created_at=world.clock.at, expires_at=world.clock.at + timedelta(minutes=10))
    assert code(world.ask(wish, native_balance=2 * enough - 1)) is Code.INSUFFICIENT_FUNDS


def test_at_once_as_many_are_signed_as_there_is_money_for(world: World) -> None:
    wishes = [world.put(intent()) for _ in range(10)]
    money = 4 * (TENTH + FEE)

    def ask(wish: Any) -> Any:
        return insisted(world.signer(), quote(wish, native_balance=money).dumps())

    outcomes = at_once(ask, wishes)
    assert sum(isinstance(one, Signed) for one in outcomes) == 4
    assert {code(one) for one in outcomes} == {None, Code.INSUFFICIENT_FUNDS}
