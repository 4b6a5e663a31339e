"""From the wish to the receipt, on a real chain and either store."""

from __future__ import annotations

import json

from betting_ai.usecases.receipts import of_document
from betting_signer.contract import Code, Signed
from chain.evm import COIN, Chain
from security.signer.world import ADDRESS
from security.wallet.flow import Flow, payee


def test_a_wish_becomes_a_payment_and_a_receipt(flow: Flow, chain: Chain) -> None:
    before = chain.balance(ADDRESS)
    wish = flow.wish(amount=COIN // 7)
    flow.go()
    assert flow.state(wish).state.value in {"broadcast", "mined"}
    chain.receipt(flow.state(wish).attempts[0].tx_hash)
    chain.mine(15)
    done = flow.carry()()
    assert flow.state(wish).state.value == "final"
    assert (done.reported, done.troubles) == (1, ())
    [payload] = flow.announced
    [receipt] = of_document(payload.content)
    assert chain.balance(payee(0)) == COIN // 7
    assert receipt.fee is not None
    assert chain.balance(ADDRESS) == before - COIN // 7 - receipt.fee
    held = flow.states().balances(ADDRESS)
    assert held is not None
    assert held.units["BNB"] == chain.balance(ADDRESS)
    assert flow.carry()().reported == 0


def test_what_needs_an_approval_waits_for_it(flow: Flow, chain: Chain) -> None:
    wish = flow.wish(amount=COIN)
    carry = flow.carry()
    flow.begin(carry)
    carry()
    assert [one.code for one in flow.sign()] == [Code.APPROVAL_REQUIRED]
    assert carry().quotes == 0  # not before it is worth asking again
    flow.approve(wish)
    assert carry.approved() == 1
    [signed] = flow.sign()
    assert isinstance(signed, Signed)
    assert carry.signed(wish.intent_id)
    chain.receipt(signed.hash)
    assert chain.balance(payee(0)) == COIN


def test_what_was_kept_of_a_state_has_no_signed_bytes(flow: Flow, chain: Chain) -> None:
    wish = flow.wish()
    flow.go()
    row = flow.rows.row(wish.intent_id)
    assert row is not None
    [attempt] = flow.state(wish).attempts
    assert json.loads(row[1])["attempts"] == [attempt.tx_hash]
    assert attempt.raw.hex() not in row[1]
