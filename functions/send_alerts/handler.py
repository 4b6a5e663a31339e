"""Tells people of slates, once of each; runs outside the VPC."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.lambdas import application, tools
from betting_ai.usecases.send_alerts import SendAlertsCommand

logger, tracer, metrics = tools("send_alerts")
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@tracer.capture_method(capture_response=False)
def alert(record: SQSRecord) -> None:
    """Tell of the slate that one message carries."""
    message = json.loads(record.body)["responsePayload"]
    done = application().send_alerts(SendAlertsCommand.from_message(message))
    metrics.add_metric("AlertsSent", MetricUnit.Count, int(not done.repeated))
    metrics.add_metric("AlertsRepeated", MetricUnit.Count, int(done.repeated))
    logger.info("alert", extra={"slate": message["slate_id"], "repeated": done.repeated})


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:  # noqa: ANN401
    """Tell of a batch of slates; names the messages that are to come again."""
    application().within(context)
    answer = process_partial_response(event, alert, processor, context)
    metrics.add_metric("MessagesFailed", MetricUnit.Count, len(answer["batchItemFailures"]))
    return answer
