"""Connections: addresses as the world writes them, clear failures, and coming back."""

from __future__ import annotations

import socket
import ssl
from datetime import date, datetime

import pytest
import sqlalchemy as sa
from pg8000.native import Connection
from sqlalchemy.engine import Engine

from betting_ai.adapters.local.postgres import EmbeddedPostgres
from betting_ai.adapters.sql.database import refresh_statistics
from betting_ai.adapters.sql.engine import connect, driver_arguments
from betting_ai.errors import DatabaseUnavailableError, InvalidInputError


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+pg8000"])
def test_addresses_as_hosting_services_write_them(scheme: str) -> None:
    url, arguments = driver_arguments(
        f"{scheme}://ann:p%40ss@db.example:6543/bets?connect_timeout=3"
    )
    assert url.render_as_string(hide_password=False) == (
        "postgresql+pg8000://ann:p%40ss@db.example:6543/bets"
    )
    assert arguments["timeout"] == 3
    assert driver_arguments(f"{scheme}://a@db/b?connect_timeout=0")[1]["timeout"] is None
    assert driver_arguments(f"{scheme}://a@db/b")[1]["timeout"] == 10


def test_a_folder_as_host_is_a_unix_socket() -> None:
    url, arguments = driver_arguments("postgresql://ann@/bets?host=/run/pg")
    assert arguments["unix_sock"] == "/run/pg/.s.PGSQL.5432"
    assert url.host is None


@pytest.mark.parametrize(
    ("mode", "meaning"), [("disable", False), ("prefer", None), ("require", True)]
)
def test_simple_encryption_modes(mode: str, meaning: bool | None) -> None:
    _, arguments = driver_arguments(f"postgresql://a@db/b?sslmode={mode}")
    assert arguments["ssl_context"] is meaning


def test_full_verification_checks_the_name() -> None:
    _, arguments = driver_arguments("postgresql://a@db/b?sslmode=verify-full")
    context = arguments["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    "url",
    [
        "not an address, password hunter2",
        "mysql://a:hunter2@db/b",
        "postgresql://a:hunter2@db/b?sslmode=maybe",
        "postgresql://a:hunter2@db/b?colour=hunter2",
        "postgresql://a:hunter2@db:port/b",
        "postgresql://a:hunter2@db/b?port=hunter2",
    ],
)
def test_bad_addresses_are_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        connect(url)
    assert "hunter2" not in str(refusal.value)


def test_nobody_there_is_one_clear_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    engine = connect(f"postgresql://a:hunter2@127.0.0.1:{port}/b")
    with pytest.raises(DatabaseUnavailableError) as failure:
        engine.connect()
    assert str(failure.value) == (
        f"Cannot connect to PostgreSQL at 127.0.0.1:{port}: Connection refused"
    )


def test_the_servers_own_words_are_passed_on(postgres: EmbeddedPostgres) -> None:
    engine = connect(postgres.url("nowhere"))
    with pytest.raises(DatabaseUnavailableError, match='database "nowhere" does not exist'):
        engine.connect()


def test_a_broken_connection_is_replaced(engine: Engine, administration: Connection) -> None:
    with engine.connect() as connection:
        pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    administration.run("SELECT pg_terminate_backend(:pid)", pid=pid)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT pg_backend_pid()")) != pid


def test_a_connection_that_breaks_in_use_says_so(
    engine: Engine, administration: Connection
) -> None:
    with engine.connect() as connection:
        pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        administration.run("SELECT pg_terminate_backend(:pid)", pid=pid)
        with pytest.raises(DatabaseUnavailableError, match="closed the connection"):
            connection.execute(sa.text("SELECT 1"))


def test_a_server_that_says_nothing_is_not_waited_for_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        engine = connect(f"postgresql://a@127.0.0.1:{port}/b?connect_timeout=1&sslmode=disable")
        with pytest.raises(DatabaseUnavailableError, match=f"{port}: .*timed out"):
            engine.connect()
        engine.dispose()


def test_pools_hold_what_they_promise(database_url: str) -> None:
    server = connect(database_url, pool="server")
    connections = [server.connect() for _ in range(20)]
    try:
        assert len({c.scalar(sa.text("SELECT pg_backend_pid()")) for c in connections}) == 20
        assert server.pool.status().endswith("Current Checked out connections: 20")
    finally:
        for connection in connections:
            connection.close()
        server.dispose()


def test_statistics_leave_the_temporary_tables_of_others_alone(
    engine: Engine, database_url: str
) -> None:
    run: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *heard: run.append(heard[2]))
    elsewhere = connect(database_url)
    with elsewhere.connect() as other:
        for table in ("CREATE TABLE lasting (n int)", "CREATE TEMPORARY TABLE passing (n int)"):
            other.execute(sa.text(table))
        for table in ("lasting", "passing"):
            other.execute(sa.text(f"INSERT INTO {table} SELECT generate_series(1, 5000)"))
        other.commit()
        other.execute(sa.text("SELECT pg_stat_force_next_flush()"))
        other.commit()
        refresh_statistics(engine)
    elsewhere.dispose()
    analysed = [statement for statement in run if statement.startswith("ANALYZE")]
    assert "ANALYZE lasting" in analysed
    assert not any("passing" in statement for statement in analysed)


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/London", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia"]
)
@pytest.mark.parametrize(
    "told",
    [
        "2025-03-15 08:00:00+00",
        "2025-06-15 08:00:00.25+00",
        "1999-12-31 23:59:59.999999+00",
        "1850-01-01 00:00:00+00",
        "9999-12-30 00:00:00+00",
    ],
)
def test_an_instant_is_the_same_in_every_time_zone(engine: Engine, zone: str, told: str) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text(f"SET LOCAL timezone = '{zone}'"))
        found = connection.scalar(sa.text(f"SELECT timestamptz '{told}'"))
    assert found == datetime.fromisoformat(told)


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("timestamptz 'infinity'", "infinity"),
        ("timestamptz '-infinity'", "-infinity"),
        ("date 'infinity'", "infinity"),
        ("date '2024-02-29'", date(2024, 2, 29)),
        ("date '0044-03-15 BC'", "0044-03-15 BC"),
    ],
)
def test_days_and_what_python_has_no_word_for(engine: Engine, told: str, meant: object) -> None:
    with engine.connect() as connection:
        assert connection.scalar(sa.text(f"SELECT {told}")) == meant


def test_all_connections_busy_is_said_after_a_moment(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.pool, "_timeout", 0.05)
    with engine.connect(), pytest.raises(DatabaseUnavailableError, match="busy; try again"):
        engine.connect()
