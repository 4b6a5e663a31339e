"""Which work was done, as one empty note each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from betting_ai.ports.object_store import NoteStore


@dataclass(frozen=True)
class NotedOnce:
    """`betting_ai.ports.once.Once`; two processes cannot undo each other's notes.

    Attributes:
        notes: where they are kept.
        purpose: parts these names from those of other work.
    """

    notes: NoteStore
    purpose: str

    def __call__(self, name: str, work: Callable[[], None]) -> bool:
        """Do the work and remember that it was done, unless it was done before."""
        note = f"{self.purpose}-{name}"
        if self.notes.read(note) is not None:
            return False
        work()
        self.notes.write(note, b"")
        return True
