"""Model artifacts in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from betting_ai.errors import ModelMissingError


@dataclass(frozen=True)
class FolderModelStore:
    """A folder laid out as ``channels.json`` and ``<market>/<version>/<file>``."""

    root: Path

    def read(self, path: str) -> bytes:
        """The bytes of one file.

        Raises:
            ModelMissingError: there is no such file.
        """
        try:
            return (self.root / path).read_bytes()
        except OSError:
            raise ModelMissingError(
                f"model file {path} is missing from {self.root}; restore it or run `train`"
            ) from None
