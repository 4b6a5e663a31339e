"""S26: what is to be done in an emergency was done: every line of the runbooks, by the real CLI."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from betting_signer.contract import Code, Signed
from betting_signer.policy import Policy
from deployed import Deployed
from fakes.aws import CREDENTIALS, REGION, FakeAws
from fakes.aws_cli import unpack
from security.signer.world import (
    ADDRESS,
    COIN,
    FRIEND,
    OTHER_KEY,
    STRANGER,
    World,
    code,
    intent,
    on_dynamo,
    policy,
    quote,
)

RUNBOOKS = Path(__file__).resolve().parents[3] / "docs" / "runbooks"
COLD = STRANGER
"""A safe place."""

pytestmark = pytest.mark.slow


def sections(runbook: str) -> dict[str, str]:
    """The lines to be run of each section, by the first word of its title."""
    found: dict[str, str] = {}
    text = (RUNBOOKS / f"{runbook}.md").read_text()
    for part in re.split(r"(?m)^#+ ", text)[1:]:
        title, _, body = part.partition("\n")
        lines = re.findall(r"(?m)^(?: {4}| {7,})(\S.*|  \S.*)$", body)
        if lines:
            found[title] = "\n".join(lines)
    return found


BREAK_GLASS, KEYS = sections("break-glass"), sections("wallet-keys")
NAMES, STOP, FIND, SWEEP, ON = BREAK_GLASS.values()
KEY_NAMES, STAMPS, NODES, KEY = KEYS.values()


@dataclass
class Account:
    """An account in which the wallet is deployed.

    Attributes:
        wallet: what works on it.
        folder: where people deploy from.
        outputs: of the stack.
        aws: answers.
        path: with the CLI on it.
    """

    wallet: World
    folder: Path
    outputs: dict[str, str]
    aws: FakeAws
    path: str

    def run(self, *parts: str, typed: str = "") -> str:
        """What a person who runs these lines sees."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join([NAMES, *parts])],
            cwd=self.folder, input=typed, capture_output=True, text=True, check=False,
            env={
                "PATH": self.path, "HOME": str(self.folder),
                "AWS_ENDPOINT_URL": self.aws.url, "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
                "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            },
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> str:
    ours = Path(sys.executable).parent  # where betting-ai is
    return os.pathsep.join(
        [str(unpack(tmp_path_factory.mktemp("cli"))), str(ours), os.environ["PATH"]]
    )


@pytest.fixture
def account(aws: FakeAws, cli: str, tmp_path: Path) -> Iterator[Account]:
    wallet = on_dynamo(aws)
    function, mapping, role = deployed_function(aws, wallet, tmp_path.name)
    secrets = aws.client("secretsmanager")
    nodes = secrets.create_secret(Name=f"nodes-{tmp_path.name}")["ARN"]
    tables = wallet.store.tables
    outputs = {
        "WalletAddress": ADDRESS,
        "WalletNetwork": "mainnet",
        "StateTable": tables.signer,
        **{
            f"{one.capitalize()}Table": getattr(tables, one)
            for one in ("intents", "approvals", "quotes", "signed")
        },
        "TransfersTable": "transfers",
        "SignTransferName": function,
        "SignTransferRole": role,
        "QuotesMapping": mapping,
        "CopiesBucket": wallet.copies.bucket,
        "KeySecretArn": wallet.custody.secret_id,
        "StampsArn": wallet.requesters.secret_id,
        "NodesArn": nodes,
    }
    (tmp_path / "build").mkdir()
    told = {"betting-ai-prod-signer": outputs}
    (tmp_path / "build" / "aws-prod.json").write_text(json.dumps(told))
    formation, stack = aws.client("cloudformation"), "betting-ai-prod-signer"
    template = {
        "Resources": {"Something": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    formation.create_stack(StackName=stack, TemplateBody=json.dumps(template))
    yield Account(wallet, tmp_path, outputs, aws, cli)
    formation.delete_stack(StackName=stack)
    aws.client("lambda").delete_function(FunctionName=function)


def deployed_function(aws: FakeAws, wallet: World, name: str) -> tuple[str, str, str]:
    """(name, mapping, role) of a function that the stream of quotes calls."""
    tables, functions, roles = (aws.client(one) for one in ("dynamodb", "lambda", "iam"))
    quotes = tables.update_table(
        TableName=wallet.store.tables.quotes,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]["LatestStreamArn"]
    role = f"signs-{name}"[:60]
    arn = roles.create_role(RoleName=role, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "")
    made = functions.create_function(
        FunctionName=role, Runtime="python3.13", Role=arn, Handler="handler.handler",
        Code={"ZipFile": code.getvalue()},
    )  # fmt: skip
    mapping = functions.create_event_source_mapping(
        EventSourceArn=quotes, FunctionName=made["FunctionName"], StartingPosition="TRIM_HORIZON"
    )
    return made["FunctionName"], mapping["UUID"], role


def state(account: Account) -> tuple[int | None, bool, list[str]]:
    """(what the function may run with, whether its trigger is on, what its role is denied by)."""
    functions, roles = account.aws.client("lambda"), account.aws.client("iam")
    named = account.outputs
    most = functions.get_function_concurrency(FunctionName=named["SignTransferName"])
    mapping = functions.get_event_source_mapping(UUID=named["QuotesMapping"])
    denied = roles.list_role_policies(RoleName=named["SignTransferRole"])["PolicyNames"]
    return most.get("ReservedConcurrentExecutions"), mapping["State"] == "Enabled", denied


def test_every_line_is_in_a_section_that_is_run_here() -> None:
    assert len(BREAK_GLASS) == 5
    assert len(KEYS) == 4
    assert NAMES == KEY_NAMES
    for name in ("break-glass", "wallet-keys"):
        text = (RUNBOOKS / f"{name}.md").read_text()
        run = "\n".join(sections(name).values())
        assert text.count("aws ") > 0
        assert len(re.findall(r"(?m)^ +aws ", text)) == len(re.findall(r"(?m)^ *aws ", run))


def test_every_name_is_an_output_of_the_stack(wallet: Deployed) -> None:
    used = set(re.findall(r"\$\(out (\w+)\)", "\n".join([*BREAK_GLASS.values(), *KEYS.values()])))
    assert len(used) >= 7
    assert used <= set(wallet.stacks["signer"]["Outputs"])


def test_stopped_is_stopped_in_every_way(account: Account) -> None:
    wallet = account.wallet
    assert isinstance(wallet.ask(intent()), Signed)
    assert state(account) == (None, True, [])
    seen = account.run(STOP).splitlines()
    assert seen[-3:] == ["0", "Disabled", "Revoked"]
    assert state(account) == (0, False, ["Revoked"])
    [denied] = account.aws.client("iam").get_role_policy(
        RoleName=account.outputs["SignTransferRole"], PolicyName="Revoked"
    )["PolicyDocument"]["Statement"]
    assert denied == {"Effect": "Deny", "Action": "*", "Resource": "*"}
    assert code(wallet.ask(intent())) is Code.SIGNING_DISABLED
    # The refusal is written down, and has its copy.
    assert account.run(FIND).strip() == str(len(wallet.lines()))
    account.run(ON)
    assert state(account) == (None, True, [])
    assert code(wallet.ask(intent())) is Code.SIGNING_DISABLED  # until somebody turns it on
    wallet.switch()
    assert isinstance(wallet.ask(intent()), Signed)


@pytest.mark.parametrize(
    "part", STOP.split("\naws ")[:4], ids=["switch", "function", "trigger", "role"]
)
def test_each_line_stops_by_itself(account: Account, part: str) -> None:
    account.run(part if part.startswith("aws ") else f"aws {part}")
    off = code(account.wallet.ask(intent())) is Code.SIGNING_DISABLED
    most, triggered, denied = state(account)
    assert [off, most == 0, not triggered, bool(denied)].count(True) == 1


def sweeping() -> Policy:
    """All there is, to one address alone."""
    usual = policy(version=2)
    caps = {"per_transaction": 10**9 * COIN, "per_day": 10**9 * COIN, "per_week": 10**9 * COIN}
    rules = tuple(replace(rule, destinations=frozenset({COLD})) for rule in usual.rules)
    assets = tuple(replace(one, **caps, approval_above=10**9 * COIN) for one in usual.assets)
    return replace(usual, rules=rules, assets=assets)


def test_a_sweep_brings_everything_away_and_nothing_elsewhere(account: Account) -> None:
    wallet, prepared = account.wallet, sweeping()
    (account.folder / "sweep.json").write_text(prepared.dumps() + "\n")
    # Somebody stopped it before: its switch cannot even be read.
    wallet.write("control", "off")
    propose, approve, enable = SWEEP.splitlines()
    account.run(propose)
    wallet.switch()
    assert code(wallet.ask(intent(to=COLD))) is Code.POLICY_NOT_APPROVED
    wallet.write("control", "off")
    seen = account.run(approve)
    shown, _, said = seen.rpartition("Approved: ")
    assert (json.loads(shown), said.split()[0]) == (prepared.content(), prepared.policy_hash)
    assert code(wallet.ask(intent(to=COLD))) is Code.SIGNING_DISABLED
    account.run(enable)
    everything = intent(to=COLD, amount=999 * COIN)
    signed = wallet.ask(everything)
    assert isinstance(signed, Signed)
    assert code(wallet.ask(intent(to=FRIEND))) is Code.DESTINATION_NOT_ALLOWED


def test_a_new_secret_of_the_requester_ends_the_old(account: Account) -> None:
    wallet = account.wallet
    account.run(STAMPS)
    wish = intent()
    assert code(wallet.ask(wish)) is Code.STAMP_WRONG
    secrets = account.aws.client("secretsmanager")
    text = secrets.get_secret_value(SecretId=account.outputs["StampsArn"])["SecretString"]
    [fresh] = json.loads(text)["api"]
    again = intent()
    wallet.put(again, again.stamp(fresh.encode()))
    assert isinstance(wallet.signer().sign(quote(again).dumps()), Signed)


def test_endpoints_are_put_as_they_are_read(account: Account) -> None:
    addresses = ["https://one.example/key", "https://two.example/key"]
    seen = account.run(NODES, typed="\n".join([*addresses, ""]))
    assert "example" not in seen
    secrets = account.aws.client("secretsmanager")
    text = secrets.get_secret_value(SecretId=account.outputs["NodesArn"])["SecretString"]
    assert json.loads(text) == addresses


def test_another_key_signs_nothing_until_its_address_is_deployed(account: Account) -> None:
    from eth_account import Account as Key

    wallet = account.wallet
    secrets = account.aws.client("secretsmanager")
    secrets.put_secret_value(SecretId=account.outputs["KeySecretArn"], SecretString=OTHER_KEY)
    assert code(wallet.ask(intent())) is Code.KEY_MISMATCH
    assert account.run(KEY).strip() == "2"
    address = Key.from_key(OTHER_KEY).address
    assert address != ADDRESS
    chosen = wallet.under(replace(policy(version=2), sender=address))
    wish = wallet.put(intent(sender=address))
    signed: Any = wallet.signer(address=address).sign(quote(wish).dumps())
    assert isinstance(signed, Signed)
    assert chosen.sender == address
