"""How often each profile found something worth a bet, in the last backtest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from betting_ai.errors import ModelError

BACKTEST: Final = "backtest.json"
"""Where it is kept, beside the models."""


@dataclass(frozen=True)
class Frequency:
    """Picks a month by profile.

    Attributes:
        first: first day of the backtest.
        last: last day.
        leagues: league codes; empty for all.
        a_month: profile -> picks a month that has matches.
    """

    first: date
    last: date
    leagues: tuple[str, ...]
    a_month: Mapping[str, float]

    def __str__(self) -> str:
        told = ", ".join(f"{name} {count:g}" for name, count in self.a_month.items())
        where = f" ({', '.join(self.leagues)})" if self.leagues else ""
        return f"{told} picks a month, {self.first} to {self.last}{where}"

    def to_json(self) -> str:
        """As it is kept."""
        return json.dumps(self.to_dict(), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Frequency:
        """As `to_json` wrote it.

        Raises:
            ModelError: it did not.
        """
        try:
            return cls.from_dict(json.loads(text))
        except ValueError as error:
            raise ModelError(f"{BACKTEST} cannot be read: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        days = {"first": self.first.isoformat(), "last": self.last.isoformat()}
        return asdict(self) | days | {"leagues": list(self.leagues)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Frequency:
        """As `to_dict` gave it.

        Raises:
            ModelError: it did not.
        """
        try:
            return cls(
                first=date.fromisoformat(told["first"]),
                last=date.fromisoformat(told["last"]),
                leagues=tuple(told["leagues"]),
                a_month={str(name): float(n) for name, n in told["a_month"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{BACKTEST} cannot be read: {error}") from None
