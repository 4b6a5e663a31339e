"""Where marks stand in small figures: percentages along a line, for SVG drawn on the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self


def _place(share: float) -> str:
    return f"{100 * min(1.0, max(0.0, share)):.2f}%"


@dataclass(frozen=True)
class Scale:
    """A line from one value to another.

    Attributes:
        low: at its left end.
        high: at its right end; above ``low``.
    """

    low: float
    high: float

    @classmethod
    def around(cls, values: Iterable[float], margin: float = 0.1, least: float = 0.01) -> Self:
        """A line that holds all values with a margin at both ends, and is not too short."""
        its = list(values)
        low, high = min(its), max(its)
        room = max(high - low, least)
        middle = (low + high) / 2
        half = room * (0.5 + margin)
        return cls(middle - half, middle + half)

    @classmethod
    def even(cls, values: Iterable[float], least: float, most: float) -> Self:
        """A line with zero in its middle; what lies beyond ``most`` stands at its ends."""
        reach = min(most, max([least, *(abs(value) for value in values)]))
        return cls(-reach, reach)

    def at(self, value: float) -> str:
        """Where a value stands, as an SVG length."""
        return _place((value - self.low) / (self.high - self.low))

    def length(self, start: float, end: float) -> str:
        """From one value to another, as an SVG length; what lies outside is cut off."""
        within: Callable[[float], float] = lambda value: min(self.high, max(self.low, value))  # noqa: E731
        return _place((within(end) - within(start)) / (self.high - self.low))
