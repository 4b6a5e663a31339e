"""A wallet on the embedded database: every part of it is a process of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.evm import COIN, Chain, evm
from integration.conftest import home
from security.wallet.flow import payee, policy
from security.wallet.terminal import terminal

__all__ = ["home"]
PASSWORD = "correct horse battery"  # noqa: S105 - of tests


@pytest.fixture
def chain() -> Iterator[Chain]:
    """A test network that goes on by itself."""
    with evm(97, "--block-time", "1") as one:
        yield one


def test_every_process_finds_the_embedded_database(home: Path, chain: Chain) -> None:
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "BETTING_AI_HOME": str(home / "data"),
        "BETTING_AI_WALLET_ASSETS": "BNB",
        "BETTING_AI_RPC_URLS": chain.url,
        "BETTING_AI_REQUESTERS_FILE": str(home / "requesters.json"),
    }
    (home / "requesters.json").touch(0o600)
    (home / "requesters.json").write_text(json.dumps({"api": ["s" * 64]}))
    with terminal(home, variables) as mine:
        made = mine.run(
            "betting-ai wallet init --keystore key.json",
            ("A password for the keystore: ", PASSWORD),
            ("Repeat for confirmation: ", PASSWORD),
        )
        address = made.split("The wallet's address: ")[1].split()[0]
        url = mine.run("betting-ai db url").split()[-2]
    assert "?host=/" in url
    chain("anvil_setBalance", address, hex(10 * COIN))
    (home / "policy.json").write_text(
        json.dumps({**policy(97).content(), "sender": address}, default=str)
    )
    variables |= {"BETTING_AI_WALLET_ADDRESS": address}
    signing = {
        "PATH": variables["PATH"],
        "SIGNER_ADDRESS": address,
        "SIGNER_NETWORK": "testnet",
        "SIGNER_DATABASE_URL": url,
        "SIGNER_KEYSTORE": "key.json",
        "SIGNER_REQUESTERS_FILE": "requesters.json",
        "SIGNER_COPIES_FOLDER": "copies",
    }
    with (
        terminal(home, variables) as mine,
        terminal(home, variables) as following,
        terminal(home, signing) as signer,
    ):
        found = mine.run("betting-ai wallet policy hash policy.json").split()[-2]
        mine.run(f"betting-ai wallet policy approve policy.json --hash {found}")
        mine.run("betting-ai wallet enable --days 1")
        following.type("betting-ai wallet follow --every 0.5")
        signer.type("python -m betting_signer")
        signer.see("Password of the keystore: ")
        signer.type(PASSWORD)
        signer.see('"ready"')
        to = payee(1)
        asked = mine.run(
            f"betting-ai wallet send 0.01 BNB {to} --json",
            ("the payee's address: ", to[-6:]),
        )
        name = json.loads(asked[asked.rindex("{") : asked.rindex("}") + 1])["id"]
        signer.see('"signed"')
        following.see(f"{name}: final")
        assert "confirmed" in mine.run(f"betting-ai wallet status {name}")
        assert "entries are as they were written" in mine.run(
            "betting-ai wallet audit verify --copies copies"
        )
        everything = "".join(one.screen for one in (mine, following, signer))
    assert chain.balance(to) == COIN // 100
    assert PASSWORD not in everything
