"""Connections to a database that asks for encryption, as RDS does: who is believed, and how often.

Debian's PostgreSQL stands in for it, with an authority of our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from betting_ai.adapters.aws import clients
from betting_ai.adapters.aws.database import token
from betting_ai.adapters.sql.engine import connect
from betting_ai.errors import DatabaseUnavailableError
from tls_database import ABSENT, BINARIES, Server, tls_server

pytestmark = pytest.mark.skipif(not BINARIES, reason=ABSENT)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with tls_server() as found:
        yield found


def test_an_encrypted_connection_to_who_it_should_be(server: Server) -> None:
    engine = connect(server.url(), password=server.password)
    with engine.connect() as connection:
        told = connection.execute(
            sa.text("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        ).one()
    assert told == (True, "TLSv1.3")
    engine.dispose()


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ({"authority": "theirs"}, "certificate verify failed"),
        ({"host": "127.0.0.1"}, "certificate"),
        ({"mode": "disable"}, "no encryption"),
    ],
)
def test_nobody_else_is_believed(server: Server, place: dict[str, str], why: str) -> None:
    engine = connect(server.url(**place), password=server.password)
    with pytest.raises(DatabaseUnavailableError, match=why) as raised:
        engine.connect()
    assert not any(password in str(raised.value) for password in server.asked)
    engine.dispose()


def test_a_pool_that_connects_again_asks_for_a_new_token(server: Server) -> None:
    server.asked.clear()
    engine = connect(server.url(), password=server.password)
    for _ in range(3):  # one connection, one token
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    assert len(server.asked) == 1
    server.let_in("what was good is so no longer")
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'api'")
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT current_user")) == "api"
    assert len(server.asked) == 2
    engine.dispose()


def test_a_token_that_is_not_good_is_one_clear_line(server: Server) -> None:
    server.let_in("right")
    engine = connect(server.url(), password=lambda _: "wrong")
    with pytest.raises(DatabaseUnavailableError, match="password authentication failed") as raised:
        engine.connect()
    assert "wrong" not in str(raised.value)
    engine.dispose()


def test_tokens_are_made_here_for_one_user_of_one_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # a call would fail
    clients.client.cache_clear()
    address = sa.make_url("postgresql+pg8000://betting_api@db.example:5432/betting")
    made = token(address)
    clients.client.cache_clear()
    parts = urlsplit(f"//{made}")
    asked = parse_qs(parts.query)
    assert (parts.hostname, parts.port) == ("db.example", 5432)
    assert (asked["Action"], asked["DBUser"]) == (["connect"], ["betting_api"])
    assert asked["X-Amz-Expires"] == ["900"]
