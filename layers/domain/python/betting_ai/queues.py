"""What handlers of queues and streams share. No other function needs what this imports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.errors import DomainError
from betting_ai.lambdas import Function


def batch(
    function: Function,
    event: dict[str, Any],
    work: Callable[[SQSRecord], None],
    context: LambdaContext,
) -> Any:  # noqa: ANN401
    """Do the messages of a queue, one after the other; names those that are to come again.

    A message that fails comes back by itself; to fail as a whole would tell nothing more.
    """
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event, _told(function, work), processor, context)
    function.count("MessagesFailed", len(answer["batchItemFailures"]))
    return answer


def _told(function: Function, work: Callable[[SQSRecord], None]) -> Callable[[SQSRecord], None]:
    def told(record: SQSRecord) -> None:
        try:
            work(record)
        except Exception as error:
            code = error.code if isinstance(error, DomainError) else type(error).__name__
            function.logger.exception(
                "a message failed",
                extra={
                    "message_id": record.message_id,
                    "received": record.attributes.approximate_receive_count,
                    "code": code,
                },
            )
            raise

    return told


def stream(
    function: Function,
    event: dict[str, Any],
    work: Callable[[DynamoDBRecord], None],
    context: LambdaContext,
) -> Any:  # noqa: ANN401
    """Do the rows of a table's stream in order; what fails, and all after it, comes again."""
    processor = BatchProcessor(
        event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False
    )
    answer = process_partial_response(event, _logged(function, work), processor, context)
    function.count("RowsFailed", len(answer["batchItemFailures"]))
    return answer


def _logged(
    function: Function, work: Callable[[DynamoDBRecord], None]
) -> Callable[[DynamoDBRecord], None]:
    """Why a row failed, by its code: what others raise is not told in their words."""

    def logged(record: DynamoDBRecord) -> None:
        try:
            work(record)
        except Exception as error:
            code = error.code if isinstance(error, DomainError) else type(error).__name__
            why = str(error) if isinstance(error, DomainError) else ""
            number = record.dynamodb.sequence_number if record.dynamodb else None
            extra = {"row": number, "code": code, "why": why}
            function.logger.error("a row failed", extra=extra)  # noqa: TRY400 - no frames
            raise

    return logged
