"""Coming matches: rows are checked against the day they were seen, names against known teams."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from betting_ai.adapters.feeds.football_data.fixtures import parse_fixtures
from betting_ai.errors import NotTabularError
from betting_ai.features.facts import NEVER
from betting_ai.ports.feeds import Parsed

OLD = "Div,Date,HomeTeam,AwayTeam,FTHG,FTAG,FTR,HTHG,HTAG,HTR,B365H,B365D,B365A,BbMxH,BbMxD,BbMxA"
NEW = "\ufeffDiv,Date,Time,HomeTeam,AwayTeam,Referee,B365H,B365D,B365A,B365CH,B365CD,B365CA"
EXTRA = "Country,League,Date,Time,Home,Away,PH,PD,PA,MaxH,MaxD,MaxA,AvgH,AvgD,AvgA"
SATURDAY = "E0,15/03/2025,15:00,Arsenal,Chelsea,,2.1,3.4,3.5,,,"
FRIDAY_EVENING = datetime(2025, 3, 14, 18, tzinfo=UTC)


def known(league: str, name: str) -> str | None:
    return None if name == "Nobody" else name


def parse(header: str, *rows: str, seen_at: datetime | None = FRIDAY_EVENING) -> Parsed:
    content = "\n".join((header, *rows, "")).encode()
    return parse_fixtures(content, name="fixtures.csv", resolve=known, seen_at=seen_at)


def test_the_form_with_a_referee_column_and_a_byte_order_mark() -> None:
    facts = parse(NEW, SATURDAY).facts
    assert (len(facts), facts.leagues, facts.season.tolist()) == (1, ("E0",), [2024])
    assert facts.result_known_at.tolist() == [NEVER]
    assert facts.quotes == 1  # the closing columns are there and empty
    assert facts.quoted_at[0] == np.datetime64("2025-03-14T15:00:00").astype(int)


def test_the_old_form_without_times() -> None:
    row = "B1,16/02/18,Genk,Antwerp,,,,,,,3.1,3.39,2.25,3.25,3.52,2.34"
    facts = parse(OLD, row, seen_at=datetime(2018, 2, 16, 15, tzinfo=UTC)).facts
    assert facts.books == ("B365", "MAX")
    assert facts.time_assumed.all()


def test_the_form_of_the_extra_leagues() -> None:
    rows = (
        "Argentina,Copa,13/11/2020,22:00,Lanus,Colon,,,,2.4,3.6,3.4,2.2,3.2,3.1",
        "Atlantis,League,13/11/2020,22:00,A,B,2,3,4,2,3,4,2,3,4",
        "Poland,Ekstraklasa,14/11/2020,,Lech,Legia,2.5,3.3,2.9,2.6,3.4,3,2.4,3.2,2.8",
    )
    parsed = parse(EXTRA, *rows, seen_at=datetime(2020, 11, 13, 15, tzinfo=UTC))
    assert parsed.report.rows_refused == {"unknown_division": 1}
    assert parsed.facts.leagues == ("ARG", "POL")
    assert parsed.facts.season.tolist() == [2020, 2020]
    assert parsed.facts.books == ("AVG", "MAX", "PS")


@pytest.mark.parametrize(
    ("league", "date", "season"),
    [("E0", "30/06/2025", 2024), ("E0", "01/07/2025", 2025), ("E0", "01/01/2025", 2024)],
)
def test_seasons_begin_in_july(league: str, date: str, season: int) -> None:
    parsed = parse(NEW, f"{league},{date},15:00,Arsenal,Chelsea,,,,,,,", seen_at=None)
    assert parsed.facts.season.tolist() == [season]


@pytest.mark.parametrize(
    ("country", "date", "season"),
    [
        ("Brazil", "01/03/2025", 2025),
        ("Brazil", "30/11/2025", 2025),
        ("Poland", "01/03/2025", 2024),
    ],
)
def test_or_in_january(country: str, date: str, season: int) -> None:
    row = f"{country},League,{date},15:00,A,B,2,3,4,2,3,4,2,3,4"
    assert parse(EXTRA, row, seen_at=None).facts.season.tolist() == [season]


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("12/03/2025", "stale_row"),
        ("15/03/2016", "stale_row"),  # a year mistyped
        ("05/04/2025", "date_implausible"),
        ("15/03/2052", "date_implausible"),
        ("15-03-2025", "date_unreadable"),
    ],
)
def test_dates_that_cannot_be_of_coming_matches(date: str, reason: str) -> None:
    report = parse(NEW, SATURDAY.replace("15/03/2025", date)).report
    assert (report.rows_kept, report.rows_refused) == (0, {reason: 1})


@pytest.mark.parametrize("date", ["13/03/2025", "04/04/2025"])
def test_yesterday_and_three_weeks_on_are_kept(date: str) -> None:
    assert parse(NEW, SATURDAY.replace("15/03/2025", date)).report.rows_kept == 1


def test_without_a_day_seen_every_date_is_kept() -> None:
    row = SATURDAY.replace("2025", "2016")
    assert parse(NEW, row, seen_at=None).report.rows_kept == 1


def test_rows_with_a_doubtful_name_are_refused() -> None:
    rows = (SATURDAY, SATURDAY.replace("Chelsea", "Nobody"), SATURDAY.replace("Arsenal", "Nobody"))
    report = parse(NEW, *rows).report
    assert (report.rows_kept, report.rows_refused) == (1, {"team_unresolved": 2})


def test_two_names_of_one_team_are_no_match() -> None:
    content = "\n".join((NEW, SATURDAY, "")).encode()
    parsed = parse_fixtures(content, name="fixtures.csv", resolve=lambda *_: "Arsenal")
    assert parsed.report.rows_refused == {"team_against_itself": 1}


def test_the_same_match_twice_is_held_once() -> None:
    assert parse(NEW, SATURDAY, SATURDAY).report.rows_refused == {"duplicate": 1}


def test_unknown_divisions_are_counted() -> None:
    report = parse(NEW, SATURDAY, SATURDAY.replace("E0", "X9")).report
    assert report.rows_refused == {"unknown_division": 1}


def test_a_price_seen_before_the_usual_collection_stands_when_it_was_seen() -> None:
    monday = datetime(2025, 3, 10, 9, tzinfo=UTC)
    facts = parse(NEW, SATURDAY, seen_at=monday).facts
    assert facts.quoted_at.tolist() == [int(monday.timestamp())]


def test_a_file_without_division_or_country_is_no_fixtures_file() -> None:
    with pytest.raises(NotTabularError, match="Div"):
        parse("Date,HomeTeam,AwayTeam", "15/03/2025,Arsenal,Chelsea")
