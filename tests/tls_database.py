"""Debian's PostgreSQL as RDS would be: it takes encrypted connections alone, over TCP."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
ABSENT = "no PostgreSQL of Debian is here: encrypted connections were not tried"
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

    def run(self, sql: str, database: str = "postgres") -> None:
        """As who may do everything."""
        subprocess.run(
            ["psql", "-qX", "-h", self.folder, "-p", str(self.port), "-d", database, "-c", sql],
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
    if not by:
        made += ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    if by:
        made += ["-CA", f"{by}.pem", "-CAkey", f"{by}.key"]
        made += ["-addext", f"subjectAltName=DNS:{host}", "-addext", "basicConstraints=CA:FALSE"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)


RULES = """local all all trust
hostssl all all 127.0.0.1/32 scram-sha-256
"""


@contextmanager
def tls_server(rules: str = RULES) -> Iterator[Server]:
    """A server while the block runs, with a role ``api`` that may log in.

    Args:
        rules: who is let in how, as in ``pg_hba.conf``.
    """
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
    (data / "pg_hba.conf").write_text(rules)
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
    try:
        yield found
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)
