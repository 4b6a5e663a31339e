"""Raw payloads and notes as files; a crash leaves either the old file or the new one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import zlib
from pathlib import Path
from typing import Final

from betting_ai.errors import InvalidInputError, ObjectDamagedError, ObjectMissingError

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NOTE: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_LEVEL: Final = 1  # season files shrink fourfold already; more would cost more than it saves


class LocalObjectStore:
    """Content-addressed payloads under ``raw/<aa>/<sha256>``, compressed, and notes by name.

    Attributes:
        root: the folder; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, content: bytes) -> str:
        """Keep the bytes, once; returns their digest in hexadecimal."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        if not path.exists():
            _replace(path, zlib.compress(content, _LEVEL))
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes of a digest, verified.

        Raises:
            ObjectMissingError: nothing is kept under this digest.
            ObjectDamagedError: what is kept does not have this digest.
        """
        try:
            content = zlib.decompress(self._path(sha256).read_bytes())
        except FileNotFoundError:
            raise ObjectMissingError(f"no raw payload {sha256} is kept; fetch it again") from None
        except zlib.error:
            content = b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ObjectDamagedError(f"{self._path(sha256)} is damaged; delete it and fetch again")
        return content

    def holds(self, sha256: str) -> bool:
        """Whether something is kept under this digest."""
        return self._path(sha256).exists()

    def discard(self, sha256: str) -> None:
        """Forget the bytes, if they are kept."""
        self._path(sha256).unlink(missing_ok=True)

    def read(self, name: str) -> bytes | None:
        """The note of a name, or None."""
        try:
            return self._note(name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Replace the note as a whole."""
        _replace(self._note(name), content)

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise InvalidInputError(f"{sha256!r} is no SHA-256 in hexadecimal")
        return self.root / "raw" / sha256[:2] / sha256

    def _note(self, name: str) -> Path:
        if not _NOTE.fullmatch(name):
            raise InvalidInputError(f"{name!r} is no name of a note")
        return self.root / "notes" / name


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
