"""Price columns are found by their form, whatever the season's books are."""

from __future__ import annotations

import pytest

from betting_ai.adapters.feeds.football_data.columns import QuoteColumns, quote_columns
from betting_ai.domain.markets import Market


def triple(prefix: str) -> list[str]:
    return [prefix + outcome for outcome in "HDA"]


def found(*header: str) -> set[tuple[str, Market, bool]]:
    return {(group.book, group.market, group.closing) for group in quote_columns(header)}


RESULT = Market.MATCH_RESULT


@pytest.mark.parametrize(
    ("prefix", "book", "closing"),
    [
        ("B365", "B365", False),
        ("B365C", "B365", True),
        ("PS", "PS", False),
        ("PSC", "PS", True),
        ("P", "PS", False),
        ("VC", "VC", False),
        ("VCC", "VC", True),
        ("1XB", "1XB", False),
        ("1XBC", "1XB", True),
        ("BF", "BF", False),
        ("BFC", "BF", True),
        ("BFD", "BFD", False),
        ("BFEC", "BFE", True),
        ("BMGMC", "BMGM", True),
        ("CL", "CL", False),
        ("CLC", "CL", True),
        ("Max", "MAX", False),
        ("MaxC", "MAX", True),
        ("BbMx", "MAX", False),
        ("Avg", "AVG", False),
        ("AvgC", "AVG", True),
        ("BbAv", "AVG", False),
        ("NEW", "NEW", False),
        ("TAC", "TAC", False),  # an unknown book that ends in C, and no such book without it
    ],
)
def test_prefixes(prefix: str, book: str, closing: bool) -> None:
    assert found(*triple(prefix)) == {(book, RESULT, closing)}


def test_an_unknown_prefix_in_c_is_a_close_beside_its_base() -> None:
    header = [*triple("NEW"), *triple("NEWC")]
    assert found(*header) == {("NEW", RESULT, False), ("NEW", RESULT, True)}


def test_statistics_are_no_prices() -> None:
    first = "Div Date Time HomeTeam AwayTeam FTHG FTAG FTR HTHG HTAG HTR Attendance Referee HS AS"
    then = "HST AST HHW AHW HC AC HF AF HO AO HY AY HR AR HBP ABP HFKC AFKC Bb1X2 BbOU BbAH AHh"
    header = [*first.split(" "), *then.split(" "), "AHCh"]
    assert found(*header) == set()


def test_incomplete_triples_are_no_market() -> None:
    assert found("SYH", "SYD") == set()
    assert found("H", "D", "A") == set()


def test_totals_and_their_closes() -> None:
    groups = quote_columns(["P>2.5", "P<2.5", "PC>2.5", "PC<2.5", "BbMx>2.5", "BbMx<2.5", "GB>2.5"])
    assert groups == [
        QuoteColumns("PS", Market.TOTALS, False, ("P>2.5", "P<2.5"), 2.5),
        QuoteColumns("PS", Market.TOTALS, True, ("PC>2.5", "PC<2.5"), 2.5),
        QuoteColumns("MAX", Market.TOTALS, False, ("BbMx>2.5", "BbMx<2.5"), 2.5),
    ]


@pytest.mark.parametrize(
    ("prefix", "lines", "line", "book", "closing"),
    [
        ("B365", ["AHh", "AHCh"], "AHh", "B365", False),
        ("B365C", ["AHh", "AHCh"], "AHCh", "B365", True),
        ("P", ["AHh"], "AHh", "PS", False),
        ("BFEC", ["AHCh"], "AHCh", "BFE", True),
        ("BbMx", ["BbAHh", "AHh"], "BbAHh", "MAX", False),
        ("GB", ["GBAH"], "GBAH", "GB", False),
        ("B365", ["B365AH", "GBAH"], "B365AH", "B365", False),
    ],
)
def test_handicaps_and_their_lines(
    prefix: str, lines: list[str], line: str, book: str, closing: bool
) -> None:
    prices = (f"{prefix}AHH", f"{prefix}AHA")
    expected = QuoteColumns(book, Market.HANDICAP, closing, prices, line)
    assert quote_columns([*prices, *lines]) == [expected]


def test_a_close_never_takes_the_line_of_the_opening() -> None:
    assert quote_columns(["B365CAHH", "B365CAHA", "AHh"]) == []
