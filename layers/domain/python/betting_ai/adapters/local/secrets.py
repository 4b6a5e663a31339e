"""Secrets on this machine: from the settings, else a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from betting_ai.errors import SecretError

LEAST_BYTES: Final = 32
"""A shorter secret is refused."""

_MADE_BYTES: Final = 32
_MOST_BYTES: Final = 4096
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class LocalSecrets:
    """`betting_ai.ports.secrets.Secrets`; what is not given is made, once, in a folder.

    Attributes:
        folder: where secrets that were made lie; made with the first of them.
        given: those of the settings, by name.
    """

    folder: Path
    given: Mapping[str, SecretStr | None] = field(default_factory=dict)

    def read(self, name: str) -> bytes:
        """The secret of a name; 32 random bytes where there was none.

        Raises:
            SecretError: it is too short, or others may read it; the message never holds it.
        """
        told = self.given.get(name)
        if told is not None:
            content = told.get_secret_value().encode()
            if len(content) < LEAST_BYTES:
                raise SecretError(
                    f"setting {name} must have at least {LEAST_BYTES} bytes, such as those of "
                    "`openssl rand -base64 32`"
                )
            return content
        path = self.folder / name
        try:
            return _read(path)
        except FileNotFoundError:
            self._make(path)
            return _read(path)

    def _make(self, path: Path) -> None:
        """Whoever links first has made it; everyone reads that one."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=self.folder, prefix=".")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(_MADE_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(scratch, path)
            except FileExistsError:
                return
        finally:
            Path(scratch).unlink()


def _read(path: Path) -> bytes:
    _check_private(path.parent, path.parent.stat(), "700")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}") from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise SecretError(f"{path} is not a file")
        _check_private(path, found, "600")
        content = os.read(handle, _MOST_BYTES)
    finally:
        os.close(handle)
    if len(content) < LEAST_BYTES:
        raise SecretError(f"{path} is damaged: a secret has at least {LEAST_BYTES} bytes")
    return content


def _check_private(path: Path, found: os.stat_result, mode: str) -> None:
    if found.st_mode & _OTHERS:
        raise SecretError(
            f"others may read {path}, which holds a secret; run `chmod {mode} {path}`"
        )
    if found.st_uid != os.geteuid():
        raise SecretError(f"{path}, which holds a secret, belongs to someone else")
