"""The wallet: balances, transfers and what became of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from betting_ai.api import schemas
from betting_ai.api.bodies import parsed, signed
from betting_ai.api.dependencies import AppOf, KeyFirst, ReadKey, TransferCall
from betting_ai.api.documented import answer, failures
from betting_ai.api.idempotency import once
from betting_ai.api.problems import of_error
from betting_ai.domain.chains import same_address
from betting_ai.domain.slate import rfc3339
from betting_ai.errors import NotFoundError
from betting_ai.ports.listings import Transfer

router: Final = APIRouter(prefix="/api/v1/crypto", tags=["crypto"], route_class=KeyFirst)


@router.post(
    "/balance",
    operation_id="read_balance",
    summary="What the wallet holds",
    response_model=schemas.BalanceTold,
    responses=failures(400, 404, 409, 413, 415),
)
def balance(_: ReadKey, app: AppOf, body: schemas.BalanceRequest) -> Response:
    """As last seen on the chain, of the wallet and of addresses that are watched."""
    wallet = app.wallet
    wanted = body.address or wallet.address
    known = (one for one in (wallet.address, *wallet.watched) if same_address(one, wanted))
    address = next(known, None)
    if address is None:
        raise NotFoundError("this address is not watched")
    asset = next((one for one in wallet.assets if one.symbol == body.token), None)
    if asset is None:
        listed = ", ".join(one.symbol for one in wallet.assets)
        raise NotFoundError(f"the wallet has no {body.token}; it has {listed}")
    found = app.wallet_reading.balances(address)
    if found is None or asset.symbol not in found.units:
        raise NotFoundError("its balance has not been read from the chain yet")
    told = {
        "chain_id": asset.chain_id,
        "address": address,
        "token": asset.symbol,
        "balance": asset.text(found.units[asset.symbol]),
        "as_of": rfc3339(found.block.at),
    }
    return answer(told)


@router.post(
    "/send",
    operation_id="request_transfer",
    summary="Ask for a transfer",
    status_code=202,
    response_model=schemas.TransactionTold,
    responses=failures(400, 409, 413, 415),
    openapi_extra=signed(schemas.SendRequest),
)
def send(request: Request, app: AppOf, call: TransferCall) -> Response:
    """Signed, and done once for each `Idempotency-Key`; the signer decides."""
    from betting_ai.usecases.request_transfer import (  # noqa: PLC0415 - few have a wallet
        RequestTransferCommand,
    )

    body = parsed(schemas.SendRequest, call.body)

    def ask(name: UUID) -> Response:
        command = RequestTransferCommand(name, body.token, body.to, body.amount, body.waits)
        kept = app.request_transfer(command)
        return answer(_line(app.read_transfer(kept.id).transfer), 202)

    return once(
        call,
        ask,
        units=app.units,
        clock=app.clock,
        explain=lambda error: of_error(error, request.url.path),
    )


@router.get(
    "/transactions/{transaction_id}",
    operation_id="read_transaction",
    summary="What became of a transfer",
    response_model=schemas.TransactionTold,
    responses=failures(404),
)
def transaction(_: ReadKey, app: AppOf, transaction_id: UUID) -> Response:
    """As it is followed on the chain; once that is long ago, as its receipts tell."""
    if app.settings.wallet_address is not None:
        try:
            return answer(_line(app.read_transfer(str(transaction_id)).transfer))
        except NotFoundError:
            pass  # of another wallet, or of before
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
