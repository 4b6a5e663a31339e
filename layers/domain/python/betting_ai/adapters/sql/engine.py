"""Connections to PostgreSQL, from an address as other tools write it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, Literal

import pg8000
import sqlalchemy as sa
from pg8000.converters import date_in, timestamptz_in
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError

from betting_ai.errors import DatabaseUnavailableError, InvalidInputError

POOL_SIZES: Final = {"single": 1, "server": 20}
"""Connections at most: one per command or Lambda environment, twenty for a server."""

_RECYCLE_SECONDS: Final = 1800
_TIMESTAMPTZ, _DATE = 1184, 1082  # the types' numbers in every PostgreSQL


def connect(url: str, *, pool: Literal["single", "server"] = "single") -> Engine:
    """An engine for an address; nothing is opened before the first use.

    Broken connections are found before use and replaced.

    Args:
        url: as libpq and hosting services write it, ``postgresql://user:password@host:port/name``
            or ``postgres://``, with ``sslmode``, ``sslrootcert``, ``connect_timeout``,
            ``application_name`` and, for a Unix socket, ``host=/its/folder``.
        pool: how many connections to hold, see `POOL_SIZES`.

    Raises:
        InvalidInputError: the address cannot be understood; the message never quotes it.
        DatabaseUnavailableError: later, by whatever finds that the database cannot be reached.
    """
    address, arguments = driver_arguments(url)
    engine = sa.create_engine(
        address,
        connect_args=arguments,
        pool_size=POOL_SIZES[pool],
        max_overflow=0,
        pool_recycle=_RECYCLE_SECONDS,
    )
    event.listen(engine, "do_connect", _connect_or_say_why)
    event.listen(engine, "checkout", _ping)
    event.listen(engine, "handle_error", _say_that_it_broke)
    return engine


def driver_arguments(url: str) -> tuple[URL, dict[str, Any]]:
    """An address as the driver takes it: the URL, and what it wants beside it.

    Raises:
        InvalidInputError: the address cannot be understood; the message never quotes it.
    """
    try:
        return _parse(make_url(url.replace("postgres://", "postgresql://", 1)))
    except (ArgumentError, ValueError):
        message = "The database address is not of the form postgresql://user:password@host/name"
        raise InvalidInputError(message) from None


def _parse(parsed: URL) -> tuple[URL, dict[str, Any]]:
    if parsed.get_backend_name() != "postgresql":
        raise InvalidInputError("The database must be PostgreSQL: postgresql://...")
    options = {k: v if isinstance(v, str) else v[-1] for k, v in parsed.query.items()}
    host = options.pop("host", parsed.host) or "localhost"
    port = int(options.pop("port", parsed.port or 5432))
    arguments: dict[str, Any] = {}
    if host.startswith("/"):
        arguments["unix_sock"] = f"{host}/.s.PGSQL.{port}"
        arguments["ssl_context"] = False
        parsed = parsed.set(host=None, port=None)
    else:
        arguments["ssl_context"] = _encryption(options)
        parsed = parsed.set(host=host, port=port)
    if timeout := options.pop("connect_timeout", None):
        arguments["timeout"] = int(timeout)
    arguments["application_name"] = options.pop("application_name", "betting-ai")
    if options:
        raise InvalidInputError(f"Unknown option in the database address: {min(options)}")
    return parsed.set(drivername="postgresql+pg8000", query={}), arguments


def _encryption(options: dict[str, str]) -> ssl.SSLContext | bool | None:
    """What libpq's ``sslmode`` means to the driver: None tries, False does not, True insists."""
    mode = options.pop("sslmode", "prefer")
    authority = options.pop("sslrootcert", None)
    simple: Mapping[str, bool | None] = {
        "disable": False, "allow": None, "prefer": None, "require": True,
    }  # fmt: skip
    if mode in simple and authority is None:
        return simple[mode]
    if mode not in {*simple, "verify-ca", "verify-full"}:
        raise InvalidInputError(f"Unknown sslmode: {mode}")
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = mode == "verify-full"
    return context


def _connect_or_say_why(
    dialect: Any,  # noqa: ANN401
    record: object,
    positional: list[Any],
    named: dict[str, Any],
) -> object:
    try:
        opened = dialect.connect(*positional, **named)
        opened.register_in_adapter(_TIMESTAMPTZ, _instant)
        opened.register_in_adapter(_DATE, _day)
        return opened
    except (pg8000.Error, OSError) as error:
        where = named.get("unix_sock") or f"{named.get('host')}:{named.get('port')}"
        raise DatabaseUnavailableError(
            f"Cannot connect to PostgreSQL at {where}: {_reason(error)}"
        ) from None


def _instant(text: str) -> object:
    """What the driver makes of an instant, in a tenth of its time."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # infinity, or a year that Python does not know
        return timestamptz_in(text)  # type: ignore[no-untyped-call]


def _day(text: str) -> object:
    """The same of a date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date_in(text)  # type: ignore[no-untyped-call]


def _reason(error: Exception) -> str:
    """The server's own words, or those of the operating system."""
    link: BaseException | None = error
    while link is not None:  # the driver's goodbye to a server that hung up may hide its words
        if link.args and isinstance(link.args[0], dict):
            return str(link.args[0]["M"])
        link = link.__context__
    cause = error.__cause__ or error
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return " ".join(text.split())


def _ping(connection: Any, record: object, proxy: object) -> None:  # noqa: ANN401
    """Let the pool replace a broken connection; its own ping misses the driver's OSErrors."""
    try:
        connection.execute_simple("SELECT 1")
    except (pg8000.Error, OSError) as error:
        raise DisconnectionError from error


def _say_that_it_broke(context: ExceptionContext) -> None:
    error = context.original_exception
    ended = isinstance(error, pg8000.Error) and _sqlstate(error).startswith("57P")
    if ended or context.is_disconnect or isinstance(error, OSError):
        context.is_disconnect = True
        raise DatabaseUnavailableError("PostgreSQL closed the connection; try again") from error


def _sqlstate(error: Exception) -> str:
    fields = error.args[0] if error.args else None
    return str(fields["C"]) if isinstance(fields, dict) else ""
