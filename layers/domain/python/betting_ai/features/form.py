"""Recent form, venue form, rest and meetings: sums over a team's last matches.

All sums are of integers over prefix sums, so a window costs two look-ups and is exact. Tables lie
column by column: questions asked in the table's order then read memory from front to back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from betting_ai.features.facts import MISSING, Bools, Floats, Ints
from betting_ai.features.history import FIXED_POINT, History, probabilities, stat

# Columns of an appearance: what one team did in one match. `*_n` count where a group was known.
COLUMNS: Final = (
    "points", "goals_for", "goals_against", "market_n", "surprise", "move_n", "move", "move_size",
    "shots_n", "shots_for", "shots_against", "on_target_for", "on_target_against",
    "corners_n", "corners_for", "corners_against",
    "cards_n", "cards_for", "cards_against",
)  # fmt: skip
AT_VENUE: Final = COLUMNS.index("move_size")
"""The columns before this one are also kept by venue."""
_AT: Final = {name: i for i, name in enumerate(COLUMNS)}

_KEY: Final = 2**20
"""Days since the epoch fit below this; keys are ``group * _KEY + day``."""

_YEARS: Final = 10_000


@dataclass(frozen=True, eq=False)
class Appearances:
    """Team matches grouped by some key and ordered by the day they became known.

    Attributes:
        key: (a,) ``group * 2^20 + known_day``, sorted.
        day: (a,) the match's own date, days since the epoch.
        season: (a,) year in which the season began.
        sums: (c, a + 1) prefix sums of the columns.
    """

    key: Ints
    day: Ints
    season: Ints
    sums: Ints

    @classmethod
    def of(cls, group: Ints, history: History, values: Ints) -> Appearances:
        """Group rows that stand for the matches of a history.

        Args:
            group: (t n,) group of each row; a match's ``t`` rows lie together.
            history: ``n`` matches.
            values: (c, t n) columns; of each row's first match come all ``n``, then the second's.
        """
        n = len(history)
        times = len(group) // max(n, 1)
        key = group * _KEY + np.repeat(history.known_day, times)
        order = np.argsort(key, kind="stable")
        match, turn = np.divmod(order, max(times, 1))
        place = turn * n + match
        sums = np.zeros((len(values), len(key) + 1), dtype=np.int64)
        for column, total in zip(values, sums, strict=True):
            np.cumsum(column.take(place), out=total[1:])
        return cls(key[order], history.day[match], history.season[match], sums)

    def first(self, group: Ints) -> Ints:
        """First row of each group."""
        return np.searchsorted(self.key, group * _KEY)

    def known(self, group: Ints, day: Ints) -> Ints:
        """First row of each group that was not yet known at the beginning of a day."""
        return np.searchsorted(self.key, group * _KEY + day)

    def of_season(self, group: Ints, season: Ints) -> Ints:
        """First row of each group that belongs to a season or a later one."""
        key = self.key // _KEY * _YEARS + self.season
        return np.searchsorted(key, group * _YEARS + season)

    def last(self, start: Ints, end: Ints, window: int) -> tuple[Ints, Ints]:
        """Number of rows, and the sums, over each group's last ``window`` rows before ``end``."""
        begin = np.maximum(start, end - window)
        return end - begin, self.sums.take(end, axis=1) - self.sums.take(begin, axis=1)


def team_sides(history: History) -> tuple[Ints, Ints]:
    """Of 2n appearances, home and away side of each row: the team, and the team at that ground."""
    team = np.empty(2 * len(history), dtype=np.int64)
    team[0::2], team[1::2] = history.home, history.away
    at_home = np.zeros(2 * len(history), dtype=np.int64)
    at_home[0::2] = 1
    return team, 2 * team + at_home


def team_appearances(history: History) -> tuple[Appearances, Appearances]:
    """Both sides of every match, grouped by team and by team and ground."""
    n = len(history)
    both = np.zeros((len(COLUMNS), 2 * n), dtype=np.int64)
    _fill(both[:, :n], history, "home", "away")
    _fill(both[:, n:], history, "away", "home")
    team, ground = team_sides(history)
    return Appearances.of(team, history, both), Appearances.of(ground, history, both[:AT_VENUE])


def _fill(values: Ints, history: History, side: str, other: str) -> None:
    """Write the columns of one side's appearances into (c, n)."""
    scored, conceded = stat(history, f"goals_{side}"), stat(history, f"goals_{other}")
    margin = np.sign(scored - conceded)
    values[_AT["points"]] = np.where(margin > 0, 3, np.where(margin == 0, 1, 0))
    values[_AT["goals_for"]], values[_AT["goals_against"]] = scored, conceded

    def put(group: str, pairs: tuple[tuple[str, Ints, Ints], ...]) -> None:
        known = np.ones(len(history), dtype=np.bool_)
        for _, mine, theirs in pairs:
            known &= (mine != MISSING) & (theirs != MISSING)
        values[_AT[f"{group}_n"]] = known
        for name, mine, theirs in pairs:
            values[_AT[f"{name}_for"]] = np.where(known, mine, 0)
            values[_AT[f"{name}_against"]] = np.where(known, theirs, 0)

    def pair(name: str, column: str) -> tuple[str, Ints, Ints]:
        return name, stat(history, f"{column}_{side}"), stat(history, f"{column}_{other}")

    put("shots", (pair("shots", "shots"), pair("on_target", "shots_on_target")))
    put("corners", (pair("corners", "corners"),))
    yellow, red = pair("cards", "yellow"), pair("cards", "red")
    some = (red[1] != MISSING) & (red[2] != MISSING)
    both = (
        "cards",
        np.where(some, yellow[1] + 2 * np.where(yellow[1] == MISSING, 0, red[1]), yellow[1]),
        np.where(some, yellow[2] + 2 * np.where(yellow[2] == MISSING, 0, red[2]), yellow[2]),
    )
    put("cards", (both,))

    at = 0 if side == "home" else 2
    opened, closed = probabilities(history.opened), probabilities(history.closed)
    best = np.where(np.isnan(closed), opened, closed)
    priced = ~np.isnan(best[:, 0])
    expected = 3.0 * best[:, at] + best[:, 1]
    surprise = values[_AT["points"]] - expected
    moved = ~np.isnan(opened[:, 0]) & ~np.isnan(closed[:, 0])
    move = np.log(closed[:, at]) - np.log(opened[:, at])
    values[_AT["market_n"]] = priced
    values[_AT["surprise"]] = _fixed(surprise, priced)
    values[_AT["move_n"]] = moved
    values[_AT["move"]] = _fixed(move, moved)
    values[_AT["move_size"]] = _fixed(np.abs(move), moved)


def _fixed(values: Floats, known: Bools) -> Ints:
    return np.asarray(np.rint(np.where(known, values, 0.0) * FIXED_POINT), dtype=np.int64)


def ratio(sums: Ints, name: str, count: str | Ints, fixed: bool = False) -> Floats:
    """Mean of a column over the rows in which it was known; NaN where there were none."""
    number = sums[_AT[count]] if isinstance(count, str) else count
    total = sums[_AT[name]]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / number
    mean = np.where(number > 0, mean, np.nan)
    return mean / FIXED_POINT if fixed else mean
