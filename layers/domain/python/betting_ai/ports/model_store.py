"""Where model artifacts are read from."""

from __future__ import annotations

from typing import Protocol


class ModelStore(Protocol):
    """Read-only files of model artifacts."""

    def read(self, path: str) -> bytes:
        """The bytes of ``"<market>/<version>/<file>"``, or of ``"channels.json"``.

        Raises:
            ModelMissingError: there is no such file.
        """
        ...
