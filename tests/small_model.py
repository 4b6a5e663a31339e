"""A real model trained in seconds on a small league, for tests of everything that serves one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from types import MappingProxyType

from betting_ai.errors import ModelMissingError
from betting_ai.features.facts import Facts
from betting_ai.models.manifest import MANIFEST, Manifest
from betting_ai.models.registry import CHANNELS, Registry
from betting_ai.training.bayesian import BayesianTrainer
from betting_ai.training.boosted import BoostedTrainer
from betting_ai.training.deep_rl import PolicyTrainer
from betting_ai.training.forest import ForestTrainer
from betting_ai.training.members import Trainer
from betting_ai.training.train import TrainingPlan, train
from small_league import seasons_of

SMALL_TRAINERS: tuple[Trainer, ...] = (
    BoostedTrainer(rounds=30),
    ForestTrainer(trees=20),
    PolicyTrainer(sweeps=1),
    BayesianTrainer(),
)
THROUGH = date(2022, 6, 30)


@dataclass(frozen=True)
class MemoryStore:
    """A model store over bytes."""

    files: Mapping[str, bytes]

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise ModelMissingError(f"model file {path} is missing")
        return self.files[path]


def league() -> Facts:
    """Four seasons to learn from, and one after them."""
    return seasons_of(seasons=(2018, 2019, 2020, 2021, 2022), teams=12)


@cache
def artifact(through: date = THROUGH) -> Mapping[str, bytes]:
    """The files of a model trained on the small league."""
    plan = TrainingPlan(through, seasons_held_out=1, trainers=SMALL_TRAINERS)
    return MappingProxyType(train(league(), {}, plan, lambda _what, _share: None))


def registry(through: date = THROUGH, **manifest: object) -> Registry:
    """A registry of one promoted model, with parts of its manifest replaced."""
    return promoted(artifact(through), **manifest)


def promoted(artifact: Mapping[str, bytes], **manifest: object) -> Registry:
    """A registry of one artifact, with parts of its manifest replaced."""
    files = dict(artifact)
    market = Manifest.from_json(files[MANIFEST]).market
    if manifest:
        told = replace(Manifest.from_json(files[MANIFEST]), **manifest)  # type: ignore[arg-type]
        files[MANIFEST] = told.to_json().encode()
    version = Manifest.from_json(files[MANIFEST]).version
    channels = {market: {"stable": [version]}}
    stored = {f"{market}/{version}/{name}": content for name, content in files.items()}
    return Registry(MemoryStore(stored | {CHANNELS: json.dumps(channels).encode()}))
