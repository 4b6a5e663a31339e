"""S13: ceilings of the fee, the priority fee, the gas limit and the fee's share of the amount."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from betting_signer.contract import Code, MalformedError, Quote
from betting_signer.policy import Worth
from security.signer.world import (
    COIN,
    GWEI,
    TOKEN,
    World,
    code,
    decided,
    intent,
    policy,
    quote,
    with_asset,
    with_chain,
)

# Nothing but one ceiling at a time is near.
FREE = with_asset(policy(), fee_share_bps=10_000, gas_limit=10**6)


def said(chosen: Any, wish: Any = None, **quoted: Any) -> Code | None:
    wish = wish or intent()
    return code(decided(wish, chosen, quote(wish, **quoted)))


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_fee(more: int) -> None:
    wanted = Code.FEE_ABOVE_CAP if more > 0 else None
    assert (
        said(with_chain(FREE, max_fee_per_gas=3 * GWEI - more, max_priority_fee_per_gas=GWEI))
        is wanted
    )


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_priority_fee(more: int) -> None:
    wanted = Code.PRIORITY_FEE_ABOVE_CAP if more > 0 else None
    assert said(with_chain(FREE, max_priority_fee_per_gas=GWEI - more)) is wanted


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_gas_limit(more: int) -> None:
    wanted = Code.GAS_ABOVE_CAP if more > 0 else None
    assert said(with_asset(FREE, gas_limit=21_001 - more), gas_limit=21_001) is wanted


@pytest.mark.parametrize("less", [0, 1, 21_000])
def test_gas_that_no_chain_takes_would_keep_its_nonce_for_ever(less: int) -> None:
    wanted = Code.GAS_TOO_LOW if less else None
    assert said(FREE, gas_limit=21_000 - less) is wanted
    token = intent(asset=TOKEN, amount=100 * COIN)
    most = 21_000 + 40 * 68  # of a transfer's calldata, if none of its bytes were zero
    wide = with_asset(FREE, TOKEN, fee_share_bps=10_000)
    assert said(wide, token, gas_limit=most - min(less, most)) is wanted


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_share_of_a_coin(more: int) -> None:
    fee = 21_000 * 3 * GWEI
    wish = intent(amount=fee * 100 - more)  # a hundredth is 100 basis points
    wanted = Code.FEE_SHARE_ABOVE_CAP if more > 0 else None
    assert said(with_asset(FREE, fee_share_bps=100), wish) is wanted


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_share_of_a_token_by_the_policys_own_price(more: int) -> None:
    fee = 65_000 * 3 * GWEI
    under = with_asset(
        policy(), TOKEN, fee_share_bps=50, worth=Worth(1, 600), gas_limit=10**6,
        per_transaction=10**30, per_day=10**30, per_week=10**30, approval_above=10**30,
    )  # fmt: skip
    wish = intent(asset=TOKEN, amount=fee * 200 * 600 - more)
    wanted = Code.FEE_SHARE_ABOVE_CAP if more > 0 else None
    assert said(under, wish) is wanted


def test_a_share_of_nothing_and_a_worth_of_nothing_allow_nothing() -> None:
    assert said(with_asset(FREE, fee_share_bps=0)) is Code.FEE_SHARE_ABOVE_CAP
    token = intent(asset=TOKEN, amount=COIN)
    assert said(with_asset(policy(), TOKEN, worth=Worth(0, 1)), token) is Code.FEE_SHARE_ABOVE_CAP


def test_a_coin_is_worth_itself() -> None:
    with pytest.raises(MalformedError):
        with_asset(policy(), worth=Worth(2, 1))
    with pytest.raises(MalformedError):
        with_asset(policy(), TOKEN, worth=Worth(1, 0))


def test_a_legacy_transaction_has_one_price_under_both_ceilings() -> None:
    fee = {"fee_kind": "legacy", "max_fee_per_gas": GWEI, "max_priority_fee_per_gas": GWEI}
    assert said(FREE, **fee) is None
    low = with_chain(FREE, max_priority_fee_per_gas=GWEI - 1)
    assert said(low, **fee) is Code.PRIORITY_FEE_ABOVE_CAP


@pytest.mark.parametrize(
    "changes",
    [
        {"fee_kind": "legacy"},
        {"max_priority_fee_per_gas": str(3 * GWEI + 1)},
        {"fee_kind": "blob"},
        {"max_fee_per_gas": 3 * GWEI},
    ],
)
def test_fees_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        Quote.parse(quote(intent()).content() | changes)


@pytest.mark.parametrize("more", [-1, 0])
def test_a_wallet_that_does_not_hold_amount_and_fee_signs_nothing(more: int) -> None:
    wanted = Code.INSUFFICIENT_FUNDS if more < 0 else None
    fee, amount = 21_000 * 3 * GWEI, intent().amount
    assert said(FREE, native_balance=amount + fee + more) is wanted
    token = intent(asset=TOKEN, amount=100 * COIN)
    gas = 65_000 * 3 * GWEI
    assert said(FREE, token, native_balance=gas + more) is wanted
    assert said(FREE, token, asset_balance=100 * COIN + more) is wanted


def test_what_is_signed_pays_what_was_judged(server: World) -> None:
    outcome = server.ask(intent())
    assert outcome.transaction.max_fee_per_gas == 3 * GWEI
    assert replace(outcome.transaction, nonce=9) != outcome.transaction
