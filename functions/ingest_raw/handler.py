"""Stores the facts of payloads that S3 tells of, one message of a queue after the other."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.errors import InvalidInputError
from betting_ai.lambdas import application, tools
from betting_ai.usecases.ingest_raw import REFUSED, STORED, IngestCommand

logger, tracer, metrics = tools("ingest_raw")
# A message that fails comes back by itself; to fail as a whole would tell nothing more.
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@tracer.capture_method(capture_response=False)
def ingest(record: SQSRecord) -> None:
    """Ingest what one message tells of; what cannot be read now is told of again."""
    app = application()
    names = app.inbox.told_by(record.body)
    done = app.ingest(IngestCommand(tuple(map(app.inbox.payload, names))))
    metrics.add_metric("PayloadsStored", MetricUnit.Count, done.count(STORED))
    metrics.add_metric("PayloadsRefused", MetricUnit.Count, done.count(REFUSED))
    for entry in done.entries:
        told = {"source": entry.source, "payload": entry.name, "status": entry.status}
        logger.info("ingested", extra=told | {"why": entry.error})


def _place(notice: str) -> tuple[str, ...]:
    try:
        return application().inbox.told_by(notice)
    except InvalidInputError:  # said when its turn comes
        return ()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:  # noqa: ANN401
    """Ingest a batch; names the messages that are to come again."""
    event["Records"].sort(key=lambda record: _place(record["body"]))
    answer = process_partial_response(event, ingest, processor, context)
    failed = len(answer["batchItemFailures"])
    metrics.add_metric("MessagesFailed", MetricUnit.Count, failed)
    return answer
