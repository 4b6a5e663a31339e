"""Ratings of teams, carried forward one day at a time.

Four views of strength, each updated with a whole day's matches as arrays:

* **Elo** (Elo 1978; margin multiplier after eloratings.net): one number per team.
* **pi** (Constantinou & Fenton 2013): separate home and away strength in goals.
* **Bayesian attack and defence**: Poisson goals with log-linear rates, a Gaussian posterior per
  strength, updated by one-dimensional Laplace steps (assumed-density filtering, as in West,
  Harrison & Migon 1985 for dynamic GLMs); each strength has a mean and a variance.
* **market**: a Kalman filter over past fair closing log-odds: what prices have said of a team.

The state after a day depends on the matches of that day and the state before it, never on how the
rows were batched or what is asked of it in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from betting_ai.domain.leagues import LEAGUES
from betting_ai.features.facts import MISSING, Floats, Ints
from betting_ai.features.history import History, positions, probabilities, stat

if TYPE_CHECKING:
    from betting_ai.features.spec import FeatureSpec

# Columns of a team's state.
(
    ELO, PI_HOME, PI_AWAY, ATTACK, ATTACK_VAR, DEFENCE, DEFENCE_VAR, MARKET_MEAN, MARKET_VAR,
    LAST_DAY, TIER,
) = range(11)  # fmt: skip
TEAM_COLUMNS: Final = 11
# Two-way sports have one strength, in log-odds, where football has an attack.
SKILL, SKILL_VAR = ATTACK, ATTACK_VAR
_STRENGTHS: Final = slice(ATTACK, DEFENCE + 1, 2)
_STRENGTH_VARS: Final = slice(ATTACK_VAR, DEFENCE_VAR + 1, 2)

# Columns of a league's state.
GOALS_HOME, GOALS_AWAY, MARKET_HOME = range(3)
LEAGUE_COLUMNS: Final = 3

UNSEEN: Final = -1.0
"""`LAST_DAY` and `TIER` of a team that has not played."""


@dataclass(eq=False)
class RatingState:
    """Everything the ratings remember.

    Attributes:
        teams: team keys, sorted; the rows of ``team``.
        leagues: league codes, sorted; the rows of ``league``.
        team: (t, 11) float64.
        league: (l, 3) float64.
        through: UTC day up to and with which results are in it; -1 for none.
    """

    teams: tuple[str, ...]
    leagues: tuple[str, ...]
    team: Floats
    league: Floats
    through: int

    @classmethod
    def empty(
        cls, teams: tuple[str, ...], leagues: tuple[str, ...], spec: FeatureSpec
    ) -> RatingState:
        """A state in which no match has been played."""
        team = np.tile(_newcomer(spec), (len(teams), 1))
        league = np.tile(
            [np.log(spec.goals_home), np.log(spec.goals_away), spec.market_home],
            (len(leagues), 1),
        )
        return cls(teams, leagues, team, league, -1)

    def extended(
        self, teams: tuple[str, ...], leagues: tuple[str, ...], spec: FeatureSpec
    ) -> RatingState:
        """A copy over larger, sorted tuples of names."""
        wide = RatingState.empty(teams, leagues, spec)
        wide.team[positions(self.teams, teams)] = self.team
        wide.league[positions(self.leagues, leagues)] = self.league
        wide.through = self.through
        return wide


def _newcomer(spec: FeatureSpec) -> Floats:
    row = np.zeros(TEAM_COLUMNS)
    row[ELO] = spec.elo_start
    row[[ATTACK_VAR, DEFENCE_VAR]] = spec.strength_prior_var
    row[MARKET_VAR] = spec.market_prior_var
    row[[LAST_DAY, TIER]] = UNSEEN
    return row


@dataclass(frozen=True, eq=False)
class RatingSnapshots:
    """State as seen by each of ``n`` queries: home team's row, away team's row, league's row."""

    home: Floats
    away: Floats
    league: Floats


def replay(
    history: History,
    state: RatingState,
    query_day: Ints,
    query_home: Ints,
    query_away: Ints,
    query_league: Ints,
    spec: FeatureSpec,
) -> RatingSnapshots:
    """Carry ``state`` (changed in place) through the history, answering queries on the way.

    A query of day ``d`` sees every result known before the beginning of ``d``.

    Args:
        history: matches, all known after ``state.through``; indices over the state's names.
        state: where to start.
        query_day: (n,) UTC day of each query's moment.
        query_home: (n,) team rows.
        query_away: (n,) team rows.
        query_league: (n,) league rows.
        spec: the ratings' constants.
    """
    n = len(query_day)
    home, away = np.empty((n, TEAM_COLUMNS)), np.empty((n, TEAM_COLUMNS))
    league = np.empty((n, LEAGUE_COLUMNS))
    order = np.argsort(query_day, kind="stable")
    queries = _slices(query_day[order])
    batches = _slices(history.known_day)
    kind = _Engine if spec.sport.outcomes == 3 else _TwoWayEngine
    engine = kind(history, state, spec)
    for day in sorted({*queries, *batches}):
        if (asked := queries.get(day)) is not None:
            rows = order[asked]
            home[rows] = state.team[query_home[rows]]
            away[rows] = state.team[query_away[rows]]
            league[rows] = state.league[query_league[rows]]
        if (played := batches.get(day)) is not None:
            engine.play(played, day)
    return RatingSnapshots(home, away, league)


def tiers(leagues: tuple[str, ...]) -> Floats:
    """Tier of each league; 1 for one that the product does not know."""
    return np.array([float(LEAGUES[code].tier) if code in LEAGUES else 1.0 for code in leagues])


def _slices(sorted_days: Ints) -> dict[int, slice]:
    """Where each distinct day lies in a sorted column."""
    starts = np.flatnonzero(np.diff(sorted_days, prepend=np.int64(-(2**40)))).tolist()
    ends = [*starts[1:], len(sorted_days)]
    return {int(sorted_days[a]): slice(a, b) for a, b in zip(starts, ends, strict=False)}


def arrive(team: Floats, tier: Floats, day: int | Ints, spec: FeatureSpec) -> None:
    """Bring team rows (changed in place) from their last match to a day and a league's tier.

    Between matches strengths drift; a change of tier moves them and makes them uncertain; a team
    never seen before starts at its tier's level.
    """
    known = team[:, TIER] != UNSEEN
    days = np.minimum(day - team[:, LAST_DAY], spec.drift_cap_days) * known
    step = (tier - team[:, TIER]) * known
    if step.any() or not known.all():
        moved = step != 0
        team[:, ELO] -= spec.elo_tier * (tier - 1.0) * ~known
        team[:, ATTACK] += spec.strength_tier * step
        team[:, DEFENCE] += spec.strength_tier * step
        team[:, MARKET_MEAN] += spec.market_tier * step
        team[:, ATTACK_VAR] += spec.strength_move_var * moved
        team[:, DEFENCE_VAR] += spec.strength_move_var * moved
        team[:, MARKET_VAR] += spec.market_move_var * moved
        team[:, TIER] = tier
    keep = np.exp(days * (-1.0 / spec.strength_memory_days))
    team[:, _STRENGTHS] *= keep[:, None]
    var = team[:, _STRENGTH_VARS]
    var += (spec.strength_drift * days)[:, None]
    np.minimum(var, spec.strength_prior_var, out=var)
    var = team[:, MARKET_VAR]
    var += spec.market_drift * days
    np.minimum(var, spec.market_prior_var, out=var)


class _Engine:
    """Applies a day's matches to the state."""

    def __init__(self, history: History, state: RatingState, spec: FeatureSpec) -> None:
        self.state = state
        self.spec = spec
        self.home, self.away, self.league = history.home, history.away, history.league
        goals_home, goals_away = stat(history, "goals_home"), stat(history, "goals_away")
        self.goals_home = goals_home.astype(np.float64)
        self.goals_away = goals_away.astype(np.float64)
        fixed = np.where(history.closed == MISSING, history.opened, history.closed)
        price = probabilities(fixed)
        self.log_odds = np.log(price[:, 0]) - np.log(price[:, 2])
        self.priced = ~np.isnan(self.log_odds)
        margin = self.goals_home - self.goals_away
        self.score = 0.5 + 0.5 * np.sign(margin)
        size = np.abs(margin)
        self.elo_weight = spec.elo_k * np.where(
            size <= 1, 1.0, np.where(size == 2, 1.5, (11 + size) / 8)
        )
        self.margin = margin
        self.tier = tiers(history.leagues)

    def play(self, rows: slice, day: int) -> None:
        """One UTC day's results; a team that appears twice is taken in order."""
        for part in self._once_each(rows):
            self._play(part, day)
        self.state.through = day

    def _once_each(self, rows: slice) -> list[slice | Ints]:
        home, away = self.home[rows].tolist(), self.away[rows].tolist()
        if len({*home, *away}) == 2 * len(home):
            return [rows]
        turn: dict[int, int] = {}
        parts: dict[int, list[int]] = {}
        for row, pair in enumerate(zip(home, away, strict=True), start=rows.start):
            now = max(turn.get(pair[0], 0), turn.get(pair[1], 0))
            parts.setdefault(now, []).append(row)
            turn[pair[0]] = turn[pair[1]] = now + 1
        return [np.array(parts[k]) for k in sorted(parts)]

    def _play(self, rows: slice | Ints, day: int) -> None:
        home, away, league = self.home[rows], self.away[rows], self.league[rows]
        both = np.concatenate([home, away])
        teams = self.state.team[both]
        base = self.state.league[league]
        tier = self.tier[league]
        arrive(teams, np.concatenate([tier, tier]), day, self.spec)
        h, a = teams[: len(home)], teams[len(home) :]
        self._elo(h, a, rows)
        self._pi(h, a, rows)
        rates = self._strengths(teams, base, rows)
        surprise = self._market(h, a, base, rows)
        teams[:, LAST_DAY] = day
        self.state.team[both] = teams
        self._leagues(league, rates, surprise, rows)

    def _elo(self, h: Floats, a: Floats, rows: slice | Ints) -> None:
        expected = elo_expectation(h[:, ELO], a[:, ELO], self.spec)
        change = self.elo_weight[rows] * (self.score[rows] - expected)
        h[:, ELO] += change
        a[:, ELO] -= change

    def _pi(self, h: Floats, a: Floats, rows: slice | Ints) -> None:
        """Rates of learning lambda and gamma as in the paper."""
        spec = self.spec
        goals = pi_goals(np.stack([h[:, PI_HOME], a[:, PI_AWAY]]))
        gap = goals[0] - goals[1]
        error = self.margin[rows] - gap
        pull = spec.pi_lambda * np.sign(error) * spec.pi_c * np.log10(1.0 + np.abs(error))
        h[:, PI_HOME] += pull
        h[:, PI_AWAY] += spec.pi_gamma * pull
        a[:, PI_AWAY] -= pull
        a[:, PI_HOME] -= spec.pi_gamma * pull

    def _strengths(self, teams: Floats, base: Floats, rows: slice | Ints) -> Floats:
        """Two Poisson observations a match (home goals, then away); returns the rates expected."""
        n = len(base)
        other = np.concatenate([teams[n:], teams[:n]])
        level = np.concatenate([base[:, GOALS_HOME], base[:, GOALS_AWAY]])
        goals = np.concatenate([self.goals_home[rows], self.goals_away[rows]])
        v_attack, v_defence = teams[:, ATTACK_VAR].copy(), other[:, DEFENCE_VAR]
        prior = level + teams[:, ATTACK] - other[:, DEFENCE]
        var = v_attack + v_defence
        precision = 1.0 / var
        mode, rate = prior, np.exp(prior)
        expected: Floats = rate
        for _ in range(_LAPLACE_STEPS):
            mode = mode - ((mode - prior) * precision + rate - goals) / (precision + rate)
            rate = np.exp(mode)
        gained = (mode - prior) * precision
        shrink = (var - 1.0 / (precision + rate)) * (precision * precision)
        teams[:, ATTACK] += v_attack * gained
        teams[:, ATTACK_VAR] = v_attack - v_attack * v_attack * shrink
        conceded = np.column_stack(
            [other[:, DEFENCE] - v_defence * gained, v_defence - v_defence * v_defence * shrink]
        )
        teams[:n, DEFENCE : DEFENCE_VAR + 1] = conceded[n:]
        teams[n:, DEFENCE : DEFENCE_VAR + 1] = conceded[:n]
        return expected

    def _market(self, h: Floats, a: Floats, base: Floats, rows: slice | Ints) -> Floats:
        """Returns the surprise in log-odds, 0 where the match had no price."""
        priced = self.priced[rows]
        expected = h[:, MARKET_MEAN] - a[:, MARKET_MEAN] + base[:, MARKET_HOME]
        surprise = np.where(priced, self.log_odds[rows] - expected, 0.0)
        v_home, v_away = h[:, MARKET_VAR], a[:, MARKET_VAR]
        weight = priced / (v_home + v_away + self.spec.market_noise)
        gain_home, gain_away = v_home * weight, v_away * weight
        h[:, MARKET_MEAN] += gain_home * surprise
        a[:, MARKET_MEAN] -= gain_away * surprise
        h[:, MARKET_VAR] = v_home * (1.0 - gain_home)
        a[:, MARKET_VAR] = v_away * (1.0 - gain_away)
        return surprise

    def _leagues(self, league: Ints, rates: Floats, surprise: Floats, rows: slice | Ints) -> None:
        """League levels follow slowly; sums run in row order, so they are the same everywhere."""
        spec, state = self.spec, self.state.league
        count, n = len(state), len(league)
        for column, rate, goals in (
            (GOALS_HOME, rates[:n], self.goals_home[rows]),
            (GOALS_AWAY, rates[n:], self.goals_away[rows]),
        ):
            state[:, column] += spec.league_rate * np.bincount(
                league, goals - rate, minlength=count
            )
        state[:, MARKET_HOME] += spec.league_market_rate * np.bincount(
            league, surprise, minlength=count
        )


class _TwoWayEngine(_Engine):
    """The same for sports without a draw: Elo, one strength, and what prices have said.

    The strengths of the two sides are observed through a logistic choice (Bradley and Terry 1952)
    and updated by a one-dimensional Laplace step, as Glickman (1999) does for whole periods.
    """

    def __init__(self, history: History, state: RatingState, spec: FeatureSpec) -> None:
        super().__init__(history, state, spec)
        # A clear win tells more, but ever less so: the exponent is FiveThirtyEight's for the NBA.
        self.elo_weight = spec.elo_k * ((np.abs(self.margin) + 3.0) / 4.0) ** 0.8
        self.home_won = (self.margin > 0).astype(np.float64)

    def _pi(self, h: Floats, a: Floats, rows: slice | Ints) -> None:
        """Goals at home and away: not here."""

    def _strengths(self, teams: Floats, base: Floats, rows: slice | Ints) -> Floats:
        """One logistic observation a match; there are no rates to return."""
        n = len(base)
        h, a = teams[:n], teams[n:]
        prior = skill_lead(h, a, self.spec)
        var = h[:, SKILL_VAR] + a[:, SKILL_VAR]
        precision = 1.0 / var
        mode, won = prior, self.home_won[rows]
        p = 1.0 / (1.0 + np.exp(-mode))
        for _ in range(_LAPLACE_STEPS):
            mode = mode - ((mode - prior) * precision + p - won) / (precision + p * (1.0 - p))
            p = 1.0 / (1.0 + np.exp(-mode))
        gained = (mode - prior) * precision
        shrink = (var - 1.0 / (precision + p * (1.0 - p))) * (precision * precision)
        for side, sign in ((h, 1.0), (a, -1.0)):
            own = side[:, SKILL_VAR].copy()
            side[:, SKILL] += sign * own * gained
            side[:, SKILL_VAR] = own - own * own * shrink
        return np.empty(0)

    def _leagues(self, league: Ints, rates: Floats, surprise: Floats, rows: slice | Ints) -> None:
        """The league's home advantage in prices."""
        self.state.league[:, MARKET_HOME] += self.spec.league_market_rate * np.bincount(
            league, surprise, minlength=len(self.state.league)
        )


_LAPLACE_STEPS: Final = 3


def skill_lead(home: Floats, away: Floats, spec: FeatureSpec) -> Floats:
    """How far the home side's strength is ahead, in log-odds, home advantage included."""
    advantage = spec.elo_home * (np.log(10.0) / 400.0)
    lead: Floats = home[:, SKILL] - away[:, SKILL] + advantage
    return lead


def elo_expectation(home: Floats, away: Floats, spec: FeatureSpec) -> Floats:
    """Expected score of the home team, home advantage included."""
    lead: Floats = (home - away + spec.elo_home) * (np.log(10.0) / 400.0)
    return np.asarray(1.0 / (1.0 + np.exp(-lead)))


def pi_goals(rating: Floats) -> Floats:
    """Expected goal difference against the average team: ``sign(r) (10^(|r|/3) - 1)``."""
    goals = np.exp(np.abs(rating) * (np.log(10.0) / 3.0)) - 1.0
    signed: Floats = np.sign(rating) * goals
    return signed
