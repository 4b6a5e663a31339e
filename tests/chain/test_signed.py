"""Signed bytes are sent only if they are, to the last bit, what was meant."""

from __future__ import annotations

import pytest
import rlp
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from betting_ai.adapters.chain.signed import checksummed, verified_hash
from betting_ai.domain.fees import Fee
from betting_ai.domain.transfers import Transaction
from betting_ai.errors import InvalidInputError, WrongTransactionError
from chain.evm import ALICE, BOB, signed

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
WEI = st.integers(0, 2**96)
FEES = st.one_of(
    st.integers(1, 2**64).map(Fee.legacy),
    st.tuples(st.integers(1, 2**64), st.integers(0, 2**64)).map(
        lambda both: Fee.dynamic(max(both), min(both))
    ),
)
MEANT = st.builds(
    Transaction, chain_id=st.sampled_from([56, 97]), sender=st.just(ALICE.address),
    nonce=st.integers(0, 2**40), to=st.just(BOB.address), value=WEI, data=st.binary(max_size=70),
    gas_limit=st.integers(21_000, 2**30), fee=FEES,
)  # fmt: skip


@given(MEANT)
def test_what_is_meant_is_accepted_under_its_hash(meant: Transaction) -> None:
    raw = signed(ALICE, meant)
    assert verified_hash(raw, meant) == "0x" + _keccak(raw)


@given(MEANT, st.data())
def test_one_changed_bit_or_byte_more_or_less_is_refused(
    meant: Transaction, data: st.DataObject
) -> None:
    raw = signed(ALICE, meant)
    place = data.draw(st.integers(0, len(raw) * 8 - 1))
    changed = bytearray(raw)
    changed[place // 8] ^= 1 << place % 8
    for wrong in (bytes(changed), raw[:-1], raw + b"\0", b"\x02" + raw, raw[1:], b""):
        with pytest.raises(WrongTransactionError):
            verified_hash(wrong, meant)


@given(MEANT, MEANT)
def test_another_transaction_is_refused(meant: Transaction, other: Transaction) -> None:
    if meant != other:
        with pytest.raises(WrongTransactionError):
            verified_hash(signed(ALICE, other), meant)


@given(MEANT)
def test_the_other_form_of_a_signature_is_refused(meant: Transaction) -> None:
    """The same signature once more, under which nodes would know another hash."""
    raw = signed(ALICE, meant)
    kind, payload = (raw[:1], raw[1:]) if raw[0] == 2 else (b"", raw)
    *fields, v, r, s = rlp.decode(payload)
    high = (ORDER - int.from_bytes(s, "big")).to_bytes(32, "big").lstrip(b"\0")
    odd = int.from_bytes(v, "big")
    flipped = 1 - odd if kind else meant.chain_id * 2 + 35 + meant.chain_id * 2 + 36 - odd
    twin = kind + rlp.encode([*fields, flipped, r, high])
    with pytest.raises(WrongTransactionError, match="one allowed form"):
        verified_hash(twin, meant)


def test_one_that_is_bound_to_no_chain_is_refused() -> None:
    meant = Transaction(56, ALICE.address, 0, BOB.address, 1, b"", 21_000, Fee.legacy(5))
    told = {"nonce": 0, "to": BOB.address, "value": 1, "data": b"", "gas": 21_000, "gasPrice": 5}
    raw = bytes(Account.sign_transaction(told, ALICE.key).raw_transaction)
    with pytest.raises(WrongTransactionError, match="kind and chain"):
        verified_hash(raw, meant)


def test_another_signer_is_refused() -> None:
    meant = Transaction(56, ALICE.address, 0, BOB.address, 1, b"", 21_000, Fee.legacy(5))
    with pytest.raises(WrongTransactionError, match="another address"):
        verified_hash(signed(BOB, meant), meant)


@pytest.mark.parametrize("address", [ALICE.address.lower(), "0x" + ALICE.address[2:].upper()])
def test_an_address_of_one_case_is_given_its_checksum(address: str) -> None:
    assert checksummed(address) == ALICE.address


@pytest.mark.parametrize("address", ["", "0x", "0x12", ALICE.address[2:], ALICE.address + "0"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInputError):
        checksummed(address)


def _keccak(raw: bytes) -> str:
    from eth_utils.crypto import keccak

    return keccak(raw).hex()
