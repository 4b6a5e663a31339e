"""The signer's own bytes are those of eth_account, whatever is signed, and whoever signs."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from betting_signer.contract import DYNAMIC, LEGACY, Transaction, checksummed
from betting_signer.signing import SignatureError, checked, sign_with

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1 (SEC 2, section 2.4.1)."""

keys = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))


@st.composite
def transactions(draw: st.DrawFn) -> Transaction:
    fee = draw(st.integers(0, 2**64))
    legacy = draw(st.booleans())
    return Transaction(
        chain_id=draw(st.sampled_from([56, 97, 1, 2**40])),
        nonce=draw(st.integers(0, 2**40)),
        to=checksummed("0x" + draw(st.binary(min_size=20, max_size=20)).hex()),
        value=draw(st.integers(0, 2**256 - 1) | st.integers(0, 300)),
        data="0x" + draw(st.binary(max_size=100)).hex(),
        gas_limit=draw(st.integers(0, 2**40)),
        fee_kind=LEGACY if legacy else DYNAMIC,
        max_fee_per_gas=fee,
        max_priority_fee_per_gas=fee if legacy else draw(st.integers(0, fee)),
    )


def fields(transaction: Transaction) -> dict[str, Any]:
    common = {
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "to": transaction.to,
        "value": transaction.value,
        "data": transaction.data,
        "gas": transaction.gas_limit,
    }
    if transaction.fee_kind == LEGACY:
        return common | {"gasPrice": transaction.max_fee_per_gas}
    return common | {
        "type": 2,
        "maxFeePerGas": transaction.max_fee_per_gas,
        "maxPriorityFeePerGas": transaction.max_priority_fee_per_gas,
    }


@settings(deadline=None, max_examples=60)
@given(key=keys, transaction=transactions())
def test_both_sign_the_same(key: bytes, transaction: Transaction) -> None:
    account = Account.from_key(key)
    theirs = account.sign_transaction(fields(transaction))
    raw = sign_with(key, account.address, transaction)
    assert raw == bytes(theirs.raw_transaction)
    assert checked(raw, account.address, transaction) == "0x" + bytes(theirs.hash).hex()
    assert Account.recover_transaction(raw) == account.address


@settings(deadline=None, max_examples=60)
@given(key=keys, transaction=transactions(), where=st.integers(0), bit=st.integers(0, 7))
def test_no_bit_can_be_another(key: bytes, transaction: Transaction, where: int, bit: int) -> None:
    address = Account.from_key(key).address
    raw = bytearray(sign_with(key, address, transaction))
    raw[where % len(raw)] ^= 1 << bit
    with pytest.raises(SignatureError):
        checked(bytes(raw), address, transaction)


@pytest.mark.parametrize("number", [0, ORDER, ORDER + 1, 2**256 - 1])
def test_numbers_that_are_no_key_sign_nothing(number: int) -> None:
    from betting_signer.signing import CustodyError

    transaction = Transaction(56, 0, checksummed("0x" + 40 * "1"), 1, "0x", 21_000, LEGACY, 1, 1)
    with pytest.raises(CustodyError):
        sign_with(number.to_bytes(32, "big"), checksummed("0x" + 40 * "2"), transaction)
