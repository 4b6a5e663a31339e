"""Copies of the audit where nobody can change them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from betting_signer.store import UnavailableError


class CopyDiffersError(Exception):
    """Under this number lies another line: somebody wrote the audit anew. Nothing may be signed."""


class Copies(Protocol):
    """Objects that are written once. Every method may raise `UnavailableError`."""

    def read(self, name: str) -> bytes | None:
        """A copy, where there is one."""

    def put(self, name: str, content: bytes) -> bool:
        """Keep a copy; False, and nothing is changed, where there is one already."""


def kept(copies: Copies, name: str, content: bytes) -> None:
    """Make sure that a copy is kept.

    Raises:
        CopyDiffersError: there is another one.
        UnavailableError: it is not known to be kept.
    """
    if not copies.put(name, content) and copies.read(name) != content:
        raise CopyDiffersError(name)


@dataclass(frozen=True)
class FolderCopies:
    """A folder, best on another disk than the database; written once by this program only.

    Attributes:
        root: the folder.
    """

    root: Path

    def check(self) -> None:
        """Make the folder where there is none, and see that a copy can be kept in it.

        Raises:
            OSError: it cannot.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        # A link is how a copy gets its name; not every file system has them.
        with tempfile.TemporaryDirectory(dir=self.root) as scratch:
            one = Path(scratch, "one")
            one.touch()
            os.link(one, one.with_name("two"))

    def read(self, name: str) -> bytes | None:
        """A copy, where there is one."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            raise UnavailableError("copies") from None

    def put(self, name: str, content: bytes) -> bool:
        """Keep a copy, once: whole on the disk before it has its name."""
        target = self.root / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, scratch = tempfile.mkstemp(dir=target.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(scratch, target)  # fails where there is one
            finally:
                with contextlib.suppress(FileNotFoundError):
                    Path(scratch).unlink()
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except FileExistsError:
            return False
        except OSError:
            raise UnavailableError("copies") from None
        return True
