"""What became of transfers, as it travels from where they are followed to the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, Final

from betting_ai.domain.transfers import FollowedTransfer, WantedTransfer
from betting_ai.errors import NotJsonError
from betting_ai.ports.repositories import TransferReceipt

_WHOLE: Final = ("version", "chain_id", "nonce", "attempts")
_WHOLE_OR_NONE: Final = ("block_number", "gas_used")
_WORDS: Final = ("intent_id", "tx_hash", "sender", "recipient", "state")
_WORDS_OR_NONE: Final = ("contract", "reason", "block_hash")


def receipt_of(transfer: FollowedTransfer, wanted: WantedTransfer) -> TransferReceipt:
    """What is kept of a closed transfer of which something was signed."""
    receipt = transfer.receipt
    return TransferReceipt(
        intent_id=transfer.id,
        version=transfer.version,
        chain_id=transfer.chain_id,
        tx_hash=receipt.tx_hash if receipt else transfer.attempts[-1].tx_hash,
        nonce=transfer.nonce,
        sender=wanted.sender,
        recipient=wanted.to,
        contract=wanted.contract,
        units=wanted.units,
        state=transfer.state.value,
        reason=transfer.reason,
        attempts=len(transfer.attempts),
        block_number=receipt.block_number if receipt else None,
        block_hash=receipt.block_hash if receipt else None,
        gas_used=receipt.gas_used if receipt else None,
        fee=receipt.cost if receipt else None,
        asked_at=wanted.created_at,
    )


def as_document(receipts: Sequence[TransferReceipt]) -> bytes:
    """Receipts as JSON; amounts, which no float holds, are text."""
    lines = [
        asdict(one)
        | {
            "units": str(one.units),
            "fee": None if one.fee is None else str(one.fee),
            "asked_at": one.asked_at.astimezone(UTC).isoformat(),
        }
        for one in receipts
    ]
    return json.dumps(lines, indent=1, sort_keys=True).encode()


def of_document(content: bytes) -> list[TransferReceipt]:
    """Receipts as `as_document` wrote them.

    Raises:
        NotJsonError: it did not.
    """
    try:
        lines: list[dict[str, Any]] = json.loads(content)
        return [_read(line) for line in lines]
    except (ValueError, TypeError, KeyError) as error:
        raise NotJsonError(f"these are no receipts of transfers: {error}") from None


def _read(line: dict[str, Any]) -> TransferReceipt:
    if set(line) != {field.name for field in fields(TransferReceipt)}:
        raise ValueError(f"it has {sorted(line)}")
    for names, kinds in (
        (_WHOLE, (int,)),
        (_WHOLE_OR_NONE, (int, type(None))),
        ((*_WORDS, "units", "asked_at"), (str,)),
        ((*_WORDS_OR_NONE, "fee"), (str, type(None))),
    ):
        if wrong := [name for name in names if type(line[name]) not in kinds]:
            raise ValueError(f"{wrong[0]} is of another kind")
    fee = line["fee"]
    return TransferReceipt(
        **line
        | {
            "units": int(line["units"]),
            "fee": None if fee is None else int(fee),
            "asked_at": datetime.fromisoformat(line["asked_at"]),
        }
    )
