"""Where raw payloads and small notes are kept."""

from __future__ import annotations

from typing import Protocol


class RawStore(Protocol):
    """Bytes by their SHA-256: whatever was ingested can be replayed."""

    def put(self, content: bytes) -> str:
        """Keep the bytes, once; returns their digest in hexadecimal."""
        ...

    def get(self, sha256: str) -> bytes:
        """The bytes of a digest, verified.

        Raises:
            ObjectMissingError: nothing is kept under this digest.
            ObjectDamagedError: what is kept does not have this digest.
        """
        ...

    def holds(self, sha256: str) -> bool:
        """Whether something is kept under this digest."""
        ...

    def discard(self, sha256: str) -> None:
        """Forget the bytes, if they are kept."""
        ...


class NoteStore(Protocol):
    """Small documents by name, such as what a feed remembers between visits."""

    def read(self, name: str) -> bytes | None:
        """The document, or None."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replace the document as a whole."""
        ...
