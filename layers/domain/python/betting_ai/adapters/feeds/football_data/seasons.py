"""Season codes as in the site's addresses: ``2425`` is 2024-25."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from betting_ai.errors import InvalidInputError

_CODE: Final = re.compile(r"[0-9]{4}")
_FIRST: Final = 93  # 1993-94 is the site's first season


def season_code(season: int) -> str:
    """``2024`` -> ``"2425"``."""
    return f"{season % 100:02d}{(season + 1) % 100:02d}"


def season_year(code: str) -> int:
    """``"2425"`` -> ``2024``; ``"9900"`` -> ``1999``.

    Raises:
        InvalidInputError: two years that do not follow each other.
    """
    if not is_season_code(code):
        raise InvalidInputError(f"{code!r} is no season; write 2425 for 2024-25")
    first = int(code[:2])
    return first + (1900 if first >= _FIRST else 2000)


def is_season_code(text: str) -> bool:
    """Whether a text is four digits naming two years that follow each other."""
    return bool(_CODE.fullmatch(text)) and (int(text[:2]) + 1) % 100 == int(text[2:])


def season_of(day: date) -> int:
    """The season that a day of a split year lies in; July begins one."""
    return day.year if day.month >= 7 else day.year - 1
