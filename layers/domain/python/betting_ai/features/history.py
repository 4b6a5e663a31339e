"""The past, one compact integer row per finished match.

Form, head-to-head and ratings read only this table. Every column is an integer (probabilities are
fixed-point), so sums over windows are exact: they do not depend on where the history begins or on
how it was loaded, which is what makes a checkpoint a pure cache.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from betting_ai.domain.markets import winner_market
from betting_ai.features.facts import MISSING, STATS, Facts, Ints
from betting_ai.features.market import closing_consensus, consensus_before_kickoff

if TYPE_CHECKING:
    from betting_ai.features.spec import FeatureSpec

FIXED_POINT: Final = 2**30
"""Probabilities are stored as integers of this unit."""

SECONDS_A_DAY: Final = 86_400

_COLUMNS: Final = (
    "event_id", "league", "season", "home", "away", "day", "known_day", "stats", "opened", "closed",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class History:
    """Finished matches in the order (known_day, event_id).

    Attributes:
        leagues: league codes that ``league`` points into, sorted.
        teams: team keys that ``home`` and ``away`` point into, sorted.
        event_id: (n,) stable identifiers.
        league: (n,) index into ``leagues``.
        season: (n,) year in which the season began.
        home: (n,) index into ``teams``.
        away: (n,) index into ``teams``.
        day: (n,) days since the epoch of the match's own date.
        known_day: (n,) day since the epoch on which the result became known, by the sport's own
            days: UTC in football. Features may use a result from the day's end on: whole days
            only, so that a day's matches are one batch however the data came.
        stats: (n, 14) counts in the order of `STATS`, `MISSING` where unknown.
        opened: (n, 2) fair probability of home and draw before kick-off, fixed-point, or `MISSING`;
            that of the draw is 0 in two-way sports.
        closed: (n, 2) the same at the close.
    """

    leagues: tuple[str, ...]
    teams: tuple[str, ...]
    event_id: Ints
    league: Ints
    season: Ints
    home: Ints
    away: Ints
    day: Ints
    known_day: Ints
    stats: Ints
    opened: Ints
    closed: Ints

    def __len__(self) -> int:
        return len(self.event_id)

    def where(self, keep: np.ndarray) -> History:
        """The rows of a mask or an index array that keeps the order."""
        columns = {name: getattr(self, name)[keep] for name in _COLUMNS}
        return History(self.leagues, self.teams, **columns)

    def reindexed(self, leagues: tuple[str, ...], teams: tuple[str, ...]) -> History:
        """The same rows over larger, sorted tuples of names."""
        columns = {name: getattr(self, name) for name in _COLUMNS}
        columns["league"] = positions(self.leagues, leagues)[self.league]
        team = positions(self.teams, teams)
        columns["home"], columns["away"] = team[self.home], team[self.away]
        return History(leagues, teams, **columns)

    def chunk_digests(self) -> dict[str, str]:
        """SHA-256 of each league season's rows, keyed ``"E0/2024"``; names, not indices, count."""
        digests: dict[str, str] = {}
        order = np.lexsort((self.event_id, self.known_day, self.season, self.league))
        keys = self.league[order] * 10_000 + self.season[order]
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        for rows in np.split(order, starts[1:]) if len(order) else []:
            name = f"{self.leagues[self.league[rows[0]]]}/{self.season[rows[0]]}"
            digest = hashlib.sha256()
            for side in (self.home, self.away):
                digest.update("\n".join(self.teams[t] for t in side[rows]).encode())
            for column in ("event_id", "day", "known_day", "stats", "opened", "closed"):
                digest.update(np.ascontiguousarray(getattr(self, column)[rows]).tobytes())
            digests[name] = digest.hexdigest()
        return digests


def positions(names: tuple[str, ...], within: tuple[str, ...]) -> Ints:
    """Index in ``within`` of each of ``names``; both sorted, the first a part of the second."""
    place = {name: i for i, name in enumerate(within)}
    return np.array([place[name] for name in names], dtype=np.int64)


def summarise(facts: Facts, as_of: int, spec: FeatureSpec) -> History:
    """One row per finished match whose result was known at ``as_of``.

    Args:
        facts: events with results and prices, of the spec's sport.
        as_of: seconds since the epoch.
        spec: how prices become a consensus, and of which sport.
    """
    market = winner_market(spec.sport_code)
    finished = facts.stats[:, 0] != MISSING
    known = np.flatnonzero((facts.result_known_at <= as_of) & finished)
    opened = consensus_before_kickoff(facts, spec, market)[known]
    closed = closing_consensus(facts, market=market)[known]
    rows = History(
        facts.leagues,
        facts.teams,
        event_id=facts.event_id[known],
        league=facts.league[known],
        season=facts.season[known],
        home=facts.home[known],
        away=facts.away[known],
        day=facts.day[known],
        known_day=spec.sport.result_day(facts.result_known_at[known]),
        stats=facts.stats[known],
        opened=_fixed(opened),
        closed=_fixed(closed),
    )
    return rows.where(np.lexsort((rows.event_id, rows.known_day)))


def _fixed(probabilities: np.ndarray) -> Ints:
    """Home and draw as fixed-point integers; `MISSING` for NaN rows."""
    pair = probabilities[:, :2].copy()
    if probabilities.shape[1] == 2:
        pair[:, 1] *= 0.0  # no draw; an unknown one stays unknown
    filled = np.where(np.isnan(pair), 0.0, pair)
    fixed = np.rint(filled * FIXED_POINT).astype(np.int64)
    return np.where(np.isnan(pair), MISSING, fixed)


def probabilities(fixed: Ints) -> np.ndarray:
    """(n, 3) float64 probabilities from fixed-point pairs; NaN where `MISSING`."""
    pair = fixed / FIXED_POINT
    third = 1.0 - pair[:, 0] - pair[:, 1]
    whole = np.column_stack([pair, third])
    whole[fixed[:, 0] == MISSING] = np.nan
    return whole


def join(older: History, newer: History) -> History:
    """Both tables in one order; rows of ``newer`` win where an event is in both."""
    leagues = tuple(sorted({*older.leagues, *newer.leagues}))
    teams = tuple(sorted({*older.teams, *newer.teams}))
    kept = older.where(~np.isin(older.event_id, newer.event_id))
    parts = (kept.reindexed(leagues, teams), newer.reindexed(leagues, teams))
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    both = History(leagues, teams, **columns)
    return both.where(np.lexsort((both.event_id, both.known_day)))


def stat(history: History, name: str) -> Ints:
    """One column of counts by its name in `STATS`."""
    return history.stats[:, STATS.index(name)]
