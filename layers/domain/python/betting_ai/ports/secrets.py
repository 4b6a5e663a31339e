"""The secrets of an installation."""

from __future__ import annotations

from typing import Final, Protocol

ROOT_SECRET: Final = "root_secret"  # noqa: S105 - its name
"""What signing secrets and cookies are derived from."""


class Secrets(Protocol):
    """Gives secrets by name."""

    def read(self, name: str) -> bytes:
        """The secret of a name.

        Raises:
            SecretError: it is not there, or not safe to use; the message never holds it.
        """
        ...
