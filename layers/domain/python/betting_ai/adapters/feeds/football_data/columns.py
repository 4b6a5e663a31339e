"""Columns by role. Books come and go each season, so price columns are recognised by their form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from betting_ai.domain.markets import MARKET_AVERAGE, MARKET_MAXIMUM, Market

DATE: Final = ("Date",)
HOME: Final = ("HomeTeam", "HT", "Home")
AWAY: Final = ("AwayTeam", "AT", "Away")
GOALS: Final = (("FTHG", "HG"), ("FTAG", "AG"))
RESULT: Final = ("FTR", "Res")

STAT_COLUMNS: Final = (
    *GOALS, ("HTHG",), ("HTAG",), ("HS",), ("AS",), ("HST",), ("AST",),
    ("HC",), ("AC",), ("HY",), ("AY",), ("HR",), ("AR",),
)  # fmt: skip
"""Header names in the order of `betting_ai.features.facts.STATS`."""

_SAME_BOOK: Final = {
    "P": "PS",
    "Max": MARKET_MAXIMUM,
    "BbMx": MARKET_MAXIMUM,
    "Avg": MARKET_AVERAGE,
    "BbAv": MARKET_AVERAGE,
}
KNOWN_BOOKS: Final = {
    "B365", "BW", "IW", "PS", "WH", "VC", "GB", "LB", "SB", "SJ", "BS", "SO", "SY", "SP", "ST",
    "BF", "1XB", "BFE", "BFD", "BMGM", "BV", "CL", "PP", "SKB", *_SAME_BOOK,
}  # fmt: skip
"""Prefixes of price columns seen so far; they tell a closing ``C`` from the end of a name."""

_TOTALS = re.compile(r"(.+)([<>])([0-9]+(?:\.[0-9]+)?)")
_HANDICAP = re.compile(r"(.+)AH([HA])")


@dataclass(frozen=True)
class QuoteColumns:
    """Where one book's quotes of one market stand.

    Attributes:
        book: book code.
        market: a `Market`.
        closing: the prices at kick-off rather than those collected before.
        prices: header names, one per selection.
        line: a fixed line, or the header name of the home handicap.
    """

    book: str
    market: Market
    closing: bool
    prices: tuple[str, ...]
    line: float | str = 0.0


def quote_columns(header: Sequence[str]) -> list[QuoteColumns]:
    """All complete groups of price columns of a header, in its order."""
    names = set(header)
    result = [p for name in header if (p := _result_prefix(name, names))]
    totals = [m.groups() for name in header if (m := _TOTALS.fullmatch(name)) and m[2] == ">"]
    handicap = [m[1] for name in header if (m := _HANDICAP.fullmatch(name)) and m[2] == "H"]
    bases = {*result, *(prefix for prefix, _, _ in totals), *handicap}
    found = []
    for prefix in result:
        book, closing = _book(prefix, bases)
        prices = tuple(prefix + outcome for outcome in "HDA")
        found.append(QuoteColumns(book, Market.MATCH_RESULT, closing, prices))
    for prefix, _, line in totals:
        if f"{prefix}<{line}" in names:
            book, closing = _book(prefix, bases)
            prices = (f"{prefix}>{line}", f"{prefix}<{line}")
            found.append(QuoteColumns(book, Market.TOTALS, closing, prices, float(line)))
    for prefix in handicap:
        book, closing = _book(prefix, bases)
        column = _line_column(prefix, closing, names)
        if f"{prefix}AHA" in names and column:
            prices = (f"{prefix}AHH", f"{prefix}AHA")
            found.append(QuoteColumns(book, Market.HANDICAP, closing, prices, column))
    return list(dict.fromkeys(found))


def _result_prefix(name: str, names: set[str]) -> str | None:
    prefix = name[:-1]
    is_triple = name.endswith("H") and {prefix + "D", prefix + "A"} <= names
    return prefix if prefix and is_triple else None


def _book(prefix: str, bases: set[str]) -> tuple[str, bool]:
    base = prefix[:-1]
    closing = (
        prefix not in KNOWN_BOOKS
        and prefix.endswith("C")
        and (base in KNOWN_BOOKS or base in bases)
    )
    name = base if closing else prefix
    return _SAME_BOOK.get(name, name), closing


def _line_column(prefix: str, closing: bool, names: set[str]) -> str | None:
    if closing:
        candidates = ["AHCh"]
    elif prefix.startswith("Bb"):
        candidates = ["BbAHh"]
    else:
        candidates = [f"{prefix}AH", "AHh"]
    return next((column for column in candidates if column in names), None)
