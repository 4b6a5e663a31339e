"""S8: only a plain transfer, or `transfer` of a listed token; any other byte is refused."""

from __future__ import annotations

import pytest
from eth_abi import encode
from hypothesis import given
from hypothesis import strategies as st

from betting_signer.calldata import decode_transfer, encode_transfer
from betting_signer.contract import MalformedError
from betting_signer.policy import Allowed
from security.signer.strategies import addresses
from security.signer.world import COIN, FRIEND, TOKEN, decided, intent

GOOD = encode_transfer(FRIEND, 5)


@given(addresses, st.integers(0, 2**256 - 1))
def test_it_is_what_the_abi_says_and_is_read_back(to: str, amount: int) -> None:
    data = encode_transfer(to, amount)
    assert data == "0xa9059cbb" + encode(["address", "uint256"], [to, amount]).hex()
    assert decode_transfer(data) == (to, amount)


@given(st.binary(max_size=80))
def test_random_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_transfer("0x" + content.hex())


@given(st.binary(min_size=64, max_size=64))
def test_after_the_selector_only_what_would_be_encoded_the_same(content: bytes) -> None:
    data = "0xa9059cbb" + content.hex()
    if any(content[:12]) or not any(content[12:32]):
        with pytest.raises(MalformedError):
            decode_transfer(data)
    else:
        assert encode_transfer(*decode_transfer(data)) == data


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("0123456789abcdefABCDEFx ٠"))
def test_one_changed_character_is_refused_or_means_another_transfer(i: int, mark: str) -> None:
    changed = GOOD[:i] + mark + GOOD[i + 1 :]
    try:
        found = decode_transfer(changed)
    except MalformedError:
        return
    assert (found == (FRIEND, 5)) == (changed == GOOD)
    assert encode_transfer(*found) == changed


@pytest.mark.parametrize(
    "data",
    [
        GOOD + "00",
        GOOD + "0",
        GOOD[:-2],
        GOOD[2:],
        GOOD.upper(),
        "",
        "0x",
        GOOD.replace("a9059cbb", "095ea7b3"),  # approve
        GOOD.replace("a9059cbb", "23b872dd"),  # transferFrom
        GOOD.replace("a9059cbb", "40c10f19"),  # mint
    ],
)
def test_trailing_and_missing_bytes_and_other_calls_are_refused(data: str) -> None:
    with pytest.raises(MalformedError):
        decode_transfer(data)


def test_what_cannot_be_encoded_is_refused() -> None:
    for to, amount in ((FRIEND, -1), (FRIEND, 2**256), (FRIEND.lower() + "0", 1), ("", 1)):
        with pytest.raises(MalformedError):
            encode_transfer(to, amount)


def test_a_token_is_moved_by_its_own_contract_and_a_coin_by_none() -> None:
    coin, token = decided(intent()), decided(intent(asset=TOKEN, amount=70 * COIN))
    assert isinstance(coin, Allowed)
    assert isinstance(token, Allowed)
    assert (coin.transaction.to, coin.transaction.data) == (FRIEND, "0x")
    assert coin.transaction.value == intent().amount
    assert (token.transaction.to, token.transaction.value) == (TOKEN, 0)
    assert decode_transfer(token.transaction.data) == (FRIEND, 70 * COIN)
