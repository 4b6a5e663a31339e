"""Files that a command writes: looked at before the work, and whole or not at all after it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from betting_ai.errors import InvalidInputError


def check_outputs(outputs: Mapping[str, Path | None]) -> None:
    """Refuse at once what could not be written once the work is done.

    Args:
        outputs: option -> file; None where the option was not given.

    Raises:
        InvalidInputError: one of them is a folder, or lies where nothing can be written.
    """
    for option, path in outputs.items():
        if path is None:
            continue
        parent = path.absolute().parent
        if path.is_dir():
            raise InvalidInputError(f"{option} {path} is a folder; name a file")
        if not parent.is_dir():
            raise InvalidInputError(f"{option} {path}: there is no folder {parent}")
        if not os.access(path if path.exists() else parent, os.W_OK):
            raise InvalidInputError(f"{option} {path} may not be written to")


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; nothing is left beside it."""
    scratch = path.with_name(f".{path.name}.part")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def without_nan(value: Any) -> Any:  # noqa: ANN401
    """JSON has no NaN: an unknown number is null."""
    if isinstance(value, dict):
        return {name: without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124
