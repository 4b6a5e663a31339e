"""Send the alert of a slate, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from betting_ai.errors import InvalidInputError, ModelError
from betting_ai.models.frequency import Frequency
from betting_ai.ports.notifier import Message, Notifier
from betting_ai.ports.once import Once
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

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """What a published slate says of itself; see `betting_ai.usecases.publish_slate`.

        Raises:
            InvalidInputError: this is no such message.
        """
        try:
            standing, frequency = message["standing"], message["frequency"]
            return cls(
                slate_id=str(message["slate_id"]),
                slate=dict(message["slate"]),
                standing=None if standing is None else Standing.from_dict(standing),
                frequency=None if frequency is None else Frequency.from_dict(frequency),
            )
        except (LookupError, TypeError, ValueError, ModelError) as error:
            raise InvalidInputError(f"this is no message of a slate ({error!r})") from None


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
    once: Once

    def __call__(self, command: SendAlertsCommand) -> Alerted:
        """Hand the message over, then remember that it was.

        A crash between the two repeats one message and loses none.

        Raises:
            InvalidInputError: this is no slate.
            NotifyError: the message could not be handed over, or not to everyone; it counts as
                not sent.
            AlreadyRunningError: another hands it over at this moment.
        """
        message = alert(command.slate_id, command.slate, command.standing, command.frequency)
        done = self.once(message.dedupe_id, partial(self.notifier.send, message))
        return Alerted(message, repeated=not done)
