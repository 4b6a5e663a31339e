"""S11: a cap of each transfer, in whole numbers; the contract has no floats."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betting_signer.contract import Code, Intent, MalformedError, Quote, document
from betting_signer.policy import Policy
from security.signer.world import COIN, World, code, decided, intent, policy, quote, with_asset

WIDE = with_asset(
    policy(), per_transaction=COIN, per_day=10**30, per_week=10**30, approval_above=10**30
)


@pytest.mark.parametrize(("more", "wanted"), [(-1, None), (0, None), (1, Code.AMOUNT_ABOVE_CAP)])
def test_at_the_cap_and_one_beside_it(server: World, more: int, wanted: Code | None) -> None:
    server.under(WIDE)
    assert code(server.ask(intent(amount=COIN + more))) is wanted


@given(st.integers(10**15, 10**22), st.integers(-2, 2))
def test_no_cap_is_passed_by_one(cap: int, more: int) -> None:
    under = with_asset(WIDE, per_transaction=cap)
    refused = code(decided(intent(amount=cap + more), under)) is Code.AMOUNT_ABOVE_CAP
    assert refused == (more > 0)


@pytest.mark.parametrize(
    "amount",
    [
        *(1, 1.0, 0.1, 1e18, True, False, None, [], {}, [1]),
        *("1.0", "1e18", "0x1", "+1", "-1", "01", "00", " 1", "1 ", "1_000", "١", "", "NaN", "0"),
        *(str(2**256), "9" * 78, "9" * 5000),
    ],
)
def test_an_amount_is_a_decimal_string_of_a_whole_number(amount: object) -> None:
    with pytest.raises(MalformedError):
        Intent.parse(intent().content() | {"amount": amount})


@given(st.integers(1, 2**256 - 1))
def test_every_amount_is_read_back_to_the_unit(amount: int) -> None:
    wish = intent(amount=amount)
    assert Intent.loads(wish.dumps()) == wish
    assert wish.content()["amount"] == str(amount)


@pytest.mark.parametrize("name", ["gas_limit", "nonce_floor", "chain_id"])
@pytest.mark.parametrize("value", [1.0, True, "1", -1, 2**63, None])
def test_counts_are_whole_numbers(name: str, value: object) -> None:
    with pytest.raises(MalformedError):
        Quote.parse(quote(intent()).content() | {name: value})


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1.0}', '{"a":1e3}', '{"a":NaN}', '{"a":Infinity}', '{"a":1,"a":1}', "[]", "1",
        "", "{", '{"a":' * 5000, "nul", '{"a":"' + "x" * 20_000 + '"}',
    ],
)  # fmt: skip
def test_floats_repeated_names_and_large_or_deep_texts_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        document(text)


@pytest.mark.parametrize("name", ["per_transaction", "per_day", "per_week", "approval_above"])
@pytest.mark.parametrize("value", [1, 1.5, True, "1.5", None])
def test_caps_of_a_policy_are_whole_numbers_too(name: str, value: object) -> None:
    content = json.loads(policy().dumps())
    content["assets"][0][name] = value
    with pytest.raises(MalformedError):
        Policy.parse(content)


def test_an_amount_is_more_than_nothing() -> None:
    with pytest.raises(MalformedError):
        replace(intent(), amount=0)
