"""One message per slate: never lost, repeated only when a crash came between."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from alert_examples import FOREST_PICK, FREQUENCY, STANDING, slate_of
from betting_ai.adapters.local.once import NotedOnce
from betting_ai.errors import InvalidInputError, NotifyError
from betting_ai.ports.notifier import Message
from betting_ai.usecases.alert_text import alert
from betting_ai.usecases.send_alerts import Alerted, SendAlerts, SendAlertsCommand

SLATE = slate_of(FOREST_PICK).to_dict()
COMMAND = SendAlertsCommand("5f", SLATE, STANDING, FREQUENCY)
MESSAGE = alert("5f", SLATE, STANDING, FREQUENCY)


@dataclass
class Outbox:
    """A notifier that fails as often as it is told to."""

    failures: int = 0
    sent: list[Message] = field(default_factory=list)
    name: str = "the outbox"

    def send(self, message: Message) -> None:
        if self.failures:
            self.failures -= 1
            raise NotifyError("the line is down")
        self.sent.append(message)


class Notes:
    """Notes that may crash before they are made."""

    def __init__(self, crashes: int = 0) -> None:
        self.crashes = crashes
        self.made: dict[str, bytes] = {}

    def read(self, name: str) -> bytes | None:
        return self.made.get(name)

    def write(self, name: str, content: bytes) -> None:
        if self.crashes:
            self.crashes -= 1
            raise OSError("crashed")
        self.made[name] = content


def once(notes: Notes | None = None) -> NotedOnce:
    return NotedOnce(notes or Notes(), "alert")


def test_a_slate_is_sent_once_however_often_it_is_asked_for() -> None:
    outbox = Outbox()
    send = SendAlerts(outbox, once())
    assert send(COMMAND) == Alerted(MESSAGE, repeated=False)
    assert send(COMMAND) == Alerted(MESSAGE, repeated=True)
    assert outbox.sent == [MESSAGE]


def test_another_slate_is_another_message() -> None:
    outbox = Outbox()
    send = SendAlerts(outbox, once())
    send(COMMAND)
    send(SendAlertsCommand("60", SLATE))
    assert [message.dedupe_id for message in outbox.sent] == ["5f", "60"]


def test_what_was_not_sent_is_sent_the_next_time() -> None:
    outbox = Outbox(failures=1)
    send = SendAlerts(outbox, once())
    with pytest.raises(NotifyError):
        send(COMMAND)
    assert not send(COMMAND).repeated
    assert outbox.sent == [MESSAGE]


def test_a_crash_between_sending_and_marking_repeats_one_message_and_loses_none() -> None:
    outbox = Outbox()
    send = SendAlerts(outbox, once(Notes(crashes=1)))
    with pytest.raises(OSError, match="crashed"):
        send(COMMAND)
    send(COMMAND)
    send(COMMAND)
    assert outbox.sent == [MESSAGE, MESSAGE]  # the same id, by which a mail program knows it


def test_what_is_no_slate_is_neither_sent_nor_marked() -> None:
    outbox, notes = Outbox(), Notes()
    with pytest.raises(InvalidInputError):
        SendAlerts(outbox, once(notes))(SendAlertsCommand("5f", {}))
    assert (outbox.sent, notes.made) == ([], {})
