"""Trains one vintage: the four members, what can be learned out of sample, the artifact."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from betting_ai.domain.markets import MATCH_RESULT, BettingMarket, winner_market
from betting_ai.domain.probabilities import cross_entropy
from betting_ai.domain.sports import BASKETBALL, FOOTBALL, SPORTS, TENNIS
from betting_ai.errors import NothingToDoError
from betting_ai.features.checkpoint import Checkpoint
from betting_ai.features.facts import Facts, Ints
from betting_ai.features.market import closing_consensus, consensus_before_kickoff
from betting_ai.features.spec import FeatureSpec, spec_of
from betting_ai.models.manifest import CHECKPOINT, MANIFEST, WEIGHTS, Manifest
from betting_ai.training.baselines import fit_baselines
from betting_ai.training.bayesian import BayesianTrainer
from betting_ai.training.boosted import BoostedTrainer
from betting_ai.training.card import card
from betting_ai.training.dataset import FIRST_CLOSES, assemble, whole_history
from betting_ai.training.deep_rl import PolicyTrainer
from betting_ai.training.fit import LIBRARIES, Fit, Fits, NoFits, fitted, installed, spread_out
from betting_ai.training.forest import ForestTrainer
from betting_ai.training.members import Trainer
from betting_ai.training.outofsample import learn, walk_forward

TUNING: Final = {
    FOOTBALL: (date(2024, 6, 30), 112),
    TENNIS: (date(2021, 12, 24), 22),
    BASKETBALL: (date(2021, 7, 31), 16),
}
"""By sport: until which day seasons were looked at when settings were chosen, and how many
settings of features and members were compared on them. Slates up to that day are stamped."""

Progress = Callable[[str, float], None]
"""Told what is being done and the share that is finished."""


@dataclass(frozen=True)
class TrainingPlan:
    """How a vintage is trained.

    Attributes:
        through: last day whose results it may see.
        market: what it answers for.
        seasons_held_out: how many of the last seasons are predicted out of sample.
        trainers: of the members, in the order of `MEMBERS`.
        spec: constants of the features, whose pool weights are learned; None for the sport's own.
    """

    through: date
    market: BettingMarket = MATCH_RESULT
    seasons_held_out: int = 3
    trainers: tuple[Trainer, ...] = field(
        default_factory=lambda: (
            BoostedTrainer(),
            ForestTrainer(),
            PolicyTrainer(),
            BayesianTrainer(),
        )
    )
    spec: FeatureSpec | None = None

    @property
    def features(self) -> FeatureSpec:
        """What training begins with: the spec given, or that of the market's sport."""
        return self.spec or spec_of(self.market.sport)


def train(
    facts: Facts,
    payloads: Mapping[str, str],
    plan: TrainingPlan,
    progress: Progress,
    fits: Fits | None = None,
) -> dict[str, bytes]:
    """Train a vintage.

    Args:
        facts: matches, prices and results; what lies after ``plan.through`` is not looked at.
        payloads: ``"E0/2024"`` -> SHA-256 of the season file it was read from.
        plan: how.
        progress: told of every step.
        fits: where fits of the members are kept; nowhere by default.

    Returns:
        The artifact's files by name; the same facts and plan give the same bytes.

    Raises:
        NothingToDoError: too few matches to hold out what the plan asks.
        ModelError: an exported graph does not say what its member says.
    """
    steps = _Steps(progress, len(plan.trainers) * (plan.seasons_held_out + 1) + 3)
    facts = facts.where(facts.day <= _day(plan.through))
    folds = _folds(facts, plan)
    tuned_through, tried = TUNING[plan.market.sport]
    spec = _with_pool_weights(facts, plan, folds[0][0])
    steps.done("consensus weights")
    history = whole_history(facts, spec)
    data = assemble(facts, history, spec, FIRST_CLOSES, plan.market)
    steps.done("features")

    numbers = itertools.count(1)

    def fit(rows: Ints) -> Fit:
        which = f"fit {next(numbers)} of {plan.seasons_held_out + 1}"
        keep = fits or NoFits()
        return fitted(
            data, rows, plan.trainers, spec, keep, lambda name: steps.done(f"{which}, {name}")
        )

    learned = learn(data, walk_forward(data, folds, fit))
    final = fit(np.arange(len(data)))
    # A result known only after midnight is left to those who load what came after.
    past = history.where(history.known_day <= _day(plan.through))
    files = dict(final.graphs) | {CHECKPOINT: Checkpoint.of(past, payloads, spec).to_bytes()}
    manifest = Manifest(
        market=plan.market.name,
        version=plan.through.isoformat(),
        trained_through=plan.through,
        tuned_through=tuned_through,
        spec=spec,
        files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        weights=WEIGHTS,
        calibration=learned.calibration,
        pool_weight=learned.pool_weight,
        pick_weights=learned.pick_weights,
        market_only=learned.market_only,
        gate=learned.gate,
        ev_map=learned.ev_map,
        confidence=learned.confidence,
        risk=learned.risk,
        baselines=fit_baselines(data),
        reference=_reference(data.matrix),
        ranges=_ranges(data.matrix),
        metrics=learned.metrics
        | {"rows": len(data), "history": len(history), "settings_tried": tried},
        parity=final.parity,
        libraries={name: installed(name) for name in LIBRARIES},
    )
    steps.done("manifest")
    return files | {MANIFEST: manifest.to_json().encode(), "card.md": card(manifest).encode()}


def _folds(facts: Facts, plan: TrainingPlan) -> list[tuple[int, int]]:
    """The sport's last seasons before the end of training, the last of them up to that day."""
    end = plan.through
    sport = SPORTS[plan.market.sport]
    last = sport.season_of(end)
    seasons = range(last - plan.seasons_held_out + 1, last + 1)
    starts = [sport.season_days(season)[0] for season in seasons]
    bounds = [_day(start) for start in starts] + [_day(end) + 1]
    if not len(facts) or facts.day[0] > bounds[0] - 365:
        raise NothingToDoError(
            f"training through {end} holds out seasons from {starts[0]} on and needs matches "
            "from at least a year before that"
        )
    return list(itertools.pairwise(bounds))


def _with_pool_weights(facts: Facts, plan: TrainingPlan, before: int) -> FeatureSpec:
    """Weights of the consensus by role, on closes known before the first held-out day."""
    spec, market = plan.features, winner_market(plan.market.sport)
    days = (facts.day < before) & (facts.day >= before - 4 * 365)
    part = facts.where(days)
    close = closing_consensus(part, market=market)
    known = ~np.isnan(close[:, 0])
    if not known.any():
        return spec
    best: tuple[float, FeatureSpec] | None = None
    for named in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0):
        option = replace(spec, pool_named=named)
        q = consensus_before_kickoff(part, option, market)
        both = known & ~np.isnan(q[:, 0])
        loss = float(cross_entropy(close[both], q[both]).mean())
        if best is None or loss < best[0]:
            best = loss, option
    assert best is not None  # noqa: S101
    return best[1]


def _reference(matrix: np.ndarray) -> tuple[float | None, ...]:
    """The median of each feature: what "nothing known" means when a group is hidden."""
    wide = matrix[spread_out(len(matrix), 50_000)]
    known = ~np.isnan(wide)
    medians = [
        float(np.median(column[its])) if its.any() else None
        for column, its in zip(wide.T, known.T, strict=True)
    ]
    return tuple(medians)


def _ranges(matrix: np.ndarray) -> tuple[tuple[float | None, float | None, float], ...]:
    """Of each feature: 1st and 99th percentile, and the share of rows that miss it."""
    wide = matrix[spread_out(len(matrix), 50_000)]
    found: list[tuple[float | None, float | None, float]] = []
    for values in wide.T:
        known = values[~np.isnan(values)]
        missing = round(1.0 - len(known) / len(values), 4)
        if len(known):
            low, high = np.quantile(known, (0.01, 0.99), method="nearest").tolist()
            found.append((low, high, missing))
        else:
            found.append((None, None, missing))
    return tuple(found)


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
