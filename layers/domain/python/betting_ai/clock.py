"""The only place that reads the time of day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant, always aware and in UTC."""

    def now(self) -> datetime:
        """The present instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands still; for replays and tests."""

    instant: datetime

    def now(self) -> datetime:
        """The instant it was made with."""
        return self.instant


class MovingClock:
    """A clock that shows what it is set to, and never runs backwards; for living days again."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        """The instant it was set to last."""
        return self._instant

    def move(self, instant: datetime) -> None:
        """Set it; an earlier instant than the present one changes nothing."""
        self._instant = max(self._instant, instant)
