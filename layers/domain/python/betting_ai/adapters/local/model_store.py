"""Model artifacts in a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from betting_ai.errors import ModelMissingError
from betting_ai.models.registry import CHANNELS


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

    def put_in_channel(self, market: str, version: str, channel: str) -> None:
        """Add a version to a channel."""
        channels = self._channels()
        versions = channels.setdefault(market, {}).setdefault(channel, [])
        channels[market][channel] = sorted({*versions, version})
        self._write(channels)

    def take_from_channel(self, market: str, version: str, channel: str) -> None:
        """Take a version out of a channel; its files stay.

        Raises:
            ModelMissingError: it is not in the channel.
        """
        channels = self._channels()
        versions = channels.get(market, {}).get(channel, [])
        if version not in versions:
            raise ModelMissingError(f"{market}/{version} is not in the channel {channel}")
        versions.remove(version)
        self._write(channels)

    def _channels(self) -> dict[str, dict[str, list[str]]]:
        path = self.root / CHANNELS
        if not path.exists():
            return {}
        found: dict[str, dict[str, list[str]]] = json.loads(path.read_text())
        return found

    def _write(self, channels: dict[str, dict[str, list[str]]]) -> None:
        """Whole or not at all."""
        scratch = self.root / f".{CHANNELS}.part"
        scratch.write_text(json.dumps(channels, indent=1, sort_keys=True) + "\n")
        scratch.replace(self.root / CHANNELS)
