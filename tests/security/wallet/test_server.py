"""A server of one's own: the signer's process, whoever follows beside it, and a real chain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.adapters.wallet.postgres import connecting
from betting_signer.postgres import PostgresStore
from chain.evm import COIN, Chain, evm
from security.marks import nothing_told
from security.signer.world import ADDRESS, KEY, PASSWORD, SECRET
from security.wallet.flow import Flow, on_postgres, payee, wait_for
from security.wallet.terminal import terminal


@pytest.fixture
def chain() -> Iterator[Chain]:
    with evm(97, "--block-time", "1") as one:
        yield one


@pytest.fixture
def server(database_url: str, chain: Chain, tmp_path: Path) -> Iterator[Flow]:
    flow = on_postgres(database_url, chain, tmp_path)
    yield flow
    flow.close()


def private(path: Path, text: str) -> str:
    path.touch(0o600)
    path.write_text(text)
    return str(path)


def environment(flow: Flow, secrets: Path) -> dict[str, str]:
    """Of the signer's process alone; what is secret in it is a file."""
    secrets.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "SIGNER_ADDRESS": ADDRESS,
        "SIGNER_NETWORK": "testnet",
        "SIGNER_DATABASE_URL": flow.told["url"],
        "SIGNER_KEYSTORE": flow.told["keystore"],
        "SIGNER_PASSWORD_FILE": private(secrets / "password", PASSWORD + "\n"),
        "SIGNER_REQUESTERS_FILE": private(secrets / "stamps", json.dumps({"api": [SECRET]})),
        "SIGNER_COPIES_FOLDER": str(Path(flow.told["folder"]) / "copies"),
    }


def signer(variables: dict[str, str], out: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "betting_signer"],
        env=variables, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_two_processes_carry_a_wish_to_its_receipt(
    server: Flow,
    chain: Chain,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    engine: Any,
) -> None:
    variables = environment(server, tmp_path_factory.mktemp("away") / "secrets")
    follower = {
        "PATH": os.environ["PATH"],
        "BETTING_AI_HOME": str(tmp_path / "home"),
        "DATABASE_URL": server.told["url"],
        "BETTING_AI_WALLET_ADDRESS": ADDRESS,
        "BETTING_AI_WALLET_NETWORK": "testnet",
        "BETTING_AI_RPC_URLS": chain.url,
        "BETTING_AI_WALLET_MAX_FEE_GWEI": "50",
    }
    with (tmp_path / "out").open("wb") as out:
        signing = signer(variables, out)
        following = subprocess.Popen(
            [sys.executable, "-m", "betting_ai", "wallet", "follow", "--every", "0.3"],
            env=follower, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            wish = server.wish(amount=COIN // 3)
            deadline = time.monotonic() + 90
            receipts: list[Any] = []
            while not receipts and time.monotonic() < deadline:
                assert signing.poll() is None, (tmp_path / "out").read_text()
                assert following.poll() is None, (tmp_path / "out").read_text()
                time.sleep(0.3)
                with SqlUnitOfWork(engine) as unit:
                    receipts = unit.receipts.latest()
        finally:
            for process in (signing, following):
                process.send_signal(signal.SIGTERM)
            ends = [process.wait(30) for process in (signing, following)]
    assert ends == [0, 0]
    [receipt] = receipts
    assert (receipt.intent_id, receipt.state, receipt.units) == (wish.intent_id, "final", COIN // 3)
    assert chain.balance(payee(0)) == COIN // 3
    lines = (tmp_path / "out").read_text()
    assert f"{wish.intent_id}: final" in lines
    nothing_told(tmp_path)


def test_a_key_and_its_password_are_typed_unseen(empty_url: str, tmp_path: Path) -> None:
    word = "correct horse battery"
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BETTING_AI_HOME": str(tmp_path / "home"),
        "DATABASE_URL": empty_url,
    }
    with terminal(tmp_path, variables) as mine:
        made = mine.run(
            "betting-ai wallet init --import --keystore key.json",
            (r"\(64 hexadecimal digits\): ", KEY),
            ("A password for the keystore: ", word),
            ("Repeat for confirmation: ", word),
        )
        assert f"address: {ADDRESS}" in made
        assert (word in mine.screen, KEY in mine.screen) == (False, False)


def test_a_follower_says_once_what_is_in_the_way(
    server: Flow, chain: Chain, tmp_path: Path
) -> None:
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BETTING_AI_HOME": str(tmp_path / "home"),
        "DATABASE_URL": server.told["url"],
        "BETTING_AI_WALLET_ADDRESS": ADDRESS,
        "BETTING_AI_RPC_URLS": chain.url,
    }
    with terminal(tmp_path, variables) as mine:
        mine.type("betting-ai wallet follow --every 0.2")
        mine.see("no contract at the address of USDT")
        seen: set[int] = set()

        def look() -> None:
            time.sleep(0.3)
            held = server.states().balances(ADDRESS)
            seen.update([held.block.number] if held else [])

        wait_for(lambda: len(seen) > 2, look)
        mine.interrupt()
        mine.see(r"\[0\]\$ $")
        assert mine.screen.count("no contract at the address of USDT") == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"SIGNER_KEYSTORE": ""}, "SIGNER_KEYSTORE is not set"),
        ({"SIGNER_NETWORK": "moon"}, "SIGNER_NETWORK is mainnet or testnet"),
        ({"SIGNER_ADDRESS": ADDRESS.lower()}, "SIGNER_ADDRESS is no address"),
        ({"SIGNER_DATABASE_URL": "mysql://me:s3cr3t@x/y"}, "SIGNER_DATABASE_URL is not of"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, server: Flow, change: dict[str, str], told: str
) -> None:
    variables = environment(server, tmp_path / "secrets") | change
    with (tmp_path / "out").open("wb") as out:
        assert signer(variables, out).wait(60) == 2
    [line] = (tmp_path / "out").read_text().splitlines()
    assert line.startswith(told)
    assert "s3cr3t" not in line
    assert KEY not in line


def test_nobody_of_them_may_do_the_others_part(server: Flow) -> None:
    """Roles of the database: who signs sees no followed state, who follows sees no policy."""
    from betting_signer.store import UnavailableError

    for role, query in {
        "betting_signer": "SELECT 1 FROM signer.transfers",
        "betting_broadcaster": "SELECT 1 FROM signer.policy",
        "betting_requester": "UPDATE signer.transfers SET version = 2",
    }.items():
        store = PostgresStore(connecting(server.told["url"], role))
        with pytest.raises(UnavailableError):
            store._rows(query)
        store.close()
