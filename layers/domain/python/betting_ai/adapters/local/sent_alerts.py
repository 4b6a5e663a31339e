"""Which alerts went out, as one empty note each."""

from __future__ import annotations

from dataclasses import dataclass

from betting_ai.ports.object_store import NoteStore


@dataclass(frozen=True)
class NotedAlerts:
    """`betting_ai.ports.notifier.SentAlerts`; two processes cannot undo each other's marks."""

    notes: NoteStore

    def has(self, dedupe_id: str) -> bool:
        """Whether `mark` was called for this id."""
        return self.notes.read(_note(dedupe_id)) is not None

    def mark(self, dedupe_id: str) -> None:
        """Remember the id; marking it again changes nothing."""
        self.notes.write(_note(dedupe_id), b"")


def _note(dedupe_id: str) -> str:
    return f"alert-{dedupe_id}"
