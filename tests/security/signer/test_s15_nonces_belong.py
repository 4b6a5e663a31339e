"""S15: a nonce belongs to one intent for ever, and is signed again only as its replacement."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betting_signer.contract import Code, Signed
from betting_signer.nonces import raised
from security.signer.world import (
    ADDRESS,
    FRIEND,
    GWEI,
    NOW,
    TOKEN,
    Gone,
    Watched,
    World,
    at_once,
    code,
    dearer,
    insisted,
    intent,
    policy,
    quote,
    with_chain,
)

FEES = ("max_fee_per_gas", "max_priority_fee_per_gas")
LATE = NOW + timedelta(minutes=15)


def dropped(world: World, **wished: Any) -> Any:
    """A wish whose nonce was reserved, and that was never signed."""
    wish = intent(**wished)
    with pytest.raises(KeyboardInterrupt):
        world.ask(wish, world.signer(custody=Gone()))
    return wish


def test_the_same_again_gives_the_same_signature(world: World) -> None:
    custody = Watched(world.custody)
    signer = world.signer(custody=custody)
    wish = world.put(intent())
    first = signer.sign(quote(wish).dumps())
    assert isinstance(first, Signed)
    for again in (quote(wish), quote(wish, max_fee_per_gas=9 * GWEI), quote(wish, nonce_floor=1)):
        assert signer.sign(again.dumps()) == first
    assert len(custody.made) == 1
    assert world.store.head(ADDRESS).nonces == {56: 1}


def test_a_reservation_is_signed_by_a_retry_with_the_same_bytes(world: World) -> None:
    wish = dropped(world)
    held = world.store.reservation(wish.intent_id)
    twice = [
        world.custody.sign(ADDRESS, held.last.transaction),
        world.custody.sign(ADDRESS, held.last.transaction),
    ]
    assert twice[0] == twice[1]
    found = world.ask(wish, max_fee_per_gas=4 * GWEI, nonce_floor=1)
    assert isinstance(found, Signed)
    assert found.raw == "0x" + twice[0].hex()
    assert found.transaction.max_fee_per_gas == 3 * GWEI
    assert world.store.head(ADDRESS).nonces == {56: 1}


def test_a_race_for_one_intent_has_one_signature_and_one_nonce(world: World) -> None:
    wish = world.put(intent())
    quotes = [quote(wish, max_fee_per_gas=(3 + n) * GWEI) for n in range(6)]
    outcomes = at_once(lambda one: insisted(world.signer(), one.dumps()), quotes)
    assert len({repr(one) for one in outcomes}) == 1
    assert isinstance(outcomes[0], Signed)
    assert world.store.head(ADDRESS).nonces == {56: 1}


def test_a_race_of_intents_has_as_many_nonces_without_a_hole(world: World) -> None:
    wishes = [world.put(intent()) for _ in range(12)]
    outcomes = at_once(lambda one: insisted(world.signer(), quote(one).dumps()), wishes)
    assert sorted(one.transaction.nonce for one in outcomes) == list(range(12))
    for one in outcomes:
        assert world.store.holder(ADDRESS, 56, one.transaction.nonce) == one.intent_id


def test_another_content_under_the_same_id_is_refused(server: World) -> None:
    wish = server.put(intent())
    assert code(server.ask(wish)) is None
    other = replace(wish, amount=wish.amount + 1)
    server.desk._rows("ALTER TABLE signer.intents DISABLE TRIGGER ALL; SELECT 1")
    server.desk._rows(
        "UPDATE signer.intents SET body = :body, stamp = :stamp RETURNING 1",
        body=other.dumps(), stamp=other.stamp(b"the-requester's-secret-of-the-tests"),
    )  # fmt: skip
    for purpose in ("transfer", "replacement", "gap"):
        asked = quote(other, purpose=purpose)
        assert code(server.signer().sign(asked.dumps())) is Code.CONTENT_CHANGED


@pytest.mark.parametrize("kind", ["legacy", "eip1559"])
@pytest.mark.parametrize("asset", ["native", TOKEN])
def test_a_replacement_changes_nothing_but_its_fees(world: World, kind: str, asset: str) -> None:
    wish = world.put(intent(asset=asset, amount=(10**17 if asset == "native" else 10**20)))
    fee = {"max_priority_fee_per_gas": GWEI, "max_fee_per_gas": GWEI, "fee_kind": kind}
    asked = quote(wish, **fee)
    first = world.signer().sign(asked.dumps())
    again = world.signer().sign(dearer(asked, wish, fee_kind=kind).dumps())
    assert isinstance(first, Signed)
    assert isinstance(again, Signed)
    assert (first.attempt, again.attempt) == (0, 1)
    assert again.transaction == replace(
        first.transaction, max_fee_per_gas=11 * GWEI // 10, max_priority_fee_per_gas=11 * GWEI // 10
    )
    assert again.raw != first.raw
    assert world.store.signed(wish.intent_id, 0) == first
    assert world.store.head(ADDRESS).nonces == {56: 1}


def test_a_quote_replaces_once_however_often_it_comes(world: World) -> None:
    wish = world.put(intent())
    asked = quote(wish)
    world.signer().sign(asked.dumps())
    more = dearer(asked, wish).dumps()
    first = world.signer().sign(more)
    assert isinstance(first, Signed)
    assert world.signer().sign(more) == first
    assert world.store.signed(wish.intent_id, 2) is None


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"chain_id": 97}, Code.QUOTE_MISMATCH),
        ({"gas_limit": 21_001}, Code.REPLACEMENT_DIFFERS),
        ({"gas_limit": 20_999}, Code.REPLACEMENT_DIFFERS),
        ({"fee_kind": "legacy", **dict.fromkeys(FEES, 4 * GWEI)}, Code.REPLACEMENT_DIFFERS),
        ({"max_fee_per_gas": 33 * GWEI // 10 - 1}, Code.REPLACEMENT_TOO_CHEAP),
        ({"max_priority_fee_per_gas": 11 * GWEI // 10 - 1}, Code.REPLACEMENT_TOO_CHEAP),
        ({"max_fee_per_gas": 10 * GWEI + 1}, Code.FEE_ABOVE_CAP),
        (
            {"max_fee_per_gas": 9 * GWEI, "max_priority_fee_per_gas": 5 * GWEI + 1},
            Code.PRIORITY_FEE_ABOVE_CAP,
        ),
        ({"nonce_floor": 9}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_each_change_of_a_replacement(
    server: World, changes: dict[str, Any], wanted: Code | None
) -> None:
    wish = server.put(intent())
    asked = quote(wish)
    server.signer().sign(asked.dumps())
    outcome = server.signer().sign(dearer(asked, wish, **changes).dumps())
    assert code(outcome) is wanted
    if wanted is None:
        assert outcome.transaction.nonce == 0


def test_a_replacement_stays_within_its_share_of_the_amount(server: World) -> None:
    wish = server.put(intent(amount=21_000 * 3 * GWEI * 100))
    asked = quote(wish)
    assert code(server.signer().sign(asked.dumps())) is None
    assert code(server.signer().sign(dearer(asked, wish).dumps())) is Code.FEE_SHARE_ABOVE_CAP


@pytest.mark.parametrize("most", [0, 1, 3])
def test_it_is_replaced_so_often_and_no_more(server: World, most: int) -> None:
    server.under(policy(replacements=most))
    wish = server.put(intent())
    asked = quote(wish, max_fee_per_gas=GWEI)
    server.signer().sign(asked.dumps())
    for number in range(1, most + 1):
        asked = dearer(asked, wish)
        assert server.signer().sign(asked.dumps()).attempt == number
    over = dearer(asked, wish)
    assert code(server.signer().sign(over.dumps())) is Code.REPLACEMENTS_USED


def test_a_policy_replaces_three_times_at_most() -> None:
    with pytest.raises(ValueError, match="replacements"):
        policy(replacements=4)


def test_what_expired_is_replaced_while_it_is_stuck(server: World) -> None:
    wish = server.put(intent())
    asked = quote(wish)
    server.signer().sign(asked.dumps())
    server.clock.at = LATE + timedelta(hours=5)
    again = server.signer().sign(dearer(asked, wish, observed_at=server.clock.at).dumps())
    assert isinstance(again, Signed)


def test_what_was_not_signed_is_not_replaced(server: World) -> None:
    wish = intent()
    assert code(server.ask(wish, purpose="replacement")) is Code.NOTHING_TO_REPLACE
    wish = dropped(server)
    assert code(server.ask(wish, purpose="replacement")) is Code.NOTHING_TO_REPLACE


def test_a_replacement_that_was_dropped_is_signed_by_a_retry(world: World) -> None:
    wish = world.put(intent())
    asked = quote(wish)
    world.signer().sign(asked.dumps())
    more = dearer(asked, wish)
    with pytest.raises(KeyboardInterrupt):
        world.signer(custody=Gone()).sign(more.dumps())
    found = world.signer().sign(dearer(more, wish).dumps())
    assert isinstance(found, Signed)
    assert found.attempt == 1
    assert found.transaction.max_fee_per_gas == more.max_fee_per_gas


def test_what_was_signed_once_has_no_gap_however_its_replacement_ended(world: World) -> None:
    wish = world.put(intent())
    asked = quote(wish)
    assert isinstance(world.signer().sign(asked.dumps()), Signed)
    with pytest.raises(KeyboardInterrupt):
        world.signer(custody=Gone()).sign(dearer(asked, wish).dumps())
    world.clock.at = LATE
    assert code(world.ask(wish, purpose="gap")) is Code.NO_GAP
    assert len(world.store.reservation(wish.intent_id).attempts) == 2


@given(st.integers(0, 2**200))
def test_a_tenth_more_is_rounded_up(fee: int) -> None:
    assert 10 * raised(fee) >= 11 * fee
    assert raised(fee) == 0 or 10 * (raised(fee) - 1) < 11 * fee


def test_the_gap_of_what_expired_is_closed_and_never_paid(world: World) -> None:
    wish = dropped(world)
    assert code(world.ask(wish, purpose="gap")) is Code.NOT_EXPIRED
    world.clock.at = LATE
    assert code(world.ask(wish)) is Code.EXPIRED
    closed = world.ask(wish, purpose="gap", gas_limit=99_999)
    assert isinstance(closed, Signed)
    assert (closed.attempt, closed.purpose) == (1, "gap")
    transaction = closed.transaction
    assert (transaction.to, transaction.value, transaction.data) == (ADDRESS, 0, "0x")
    assert (transaction.nonce, transaction.gas_limit) == (0, 21_000)
    assert '"rule":"close-gaps"' in world.lines()[-1]
    assert code(world.ask(wish)) is Code.EXPIRED
    assert world.store.signed(wish.intent_id, 0) is None
    # Stuck itself, it is replaced as any other, and stays what it is.
    asked = quote(wish, observed_at=LATE)
    more = world.signer().sign(dearer(asked, wish, observed_at=LATE).dumps())
    assert isinstance(more, Signed)
    assert more.transaction.to == ADDRESS
    assert more.transaction.value == 0
    assert world.store.head(ADDRESS).nonces == {56: 1}


def test_a_gap_is_closed_by_a_retry_with_the_same_bytes(world: World) -> None:
    wish = dropped(world)
    world.clock.at = LATE
    with pytest.raises(KeyboardInterrupt):
        world.ask(wish, world.signer(custody=Gone()), purpose="gap")
    held = world.store.reservation(wish.intent_id)
    closed = world.ask(wish, purpose="gap", max_fee_per_gas=9 * GWEI)
    assert closed.raw == "0x" + world.custody.sign(ADDRESS, held.last.transaction).hex()


def test_what_was_signed_or_never_reserved_has_no_gap(server: World) -> None:
    wish = intent()
    server.ask(wish)
    never = server.put(intent())
    server.clock.at = LATE
    assert code(server.ask(wish, purpose="gap")) is Code.NO_GAP
    assert code(server.ask(never, purpose="gap")) is Code.NO_GAP


def test_gaps_are_closed_only_where_the_policy_names_it_and_within_its_fees(
    server: World,
) -> None:
    wish = dropped(server)
    server.clock.at = LATE
    server.under(policy(gap_rule=None))
    assert code(server.ask(wish, purpose="gap")) is Code.GAP_NOT_ALLOWED
    server.under(with_chain(policy(), max_fee_per_gas=3 * GWEI - 1, max_priority_fee_per_gas=GWEI))
    assert code(server.ask(wish, purpose="gap")) is Code.FEE_ABOVE_CAP
    server.under(policy())
    assert code(server.ask(wish, purpose="gap", native_balance=1)) is Code.INSUFFICIENT_FUNDS
    assert code(server.ask(wish, purpose="gap")) is None


def test_a_signature_that_comes_after_its_gap_was_closed_is_thrown_away(world: World) -> None:
    wish = world.put(intent())

    class Slow:
        """Signs only once the gap is closed by another."""

        def sign(self, address: str, transaction: Any) -> bytes:
            if transaction.value:
                world.clock.at = LATE
                closed = world.ask(wish, purpose="gap")
                assert isinstance(closed, Signed)
            raw: bytes = world.custody.sign(address, transaction)
            return raw

    outcome = world.signer(custody=Slow()).sign(quote(wish).dumps())
    assert code(outcome) in {Code.EXPIRED, Code.QUOTE_STALE}
    assert world.store.signed(wish.intent_id, 0) is None
    assert world.store.signed(wish.intent_id, 1).purpose == "gap"


def test_a_gap_is_not_closed_once_its_transfer_was_signed_after_all(world: World) -> None:
    wish = dropped(world)
    signed: list[Any] = []

    class Overtaken:
        """While the gap is decided, a process that began before the expiry comes to its end."""

        def __getattr__(self, name: str) -> Any:
            return getattr(world.store, name)

        def commit(self, commit: Any) -> None:
            if commit.reservation is not None and not signed:
                world.clock.at = NOW
                signed.append(world.ask(wish))
                world.clock.at = LATE
            world.store.commit(commit)

    world.clock.at = LATE
    outcome = world.ask(wish, world.signer(store=Overtaken()), purpose="gap")
    assert isinstance(signed[0], Signed)
    assert code(outcome) is Code.NO_GAP
    assert world.store.signed(wish.intent_id, 0) == signed[0]
    assert len(world.store.reservation(wish.intent_id).attempts) == 1


def test_a_reservation_under_another_policy_waits_for_its_gap(server: World) -> None:
    wish = dropped(server)
    server.under(policy(version=2))
    assert code(server.ask(wish)) is Code.POLICY_CHANGED
    server.clock.at = LATE
    assert server.ask(wish, purpose="gap").transaction.to == ADDRESS


def test_a_reservation_that_was_altered_is_not_signed(server: World) -> None:
    wish = dropped(server)
    held = server.store.reservation(wish.intent_id)
    custody = Watched(server.custody)
    for changes in ({"to": TOKEN}, {"value": 1}, {"nonce": 7}, {"max_fee_per_gas": 10**12}):
        altered = replace(
            held,
            attempts=(replace(held.last, transaction=replace(held.last.transaction, **changes)),),
        )
        server.desk._rows(
            "UPDATE signer.reservations SET body = :body RETURNING 1", body=altered.dumps()
        )
        with pytest.raises(ValueError, match="not what was decided"):
            server.ask(wish, server.signer(custody=custody))
    assert custody.made == []
    assert held.last.transaction.to == FRIEND
