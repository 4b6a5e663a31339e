"""Windows over past matches against a slow reference, on generated and on real matches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from betting_ai.adapters.feeds.football_data.folder import SeasonFolder
from betting_ai.features.build import Features, build
from betting_ai.features.facts import Facts
from betting_ai.features.history import SECONDS_A_DAY, History, summarise
from betting_ai.features.spec import GROUPS, FeatureSpec, column
from conftest import FOOTBALL
from form_reference import Question, answer, past_of
from small_league import A_DAY_BEFORE, Match, Quote, facts_of, seasons_of

SPEC = FeatureSpec()
FOREVER = 2**62
QUOTE = Quote("AVG", A_DAY_BEFORE, (2.0, 4.0, 4.0))
WINDOWED = [
    name
    for group in (
        "form", "past_prices", "team_statistics", "venue", "head_to_head", "rest", "season",
    )
    for name in GROUPS[group]
    if name not in {"season_day", "tier", "weekday"}
]  # fmt: skip


def check_against_reference(facts: Facts, rows: np.ndarray) -> None:
    history = summarise(facts, FOREVER, SPEC)
    built = build(history, facts, rows, facts.kickoff[rows] - 1, SPEC)
    past = past_of(history)
    compared = 0
    for i, row in enumerate(rows.tolist()):
        if built.market.newest[i] < 0:
            continue
        question = Question(
            home=facts.teams[facts.home[row]],
            away=facts.teams[facts.away[row]],
            day=int(facts.day[row]),
            season=int(facts.season[row]),
            known_until=int(built.cutoff[i]) // SECONDS_A_DAY,
        )
        expected = answer(past, question)
        assert set(expected) == set(WINDOWED)
        for name, value in expected.items():
            # Fixed-point means are exact to 2^-30, and the matrix is float32.
            assert built.matrix[i, column(name)] == pytest.approx(
                value, rel=1e-6, abs=2e-7, nan_ok=True
            ), (name, row)
        compared += 1
    assert compared > 0.8 * len(rows)


def test_windows_of_generated_matches() -> None:
    facts = seasons_of()
    check_against_reference(facts, np.arange(0, len(facts), 3))


def test_windows_where_teams_play_twice_a_day() -> None:
    pairs = [("Leeds", "Hull"), ("Hull", "Stoke"), ("Stoke", "Leeds"), ("Leeds", "Stoke")]
    matches = [
        Match(f"2022-08-{day:02}", home, away, (turn, day % 3), (QUOTE,), hour=12.0 + 2 * turn)
        for day in (6, 7, 9, 13)
        for turn, (home, away) in enumerate(pairs)
    ]
    facts = facts_of(*matches)
    check_against_reference(facts, np.arange(len(facts)))


@pytest.mark.shared
def test_windows_of_real_matches() -> None:
    facts = SeasonFolder(FOOTBALL).load(seasons=(2016, 2017, 2018), leagues=("EC", "E3", "SC1"))
    rows = np.random.default_rng(1).choice(len(facts), 120, replace=False)
    check_against_reference(facts, np.sort(rows))


def ask(facts: Facts, home: str = "Leeds") -> dict[str, float]:
    """Features of the last match, which is at home for a team."""
    built = features_of(facts, summarise(facts, FOREVER, SPEC))
    assert facts.teams[facts.home[-1]] == f"ENG:{home}"
    return {name: float(built.matrix[-1, column(name)]) for name in WINDOWED}


def features_of(facts: Facts, history: History) -> Features:
    rows = np.array([len(facts) - 1])
    return build(history, facts, rows, facts.kickoff[rows] - 1, SPEC)


LAST = Match("2022-09-03", "Leeds", "Hull", None, (QUOTE,))


def test_what_is_missing_is_nan_and_never_zero() -> None:
    found = ask(facts_of(LAST))
    counts = {name for name in WINDOWED if "matches_" in name} | {"meetings"}
    assert {name for name, value in found.items() if not np.isnan(value)} == counts
    assert all(found[name] == 0 for name in counts)


def test_statistics_a_league_does_not_keep_stay_nan_beside_goals() -> None:
    found = ask(facts_of(Match("2022-08-06", "Leeds", "Stoke", (2, 0)), LAST))
    assert found["home_scored_5"] == 2
    assert found["home_points_20"] == 3
    for name in ("home_shots_for_10", "home_corners_for_10", "home_cards_for_10",
                 "home_surprise_5", "home_move_20"):  # fmt: skip
        assert np.isnan(found[name]), name


def test_meetings_are_seen_from_the_home_side_and_end_after_five_years() -> None:
    met = (
        Match("2017-08-12", "Leeds", "Hull", (9, 0)),  # too long ago
        Match("2021-08-07", "Leeds", "Hull", (2, 0)),
        Match("2022-01-08", "Hull", "Leeds", (3, 0)),
    )
    found = ask(facts_of(*met, LAST))
    assert found["meetings"] == 2
    assert found["meeting_points_home"] == 0.0
    assert found["meeting_goal_difference"] == -0.5


def test_rest_counts_days_between_matches_and_stops_at_sixty() -> None:
    def rest(day: str) -> float:
        return ask(facts_of(Match(day, "Stoke", "Leeds", (0, 0)), LAST))["home_rest_days"]

    assert rest("2022-08-30") == 4
    assert rest("2022-05-01") == 60


def test_a_result_of_the_price_day_is_not_known_yet() -> None:
    # Saturday's prices stand on Friday at 15:00: Thursday's result helps, Friday's does not.
    thursday = Match("2022-09-01", "Leeds", "Stoke", (4, 0))
    friday = replace(thursday, day="2022-09-02", hour=8.0)
    assert ask(facts_of(thursday, LAST))["home_scored_5"] == 4
    assert np.isnan(ask(facts_of(friday, LAST))["home_scored_5"])


def test_the_season_counter_starts_again_each_season() -> None:
    before = Match("2022-05-07", "Leeds", "Stoke", (1, 0))
    now = Match("2022-08-06", "Stoke", "Leeds", (1, 0))
    found = ask(facts_of(before, now, LAST))
    assert found["home_matches_played"] == 1
    assert found["home_matches_30_days"] == 1
    assert found["home_matches_14_days"] == 0
