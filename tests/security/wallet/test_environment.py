"""`wallet` as it is typed in a role of AWS: the stack tells where the tables are."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from betting_ai.cli.main import main
from chain.evm import COIN, evm
from fakes.aws import CREDENTIALS, REGION, FakeAws
from security.signer.world import ADDRESS
from security.wallet.flow import Flow, on_dynamo, payee, policy

Type = Callable[..., tuple[int, str, str]]


@pytest.fixture
def flow(aws: FakeAws, tmp_path: Path) -> Iterator[Flow]:
    """A wallet on managed services."""
    with evm(97) as chain:
        made = on_dynamo(aws, chain, tmp_path)
        yield made
        made.close()


def deployed(flow: Flow, aws: FakeAws, **changes: str) -> str:
    """Name of an environment whose stack tells of the wallet."""
    name = f"e{uuid4().hex[:12]}"
    tables = flow.told["tables"]
    outputs = {
        "WalletAddress": ADDRESS, "WalletNetwork": "testnet", "CopiesBucket": flow.told["bucket"],
        "IntentsTable": tables["intents"], "ApprovalsTable": tables["approvals"],
        "QuotesTable": tables["quotes"], "SignedTable": tables["signed"],
        "StateTable": tables["signer"], "TransfersTable": flow.told["transfers"],
    } | changes  # fmt: skip
    template = {
        "Resources": {"Something": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {key: {"Value": value} for key, value in outputs.items() if value},
    }
    aws.client("cloudformation").create_stack(
        StackName=f"betting-ai-{name}-signer", TemplateBody=json.dumps(template)
    )
    return name


@pytest.fixture
def there(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, aws: FakeAws, tmp_path: Path
) -> Callable[[str], Type]:
    """Types commands of an environment, on a machine without a database."""
    monkeypatch.setenv("BETTING_AI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key.upper(), value)

    def named(name: str) -> Type:
        def run(*words: str, typed: str = "") -> tuple[int, str, str]:
            monkeypatch.setattr(sys, "argv", ["betting-ai", "--env", name, "wallet", *words])
            monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
            code = main()
            out, err = capsys.readouterr()
            assert not (tmp_path / "home").exists(), "nothing of this machine is looked at"
            return code, out, err

        return run

    return named


def test_a_policy_is_put_approved_and_switched_and_a_transfer_approved(
    there: Callable[[str], Type], flow: Flow, aws: FakeAws, tmp_path: Path
) -> None:
    typed = there(deployed(flow, aws))
    chosen = policy(97, payees=4)
    file = tmp_path / "policy.json"
    file.write_text(chosen.dumps())
    code, _, err = typed("policy", "approve", str(file), "--hash", chosen.policy_hash)
    assert (code, "leave FILE out" in err) == (2, True)
    for words in (
        ("policy", "propose", str(file)),
        ("policy", "approve", "--hash", chosen.policy_hash),
        ("enable", "--days", "1"),
    ):
        code, out, err = typed(*words)
        assert (code, err) == (0, ""), words
    shown = json.loads(typed("policy", "show", "--json")[1])
    assert (shown["approved"], shown["enabled"], shown["locked"]) == (True, True, False)
    wish = flow.wish(2, COIN * 9 // 10, intent_id=str(uuid4()))
    flow.go()
    code, out, err = typed("approve", wish.intent_id, "--as", "owner", typed=payee(2)[-6:] + "\n")
    assert (code, "0.9 BNB" in out) == (0, True), err
    flow.go()
    told = json.loads(typed("status", wish.intent_id, "--json")[1])
    assert told["status"] == "sent"
    # One refusal before, of what was not approved yet.
    assert json.loads(typed("audit", "verify", "--json")[1]) == {
        "address": ADDRESS, "entries": 2, "copies": True,
    }  # fmt: skip
    assert typed("disable")[0] == 0
    assert json.loads(typed("policy", "show", "--json")[1])["enabled"] is False


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("send", "1", "BNB", payee(1)), "the API alone may ask"),
        (("follow", "--once"), "--env"),
        (("tables",), "--env"),
        (("init", "--keystore", "key.json", "--password-file", "word"), "--env"),
    ],
    ids=lambda one: one if isinstance(one, str) else one[0],
)
def test_what_is_of_a_machine_is_refused_there(
    there: Callable[[str], Type], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...], told: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    word = tmp_path / "word"
    word.write_text("correct horse battery")
    word.chmod(0o600)
    code, out, err = there("dev")(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert not (tmp_path / "key.json").exists()


def test_an_environment_without_a_wallet_says_so(
    there: Callable[[str], Type], flow: Flow, aws: FakeAws
) -> None:
    code, out, err = there("nowhere")("policy", "show")
    assert (code, out) == (1, "")
    assert "there is no stack betting-ai-nowhere-signer here" in err
    code, out, err = there(deployed(flow, aws, WalletAddress=""))("policy", "show")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "no WalletAddress" in err
