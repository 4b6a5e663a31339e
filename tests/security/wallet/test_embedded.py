"""A newcomer's five minutes, as `docs/wallet.md` has them: typed line by line, on the embedded
database and a real chain, every part of it a process of its own."""

from __future__ import annotations

import os
import re
import socket
import stat
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from chain.evm import COIN, Chain, binary
from integration.conftest import home
from security.wallet.terminal import terminal

__all__ = ["home"]
PASSWORD = "correct horse battery"  # noqa: S105 - of tests
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "wallet.md"
RUNS = {"anvil": "Listening on", "betting-ai wallet follow": "following 0x", "python -m": '"ready"'}
"""What goes on in a terminal of its own, and what it says once it does."""


def blocks() -> list[list[str]]:
    """The lines that a newcomer types, block by block."""
    part = DOCUMENT.read_text().split("\n## ")[1]
    found = re.findall(r"(?:^    .*\n)+", part, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE).splitlines() for block in found]


def with_what_was_told(line: str, screen: str) -> str:
    """A line with what it leaves out, which was shown before."""
    for gap, told in (
        ("0x...", r"address: (0x[0-9a-fA-F]{40})\n"),
        ("--hash ...", r"\n([0-9a-f]{64})\n"),
        (" ID", r"\bid +([0-9a-f-]{36})\b"),
    ):
        if line.endswith(gap):
            return line.removesuffix(gap.split()[-1]) + re.findall(told, screen)[-1]
    return line


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def folder(home: Path) -> Path:
    """An empty folder of somebody who has nothing else."""
    (home / "bin").mkdir()
    (home / "bin" / "anvil").symlink_to(binary())
    (home / "mine").mkdir()
    return home / "mine"


def test_a_newcomer_pays_in_the_lines_of_the_document(folder: Path) -> None:
    port = free_port()
    chain = Chain(97, f"http://127.0.0.1:{port}")
    parts = (folder.parent / "bin", Path(sys.executable).parent, os.environ["PATH"])
    variables = {"HOME": str(folder.parent), "PATH": ":".join(map(str, parts))}
    with ExitStack() as stack:
        hands = [stack.enter_context(terminal(folder, variables)) for _ in range(4)]
        mine, others = hands[1], iter((hands[0], hands[2], hands[3]))
        for block in blocks():
            runs = next((word for word in RUNS if block[-1].startswith(word)), None)
            at = mine if runs is None else next(others)
            for line in block:
                said = with_what_was_told(line, mine.screen).replace("8545", str(port))
                if line.startswith("anvil"):
                    said += f" --port {port}"
                at.type(said)
                if runs is None or line != block[-1]:
                    at.settle(PASSWORD)
            if runs is not None:
                at.settle(PASSWORD, RUNS[runs])
        carrying, signer = hands[2:]
        signer.see('"signed"')
        carrying.see(": final")
        [name] = set(re.findall(r"([0-9a-f-]{36}): final", carrying.screen))
        assert "confirmed" in mine.run(f"betting-ai wallet status {name}")
        told = mine.run("betting-ai wallet audit verify --copies wallet/copies")
        assert "1 entries are as they were written, and so are their copies" in told
        # It is one of those that anvil gives something to from the start.
        [payee] = re.findall(r"PAYEE=(0x\w{40})", DOCUMENT.read_text())
        assert chain.balance(payee) == 10_000 * COIN + COIN // 100
    assert PASSWORD not in "".join(hand.screen for hand in hands)
    for file in ("key.json", "requesters.json"):
        assert stat.S_IMODE((folder / "wallet" / file).stat().st_mode) == 0o600
