"""When the facts of a file stood: kick-offs, price stamps and the instants results were known.

The files say only a UK date and, since 2019, a UK time. Prices are collected on Friday afternoon
for weekend games and on Tuesday afternoon for midweek ones (the site's own notes).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from betting_ai.adapters.feeds.football_data.table import NO_VALUE
from betting_ai.features.facts import Bools, Ints

UK: Final = ZoneInfo("Europe/London")

_DAY = 86_400
_COLLECTED = 15 * 3600
_WEEKEND_KICKOFF = 15 * 3600
_WEEKDAY_KICKOFF = 19 * 3600 + 45 * 60
_LAST_MINUTE = 23 * 3600 + 59 * 60
_MATCH = 2 * 3600 + 15 * 60
_HOUR = 3600
_MONDAY = 4  # 1970-01-05
# Days from Monday, Tuesday, ... back to the collection day (Tuesday or Friday) on or before it.
_BACK = np.array([3, 0, 1, 2, 0, 1, 2])
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock, given its zone below


@dataclass(frozen=True)
class Stamps:
    """Instants of ``n`` matches, in seconds since the epoch, UTC.

    Attributes:
        kickoff: (n,) kick-off; closing prices stand here.
        quoted: (n,) when the pre-match prices were collected, always before kick-off.
        over: (n,) when a result, if there is one, was known.
        time_assumed: (n,) the source gave no time of day.
    """

    kickoff: Ints
    quoted: Ints
    over: Ints
    time_assumed: Bools


def stamps(day: Ints, clock: Ints, seen_at: datetime | None = None) -> Stamps:
    """Stamps of matches by UK date and time.

    Args:
        day: (n,) days since the epoch of the UK date.
        clock: (n,) seconds since UK midnight, `NO_VALUE` where not given: then 15:00 on weekends,
            19:45 on weekdays, and the result is known at 23:59.
        seen_at: when the file was taken, if that is known: no price of it stood later.
    """
    weekday = (day - _MONDAY) % 7
    assumed = clock == NO_VALUE
    usual = np.where(weekday >= 5, _WEEKEND_KICKOFF, _WEEKDAY_KICKOFF)
    clock = np.where(assumed, usual, clock)
    kickoff = uk_instants(day * _DAY + clock)
    collected = uk_instants((day - _BACK[weekday]) * _DAY + _COLLECTED)
    quoted = np.where(collected < kickoff, collected, kickoff - _HOUR)
    if seen_at is not None:
        quoted = np.minimum(quoted, int(seen_at.timestamp()))
    end_of_day = uk_instants(day * _DAY + _LAST_MINUTE)
    over = np.where(assumed, end_of_day, kickoff + _MATCH)
    return Stamps(kickoff, quoted, over, assumed)


def uk_instants(wall: Ints) -> Ints:
    """Seconds since the epoch, UTC, of UK wall-clock times given as seconds since 1970-01-01."""
    unique, back = np.unique(wall, return_inverse=True)
    instants = [
        int((_NAIVE_EPOCH + timedelta(seconds=int(at))).replace(tzinfo=UK).timestamp())
        for at in unique
    ]
    return np.array(instants, dtype=np.int64)[back]
