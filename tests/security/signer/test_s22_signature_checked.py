"""S22: a signature is checked before it is kept: whose it is, its low s, and what it is of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import rlp
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from betting_signer.contract import Code, Signed, Transaction
from betting_signer.signing import SignatureError, checked, sign_with
from security.signer.strategies import addresses
from security.signer.world import (
    ADDRESS,
    FRIEND,
    GWEI,
    KEY,
    OTHER_KEY,
    STRANGER,
    TOKEN,
    World,
    code,
    intent,
)

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SECRET_KEY = bytes.fromhex(KEY)
LEGACY = Transaction(56, 3, FRIEND, 7, "0x", 21_000, "legacy", 3 * GWEI, 3 * GWEI)
DYNAMIC = replace(LEGACY, fee_kind="eip1559", max_priority_fee_per_gas=GWEI)
BOTH = pytest.mark.parametrize("wanted", [LEGACY, DYNAMIC])


def raw_of(transaction: Transaction) -> bytes:
    return sign_with(SECRET_KEY, ADDRESS, transaction)


@st.composite
def transactions(draw: st.DrawFn) -> Transaction:
    fee = draw(st.integers(0, 10**13))
    kind = draw(st.sampled_from(["legacy", "eip1559"]))
    return Transaction(
        chain_id=draw(st.sampled_from([56, 97])),
        nonce=draw(st.integers(0, 2**40)),
        to=draw(addresses),
        value=draw(st.integers(0, 2**100)),
        data="0x" + draw(st.binary(max_size=70)).hex(),
        gas_limit=draw(st.integers(0, 10**7)),
        fee_kind=kind,
        max_fee_per_gas=fee,
        max_priority_fee_per_gas=fee if kind == "legacy" else draw(st.integers(0, fee)),
    )


@given(transactions())
def test_what_is_signed_is_read_back_and_has_the_chains_hash(wanted: Transaction) -> None:
    raw = raw_of(wanted)
    assert raw == raw_of(wanted)
    fields = {
        "chainId": wanted.chain_id,
        "nonce": wanted.nonce,
        "to": wanted.to,
        "value": wanted.value,
        "data": wanted.data,
        "gas": wanted.gas_limit,
    }
    if wanted.fee_kind == "legacy":
        fields |= {"gasPrice": wanted.max_fee_per_gas}
    else:
        fields |= {
            "maxFeePerGas": wanted.max_fee_per_gas,
            "type": 2,
            "maxPriorityFeePerGas": wanted.max_priority_fee_per_gas,
        }
    other = Account.from_key(KEY).sign_transaction(fields)
    assert checked(raw, ADDRESS, wanted) == "0x" + bytes(other.hash).hex()


@BOTH
@pytest.mark.parametrize(
    "changes",
    [
        {"chain_id": 97}, {"nonce": 4}, {"to": STRANGER}, {"value": 8}, {"data": "0x00"},
        {"gas_limit": 21_001}, {"max_fee_per_gas": 4 * GWEI}, {"max_priority_fee_per_gas": 1},
    ],
)  # fmt: skip
def test_a_signature_of_anything_else_is_refused(
    wanted: Transaction, changes: dict[str, Any]
) -> None:
    with pytest.raises(SignatureError):
        checked(raw_of(wanted), ADDRESS, replace(wanted, **changes))


def test_a_signature_of_the_other_kind_is_refused() -> None:
    same = replace(DYNAMIC, max_priority_fee_per_gas=3 * GWEI)
    with pytest.raises(SignatureError):
        checked(raw_of(same), ADDRESS, LEGACY)


@BOTH
def test_the_twin_with_a_high_s_is_refused(wanted: Transaction) -> None:
    raw = raw_of(wanted)
    kind, items = (raw[:1], rlp.decode(raw[1:])) if raw[0] == 2 else (b"", rlp.decode(raw))
    s = int.from_bytes(items[-1], "big")
    assert s <= ORDER // 2
    place = -3  # the parity, or v
    v = int.from_bytes(items[place], "big")
    flipped = v ^ 1 if kind else (v + 1 if v % 2 else v - 1)
    twin = [*items]
    twin[place] = flipped.to_bytes((flipped.bit_length() + 7) // 8, "big")
    twin[-1] = (ORDER - s).to_bytes(32, "big")
    made = kind + rlp.encode(twin)
    with pytest.raises(SignatureError):
        checked(made, ADDRESS, wanted)


@BOTH
def test_one_changed_bit_anywhere_is_refused(wanted: Transaction) -> None:
    raw = raw_of(wanted)
    for place in range(len(raw)):
        edited = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(SignatureError):
            checked(edited, ADDRESS, wanted)


@BOTH
@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_bytes_that_trail_or_lack_are_refused(wanted: Transaction, cut: int) -> None:
    raw = raw_of(wanted)
    for edited in (raw[:cut], raw + b"\0", b"", b"\x01" + raw[1:]):
        with pytest.raises(SignatureError):
            checked(edited, ADDRESS, wanted)


@dataclass
class Injected:
    """A custody that gives something else than it was asked for."""

    key: str = KEY
    changes: Any = None
    raw: bytes | None = None

    def sign(self, address: str, transaction: Transaction) -> bytes:
        if self.raw is not None:
            return self.raw
        address = Account.from_key(self.key).address
        asked = replace(transaction, **(self.changes or {}))
        return sign_with(bytes.fromhex(self.key), address, asked)


@pytest.mark.parametrize(
    "custody",
    [
        Injected(OTHER_KEY),
        Injected(changes={"to": STRANGER}),
        Injected(changes={"value": 1}),
        Injected(changes={"nonce": 9}),
        Injected(changes={"chain_id": 97}),
        Injected(raw=b""),
        Injected(raw=b"\x02garbage"),
    ],
)
def test_what_an_injected_key_gives_is_thrown_away(world: World, custody: Injected) -> None:
    wish = intent()
    assert code(world.ask(wish, world.signer(custody=custody))) is Code.SIGNATURE_WRONG
    assert world.store.signed(wish.intent_id, 0) is None
    assert '"code":"signature_wrong"' in world.lines()[-1]
    assert isinstance(world.ask(wish), Signed)
    assert TOKEN != STRANGER
