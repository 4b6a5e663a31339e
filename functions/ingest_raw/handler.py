"""Stores the facts of payloads that S3 tells of, one message of a queue after the other."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.errors import InvalidInputError
from betting_ai.lambdas import Function, application
from betting_ai.queues import batch
from betting_ai.usecases.ingest_raw import REFUSED, STORED, IngestCommand

function = Function("ingest_raw")


@function.tracer.capture_method(capture_response=False)
def ingest(record: SQSRecord) -> None:
    """Ingest what one message tells of; what cannot be read now is told of again."""
    app = application()
    names = app.inbox.told_by(record.body)
    done = app.ingest(IngestCommand(tuple(map(app.inbox.payload, names))))
    function.count("PayloadsStored", done.count(STORED))
    function.count("PayloadsRefused", done.count(REFUSED))
    for entry in done.entries:
        told = {"source": entry.source, "payload": entry.name, "status": entry.status}
        function.logger.info("ingested", extra=told | {"why": entry.error})


def _place(notice: str) -> tuple[str, ...]:
    try:
        return application().inbox.told_by(notice)
    except InvalidInputError:  # said when its turn comes
        return ()


@function.handler
def handler(event: dict[str, Any], context: LambdaContext) -> Any:  # noqa: ANN401
    """Ingest a batch; names the messages that are to come again."""
    event["Records"].sort(key=lambda record: _place(record["body"]))
    return batch(function, event, ingest, context)
