"""How what was fetched in one place reaches who ingests it in another."""

from __future__ import annotations

from typing import Protocol

from betting_ai.ports.feeds import Payload, PayloadKind


class Inbox(Protocol):
    """Announcements of payloads whose bytes are kept in the raw store."""

    def announce(self, payload: Payload) -> bool:
        """Tell of a payload, once: the same bytes under the same name are no news.

        Returns:
            Whether it was news.

        Raises:
            StorageUnavailableError: it could not be told.
        """
        ...

    def payload(self, name: str) -> Payload:
        """What an announcement tells of, with its bytes.

        Raises:
            ObjectMissingError: there is no such announcement, or no such bytes.
            ObjectDamagedError: the announcement or the bytes are not what they should be.
            StorageUnavailableError: it cannot be read now.
        """
        ...

    def told_by(self, notice: str) -> tuple[str, ...]:
        """The announcements that a notice of the store tells of.

        Their names sort in the order in which they are best ingested: results before coming
        matches, which need the teams, and those before prices and scores of now.

        Raises:
            InvalidInputError: it is no such notice.
        """
        ...

    def names(self, kind: PayloadKind | None = None, source: str | None = None) -> list[str]:
        """All announcements, or those of a kind or a source, in order of their names.

        Raises:
            StorageUnavailableError: they cannot be listed now.
        """
        ...
