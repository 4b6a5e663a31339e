"""Followed transfers, balances and quotes as the documents that are kept and exchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from betting_ai.domain.fees import Fee, FeeKind
from betting_ai.domain.transfers import (
    Attempt,
    Block,
    FollowedTransfer,
    Receipt,
    Transaction,
    TransferState,
    WantedTransfer,
    transfer_call,
)
from betting_ai.errors import StorageUnavailableError
from betting_ai.ports.chain import Balances
from betting_ai.ports.transfers import Asking
from betting_signer.contract import GAP, NATIVE, Approval, Intent, Quote, Signed
from betting_signer.keccak import keccak256


def wanted_of(intent: Intent, approval: Approval | None = None) -> WantedTransfer:
    """What an intent asks for."""
    return WantedTransfer(
        id=intent.intent_id,
        chain_id=intent.chain_id,
        sender=intent.sender,
        contract=None if intent.asset == NATIVE else intent.asset,
        to=intent.to,
        units=intent.amount,
        created_at=intent.created_at,
        expires_at=intent.expires_at,
        approved_at=approval.approved_at if approval else None,
    )


def quote_of(asking: Asking) -> Quote:
    """A quote as the signer reads it."""
    told = asking.quote
    return Quote(
        quote_id=asking.id,
        intent_id=asking.transfer_id,
        purpose=asking.purpose.value,
        chain_id=asking.chain_id,
        observed_at=told.observed_at.replace(microsecond=0),
        nonce_floor=told.nonce_floor,
        fee_kind=told.fee.kind.value,
        gas_limit=told.gas_limit,
        max_fee_per_gas=told.fee.max_per_gas,
        max_priority_fee_per_gas=told.fee.priority_per_gas,
        native_balance=told.native_balance,
        asset_balance=told.asset_balance,
    )


def closes_gap(signatures: Sequence[Signed]) -> bool:
    """Whether what was signed only uses up the nonce of an intent that expired."""
    return any(signed.purpose == GAP for signed in signatures)


def attempts_of(wanted: WantedTransfer, signatures: Sequence[Signed]) -> tuple[Attempt, ...]:
    """What was signed, each beside the transaction that the intent itself means.

    Payee, amount and sender are the intent's and not the signer's word: who sends the bytes holds
    them against these.
    """
    gap = closes_gap(signatures)
    contract_call = _call(wanted)
    return tuple(_attempt(wanted, signed, gap, contract_call) for signed in signatures)


def _call(wanted: WantedTransfer) -> tuple[str, int, bytes]:
    from betting_ai.domain.chains import Asset  # noqa: PLC0415 - a name for a contract

    asset = Asset(wanted.chain_id, wanted.contract or NATIVE, wanted.contract)
    return transfer_call(asset, wanted.to, wanted.units)


def _attempt(
    wanted: WantedTransfer, signed: Signed, gap: bool, call: tuple[str, int, bytes]
) -> Attempt:
    to, value, data = (wanted.sender, 0, b"") if gap else call
    made = signed.transaction
    fee = Fee(FeeKind(made.fee_kind), made.max_fee_per_gas, made.max_priority_fee_per_gas)
    meant = Transaction(
        chain_id=wanted.chain_id,
        sender=wanted.sender,
        nonce=made.nonce,
        to=to,
        value=value,
        data=data,
        gas_limit=made.gas_limit,
        fee=fee,
    )
    raw = bytes.fromhex(signed.raw[2:])
    return Attempt(signed.attempt, meant, raw, "0x" + keccak256(raw).hex())


def state_text(transfer: FollowedTransfer) -> str:
    """A state as it is kept; attempts lie where they were signed, and are only named here."""
    receipt = transfer.receipt
    newest = transfer.attempts[-1] if transfer.attempts else None
    content = {
        "id": transfer.id,
        "chain_id": transfer.chain_id,
        "state": transfer.state.value,
        "reason": transfer.reason,
        "expires_at": _told(transfer.expires_at),
        "sent_at": _told(transfer.sent_at),
        "confirmations": transfer.confirmations,
        "closes_gap": transfer.closes_gap,
        "nonce": newest.transaction.nonce if newest else None,
        "attempts": [attempt.tx_hash for attempt in transfer.attempts],
        "receipt": receipt
        and {
            "tx_hash": receipt.tx_hash,
            "block_number": receipt.block_number,
            "block_hash": receipt.block_hash,
            "succeeded": receipt.succeeded,
            "gas_used": receipt.gas_used,
            "gas_price": str(receipt.gas_price),
        },
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def state_of(
    text: str,
    version: int,
    attempts: tuple[Attempt, ...] = (),
    *,
    gap: bool = False,
) -> FollowedTransfer:
    """A state as it was kept, with what was signed for it.

    What was signed after it was given up is followed again: it can be mined all the same.

    Raises:
        StorageUnavailableError: it is damaged.
    """
    try:
        told: Mapping[str, Any] = json.loads(text)
        receipt = told["receipt"]
        state = TransferState(told["state"])
        if attempts and (
            state is TransferState.QUOTED
            # closed before anything was signed
            or (state is TransferState.EXPIRED and not told["attempts"])
        ):
            state = TransferState.SIGNED
        return FollowedTransfer(
            id=str(told["id"]),
            chain_id=int(told["chain_id"]),
            state=state,
            expires_at=datetime.fromisoformat(told["expires_at"]),
            attempts=attempts,
            closes_gap=gap,
            sent_at=datetime.fromisoformat(told["sent_at"]) if told["sent_at"] else None,
            receipt=Receipt(
                tx_hash=str(receipt["tx_hash"]),
                block_number=int(receipt["block_number"]),
                block_hash=str(receipt["block_hash"]),
                succeeded=bool(receipt["succeeded"]),
                gas_used=int(receipt["gas_used"]),
                gas_price=int(receipt["gas_price"]),
            )
            if receipt
            else None,
            confirmations=int(told["confirmations"]),
            reason=told["reason"],
            version=version,
        )
    except (ValueError, TypeError, KeyError):
        raise StorageUnavailableError("the state of a transfer is damaged") from None


def balances_text(balances: Balances) -> str:
    """Balances as they are kept: amounts as text, as of a block."""
    content = {
        "address": balances.address,
        "as_of": _told(balances.block.at),
        "block_number": balances.block.number,
        "block_hash": balances.block.hash,
        "units": {symbol: str(units) for symbol, units in balances.units.items()},
        "witnesses": balances.witnesses,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def balances_of(text: str) -> Balances:
    """Balances as they were kept.

    Raises:
        StorageUnavailableError: they are damaged.
    """
    try:
        told: Mapping[str, Any] = json.loads(text)
        at = datetime.fromisoformat(told["as_of"])
        return Balances(
            address=str(told["address"]),
            block=Block(int(told["block_number"]), str(told["block_hash"]), at),
            units={str(symbol): int(units) for symbol, units in told["units"].items()},
            witnesses=int(told["witnesses"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise StorageUnavailableError("the balances of an address are damaged") from None


def _told(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None
