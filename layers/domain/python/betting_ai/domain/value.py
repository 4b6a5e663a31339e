"""What a price is worth: expected value, confidence, closing-line value and the scores of a pick.

Two expected values, never mixed: the *model EV* is what the pick price claims, *EV* is what such
claims have turned out to be worth at the close. Criteria, scores and stakes use EV.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from betting_ai.domain.odds import Bools
from betting_ai.domain.probabilities import Floats
from betting_ai.errors import InvalidInputError

ONE_SIDED_90: Final = 1.2815515655446004
"""The 90 % quantile of the standard normal distribution."""

TICK: Final = Decimal("0.01")
"""The step between two prices that `bet_until_price` looks at."""

LOWEST_PRICE: Final = Decimal("1.01")
"""The lowest price that is worth naming."""


def model_expected_value(f: npt.ArrayLike, price: npt.ArrayLike) -> Floats:
    """What the pick price claims per unit staked: ``f * o - 1``, ``o`` net of commission."""
    return np.asarray(f, np.float64) * np.asarray(price, np.float64) - 1.0


def clv(price: npt.ArrayLike, q_close: npt.ArrayLike) -> Floats:
    """Closing-line value: ``o * q_close - 1``; NaN where there is no close."""
    return np.asarray(price, np.float64) * np.asarray(q_close, np.float64) - 1.0


def risk_adjusted_return(ev: npt.ArrayLike, f: npt.ArrayLike, price: npt.ArrayLike) -> Floats:
    """The Sharpe ratio of one bet: EV over the standard deviation ``o * sqrt(f (1 - f))``."""
    p = np.asarray(f, np.float64)
    deviation: Floats = np.asarray(price, np.float64) * np.sqrt(p * (1.0 - p))
    return np.asarray(ev, np.float64) / deviation


def composite_score(confidence: npt.ArrayLike, ev: npt.ArrayLike, rar: npt.ArrayLike) -> Floats:
    """The score that picks are ranked by, in [0, 1].

    ``0.40 * confidence / 100 + 0.35 * clip(EV / 0.10) + 0.25 * clip(RAR / 0.10)``.

    Args:
        confidence: 0 to 100.
        ev: expected value, as a fraction of the stake.
        rar: risk-adjusted return.
    """
    sure = np.clip(np.asarray(confidence, np.float64) / 100.0, 0.0, 1.0)
    worth = np.clip(np.asarray(ev, np.float64) / 0.10, 0.0, 1.0)
    steady = np.clip(np.asarray(rar, np.float64) / 0.10, 0.0, 1.0)
    return 0.40 * sure + 0.35 * worth + 0.25 * steady


@dataclass(frozen=True)
class EvMap:
    """The map from claimed EV to realised CLV, as data; monotone.

    Linear between knots. Below the first knot it shifts one for one. Above the last it never
    extrapolates upward: the last knot's ratio of realised to claimed holds, at most 1, and the
    standard error grows in proportion.

    Attributes:
        claimed: model EV at the knots, rising.
        realised: CLV that such claims turned out to have, never falling.
        standard_errors: of ``realised``.
    """

    claimed: tuple[float, ...]
    realised: tuple[float, ...]
    standard_errors: tuple[float, ...]

    def __post_init__(self) -> None:
        knots = (self.claimed, self.realised, self.standard_errors)
        if not self.claimed or len({len(k) for k in knots}) > 1 or not np.isfinite(knots).all():
            raise InvalidInputError("an EV map needs equally many finite claims, values and errors")
        if (np.diff(self.claimed) <= 0.0).any() or (np.diff(self.realised) < 0.0).any():
            raise InvalidInputError("an EV map's claims must rise and its values must not fall")
        if min(self.standard_errors) < 0.0:
            raise InvalidInputError("an EV map's standard errors must not be negative")
        if self.claimed[-1] <= 0.0 and self.realised != self.claimed:
            raise InvalidInputError("an EV map's last claim must be positive")

    @classmethod
    def identity(cls, standard_error: float) -> Self:
        """The map until one is learned: EV is the model EV, with the standard error given."""
        return cls((0.0,), (0.0,), (standard_error,))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            _floats(data["claimed"]), _floats(data["realised"]), _floats(data["standard_errors"])
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {
            "claimed": list(self.claimed),
            "realised": list(self.realised),
            "standard_errors": list(self.standard_errors),
        }

    def expected_value(self, model_ev: npt.ArrayLike) -> Floats:
        """EV for a model EV, same shape."""
        claim = np.asarray(model_ev, np.float64)
        top_claim, top_value = self.claimed[-1], self.realised[-1]
        ratio = min(1.0, top_value / top_claim) if top_claim > 0.0 else 1.0
        inside = np.interp(claim, self.claimed, self.realised)
        below = np.minimum(claim - self.claimed[0], 0.0)
        return np.where(claim > top_claim, np.maximum(top_value, ratio * claim), inside + below)

    def standard_error(self, model_ev: npt.ArrayLike) -> Floats:
        """Standard error of `expected_value`, same shape."""
        claim = np.asarray(model_ev, np.float64)
        top_claim = self.claimed[-1]
        beyond = np.maximum(claim / top_claim, 1.0) if top_claim > 0.0 else 1.0
        return np.interp(claim, self.claimed, self.standard_errors) * beyond

    def lower_bound(self, model_ev: npt.ArrayLike) -> Floats:
        """One-sided 90 % lower bound of EV, same shape."""
        return self.expected_value(model_ev) - ONE_SIDED_90 * self.standard_error(model_ev)


@dataclass(frozen=True)
class ConfidenceModel:
    """The probability that a price beats the fair consensus close: a logistic regression as data.

    Attributes:
        feature_names: what it looks at.
        means: of each feature in training; stands in for a missing value.
        scales: standard deviation of each feature in training.
        coefficients: of the standardised features.
        intercept: of the regression, in log-odds.
        recalibration: optional knots (raw probability, calibrated probability), both never
            falling; linear between them and flat outside.
    """

    feature_names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    recalibration: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        columns = (self.means, self.scales, self.coefficients)
        if any(len(column) != len(self.feature_names) for column in columns):
            raise InvalidInputError("a confidence model needs one of each number per feature")
        if any(scale <= 0.0 for scale in self.scales):
            raise InvalidInputError("a confidence model's scales must be positive")
        raw, calibrated = self._knots()
        if (np.diff(raw) <= 0.0).any() or (np.diff(calibrated) < 0.0).any():
            raise InvalidInputError("a confidence model's recalibration must rise")

    @classmethod
    def none(cls) -> Self:
        """Confidence where no price was ever seen beside a close: 0, which meets no criterion."""
        return cls((), (), (), (), -100.0)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            feature_names=tuple(map(str, data["feature_names"])),
            means=_floats(data["means"]),
            scales=_floats(data["scales"]),
            coefficients=_floats(data["coefficients"]),
            intercept=float(data["intercept"]),
            recalibration=tuple((float(x), float(y)) for x, y in data["recalibration"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {
            "feature_names": list(self.feature_names),
            "means": list(self.means),
            "scales": list(self.scales),
            "coefficients": list(self.coefficients),
            "intercept": self.intercept,
            "recalibration": [list(knot) for knot in self.recalibration],
        }

    def confidence(self, features: Mapping[str, npt.ArrayLike]) -> Floats:
        """Confidence from 0 to 100.

        Args:
            features: a value or an array per feature name, broadcast against each other; names
                the model does not know are passed over.

        Raises:
            InvalidInputError: a feature is not given at all.
        """
        absent = [name for name in self.feature_names if name not in features]
        if absent:
            raise InvalidInputError(f"confidence needs the features {', '.join(absent)}")
        score = np.asarray(self.intercept, np.float64)
        columns = zip(self.feature_names, self.means, self.scales, self.coefficients, strict=True)
        for name, mean, scale, coefficient in columns:
            value = np.asarray(features[name], np.float64)
            score = score + coefficient * np.where(np.isnan(value), 0.0, (value - mean) / scale)
        # tanh saturates quietly where exp would overflow
        p = 0.5 + 0.5 * np.tanh(0.5 * score)
        if self.recalibration:
            p = np.interp(p, *self._knots())
        return 100.0 * p

    def _knots(self) -> tuple[Floats, Floats]:
        knots = np.asarray(self.recalibration, np.float64).reshape(-1, 2)
        return knots[:, 0], knots[:, 1]


def bet_until_price(price: Decimal, meets: Callable[[Floats], Bools]) -> Decimal | None:
    """The lowest price at which a pick still meets the criteria.

    Looks at every whole tick below the price and walks down from the top, so that the criteria
    hold at the price returned and at each tick between it and ``price``, and one tick lower they
    do not or `LOWEST_PRICE` is reached.

    Args:
        price: the price offered, net of commission.
        meets: whether the criteria hold at each of an array of prices, (n,) -> (n,); expected
            value and confidence both depend on the price.

    Returns:
        The price, or None where the criteria do not hold at ``price`` itself.
    """
    top = (price / TICK).to_integral_value(ROUND_FLOOR)
    ticks = [TICK * i for i in range(int(top), int(LOWEST_PRICE / TICK) - 1, -1)]
    ladder = [price, *(tick for tick in ticks if tick < price)]
    failing = np.flatnonzero(~meets(np.array(ladder, np.float64)))
    passed = int(failing[0]) if failing.size else len(ladder)
    return ladder[passed - 1] if passed else None


def _floats(values: Sequence[Any]) -> tuple[float, ...]:
    return tuple(map(float, values))
