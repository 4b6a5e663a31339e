"""Dropped, replaced, unreachable, expired: each ends with one payment, or with none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from betting_ai.clock import MovingClock
from betting_ai.errors import ChainOfflineError
from betting_ai.usecases.carry_transfers import Carried
from betting_signer.contract import Code, Intent, Refusal, Signed
from chain.evm import COIN, GWEI, Chain, evm, relay
from security.signer.world import ADDRESS, Gone
from security.wallet.flow import Flow, now, payee, policy


def signed(outcomes: list[Any]) -> list[Signed]:
    return [one for one in outcomes if isinstance(one, Signed)]


def codes(done: Carried) -> list[str]:
    return [one.error.code for one in done.troubles]


def test_eight_senders_at_once_share_no_nonce(flow: Flow, chain: Chain) -> None:
    wishes = [flow.wish(to=place) for place in range(8)]

    def send(wish: Intent) -> None:
        carry = flow.carry()
        carry.begin(wish.intent_id)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, wishes))
        texts = [
            text
            for _, text in (
                flow.streams.rows("quotes")
                if flow.streams
                else [(q, t) for _, q, t in flow.store.waiting_quotes()]
            )
        ]
        signer = flow.signer()

        def answer(text: str) -> Any:
            outcome: Any = Refusal(Code.BUSY)
            while isinstance(outcome, Refusal) and outcome.code is Code.BUSY:
                outcome = signer.sign(text)
            return outcome

        made = signed(list(pool.map(answer, texts)))
        assert sorted(one.transaction.nonce for one in made) == list(range(8))
        list(pool.map(lambda wish: flow.carry().signed(wish.intent_id), wishes))
    for one in made:
        chain.receipt(one.hash)
    assert chain.nonce(ADDRESS) == 8
    assert [chain.balance(payee(place)) for place in range(8)] == [w.amount for w in wishes]


def test_what_is_dropped_is_sent_again(flow: Flow, chain: Chain) -> None:
    chain.mining(False)
    wish = flow.wish()
    carry = flow.carry()
    flow.go(carry)
    [attempt] = flow.state(wish).attempts
    chain("anvil_dropTransaction", attempt.tx_hash)
    carry()
    chain.mining(True)
    chain.mine(16)
    carry()
    assert flow.state(wish).state.value == "final"
    assert chain.balance(payee(0)) == wish.amount


def test_a_reorganised_chain_pays_once(flow: Flow, chain: Chain) -> None:
    wish = flow.wish()
    carry = flow.carry()
    flow.go(carry)
    chain.receipt(flow.state(wish).attempts[0].tx_hash)
    chain.mine(2)
    carry()
    assert flow.state(wish).state.value == "mined"
    chain("anvil_reorg", 4, [])
    carry()
    assert flow.state(wish).state.value in {"broadcast", "dropped", "mined"}
    chain.mine(16)
    carry()
    assert flow.state(wish).state.value == "final"
    assert chain.balance(payee(0)) == wish.amount
    assert chain.nonce(ADDRESS) == 1


def test_a_chain_that_is_begun_anew_is_told(flow: Flow, chain: Chain) -> None:
    for place in range(2):
        flow.go()
        wish = flow.wish(to=place)
        flow.go()
        chain.receipt(flow.state(wish).attempts[0].tx_hash)
    chain.mine(16)
    assert codes(flow.carry()()) == []
    with evm(chain.chain_id) as anew:
        anew("anvil_setBalance", ADDRESS, hex(100 * COIN))
        anew.mine()
        carry = flow.carry(anew.url)
        assert codes(carry()) == []  # nothing waits
        wish = flow.wish(to=2)
        done = flow.go(carry)
        assert codes(done) == ["chain_behind"]
        assert str(done.troubles[0].error) == (
            f"the chain counts 0 transactions of {ADDRESS}, 2 were expected:"
            " is it another chain, or begun anew?"
        )
        assert done.quotes == 0
        assert codes(carry()) == ["chain_behind"]


def test_a_few_blocks_that_are_reorganised_are_no_chain_begun_anew(
    flow: Flow, chain: Chain
) -> None:
    first = flow.wish()
    carry = flow.carry()
    flow.go(carry)
    chain.receipt(flow.state(first).attempts[0].tx_hash)
    chain.mine(2)
    carry()
    chain.mining(False)
    second = flow.wish(to=1)
    assert codes(flow.go(carry)) == []
    chain("anvil_reorg", 4, [])
    assert chain.nonce(ADDRESS) == 0
    assert codes(carry()) == []
    chain.mining(True)
    chain.mine(16)
    carry()
    assert [flow.state(one).state.value for one in (first, second)] == ["final", "final"]


def test_what_is_stuck_is_replaced_under_its_nonce(flow: Flow, chain: Chain) -> None:
    chain.mining(False)
    wish = flow.wish()
    carry = flow.carry()
    flow.go(carry)
    assert carry(patience=timedelta(0)).quotes == 1
    [second] = signed(flow.sign())
    assert (second.attempt, second.purpose) == (1, "replacement")
    carry()
    chain.mining(True)
    chain.mine(16)
    carry()
    found = flow.state(wish)
    assert (found.state.value, len(found.attempts)) == ("final", 2)
    assert found.receipt.tx_hash == second.hash
    assert chain.balance(payee(0)) == wish.amount


def test_a_fee_above_the_ceilings_is_not_even_asked_for(flow: Flow, chain: Chain) -> None:
    """The signer would refuse it, and count that: so many lock the wallet."""
    chain.mining(False)
    wish = flow.wish()
    flow.go()
    [first] = flow.state(wish).attempts
    low = flow.carry(gwei=first.transaction.fee.max_per_gas // GWEI)
    done = low(patience=timedelta(0))
    assert done.quotes == 0
    assert [(one.transfer_id, one.error.code) for one in done.troubles] == [
        (wish.intent_id, "fee_too_high")
    ]
    assert flow.carry()(patience=timedelta(0)).quotes == 1


def test_what_no_node_takes_for_its_fee_is_replaced(flow: Flow, chain: Chain) -> None:
    wish = flow.wish()
    carry = flow.carry()
    flow.begin(carry)
    carry()
    assert len(signed(flow.sign())) == 1
    chain("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
    chain.mine()
    done = carry()
    assert (flow.state(wish).state.value, flow.state(wish).reason) == ("signed", "underpriced")
    assert done.quotes == 1
    [second] = signed(flow.sign())
    assert (second.attempt, second.purpose) == (1, "replacement")
    carry()
    chain.mine(16)
    carry()
    assert flow.state(wish).state.value == "final"
    assert chain.balance(payee(0)) == wish.amount


def test_an_endpoint_that_hangs_up_mid_flight_loses_nothing(flow: Flow, chain: Chain) -> None:
    with relay(chain) as one:
        carry = flow.carry(one.url)
        wish = flow.wish()
        carry_on = flow.carry()
        flow.begin(carry_on)
        carry_on()
        flow.sign()
        one.swallows = "eth_sendRawTransaction"  # taken, and nobody says so
        with pytest.raises(ChainOfflineError):
            carry.signed(wish.intent_id)
        one.swallows = None
        one.down = True
        assert carry().troubles
        one.down = False
        chain.mine(16)
        carry()
    assert flow.state(wish).state.value == "final"
    assert chain.balance(payee(0)) == wish.amount


@pytest.mark.parametrize("idle", [timedelta(0), timedelta(days=20)])
def test_the_gap_of_what_expired_is_closed(flow: Flow, chain: Chain, idle: timedelta) -> None:
    flow.clock = MovingClock(now())
    lost = flow.wish(to=1)
    carry = flow.carry()
    flow.begin(carry)
    carry()
    with pytest.raises(KeyboardInterrupt):
        flow.sign(flow.signer(custody=Gone()))
    # Whoever may say so lets it expire, and its quotes are not told of any more.
    flow.clock.move(now() + timedelta(minutes=16))
    chain("anvil_removeBlockTimestampInterval")
    chain("evm_setNextBlockTimestamp", int(flow.clock.now().timestamp()))
    chain.mine()
    assert not signed(flow.sign())
    carry()
    assert flow.state(lost).state.value == "expired"
    # Nobody asks for anything for a while.
    flow.clock.move(flow.clock.now() + idle)
    chain("evm_setNextBlockTimestamp", int(flow.clock.now().timestamp()) + 1)
    flow.clock.move(flow.clock.now() + timedelta(seconds=1))
    chain.mine()
    carry()
    later = flow.wish(to=2)
    flow.begin(carry)
    carry()
    assert [one.transaction.nonce for one in signed(flow.sign())] == [1]
    assert flow.carry(gwei=0)().quotes == 0  # above its ceilings
    assert carry().quotes == 1
    states = flow.states()
    assert lost.intent_id not in [one.id for one in states.open()]
    [closing] = signed(flow.sign())
    assert states.lapsed(0) is None  # signed after it was looked for, and before its gap was
    assert (closing.purpose, closing.transaction.nonce) == ("gap", 0)
    carry()
    chain.mine(16)
    carry()
    assert (flow.state(lost).state.value, flow.state(lost).reason) == ("expired", "gap_closed")
    assert flow.state(later).state.value == "final"
    assert (chain.balance(payee(1)), chain.balance(payee(2))) == (0, later.amount)


@pytest.mark.parametrize("chain", [97], indirect=True)  # caps know nothing of chains
def test_fifty_wishes_at_once_never_pass_the_cap(flow: Flow, chain: Chain) -> None:
    chosen = policy(flow.chain_id)
    capped = replace(chosen.assets[0], per_transaction=COIN // 100, per_day=20 * COIN // 100 + 1)
    flow.under(replace(chosen, assets=(capped,)))
    wishes = [flow.wish(to=place) for place in range(50)]
    carry = flow.carry(gwei=50)
    flow.begin(carry)
    carry()
    flow.sign()
    carry()
    chain.mine(16)
    carry()
    paid = [chain.balance(payee(place)) for place in range(50)]
    assert sum(paid) == 20 * COIN // 100
    assert sorted(set(paid)) == [0, wishes[0].amount]
    assert chain.nonce(ADDRESS) == 20
