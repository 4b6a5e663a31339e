"""What a model artifact says of itself: how it was made, what it may be used for, how it did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from betting_ai.domain.probabilities import Calibration, Floats, normalise
from betting_ai.domain.risk import RiskScale
from betting_ai.domain.value import ConfidenceModel, EvMap
from betting_ai.errors import (
    InvalidInputError,
    ModelChecksumError,
    ModelError,
    SpecMismatchError,
)
from betting_ai.features.spec import FeatureSpec

MEMBERS: Final = ("xgboost", "random_forest", "deep_rl", "bayesian")
"""The members of the ensemble, in the order of every array of member probabilities."""

WEIGHTS: Final = (0.35, 0.25, 0.25, 0.15)
"""Their weights in the linear pool."""

MANIFEST: Final = "manifest.json"
ENSEMBLE: Final = "ensemble.onnx"
CLOSE: Final = "close.onnx"
CHECKPOINT: Final = "feature_state.npz"


@dataclass(frozen=True)
class Gate:
    """Whether a market may give picks.

    Attributes:
        open: it may.
        why: the figures that decided it, in one line.
    """

    open: bool
    why: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {"open": self.open, "why": self.why}


@dataclass(frozen=True)
class Baselines:
    """Predictions that a model must be measured against, fitted on the same matches.

    Attributes:
        base_rates: league code -> share of each selection; "" for all leagues together.
        elo_intercepts: of a multinomial regression on the difference in Elo; empty for a market
            that Elo says nothing of.
        elo_slopes: per 400 points.
    """

    base_rates: Mapping[str, tuple[float, ...]]
    elo_intercepts: tuple[float, ...] = ()
    elo_slopes: tuple[float, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            {str(league): tuple(map(float, p)) for league, p in data["base_rates"].items()},
            tuple(map(float, data["elo_intercepts"])),
            tuple(map(float, data["elo_slopes"])),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {
            "base_rates": {league: list(p) for league, p in self.base_rates.items()},
            "elo_intercepts": list(self.elo_intercepts),
            "elo_slopes": list(self.elo_slopes),
        }

    def rates(self, leagues: Sequence[str]) -> Floats:
        """(n, s) base rates of leagues; of all together where one is not known."""
        return np.array([self.base_rates.get(code, self.base_rates[""]) for code in leagues])

    def elo(self, difference: npt.ArrayLike) -> Floats:
        """(n, s) probabilities from (n,) differences in Elo; (n, 0) where it says nothing."""
        x = np.asarray(difference, np.float64)[:, None] / 400.0
        if not self.elo_slopes:
            return np.empty((len(x), 0))
        return normalise(np.exp(np.array(self.elo_intercepts) + np.array(self.elo_slopes) * x))


@dataclass(frozen=True)
class Manifest:
    """A model artifact.

    Attributes:
        market: ``"match_result"``.
        version: unique name; begins with the day it was trained through.
        trained_through: last day whose results it saw.
        tuned_through: last day that a choice of features or settings looked at.
        spec: the features it was trained on.
        files: file name -> SHA-256.
        weights: of the members in the linear pool, in the order of `MEMBERS`.
        calibration: of the linear pool, fitted out of fold on results.
        pool_weight: lambda, the calibrated ensemble's weight against the consensus in ``p``.
        pick_weights: ``w_m`` of the pick price, fitted out of fold on the fair close.
        market_only: the members added nothing to the consensus out of fold.
        gate: whether the market may give picks, and why or why not.
        ev_map: from claimed EV to realised CLV.
        confidence: probability that the price taken beats the fair close.
        risk: what counts as disagreement.
        baselines: what the figures are compared with: base rates by league, Elo alone.
        reference: feature values that stand for "nothing known" when a group is hidden.
        ranges: of each feature in training: 1st and 99th percentile, and share missing.
        metrics: held-out figures.
        parity: largest difference between native and ONNX, by member.
        libraries: versions of what made it.
    """

    market: str
    version: str
    trained_through: date
    tuned_through: date
    spec: FeatureSpec
    files: Mapping[str, str]
    weights: tuple[float, ...]
    calibration: Calibration
    pool_weight: float
    pick_weights: tuple[float, ...]
    market_only: bool
    gate: Gate
    ev_map: EvMap
    confidence: ConfidenceModel
    risk: RiskScale
    baselines: Baselines
    reference: tuple[float | None, ...]
    ranges: tuple[tuple[float | None, float | None, float], ...]
    metrics: Mapping[str, Any]
    parity: Mapping[str, float]
    libraries: Mapping[str, str]

    def to_json(self) -> str:
        """Canonical JSON; the same manifest gives the same text."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["trained_through"] = self.trained_through.isoformat()
        data["tuned_through"] = self.tuned_through.isoformat()
        data["spec_hash"] = self.spec.hash
        for name in ("spec", "calibration", "ev_map", "confidence", "risk", "gate", "baselines"):
            data[name] = getattr(self, name).to_dict()
        return json.dumps(data, indent=1, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, name: str = MANIFEST) -> Self:
        """Read what `to_json` wrote.

        Args:
            text: the JSON.
            name: of the file, for messages.

        Raises:
            ModelError: the text is not a manifest.
            SpecMismatchError: it was trained on features that this version does not build.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            spec = FeatureSpec.from_dict(data["spec"])
            if spec.hash != data.pop("spec_hash"):
                raise SpecMismatchError(
                    f"model {data['version']} was trained on other features than this version "
                    "builds; train it again or use the version that made it"
                )
            return cls(
                **data
                | {
                    "spec": spec,
                    "trained_through": date.fromisoformat(data["trained_through"]),
                    "tuned_through": date.fromisoformat(data["tuned_through"]),
                    "weights": tuple(data["weights"]),
                    "pick_weights": tuple(data["pick_weights"]),
                    "reference": tuple(data["reference"]),
                    "ranges": tuple((low, high, missing) for low, high, missing in data["ranges"]),
                    "calibration": Calibration.from_dict(data["calibration"]),
                    "ev_map": EvMap.from_dict(data["ev_map"]),
                    "confidence": ConfidenceModel.from_dict(data["confidence"]),
                    "risk": RiskScale.from_dict(data["risk"]),
                    "gate": Gate(**data["gate"]),
                    "baselines": Baselines.from_dict(data["baselines"]),
                }
            )
        except (ValueError, KeyError, TypeError, InvalidInputError) as error:
            told = f"it has no {error}" if isinstance(error, KeyError) else error
            raise ModelError(f"the model's {name} cannot be read: {told}") from None

    def checked(self, name: str, content: bytes) -> bytes:
        """The content of one of its files, if it is the right one.

        Raises:
            ModelChecksumError: it is not.
        """
        if hashlib.sha256(content).hexdigest() != self.files.get(name):
            raise ModelChecksumError(
                f"model file {name} of {self.version} is not the one its manifest names; "
                "restore it or run `train`"
            )
        return content
