"""S7: only listed destinations, spelt with their checksum; no contract is ever created."""

from __future__ import annotations

import eth_utils
import pytest
from hypothesis import given
from hypothesis import strategies as st

from betting_signer.contract import NOBODY, Code, Intent, MalformedError, checksummed
from betting_signer.keccak import keccak256
from betting_signer.policy import Allowed, Policy
from security.signer.world import (
    ADDRESS,
    FRIEND,
    STRANGER,
    TOKEN,
    World,
    code,
    decided,
    intent,
    policy,
)


@given(st.binary(max_size=300))
def test_keccak_is_the_one_of_ethereum(content: bytes) -> None:
    assert keccak256(content) == eth_utils.keccak(content)


@given(st.binary(min_size=20, max_size=20))
def test_checksums_are_those_of_eip_55(raw: bytes) -> None:
    assert checksummed("0x" + raw.hex()) == eth_utils.to_checksum_address(raw)


@pytest.mark.parametrize(
    "to",
    [
        FRIEND.lower(),
        FRIEND.upper().replace("X", "x"),
        FRIEND.swapcase().replace("X", "x"),
        FRIEND[:-1] + FRIEND[-1].swapcase() if FRIEND[-1].isalpha() else FRIEND.lower(),
        FRIEND[2:],
        FRIEND + "0",
        FRIEND[:-1],
        " " + FRIEND,
        FRIEND + "\n",
        "0x" + "٠" * 40,
        NOBODY,
        "",
        None,
        0,
        [FRIEND],
    ],
)
def test_any_other_spelling_is_refused(to: object) -> None:
    wrong = "0x52908400098527886E0F7030069857D2E4169EE7"
    assert wrong == FRIEND
    # This address has no small letters: its all-capital spelling is its checksum.
    if to == FRIEND:
        pytest.skip("the right spelling")
    with pytest.raises(MalformedError, match=r"^to: "):
        Intent.parse(intent().content() | {"to": to})


def test_each_case_that_is_wrong_in_one_letter_is_refused() -> None:
    letters = [i for i, c in enumerate(TOKEN) if c.isalpha() and i > 1]
    assert len(letters) > 10
    for i in letters:
        wrong = TOKEN[:i] + TOKEN[i].swapcase() + TOKEN[i + 1 :]
        with pytest.raises(MalformedError):
            Intent.parse(intent().content() | {"to": wrong})


def test_an_intent_without_a_destination_is_none() -> None:
    content = intent().content()
    del content["to"]
    with pytest.raises(MalformedError):
        Intent.parse(content)


def test_only_listed_destinations_are_paid(world: World) -> None:
    assert code(world.ask(intent(to=STRANGER))) is Code.DESTINATION_NOT_ALLOWED
    assert code(world.ask(intent(asset=TOKEN, to=STRANGER))) is Code.DESTINATION_NOT_ALLOWED
    assert code(world.ask(intent())) is None


@given(st.binary(min_size=20, max_size=20).filter(any))
def test_no_random_destination_is_allowed(raw: bytes) -> None:
    to = checksummed("0x" + raw.hex())
    assert (to == FRIEND) == isinstance(decided(intent(to=to)), Allowed)


@pytest.mark.parametrize("to", [FRIEND.lower(), NOBODY, ADDRESS, "", None])
def test_a_policy_cannot_list_another_spelling_nobody_or_the_wallet(to: object) -> None:
    content = policy().content()
    content["rules"][0]["destinations"] = [to]
    if to == FRIEND.lower() == FRIEND:
        pytest.skip("the right spelling")
    with pytest.raises(MalformedError):
        Policy.parse(content)


def test_a_policy_cannot_list_a_token_as_a_destination_of_itself() -> None:
    content = policy().content()
    content["rules"][1]["destinations"] = [TOKEN]
    with pytest.raises(MalformedError):
        Policy.parse(content)
