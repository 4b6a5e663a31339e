"""Queues: encrypted, over TLS only, and with a place for what cannot be handled."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

TRIES = 5
"""How often a message is handled before it is put aside."""


class LastQueue(sqs.Queue):
    """A queue for what failed: kept for two weeks, the longest there is; an alarm looks at it."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(
            scope,
            name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        # What docs/runbooks/redrive.md asks for.
        cdk.CfnOutput(scope, f"{name}Url", value=self.queue_url)
        cdk.CfnOutput(scope, f"{name}Arn", value=self.queue_arn)


class WorkQueue(sqs.Queue):
    """A queue that a function reads.

    Attributes:
        failed: gets what was tried five times.
    """

    def __init__(self, scope: Construct, name: str, function_seconds: int) -> None:
        """A queue.

        Args:
            scope: of the stack.
            name: in the stack.
            function_seconds: longest run of the function that reads it; a message is hidden for
                six times that, as the service advises.
        """
        self.failed = LastQueue(scope, f"{name}Failed")
        super().__init__(
            scope,
            name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(7),
            visibility_timeout=cdk.Duration.seconds(6 * function_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.failed, max_receive_count=TRIES),
        )
