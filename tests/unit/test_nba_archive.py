"""The NBA archive: American prices, evenings that end after UTC midnight, and the dirt."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from betting_ai.adapters.feeds.contest_folder import ContestFolder
from betting_ai.adapters.feeds.nba_archive import decimal_odds, parse_nba_archive
from betting_ai.domain.sports import BASKETBALL, SPORTS
from betting_ai.errors import NotTabularError
from betting_ai.features.facts import MISSING, NEVER
from betting_ai.ports.feeds import Parsed
from conftest import SHARED

HEADER = "season,dates,away,home,score_away,score_home,moneyline_away,moneyline_home"


def parsed(*rows: str) -> Parsed:
    return parse_nba_archive("\n".join((HEADER, *rows)).encode(), name="nba_2023.csv")


def test_a_game_by_hand() -> None:
    facts = parsed("2023,1/10/2023,lal,bos,101,99,+130,-150").facts
    assert facts.teams == ("NBA:Boston Celtics", "NBA:Los Angeles Lakers")
    assert facts.teams[facts.home[0]] == "NBA:Boston Celtics"
    assert facts.season.tolist() == [2022]
    assert facts.stats[0, :2].tolist() == [99, 101]
    assert facts.books == ("AVG",)  # nobody knows whose price it was: none that can be taken
    assert facts.price[0, :2].tolist() == [1.6667, 2.3]
    tip_off = int(datetime(2023, 1, 11, 0, tzinfo=UTC).timestamp())  # 19:00 in New York
    assert facts.kickoff.tolist() == [tip_off]
    assert facts.quoted_at.tolist() == [tip_off - 3_600]
    assert facts.result_known_at.tolist() == [tip_off + 7 * 3_600]


def test_yesterdays_game_is_known_when_todays_price_stands_and_todays_is_not() -> None:
    facts = parsed(
        "2023,1/10/2023,lal,bos,101,99,+130,-150", "2023,1/11/2023,mia,bos,90,99,+130,-150"
    ).facts
    day = SPORTS[BASKETBALL].result_day
    assert day(facts.result_known_at).tolist() == facts.day.tolist()
    assert day(facts.quoted_at).tolist() == facts.day.tolist()


@pytest.mark.parametrize(
    ("line", "odds"), [(-150, 1.6667), (130, 2.3), (100, 2.0), (-100, 2.0), (8, 1.0), (0, 1.0)]
)
def test_american_odds(line: float, odds: float) -> None:
    assert decimal_odds(np.array([float(line)])).tolist() == [odds]


def test_bad_rows_and_prices_are_refused_and_counted() -> None:
    found = parsed(
        "2023,1/10/2023,lal,bos,101,99,+130,-150",
        "2023,1/10/2023,lal,bos,101,99,+130,-150",
        "2023,1/10/2021,lal,bos,101,99,+130,-150",
        "2023,soon,lal,bos,101,99,+130,-150",
        ",1/10/2023,lal,bos,101,99,+130,-150",
        "2023,1/12/2023,sea,bos,101,99,+130,-150",
        "2023,1/13/2023,lal,bos,99,99,8,-150",
        "2023,1/14/2023,lal,bos,,,+130,-150",
    )
    assert found.report.rows_refused == {
        "duplicate": 1, "date_outside_season": 1, "date_unreadable": 1, "season_unreadable": 1,
        "team_unknown": 1,
    }  # fmt: skip
    assert found.report.quotes_refused == {"price_not_above_1": 1}
    assert found.report.rows_repaired == {"score_impossible": 1}
    level, to_come = found.facts.stats[1:, 0].tolist()
    assert level == to_come == MISSING
    assert (found.facts.result_known_at[1:] == NEVER).all()


def test_what_is_no_file_of_games_is_said() -> None:
    with pytest.raises(NotTabularError):
        parse_nba_archive(b"<html>", name="x")


@pytest.mark.shared
def test_the_real_archive_is_read_whole() -> None:
    contents = ContestFolder(SHARED / "nba", BASKETBALL).read()
    [report] = contents.reports
    assert (report.rows_read, report.rows_kept, report.quotes_kept) == (19_822, 19_822, 19_819)
    facts = contents.facts
    assert len(facts.teams) == 30
    assert set(np.unique(facts.season).tolist()) == set(range(2007, 2023))
    home, away = facts.stats[facts.stats[:, 0] != MISSING, :2].T
    assert 0.58 < (home > away).mean() < 0.60
    assert len(contents.payloads) == 16
