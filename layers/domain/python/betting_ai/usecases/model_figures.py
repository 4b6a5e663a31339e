"""How well models predicted, as it travels from where they are judged to the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date
from typing import Any, Final

from betting_ai.errors import NotJsonError
from betting_ai.ports.repositories import MemberFigures

_DAYS: Final = ("first_day", "last_day")


def as_document(figures: Sequence[MemberFigures]) -> bytes:
    """Figures as JSON."""
    lines = [asdict(one) | {day: getattr(one, day).isoformat() for day in _DAYS} for one in figures]
    return json.dumps(lines, indent=1, sort_keys=True, allow_nan=False).encode()


def of_document(content: bytes) -> list[MemberFigures]:
    """Figures as `as_document` wrote them.

    Raises:
        NotJsonError: it did not.
    """
    try:
        lines: list[dict[str, Any]] = json.loads(content)
        names = {field.name for field in fields(MemberFigures)}
        found = []
        for line in lines:
            if set(line) != names:
                raise ValueError(f"it has {sorted(line)}")  # noqa: TRY301 - told below
            days = {day: date.fromisoformat(line[day]) for day in _DAYS}
            found.append(MemberFigures(**(line | days)))
    except (ValueError, TypeError, KeyError) as error:
        raise NotJsonError(f"these are no figures of a model: {error}") from None
    return found
