"""Ask a chain what a transfer would need now: the nonce, the fee, and whether there is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from betting_ai.domain.chains import Asset, find_asset, find_chain
from betting_ai.domain.fees import FeeCeilings, FeeKind, check_fee
from betting_ai.domain.transfers import TransferQuote, transfer_call
from betting_ai.errors import ChainError, InsufficientFundsError
from betting_ai.ports.chain import ChainNodes


@dataclass(frozen=True)
class QuoteTransferCommand:
    """A transfer that is asked for.

    Attributes:
        sender: who pays.
        to: who is paid.
        asset: in what.
        units: smallest units of it.
        kind: of the fee.
        ceilings: of the fee.
        worth: of all the units, in wei of the chain's coin; None where it is not known. For the
            coin itself it is not needed.
    """

    sender: str
    to: str
    asset: Asset
    units: int
    kind: FeeKind
    ceilings: FeeCeilings
    worth: int | None = None


class QuoteTransfer:
    """Quotes transfers on any configured chain."""

    def __init__(self, chains: Mapping[int, ChainNodes]) -> None:
        self._chains = chains

    def __call__(self, command: QuoteTransferCommand) -> TransferQuote:
        """What a transfer needs.

        Raises:
            InsufficientFundsError: the sender does not hold the amount, or not the most that the
                fee can come to.
            FeeTooHighError: the fee is above a ceiling, or too much for the amount.
            TransferRevertsError: the contract refuses.
            ChainOfflineError: too few endpoints answer.
            ChainDisagreementError: they tell different things.
            InvalidInputError: an address is wrong.
            ChainError: no endpoint of the chain is configured.
        """
        asset = command.asset
        nodes = self._chains.get(asset.chain_id)
        if nodes is None:
            raise ChainError(f"no endpoint of chain {asset.chain_id} is configured")
        to, value, data = transfer_call(asset, command.to, command.units)
        coin = find_asset(asset.chain_id, find_chain(asset.chain_id).native)
        # Nonces first: what is mined between the two is then owed once more, and not once less.
        nonces = nodes.nonces(command.sender)
        held = nodes.balances(command.sender, [coin, asset] if asset != coin else [coin])
        wei, units = held.units[coin.symbol], held.units[asset.symbol]
        if units < command.units:
            raise InsufficientFundsError(f"the wallet does not hold that much {asset.symbol}")
        gas = nodes.gas(command.sender, to, value, data)
        fee = nodes.fee(command.kind)
        check_fee(fee, gas, command.ceilings, value if asset == coin else command.worth)
        if wei < value + fee.most(gas):
            raise InsufficientFundsError(f"the wallet has not enough {coin.symbol} for the fee")
        return TransferQuote(held.block.at, nonces.used, gas, fee, wei, units)
