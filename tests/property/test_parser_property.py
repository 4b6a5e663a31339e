"""Whatever happens to a file's bytes, it is read, counted, or refused by name."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from betting_ai.adapters.feeds.football_data.parser import parse_season_file
from betting_ai.domain.markets import MARKET_MAXIMUM
from betting_ai.errors import NotTabularError
from betting_ai.features.facts import NEVER, merge

HEADER = (
    "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,HTHG,HTAG,B365H,B365D,B365A,B365CH,B365CD,"
    "B365CA,MaxH,MaxD,MaxA,P>2.5,P<2.5,AHh,B365AHH,B365AHA"
)
ROWS = [
    "E0,16/08/2024,20:00,Man United,Fulham,1,0,H,0,0,1.6,4.2,5.25,1.65,4.2,5,1.68,4.5,5.5,"
    "1.53,2.62,-1,2.05,1.88",
    "E0,17/08/2024,12:30,Ipswich,Liverpool,0,2,A,0,0,8.5,5.5,1.33,8,5.75,1.34,9,6,1.36,"
    "1.44,2.88,1.5,2.02,1.91",
    "E0,17/08/24,,Arsenal,Wolves,2,0,H,1,0,1.18,7.5,13,1.18,7,15,1.2,8,17,1.5,2.7,-2,2.1,1.8",
]
FILE = "\r\n".join((HEADER, *ROWS, "")).encode()

edits = st.lists(
    st.tuples(st.integers(0, len(FILE)), st.integers(0, 40), st.binary(max_size=12)), max_size=6
)
cells = st.one_of(
    st.sampled_from(["", "0", "1", "1,85", '"', "#REF!", "inf", "-3", "1e9", "\0", "٣", " 2.5 "]),
    st.text(max_size=8).filter(lambda text: "\n" not in text and "\r" not in text),
    st.floats(0.5, 2000).map(str),
)


def check(content: bytes) -> None:
    try:
        parsed = parse_season_file(content, league="E0", season=2024, name="E0.csv")
    except NotTabularError as error:
        if not str(error).startswith("E0.csv "):
            raise
        return
    facts, report = parsed.facts, parsed.report
    assert report.rows_read == report.rows_kept + sum(report.rows_refused.values())
    assert (report.rows_kept, report.quotes_kept) == (len(facts), facts.quotes)
    assert facts.equals(merge([facts]))
    assert (facts.home != facts.away).all()
    assert ((facts.result_known_at == NEVER) == (facts.stats == -1).all(axis=1)).all()
    prices = facts.price[~np.isnan(facts.price)]
    assert ((prices > 1) & (prices <= 1001)).all()
    assert not np.isnan(facts.price[:, :2]).any()
    assert (facts.quoted_at <= facts.kickoff[facts.quote_event]).all()
    named = np.array([facts.books[i] != MARKET_MAXIMUM for i in facts.quote_book], np.bool_)
    assert (np.nansum(1 / facts.price, axis=1)[named] >= 0.8).all()


def test_a_cell_without_end_is_named() -> None:
    check(FILE.replace(b"Fulham", b'"' + b"x" * 200_000 + b'"'))


def test_the_file_itself_is_fine() -> None:
    parsed = parse_season_file(FILE, league="E0", season=2024, name="E0.csv")
    assert (parsed.report.rows_kept, parsed.report.quotes_kept) == (3, 15)
    check(FILE)


@given(edits)
def test_bytes_cut_out_and_put_in(changes: list[tuple[int, int, bytes]]) -> None:
    content = FILE
    for at, length, put in changes:
        content = content[:at] + put + content[at + length :]
    check(content)


@given(st.integers(0, len(FILE)))
def test_a_file_cut_off_anywhere(length: int) -> None:
    check(FILE[:length])


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 23), cells), max_size=8))
def test_any_text_in_any_cell(changes: list[tuple[int, int, str]]) -> None:
    rows = [row.split(",") for row in ROWS]
    for row, column, text in changes:
        rows[row][column] = text
    check("\n".join((HEADER, *(",".join(row) for row in rows), "")).encode("utf-8", "replace"))
