"""Which rows of a file are matches that can be named without doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from betting_ai.adapters.feeds.football_data.columns import AWAY, DATE, HOME
from betting_ai.adapters.feeds.football_data.table import NO_VALUE, Table
from betting_ai.features.facts import Bools, Ints


class Sieve:
    """What is still in, and why the rest is not; each row has one reason, the first.

    Attributes:
        keep: (rows,) still in.
        refused: how many were put out, by reason.
    """

    def __init__(self, rows: int) -> None:
        self.keep: Bools = np.ones(rows, dtype=np.bool_)
        self.refused: Counter[str] = Counter()

    def refuse(self, rows: npt.ArrayLike, reason: str) -> None:
        """Put out those rows of the mask that are still in."""
        mask = np.asarray(rows, dtype=np.bool_)
        hit = int(np.count_nonzero(self.keep & mask))
        if hit:
            self.refused[reason] += hit
            self.keep &= ~mask


@dataclass(frozen=True)
class Matches:
    """What names the ``n`` rows of a file.

    Attributes:
        league: league code of each row.
        season: (n,) year in which the season began.
        day: (n,) days since the epoch, `NO_VALUE` where unreadable.
        clock: (n,) seconds since UK midnight, `NO_VALUE` where not given.
        home: home team's name in the file.
        away: away team's name in the file.
        sieve: the rows that are still in.
    """

    league: Sequence[str]
    season: Ints
    day: Ints
    clock: Ints
    home: Sequence[str]
    away: Sequence[str]
    sieve: Sieve


def matches_of(table: Table, league: Sequence[str], season: Ints) -> Matches:
    """A table's matches, less the rows that nothing can save."""
    found = Matches(
        league=league,
        season=season,
        day=table.days(*DATE),
        clock=table.clocks("Time"),
        home=table.text(*HOME),
        away=table.text(*AWAY),
        sieve=Sieve(table.rows),
    )
    teams = list(zip(found.home, found.away, strict=True))
    found.sieve.refuse(table.truncated, "truncated_row")
    found.sieve.refuse(table.unreadable, "unreadable_row")
    found.sieve.refuse(table.shifted, "shifted_row")
    found.sieve.refuse([not (home and away) for home, away in teams], "team_missing")
    found.sieve.refuse(found.day == NO_VALUE, "date_unreadable")
    return found
