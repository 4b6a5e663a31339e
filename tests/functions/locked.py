"""One process at a time, of all that test at once."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Nobody else is within a block of this name."""
    path = Path(tempfile.gettempdir()) / f"betting-ai-{name}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
