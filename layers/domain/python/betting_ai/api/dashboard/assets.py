"""Static files under addresses that name their content, so that browsers may keep them for good."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served; other files, such as licences of third parties, lie there for who looks."""


@dataclass(frozen=True)
class Asset:
    """One static file.

    Attributes:
        digest: of its content, hexadecimal.
        body: the content.
        media_type: as served.
    """

    digest: str
    body: bytes
    media_type: str


@dataclass(frozen=True)
class Assets:
    """The static files of a folder, read when the first one is asked for.

    Attributes:
        folder: where they lie.
    """

    folder: Path

    @cached_property
    def files(self) -> Mapping[str, Asset]:
        """By path below the folder."""
        return {
            path.relative_to(self.folder).as_posix(): _asset(path)
            for path in sorted(self.folder.rglob("*"))
            if path.suffix in TYPES
        }

    def url(self, name: str) -> str | None:
        """The address of a file, relative to where the application lives; None if it is absent."""
        asset = self.files.get(name)
        return None if asset is None else f"static/{asset.digest}/{name}"

    def find(self, digest: str, name: str) -> Asset | None:
        """The file of an address; None where there is none with this content."""
        asset = self.files.get(name)
        return asset if asset is not None and asset.digest == digest else None


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(hashlib.sha256(body).hexdigest()[:16], body, TYPES[path.suffix])
