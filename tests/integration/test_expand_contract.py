"""Whoever still runs the version before works on with the schema of this one.

A deployment upgrades the database first and replaces the functions after it, and a rollback goes
back to functions and not to a schema. So what the version before reads and writes has to stay.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from betting_ai.adapters.sql.migrate import HEAD

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("layers/domain/python")
VERSIONS = PACKAGE / "betting_ai" / "adapters" / "sql" / "migrations" / "versions"
TESTS = ("test_sql_facts.py", "test_sql_repositories.py", "test_sql_slates.py", "test_ledger.py")


def git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as it was before the newest migration was written."""
    asked = ("log", "--diff-filter=A", "--format=%H", "--", f"{VERSIONS}/r{HEAD}_*.py")
    try:
        commits = git(*asked).decode().split()  # more than one where it was given another name
        archive = git("archive", f"{commits[-1]}^", str(PACKAGE), "tests") if commits else b""
    except (OSError, subprocess.CalledProcessError):
        archive = b""
    if not archive:
        pytest.skip("the history before the newest migration is not here")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tree:
        tree.extractall(folder, filter="data")
    told = (folder / PACKAGE / "betting_ai/adapters/sql/migrate.py").read_text()
    assert f'HEAD: Final = "{HEAD}"' not in told
    return folder


@pytest.mark.slow
def test_the_version_before_works_on_this_schema(before: Path) -> None:
    tests = [before / "tests" / "integration" / name for name in TESTS]
    there = [str(path) for path in tests if path.is_file()]
    assert there
    path = [before / PACKAGE, before / "tests", ROOT / "tests" / "integration"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "NEWER_PACKAGE": str(ROOT / PACKAGE),
    }
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    own = ["-p", "newer_schema", "-p", "no:xdist", "-p", "no:cacheprovider", "-c", os.devnull]
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *own, "--rootdir", before, *there],
        cwd=before, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-4000:] + told.stderr[-2000:]
    found = re.search(r"([0-9]+) passed", told.stdout)
    assert found is not None
    assert int(found[1]) > 40, told.stdout[-500:]


@pytest.mark.parametrize("file", sorted((ROOT / VERSIONS).glob("r*.py")), ids=lambda f: f.stem)
def test_migrations_take_nothing_away(file: Path) -> None:
    """What is no longer needed goes in a version of its own, when nobody asks for it any more."""
    text = file.read_text()
    assert not re.search(r"op\.(drop_table|drop_column|rename_table)|new_column_name", text)
    assert "def downgrade" not in text
