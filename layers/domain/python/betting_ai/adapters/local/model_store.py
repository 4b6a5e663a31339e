"""Model artifacts in a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from betting_ai.errors import ModelMissingError
from betting_ai.models.manifest import MANIFEST
from betting_ai.models.registry import CHANNELS

WITHDRAWN: Final = "withdrawn.json"
"""Versions that were taken out of a channel; such a one may come back as it is."""


@dataclass(frozen=True)
class FolderModelStore:
    """A folder laid out as ``channels.json`` and ``<market>/<version>/<file>``.

    ``withdrawn.json``, where it is there, tells what was taken out of the channels.
    """

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

    def versions(self, market: str) -> list[str]:
        """Versions of a market whose files are here, oldest first, promoted or not."""
        return sorted(path.parent.name for path in (self.root / market).glob(f"*/{MANIFEST}"))

    def withdrawn(self, market: str) -> dict[str, list[str]]:
        """By channel, the versions that were in it once and are no more."""
        inside = self._read(CHANNELS).get(market, {})
        return {
            channel: [version for version in versions if version not in inside.get(channel, [])]
            for channel, versions in self._read(WITHDRAWN).get(market, {}).items()
        }

    def put_in_channel(self, market: str, version: str, channel: str) -> None:
        """Add a version to a channel."""
        self._add(CHANNELS, market, version, channel)

    def take_from_channel(self, market: str, version: str, channel: str) -> None:
        """Take a version out of a channel; its files stay, and it is known that it was there.

        Raises:
            ModelMissingError: it is not in the channel.
        """
        channels = self._read(CHANNELS)
        versions = channels.get(market, {}).get(channel, [])
        if version not in versions:
            raise ModelMissingError(f"{market}/{version} is not in the channel {channel}")
        versions.remove(version)
        self._add(WITHDRAWN, market, version, channel)  # first: in both it still counts as inside
        self._write(CHANNELS, channels)

    def _add(self, name: str, market: str, version: str, channel: str) -> None:
        listed = self._read(name)
        versions = listed.setdefault(market, {}).setdefault(channel, [])
        listed[market][channel] = sorted({*versions, version})
        self._write(name, listed)

    def _read(self, name: str) -> dict[str, dict[str, list[str]]]:
        path = self.root / name
        if not path.exists():
            return {}
        found: dict[str, dict[str, list[str]]] = json.loads(path.read_text())
        return found

    def _write(self, name: str, listed: dict[str, dict[str, list[str]]]) -> None:
        """Whole or not at all."""
        scratch = self.root / f".{name}.part"
        scratch.write_text(json.dumps(listed, indent=1, sort_keys=True) + "\n")
        scratch.replace(self.root / name)
