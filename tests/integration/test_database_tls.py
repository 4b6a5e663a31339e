"""Connections to a database that asks for encryption, as RDS does: who is believed, and how often.

Debian's PostgreSQL stands in for it, with an authority of our own.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from betting_ai.adapters.aws import clients
from betting_ai.adapters.aws.database import token
from betting_ai.adapters.sql.engine import connect
from betting_ai.errors import DatabaseUnavailableError

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
pytestmark = pytest.mark.skipif(
    not BINARIES, reason="no PostgreSQL of Debian is here: encrypted connections were not tried"
)
USER = {"user": "postgres", "group": "postgres", "extra_groups": ()} if os.geteuid() == 0 else {}


@dataclass
class Server:
    """A server that takes encrypted connections alone, over TCP.

    Attributes:
        folder: with the authorities' certificates.
        port: on 127.0.0.1, which the certificate does not name; it names localhost.
        asked: the passwords that were handed out, in order.
    """

    folder: Path
    port: int
    asked: list[str] = field(default_factory=list)

    def url(
        self, host: str = "localhost", authority: str = "ours", mode: str = "verify-full"
    ) -> str:
        root = "" if mode == "disable" else f"&sslrootcert={self.folder / authority}.pem"
        return f"postgresql://api@{host}:{self.port}/postgres?sslmode={mode}{root}"

    def run(self, sql: str) -> None:
        subprocess.run(
            ["psql", "-qX", "-h", self.folder, "-p", str(self.port), "-d", "postgres", "-c", sql],
            check=True, capture_output=True, **USER,  # type: ignore[call-overload]
        )  # fmt: skip

    def let_in(self, password: str) -> None:
        """From now on with this password alone, as with a token that has run out."""
        self.run(f"ALTER ROLE api PASSWORD '{password}'")
        self._good = password

    def password(self, _address: URL) -> str:
        """A new one each time, and the only good one."""
        self.let_in(f"token-{len(self.asked)}")
        self.asked.append(self._good)
        return self._good


def certificate(folder: Path, name: str, host: str = "", by: str = "") -> None:
    """A key and a certificate: an authority's, or a server's that one vouches for."""
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    made += ["-nodes", "-days", "2", "-subj", f"/CN={host or name}"]
    made += ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
    if by:
        made += ["-CA", f"{by}.pem", "-CAkey", f"{by}.key"]
        made += ["-addext", f"subjectAltName=DNS:{host}", "-addext", "basicConstraints=CA:FALSE"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="betting-ai-tls-"))
    certificate(folder, "ours")
    certificate(folder, "theirs")
    certificate(folder, "server", "localhost", by="ours")
    for path in (folder, *folder.iterdir()):
        if USER:
            shutil.chown(path, "postgres", "postgres")
        path.chmod(0o755 if path.is_dir() else 0o644 if path.suffix == ".pem" else 0o600)
    data, where = folder / "data", BINARIES[-1].parent
    subprocess.run(
        [where / "initdb", "-D", data, "-A", "trust", "--no-sync", "--locale=C.UTF-8"],
        check=True, capture_output=True, **USER,  # type: ignore[call-overload]
    )  # fmt: skip
    (data / "pg_hba.conf").write_text(
        "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
    )
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    options = {
        "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder,
        "ssl": "on", "ssl_cert_file": folder / "server.pem", "ssl_key_file": folder / "server.key",
        "ssl_min_protocol_version": "TLSv1.2", "fsync": "off",
    }  # fmt: skip
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    process = subprocess.Popen(
        [where / "postgres", "-D", data, *settings],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **USER,  # type: ignore[call-overload]
    )  # fmt: skip
    found = Server(folder, port)
    deadline = time.monotonic() + 30
    while True:
        try:
            found.run("CREATE ROLE api LOGIN")
            break
        except subprocess.CalledProcessError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield found
    process.terminate()
    process.wait()
    shutil.rmtree(folder)


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
