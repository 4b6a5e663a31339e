"""Asks the chain for quotes, sends what is signed and follows it; holds no key.

Driven by the streams of ``intents``, ``approvals`` and ``signed``, and by a schedule of a minute.

================================  =================================================================
variable                          what it is
================================  =================================================================
``BETTING_AI_WALLET_ADDRESS``     the wallet, checksummed
``BETTING_AI_WALLET_NETWORK``     ``mainnet`` or ``testnet``
``BETTING_AI_RPC_SECRET``         ARN of the secret with ``["https://...", ...]``
``BETTING_AI_INTENTS_TABLE`` ...  ``APPROVALS``, ``QUOTES``, ``SIGNED``, ``SIGNER``, ``TRANSFERS``
``BETTING_AI_OBJECTS_BUCKET``     where receipts are handed over to ``ingest_raw``
================================  =================================================================

Reads all tables by key, of ``signer`` whose a nonce is alone; writes ``quotes``, ``transfers``.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.errors import DomainError, StorageUnavailableError
from betting_ai.lambdas import Function, application
from betting_ai.queues import stream

function = Function("broadcast_transfer")


def take(record: DynamoDBRecord) -> None:
    """Do what a new row asks for; by its key alone, for what it says is read where it lies."""
    key = (record.dynamodb.keys if record.dynamodb else None) or {}
    intent_id, _, attempt = str(key.get("id", "")).partition("#")
    if attempt == "refused":  # for whoever asked; there is nothing to send
        return
    carry = application().carry_transfers
    try:
        if "request_hash" in key:
            function.count("QuotesPut", carry.approved())
        elif not (carry.signed(intent_id) if attempt else carry.begin(intent_id)):
            function.count("IntentsUnreadable", 1)
            function.logger.warning("not followed", extra={"intent": intent_id})
    except DomainError as error:
        if attempt or isinstance(error, StorageUnavailableError):
            raise
        # A later minute quotes it. If its row came again until then, all after it would wait.
        function.count("TransferTroubles", 1)
        trouble(intent_id or None, error)


def trouble(intent_id: str | None, error: DomainError) -> None:
    """Tell what is in the way of a transfer, or of all."""
    told = {"intent": intent_id, "code": error.code, "why": str(error)}
    function.logger.warning("trouble", extra=told)


@function.handler
def handler(event: dict[str, Any], context: LambdaContext) -> Any:  # noqa: ANN401
    """Take a batch of a stream, naming the first row that is to come again; else follow all."""
    if "Records" in event:
        return stream(function, event, take, context)
    done = application().carry_transfers()
    states = [change.transfer.state.value for change in done.followed.changes]
    for name, number in {
        "TransfersOpen": done.followed.seen,
        "TransfersStuck": len(done.followed.stuck),
        "TransfersFailed": states.count("failed") + states.count("replaced"),
        "TransferTroubles": len(done.troubles),
        "NonceGapsSeen": len(done.followed.gaps),
        "QuotesPut": done.quotes,
        "TransfersReported": done.reported,
    }.items():
        function.count(name, number)
    for one in done.troubles:
        trouble(one.transfer_id, one.error)
    return {"open": done.followed.seen, "changed": len(states), "troubles": len(done.troubles)}
