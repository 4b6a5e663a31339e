"""S25: what runs beside the key is little, named here, and locked by hash."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import betting_signer
from functions.emulator import built

__all__ = ["built"]  # a fixture

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "layers" / "signing" / "requirements.txt"
PACKAGE = Path(betting_signer.__file__).parent

WHY = {
    "eth-keys": "signs, and recovers who signed",
    "rlp": "writes and reads the bytes of a transaction",
    "eth-utils": "of both",
    "eth-typing": "of both",
    "eth-hash": "of eth-utils",
    "cytoolz": "of eth-utils",
    "toolz": "of cytoolz",
    "pydantic": "of eth-utils",
    "pydantic-core": "of pydantic",
    "annotated-types": "of pydantic",
    "typing-inspection": "of pydantic",
    "typing-extensions": "of pydantic",
    "botocore": "asks AWS",
    "jmespath": "of botocore",
    "python-dateutil": "of botocore",
    "six": "of python-dateutil",
    "urllib3": "of botocore",
}
"""Every distribution of the layer."""

OUTSIDE = {
    "signing.py": {"eth_keys", "rlp"},
    "dynamo.py": {"botocore"},
    "lambdas.py": {"botocore"},
    "postgres.py": {"pg8000"},
    "setup.py": {"pg8000"},
    "custody.py": {"eth_account"},  # where a key is made or a keystore read: never in the function
}
"""What modules import besides Python's own and each other."""


def locked() -> dict[str, str]:
    """Blocks of the lock, by distribution."""
    blocks = re.split(r"(?m)^(?=[a-z0-9])", LOCK.read_text())[1:]
    return {block.partition("==")[0]: block for block in blocks}


def test_the_lock_holds_what_is_named_here_and_nothing_else() -> None:
    assert set(locked()) == set(WHY)


def test_every_line_has_its_version_and_hashes() -> None:
    for name, block in locked().items():
        assert re.match(rf"{name}==[0-9][0-9a-z.]* \\\n", block)
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block)


def test_versions_are_those_that_tests_run_with() -> None:
    tested = set(re.findall(r"(?m)^([a-z0-9-]+==\S+)", (ROOT / "requirements/dev.txt").read_text()))
    for name, block in locked().items():
        assert block.split()[0] in tested, name


def imported(path: Path) -> set[str]:
    """First names of what a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(str(node.module).split(".")[0])
    return found


def test_modules_import_what_is_named_here_and_nothing_else() -> None:
    modules = {path.name: imported(path) for path in PACKAGE.glob("*.py")}
    assert len(modules) > 10
    for name, imports in modules.items():
        outside = imports - set(sys.stdlib_module_names) - {"betting_signer"}
        assert outside == OUTSIDE.get(name, set()), name
    for module in ("importlib", "subprocess", "pickle", "ctypes", "http", "socket"):
        assert not [name for name, imports in modules.items() if module in imports], module
    assert not [path for path in PACKAGE.glob("*.py") if "urllib.request" in path.read_text()]


@pytest.mark.slow
def test_the_built_layer_holds_nothing_else(built: Path) -> None:
    python = built / "signing" / "python"
    found = {
        re.sub(r"[-_.]+", "-", path.name.partition("-")[0]).lower()
        for path in python.glob("*.dist-info")
    }
    assert found == set(WHY)
    owned = {"betting_signer", "__pycache__", ".lock"}
    for record in python.glob("*.dist-info/RECORD"):
        owned |= {line.split(",")[0].split("/")[0] for line in record.read_text().splitlines()}
    assert {path.name for path in python.iterdir()} <= owned
    for path in (python / "betting_signer").rglob("*.py"):
        assert (
            path.read_bytes()
            == (PACKAGE / path.relative_to(python / "betting_signer")).read_bytes()
        )
