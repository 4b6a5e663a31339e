"""The published record: every entry has one text, and names the entry before it.

Whoever holds the entries can recompute each hash from the entry's text and the hash before it; a
change, a gap or an entry slipped in later breaks every hash after it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def canonical(entry: Mapping[str, Any]) -> str:
    """The one JSON text of an entry: sorted keys, no spaces, ASCII.

    Instants are written in UTC, decimals as text with the places they have. A zero has no sign:
    not everything that keeps JSON keeps it.

    Raises:
        ValueError: a number is not finite.
        TypeError: something JSON has no words for.
    """
    return json.dumps(
        _unsigned(entry), sort_keys=True, separators=(",", ":"), allow_nan=False, default=_as_text
    )


def digest(entry: Mapping[str, Any], previous: str = "") -> str:
    """SHA-256 of an entry's text followed by the hash before it, in hexadecimal.

    Args:
        entry: what `canonical` can write.
        previous: the hash of the entry before; empty for the first, or to name an entry alone.
    """
    return hashlib.sha256((canonical(entry) + previous).encode()).hexdigest()


def broken(
    entry: Mapping[str, Any], previous: str | None, link: str, before: str | None
) -> str | None:
    """What is wrong with one link of a chain; None where it holds.

    Args:
        entry: what the link's hash should be made of.
        previous: the hash that the link names as the one before it.
        link: its own hash.
        before: the hash of the link that does come before it; None for the first.
    """
    if previous != before:
        return "it does not follow the entry before it: one is missing, or was slipped in"
    if digest(entry, previous or "") != link:
        return "what it says is not what was published"
    return None


def _unsigned(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The same with 0.0 for every -0.0."""
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, Mapping):
        return {name: _unsigned(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_unsigned(each) for each in value]
    return value


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in the record")
