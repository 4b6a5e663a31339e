"""A real PostgreSQL that needs no installation and no port: the database of a laptop.

Processes share one server per home. Each holds a shared lock while it uses the server, and the last
to leave stops it. The locks are the kernel's, so a killed process leaves nothing to clean up: its
server is found again by the next one and stopped with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self
from urllib.parse import quote

import pg8000.native

from betting_ai.adapters.local.postgres_files import (
    SOCKET_NAME,
    Account,
    Binaries,
    choose_binaries,
    has_data,
    socket_folder,
    state_folder,
)
from betting_ai.errors import DatabaseUnavailableError

USER: Final = "betting"
DATABASE: Final = "betting"

# The socket is the only door, and only its owner can open it: hence no port and no passwords. A
# crash may lose the last half second of commits, never consistency.
_SETTINGS: Final = {
    "listen_addresses": "",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",  # laptops have no spinning disks
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_NOT_DURABLE: Final = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """The server of one home, while this object uses it.

    Use it as a context manager, or `start` and `leave`. Objects in any number of processes may use
    the same home at once.
    """

    def __init__(self, home: Path, *, durable: bool = True, patience: float = 60.0) -> None:
        """Name the server; nothing is touched before `start`.

        Args:
            home: folder of the user's lasting data.
            durable: survive a power cut; tests can do without.
            patience: seconds to wait for the server to start or stop.
        """
        self._home = home
        self._settings = _SETTINGS if durable else _SETTINGS | _NOT_DURABLE
        self._patience = patience
        self._users: IO[bytes] | None = None

    @cached_property
    def location(self) -> Path:
        """Where the server's files are; for root it may be elsewhere than under the home."""
        return state_folder(self._home, self._binaries.major, self._account)

    @property
    def version(self) -> int:
        """The server's major version."""
        return self._binaries.major

    @property
    def exists(self) -> bool:
        """Whether the home has a server's data."""
        return has_data(self.location)

    @property
    def running(self) -> bool:
        """Whether a server answers now."""
        return self._status() == "ready" and self._listens()

    def url(self, database: str = DATABASE) -> str:
        """Address of one of the server's databases, as libpq and this package understand it."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self._socket.parent), safe='/')}"

    def start(self) -> None:
        """Start the server, or join the one that runs.

        Raises:
            DatabaseUnavailableError: it cannot be started; says why.
        """
        if self._users is not None:
            return
        try:
            self._account.make_passable(self.location)
            with self._alone():
                users = self._lock_file("users")
                try:
                    fcntl.flock(users, fcntl.LOCK_SH)
                    self._ensure_running()
                    self._ensure_database()
                except BaseException:
                    users.close()
                    raise
                self._users = users
        except OSError as error:
            raise DatabaseUnavailableError(
                f"Cannot run a database in {self.location}: {error.strerror or error}"
            ) from error

    def leave(self) -> bool:
        """Stop using the server.

        Returns:
            Whether this was the last user, so that the server was stopped.
        """
        if self._users is None:
            return False
        users, self._users = self._users, None
        with users, self._alone():
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._shut_down()
            return True

    def wipe(self) -> None:
        """Replace the database by an empty one.

        Raises:
            DatabaseUnavailableError: somebody is connected to it.
        """
        with self._administration() as connection:
            connection.run(f"DROP DATABASE {DATABASE}")
            connection.run(f"CREATE DATABASE {DATABASE}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()

    @cached_property
    def _account(self) -> Account:
        return Account.of_server()

    @cached_property
    def _binaries(self) -> Binaries:
        return choose_binaries(self._home, self._account)

    @property
    def _data(self) -> Path:
        return self.location / "data"

    @property
    def _log(self) -> Path:
        return self.location / "server.log"

    @property
    def _socket(self) -> Path:
        return socket_folder(self.location, self._account) / SOCKET_NAME

    def _lock_file(self, name: str) -> IO[bytes]:
        return (self.location / f"{name}.lock").open("ab")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep every other process from starting or stopping the server."""
        with self._lock_file("start") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _server_gone(self) -> Iterator[int | None]:
        """Hold the lock that every server process inherits; None while one of them lives."""
        with self._lock_file("server") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield lock.fileno()

    def _ensure_running(self) -> None:
        launched = False
        for _ in self._moments():
            with self._server_gone() as lock:
                if lock is not None:
                    if launched:
                        raise DatabaseUnavailableError(f"PostgreSQL stopped: {self._complaint()}")
                    self._launch(lock)
                    launched = True
            if self.running:
                return
        raise DatabaseUnavailableError(
            f"PostgreSQL in {self.location} did not answer in {self._patience:.0f} s: "
            f"{self._complaint()}"
        )

    def _launch(self, lock: int) -> None:
        self._account.make_private(self._socket.parent)
        # No server process lives, as the lock tells; what it left would only mislead the new one.
        for stale in (
            self._data / "postmaster.pid",
            self._socket,
            self._socket.with_name(f"{SOCKET_NAME}.lock"),
        ):
            stale.unlink(missing_ok=True)
        with self._log.open("wb") as log:
            if not has_data(self.location):
                self._initialise(log)
            settings = {**self._settings, "unix_socket_directories": str(self._socket.parent)}
            options = shlex.join(f"--{name}={value}" for name, value in settings.items())
            start = ["pg_ctl", "start", "-s", "-W", "-D", str(self._data), "-o", options]
            self._run(start, log, pass_fds=(lock,))

    def _initialise(self, log: IO[bytes]) -> None:
        fresh = self.location / "data.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        self._account.make_private(fresh)
        options = ["-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run(["initdb", "-D", str(fresh), *options], log)
        fresh.rename(self._data)

    def _run(self, command: list[str], log: IO[bytes], pass_fds: tuple[int, ...] = ()) -> None:
        done = subprocess.run(  # noqa: S603
            [self._binaries.folder / command[0], *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={k: v for k, v in os.environ.items() if not k.startswith("PG")},
            pass_fds=pass_fds,
            check=False,
            **self._account.run_as(),
        )
        if done.returncode != 0:
            raise DatabaseUnavailableError(f"{command[0]} failed: {self._complaint()}")

    def _ensure_database(self) -> None:
        with self._administration() as connection:
            if not connection.run("SELECT 1 FROM pg_database WHERE datname = :d", d=DATABASE):
                connection.run(f"CREATE DATABASE {DATABASE}")

    @contextlib.contextmanager
    def _administration(self) -> Iterator[pg8000.native.Connection]:
        try:
            with contextlib.closing(
                pg8000.native.Connection(
                    USER, database="postgres", unix_sock=str(self._socket), ssl_context=False
                )
            ) as connection:
                yield connection
        except pg8000.native.Error as error:
            told = error.args[0]
            reason = told["M"] if isinstance(told, dict) else told
            raise DatabaseUnavailableError(f"PostgreSQL refuses: {reason}") from error

    def _shut_down(self) -> None:
        for moment in self._moments():
            with self._server_gone() as lock:
                if lock is not None:
                    return
            if moment == 0 and self._listens():
                os.kill(int(self._pid_file()[0]), signal.SIGINT)
        raise DatabaseUnavailableError(f"PostgreSQL in {self.location} does not stop")

    def _moments(self) -> Iterator[int]:
        """Count moments of waiting until the patience is over."""
        deadline = time.monotonic() + self._patience
        moment = 0
        while time.monotonic() < deadline:
            yield moment
            moment += 1
            time.sleep(0.01)

    def _pid_file(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _status(self) -> str:
        lines = self._pid_file()
        return lines[7].strip() if len(lines) > 7 else ""

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._socket))
            except OSError:
                return False
            return True

    def _complaint(self) -> str:
        """The last error in the server's log, as one line."""
        lines = [s for s in self._log.read_text(errors="replace").splitlines() if s.strip()]
        errors = [s for s in lines if re.search(r"\b(fatal|panic|error): ", s, re.IGNORECASE)]
        last = (errors or lines or ["it said nothing"])[-1]
        return re.sub(r"^.*?\b(?:FATAL|PANIC|ERROR): +", "", last)
