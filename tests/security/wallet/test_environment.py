"""`wallet` as it is typed in a role of AWS: the stack tells where the tables are.

Rights are those of `tests/infrastructure/iam-wallet.json`, which the templates are held against.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from betting_ai.adapters.aws import clients
from betting_ai.cli.main import main
from betting_signer.custody import address_of
from chain.evm import COIN, evm
from deployed import listed
from fakes.aws import CREDENTIALS, REGION, FakeAws
from security.signer.world import ADDRESS, KEY
from security.wallet.flow import Flow, on_dynamo, payee, policy

IAM = json.loads((Path(__file__).parents[2] / "infrastructure" / "iam-wallet.json").read_text())
CUSTODIAN, POLICIES, APPROVER = "signer.Custodian", "signer.PolicyApprover", "signer.Approver"


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


@dataclass
class People:
    """Whoever types, on a machine without a database.

    Attributes:
        named: the environment.
        titles: of what it has in its stack, by name.
        role: that was taken.
        written: what was put: (role, where, row).
    """

    monkeypatch: pytest.MonkeyPatch
    capsys: Any
    named: str = "nowhere"
    titles: dict[str, str] = field(default_factory=dict)
    role: str = ""
    written: list[tuple[str, str, str]] = field(default_factory=list)

    def __call__(self, role: str, *words: str, typed: str = "") -> tuple[int, str, str]:
        """What the command line says to whoever has a role."""
        self.role = role
        argv = ["betting-ai", "--env", self.named, "wallet", *words]
        self.monkeypatch.setattr(sys, "argv", argv)
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code = main()
        out, err = self.capsys.readouterr()
        assert KEY.removeprefix("0x") not in out + err
        return code, out, err

    def told(self, role: str, *words: str) -> Any:
        code, out, err = self(role, *words, "--json")
        assert code == 0, err
        return json.loads(out)

    def check(self, service: str, action: str, asked: dict[str, Any]) -> None:
        """Refuse what the role may not, as AWS does."""
        for resource, row in self._meant(service, asked):
            if not self._may(f"{service}:{action}", resource, row):
                raise ClientError({"Error": {"Code": "AccessDeniedException"}}, action)
            if action.startswith("Put"):
                self.written.append((self.role, resource, row))

    def _meant(self, service: str, asked: dict[str, Any]) -> list[tuple[str, str]]:
        """(what it is in the stack, which row) of everything that is asked for."""
        if service == "cloudformation":
            return [("<StackId>", "")]
        if service == "s3":
            end = f"/{asked['Key']}" if "Key" in asked else ""
            return [(f"signer.{self.titles[asked['Bucket']]}.Arn{end}", "")]
        if service == "secretsmanager":
            return [(f"signer.{self.titles[asked['SecretId']]}", "")]
        rows = [one["Get"] for one in asked.get("TransactItems", [])] or [asked]
        return [(f"signer.{self.titles[one['TableName']]}.Arn", _row(one)) for one in rows]

    def _may(self, name: str, resource: str, row: str) -> bool:
        name = {
            "dynamodb:TransactGetItems": "dynamodb:GetItem",
            "s3:ListObjectsV2": "s3:ListBucket",
        }.get(name, name)
        found = False
        for one in IAM[self.role]:
            matches = name in listed(one["Action"]) and any(
                fnmatchcase(resource, pattern) for pattern in listed(one["Resource"])
            )
            if matches and one["Effect"] == "Deny":
                return False
            condition = one.get("Condition", {})
            assert set(condition) <= {"ForAllValues:StringEquals"}, condition
            keys = condition.get("ForAllValues:StringEquals", {}).get("dynamodb:LeadingKeys")
            found |= matches and (keys is None or row in listed(keys))
        return found


def _row(asked: dict[str, Any]) -> str:
    """Which row is meant: every table has a key of one attribute."""
    names = asked.get("Key") or asked["Item"]
    [found] = [value["S"] for name, value in names.items() if name in {"id", "pk", "request_hash"}]
    return str(found)


@pytest.fixture
def people(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, aws: FakeAws, tmp_path: Path
) -> Iterator[People]:
    """Everybody; each call of AWS is held against what the role may."""
    monkeypatch.setenv("BETTING_AI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key.upper(), value)
    made = People(monkeypatch, capsys)
    plain = clients.client
    plain.cache_clear()

    def guarded(service: str, **options: Any) -> Any:
        one = plain(service, **options)

        def check(params: dict[str, Any], model: Any, **_: Any) -> None:
            made.check(service, model.name, params)

        one.meta.events.register("provide-client-params", check, unique_id="rights")
        return one

    monkeypatch.setattr(clients, "client", guarded)
    yield made
    plain.cache_clear()
    assert not (tmp_path / "home").exists(), "nothing of this machine is looked at"


@pytest.fixture
def there(people: People, flow: Flow, aws: FakeAws) -> People:
    """The same with a wallet."""
    people.named = deployed(flow, aws)
    people.titles = {name: title.capitalize() for title, name in flow.told["tables"].items()}
    people.titles |= {
        flow.told["tables"]["signer"]: "State", flow.told["transfers"]: "Transfers",
        flow.told["bucket"]: "Copies",
    }  # fmt: skip
    return people


def test_a_policy_goes_from_the_custodian_to_the_switch(
    there: People, flow: Flow, tmp_path: Path
) -> None:
    wanted = policy(97, payees=3)
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(wanted.content(), indent=2))
    found = there.told(CUSTODIAN, "policy", "propose", str(file))
    assert found == {"policy_hash": wanted.policy_hash, "approved": False}
    code, out, err = there(POLICIES, "policy", "approve", "--hash", wanted.policy_hash)
    assert code == 0, err
    assert json.loads(out.rpartition("Approved")[0]) == wanted.content()
    shown = there.told(POLICIES, "policy", "show")
    assert (shown["approved"], shown["enabled"], shown["locked"]) == (True, False, False)
    there.told(POLICIES, "enable", "--days", "2")
    assert there.told(CUSTODIAN, "policy", "show")["enabled"] is True
    there.told(POLICIES, "disable")
    assert there.written == [
        (CUSTODIAN, "signer.State.Arn", "policy"),
        *[(POLICIES, "signer.State.Arn", "control")] * 3,
    ]
    assert flow.store.policy() == wanted.dumps()


def test_nothing_is_half_done_in_the_wrong_role(there: People, flow: Flow, tmp_path: Path) -> None:
    wanted = policy(97, payees=3)
    file = tmp_path / "policy.json"
    file.write_text(wanted.dumps())
    before = flow.store.control(), flow.store.policy()
    approve = ("policy", "approve", str(file), "--hash", wanted.policy_hash)
    for role, words, wrong in (
        (POLICIES, ("policy", "propose", str(file)), 1),
        (POLICIES, approve, 2),
        (CUSTODIAN, approve, 2),
        (CUSTODIAN, ("policy", "approve", "--hash", policy(97).policy_hash), 1),
        (CUSTODIAN, ("disable",), 1),
        (APPROVER, ("disable",), 1),
        (CUSTODIAN, ("status", str(uuid4())), 1),
    ):
        code, _, err = there(role, *words)
        assert (code, err.count("\n")) == (wrong, 1), (role, words, err)
    assert (flow.store.control(), flow.store.policy()) == before
    assert there.written == []


def test_a_transfer_is_approved_by_who_may_read_it_and_the_policy(
    there: People, flow: Flow
) -> None:
    wish = flow.wish(2, COIN * 9 // 10, intent_id=str(uuid4()))
    name = wish.intent_id
    code, _, err = there(APPROVER, "approve", name, "--as", "mallory", "--yes")
    assert (code, "no approver 'mallory'" in err) == (2, True)
    assert flow.store.approval(wish.request_hash) is None
    code, out, err = there(APPROVER, "approve", name, "--as", "owner", typed=payee(2)[-6:] + "\n")
    assert code == 0, err
    assert "0.9 BNB" in out
    assert there.told(APPROVER, "status", name)["status"] == "approved"
    flow.go()
    assert there.told(APPROVER, "status", name)["status"] == "sent"
    code, _, err = there(APPROVER, "approve", name, "--as", "owner", "--yes")
    assert (code, "nothing to approve any more" in err) == (3, True)
    assert there.written == [(APPROVER, "signer.Approvals.Arn", wish.request_hash)]


def test_the_audit_is_held_against_the_bucket(there: People, flow: Flow) -> None:
    for number in range(2):
        flow.wish(number, COIN // 1000)
        flow.go()
    found = there.told(POLICIES, "audit", "verify")
    assert found == {"address": ADDRESS, "entries": 2, "copies": True}
    flow.copies.put(f"audit/{ADDRESS}/{9:012d}.json", b"{}")
    code, _, err = there(POLICIES, "audit", "verify")
    assert (code, "copy 9 of the audit" in err, "no entry has it" in err) == (1, True, True)
    assert there(APPROVER, "audit", "verify")[0] == 1


def test_the_key_is_put_by_the_custodian(there: People, aws: FakeAws) -> None:
    secrets = aws.client("secretsmanager")
    name = secrets.create_secret(Name=f"empty-{uuid4()}")["ARN"]
    there.titles[name] = "KeySecret"
    assert there(POLICIES, "init", "--secret", name)[0] == 1
    made = there.told(CUSTODIAN, "init", "--secret", name)["address"]
    assert address_of(secrets.get_secret_value(SecretId=name)["SecretString"]) == made


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
    people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...], told: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    word = tmp_path / "word"
    word.write_text("correct horse battery")
    word.chmod(0o600)
    code, out, err = people(CUSTODIAN, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert not (tmp_path / "key.json").exists()


def test_an_environment_without_a_wallet_says_so(people: People, flow: Flow, aws: FakeAws) -> None:
    code, out, err = people(POLICIES, "policy", "show")
    assert (code, out) == (1, "")
    assert "there is no stack betting-ai-nowhere-signer here" in err
    people.named = deployed(flow, aws, WalletAddress="")
    code, out, err = people(POLICIES, "policy", "show")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "no WalletAddress" in err
