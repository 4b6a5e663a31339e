"""Write the hash-locked requirement sets from pyproject.toml (`make lock`).

One line per set: what it is made of. The files name no index and no host, so they install from
whatever index the machine is set up to use.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
CLI = ["--extra", "inference", "--extra", "cli"]
SERVER = [*CLI, "--extra", "api", "--extra", "server"]
AWS = ["--extra", "aws"]
CHAIN = ["--extra", "chain"]
SETS: dict[str, list[str]] = {
    "runtime": ["pyproject.toml"],
    "inference": ["pyproject.toml", "--extra", "inference"],
    "selfhost": ["pyproject.toml", *SERVER, "--group", "build"],
    # Whoever operates an environment of AWS from here needs its client.
    "local": ["pyproject.toml", *SERVER, *AWS, "--extra", "local", "--group", "build"],
    # Few hold a wallet; its libraries are as large as all the others together.
    "chain": ["pyproject.toml", *CHAIN],
    "train": ["pyproject.toml", *CLI, *AWS, "--extra", "local", "--extra", "train"],
    # penaltyblog asks for "socks", which it never imports: a source archive whose code would run.
    "peers": [
        *("pyproject.toml", "--extra", "inference", "--group", "peers"),
        *("--no-emit-package", "socks"),
    ],
    "infra": ["pyproject.toml", "--extra", "infra"],
    "dev": [
        "pyproject.toml",
        *(*SERVER, *AWS, *CHAIN, "--extra", "local", "--extra", "train", "--extra", "infra"),
        *("--group", "build", "--group", "dev", "--group", "signing"),
    ],
}
LONE: dict[str, tuple[str, list[str]]] = {
    "bootstrap": ("uv==0.13.9\n", []),
    # Only its data files are read (real matches of 2023-24); none of its dependencies are needed.
    "sample": ("sports-betting==0.15.1\n", ["--no-deps"]),
    # Only the emulator of the Lambda runtime that lies in it is used; it must not share a place
    # with anything else, since it pins old versions.
    "emulator": ("aws-sam-cli==1.170.0\n", ["--no-deps"]),
}
# Layers of Lambda: what each adds to those before it.
LAYERS: dict[str, list[str]] = {
    "runtime": AWS,
    "inference": [*AWS, "--extra", "inference"],
    "api": [*AWS, "--extra", "inference", "--extra", "api"],
    "chain": [*AWS, *CHAIN],
}
# The layer of the signer stands alone: it holds this and nothing of the others.
SIGNING = ["--group", "signing"]
# What Lambda itself brings along, for whoever runs its functions without it.
CLIENT = "awslambdaric==4.2.2\n"
LAMBDA = [
    *("--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_28"),
    *("--only-binary", ":all:", "--generate-hashes", "--quiet"),
]
COMMON = ["--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"]


def compile_set(name: str, inputs: list[str], stdin: str | None = None) -> None:
    """Resolve one set; the versions of `dev` hold for all the others."""
    constraint = [] if name in {"dev", *LONE} else ["-c", "requirements/dev.txt"]
    compile_to(HERE / f"{name}.txt", [*inputs, *COMMON, *constraint], stdin)


def compile_to(target: Path, asked: list[str], stdin: str | None = None) -> None:
    """Resolve what is asked for into a file."""
    command = [
        str(Path(sys.executable).with_name("uv")),
        *("pip", "compile", *asked),
        *("--custom-compile-command", "make lock", "-o", str(target.relative_to(ROOT))),
    ]
    subprocess.run(command, cwd=ROOT, check=True, input=stdin, text=True, stdout=subprocess.DEVNULL)  # noqa: S603


def compile_layers() -> None:
    """Resolve each layer for the Python of Lambda, and leave out what those before it have."""
    held: set[str] = set()
    for name, extras in LAYERS.items():
        target = ROOT / "layers" / name / "requirements.txt"
        compile_to(target, ["pyproject.toml", *extras, *LAMBDA, "-c", "requirements/dev.txt"])
        head, *blocks = re.split(r"(?m)^(?=[a-z0-9])", target.read_text())
        target.write_text(head + "".join(b for b in blocks if b.split()[0] not in held))
        held |= {block.split()[0] for block in blocks}
    signing = ROOT / "layers" / "signing" / "requirements.txt"
    compile_to(signing, [*SIGNING, *LAMBDA, "-c", "requirements/dev.txt"])
    compile_to(HERE / "client.txt", ["-", *LAMBDA], CLIENT)


def main() -> None:
    """Write every set, `dev` first because it constrains the rest."""
    compile_set("dev", SETS["dev"])
    for name, inputs in SETS.items():
        if name != "dev":
            compile_set(name, inputs)
    for name, (text, flags) in LONE.items():
        compile_set(name, ["-", *flags], stdin=text)
    compile_layers()


if __name__ == "__main__":
    main()
