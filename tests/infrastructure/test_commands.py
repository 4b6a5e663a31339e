"""What is asked and said before an environment is deployed or deleted."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from infra import account, destroy
from infra.account import Account, advise
from infra.environments import AT_ONCE, WALLET_AT_ONCE, Wallet, environment_of
from infra.paths import ROOT

DEV = environment_of("dev")
TOLD = dataclasses.replace(DEV, emails=("me@example.org",), operators=("me@example.org",))
RESERVING = dataclasses.replace(TOLD, reserve_concurrency=True)
NEEDED = sum(AT_ONCE.values()) + 100


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


def test_a_new_account_can_deploy_and_is_told_what_to_ask_for() -> None:
    advice = advise(Account("eu-west-2", 10), TOLD)
    assert not advice.stops
    assert advice.lines[0] == "eu-west-2: 10 functions may run at once"
    assert "--quota-code L-B99A9384 --desired-value 1000 --region eu-west-2" in advice.lines[1]


@pytest.mark.parametrize(("at_once", "stops"), [(10, True), (NEEDED - 1, True), (NEEDED, False)])
def test_what_cannot_be_reserved_stops(at_once: int, stops: bool) -> None:
    advice = advise(Account("eu-west-2", at_once), RESERVING)
    assert advice.stops is stops
    assert any("reserve_concurrency off" in line for line in advice.lines) is stops


def test_room_to_reserve_is_said() -> None:
    lines = advise(Account("eu-west-2", 1000), TOLD).lines
    assert lines[1:] == ("there is room to reserve: reserve_concurrency may be switched on",)
    assert advise(Account("eu-west-2", 1000), RESERVING).lines[1:] == ()


def test_who_is_not_told_is_said() -> None:
    lines = advise(Account("eu-west-2", 1000), dataclasses.replace(DEV, emails=())).lines
    assert "nobody is told of slates: dev names no emails" in lines
    assert "nobody is told of alarms: dev names no operators" in lines
    assert "nobody is told of cost: name operators, or emails at the least" in lines


def test_layers_that_are_not_built_stop(tmp_path: Path) -> None:
    (tmp_path / "runtime").mkdir()
    missing = account.missing_layers(tmp_path)
    assert missing == ["inference", "api", "domain", "chain", "signing"]
    advice = advise(Account("eu-west-2", 1000), TOLD, missing)
    assert advice.stops
    assert advice.lines[-1] == (
        "layers are not built: inference, api, domain, chain, signing; run make layers"
    )


def test_functions_of_a_wallet_that_are_not_there_stop() -> None:
    assert account.missing_functions(DEV) == []
    advice = advise(Account("eu-west-2", 1000), TOLD, (), ["sign_transfer"])
    assert advice.stops
    assert advice.lines[-1] == "functions are not in this checkout: sign_transfer"


def test_a_wallets_functions_are_reserved_for_too() -> None:
    wallet = dataclasses.replace(RESERVING, wallet=Wallet("testnet"))
    assert not advise(Account("eu-west-2", NEEDED), RESERVING).stops
    assert advise(Account("eu-west-2", NEEDED), wallet).stops
    more = NEEDED + sum(WALLET_AT_ONCE.values())
    assert not advise(Account("eu-west-2", more), wallet).stops


def test_the_account_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = boto3.client("lambda")
    answer = {"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}}
    with Stubber(client) as stub:
        stub.add_response("get_account_settings", answer, {})
        stub.add_client_error("get_account_settings", "AccessDeniedException", "not you")
        monkeypatch.setattr(boto3, "client", lambda service, **_: {"lambda": client}[service])
        assert account.read_account() == Account("eu-west-2", 10)
        assert account.main(["dev"]) == 1
    assert capsys.readouterr().err.startswith("AWS cannot be asked: ")


@pytest.mark.parametrize("command", [account, destroy])
@pytest.mark.parametrize("words", [[], ["nowhere"], ["dev", "prod"]])
def test_an_environment_has_to_be_named(
    command: object, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(words) == 2  # type: ignore[attr-defined]
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "environment" in told


@pytest.mark.parametrize("goal", ["deploy", "destroy"])
@pytest.mark.parametrize("name", ["", "nowhere", "dev prod"])
def test_make_does_nothing_before_an_environment_is_named(goal: str, name: str) -> None:
    """What the Makefile does first is asked of make itself, and run."""
    told = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", goal, f"ENV={name}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    asks = [line for line in told if "-m infra." in line]
    first, later = asks[0], asks[1:]
    works = [told.index(line) for line in told if "layers/build.py" in line or "infra.app" in line]
    assert told.index(first) < min(works)
    # Whether all is built is asked once it should be.
    assert max(works) < told.index(later[-1])
    done = subprocess.run(
        [sys.executable, *first.split("python ")[1].split()],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_an_environment_that_may_be_deployed_is_not_asked_of_aws() -> None:
    assert account.main(["--may", "dev"]) == 0


def test_what_stays_is_named(assembly: Path) -> None:
    prod = list(destroy.remains(destroy.stacks_of("prod", assembly)))
    kinds = [line.split(" (")[0] for line in prod]
    assert kinds.count("stays: bucket, with all versions in it") == 3
    assert kinds.count("stays: table") == 2
    assert kinds.count("stays: secret") == 2
    assert [kind for kind in kinds if "snapshot" in kind]
    assert [kind for kind in kinds if kind.startswith("stays for 30 days: key")]
    assert "stays for 30 days: the database's own backups" in kinds
    dev = sorted(destroy.remains(destroy.stacks_of("dev", assembly)))
    kinds = [line.split(" (")[0] for line in dev]
    assert kinds.count("stays: bucket, with all versions in it") == 1  # of who read what
    assert kinds.count("stays for 30 days: key, to be called back until then") == 1
    assert {kind for kind in kinds if "log group" not in kind} == {
        "stays: bucket, with all versions in it",
        "stays for 30 days: key, to be called back until then",
    }
    assert "stays: log group API-Gateway-Execution-Logs_*" in kinds


@pytest.mark.parametrize("words", [["prod"], ["--may", "stage"]])
def test_what_is_protected_is_refused_at_once(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert destroy.main(words) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"{words[-1]} is protected; nothing was deleted: ")
    assert told.count("\n") == 1


def test_what_may_go_is_not_asked_about_twice() -> None:
    assert destroy.main(["--may", "dev"]) == 0


BUCKETS = {
    "Resources": {
        "Goes": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Delete"},
        "Stays": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
    }
}


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A stack of two buckets, each with two versions of an object and one that was deleted."""
    folder = tmp_path / "assembly-betting-ai-dev"
    folder.mkdir()
    stacks = {
        name: {
            "type": "aws:cloudformation:stack",
            "properties": {"stackName": f"betting-ai-dev-{name}", "templateFile": f"{name}.json"},
        }
        for name in ("data", "never")
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": stacks}))
    for name in stacks:
        (folder / f"{name}.json").write_text(json.dumps(BUCKETS))
    monkeypatch.setattr(destroy, "TEMPLATES", tmp_path)
    with mock_aws():
        formation, s3 = boto3.client("cloudformation"), boto3.client("s3")
        formation.create_stack(StackName="betting-ai-dev-data", TemplateBody=json.dumps(BUCKETS))
        made = {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for one in formation.list_stack_resources(StackName="betting-ai-dev-data")[
                "StackResourceSummaries"
            ]
        }
        for bucket in made.values():
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            for key in ("a", "a", "b"):
                s3.put_object(Bucket=bucket, Key=key, Body=b"x")
            s3.delete_object(Bucket=bucket, Key="b")
        yield made


def versions(bucket: str) -> int:
    found = boto3.client("s3").list_object_versions(Bucket=bucket)
    return len(found.get("Versions", ())) + len(found.get("DeleteMarkers", ()))


def test_what_goes_is_emptied_once_somebody_says_so(
    cloud: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: "dev")
    assert destroy.main(["dev"]) == 0
    assert versions(cloud["Goes"]) == 0
    assert versions(cloud["Stays"]) == 4
    told = capsys.readouterr().out
    assert f"goes, with all that is in it: {cloud['Goes']}" in told
    assert f"{cloud['Goes']}: 4 versions deleted" in told
    assert cloud["Stays"] not in told


@pytest.mark.parametrize("answer", ["", "prod", None])
def test_nothing_goes_before(
    cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch, answer: str | None
) -> None:
    def asked(_: str) -> str:
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("builtins.input", asked)
    assert destroy.main(["dev"]) == 1
    assert versions(cloud["Goes"]) == 4


def test_a_version_that_s3_keeps_is_not_counted_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("s3")
    one = {"Key": "raw/a", "VersionId": "1"}
    with Stubber(client) as aws:
        aws.add_response("list_object_versions", {"Versions": [one]}, {"Bucket": "goes"})
        refused = {"Errors": [one | {"Code": "AccessDenied", "Message": "Access Denied"}]}
        asked = {"Bucket": "goes", "Delete": {"Objects": [one], "Quiet": True}}
        aws.add_response("delete_objects", refused, asked)
        monkeypatch.setattr(boto3, "client", lambda service, **_: {"s3": client}[service])
        with pytest.raises(ClientError, match="AccessDenied"):
            destroy.empty("goes")


def test_what_aws_still_protects_is_not_half_deleted(
    cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The environment's file says it may go, but nobody has deployed that yet."""
    client = boto3.client("cloudformation")  # moto protects no stack
    when = datetime(2025, 3, 15, tzinfo=UTC)
    stack = {"CreationTime": when, "StackStatus": "CREATE_COMPLETE"}
    with Stubber(client) as aws:
        for name, protects in (("data", True), ("never", False)):
            told = stack | {"StackName": name, "EnableTerminationProtection": protects}
            aws.add_response(
                "describe_stacks", {"Stacks": [told]}, {"StackName": f"betting-ai-dev-{name}"}
            )
        monkeypatch.setattr(destroy, "_formation", lambda: client)
        monkeypatch.setattr("builtins.input", lambda prompt: "dev")
        assert destroy.main(["dev"]) == 1
        aws.assert_no_pending_responses()
    assert capsys.readouterr().err.startswith("betting-ai-dev-data is still protected; nothing")
    assert versions(cloud["Goes"]) == 4
