"""Tells people of slates, once of each; runs outside the VPC."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.lambdas import Function, application
from betting_ai.queues import batch
from betting_ai.usecases.send_alerts import SendAlertsCommand

function = Function("send_alerts")


@function.tracer.capture_method(capture_response=False)
def alert(record: SQSRecord) -> None:
    """Tell of the slate that one message carries."""
    message = json.loads(record.body)["responsePayload"]
    done = application().send_alerts(SendAlertsCommand.from_message(message))
    function.count("AlertsSent", int(not done.repeated))
    function.count("AlertsRepeated", int(done.repeated))
    function.logger.info("alert", extra={"slate": message["slate_id"], "repeated": done.repeated})


@function.handler
def handler(event: dict[str, Any], context: LambdaContext) -> Any:  # noqa: ANN401
    """Tell of a batch of slates; names the messages that are to come again."""
    application().within(context)
    return batch(function, event, alert, context)
