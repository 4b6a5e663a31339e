"""A real PostgreSQL for every test that asks: one server a run, one fresh database a test."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pg8000.native import Connection
from sqlalchemy.engine import Engine

from betting_ai.adapters.local import postgres_files
from betting_ai.adapters.local.postgres import USER, EmbeddedPostgres
from betting_ai.adapters.sql.database import prepare
from betting_ai.adapters.sql.engine import connect, driver_arguments

DONE_AT_MOST = 40
_numbers = itertools.count()
_done: list[str] = []


@pytest.fixture
def event_loop() -> Iterator[None]:
    """A loop for what runs one by itself and never closes it, as Mangum does."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home for a server of its own, in reach of every account as a user's is for the user."""
    folder = Path(tempfile.mkdtemp(prefix="betting-ai-test-"))
    folder.chmod(0o755)
    monkeypatch.setattr(postgres_files, "SYSTEM_STATE", folder / "system")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The server of this test process, stopped and gone at its end."""
    home = Path(tempfile.mkdtemp(prefix="betting-ai-tests-"))
    home.chmod(0o755)
    with EmbeddedPostgres(home, durable=False) as server:
        yield server
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def administration(postgres: EmbeddedPostgres) -> Iterator[Connection]:
    """For making and dropping databases."""
    _, arguments = driver_arguments(postgres.url())
    connection = Connection(USER, unix_sock=arguments["unix_sock"], database="postgres")
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres, administration: Connection) -> str:
    """Name of a database with the schema and the reference data."""
    administration.run("CREATE DATABASE ready")
    engine = connect(postgres.url("ready"))
    prepare(engine)
    engine.dispose()
    return "ready"


@pytest.fixture
def database_url(
    postgres: EmbeddedPostgres, administration: Connection, template: str
) -> Iterator[str]:
    """Address of a fresh database that is ready for use."""
    with fresh(administration, template) as name:
        yield postgres.url(name)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A fresh database that is ready for use."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def empty_url(postgres: EmbeddedPostgres, administration: Connection) -> Iterator[str]:
    """Address of a fresh database without a schema."""
    with fresh(administration, "template0") as name:
        yield postgres.url(name)


@contextlib.contextmanager
def fresh(administration: Connection, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    administration.run(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield name
    administration.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name", name=name
    )
    # Each drop writes out all that the server has in memory: many together cost as much as one.
    _done.append(name)
    if len(_done) >= DONE_AT_MOST:
        for one in _done:  # one that a test dropped by itself is not there any more
            administration.run(f"DROP DATABASE IF EXISTS {one} WITH (FORCE)")
        _done.clear()
