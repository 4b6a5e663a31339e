"""Opaque cursors: where a list goes on."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from betting_ai.errors import InvalidInputError

T = TypeVar("T")

_YEARS = (1900, 2200)


def cursor(*place: object) -> str:
    """A place in a list as text."""
    told = [value.isoformat() if isinstance(value, datetime) else value for value in place]
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


def place(text: str | None, *kinds: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    """The place that `cursor` made into text; None for None.

    Args:
        text: the cursor.
        kinds: what reads each part, such as `instant` and `whole`.

    Raises:
        InvalidInputError: it is no cursor of this list.
    """
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        values = zip(kinds, json.loads(raw), strict=True)
        return tuple(kind(value) for kind, value in values)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        told = "cursor: not one that this list gave; begin again without it"
        raise InvalidInputError(told) from None


def instant(value: object) -> datetime:
    """Reads an aware instant that a database can hold.

    Raises:
        ValueError: it is none.
    """
    found = datetime.fromisoformat(value) if isinstance(value, str) else None
    if found is None or found.tzinfo is None or not _YEARS[0] < found.year < _YEARS[1]:
        raise ValueError
    return found.astimezone(UTC)


def whole(most: int) -> Callable[[object], int]:
    """What reads a whole number from 0 to ``most``."""

    def read(value: object) -> int:
        if type(value) is not int or not 0 <= value <= most:
            raise ValueError
        return value

    return read


def page(found: list[T], limit: int, at: Callable[[T], str]) -> tuple[list[T], str | None]:
    """The items of a page, and the cursor of the next.

    Args:
        found: one more than the page holds, where there are more.
        limit: of the page.
        at: the cursor of an item.
    """
    items = found[:limit]
    return items, at(items[-1]) if len(found) > limit else None
