"""From bytes to a table, and from its cells to text, numbers, dates and times.

A file repeats the same few thousand texts, so every conversion is a dictionary that learns.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from datetime import date
from itertools import zip_longest
from time import perf_counter
from typing import Final

import numpy as np

from betting_ai.errors import NotTabularError
from betting_ai.features.facts import Floats, Ints

TEXT: Final = float("-inf")
"""A cell that should be a number and is not; an empty cell is NaN."""

NO_VALUE: Final = int(np.iinfo(np.int64).min)
"""A date or time cell that is empty or cannot be read."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::[0-9]{2})?")
_FIRST_YEAR = 93  # the site begins in 1993, so "92" is 2092
_EPOCH = date(1970, 1, 1).toordinal()


class _Numbers(dict[str, float]):
    def __missing__(self, cell: str) -> float:
        text = cell.strip()
        value = float("nan")
        if text:
            value = round(float(text), 4) if _NUMBER.fullmatch(text) else TEXT
        self[cell] = value
        return value


class _Days(dict[str, int]):
    def __missing__(self, cell: str) -> int:
        self[cell] = value = _day(cell.strip())
        return value


class _Clocks(dict[str, int]):
    def __missing__(self, cell: str) -> int:
        found = _TIME.fullmatch(cell.strip())
        hour, minute = map(int, found.groups()) if found else (24, 0)
        self[cell] = value = hour * 3600 + minute * 60 if hour < 24 and minute < 60 else NO_VALUE
        return value


def _day(text: str) -> int:
    found = _DATE.fullmatch(text)
    if not found:
        return NO_VALUE
    day, month, year = map(int, found.groups())
    if len(found[3]) == 2:
        year += 1900 if year >= _FIRST_YEAR else 2000
    try:
        return days_since_epoch(date(year, month, day))
    except ValueError:
        return NO_VALUE


def days_since_epoch(day: date) -> int:
    """The number of a date; 1970-01-01 is 0."""
    return day.toordinal() - _EPOCH


class Table:
    """A file's columns, found by name; a column has several names where files differ.

    Attributes:
        header: names, stripped; a name may be empty.
        rows: number of rows that are not blank.
        truncated: (rows,) the file ends in the middle of this row.
        shifted: (rows,) the cell right after the last named column is filled.
        unreadable: (rows,) the row holds NUL bytes.
        seconds: what reading took.
    """

    def __init__(
        self, header: tuple[str, ...], rows: list[list[str]], *, cut: bool, began: float
    ) -> None:
        self.header = header
        self.rows = len(rows)
        self.truncated = np.zeros(self.rows, dtype=np.bool_)
        self.truncated[-1:] = cut
        named = 1 + max(i for i, cell in enumerate(header) if cell)
        self.shifted = np.array(
            [len(row) > named and row[named].strip() != "" for row in rows], np.bool_
        )
        self.unreadable = np.array(["\0" in "".join(row) for row in rows], np.bool_)
        columns = zip_longest(header, *rows, fillvalue="")
        self._columns: dict[str, tuple[str, ...]] = {}
        for name, column in zip(header, columns, strict=False):
            self._columns.setdefault(name, column[1:])
        self._numbers = _Numbers()
        self._days = _Days()
        self._clocks = _Clocks()
        self.seconds = perf_counter() - began

    def has(self, *names: str) -> bool:
        """Whether one of the columns is there."""
        return any(name in self._columns for name in names)

    def text(self, *names: str) -> list[str]:
        """A column, stripped."""
        return [cell.strip() for cell in self._cells(names)]

    def raw(self, *names: str) -> tuple[str, ...]:
        """A column as it stands in the file."""
        return self._cells(names)

    def numbers(self, *names: str) -> Floats:
        """Numbers rounded to 4 places; NaN where empty, `TEXT` where not a number."""
        return np.fromiter(
            map(self._numbers.__getitem__, self._cells(names)), np.float64, self.rows
        )

    def days(self, *names: str) -> Ints:
        """``dd/mm/yy`` or ``dd/mm/yyyy`` as days since the epoch, else `NO_VALUE`."""
        return np.fromiter(map(self._days.__getitem__, self._cells(names)), np.int64, self.rows)

    def clocks(self, *names: str) -> Ints:
        """``hh:mm`` as seconds since midnight, else `NO_VALUE`."""
        return np.fromiter(map(self._clocks.__getitem__, self._cells(names)), np.int64, self.rows)

    def _cells(self, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name in self._columns:
                return self._columns[name]
        return ("",) * self.rows


def read_table(content: bytes, *, name: str, required: Iterable[tuple[str, ...]]) -> Table:
    """A file as a table.

    Args:
        content: the bytes of a comma-separated file, UTF-8 (with or without BOM) or Windows-1252.
        name: the file's name, for errors.
        required: for each role that must be there, the header names that can play it.

    Raises:
        NotTabularError: an empty file, an HTML page, noise, or a header without a required role.
    """
    began = perf_counter()
    text = _decode(content, name)
    if text.lstrip()[:1] == "<":
        raise NotTabularError(f"{name} is an HTML page, not a CSV file (not published yet?)")
    head, *lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    header = tuple(cell.strip() for cell in _cells(head, name))
    missing = [roles[0] for roles in required if not set(roles) & set(header)]
    if missing:
        what = "is empty" if not text.strip() else f"has no column {' or '.join(missing)}"
        raise NotTabularError(f"{name} {what}: not a file of matches")
    rows = [_cells(line, name) for line in lines if line.strip(", \t\x1a")]
    cut = bool(rows) and bool(lines[-1]) and len(rows[-1]) < len(header)
    return Table(header, rows, cut=cut, began=began)


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":  # the file was cut inside a character
            return content[: error.start].decode("utf-8-sig")
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        raise NotTabularError(f"{name} is not text: not a file of matches") from None


def _cells(line: str, name: str) -> list[str]:
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line]))  # line by line: a stray quote cannot swallow rows below it
    except csv.Error as error:
        raise NotTabularError(f"{name} cannot be read as CSV: {error}") from None
