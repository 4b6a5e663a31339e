"""Ask for a transfer, once; and tell what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from betting_ai.clock import Clock
from betting_ai.domain.chains import Asset, find_asset, find_chain, same_address
from betting_ai.domain.transfers import FollowedTransfer, TransferState, WantedTransfer
from betting_ai.errors import IdempotencyMismatchError, InvalidInputError, NotFoundError
from betting_ai.ports.listings import Transfer
from betting_ai.ports.transfers import TransferDesk, TransferWishes
from betting_ai.usecases.carry_transfers import Wallet

LIFE: Final = timedelta(minutes=15)
"""So long a transfer may be signed."""

WAITING_LIFE: Final = timedelta(hours=24)
"""The same, where another person has to approve it first."""


@dataclass(frozen=True)
class RequestTransferCommand:
    """A transfer that is asked for.

    Attributes:
        id: the same one is one transfer, for ever.
        symbol: of what.
        to: who is paid.
        amount: a decimal, such as ``"12.5"``.
        waits: it is above the policy's threshold, and waits a day for another person's approval.
    """

    id: UUID
    symbol: str
    to: str
    amount: str
    waits: bool = False


class RequestTransfer:
    """Asks for transfers of one wallet; whether they happen is the signer's to decide."""

    def __init__(self, wishes: TransferWishes, wallet: Wallet, clock: Clock) -> None:
        self._wishes = wishes
        self._wallet = wallet
        self._clock = clock

    def meant(self, command: RequestTransferCommand) -> tuple[Asset, WantedTransfer]:
        """What a command asks for; nothing is asked yet.

        Raises:
            InvalidInputError: no such asset, address or amount.
        """
        chain_id = self._wallet.assets[0].chain_id
        asset = find_asset(chain_id, command.symbol, self._wallet.assets)
        units = asset.units(command.amount)
        if units == 0:
            raise InvalidInputError("a transfer moves more than nothing")
        to = self._wishes.payee(command.to)
        if same_address(to, self._wallet.address):
            raise InvalidInputError("this is the wallet's own address")
        if asset.contract is not None and same_address(to, asset.contract):
            raise InvalidInputError(f"this is the contract of {asset.symbol}, not a payee")
        at = self._clock.now().replace(microsecond=0)
        return asset, WantedTransfer(
            id=str(command.id),
            chain_id=chain_id,
            sender=self._wallet.address,
            contract=asset.contract,
            to=to,
            units=units,
            created_at=at,
            expires_at=at + (WAITING_LIFE if command.waits else LIFE),
        )

    def __call__(self, command: RequestTransferCommand) -> WantedTransfer:
        """Ask; again with the same id finds what was asked for first.

        Raises:
            InvalidInputError: no such asset, address or amount.
            IdempotencyMismatchError: the id was used for something else.
            StorageUnavailableError: nothing is known to be kept; ask again with the same id.
        """
        _, wanted = self.meant(command)
        kept = self._wishes.put(wanted)
        # The times alone may differ: of the first asking and of this one.
        same = replace(wanted, created_at=kept.created_at, expires_at=kept.expires_at)
        if replace(kept, approved_at=None) != same:
            raise IdempotencyMismatchError("this id was used for another transfer; use a new one")
        return kept


@dataclass(frozen=True)
class TransferTold:
    """A transfer, as it is told.

    Attributes:
        transfer: for lists and answers.
        state: the exact word; None where nobody has taken it up yet.
        attempts: signed transactions under its nonce.
        nonce: None before it was signed.
        expires_at: until then it may be signed.
        needs_confirmations: after so many it is final.
    """

    transfer: Transfer
    state: TransferState | None
    attempts: tuple[str, ...]
    nonce: int | None
    expires_at: str
    needs_confirmations: int


_UNAPPROVED: Final = "approval_required"

_STATUS: Final = {
    TransferState.SIGNED: "signed",
    TransferState.BROADCAST: "sent",
    TransferState.MINED: "sent",
    TransferState.DROPPED: "sent",
    TransferState.FINAL: "confirmed",
    TransferState.FAILED: "failed",
    TransferState.REPLACED: "failed",
}


class ReadTransfer:
    """Tells what became of transfers of one wallet."""

    def __init__(self, desk: TransferDesk, wallet: Wallet, clock: Clock) -> None:
        self._desk = desk
        self._wallet = wallet
        self._clock = clock

    def __call__(self, transfer_id: str) -> TransferTold:
        """A transfer by its id.

        Raises:
            NotFoundError: nothing of this id was asked for.
            StorageUnavailableError: it cannot be read now.
        """
        wanted = self._desk.wanted(transfer_id)
        if wanted is None:
            raise NotFoundError("there is no such transaction")
        return self._told(wanted, self._desk.find(transfer_id))

    def open(self) -> list[TransferTold]:
        """All that is not over, the newest first; what cannot be told is left out.

        Raises:
            StorageUnavailableError: they cannot be read now.
        """
        found = []
        for transfer_id in self._desk.listed():
            try:
                found.append(self(transfer_id))
            except (NotFoundError, ValueError):  # another wallet's, or named by somebody else
                continue
        return sorted(found, key=lambda told: told.transfer.created_at, reverse=True)

    def _told(self, wanted: WantedTransfer, found: FollowedTransfer | None) -> TransferTold:
        chain = find_chain(wanted.chain_id)
        asset = _asset(wanted, self._wallet.assets)
        receipt = found.receipt if found else None
        attempts = tuple(one.tx_hash for one in found.attempts) if found else ()
        coin = find_asset(chain.id, chain.native)
        updated = wanted.approved_at or wanted.created_at
        if found is not None and found.sent_at is not None:
            updated = max(updated, found.sent_at)
        status, reason = self._status(wanted, found)
        transfer = Transfer(
            id=UUID(wanted.id),
            chain_id=chain.id,
            token=asset.symbol,
            from_address=wanted.sender,
            to_address=wanted.to,
            amount=Decimal(asset.text(wanted.units)),
            fee=Decimal(coin.text(receipt.cost)) if receipt else None,
            tx_hash=receipt.tx_hash if receipt else (attempts[-1] if attempts else None),
            confirmations=found.confirmations if found else 0,
            status=status,
            reason=reason,
            created_at=wanted.created_at,
            updated_at=updated,
        )
        return TransferTold(
            transfer,
            found.state if found else None,
            attempts,
            found.nonce if found and found.attempts else None,
            f"{wanted.expires_at:%Y-%m-%dT%H:%M:%SZ}",
            chain.confirmations,
        )

    def _status(
        self, wanted: WantedTransfer, found: FollowedTransfer | None
    ) -> tuple[str, str | None]:
        state = found.state if found else TransferState.QUOTED
        if found is not None and (status := _STATUS.get(state)) is not None:
            return status, found.reason
        # What keeps it from being put to the signer is newer than the signer's last word.
        why = (found.reason if found else None) or self._refusal(wanted)
        if state is TransferState.EXPIRED or self._clock.now() >= wanted.expires_at:
            return "refused", why or "not_signed_in_time"
        # Until then it is asked for again and again, and may be signed: it is not refused yet.
        if wanted.approved_at is not None:
            return "approved", why
        waits = wanted.expires_at - wanted.created_at > LIFE
        return ("waiting" if waits else "requested"), why

    def _refusal(self, wanted: WantedTransfer) -> str | None:
        """Why the signer refused last, but for what an approval has answered."""
        last = self._desk.refusal(wanted.id)
        if last is None:
            return None
        approved = wanted.approved_at
        old = approved is not None and (last.at < approved or last.code == _UNAPPROVED)
        return None if old else last.code


def _asset(wanted: WantedTransfer, listed: tuple[Asset, ...]) -> Asset:
    for one in listed:
        if one.chain_id == wanted.chain_id and one.contract == wanted.contract:
            return one
    raise NotFoundError("this transaction moves a token that is not listed any more")
