"""Which model answers for a day: the newest promoted one that had not seen it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Final

from betting_ai.errors import ModelError, ModelMissingError, NoModelBeforeError
from betting_ai.features.checkpoint import Checkpoint
from betting_ai.models.manifest import CHECKPOINT, ENSEMBLE, MANIFEST, Manifest
from betting_ai.models.scorer import Scorer
from betting_ai.ports.model_store import ModelStore

CHANNELS: Final = "channels.json"

_log: Final = logging.getLogger("betting_ai.models")


@dataclass(frozen=True)
class Model:
    """A loaded artifact, every file checked against its manifest.

    Attributes:
        manifest: what it says of itself.
        scorer: the merged graph, ready to score.
        checkpoint: the past up to its last day of training.
        in_sample: it was trained on the day it is asked about.
    """

    manifest: Manifest
    scorer: Scorer
    checkpoint: Checkpoint
    in_sample: bool = False


@dataclass(frozen=True)
class Registry:
    """Promoted models in a store."""

    store: ModelStore

    def versions(self, market: str, channel: str) -> list[str]:
        """Versions promoted to a channel, oldest first.

        Raises:
            ModelError: the list of channels cannot be read or has none of this name.
        """
        try:
            return sorted(self.channels(market)[channel])
        except KeyError:
            raise ModelMissingError(f"no model was promoted to {market}/{channel}") from None

    def channels(self, market: str) -> dict[str, list[str]]:
        """Every channel's versions.

        Raises:
            ModelError: the list of channels cannot be read.
        """
        try:
            channels = json.loads(self.store.read(CHANNELS)).get(market, {})
            return {str(name): [str(v) for v in versions] for name, versions in channels.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"{CHANNELS} cannot be read: {error}") from None

    def manifest(self, market: str, version: str) -> Manifest:
        """One version's manifest."""
        path = f"{market}/{version}/{MANIFEST}"
        return Manifest.from_json(self.store.read(path), path)

    def pick(
        self, market: str, channel: str, as_of: datetime, allow_in_sample: bool = False
    ) -> Model:
        """The newest promoted model that was trained only on days before ``as_of``.

        Args:
            market: ``"match_result"``.
            channel: ``"stable"``.
            as_of: aware instant.
            allow_in_sample: where there is none, take the oldest and say so.

        Raises:
            NoModelBeforeError: every promoted model has seen the day.
        """
        manifest, in_sample = self.choose(market, channel, as_of, allow_in_sample)
        return self.load(manifest, in_sample)

    def choose(
        self, market: str, channel: str, as_of: datetime, allow_in_sample: bool = False
    ) -> tuple[Manifest, bool]:
        """As `pick`, without loading it: the manifest, and whether the model has seen the day."""
        manifests = [self.manifest(market, v) for v in self.versions(market, channel)]
        return _best_first(manifests, f"{market}/{channel}", as_of, allow_in_sample)[0]

    def load(self, manifest: Manifest, in_sample: bool = False) -> Model:
        """Read and check a model's files.

        Raises:
            ModelMissingError: a file is not there.
            ModelChecksumError: a file is not the one the manifest names.
        """
        scorer = Scorer(self.file(manifest, ENSEMBLE))
        return Model(manifest, scorer, self.checkpoint(manifest), in_sample)

    def checkpoint(self, manifest: Manifest) -> Checkpoint:
        """The past that a model brings along."""
        return Checkpoint.from_bytes(self.file(manifest, CHECKPOINT))

    def file(self, manifest: Manifest, name: str) -> bytes:
        """One file of a model, checked.

        Raises:
            ModelMissingError: it is not there.
            ModelChecksumError: it is not the one the manifest names.
        """
        path = f"{manifest.market}/{manifest.version}/{name}"
        return manifest.checked(name, self.store.read(path))


@dataclass(frozen=True)
class KeepingRegistry(Registry):
    """Keeps the models it loaded last for the next questions; any number of threads may ask.

    A model that is replaced under its name is loaded anew. Manifests are read each time, since they
    tell of that, but understood only once.

    Attributes:
        store: where they are.
        most: so many models are kept.
    """

    most: int = 2
    _kept: dict[tuple[str, ...], Model] = field(default_factory=dict, init=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, compare=False)
    _manifests: dict[str, tuple[bytes, Manifest]] = field(
        default_factory=dict, init=False, compare=False
    )

    def manifest(self, market: str, version: str) -> Manifest:
        """As `Registry.manifest`."""
        path = f"{market}/{version}/{MANIFEST}"
        text = self.store.read(path)
        kept = self._manifests.get(path)
        if kept is None or kept[0] != text:
            kept = self._manifests[path] = (text, Manifest.from_json(text, path))
        return kept[1]

    def load(self, manifest: Manifest, in_sample: bool = False) -> Model:
        """As `Registry.load`."""
        name = (manifest.market, manifest.version, *manifest.files.values())
        with self._lock:  # who asks for what is being loaded waits for it
            found = self._kept.pop(name, None) or super().load(manifest)
            self._kept[name] = found
            while len(self._kept) > self.most:
                self._kept.pop(next(iter(self._kept)))
        return replace(found, manifest=manifest, in_sample=in_sample)


@dataclass(frozen=True)
class LastGoodRegistry(KeepingRegistry):
    """Answers by the next older model where the newest cannot be used, and tells the log of it.

    For machines that must go on by themselves. A model is chosen only once it was loaded.
    """

    most: int = 4

    def choose(
        self, market: str, channel: str, as_of: datetime, allow_in_sample: bool = False
    ) -> tuple[Manifest, bool]:
        """As `Registry.choose`."""
        manifests, broken = [], None
        for version in self.versions(market, channel):
            try:
                manifests.append(self.manifest(market, version))
            except ModelError as error:
                broken = self._broken(market, version, error)
        if broken is not None and not manifests:
            raise broken
        for manifest, in_sample in _best_first(
            manifests, f"{market}/{channel}", as_of, allow_in_sample
        ):
            try:
                self.load(manifest, in_sample)
            except ModelError as error:
                broken = self._broken(market, manifest.version, error)
            else:
                return manifest, in_sample
        raise broken or ModelMissingError(f"no model was promoted to {market}/{channel}")

    @staticmethod
    def _broken(market: str, version: str, error: ModelError) -> ModelError:
        told = {"model": f"{market}/{version}", "code": error.code, "detail": str(error)}
        _log.error("a model cannot be used", extra=told)
        return error


def _best_first(
    manifests: Sequence[Manifest], where: str, as_of: datetime, allow_in_sample: bool
) -> list[tuple[Manifest, bool]]:
    """Those that may answer, and whether they have seen the day."""
    if not manifests:
        raise ModelMissingError(f"no model was promoted to {where}")
    ordered = sorted(manifests, key=lambda m: (m.trained_through, m.version))
    unseen = [m for m in ordered if _end_of(m) <= as_of]
    if unseen:
        return [(manifest, False) for manifest in reversed(unseen)]
    first = ordered[0]
    if allow_in_sample:
        return [(first, True)]
    raise NoModelBeforeError(
        f"no model was trained before {as_of:%Y-%m-%d}: the first was trained through "
        f"{first.trained_through}; ask for a later day"
    )


def _end_of(manifest: Manifest) -> datetime:
    """The first instant after the last day of training."""
    return datetime.combine(manifest.trained_through + timedelta(days=1), time(), UTC)
