"""Trains one vintage: the four members, what can be learned out of sample, the artifact."""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from betting_ai.domain.probabilities import cross_entropy
from betting_ai.errors import ModelError, NothingToDoError
from betting_ai.features.checkpoint import Checkpoint
from betting_ai.features.facts import Facts, Ints
from betting_ai.features.market import closing_consensus, consensus_before_kickoff
from betting_ai.features.spec import FeatureSpec
from betting_ai.models.manifest import (
    CHECKPOINT,
    ENSEMBLE,
    MANIFEST,
    MEMBERS,
    WEIGHTS,
    Manifest,
)
from betting_ai.models.scorer import Scorer
from betting_ai.training.bayesian import BayesianTrainer
from betting_ai.training.boosted import BoostedTrainer
from betting_ai.training.card import card
from betting_ai.training.dataset import FIRST_CLOSES, Dataset, assemble, whole_history
from betting_ai.training.deep_rl import PolicyTrainer
from betting_ai.training.forest import ForestTrainer
from betting_ai.training.graph import GraphBuilder
from betting_ai.training.members import Member, Trainer
from betting_ai.training.outofsample import learn, walk_forward

MARKET: Final = "match_result"
TUNED_THROUGH: Final = date(2024, 6, 30)
"""Settings were chosen on seasons up to this day; slates before it are stamped."""

PARITY_ROWS: Final = 10_000
PARITY_LIMIT: Final = 1e-5
LIBRARIES: Final = ("numpy", "onnx", "onnxruntime", "scikit-learn", "scipy", "xgboost-cpu")

Progress = Callable[[str, float], None]
"""Told what is being done and the share that is finished."""


@dataclass(frozen=True)
class TrainingPlan:
    """How a vintage is trained.

    Attributes:
        through: last day whose results it may see.
        seasons_held_out: how many of the last seasons are predicted out of sample.
        trainers: of the members, in the order of `MEMBERS`.
        spec: constants of the features; its pool weights are learned.
    """

    through: date
    seasons_held_out: int = 3
    trainers: tuple[Trainer, ...] = field(
        default_factory=lambda: (
            BoostedTrainer(),
            ForestTrainer(),
            PolicyTrainer(),
            BayesianTrainer(),
        )
    )
    spec: FeatureSpec = field(default_factory=FeatureSpec)


def train(
    facts: Facts, payloads: Mapping[str, str], plan: TrainingPlan, progress: Progress
) -> dict[str, bytes]:
    """Train a vintage; linear algebra runs on one thread, so that sums run in the same order.

    Args:
        facts: matches, prices and results; what lies after ``plan.through`` is not looked at.
        payloads: ``"E0/2024"`` -> SHA-256 of the season file it was read from.
        plan: how.
        progress: told of every step.

    Returns:
        The artifact's files by name; the same facts and plan give the same bytes.

    Raises:
        NothingToDoError: too few matches to hold out what the plan asks.
        ModelError: an exported graph does not say what its member says.
    """
    with threadpool_limits(1, user_api="blas"):
        return _train(facts, payloads, plan, progress)


def _train(
    facts: Facts, payloads: Mapping[str, str], plan: TrainingPlan, progress: Progress
) -> dict[str, bytes]:
    steps = _Steps(progress, 4 * (plan.seasons_held_out + 1) + 4)
    facts = facts.where(facts.day <= _day(plan.through))
    folds = _folds(facts, plan)
    spec = _with_pool_weights(facts, plan.spec, folds[0][0])
    steps.done("consensus weights")
    history = whole_history(facts, spec)
    data = assemble(facts, history, spec, FIRST_CLOSES)
    steps.done("features")
    seen = walk_forward(data, folds, plan.trainers, lambda name: steps.done(f"{name}, held out"))
    learned = learn(data, seen)
    everything = np.arange(len(data))
    members: dict[str, Member] = {}
    for trainer in plan.trainers:
        members[trainer.name] = trainer.train(data, everything)
        steps.done(trainer.name)
    graphs = _export(members, spec)
    parity = _check_parity(members, graphs, data)
    steps.done("export and parity")
    # A result known only after midnight is left to those who load what came after.
    past = history.where(history.known_day <= _day(plan.through))
    files = graphs | {CHECKPOINT: Checkpoint.of(past, payloads, spec).to_bytes()}
    manifest = Manifest(
        market=MARKET,
        version=plan.through.isoformat(),
        trained_through=plan.through,
        tuned_through=TUNED_THROUGH,
        spec=spec,
        files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        weights=WEIGHTS,
        calibration=learned.calibration,
        pool_weight=learned.pool_weight,
        pick_weights=learned.pick_weights,
        market_only=learned.market_only,
        ev_map=learned.ev_map,
        confidence=learned.confidence,
        risk=learned.risk,
        reference=_reference(data.matrix),
        metrics=learned.metrics | {"rows": len(data), "history": len(history)},
        parity=parity,
        libraries={name: _installed(name) for name in LIBRARIES},
    )
    steps.done("manifest")
    return files | {MANIFEST: manifest.to_json().encode(), "card.md": card(manifest).encode()}


def _folds(facts: Facts, plan: TrainingPlan) -> list[tuple[int, int]]:
    """The last years before the end of training, each from 1 July to 30 June or to that day."""
    end = plan.through
    last = end.year if end.month >= 7 else end.year - 1
    starts = [date(last - back, 7, 1) for back in range(plan.seasons_held_out)][::-1]
    bounds = [_day(start) for start in starts] + [_day(end) + 1]
    if not len(facts) or facts.day[0] > bounds[0] - 365:
        raise NothingToDoError(
            f"training through {end} holds out seasons from {starts[0]} on and needs matches "
            "from at least a year before that"
        )
    return list(itertools.pairwise(bounds))


def _with_pool_weights(facts: Facts, spec: FeatureSpec, before: int) -> FeatureSpec:
    """Weights of the consensus by role, on closes known before the first held-out day."""
    days = (facts.day < before) & (facts.day >= before - 4 * 365)
    part = facts.where(days)
    close = closing_consensus(part)
    known = ~np.isnan(close[:, 0])
    if not known.any():
        return spec
    best: tuple[float, FeatureSpec] | None = None
    for named in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0):
        option = replace(spec, pool_named=named)
        q = consensus_before_kickoff(part, option)
        both = known & ~np.isnan(q[:, 0])
        loss = float(cross_entropy(close[both], q[both]).mean())
        if best is None or loss < best[0]:
            best = loss, option
    assert best is not None  # noqa: S101
    return best[1]


def _export(members: dict[str, Member], spec: FeatureSpec) -> dict[str, bytes]:
    """One graph per member, and all in one."""
    files = {}
    merged = GraphBuilder()
    for name, member in members.items():
        alone = GraphBuilder()
        member.export(alone)
        files[f"{name}.onnx"] = alone.build(name, spec)
        merged.prefix = f"{name}_"
        member.export(merged)
    return files | {ENSEMBLE: merged.build("ensemble", spec)}


def _check_parity(
    members: dict[str, Member], graphs: dict[str, bytes], data: Dataset
) -> dict[str, float]:
    """Largest difference between native and merged ONNX over real rows, by member.

    Raises:
        ModelError: one of them is above the limit.
    """
    matrix = data.matrix[_spread(len(data), PARITY_ROWS)]
    scores = Scorer(graphs[ENSEMBLE]).score(matrix)
    parity = {}
    for name, answer in zip(MEMBERS, scores.members, strict=True):
        worst = float(np.abs(answer - members[name].predict(matrix)).max())
        if not worst <= PARITY_LIMIT:
            raise ModelError(f"the ONNX graph of {name} differs from the model by {worst:.2e}")
        parity[name] = worst
    return parity


def _spread(available: int, wanted: int) -> Ints:
    """Evenly spaced rows."""
    return np.unique(np.linspace(0, available - 1, min(wanted, available)).astype(np.int64))


def _reference(matrix: np.ndarray) -> tuple[float | None, ...]:
    """The median of each feature: what "nothing known" means when a group is hidden."""
    wide = matrix[_spread(len(matrix), 50_000)]
    known = ~np.isnan(wide)
    medians = [
        float(np.median(column[its])) if its.any() else None
        for column, its in zip(wide.T, known.T, strict=True)
    ]
    return tuple(medians)


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _day(moment: date) -> int:
    return (moment - date(1970, 1, 1)).days


@dataclass
class _Steps:
    progress: Progress
    total: int
    finished: int = 0

    def done(self, what: str) -> None:
        self.finished += 1
        self.progress(what, min(1.0, self.finished / self.total))


def write_artifact(files: dict[str, bytes], root: Path, manifest: Manifest) -> Path:
    """Put an artifact's files in place, whole or not at all."""
    target = root / manifest.market / manifest.version
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        fresh = Path(scratch) / "fresh"
        fresh.mkdir()
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        if target.exists():
            shutil.move(target, Path(scratch) / "old")
        shutil.move(fresh, target)
    return target


def promote(root: Path, manifest: Manifest, channel: str) -> None:
    """Add a version to a channel."""
    path = root / "channels.json"
    channels: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    versions = channels.setdefault(manifest.market, {}).setdefault(channel, [])
    channels[manifest.market][channel] = sorted({*versions, manifest.version})
    path.write_text(json.dumps(channels, indent=1, sort_keys=True) + "\n")
