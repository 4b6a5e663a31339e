"""The wallet over HTTP: reads, and wishes that the signer decides; neither key nor chain."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from betting_ai.errors import WalletOffError
from chain.evm import Chain, evm
from integration.api_world import Api, served
from integration.conftest import database_url
from security.signer.world import ADDRESS, SECRET
from security.wallet.flow import Flow, on_postgres, payee, policy

__all__ = ["database_url"]


@pytest.fixture
def chain() -> Iterator[Chain]:
    """A test network."""
    with evm(97) as one:
        yield one


@pytest.fixture
def flow(database_url: str, chain: Chain, tmp_path: Path) -> Iterator[Flow]:
    """A wallet on a server of one's own."""
    made = on_postgres(database_url, chain, tmp_path)
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Of the wallet; no endpoint of a chain is among them."""
    requesters = tmp_path / "requesters"
    requesters.write_text(json.dumps({"api": [SECRET]}))
    requesters.chmod(0o600)
    return {
        "wallet_address": ADDRESS, "wallet_assets": ("BNB",), "requesters_file": requesters,
    }  # fmt: skip


@pytest.fixture
def api(flow: Flow, database_url: str, tmp_path: Path, settings: dict[str, Any]) -> Iterator[Api]:
    """The application."""
    with served(database_url, tmp_path / "home", **settings) as one:
        yield one


def body(amount: str = "0.01", to: str = "") -> dict[str, Any]:
    return {"token": "BNB", "to": to or payee(1), "amount": amount}


def send(api: Api, key: Any, one: dict[str, Any], name: str) -> Any:
    return key.post("/api/v1/crypto/send", json=one, headers={"Idempotency-Key": name})


def test_a_transfer_is_asked_for_once_and_followed(api: Api, flow: Flow, chain: Chain) -> None:
    with api.client("transfer", "read") as key:
        first = send(api, key, body(), "one")
        assert first.status_code == 202, first.text
        assert send(api, key, body(), "one").json() == first.json()
        assert send(api, key, body("0.02"), "one").status_code in {409, 422}
        told = first.json()
        assert (told["status"], told["amount"], told["tx_hash"]) == ("requested", "0.01", None)
        flow.go()
        chain.mine(20)
        flow.carry()()
        found = key.get(f"/api/v1/crypto/transactions/{told['transaction_id']}").json()
        assert (found["status"], found["to_address"]) == ("confirmed", payee(1))
        assert found["tx_hash"].startswith("0x")
        assert found["confirmations"] >= 15
    assert int(chain("eth_getBalance", payee(1), "latest"), 16) == 10**16


def test_why_it_was_refused_is_told_and_no_limit_with_it(api: Api, flow: Flow) -> None:
    flow.under(policy(97, payees=3))
    with api.client("transfer", "read") as key:
        for number, (one, why) in enumerate((
            (body("1.5"), "amount_above_cap"),
            (body(to=payee(5)), "destination_not_allowed"),
        )):  # fmt: skip
            name = send(api, key, one, f"refused-{number}").json()["transaction_id"]
            flow.go()
            answer = key.get(f"/api/v1/crypto/transactions/{name}")
            found = answer.json()
            assert (found["status"], found["reason"]) == ("requested", why)
            assert "pay-0" not in answer.text


def test_a_balance_is_as_it_was_last_read(api: Api, flow: Flow) -> None:
    with api.client("read") as key:
        path = "/api/v1/crypto/balance"
        early = key.post(path, json={"token": "BNB"})
        assert (early.status_code, "not been read" in early.json()["detail"]) == (404, True)
        flow.carry()()
        told = key.post(path, json={"token": "BNB"}).json()
        assert (told["balance"], told["address"], told["chain_id"]) == ("100", ADDRESS, 97)
        assert told["as_of"].endswith("Z")
        for asked in ({"token": "CAKE"}, {"token": "BNB", "address": payee(5)}):
            assert key.post(path, json=asked).status_code == 404


def test_what_cannot_be_asked_for_is_told(api: Api, flow: Flow) -> None:
    with api.client("transfer") as key:
        wrong = ADDRESS[:2] + ADDRESS[2:].swapcase()
        for number, one in enumerate((body("0"), body(to=ADDRESS), body(to=wrong))):
            answer = send(api, key, one, f"bad-{number}")
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    with api.client("read") as key:
        assert send(api, key, body(), "reader").status_code == 403
    assert flow.rows.new_intents() == []


def test_nothing_is_sent_where_nobody_may_ask(
    flow: Flow, database_url: str, tmp_path: Path, settings: dict[str, Any]
) -> None:
    with (
        served(database_url, tmp_path / "home", **settings | {"requesters_file": None}) as api,
        api.client("transfer", "read") as key,
    ):
        answer = send(api, key, body(), "off")
        assert (answer.status_code, answer.json()["code"]) == (409, WalletOffError.code)
        assert "not switched on" in answer.json()["detail"]
        assert key.get(f"/api/v1/crypto/transactions/{uuid4()}").status_code == 404
    assert flow.rows.new_intents() == []


def test_no_key_and_no_chain_is_in_this_process(api: Api, flow: Flow) -> None:
    """What the application has can ask for a transfer, and neither sign nor send one."""
    rows = api.app.wallet_rows("betting_requester")
    assert api.app.settings.rpc_urls == ()
    for statement in (
        "INSERT INTO signer.quotes (intent_id, quote_id, body) VALUES ('a', 'b', 'c')",
        "INSERT INTO signer.approvals (request_hash, body) VALUES ('a', 'b')",
        "INSERT INTO signer.signed (intent_id, attempt, body) VALUES ('a', 0, 'c')",
        "UPDATE signer.control SET body = ''",
        "SELECT 1 FROM signer.policy",
    ):
        connection = rows.connect()
        with pytest.raises(Exception, match="permission denied"):
            connection.run(statement)
        connection.close()


def behind_a_stage(api: Any) -> Any:
    """Takes the stage off the path, as a gateway does."""

    async def taken_off(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            assert scope["path"].startswith("/live/")
            raw = scope["raw_path"].removeprefix(b"/live")
            scope = {**scope, "path": scope["path"].removeprefix("/live"), "raw_path": raw}
        await api(scope, receive, send)

    return taken_off


def test_the_lines_of_the_document_ask_for_a_transfer(
    flow: Flow, database_url: str, tmp_path: Path, settings: dict[str, Any]
) -> None:
    document = (Path(__file__).resolve().parents[3] / "docs" / "wallet-aws.md").read_text()
    [lines] = re.findall(r"(?ms)^   ```python\n(.*?)^   ```", document)
    with served(database_url, tmp_path / "home", around=behind_a_stage, **settings) as api:
        made = api.key("read", "transfer")
        given = {
            "URL": f"{api.url}/live", "TOKEN": made.token, "SECRET": str(made.signing_secret),
            "API_KEY": "of the gateway", "PAYEE": payee(1),
        }  # fmt: skip
        ran = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(lines)], env=os.environ | given,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert ran.stdout.startswith("202 "), ran
    [name] = flow.rows.new_intents()
    assert name in ran.stdout
