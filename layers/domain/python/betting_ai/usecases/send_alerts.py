"""Send the alert of a slate, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from betting_ai.models.frequency import Frequency
from betting_ai.ports.notifier import Message, Notifier, SentAlerts
from betting_ai.usecases.alert_text import Standing, alert


@dataclass(frozen=True)
class SendAlertsCommand:
    """Which slate to tell people of.

    Attributes:
        slate_id: names the slate; one message goes out for it, however often it is asked for.
        slate: as stored.
        standing: the record so far, where it is known.
        frequency: of the last backtest, where there is one.
    """

    slate_id: str
    slate: Mapping[str, Any]
    standing: Standing | None = None
    frequency: Frequency | None = None


@dataclass(frozen=True)
class Alerted:
    """What became of it.

    Attributes:
        message: what people read.
        repeated: it was handed over before, and not again.
    """

    message: Message
    repeated: bool


@dataclass(frozen=True)
class SendAlerts:
    """The use case."""

    notifier: Notifier
    sent: SentAlerts

    def __call__(self, command: SendAlertsCommand) -> Alerted:
        """Hand the message over, then remember that it was.

        In this order a crash between the two repeats one message; in the other it would lose one.

        Raises:
            InvalidInputError: this is no slate.
            NotifyError: the message could not be handed over, or not to everyone; it counts as
                not sent.
        """
        message = alert(command.slate_id, command.slate, command.standing, command.frequency)
        if self.sent.has(message.dedupe_id):
            return Alerted(message, repeated=True)
        self.notifier.send(message)
        self.sent.mark(message.dedupe_id)
        return Alerted(message, repeated=False)
