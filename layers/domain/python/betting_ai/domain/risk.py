"""How much could be wrong with a pick: 0 is safest, 1 is riskiest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from betting_ai.domain.probabilities import Floats
from betting_ai.errors import InvalidInputError

FEWEST_BOOKS: Final = 3
"""With fewer books their disagreement says nothing and counts as large."""


@dataclass(frozen=True)
class RiskScale:
    """What counts as a large disagreement: 90th percentiles of the candidates in training.

    Attributes:
        s90: of the standard deviation of the members' probabilities.
        d90: of the standard deviation of the books' fair probabilities.
    """

    s90: float
    d90: float

    def __post_init__(self) -> None:
        if not (self.s90 > 0.0 and self.d90 > 0.0):
            raise InvalidInputError("the risk scale's percentiles must be positive")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(float(data["s90"]), float(data["d90"]))

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {"s90": self.s90, "d90": self.d90}


def spread(probabilities: npt.ArrayLike) -> Floats:
    """Population standard deviation over the first axis, of those that answered.

    Args:
        probabilities: (sources, ...) of one selection each, NaN where a source did not answer.

    Returns:
        (...); NaN where none answered.
    """
    values = np.asarray(probabilities, np.float64)
    answered = ~np.isnan(values)
    count = np.where(answered.any(axis=0), answered.sum(axis=0), np.nan)
    mean = np.where(answered, values, 0.0).sum(axis=0) / count
    squares = np.where(answered, (values - mean) ** 2, 0.0).sum(axis=0) / count
    deviation: Floats = np.sqrt(squares)
    return deviation


def risk_score(
    f: npt.ArrayLike,
    member_spread: npt.ArrayLike,
    book_spread: npt.ArrayLike,
    books: npt.ArrayLike,
    scale: RiskScale,
) -> Floats:
    """``0.5 (1 - f) + 0.3 min(1, s / s90) + 0.2 min(1, d / d90)``, in [0, 1].

    Args:
        f: pick price of the selection.
        member_spread: ``s``, the `spread` of the members' probabilities; NaN (no member
            answered) counts as ``s90``.
        book_spread: ``d``, the `spread` of the books' fair probabilities.
        books: how many books were priced; with fewer than 3, ``d`` counts as ``d90``.
        scale: what counts as large.
    """
    s = np.asarray(member_spread, np.float64) / scale.s90
    d = np.asarray(book_spread, np.float64) / scale.d90
    # fmin passes NaN over: an unknown spread is taken for a large one
    members = np.fmin(s, 1.0)
    quoted = np.where(np.asarray(books) < FEWEST_BOOKS, 1.0, np.fmin(d, 1.0))
    return 0.5 * (1.0 - np.asarray(f, np.float64)) + 0.3 * members + 0.2 * quoted
