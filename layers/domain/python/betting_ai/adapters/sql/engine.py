"""Connections to PostgreSQL, from an address as other tools write it."""

from __future__ import annotations

import getpass
import socket
import ssl
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any, Final, Literal

import pg8000
import sqlalchemy as sa
from pg8000.converters import date_in, timestamptz_in
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from betting_ai.errors import DatabaseUnavailableError, InvalidInputError, StorageFullError

POOL_SIZES: Final = {"single": 1, "server": 20}
"""Connections at most: one per command or Lambda environment, twenty for a server."""

WAIT_SECONDS: Final = 3.0
"""So long who needs a connection waits for one while all are busy."""

_CONNECT_SECONDS: Final = 10
_RECYCLE_SECONDS: Final = 1800
_LOST_AFTER: Final = {
    "TCP_KEEPIDLE": 30,  # seconds of silence before the first question whether it still lives
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 30_000,  # milliseconds in which what was sent has to arrive
}
"""After a minute without the other side a connection fails, where the system can do so."""

_REFUSED: Final = ("28P01", "28000")
"""The password is wrong, or none is asked for in this way: so RDS answers who must have a token."""

_TIMESTAMPTZ, _DATE = 1184, 1082  # the types' numbers in every PostgreSQL


def connect(
    url: str,
    *,
    pool: Literal["single", "server"] = "single",
    password: Callable[[URL], str] | None = None,
) -> Engine:
    """An engine for an address; nothing is opened before the first use.

    Broken connections are found before use and replaced.

    Args:
        url: as libpq and hosting services write it, ``postgresql://user:password@host:port/name``
            or ``postgres://``, with ``sslmode``, ``sslrootcert``, ``connect_timeout``,
            ``application_name`` and, for a Unix socket, ``host=/its/folder``.
        pool: how many connections to hold, see `POOL_SIZES`.
        password: asked for the password of every new connection, where it changes by the hour; if
            the address has one, only once the server refuses that.

    Raises:
        InvalidInputError: the address cannot be understood; the message never quotes it.
        DatabaseUnavailableError: later, by whatever finds that the database cannot be reached.
    """
    address, arguments = driver_arguments(url)
    engine = sa.create_engine(
        address,
        connect_args=arguments,
        poolclass=_Pool,
        pool_timeout=WAIT_SECONDS,
        pool_size=POOL_SIZES[pool],
        max_overflow=0,
        pool_recycle=_RECYCLE_SECONDS,
    )
    ask = None if password is None else partial(password, address)
    event.listen(engine, "do_connect", partial(_connect_or_say_why, ask))
    event.listen(engine, "checkout", _ping)
    event.listen(engine, "handle_error", _say_that_it_broke)
    return engine


class _Pool(QueuePool):
    """Says in the product's own words that every connection is busy."""

    def _do_get(self) -> ConnectionPoolEntry:
        try:
            return super()._do_get()
        except PoolTimeoutError:
            raise DatabaseUnavailableError(
                f"all {self.size()} connections to PostgreSQL are busy; try again"
            ) from None


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
    # As libpq has it, 0 waits for ever.
    arguments["timeout"] = int(options.pop("connect_timeout", _CONNECT_SECONDS)) or None
    if parsed.username is None:  # as libpq does
        parsed = parsed.set(username=getpass.getuser())
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
    password: Callable[[], str] | None,
    dialect: Any,  # noqa: ANN401
    record: object,
    positional: list[Any],
    named: dict[str, Any],
) -> object:
    try:
        opened = _connected(password, dialect, positional, named)
    except (pg8000.Error, OSError) as error:
        where = named.get("unix_sock") or f"{named.get('host')}:{named.get('port')}"
        raise DatabaseUnavailableError(
            f"Cannot connect to PostgreSQL at {where}: {_reason(error)}"
        ) from None
    _watch_over(opened._usock)
    opened.register_in_adapter(_TIMESTAMPTZ, _instant)
    opened.register_in_adapter(_DATE, _day)
    return opened


def _connected(
    password: Callable[[], str] | None,
    dialect: Any,  # noqa: ANN401
    positional: list[Any],
    named: dict[str, Any],
) -> Any:  # noqa: ANN401
    if password is None:
        return dialect.connect(*positional, **named)
    if named.get("password"):
        try:
            return dialect.connect(*positional, **named)
        except pg8000.Error as error:
            if _sqlstate(error) not in _REFUSED:
                raise
    return dialect.connect(*positional, **(named | {"password": password()}))


def _watch_over(opened: socket.socket) -> None:
    """A statement may take long; an other side that is gone may not."""
    opened.settimeout(None)  # it was for the connecting
    if opened.family != socket.AF_UNIX:
        for name, value in _LOST_AFTER.items():
            if (option := getattr(socket, name, None)) is not None:
                opened.setsockopt(socket.IPPROTO_TCP, option, value)


def _instant(text: str) -> object:
    """What the driver makes of an instant, in a tenth of its time."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # infinity, or a year that Python does not know
        return timestamptz_in(text)


def _day(text: str) -> object:
    """The same of a date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date_in(text)


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
    if context.is_disconnect or _ended(error):
        context.is_disconnect = True
        raise DatabaseUnavailableError(_CLOSED) from error
    if (told := unavailable(error)) is not None:
        raise told from error


def unavailable(error: BaseException) -> DatabaseUnavailableError | StorageFullError | None:
    """What a failure of the driver means, where the same may go well a moment later."""
    if _ended(error):
        return DatabaseUnavailableError(_CLOSED)
    state = _sqlstate(error)
    if state == _DISK_FULL:
        return StorageFullError("PostgreSQL has no room left to write to")
    if state[:2] in _FOR_NOW or state in _OTHERS_WERE_FIRST:
        return DatabaseUnavailableError("PostgreSQL could not do it now; try again")
    return None


_CLOSED: Final = "PostgreSQL closed the connection; try again"
_DISK_FULL: Final = "53100"
_FOR_NOW: Final = ("53", "57")  # out of some resource; stopped by an operator or by a limit
_OTHERS_WERE_FIRST: Final = frozenset(
    {
        "40001",  # serialization failure
        "40P01",  # deadlock
        "55P03",  # somebody else holds the lock
        "25006",  # a standby, which writes nothing
    }
)


def _ended(error: BaseException) -> bool:
    """The server closed the connection, or could not be reached over it."""
    return isinstance(error, OSError) or _sqlstate(error).startswith("57P")


def _sqlstate(error: BaseException) -> str:
    fields = error.args[0] if isinstance(error, pg8000.Error) and error.args else None
    return str(fields["C"]) if isinstance(fields, dict) else ""
