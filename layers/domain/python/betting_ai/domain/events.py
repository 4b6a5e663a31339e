"""Names of events: a readable slug that is the same wherever the event is seen, and its key."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache


@lru_cache(maxsize=8192)  # a history repeats a few thousand names
def slug(text: str) -> str:
    """A name in lower-case ASCII with dashes: ``"Nott'm Forest"`` -> ``"nottm-forest"``."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    ascii_only = plain.encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.replace("'", "").lower()).strip("-")


def event_slug(league: str, date: str, home: str, away: str) -> str:
    """The public identifier of an event.

    Args:
        league: league code, ``"E0"``.
        date: the match's own date, ``"2025-03-15"``.
        home: home team's name, without country.
        away: away team's name.

    Returns:
        For example ``"e0-2025-03-15-ipswich-nottm-forest"``.
    """
    return f"{slug(league)}-{date}-{slug(home)}-{slug(away)}"


def event_id(event_slug: str) -> int:
    """The event's 63-bit key: the first eight bytes of the slug's SHA-256, sign bit cleared."""
    digest = hashlib.sha256(event_slug.encode()).digest()
    return int.from_bytes(digest[:8], "big") & (2**63 - 1)


def named_sides(one: str, other: str) -> tuple[str, str]:
    """Home and away where neither side is at home: by name, which cannot know who will win.

    Every source must ask here, or the same match would be two events.
    """
    first, second = sorted((one, other), key=lambda name: (name.casefold(), name))
    return first, second
