"""Fees at their ceilings, and what a replacement has to offer."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betting_ai.domain.fees import Fee, FeeCeilings, FeeKind, check_fee, replacement_fee
from betting_ai.errors import FeeTooHighError, InvalidInputError

CEILINGS = FeeCeilings(max_per_gas=100, priority_per_gas=10, gas_limit=50_000, share_bps=50)
PRICES = st.integers(1, 10**30)


def test_a_fee_at_every_ceiling_is_allowed() -> None:
    worth = 100 * 50_000 * 200  # of which 50 basis points are just the fee
    check_fee(Fee.dynamic(100, 10), 50_000, CEILINGS, worth)
    check_fee(Fee.legacy(100), 50_000, CEILINGS)


@pytest.mark.parametrize(
    ("fee", "gas", "worth", "what"),
    [
        (Fee.dynamic(101, 10), 50_000, None, "price of gas"),
        (Fee.legacy(101), 50_000, None, "price of gas"),
        (Fee.dynamic(100, 11), 50_000, None, "priority fee"),
        (Fee.dynamic(100, 10), 50_001, None, "gas limit"),
        (Fee.dynamic(100, 10), 50_000, 100 * 50_000 * 200 - 1, "share of the amount"),
        (Fee.legacy(1), 1, 0, "share of the amount"),
    ],
)
def test_one_above_is_refused_by_name(fee: Fee, gas: int, worth: int | None, what: str) -> None:
    with pytest.raises(FeeTooHighError, match=what) as caught:
        check_fee(fee, gas, CEILINGS, worth)
    assert not any(sign.isdigit() for sign in str(caught.value))  # limits are not told


@given(most=PRICES, priority=PRICES)
def test_a_replacement_is_ten_percent_higher_and_not_a_wei_more(most: int, priority: int) -> None:
    priority = min(priority, most)
    fee = Fee.dynamic(most, priority)
    least = fee.least_replacement()
    for new, old in ((least.max_per_gas, most), (least.priority_per_gas, priority)):
        assert new >= Fraction(11, 10) * old > new - 1
    assert least.replaces(fee)
    assert not Fee.dynamic(least.max_per_gas, least.priority_per_gas - 1).replaces(fee)
    if least.max_per_gas - 1 >= least.priority_per_gas:
        assert not Fee.dynamic(least.max_per_gas - 1, least.priority_per_gas).replaces(fee)


def test_another_kind_replaces_nothing() -> None:
    assert not Fee.legacy(1000).replaces(Fee.dynamic(100, 10))


def test_nothing_is_raised_to_something() -> None:
    assert Fee.dynamic(0, 0).least_replacement() == Fee.dynamic(1, 1)


@given(before=st.lists(PRICES, min_size=1, max_size=4), now=PRICES)
def test_a_replacement_is_above_all_before_it_and_not_below_the_market(
    before: list[int], now: int
) -> None:
    fees = tuple(Fee.legacy(price) for price in before)
    told = replacement_fee(fees, Fee.legacy(now))
    assert all(told.replaces(fee) for fee in fees)
    assert told.max_per_gas == max(now, *(f.least_replacement().max_per_gas for f in fees))
    assert told.kind is FeeKind.LEGACY


@pytest.mark.parametrize(("most", "priority"), [(1, 2), (-1, -1), (1, -1)])
def test_a_fee_that_cannot_be_is_refused(most: int, priority: int) -> None:
    with pytest.raises(InvalidInputError):
        Fee.dynamic(most, priority)
    with pytest.raises(InvalidInputError):
        Fee(FeeKind.LEGACY, 2, 1)
