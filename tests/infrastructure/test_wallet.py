"""The stack of the wallet, where there is one; S2, S3 and S4 are in tests/security/signer."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from betting_ai.cli.wallet_place import OUTPUTS
from betting_ai.settings import Settings, load_settings
from betting_signer import contract, lambdas
from deployed import Deployed, listed
from functions.emulator import LAYERS
from infra import destroy
from infra.environments import WALLET_AT_ONCE
from infrastructure import test_access, test_functions, test_network
from infrastructure.test_access import denies_plain_text, policy_of
from templates import PEOPLE

HERE = Path(__file__).parent
ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
STAMPS = "signer.Stamps"


@pytest.mark.parametrize(
    "rule",
    [
        test_access.test_no_action_is_a_wildcard,
        test_access.test_nothing_is_open_to_strangers,
        test_access.test_services_act_for_this_account_alone,
        test_access.test_nobody_has_a_managed_policy_or_a_user,
        test_access.test_every_function_has_a_role_of_its_own,
        test_functions.test_alarms_watch_every_function_and_every_last_queue,
        test_functions.test_graphs_show_what_is_told_of,
        test_access.test_what_has_a_fixed_name_stands_in_no_later_deployments_way,
    ],
)
def test_what_holds_everywhere_holds_with_a_wallet(
    wallet: Deployed, rule: Callable[[Deployed], None]
) -> None:
    rule(wallet)


def test_without_one_there_is_nothing_of_it(deployed: dict[str, Deployed]) -> None:
    for name in ("dev", "stage", "prod", "full"):
        one = deployed[name]
        assert "signer" not in one.stacks
        assert not set(one.functions()) & set(WALLET_AT_ONCE)
        assert "WALLET" not in json.dumps(one.stacks)
        assert "requester" not in json.dumps(one.roles())


def test_nothing_else_changes_with_one(deployed: dict[str, Deployed]) -> None:
    """Roles of other stacks are what they are without, but for the API's."""
    full, wallet = deployed["full"].roles(), deployed["wallet"].roles()
    others = {name: own for name, own in wallet.items() if not name.startswith("signer.")}
    assert set(others) == set(full)
    changed = {
        name
        for name, own in others.items()
        if json.dumps(own).replace("betting-ai-wallet", "betting-ai-full") != json.dumps(full[name])
    }
    assert changed == {"api.ApiRole"}


def test_both_functions_are_deployed(wallet: Deployed) -> None:
    found = {n: one for n, one in wallet.functions().items() if one.stack == "signer"}
    assert set(found) == set(WALLET_AT_ONCE)
    for name, one in found.items():
        assert one.properties["ReservedConcurrentExecutions"] == WALLET_AT_ONCE[name]
        assert one.properties["Runtime"] == "python3.13"
        assert 0 < one.properties["Timeout"] <= 120
        assert ("VpcConfig" in one.properties) == (name == "sign_transfer")


def test_functions_hold_their_handler_alone(assembly: Path, wallet: Deployed) -> None:
    test_functions.test_functions_hold_their_handler_alone(assembly, wallet)


def test_layers_are_those_that_functions_are_tested_with(wallet: Deployed) -> None:
    for name in WALLET_AT_ONCE:
        told = wallet.functions()[name].properties["Layers"]
        found = [wallet.told(one, "signer").removeprefix("signer.Layers").lower() for one in told]
        assert sorted(found) == sorted(LAYERS[name])


def test_what_the_sender_is_told_loads_as_settings(
    wallet: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = test_functions.variables(wallet, wallet.functions()["broadcast_transfer"])
    for key, value in told.items():
        if key.startswith("BETTING_AI_"):
            assert key.removeprefix("BETTING_AI_").lower() in Settings.model_fields, key
            monkeypatch.setenv(key, value)
    settings = load_settings()
    assert (settings.wallet_address, settings.wallet_network) == (ADDRESS, "testnet")
    assert settings.rpc_secret == "signer.Nodes"  # noqa: S105 - its name


def rights(wallet: Deployed, stack: str) -> dict[str, list[Any]]:
    """What every role of a stack may do, with the conditions of it."""
    return {
        role: sorted(
            (
                {
                    key: sorted(listed(value)) if key in {"Action", "Resource"} else value
                    for key, value in statement.items()
                }
                for statement in own
            ),
            key=json.dumps,
        )
        for role, own in sorted(wallet.roles().items())
        if role.startswith(stack)
    }


def test_roles_may_do_what_is_written_down(wallet: Deployed) -> None:
    """`make iam` writes the file anew; what changed is then read by a person."""
    kept = HERE / "iam-wallet.json"
    roles = rights(wallet, "signer.") | rights(wallet, "api.ApiRole")
    if os.environ.get("WRITE_IAM"):
        kept.write_text(json.dumps(roles, indent=1) + "\n")
    assert roles == json.loads(kept.read_text())


def test_only_what_has_no_name_is_allowed_on_everything(wallet: Deployed) -> None:
    unscoped = test_access.UNSCOPED | {"dynamodb:ListStreams"}
    for role, own in wallet.roles().items():
        for statement in own:
            if statement["Effect"] == "Allow" and "*" in listed(statement["Resource"]):
                assert set(listed(statement["Action"])) <= unscoped, role


def test_the_signer_is_told_what_it_asks_for(wallet: Deployed) -> None:
    one = wallet.functions()["sign_transfer"]
    told = test_functions.variables(wallet, one)
    documented = {
        line.split("``")[1]
        for line in (lambdas.__doc__ or "").splitlines()
        if line.startswith("``SIGNER_")
    } | {f"SIGNER_{name}_TABLE" for name in ("APPROVALS", "QUOTES", "SIGNED", "STATE")}
    assert documented == {name for name in told if name.startswith("SIGNER_")}
    assert set(told) - documented == {"AWS_ACCOUNT_ID_ENDPOINT_MODE", "POWERTOOLS_SERVICE_NAME"}
    assert {name.removeprefix("SIGNER_"): told[name] for name in documented} == {
        "ADDRESS": ADDRESS,
        "NETWORK": "testnet",
        "KEY_SECRET": "signer.KeySecret",
        "REQUESTERS_SECRET": STAMPS,
        "COPIES_BUCKET": "signer.Copies",
        "INTENTS_TABLE": "signer.Intents",
        "APPROVALS_TABLE": "signer.Approvals",
        "QUOTES_TABLE": "signer.Quotes",
        "SIGNED_TABLE": "signer.Signed",
        "STATE_TABLE": "signer.State",
    }


def test_whoever_asks_and_whoever_sends_is_told_of_the_tables(wallet: Deployed) -> None:
    tables = {"INTENTS", "APPROVALS", "SIGNED", "TRANSFERS"}
    for name, more, secret in (
        ("api", set(), ("REQUESTERS_SECRET", STAMPS)),
        ("broadcast_transfer", {"QUOTES"}, ("RPC_SECRET", "signer.Nodes")),
    ):
        told = test_functions.variables(wallet, wallet.functions()[name])
        assert told["BETTING_AI_WALLET_ADDRESS"] == ADDRESS
        assert told["BETTING_AI_WALLET_NETWORK"] == "testnet"
        assert told[f"BETTING_AI_{secret[0]}"] == secret[1]
        found = {
            key.removeprefix("BETTING_AI_").removesuffix("_TABLE"): value
            for key, value in told.items()
            if key.endswith("_TABLE")
        }
        if more:
            assert found.pop("SIGNER") == "signer.State"
        assert found == {one: f"signer.{one.capitalize()}" for one in tables | more}


def test_people_are_told_where_everything_is(wallet: Deployed) -> None:
    told = wallet.words(wallet.stacks["signer"]["Outputs"], "signer")
    assert {setting: told[output]["Value"] for setting, output in OUTPUTS.items()} == {
        "wallet_address": ADDRESS,
        "wallet_network": "testnet",
        "signer_table": "signer.State",
        "audit_bucket": "signer.Copies",
        **{
            f"{one}_table": f"signer.{one.capitalize()}"
            for one in ("intents", "approvals", "quotes", "signed", "transfers")
        },
    }
    assert set(OUTPUTS) <= set(Settings.model_fields)


def test_tables_are_encrypted_kept_and_streamed(wallet: Deployed) -> None:
    tables = {one.id: one for one in wallet.all("AWS::DynamoDB::Table") if one.stack == "signer"}
    found = {}
    for one in tables.values():
        told = one.properties
        assert told["SSESpecification"] == {"SSEEnabled": True}
        assert told["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert told["DeletionProtectionEnabled"] is True
        assert one.body["DeletionPolicy"] == "Retain"
        assert denies_plain_text(told["ResourcePolicy"]["PolicyDocument"])
        [key] = told["KeySchema"]
        found[one.name.removeprefix("signer.")] = (
            key["AttributeName"],
            told.get("StreamSpecification", {}).get("StreamViewType"),
            told.get("TimeToLiveSpecification", {}).get("AttributeName"),
        )
    assert found == {
        "Intents": ("id", "NEW_IMAGE", None),  # what was signed is held against them for ever
        "Approvals": ("request_hash", "NEW_IMAGE", None),
        "Quotes": ("id", "NEW_IMAGE", "expires"),
        "Signed": ("id", "NEW_IMAGE", None),
        "Transfers": ("id", None, None),
        "State": ("pk", None, None),
    }


def test_copies_of_the_audit_are_put_once_and_kept(wallet: Deployed) -> None:
    bucket = wallet.one("signer", "Copies", "AWS::S3::Bucket")
    assert bucket.body["DeletionPolicy"] == "Retain"
    assert bucket.properties["ObjectLockEnabled"] is True
    retention = bucket.properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert retention == {"Days": 365, "Mode": "COMPLIANCE"}
    assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
    document = policy_of(wallet, bucket, "AWS::S3::BucketPolicy", "Bucket")
    assert denies_plain_text(document)
    told = {
        one["Sid"]: wallet.words(one, "signer") for one in document["Statement"] if "Sid" in one
    }
    assert {one["Effect"] for one in told.values()} == {"Deny"}
    assert told["PutByTheSigner"]["Condition"] == {
        "ArnNotEquals": {"aws:PrincipalArn": "signer.SignTransferRole.Arn"}
    }
    assert told["PutOnce"]["Condition"] == {"Null": {"s3:if-none-match": "true"}}
    assert "Condition" not in told["KeptAsItIs"]
    # A lock keeps versions; a deletion without one would hide it, and another copy could be put.
    assert {"s3:DeleteObject", "s3:DeleteObjectVersion"} <= set(told["KeptAsItIs"]["Action"])


@pytest.mark.parametrize(("compliance", "mode"), [(False, "GOVERNANCE"), (True, "COMPLIANCE")])
def test_for_how_long_is_the_environments_own(
    tmp_path: Path, node: None, compliance: bool, mode: str
) -> None:
    import dataclasses

    import aws_cdk as cdk

    from infra.environments import Wallet, environment_of
    from infra.stage import EnvironmentStage

    mine = dataclasses.replace(
        environment_of("dev"), wallet=Wallet("testnet", audit_days=3, compliance=compliance)
    )
    app = cdk.App(outdir=str(tmp_path), analytics_reporting=False)
    EnvironmentStage(app, mine, tmp_path / "none")
    app.synth()
    one = Deployed.read(tmp_path / "assembly-betting-ai-dev")
    [bucket] = [b for b in one.all("AWS::S3::Bucket") if b.stack == "signer"]
    retention = bucket.properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert retention == {"Days": 3, "Mode": mode}
    # Before there is an address nothing runs, and none is told.
    assert "WalletAddress" not in one.stacks["signer"]["Outputs"]
    streams = [m for m in one.all("AWS::Lambda::EventSourceMapping") if m.stack == "signer"]
    assert {m.properties["Enabled"] for m in streams} == {False}
    assert one.one("signer", "Follow", "AWS::Scheduler::Schedule").properties["State"] == "DISABLED"
    silent = one.one("observability", "TransfersUnfollowed", "AWS::CloudWatch::Alarm")
    assert silent.properties["TreatMissingData"] == "notBreaching"


def test_streams_are_followed_in_order_and_what_fails_is_kept(wallet: Deployed) -> None:
    found = {}
    for one in wallet.all("AWS::Lambda::EventSourceMapping"):
        if one.stack != "signer":
            continue
        told = one.properties
        assert told["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert told["StartingPosition"] == "TRIM_HORIZON"
        assert told["BisectBatchOnFunctionError"] is True
        assert "ParallelizationFactor" not in told
        [pattern] = told["FilterCriteria"]["Filters"]
        assert json.loads(pattern["Pattern"]) == {"eventName": ["INSERT"]}
        where = wallet.told(told["DestinationConfig"]["OnFailure"]["Destination"], "signer")
        source = wallet.told(told["EventSourceArn"], "signer").removesuffix(".StreamArn")
        name = test_functions.named(wallet, wallet.told(told["FunctionName"], "signer"))
        found[source] = (name, where, told["MaximumRecordAgeInSeconds"])
    assert found == {
        "signer.Quotes": ("sign_transfer", "signer.Unsigned.Arn", 600),
        "signer.Intents": ("broadcast_transfer", "signer.Unsent.Arn", 3600),
        "signer.Approvals": ("broadcast_transfer", "signer.Unsent.Arn", 3600),
        "signer.Signed": ("broadcast_transfer", "signer.Unsent.Arn", 3600),
    }


def test_open_transfers_are_followed_every_minute(wallet: Deployed) -> None:
    told = wallet.one("signer", "Follow", "AWS::Scheduler::Schedule").properties
    assert told["ScheduleExpression"] == "rate(1 minute)"
    assert told["State"] == "ENABLED"
    assert wallet.told(told["Target"]["Arn"], "signer") == "signer.BroadcastTransferFunction.Arn"
    missed = told["Target"]["DeadLetterConfig"]["Arn"]
    assert wallet.told(missed, "signer") == "signer.Unfollowed.Arn"
    started = test_access.reachable(wallet.roles()["signer.SchedulesRole"], "lambda:InvokeFunction")
    assert started == {"signer.BroadcastTransferFunction.Arn"}


def test_alarms_watch_what_the_signer_counts(wallet: Deployed) -> None:
    source = Path(lambdas.__file__).read_text()
    reasons, numbers = set(), set()
    for one in wallet.all("AWS::CloudWatch::Alarm"):
        told = one.properties
        dimensions = {d["Name"]: d["Value"] for d in told["Dimensions"]}
        if dimensions.get("service") != lambdas.SERVICE:
            continue
        assert f'"{told["MetricName"]}"' in source
        assert told["AlarmActions"] == told["OKActions"]
        numbers.add(told["MetricName"])
        if "reason" in dimensions:
            assert told["MetricName"] == "SignRefused"
            reasons.add(dimensions["reason"])
    assert numbers == {"SignRefused", "Failures", "NonceGaps", "NoncesSkipped"}
    assert reasons <= {code.value for code in contract.Code}
    assert {"locked", "day_above_cap", "week_above_cap", "key_mismatch"} <= reasons


def test_alarms_watch_what_is_told_of_transfers(wallet: Deployed) -> None:
    source = (test_functions.FUNCTIONS / "broadcast_transfer" / "handler.py").read_text()
    watched = {
        one.properties["MetricName"]
        for one in wallet.all("AWS::CloudWatch::Alarm")
        if {"Name": "service", "Value": "broadcast_transfer"} in one.properties["Dimensions"]
    }
    assert watched == {
        *("TransfersStuck", "TransfersFailed", "TransferTroubles", "IntentsUnreadable"),
    }
    for name in watched:
        assert f'"{name}"' in source


def test_silence_and_delay_of_the_wallet_are_told_of(wallet: Deployed) -> None:
    late = [
        wallet.told(one.properties["Dimensions"][0]["Value"], one.stack)
        for one in wallet.all("AWS::CloudWatch::Alarm")
        if one.properties["MetricName"] == "IteratorAge"
    ]
    assert set(late) == {"signer.SignTransferFunction", "signer.BroadcastTransferFunction"}
    silent = wallet.one("observability", "TransfersUnfollowed", "AWS::CloudWatch::Alarm")
    assert silent.properties["TreatMissingData"] == "breaching"


def test_people_take_their_roles_with_a_second_factor(wallet: Deployed) -> None:
    people = {"Custodian": "custodian", "PolicyApprover": "policies", "Approver": "approver"}
    for role, person in people.items():
        told = wallet.one("signer", role, "AWS::IAM::Role").properties
        [statement] = told["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"AWS": f"{PEOPLE}/{person}"}
        assert statement["Action"] == "sts:AssumeRole"
        assert statement["Condition"] == {
            "Bool": {"aws:MultiFactorAuthPresent": "true"},
            "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
        }
        assert told["MaxSessionDuration"] == 3600


def test_the_stack_alone_is_deployed_by_roles_of_its_own(assembly: Path) -> None:
    folder = assembly / "assembly-betting-ai-wallet"
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"].values()
    for one in artifacts:
        if one["type"] != "aws:cloudformation:stack":
            continue
        told = one["properties"]
        own = one["displayName"].startswith("betting-ai-wallet/signer")
        assert told["terminationProtection"] or not own
        for key in (
            "assumeRoleArn",
            "cloudFormationExecutionRoleArn",
            "stackTemplateAssetObjectUrl",
        ):
            assert ("bawallet" in told[key]) is own, (one["displayName"], key)
    bootstrap = (HERE.parents[1] / "Makefile").read_text()
    assert "--qualifier bawallet --toolkit-stack-name CDKToolkit-wallet" in bootstrap


def test_no_secret_is_born_with_a_value(wallet: Deployed) -> None:
    secrets = [one for one in wallet.all("AWS::SecretsManager::Secret") if one.stack == "signer"]
    assert {one.name for one in secrets} == {"signer.KeySecret", STAMPS, "signer.Nodes"}
    for one in secrets:
        assert set(one.properties) <= {"Description", "KmsKeyId", "Tags"}
        assert one.body["DeletionPolicy"] == "Retain"


def test_what_stays_of_it_is_said(wallet: Deployed) -> None:
    stays = set(destroy.remains({"signer": wallet.stacks["signer"]}))
    kinds = [line.partition(" (")[0] for line in sorted(stays)]
    assert kinds.count("stays: table") == 6
    assert kinds.count("stays: secret") == 3
    assert kinds.count("stays: key") == 1
    assert kinds.count("stays: bucket, with all versions in it") == 1
    assert len(kinds) == 12  # and a log group


def test_its_network_is_no_others(wallet: Deployed) -> None:
    """The seven stacks' own network is what it was."""
    rest = Deployed("rest", {n: t for n, t in wallet.stacks.items() if n != "signer"})
    for rule in (
        test_network.test_there_is_no_way_to_the_internet,
        test_network.test_only_own_resources_are_reached_through_endpoints,
        test_network.test_what_was_refused_is_written_down,
    ):
        rule(rest)
