"""The wallet: balances, transfers and what became of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from betting_ai.api import schemas
from betting_ai.api.bodies import parsed, signed
from betting_ai.api.dependencies import AppOf, KeyFirst, ReadKey, TransferCall
from betting_ai.api.documented import answer, failures
from betting_ai.domain.slate import rfc3339
from betting_ai.errors import NotFoundError, WalletOffError
from betting_ai.ports.listings import Transfer

router: Final = APIRouter(prefix="/api/v1/crypto", tags=["crypto"], route_class=KeyFirst)

_OFF: Final = "no wallet is set up"


@router.post(
    "/balance",
    operation_id="read_balance",
    summary="What the wallet holds",
    response_model=schemas.BalanceTold,
    responses=failures(400, 404, 409, 413, 415),
)
def balance(_: ReadKey, body: schemas.BalanceRequest) -> Response:
    """As last seen on the chain."""
    raise WalletOffError(_OFF)


@router.post(
    "/send",
    operation_id="request_transfer",
    summary="Ask for a transfer",
    status_code=202,
    response_model=schemas.TransactionTold,
    responses=failures(400, 409, 413, 415),
    openapi_extra=signed(schemas.SendRequest),
)
def send(call: TransferCall) -> Response:
    """Signed, and done once for each `Idempotency-Key`; the signer decides."""
    parsed(schemas.SendRequest, call.body)
    raise WalletOffError(_OFF)


@router.get(
    "/transactions/{transaction_id}",
    operation_id="read_transaction",
    summary="What became of a transfer",
    response_model=schemas.TransactionTold,
    responses=failures(404),
)
def transaction(_: ReadKey, app: AppOf, transaction_id: UUID) -> Response:
    """As its receipts tell."""
    with app.units() as unit:
        found = unit.listings.transfer(transaction_id)
    if found is None:
        raise NotFoundError("there is no such transaction")
    return answer(_line(found))


def _line(transfer: Transfer) -> dict[str, Any]:
    return {
        "transaction_id": str(transfer.id),
        "chain_id": transfer.chain_id,
        "token": transfer.token,
        "from_address": transfer.from_address,
        "to_address": transfer.to_address,
        "amount": _amount(transfer.amount),
        "fee": None if transfer.fee is None else _amount(transfer.fee),
        "tx_hash": transfer.tx_hash,
        "confirmations": transfer.confirmations,
        "status": transfer.status,
        "reason": transfer.reason,
        "created_at": rfc3339(transfer.created_at),
        "updated_at": rfc3339(transfer.updated_at),
    }


def _amount(amount: Decimal) -> str:
    """Crypto money is told as a decimal in a string, as short as it is exact."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
