"""What has become old is said, and what to do about it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from betting_ai.usecases.aged import OLD_MODEL, QUIET, aged

NOW = datetime(2025, 9, 1, 8, tzinfo=UTC)
YOUNG = NOW - timedelta(days=1)


def test_what_is_young_is_not_mentioned() -> None:
    edge = {"match_result v1": NOW.date() - OLD_MODEL}
    assert list(aged(edge, YOUNG, NOW)) == []
    assert list(aged({}, None, NOW)) == [], "where there is nothing, nothing is old"


def test_an_old_model_is_told_with_its_name_and_day() -> None:
    trained = {"match_result v1": date(2025, 7, 2), "nba_winner v2": date(2025, 8, 30)}
    (line,) = aged(trained, YOUNG, NOW)
    assert line == (
        "the model match_result v1 was trained through 2025-07-02, 61 days ago; "
        "`train` makes a newer one"
    )


def test_so_are_matches_that_stopped_coming() -> None:
    (line,) = aged({}, NOW - QUIET, NOW)
    assert line == "the newest match is of 2025-08-18; `fetch` brings what came since"
