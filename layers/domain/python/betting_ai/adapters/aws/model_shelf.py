"""Where models of an environment are put: by whoever deploys, trains or judges them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from betting_ai.adapters.aws.object_store import S3Objects
from betting_ai.errors import AlreadyRunningError, ModelMissingError
from betting_ai.models.manifest import MANIFEST
from betting_ai.models.registry import CHANNELS

CANDIDATES: Final = "candidates/"
"""Under which a model lies that nobody has judged yet."""


@dataclass(frozen=True)
class S3ModelShelf:
    """Model artifacts in a bucket, for who puts them there.

    Attributes:
        objects: the bucket.
    """

    objects: S3Objects

    def put(self, market: str, version: str, files: Mapping[str, bytes], under: str = "") -> None:
        """Put a model there: its manifest last, so that a model with one is whole.

        Args:
            market: name of its market.
            version: its version.
            files: by name, the manifest among them.
            under: `CANDIDATES`, or nothing.
        """
        for name in sorted(files, key=lambda name: name == MANIFEST):
            self.objects.write(f"{under}{market}/{version}/{name}", files[name])

    def files(self, market: str, version: str, under: str = "") -> dict[str, bytes]:
        """A model's files; what lies deeper in its folder is none of them.

        Raises:
            ModelMissingError: it is not there, or not whole.
        """
        folder = f"{under}{market}/{version}/"
        found = {}
        for key in self.objects.names(folder):
            name = key.removeprefix(folder)
            # Whoever reads a candidate makes files of these names, and may do more than its author.
            if "/" in name or (content := self.objects.read(key)) is None:
                continue
            found[name] = content
        if MANIFEST not in found:
            raise ModelMissingError(f"no whole model {folder} is in s3://{self.objects.bucket}")
        return found

    def candidates(self) -> list[tuple[str, str]]:
        """(market, version) of every whole candidate, oldest version first."""
        found = []
        for name in self.objects.names(CANDIDATES):
            parts = name.removeprefix(CANDIDATES).split("/")
            if len(parts) == 3 and parts[2] == MANIFEST:
                found.append((parts[0], parts[1]))
        return sorted(found, key=lambda one: one[1])

    def channels(self) -> dict[str, dict[str, list[str]]]:
        """By market and channel, the versions in it."""
        found, _ = self._channels()
        return found

    def put_in_channel(self, market: str, version: str, channel: str) -> None:
        """Add a version to a channel.

        Raises:
            AlreadyRunningError: another changed the channels meanwhile; nothing was changed.
        """
        found, tag = self._channels()
        versions = found.setdefault(market, {}).setdefault(channel, [])
        found[market][channel] = sorted({*versions, version})
        text = json.dumps(found, indent=1, sort_keys=True) + "\n"
        if not self.objects.replace(CHANNELS, text.encode(), tag):
            raise AlreadyRunningError("another changed the channels meanwhile; try again")

    def _channels(self) -> tuple[dict[str, dict[str, list[str]]], str | None]:
        content, tag = self.objects.tagged(CHANNELS)
        return (json.loads(content) if content else {}), tag


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a model in a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
