"""How people are told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol

from betting_ai.errors import InvalidInputError

LONGEST_SUBJECT: Final = 99
"""Characters; SNS takes fewer than 100."""

_SUBJECT: Final = re.compile(rf"[!-~][ -~]{{0,{LONGEST_SUBJECT - 1}}}")
_DEDUPE_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,127}")


@dataclass(frozen=True)
class Message:
    """What is sent. What becomes a header cannot hold a line break, so none can be slipped in.

    Attributes:
        subject: 1 to 99 printable ASCII characters, the first no space (the rule of SNS).
        text: plain text, in lines.
        dedupe_id: the same for the same message; lower-case letters, digits, ``_`` and ``-``.

    Raises:
        InvalidInputError: a subject or an id outside these rules.
    """

    subject: str
    text: str
    dedupe_id: str

    def __post_init__(self) -> None:
        if not _SUBJECT.fullmatch(self.subject):
            raise InvalidInputError(
                f"a subject is 1 to {LONGEST_SUBJECT} printable ASCII characters, "
                f"not {self.subject[:200]!r}"
            )
        if not _DEDUPE_ID.fullmatch(self.dedupe_id):
            raise InvalidInputError(f"{self.dedupe_id[:200]!r} cannot be the id of a message")


class Notifier(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str:
        """Where messages go, as shown to people; holds no secret."""
        ...

    def send(self, message: Message) -> None:
        """Hand the message over; when this returns, it is on its way.

        Raises:
            NotifyError: it is not, or not to everyone.
        """
        ...
