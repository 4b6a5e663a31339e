"""Transfers are followed on a real EVM until they are final, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from betting_ai.clock import MovingClock
from betting_ai.domain.chains import find_asset
from betting_ai.domain.fees import Fee, FeeKind
from betting_ai.domain.transfers import (
    CLOSED,
    FollowedTransfer,
    TransferState,
    is_turned_away,
)
from betting_ai.errors import ChainOfflineError, TransferConflictError, WrongTransactionError
from betting_ai.usecases.follow_transfers import (
    Followed,
    FollowTransfers,
    FollowTransfersCommand,
    Gap,
)
from chain.conftest import LIMITS, Open
from chain.evm import ALICE, BOB, COIN, GWEI, Chain, account, attempt, planned, relay

FAR = datetime(2100, 1, 1, tzinfo=UTC)
KINDS = {"legacy": Fee.legacy(5 * GWEI), "dynamic": Fee.dynamic(5 * GWEI, GWEI)}


class Kept:
    """States in memory, each with its version compared."""

    def __init__(self, *transfers: FollowedTransfer) -> None:
        self.by_id = {one.id: one for one in transfers}

    def open(self) -> Sequence[FollowedTransfer]:
        return [one for one in self.by_id.values() if one.state not in CLOSED]

    def save(self, transfer: FollowedTransfer) -> FollowedTransfer:
        if self.by_id[transfer.id].version != transfer.version:
            raise TransferConflictError("it has changed since")
        kept = replace(transfer, version=transfer.version + 1)
        self.by_id[transfer.id] = kept
        return kept


class World:
    """A wallet's transfers and a chain."""

    def __init__(self, chain: Chain, nodes: Any) -> None:
        self.chain = chain
        self.nodes = nodes
        self.kept = Kept()
        self.clock = MovingClock(datetime.now(UTC))
        self.coin = find_asset(chain.chain_id, "BNB")

    def add(self, name: str = "t", units: int = 7, asset=None, sender=ALICE, **fields: Any) -> None:
        meant = planned(self.chain, sender, asset or self.coin, BOB.address, units, **fields)
        self.kept.by_id[name] = FollowedTransfer(
            name, self.chain.chain_id, TransferState.SIGNED, FAR, (attempt(sender, meant),)
        )

    def follow(self) -> Followed:
        run = FollowTransfers(self.kept, {self.chain.chain_id: self.nodes}, self.clock)
        return run(FollowTransfersCommand(patience=timedelta(minutes=3)))

    def state(self, name: str = "t") -> str:
        return self.kept.by_id[name].state.value

    def __getitem__(self, name: str) -> FollowedTransfer:
        return self.kept.by_id[name]

    def landed(self, name: str = "t") -> Any:
        return self.chain.receipt(self[name].attempts[-1].tx_hash)


@pytest.fixture
def world(chain: Chain, nodes_of: Open) -> World:
    return World(chain, nodes_of(chain.url))


@pytest.mark.parametrize("fee", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("token", [False, True], ids=["coin", "token"])
def test_from_signed_to_final(either: Chain, nodes_of: Open, fee: Fee, token: bool) -> None:
    world = World(either, nodes_of(either.url, chain_id=either.chain_id))
    asset = either.token(ALICE, 10**20) if token else world.coin
    held = world.nodes.balances(BOB.address, [asset]).units[asset.symbol]
    world.add(asset=asset, fee=fee)
    assert [c.transfer.state for c in world.follow().changes] == [TransferState.BROADCAST]
    world.landed()
    world.follow()
    assert (world.state(), world["t"].confirmations) == ("mined", 1)
    either.mine(13)
    world.follow()
    assert (world.state(), world["t"].confirmations) == ("mined", 14)
    either.mine()
    world.follow()
    assert (world.state(), world["t"].confirmations) == ("final", 15)
    assert world.follow().seen == 0
    assert world.nodes.balances(BOB.address, [asset]).units[asset.symbol] == held + 7


@pytest.mark.parametrize(("polite", "reason"), [(False, "reverted"), (True, "nothing_moved")])
def test_a_token_that_moves_nothing_is_a_failure(world: World, polite: bool, reason: str) -> None:
    world.add(asset=world.chain.token(ALICE, 5, polite=polite), units=6)
    world.follow()
    world.landed()
    world.follow()
    assert (world.state(), world["t"].reason) == ("mined", reason)
    world.chain.mine(14)
    world.follow()
    assert (world.state(), world["t"].reason) == ("failed", reason)
    assert world["t"].receipt is not None
    assert world["t"].receipt.cost > 0


def test_too_little_money_is_told_and_tried_again(world: World) -> None:
    poor = account(0xF00)
    world.add(sender=poor)
    world.follow()
    assert (world.state(), world["t"].reason) == ("signed", "insufficient_funds")
    world.chain.fund(poor)
    world.follow()
    assert (world.state(), world["t"].reason) == ("broadcast", None)


def test_what_nodes_forget_is_sent_again_with_the_same_bytes(world: World) -> None:
    world.chain.mining(False)
    world.add()
    world.follow()
    world.chain("anvil_dropTransaction", world["t"].attempts[0].tx_hash)
    world.follow()
    assert (world.state(), len(world["t"].attempts)) == ("broadcast", 1)
    world.chain.mine(15)
    world.follow()
    assert world.state() == "final"


def test_what_cannot_be_sent_again_is_dropped_and_not_signed_anew(
    chain: Chain, nodes_of: Open
) -> None:
    world = World(chain, nodes_of(chain.url))
    chain.mining(False)
    world.add()
    world.follow()
    chain("anvil_dropTransaction", world["t"].attempts[0].tx_hash)
    chain.fund(ALICE, wei=1)
    world.follow()
    assert (world.state(), world["t"].reason) == ("dropped", "insufficient_funds")


def test_a_reorganised_block_takes_its_receipt_with_it(world: World) -> None:
    before = world.chain.balance(BOB.address)
    world.chain.mine(3)
    world.add()
    world.follow()
    world.landed()
    world.chain.mine(4)
    world.follow()
    assert (world.state(), world["t"].confirmations) == ("mined", 5)
    world.chain.mining(False)
    world.chain("anvil_reorg", 6, [])
    assert world.chain.balance(BOB.address) == before
    changes = world.follow().changes
    assert [(c.before, c.transfer.state) for c in changes] == [
        (TransferState.MINED, TransferState.BROADCAST)
    ]
    assert (world["t"].confirmations, world["t"].receipt) == (0, None)
    world.chain.mine(15)
    world.follow()
    assert world.state() == "final"
    assert world.chain.balance(BOB.address) == before + 7


def test_a_nonce_that_a_stranger_used_closes_the_transfer_once_that_is_final(
    world: World,
) -> None:
    world.add()
    world.add("stranger", units=8)  # the same nonce, signed elsewhere
    foreign = world.kept.by_id.pop("stranger").attempts[0]
    world.nodes.send(foreign.raw, foreign.transaction)
    world.chain.receipt(foreign.tx_hash)
    world.follow()
    assert (world.state(), world["t"].reason) == ("signed", "nonce_used")
    world.chain.mine(14)
    world.follow()
    assert (world.state(), world["t"].reason) == ("replaced", "nonce_used")


@pytest.mark.parametrize("fee", KINDS.values(), ids=KINDS)
def test_what_is_stuck_tells_what_its_replacement_needs(world: World, fee: Fee) -> None:
    before = world.chain.balance(BOB.address)
    world.chain.mining(False)
    world.add(fee=fee)
    world.follow()
    assert not world.follow().stuck
    world.clock.move(world.clock.now() + timedelta(minutes=3))
    (stuck,) = world.follow().stuck
    asked = world.nodes.fee(fee.kind)
    assert stuck.fee.replaces(fee)
    assert stuck.fee.max_per_gas >= asked.max_per_gas
    # A replacement is signed: the same but for its fee.
    first = world["t"].attempts[0]
    again = attempt(ALICE, replace(first.transaction, fee=stuck.fee), 1)
    world.kept.by_id["t"] = replace(world["t"], attempts=(first, again))
    world.follow()
    pool = world.chain("txpool_content")["pending"]
    (held,) = next(iter(pool.values())).values()
    assert held["hash"] == again.tx_hash
    world.chain.mine(15)
    world.follow()
    assert world.state() == "final"
    assert world["t"].receipt is not None
    assert world["t"].receipt.tx_hash == again.tx_hash
    assert world.chain.balance(BOB.address) == before + 7


def test_a_replacement_that_pays_too_little_leaves_the_first_where_it_is(world: World) -> None:
    world.chain.mining(False)
    world.add(fee=Fee.legacy(5 * GWEI))
    world.follow()
    first = world["t"].attempts[0]
    meant = replace(first.transaction, fee=Fee.legacy(5 * GWEI), gas_limit=22_000)
    world.kept.by_id["t"] = replace(world["t"], attempts=(first, attempt(ALICE, meant, 1)))
    world.follow()
    assert (world.state(), world["t"].reason) == ("broadcast", "replacement_underpriced")
    world.chain.mine(15)
    world.follow()
    assert (world.state(), world["t"].reason) == ("final", None)


def test_what_is_turned_away_for_its_fee_is_stuck_while_the_chain_asks_for_more(
    world: World,
) -> None:
    world.add(fee=Fee.legacy(1))
    [stuck] = world.follow().stuck
    assert (world.state(), world["t"].reason) == ("signed", "underpriced")
    assert stuck.fee.max_per_gas >= world.nodes.fee(FeeKind.LEGACY).max_per_gas
    # Behind another, or where a new one would offer no more, it is only sent again.
    world.add("behind", nonce=1, fee=Fee.legacy(1))
    assert [one.transfer.id for one in world.follow().stuck] == ["t"]
    offered = Fee.legacy(10**15)
    attempts = (replace(world["t"].attempts[0], transaction=replace(
        world["t"].attempts[0].transaction, fee=offered)),)  # fmt: skip
    view = world.nodes.view({attempts[0].tx_hash: ALICE.address})
    rich = replace(world["t"], attempts=attempts)
    assert is_turned_away(rich, view)
    assert not world.nodes.fee(FeeKind.LEGACY).exceeds(offered)


def test_a_gap_is_told_and_what_waits_behind_it_is_not_stuck(world: World) -> None:
    world.add("second", nonce=1)
    world.add("fourth", nonce=3)
    told = world.follow()
    assert told.gaps == tuple(Gap(56, ALICE.address, nonce) for nonce in (0, 2))
    world.clock.move(world.clock.now() + timedelta(hours=1))
    assert not world.follow().stuck
    world.add("first", nonce=0)
    world.add("third", nonce=2)
    assert not world.follow().gaps
    world.landed("fourth")
    world.chain.mine(15)
    world.follow()
    assert {world.state(name) for name in ("first", "second", "third", "fourth")} == {"final"}


def test_a_gap_that_was_closed_leaves_an_expired_intent(world: World) -> None:
    world.add(units=1)
    first = world["t"].attempts[0]
    self_transfer = replace(first.transaction, to=ALICE.address, value=0)
    world.kept.by_id["t"] = replace(
        world["t"], attempts=(attempt(ALICE, self_transfer),), closes_gap=True
    )
    world.follow()
    world.landed()
    world.chain.mine(14)
    world.follow()
    assert (world.state(), world["t"].reason) == ("expired", "gap_closed")


def test_what_is_never_signed_expires_and_what_is_signed_never_does(world: World) -> None:
    soon = world.clock.now() + timedelta(minutes=15)
    world.kept.by_id["q"] = FollowedTransfer("q", 56, TransferState.QUOTED, soon)
    world.add(sender=account(0xF00))
    world.kept.by_id["t"] = replace(world["t"], expires_at=soon)
    world.follow()
    assert world.state("q") == "quoted"
    world.clock.move(soon)
    world.follow()
    assert (world.state("q"), world.state()) == ("expired", "signed")


def test_a_crash_after_sending_is_made_good(world: World) -> None:
    """Sent, and the process ended before it was noted: the chain tells."""
    world.chain.mining(False)
    world.add()
    one = world["t"].attempts[0]
    world.nodes.send(one.raw, one.transaction)
    world.follow()
    assert world.state() == "broadcast"
    assert world["t"].sent_at is not None


def test_no_node_in_reach_changes_nothing(chain: Chain, nodes_of: Open) -> None:
    with relay(chain) as first, relay(chain) as second:
        world = World(chain, nodes_of(first.url, second.url, limits=LIMITS))
        world.add()
        first.swallows = second.swallows = "eth_sendRawTransaction"
        told = world.follow()
        assert [type(t.error) for t in told.troubles] == [ChainOfflineError]
        assert world.state() == "signed"  # though it was taken, which nobody could say
        first.down = second.down = True
        told = world.follow()
        assert [(type(t.error), t.transfer_id) for t in told.troubles] == [
            (ChainOfflineError, None)
        ]
        assert world.state() == "signed"
        first.down = False
        world.landed()
        world.follow()
        assert world.state() == "mined"


def test_bytes_that_were_changed_where_they_are_kept_are_not_sent(world: World) -> None:
    world.add()
    world.add("other", units=8)
    mixed = replace(world["t"].attempts[0], raw=world["other"].attempts[0].raw)
    world.kept.by_id = {"t": replace(world["t"], attempts=(mixed,))}
    told = world.follow()
    assert [type(t.error) for t in told.troubles] == [WrongTransactionError]
    assert world.chain("txpool_status") == {"pending": "0x0", "queued": "0x0"}
    assert world.chain.nonce(ALICE.address) == 0


def test_a_state_that_changed_meanwhile_is_left_as_it_is(world: World) -> None:
    world.add()
    stale = world["t"]
    world.kept.by_id["t"] = replace(stale, version=4)
    world.kept.open = lambda: [stale]  # type: ignore[method-assign]
    told = world.follow()
    assert [type(t.error) for t in told.troubles] == [TransferConflictError]
    assert world["t"].version == 4


def test_twenty_transfers_end_with_the_sums_right(world: World) -> None:
    """Some dropped, some reorganised, each sent until it is final: each moves once."""
    usdt = world.chain.token(ALICE, 10**20)
    start = world.chain.nonce(ALICE.address)
    world.chain.mining(False)
    for i in range(20):
        asset = usdt if i % 2 else world.coin
        fee = list(KINDS.values())[i % 4 // 2]
        world.add(str(i), units=i + 1, asset=asset, fee=fee, nonce=start + i)
    before = world.nodes.balances(BOB.address, [world.coin, usdt]).units
    world.chain.fund(ALICE)
    world.follow()
    for i in (3, 11):
        world.chain("anvil_dropTransaction", world[str(i)].attempts[0].tx_hash)
    world.chain.mine(2)
    world.follow()
    world.chain.mine(2)
    world.follow()
    world.chain("anvil_reorg", 4, [])
    world.follow()
    world.chain.mine(4)
    world.follow()
    world.chain.mine(15)
    world.follow()
    assert {one.state for one in world.kept.by_id.values()} == {TransferState.FINAL}
    after = world.nodes.balances(BOB.address, [world.coin, usdt]).units
    assert after["BNB"] - before["BNB"] == sum(range(1, 20, 2))
    assert after["USDT"] - before["USDT"] == sum(range(2, 21, 2))
    costs = sum(one.receipt.cost for one in world.kept.by_id.values() if one.receipt)
    spent = 100 * COIN - world.chain.balance(ALICE.address)
    assert spent == costs + sum(range(1, 20, 2))
