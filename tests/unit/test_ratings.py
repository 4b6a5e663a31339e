"""Ratings against arithmetic by hand, and a state that only the matches decide."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from betting_ai.features import ratings
from betting_ai.features.history import History, summarise
from betting_ai.features.ratings import RatingState
from betting_ai.features.spec import FeatureSpec
from small_league import AT_CLOSE, Match, Quote, days, facts_of, seasons_of

SPEC = FeatureSpec()
FOREVER = 2**62
NOBODY = np.empty(0, dtype=np.int64)


def played(history: History, state: RatingState | None = None) -> RatingState:
    if state is None:
        state = RatingState.empty(history.teams, history.leagues, SPEC)
    ratings.replay(history, state, NOBODY, NOBODY, NOBODY, NOBODY, SPEC)
    return state


def after(*matches: Match) -> RatingState:
    return played(summarise(facts_of(*matches), FOREVER, SPEC))


def team(state: RatingState, name: str) -> np.ndarray:
    return state.team[state.teams.index(f"ENG:{name}")]


def same(mine: RatingState, theirs: RatingState) -> bool:
    return (
        (mine.teams, mine.leagues, mine.through) == (theirs.teams, theirs.leagues, theirs.through)
        and np.array_equal(mine.team, theirs.team)
        and np.array_equal(mine.league, theirs.league)
    )


WIN = Match("2022-08-06", "Leeds", "Hull", (2, 1))


def test_elo_after_a_win_a_draw_and_a_rout() -> None:
    # 1500 + 65 against 1500: expected score 1 / (1 + 10^(-65/400)) = 0.592466; k = 18.
    expected = 1 / (1 + 10 ** (-65 / 400))
    for goals, weight, score in (((2, 1), 1, 1), ((1, 1), 1, 0.5), ((2, 0), 1.5, 1),
                                 ((0, 4), 15 / 8, 0)):  # fmt: skip
        state = after(replace(WIN, goals=goals))
        change = 18 * weight * (score - expected)
        assert team(state, "Leeds")[ratings.ELO] == pytest.approx(1500 + change, abs=1e-9)
        assert team(state, "Hull")[ratings.ELO] == pytest.approx(1500 - change, abs=1e-9)


def test_pi_after_two_matches() -> None:
    # First: 0 goals expected, home by 1: psi = 3 log10(2) = 0.903090; times lambda 0.035 is
    # 0.0316081 at the venue, times gamma 0.7 is 0.0221257 at the other venue.
    first = 0.035 * 3 * math.log10(2)
    state = after(WIN)
    assert team(state, "Leeds")[[ratings.PI_HOME, ratings.PI_AWAY]] == pytest.approx(
        [first, 0.7 * first]
    )
    assert team(state, "Hull")[[ratings.PI_HOME, ratings.PI_AWAY]] == pytest.approx(
        [-0.7 * first, -first]
    )
    # Return match, 3-0 for Hull at home against Leeds away: the gap expected comes from Hull's
    # home and Leeds's away rating, each as 10^(|r|/3) - 1 with its sign.
    state = after(WIN, Match("2022-08-13", "Hull", "Leeds", (3, 0)))
    gap = -(10 ** (0.7 * first / 3) - 1) - (10 ** (0.7 * first / 3) - 1)
    second = 0.035 * 3 * math.log10(1 + 3 - gap)
    assert team(state, "Hull")[ratings.PI_HOME] == pytest.approx(-0.7 * first + second)
    assert team(state, "Hull")[ratings.PI_AWAY] == pytest.approx(-first + 0.7 * second)
    assert team(state, "Leeds")[ratings.PI_AWAY] == pytest.approx(0.7 * first - second)
    assert team(state, "Leeds")[ratings.PI_HOME] == pytest.approx(first - 0.7 * second)


@pytest.mark.parametrize("goals", [0, 1, 2, 5, 9])
def test_one_poisson_observation_against_its_mode_and_curvature(goals: int) -> None:
    # Home goals: log rate ~ N(log 1.45, 0.08 + 0.08). The mode solves (x - m)/0.16 + e^x = goals,
    # found here by halving; attack and defence share the move in proportion to their variances.
    mean, var = math.log(1.45), 0.16
    low, high = mean - 3.0, mean + 3.0
    for _ in range(200):
        x = (low + high) / 2
        low, high = (low, x) if (x - mean) / var + math.exp(x) > goals else (x, high)
    left = 1 / (1 / var + math.exp(x))
    gained = 0.08 * (x - mean) / var
    shrunk = 0.08 - 0.08**2 * (var - left) / var**2
    state = after(replace(WIN, goals=(goals, 1)))
    tight = 1e-9 if goals < 9 else 1e-5  # three Newton steps from far away
    leeds, hull = team(state, "Leeds"), team(state, "Hull")
    assert leeds[[ratings.ATTACK, ratings.ATTACK_VAR]] == pytest.approx([gained, shrunk], abs=tight)
    assert hull[[ratings.DEFENCE, ratings.DEFENCE_VAR]] == pytest.approx(
        [-gained, shrunk], abs=tight
    )
    league = 0.0015 * (goals - 1.45)
    assert state.league[0, ratings.GOALS_HOME] == pytest.approx(math.log(1.45) + league)


def test_market_filter_after_one_close() -> None:
    # Fair close 1/2, 1/4, 1/4: log-odds log 2, of which 0.45 is home advantage.
    # Gain 1 / (1 + 1 + 0.05) for either side.
    priced = replace(WIN, quotes=(Quote("AVG", AT_CLOSE, (2.0, 4.0, 4.0)),))
    state = after(priced)
    surprise = math.log(2) - 0.45
    for name, sign in (("Leeds", 1), ("Hull", -1)):
        mean, var = team(state, name)[[ratings.MARKET_MEAN, ratings.MARKET_VAR]]
        assert mean == pytest.approx(sign * surprise / 2.05, abs=1e-8)
        assert var == pytest.approx(1 - 1 / 2.05, abs=1e-12)
    assert state.league[0, ratings.MARKET_HOME] == pytest.approx(0.45 + 0.002 * surprise, abs=1e-8)
    untouched = team(after(WIN), "Leeds")
    assert untouched[ratings.MARKET_MEAN] == 0.0
    assert untouched[ratings.MARKET_VAR] == SPEC.market_prior_var


def test_time_away_drifts_to_the_average_and_to_doubt() -> None:
    state = after(WIN)
    before = team(state, "Leeds").copy()
    rows = np.array([before, before])
    day = days("2022-08-06")
    ratings.arrive(rows, np.array([1.0, 1.0]), np.array([day + 30, day + 500]), SPEC)
    for row, gone in zip(rows, (30, 120), strict=True):  # a longer pause counts as 120 days
        assert row[ratings.ATTACK] == pytest.approx(before[ratings.ATTACK] * math.exp(-gone / 2000))
        assert row[ratings.ATTACK_VAR] == pytest.approx(
            min(before[ratings.ATTACK_VAR] + 0.0001 * gone, 0.08)
        )
        assert row[ratings.MARKET_VAR] == SPEC.market_prior_var
    assert (rows[:, ratings.ELO] == before[ratings.ELO]).all()


def test_going_down_a_tier_makes_strong_and_unsure() -> None:
    row = team(after(WIN), "Leeds")[None].copy()
    before = row[0].copy()
    ratings.arrive(row, np.array([2.0]), days("2022-08-06"), SPEC)
    assert row[0, ratings.ATTACK] == before[ratings.ATTACK] + 0.18
    assert row[0, ratings.DEFENCE] == before[ratings.DEFENCE] + 0.18
    assert row[0, ratings.MARKET_MEAN] == before[ratings.MARKET_MEAN] + 0.9
    assert row[0, ratings.ATTACK_VAR] == pytest.approx(
        min(before[ratings.ATTACK_VAR] + 0.03, SPEC.strength_prior_var)
    )
    assert row[0, ratings.ELO] == before[ratings.ELO]


def test_a_newcomer_starts_at_the_level_of_its_tier() -> None:
    state = RatingState.empty(("ENG:Bury",), ("E2",), SPEC)
    row = state.team.copy()
    ratings.arrive(row, np.array([3.0]), days("2022-08-06"), SPEC)
    assert row[0, ratings.ELO] == 1500 - 2 * 120
    assert row[0, ratings.ATTACK] == 0.0
    assert row[0, ratings.ATTACK_VAR] == SPEC.strength_prior_var


def test_tiers_come_from_the_league() -> None:
    assert ratings.tiers(("E0", "E3", "XX")).tolist() == [1.0, 4.0, 1.0]


HISTORY = summarise(seasons_of(), FOREVER, SPEC)


@pytest.mark.parametrize("cuts", [1, 2, 17, 200])
def test_days_split_in_any_way_give_the_same_state(cuts: int) -> None:
    days_known = np.unique(HISTORY.known_day)
    chosen = np.random.default_rng(cuts).choice(days_known, min(cuts, len(days_known)), False)
    state = RatingState.empty(HISTORY.teams, HISTORY.leagues, SPEC)
    since = -1
    for through in [*sorted(chosen.tolist()), int(days_known[-1])]:
        part = (HISTORY.known_day > since) & (HISTORY.known_day <= through)
        played(HISTORY.where(part), state)
        since = through
    assert same(state, played(HISTORY))


def test_matches_elsewhere_do_not_touch_a_country() -> None:
    english = np.isin(HISTORY.league, [HISTORY.leagues.index(c) for c in ("E0", "E1")])
    alone, together = played(HISTORY.where(english)), played(HISTORY)
    mine = np.array([name.startswith("ENG:") for name in HISTORY.teams])
    assert np.array_equal(alone.team[mine], together.team[mine])
    assert np.array_equal(alone.league[1:], together.league[1:])
    assert not np.array_equal(alone.team[~mine], together.team[~mine])


def test_questions_see_earlier_days_only_and_leave_no_trace() -> None:
    home, away, league = HISTORY.home, HISTORY.away, HISTORY.league
    state = RatingState.empty(HISTORY.teams, HISTORY.leagues, SPEC)
    seen = ratings.replay(HISTORY, state, HISTORY.known_day, home, away, league, SPEC)
    assert same(state, played(HISTORY))
    for row in (0, 100, len(HISTORY) - 1):
        before = played(HISTORY.where(HISTORY.known_day < HISTORY.known_day[row]))
        assert np.array_equal(seen.home[row], before.team[home[row]])
        assert np.array_equal(seen.away[row], before.team[away[row]])
        assert np.array_equal(seen.league[row], before.league[league[row]])


def test_a_team_that_plays_twice_a_day_is_taken_in_order() -> None:
    twice = (
        Match("2022-08-06", "Leeds", "Hull", (3, 0)),
        Match("2022-08-06", "Stoke", "Leeds", (2, 2), hour=19.0),
        Match("2022-08-06", "Bury", "Derby", (1, 0)),
    )
    history = summarise(facts_of(*twice), FOREVER, SPEC)
    one_by_one = RatingState.empty(history.teams, history.leagues, SPEC)
    for row in range(len(history)):
        played(history.where(np.array([row])), one_by_one)
    together = played(history)
    elo = [ratings.ELO, ratings.PI_HOME, ratings.PI_AWAY]  # what no league level goes into
    assert np.array_equal(together.team[:, elo], one_by_one.team[:, elo])
    assert abs(together.team[:, ratings.ELO].mean() - 1500.0) < 1e-9


def test_a_wider_state_keeps_what_it_knows() -> None:
    state = played(HISTORY)
    teams = tuple(sorted({*state.teams, "AUT:Rapid"}))
    wide = state.extended(teams, ("AUT", *state.leagues), SPEC)
    assert wide.through == state.through
    assert wide.team[teams.index("AUT:Rapid"), ratings.ELO] == SPEC.elo_start
    for name in state.teams:
        assert np.array_equal(wide.team[teams.index(name)], state.team[state.teams.index(name)])
    assert np.array_equal(wide.league[1:], state.league)
