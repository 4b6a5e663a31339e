"""Alerts by SNS, which sends them on as e-mail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from betting_ai.adapters.aws.clients import FAILURES, client, told
from betting_ai.errors import NotifyError
from betting_ai.ports.notifier import Message


@dataclass(frozen=True)
class SnsNotifier:
    """`betting_ai.ports.notifier.Notifier` over a topic.

    Attributes:
        topic: its ARN.
    """

    topic: str
    _sns: Any = field(default_factory=lambda: client("sns"), repr=False)

    @property
    def name(self) -> str:
        """Where messages go."""
        return f"the SNS topic {self.topic.rpartition(':')[2]}"

    def send(self, message: Message) -> None:
        """Publish the message to everyone who subscribed.

        Raises:
            NotifyError: SNS did not take it.
        """
        try:
            self._sns.publish(
                TopicArn=self.topic,
                Subject=message.subject,
                Message=message.text,
                MessageAttributes={
                    "dedupe_id": {"DataType": "String", "StringValue": message.dedupe_id}
                },
            )
        except FAILURES as error:
            raise NotifyError(f"no alert went out by SNS: {told(error)}") from error
