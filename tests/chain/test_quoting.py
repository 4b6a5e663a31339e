"""Quotes of transfers, from a real EVM."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from betting_ai.domain.chains import find_asset
from betting_ai.domain.fees import FeeCeilings, FeeKind
from betting_ai.errors import (
    ChainError,
    FeeTooHighError,
    InsufficientFundsError,
    TransferRevertsError,
)
from betting_ai.usecases.quote_transfer import QuoteTransfer, QuoteTransferCommand
from chain.conftest import Open
from chain.evm import ALICE, BOB, COIN, GWEI, Chain, account, planned, signed

WIDE = FeeCeilings(100 * GWEI, 50 * GWEI, 200_000, share_bps=100)


def asked(chain: Chain, **fields: Any) -> QuoteTransferCommand:
    coin = find_asset(chain.chain_id, "BNB")
    usual = {
        "sender": ALICE.address, "to": BOB.address, "asset": coin, "units": COIN,
        "kind": FeeKind.DYNAMIC, "ceilings": WIDE,
    }  # fmt: skip
    return QuoteTransferCommand(**(usual | fields))


@pytest.mark.parametrize("kind", FeeKind)
def test_what_is_quoted_is_enough(either: Chain, nodes_of: Open, kind: FeeKind) -> None:
    nodes = nodes_of(either.url, chain_id=either.chain_id)
    quote = QuoteTransfer({either.chain_id: nodes})
    usdt = either.token(ALICE, 50)
    for asset, units in ((find_asset(either.chain_id, "BNB"), COIN), (usdt, 50)):
        told = quote(asked(either, asset=asset, units=units, kind=kind))
        assert told.native_balance == either.balance(ALICE.address)
        assert told.asset_balance == (50 if asset is usdt else told.native_balance)
        assert told.nonce_floor == either.nonce(ALICE.address)
        meant = planned(
            either, ALICE, asset, BOB.address, units, told.fee,
            gas_limit=told.gas_limit, nonce=told.nonce_floor,
        )  # fmt: skip
        sent = nodes.send(signed(ALICE, meant), meant)
        assert int(either.receipt(sent.tx_hash)["status"], 16) == 1


def test_what_cannot_be_paid_is_told(chain: Chain, nodes_of: Open) -> None:
    quote = QuoteTransfer({56: nodes_of(chain.url)})
    usdt = chain.token(BOB, 50)
    with pytest.raises(InsufficientFundsError, match="that much USDT"):
        quote(asked(chain, asset=usdt, units=51, sender=BOB.address))
    with pytest.raises(InsufficientFundsError, match="that much BNB"):
        quote(asked(chain, units=101 * COIN))
    with pytest.raises(InsufficientFundsError, match="not enough BNB for the fee"):
        quote(asked(chain, units=100 * COIN))
    poor = account(0xF00)
    meant = planned(chain, BOB, usdt, poor.address, 5)
    chain.receipt(chain("eth_sendRawTransaction", "0x" + signed(BOB, meant).hex()))
    with pytest.raises(InsufficientFundsError):
        quote(asked(chain, asset=usdt, units=5, sender=poor.address, to=BOB.address))


def test_a_fee_above_its_ceilings_or_too_much_for_the_amount_is_refused(
    chain: Chain, nodes_of: Open
) -> None:
    quote = QuoteTransfer({56: nodes_of(chain.url)})
    with pytest.raises(FeeTooHighError, match="price of gas"):
        quote(asked(chain, ceilings=replace(WIDE, max_per_gas=1)))
    with pytest.raises(FeeTooHighError, match="share of the amount"):
        quote(asked(chain, units=GWEI))
    usdt = chain.token(ALICE, 50)
    assert quote(asked(chain, asset=usdt, units=5, worth=COIN)).gas_limit > 21_000
    with pytest.raises(FeeTooHighError, match="share of the amount"):
        quote(asked(chain, asset=usdt, units=5, worth=GWEI))


def test_a_transfer_that_would_revert_is_not_quoted(chain: Chain, nodes_of: Open) -> None:
    usdt = chain.token(ALICE, 5)
    chain("anvil_setCode", usdt.contract, "0x" + REFUSES)
    with pytest.raises(TransferRevertsError):
        QuoteTransfer({56: nodes_of(chain.url)})(asked(chain, asset=usdt, units=5))


REFUSES = (
    # balanceOf is told as 5 (32 bytes); every other call reverts.
    "60003560e01c6370a0823114601357600080fd5b600560005260206000f3"
)


def test_a_chain_without_endpoints_is_told(chain: Chain) -> None:
    with pytest.raises(ChainError, match="no endpoint of chain 56"):
        QuoteTransfer({})(asked(chain))
