"""What the handlers of queues share. No other function needs what this module imports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
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
