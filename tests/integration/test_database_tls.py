"""Connections to a database that asks for encryption, as RDS does: who is believed, and how often.

Debian's PostgreSQL stands in for it, with an authority of our own.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import sqlalchemy as sa
from moto import mock_aws
from pydantic import SecretStr

from betting_ai.adapters.aws import clients, database
from betting_ai.adapters.aws.database import token
from betting_ai.adapters.sql.engine import connect
from betting_ai.bootstrap import build
from betting_ai.errors import DatabaseUnavailableError
from betting_ai.settings import load_settings
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


def test_who_may_have_a_token_alone_is_asked_for_it_once_the_password_is_refused(
    server: Server,
) -> None:
    """RDS asks members of `rds_iam` for tokens, though the secret has a password of theirs."""
    server.asked.clear()
    server.let_in("a token, and no password")
    address = sa.make_url(server.url()).set(password="of the secret")  # noqa: S106
    url = address.render_as_string(hide_password=False)
    engine = connect(url, password=server.password)
    for _ in range(2):
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT current_user")) == "api"
        server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'api'")
    assert len(server.asked) == 2
    engine.dispose()
    server.asked.clear()
    server.let_in("of the secret")
    engine = connect(url, password=server.password)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT current_user")) == "api"
    assert server.asked == []
    engine.dispose()
    server.let_in("neither")
    engine = connect(url, password=lambda _: "wrong")
    with pytest.raises(DatabaseUnavailableError, match="password authentication failed") as raised:
        engine.connect()
    assert not any(word in str(raised.value) for word in ("wrong", "of the secret"))
    engine.dispose()


def test_who_logs_in_by_a_managed_secret_may_be_asked_for_a_token(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-west-1")
    clients.client.cache_clear()
    # Only RDS can check the signature of a real one.
    monkeypatch.setattr(database, "token", server.password)
    server.asked.clear()
    server.let_in("a token, and no password")
    with mock_aws():
        told = {"username": "api", "password": "of the secret"}
        secret = boto3.client("secretsmanager").create_secret(
            Name="owner", SecretString=json.dumps(told)
        )
        settings = load_settings(
            home=tmp_path,
            database_url=SecretStr(server.url().replace("api@", "")),
            database_secret=secret["ARN"],
        )
        with build(settings) as app:
            where, health = app.examine_database()
    clients.client.cache_clear()
    assert where == "the one that DATABASE_URL names"
    assert health is not None
    assert len(server.asked) == 1


def test_a_password_that_was_not_refused_is_not_given_up(server: Server) -> None:
    server.asked.clear()
    address = sa.make_url(server.url()).set(password="good", database="none")  # noqa: S106
    server.let_in("good")
    engine = connect(address.render_as_string(hide_password=False), password=server.password)
    with pytest.raises(DatabaseUnavailableError, match="does not exist"):
        engine.connect()
    assert server.asked == []
    engine.dispose()


def test_a_statement_may_take_longer_than_connecting_and_a_lost_peer_is_noticed(
    server: Server,
) -> None:
    engine = connect(f"{server.url()}&connect_timeout=1", password=server.password)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1 FROM pg_sleep(1.2)")) == 1
        driver = connection.connection.driver_connection
        assert driver is not None
        opened = driver._usock
        assert opened.gettimeout() is None
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            told = [
                opened.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
            ]
            assert told == [30, 10, 3, 30_000]
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
