"""One fit: the four members of a market on some rows, as graphs, checked and kept.

What a season is predicted with out of sample are the graphs that are served, not the libraries
that trained them. A fit is kept under a digest of everything that it depends on, so that the
vintages of a backtest share theirs and an interrupted one goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from betting_ai.errors import ModelError
from betting_ai.features.facts import Ints
from betting_ai.features.spec import FeatureSpec
from betting_ai.models.manifest import CLOSE, ENSEMBLE, MEMBERS
from betting_ai.models.scorer import CLOSE_INPUT, Scorer
from betting_ai.models.timing import CLOSE_STATE, closing_stage
from betting_ai.training.dataset import Dataset
from betting_ai.training.deep_rl import PolicyMember
from betting_ai.training.graph import GraphBuilder
from betting_ai.training.linear import LinearMove
from betting_ai.training.members import Member, Trainer

PARITY_ROWS: Final = 10_000
PARITY_LIMIT: Final = 1e-5
LIBRARIES: Final = ("numpy", "onnx", "onnxruntime", "scikit-learn", "scipy", "xgboost-cpu")

_CODE: Final = ("bayesian", "boosted", "deep_rl", "forest", "graph", "linear", "skill")
"""Modules that a fit depends on: what they say is part of its key."""

_PARITY: Final = "parity.json"


@dataclass(frozen=True)
class Fit:
    """The members trained on some rows.

    Attributes:
        graphs: file name -> ONNX: each member alone, all in one, and the close's Q-network.
        parity: largest difference between native and ONNX, by member.
    """

    graphs: Mapping[str, bytes]
    parity: Mapping[str, float]


class Fits(Protocol):
    """Where fits are kept."""

    def get(self, key: str) -> Fit | None:
        """The fit of a key, where it is kept."""
        ...

    def put(self, key: str, fit: Fit) -> None:
        """Keep a fit."""
        ...


class NoFits:
    """Keeps nothing."""

    def get(self, key: str) -> Fit | None:
        """Never there."""

    def put(self, key: str, fit: Fit) -> None:
        """Not kept."""


@dataclass(frozen=True)
class FolderFits:
    """Fits in a folder, each whole or not there."""

    root: Path

    def __len__(self) -> int:
        return sum(1 for _ in self.root.glob(f"*/{_PARITY}"))

    def get(self, key: str) -> Fit | None:
        """The fit of a key, where it is kept."""
        folder = self.root / key
        if not (folder / _PARITY).is_file():
            return None
        graphs = {path.name: path.read_bytes() for path in sorted(folder.glob("*.onnx"))}
        return Fit(graphs, json.loads((folder / _PARITY).read_text()))

    def put(self, key: str, fit: Fit) -> None:
        """Keep a fit."""
        self.root.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=self.root))
        for name, graph in fit.graphs.items():
            (scratch / name).write_bytes(graph)
        (scratch / _PARITY).write_text(json.dumps(dict(fit.parity)))
        if (self.root / key).exists():
            shutil.rmtree(scratch)
        else:
            scratch.rename(self.root / key)


def fitted(
    data: Dataset,
    rows: Ints,
    trainers: Sequence[Trainer],
    spec: FeatureSpec,
    fits: Fits,
    done: Callable[[str], None],
) -> Fit:
    """The members trained on rows, from where they are kept or afresh.

    Linear algebra runs on one thread, so that sums run in the same order.

    Args:
        data: all rows.
        rows: those to learn from.
        trainers: of the members, in the order of `MEMBERS`.
        spec: of the features.
        fits: where fits are kept.
        done: told of every member.

    Raises:
        ModelError: an exported graph does not say what its member says.
    """
    key = _key(data, rows, trainers, spec)
    if (kept := fits.get(key)) is not None:
        for trainer in trainers:
            done(trainer.name)
        return kept
    with threadpool_limits(1, user_api="blas"):
        linear = LinearMove.fit(data, rows)
        members: dict[str, Member] = {}
        for trainer in trainers:
            members[trainer.name] = trainer.train(data, rows, linear)
            done(trainer.name)
        graphs = _export(members, data, spec)
        fit = Fit(graphs, _check_parity(members, graphs[ENSEMBLE], data.matrix[rows]))
    fits.put(key, fit)
    return fit


def _key(data: Dataset, rows: Ints, trainers: Sequence[Trainer], spec: FeatureSpec) -> str:
    """Digest of all that a fit depends on: rows, labels, settings, code and libraries."""
    digest = hashlib.sha256()
    told = [spec.hash, data.betting.name, *map(repr, trainers)]
    told += [f"{name} {installed(name)}" for name in LIBRARIES]
    digest.update("\n".join(told).encode())
    for module in _CODE:
        digest.update((Path(__file__).parent / f"{module}.py").read_bytes())
    close = closing_stage(data.facts, data.features.market, data.offers, data.rows[rows], rows)
    for column in (
        data.matrix[rows], data.consensus[rows], data.target[rows], data.weight[rows],
        close.state, close.later, close.known,
    ):  # fmt: skip
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _export(members: dict[str, Member], data: Dataset, spec: FeatureSpec) -> dict[str, bytes]:
    """One graph per member, all in one, and the second decision's."""
    files = {}
    sport = data.betting.sport
    merged = GraphBuilder(sport=sport)
    for name, member in members.items():
        alone = GraphBuilder(sport=sport)
        member.export(alone)
        files[f"{name}.onnx"] = alone.build(name, spec, data.betting)
        merged.prefix = f"{name}_"
        member.export(merged)
        if isinstance(member, PolicyMember):
            close = GraphBuilder()
            member.export_close(close, CLOSE_INPUT)
            files[CLOSE] = close.build("close", spec, data.betting, (CLOSE_INPUT, CLOSE_STATE))
    return files | {ENSEMBLE: merged.build("ensemble", spec, data.betting)}


def _check_parity(members: dict[str, Member], graph: bytes, matrix: np.ndarray) -> dict[str, float]:
    """Largest difference between native and merged ONNX over real rows, by member.

    Raises:
        ModelError: one of them is above the limit.
    """
    matrix = matrix[spread_out(len(matrix), PARITY_ROWS)]
    scores = Scorer(graph).score(matrix)
    parity = {}
    for name, answer in zip(MEMBERS, scores.members, strict=True):
        worst = float(np.abs(answer - members[name].predict(matrix)).max())
        if not worst <= PARITY_LIMIT:
            raise ModelError(f"the ONNX graph of {name} differs from the model by {worst:.2e}")
        parity[name] = worst
    return parity


def spread_out(available: int, wanted: int) -> Ints:
    """Evenly spaced rows."""
    return np.unique(np.linspace(0, available - 1, min(wanted, available)).astype(np.int64))


def installed(name: str) -> str:
    """Version of a library; "absent" where it is not there."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
