"""Work that must not be done twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Once(Protocol):
    """Remembers by name what was done."""

    def __call__(self, name: str, work: Callable[[], None]) -> bool:
        """Do the work and remember that it was done, unless it was done before.

        In this order a crash between the two repeats the work; in the other it would lose it. What
        fails counts as not done.

        Returns:
            Whether it was done now.

        Raises:
            AlreadyRunningError: another does it at this moment.
        """
        ...
