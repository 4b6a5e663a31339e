"""What a model artifact says of itself: how it was made, what it may be used for, how it did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final, Self

from betting_ai.domain.probabilities import Calibration
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
CHECKPOINT: Final = "feature_state.npz"


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
        ev_map: from claimed EV to realised CLV.
        confidence: probability that the price taken beats the fair close.
        risk: what counts as disagreement.
        reference: feature values that stand for "nothing known" when a group is hidden.
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
    ev_map: EvMap
    confidence: ConfidenceModel
    risk: RiskScale
    reference: tuple[float | None, ...]
    metrics: Mapping[str, Any]
    parity: Mapping[str, float]
    libraries: Mapping[str, str]

    def to_json(self) -> str:
        """Canonical JSON; the same manifest gives the same text."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["trained_through"] = self.trained_through.isoformat()
        data["tuned_through"] = self.tuned_through.isoformat()
        data["spec_hash"] = self.spec.hash
        for name in ("spec", "calibration", "ev_map", "confidence", "risk"):
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
                    "calibration": Calibration.from_dict(data["calibration"]),
                    "ev_map": EvMap.from_dict(data["ev_map"]),
                    "confidence": ConfidenceModel.from_dict(data["confidence"]),
                    "risk": RiskScale.from_dict(data["risk"]),
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
