"""Whole columns to and from PostgreSQL: ``COPY`` in its binary format, laid out by numpy.

No value is ever turned into text, and no row is touched by Python. Formats:
https://www.postgresql.org/docs/current/sql-copy.html and the ``*_send`` functions of the types.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pg8000
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from betting_ai.adapters.sql.engine import unavailable
from betting_ai.errors import DatabaseUnavailableError

Column = npt.NDArray[Any]

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_CHUNK_ROWS: Final = 1 << 16

_EPOCH_SECONDS: Final = 946_684_800  # PostgreSQL counts from 2000-01-01
_EPOCH_DAYS: Final = 10_957
_MICROS: Final = 1_000_000
_INFINITY: Final = np.iinfo(np.int64).max

_TIMESTAMPTZ: Final = 1184
_DATE: Final = 1082
_ELEMENTS: Final = {
    16: "?", 20: ">i8", 21: ">i2", 23: ">i4", 701: ">f8", _TIMESTAMPTZ: ">i8", _DATE: ">i4",
}  # fmt: skip


def as_timestamps(seconds: npt.NDArray[np.int64]) -> Column:
    """Seconds since 1970 as ``timestamptz``."""
    return (seconds - _EPOCH_SECONDS) * _MICROS


def as_timestamp(instant: datetime) -> int:
    """One instant as ``timestamptz``."""
    return (instant - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def as_dates(days: npt.NDArray[np.int64]) -> Column:
    """Days since 1970 as ``date``."""
    return (days - _EPOCH_DAYS).astype(np.int32)


def as_numerics(numbers: npt.NDArray[np.float64]) -> Column:
    """Numbers from 0 to 10^12, rounded to 4 places, as ``numeric``: three digits of base 10000."""
    scaled = np.rint(numbers * 10_000).astype(np.int64)
    fields = np.zeros((len(numbers), 7), np.int16)
    # number of digits, weight of the first, sign, decimal places
    fields[:, :4] = 3, 1, 0, 4
    fields[:, 4] = scaled // 100_000_000
    fields[:, 5] = scaled // 10_000 % 10_000
    fields[:, 6] = scaled % 10_000
    return fields


def copy_in(connection: Connection, table: str, columns: Mapping[str, Column]) -> None:
    """Append columns to a table.

    Args:
        connection: in a transaction.
        table: name of the table.
        columns: by name; integers of the column's own width, booleans, bytes of one width as
            text, or what the ``as_`` functions of this module give.
    """
    names = ", ".join(columns)
    _execute(connection, f"COPY {table} ({names}) FROM STDIN (FORMAT binary)", _encoded(columns))


def fetch_columns(connection: Connection, statement: sa.Select[Any]) -> dict[str, Column]:
    """The result of a query, column by column.

    The server gathers each column into one array: as rows, each would be a message of its own.

    Args:
        connection: in a transaction.
        statement: gives integers, floats, booleans, dates or timestamps and never NULL; at most
            some 16 million rows, or the answer outgrows a message.

    Returns:
        Arrays by column name: timestamps as seconds since 1970 (the largest integer for
        infinity), dates as days since 1970.
    """
    rows = statement.subquery("rows")
    arrays = sa.select(*(sa.func.array_agg(column).label(column.name) for column in rows.c))
    text = arrays.compile(connection, compile_kwargs={"literal_binds": True})
    answer = io.BytesIO()
    _execute(connection, f"COPY ({text}) TO STDOUT (FORMAT binary)", answer)
    return dict(zip(rows.c.keys(), _decoded(answer.getbuffer()), strict=True))


def _execute(connection: Connection, sql: str, stream: io.BytesIO | Iterator[bytes]) -> None:
    if not connection.in_transaction():
        connection.begin()  # the driver begins by itself, but then nobody would commit
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(sql, stream=stream)
    except pg8000.InterfaceError as error:
        raise DatabaseUnavailableError("PostgreSQL closed the connection; try again") from error
    except (pg8000.Error, OSError) as error:  # the engine does not see what goes past it
        if (told := unavailable(error)) is not None:
            raise told from error
        raise
    finally:
        cursor.close()


def _encoded(columns: Mapping[str, Column]) -> Iterator[bytes]:
    layout: list[tuple[Any, ...]] = [("number of fields", ">i2")]
    for name, column in columns.items():
        layout += [
            (f"{name} length", ">i4"),
            (name, column.dtype.newbyteorder(">"), column.shape[1:]),
        ]
    count = len(next(iter(columns.values())))
    yield _HEADER
    for start in range(0, count, _CHUNK_ROWS):
        stop = min(start + _CHUNK_ROWS, count)
        rows = np.empty(stop - start, np.dtype(layout))
        rows["number of fields"] = len(columns)
        for name, column in columns.items():
            rows[f"{name} length"] = rows.dtype[name].itemsize
            rows[name] = column[start:stop]
        yield rows.tobytes()
    yield _TRAILER


def _decoded(answer: memoryview) -> Iterator[Column]:
    at = len(_HEADER)
    (fields,) = struct.unpack_from(">h", answer, at)
    at += 2
    for _ in range(fields):
        (size,) = struct.unpack_from(">i", answer, at)
        at += 4
        if size < 0:  # an array of no rows is NULL
            yield np.empty(0, np.int64)
            continue
        _, _, kind, count, _ = struct.unpack_from(">5i", answer, at)
        element = np.dtype([("length", ">i4"), ("value", _ELEMENTS[kind])])
        values = np.frombuffer(answer, element, count, at + 20)["value"]
        yield _from_epoch(values.astype(values.dtype.newbyteorder("=")), kind)
        at += size


def _from_epoch(values: Column, kind: int) -> Column:
    if kind == _TIMESTAMPTZ:
        seconds = values // _MICROS + _EPOCH_SECONDS
        return np.where(values == _INFINITY, _INFINITY, seconds)
    return values + _EPOCH_DAYS if kind == _DATE else values
