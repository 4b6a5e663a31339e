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
from urllib.parse import SplitResult, urlencode, urlsplit

import pytest

from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.adapters.wallet.postgres import connecting
from betting_signer.postgres import PostgresStore
from chain.evm import COIN, Chain, evm
from security.marks import nothing_told
from security.signer.world import (
    ADDRESS,
    KEY,
    OTHER_KEY,
    PASSWORD,
    SECRET,
    connection,
    keystore_file,
)
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


def signer(variables: dict[str, str], out: Any, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "betting_signer"],
        env=variables, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
        **options,
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
            ("A password for the keystore, of 12 characters or more: ", word),
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


def said(variables: dict[str, str], out: Path, **options: Any) -> str:
    """The one line of a signer that cannot be started."""
    with out.open("wb") as file:
        assert signer(variables, file, **options).wait(60) == 2, out.read_text()
    [line] = out.read_text().splitlines()
    assert not any(secret in line for secret in (PASSWORD, SECRET, KEY, "s3cr3t", "short-one"))
    return line


def test_what_is_wrong_with_a_file_is_told_before_it_is_ready(server: Flow, tmp_path: Path) -> None:
    usual = environment(server, tmp_path / "secrets")
    files = tmp_path / "files"
    files.mkdir()
    missing = str(files / "none")
    text = private(files / "text", "no such thing")
    wide = private(files / "wide", json.dumps({"api": [SECRET]}))
    Path(wide).chmod(0o644)
    short = private(files / "short", json.dumps({"other": [SECRET], "api": ["short-one"]}))
    other = str(keystore_file(files, OTHER_KEY))
    wrong = private(files / "wrong", f"{PASSWORD}?")
    for setting, path, told in (
        ("KEYSTORE", missing, f"SIGNER_KEYSTORE: {missing} cannot be read: No such file"),
        ("KEYSTORE", wide, f"SIGNER_KEYSTORE: others may read {wide}: chmod 600 it"),
        ("KEYSTORE", str(files), f"SIGNER_KEYSTORE: {files} is no file"),
        ("KEYSTORE", text, f"SIGNER_KEYSTORE: {text} is no keystore"),
        ("KEYSTORE", short, f"SIGNER_KEYSTORE: {short} is no keystore"),
        ("KEYSTORE", other, "the key of SIGNER_KEYSTORE is of another address than SIGNER_ADDRESS"),
        ("PASSWORD_FILE", missing, f"SIGNER_PASSWORD_FILE: {missing} cannot be read: No such file"),
        ("PASSWORD_FILE", wide, f"SIGNER_PASSWORD_FILE: others may read {wide}: chmod 600 it"),
        ("PASSWORD_FILE", wrong, "the password is not the keystore's"),
        ("REQUESTERS_FILE", missing, f"SIGNER_REQUESTERS_FILE: {missing} cannot be read"),
        ("REQUESTERS_FILE", wide, f"SIGNER_REQUESTERS_FILE: others may read {wide}: chmod 600 it"),
        ("REQUESTERS_FILE", text, f"SIGNER_REQUESTERS_FILE: {text} is not of the form"),
        ("REQUESTERS_FILE", short, f"SIGNER_REQUESTERS_FILE: {short} is not of the form"),
        ("COPIES_FOLDER", text, f"SIGNER_COPIES_FOLDER: {text} cannot be made or written"),
        ("COPIES_FOLDER", f"{text}/in", f"SIGNER_COPIES_FOLDER: {text}/in cannot be made"),
    ):
        line = said(usual | {f"SIGNER_{setting}": path}, tmp_path / "out")
        assert line.startswith(told), line
    assert server.store.head(ADDRESS).version == 0


def test_what_is_wrong_with_the_database_is_told_before_it_is_ready(
    server: Flow, tmp_path: Path
) -> None:
    usual = environment(server, tmp_path / "secrets")
    url = urlsplit(server.told["url"])
    admin = connection(server.told["url"])

    def told(at: SplitResult) -> str:
        name = "SIGNER_DATABASE_URL"
        line = said(usual | {name: at.geturl()}, tmp_path / "out")
        return line.removeprefix(f"{name}: ")

    name = f"nobody_{os.getpid()}"
    try:
        admin.run(f"CREATE ROLE {name} LOGIN PASSWORD 's3cr3t'")
        user = url._replace(netloc=f"{name}:s3cr3t@{url.netloc.rpartition('@')[2]}")
        assert told(user).startswith("its user is not a member of the role betting_signer")
    finally:
        admin.run(f"DROP ROLE {name}")
    assert told(url._replace(path="/none")) == "there is no such database"
    away = url._replace(query=urlencode({"host": str(tmp_path)}))
    assert told(away).startswith("the database cannot be reached")
    admin.run("ALTER TABLE signer.refusals RENAME TO gone")
    assert told(url).startswith("the wallet's tables are missing")
    admin.run("DROP SCHEMA signer CASCADE")
    assert told(url).startswith("the wallet's tables are missing")
    admin.close()


def test_a_password_is_typed_at_a_terminal_or_not_at_all(server: Flow, tmp_path: Path) -> None:
    usual = environment(server, tmp_path / "secrets")
    del usual["SIGNER_PASSWORD_FILE"]
    line = said(usual, tmp_path / "out", start_new_session=True)
    assert line.startswith("SIGNER_PASSWORD_FILE is not set")
    with terminal(tmp_path, usual) as mine:
        start = f"{sys.executable} -m betting_signer"
        ask = "Password of the keystore: "
        assert "not the keystore's" in mine.run(start, (ask, "guessed"), code=2)
        mine.type(start)
        mine.see(ask)
        mine.interrupt()
        assert mine.see(r"\[(\d+)\]\$ $")[1] == "130"
        mine.type(start)
        mine.see(ask)
        mine.type(PASSWORD)
        mine.see('"ready"')
        mine.interrupt()
        assert mine.see(r"\[(\d+)\]\$ $")[1] == "0"
        assert "Traceback" not in mine.screen
        assert PASSWORD not in mine.screen


def test_a_failure_is_told_when_it_begins_and_when_it_has_ended(
    server: Flow, tmp_path: Path
) -> None:
    variables = environment(server, tmp_path / "secrets")
    admin = connection(server.told["url"])
    copies = Path(variables["SIGNER_COPIES_FOLDER"])
    password = Path(variables["SIGNER_PASSWORD_FILE"])
    out = tmp_path / "out"

    def lines(*words: str) -> list[dict[str, str]]:
        found = [json.loads(line) for line in out.read_text().splitlines()]
        return [line for line in found if line["message"] in words]

    def look() -> None:
        time.sleep(0.3)

    carry = server.carry()
    with out.open("wb") as file:
        signing = signer(variables, file)
    try:
        wait_for(lambda: bool(lines("ready")), look, 200)
        for place, (begin, end) in enumerate((
            (lambda: admin.run("ALTER TABLE signer.quotes RENAME TO gone"),
             lambda: admin.run("ALTER TABLE signer.gone RENAME TO quotes")),
            (lambda: copies.rename(tmp_path / "kept") and copies.touch(),
             lambda: copies.unlink() or (tmp_path / "kept").rename(copies)),
            (lambda: password.chmod(0o644), lambda: password.chmod(0o600)),
            (lambda: password.write_text("guessed"), lambda: password.write_text(PASSWORD)),
        )):  # fmt: skip
            if place:
                begin()
            server.wish(to=place)
            carry()
            if not place:
                begin()
            wait_for(lambda: len(lines("failed")) > place, look)  # noqa: B023
            time.sleep(2.5)  # more looks, at which nothing is told
            assert len(lines("failed")) == place + 1
            end()
            wait_for(lambda: len(lines("works again")) > place, look)  # noqa: B023
            wait_for(lambda: len(lines("signed")) > place, look)  # noqa: B023
        assert signing.poll() is None
    finally:
        signing.send_signal(signal.SIGTERM)
        assert signing.wait(30) == 0
    admin.close()
    assert lines("refused") == []
    parts = [
        ("store", "unavailable"), ("copies", "unavailable"),
        ("custody", "unavailable"), ("custody", "password"),
    ]  # fmt: skip
    for word in ("failed", "works again"):
        assert [(line["part"], line["code"]) for line in lines(word)] == parts


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
