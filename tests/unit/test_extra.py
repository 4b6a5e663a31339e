"""The files of the extra leagues: closing prices only, seasons of two kinds."""

from __future__ import annotations

import pytest

from betting_ai.adapters.feeds.football_data.extra import parse_extra_file
from betting_ai.errors import NotTabularError, UnknownLeagueError
from betting_ai.ports.feeds import Parsed

HEADER = (
    "\ufeffCountry,League,Season,Date,Time,Home,Away,HG,AG,Res,PSCH,PSCD,PSCA,AvgCH,AvgCD,AvgCA"
)
ROW = (
    "Argentina,Liga ,2012/2013,04/08/2012,01:10,Velez ,Colon Santa FE,3,0,H,2,3.24,4.55,1.97,3.1,4"
)


def parse(*rows: str, league: str = "ARG") -> Parsed:
    content = "\r\n".join((HEADER, *rows, "")).encode()
    return parse_extra_file(content, league=league, name=f"{league}.csv")


def test_results_and_closes() -> None:
    parsed = parse(ROW)
    facts = parsed.facts
    assert facts.teams == ("ARG:Colon Santa Fe", "ARG:Velez")
    assert facts.stats[0, :2].tolist() == [3, 0]
    assert facts.books == ("AVG", "PS")
    assert facts.quoted_at.tolist() == [facts.kickoff[0]] * 2
    assert parsed.report.rows_repaired == {"team_name": 1}


@pytest.mark.parametrize(
    ("season", "date", "kept"),
    [
        ("2012/2013", "01/07/2012", 2012),
        ("2012/2013", "30/06/2012", None),
        ("2012/2013", "30/09/2013", 2012),
        ("2020", "01/01/2020", 2020),
        ("2020", "25/02/2021", 2020),
        ("2020", "31/12/2019", None),
        ("2020", "01/04/2021", None),
    ],
)
def test_seasons(season: str, date: str, kept: int | None) -> None:
    parsed = parse(ROW.replace("2012/2013", season).replace("04/08/2012", date))
    assert parsed.facts.season.tolist() == ([] if kept is None else [kept])
    assert parsed.report.rows_refused == ({"date_outside_season": 1} if kept is None else {})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [("2012/2013", "spring", "season_unreadable"), ("Argentina", "Brazil", "other_division")],
)
def test_rows_that_belong_elsewhere(old: str, new: str, reason: str) -> None:
    assert parse(ROW.replace(old, new)).report.rows_refused == {reason: 1}


def test_other_files_and_leagues_are_refused() -> None:
    with pytest.raises(NotTabularError, match=r"ARG\.csv has no column Season"):
        parse_extra_file(b"Date,Home,Away\n", league="ARG", name="ARG.csv")
    with pytest.raises(UnknownLeagueError, match="E0"):
        parse(ROW, league="E0")
