"""Season files: what is kept, what is refused, and that nothing is guessed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from betting_ai.adapters.feeds.football_data.parser import Parsed, parse_season_file
from betting_ai.domain.events import event_id
from betting_ai.domain.markets import Market
from betting_ai.errors import NotTabularError, UnknownLeagueError
from betting_ai.features.facts import MISSING, NEVER, STATS

IDENTITY = ("Div", "Date", "Time", "HomeTeam", "AwayTeam", "FTHG", "FTAG", "FTR", "HTHG", "HTAG")
ROW = ("E0", "16/03/2025", "13:30", "Arsenal", "Chelsea", "1", "0", "H", "1", "0")


def season_file(
    *rows: Sequence[str], extra: Sequence[str] = (), end: str = "\n", header: Sequence[str] = ()
) -> bytes:
    lines = [[*(header or IDENTITY), *extra], *rows]
    return (end.join(",".join(line) for line in lines) + end).encode()


def parse(content: bytes, league: str = "E0", season: int = 2024) -> Parsed:
    return parse_season_file(content, league=league, season=season, name="test.csv")


def row(**changes: str) -> list[str]:
    return [changes.get(name, cell) for name, cell in zip(IDENTITY, ROW, strict=True)]


def priced(columns: dict[str, str]) -> Parsed:
    return parse(season_file([*ROW, *columns.values()], extra=list(columns)))


def test_a_row_becomes_an_event_with_its_result() -> None:
    facts = parse(season_file(ROW)).facts
    assert facts.event_id.tolist() == [event_id("e0-2025-03-16-arsenal-chelsea")]
    assert facts.teams == ("ENG:Arsenal", "ENG:Chelsea")
    assert facts.season.tolist() == [2024]
    stats = dict(zip(STATS, facts.stats[0].tolist(), strict=True))
    assert (stats["goals_home"], stats["goals_away"]) == (1, 0)
    assert (stats["half_time_home"], stats["half_time_away"]) == (1, 0)
    assert stats["shots_home"] == MISSING
    assert facts.result_known_at[0] == facts.kickoff[0] + 8100
    assert not facts.time_assumed[0]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_marks_do_not_matter(end: str, bom: bytes) -> None:
    plain = parse(season_file(ROW, row(HomeTeam="Leeds")))
    other = parse(bom + season_file(ROW, row(HomeTeam="Leeds"), end=end))
    assert other.facts.equals(plain.facts)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_both_encodings_give_the_same_name(encoding: str) -> None:
    text = season_file(row(Div="D2", HomeTeam="Preußen Münster")).decode()
    facts = parse(text.encode(encoding), league="D2").facts
    assert "GER:Preußen Münster" in facts.teams


def test_a_file_cut_inside_a_character_is_still_utf8() -> None:
    content = season_file(
        row(Div="D2", HomeTeam="Preußen Münster"), row(Div="D2", AwayTeam="Münster")
    )
    cut = content[: content.rindex("ü".encode()) + 1]
    parsed = parse(cut, league="D2")
    assert "GER:Preußen Münster" in parsed.facts.teams
    assert parsed.report.rows_refused == {"truncated_row": 1}


@pytest.mark.parametrize("written", ["16/03/25", "16/03/2025"])
def test_both_date_forms(written: str) -> None:
    assert parse(season_file(row(Date=written))).facts.day.tolist() == [20163]


def test_two_digit_years_of_the_last_century() -> None:
    facts = parse(season_file(row(Date="07/08/99")), season=1999).facts
    assert np.datetime64(int(facts.day[0]), "D") == np.datetime64("1999-08-07")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"HomeTeam": ""}, "team_missing"),
        ({"HomeTeam": "Chelsea"}, "team_against_itself"),
        ({"Date": "31/02/2025"}, "date_unreadable"),
        ({"Date": "16.03.2025"}, "date_unreadable"),
        ({"Date": "16/03/2024"}, "date_outside_season"),
        ({"Date": "16/03/2052"}, "date_outside_season"),
        ({"Div": "E1"}, "other_division"),
        ({"HomeTeam": "Ars\0enal"}, "unreadable_row"),
    ],
)
def test_rows_that_cannot_be_named_are_refused(changes: dict[str, str], reason: str) -> None:
    parsed = parse(season_file(row(**changes), row(HomeTeam="Leeds")))
    assert parsed.report.rows_refused == {reason: 1}
    assert (parsed.report.rows_read, parsed.report.rows_kept) == (2, 1)


def test_the_season_runs_from_july_to_the_next_september() -> None:
    inside = [row(Date="01/07/2024"), row(Date="30/09/2025")]
    outside = [row(Date="30/06/2024"), row(Date="01/10/2025")]
    report = parse(season_file(*inside, *outside)).report
    assert (report.rows_kept, report.rows_refused) == (2, {"date_outside_season": 2})


def test_the_first_of_two_sightings_of_an_event_stays() -> None:
    parsed = parse(season_file(ROW, row(FTHG="5")))
    assert parsed.report.rows_refused == {"duplicate": 1}
    assert parsed.facts.stats[0, 0] == 1


def test_the_return_match_on_another_day_is_no_duplicate() -> None:
    assert parse(season_file(ROW, row(Date="23/03/2025"))).report.rows_kept == 2


def test_blank_rows_are_not_rows() -> None:
    content = season_file(ROW, [""] * 10, ["   "], [""])
    assert parse(content).report.rows_read == 1


def test_rows_longer_and_shorter_than_the_header() -> None:
    longer = [*ROW, "", "", ""]
    shorter = row(HomeTeam="Leeds")[:7]
    report = parse(season_file(longer, shorter)).report
    assert (report.rows_kept, report.rows_refused) == (2, {})


def test_a_row_pushed_right_by_a_stray_comma_is_refused() -> None:
    shifted = [*ROW[:3], "Ars", "enal", *ROW[4:]]
    report = parse(season_file(shifted, row(HomeTeam="Leeds"))).report
    assert (report.rows_kept, report.rows_refused) == (1, {"shifted_row": 1})


def test_empty_header_names_are_ignored() -> None:
    content = season_file([*ROW, "", "9"], extra=["", ""])
    assert parse(content).report.rows_kept == 1


def test_old_greek_headers() -> None:
    header = ["Div", "Date", "HT", "AT", "FTHG", "FTAG", "FTR"]
    content = season_file(["G1", "01/10/00", "AEK", "PAOK", "2", "2", "D"], header=header)
    assert parse(content, league="G1", season=2000).facts.teams == ("GRE:AEK", "GRE:PAOK")


def test_names_are_trimmed_and_second_spellings_become_the_first() -> None:
    parsed = parse(
        season_file(row(Div="D2", HomeTeam="St. Pauli ", AwayTeam="Aachen")), league="D2"
    )
    assert parsed.facts.teams == ("GER:Aachen", "GER:St Pauli")
    assert parsed.report.rows_repaired == {"team_name": 1}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"FTHG": "W.O."}, "goals_unreadable"),
        ({"FTHG": ""}, "goals_unreadable"),
        ({"FTHG": "-1"}, "goals_unreadable"),
        ({"FTHG": "1.5"}, "goals_unreadable"),
        ({"FTR": "A"}, "result_contradicts_goals"),
    ],
)
def test_a_doubtful_result_is_dropped_and_the_fixture_kept(
    changes: dict[str, str], reason: str
) -> None:
    parsed = parse(season_file(row(**changes)))
    assert parsed.report.rows_repaired == {reason: 1}
    assert parsed.facts.result_known_at.tolist() == [NEVER]
    assert (parsed.facts.stats == MISSING).all()


def test_a_row_without_result_is_a_fixture() -> None:
    parsed = parse(season_file(row(FTHG="", FTAG="", FTR="", HTHG="", HTAG="")))
    assert parsed.report.rows_repaired == {}
    assert parsed.facts.result_known_at.tolist() == [NEVER]


def test_an_impossible_half_time_leaves_the_result() -> None:
    parsed = parse(season_file(row(HTHG="2")))
    assert parsed.report.rows_repaired == {"half_time_impossible": 1}
    assert parsed.facts.stats[0, :4].tolist() == [1, 0, MISSING, MISSING]


def test_an_unreadable_time_is_counted_and_assumed() -> None:
    parsed = parse(season_file(row(Time="25:10")))
    assert parsed.report.rows_repaired == {"time_unreadable": 1}
    assert parsed.facts.time_assumed.tolist() == [True]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xef\xbb\xbf\r\n",
        b"<!DOCTYPE HTML><html><body>Multiple Choices</body></html>",
        b"\n  <html></html>",
        bytes(range(256)) * 20,
        b"Date,Time\n16/03/2025,13:30\n",
        b"Div,HomeTeam,AwayTeam\nE0,Arsenal,Chelsea\n",
        "Div,Date,HomeTeam,AwayTeam\n".encode("utf-16"),
    ],
)
def test_what_is_no_table_is_named_and_refused(content: bytes) -> None:
    with pytest.raises(NotTabularError, match=r"test\.csv"):
        parse(content)


def test_a_header_alone_has_no_facts() -> None:
    parsed = parse(season_file())
    assert (len(parsed.facts), parsed.facts.quotes, parsed.report.rows_read) == (0, 0, 0)


def test_an_unknown_league_names_the_known_ones() -> None:
    with pytest.raises(UnknownLeagueError, match=r"E9.*E0, E1"):
        parse(season_file(ROW), league="E9")


def test_a_file_cut_in_the_middle_of_a_row_loses_that_row_only() -> None:
    content = season_file(ROW, row(HomeTeam="Leeds"), row(HomeTeam="Fulham"))
    parsed = parse(content[:-9])
    assert parsed.report.rows_refused == {"truncated_row": 1}
    assert parsed.report.rows_kept == 2


def test_a_complete_last_row_needs_no_line_end() -> None:
    assert parse(season_file(ROW).rstrip()).report.rows_kept == 1


def test_a_stray_quote_cannot_swallow_the_rows_below() -> None:
    parsed = parse(season_file(row(HTAG='"0'), row(HomeTeam="Leeds"), row(HomeTeam="Fulham")))
    assert parsed.report.rows_kept == 3


def test_quoted_commas_stay_in_their_cell() -> None:
    content = season_file([*ROW, '"Durkin, P."', "12", "7"], extra=["Referee", "HS", "AS"])
    facts = parse(content).facts
    assert facts.stats[0, 4:6].tolist() == [12, 7]


PRICES = {"B365H": "2.1", "B365D": "3.4", "B365A": "3.5"}


def test_a_complete_quote_stands_at_the_collection_and_a_close_at_kickoff() -> None:
    closes = {"B365CH": "2", "B365CD": "3.5", "B365CA": "3.6"}
    facts = priced(PRICES | closes).facts
    assert facts.books == ("B365",)
    assert facts.quote_market.tolist() == [Market.MATCH_RESULT] * 2
    assert facts.price.tolist() == [[2.1, 3.4, 3.5], [2.0, 3.5, 3.6]]
    friday_afternoon = int(np.datetime64("2025-03-14T15:00:00").astype(np.int64))
    assert facts.quoted_at.tolist() == [friday_afternoon, facts.kickoff[0]]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"B365A": ""}, "incomplete"),
        ({"B365A": "1"}, "price_not_above_1"),
        ({"B365A": "0"}, "price_not_above_1"),
        ({"B365A": "-3.5"}, "price_not_above_1"),
        ({"B365A": "1002"}, "price_absurd"),
        ({"B365A": "N/A"}, "text_price"),
        ({"B365A": '"1,85"'}, "text_price"),
        ({"B365A": "nan"}, "text_price"),
        ({"B365A": "1_9"}, "text_price"),
        ({"B365A": "3.5e0"}, "text_price"),
        ({"B365A": "1.05"}, "overround_absurd"),
        ({"B365D": "30", "B365A": "20"}, "overround_absurd"),
    ],
)
def test_a_quote_is_complete_and_plausible_or_refused(changes: dict[str, str], reason: str) -> None:
    parsed = priced(PRICES | changes)
    assert parsed.report.quotes_refused == {reason: 1}
    assert (parsed.report.quotes_kept, parsed.facts.quotes) == (0, 0)
    assert parsed.report.rows_kept == 1


def test_a_quote_that_is_not_there_is_not_refused() -> None:
    parsed = priced(dict.fromkeys(PRICES, ""))
    assert (parsed.report.quotes_kept, parsed.report.quotes_refused) == (0, {})


def test_the_best_of_many_books_may_leave_no_margin() -> None:
    generous = {"H": "3.5", "D": "4", "A": "4.2"}
    report = priced({f"Max{outcome}": price for outcome, price in generous.items()}).report
    assert (report.quotes_kept, report.quotes_refused) == (1, {})
    report = priced({f"B365{outcome}": price for outcome, price in generous.items()}).report
    assert report.quotes_refused == {"overround_absurd": 1}


def test_prices_are_rounded_to_four_places() -> None:
    assert priced(PRICES | {"B365H": "2.123456"}).facts.price[0, 0] == 2.1235


def test_a_handicap_quote_needs_its_line() -> None:
    prices = {"B365AHH": "1.9", "B365AHA": "1.98"}
    facts = priced({"AHh": "-0.25"} | prices).facts
    assert facts.quote_line.tolist() == [-0.25]
    assert np.isnan(facts.price[0, 2])
    for line, reason in (("", "incomplete"), ("-0.2", "line_absurd"), ("x", "line_absurd"),
                         ("-225", "line_absurd"), ("5.25", "line_absurd")):  # fmt: skip
        assert priced({"AHh": line} | prices).report.quotes_refused == {reason: 1}


def test_facts_are_in_canonical_order() -> None:
    rows = [
        [*row(Date="30/03/2025"), "2.2", "3.3", "3.3", "2.1", "3.4", "3.5"],
        [*ROW, "2.2", "3.3", "3.3", "2.1", "3.4", "3.5"],
    ]
    columns = ["WHH", "WHD", "WHA", *PRICES]
    facts = parse(season_file(*rows, extra=columns)).facts
    assert (np.diff(facts.kickoff) > 0).all()
    assert facts.quote_event.tolist() == [0, 0, 1, 1]
    assert [facts.books[i] for i in facts.quote_book] == ["B365", "WH", "B365", "WH"]
