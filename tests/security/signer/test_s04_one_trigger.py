"""S4: nobody calls the signer but the stream of quotes, and each table has its own writers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployed import Deployed, listed

FUNCTION = "signer.SignTransferFunction"
REQUESTER = "arn:<Partition>:iam::<AccountId>:role/betting-ai-wallet/requester/*"
SIGNER = "signer.SignTransferRole.Arn"
SENDER = "signer.BroadcastTransferRole.Arn"
WRITES = {
    *("dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
    *("dynamodb:PartiQLDelete", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"),
}


def test_it_is_not_reached_over_http(wallet: Deployed) -> None:
    assert not wallet.all("AWS::Lambda::Url")
    gateways = [
        one
        for one in wallet.all()
        if one.kind.startswith(("AWS::ApiGateway", "AWS::ElasticLoadBalancing"))
    ]
    assert gateways
    assert not [one.name for one in gateways if "SignTransfer" in json.dumps(one.body)]


def test_no_policy_lets_anybody_call_it(wallet: Deployed) -> None:
    for one in wallet.all("AWS::Lambda::Permission"):
        assert wallet.told(one.properties["FunctionName"], one.stack) != f"{FUNCTION}.Arn"
        assert FUNCTION not in wallet.told(one.properties["FunctionName"], one.stack)
    for role, statements in wallet.roles().items():
        for statement in statements:
            if any(action.startswith("lambda:") for action in listed(statement["Action"])):
                for resource in listed(statement["Resource"]):
                    assert FUNCTION not in resource, role
                    assert resource != "*", role


def test_its_one_trigger_is_the_stream_of_quotes(wallet: Deployed) -> None:
    sources = [
        wallet.told(one.properties["EventSourceArn"], one.stack)
        for one in wallet.all("AWS::Lambda::EventSourceMapping")
        if wallet.told(one.properties["FunctionName"], one.stack) == FUNCTION
    ]
    assert sources == ["signer.Quotes.StreamArn"]
    targets = {
        wallet.told(one.properties["Target"]["Arn"], one.stack)
        for one in wallet.all("AWS::Scheduler::Schedule")
    }
    assert f"{FUNCTION}.Arn" not in targets
    assert not wallet.all("AWS::Lambda::Alias")
    named = {
        one.kind
        for one in wallet.all()
        if "SignTransferFunction" in json.dumps(one.properties) and one.kind != "AWS::IAM::Policy"
    }
    # It is watched by alarms, and shown on the dashboard.
    assert named <= {
        *("AWS::Lambda::EventSourceMapping", "AWS::CloudWatch::Alarm"),
        "AWS::CloudWatch::Dashboard",
    }


def policy(wallet: Deployed, table: str) -> list[dict[str, Any]]:
    one = wallet.one("signer", table, "AWS::DynamoDB::Table")
    statements = one.properties["ResourcePolicy"]["PolicyDocument"]["Statement"]
    told: list[dict[str, Any]] = wallet.words(statements, "signer")
    return [statement for statement in told if "Sid" in statement]


WRITERS = {
    "Intents": [REQUESTER],
    "Approvals": ["signer.Approver.Arn", SIGNER],
    "Quotes": [SENDER],
    "Signed": [SIGNER],
    "Transfers": [SENDER],
    "State": [SIGNER, "signer.PolicyApprover.Arn", "signer.Custodian.Arn"],
}


@pytest.mark.parametrize("table", WRITERS)
def test_tables_deny_writing_to_all_but_their_writers(wallet: Deployed, table: str) -> None:
    writers = WRITERS[table]
    [denied, *_] = policy(wallet, table)
    assert (denied["Effect"], denied["Principal"]) == ("Deny", {"AWS": "*"})
    assert set(denied["Action"]) == WRITES
    assert listed(denied["Condition"]["ArnNotLike"]["aws:PrincipalArn"]) == writers
    assert list(denied["Condition"]) == ["ArnNotLike"]


def test_switch_and_policy_have_one_writer_each(wallet: Deployed) -> None:
    _, switch, proposal = policy(wallet, "State")
    for denied, row, writer in (
        (switch, "control", "signer.PolicyApprover.Arn"),
        (proposal, "policy", "signer.Custodian.Arn"),
    ):
        assert set(denied["Action"]) == WRITES
        assert listed(denied["Condition"]["ArnNotLike"]["aws:PrincipalArn"]) == [writer]
        keys = denied["Condition"]["ForAnyValue:StringEquals"]["dynamodb:LeadingKeys"]
        assert listed(keys) == [row]


@pytest.mark.parametrize("table", WRITERS)
def test_no_other_role_has_a_right_to_write(wallet: Deployed, table: str) -> None:
    found = {
        role
        for role, statements in wallet.roles().items()
        for statement in statements
        if statement["Effect"] == "Allow"
        and WRITES & set(listed(statement["Action"]))
        and f"signer.{table}.Arn" in listed(statement["Resource"])
    }
    writers = {one.removesuffix(".Arn") for one in WRITERS[table]}
    assert found == {"api.ApiRole" if one == REQUESTER else one for one in writers}


def test_people_write_their_own_rows_alone(wallet: Deployed) -> None:
    for role, row in (("signer.PolicyApprover", "control"), ("signer.Custodian", "policy")):
        [put] = [one for one in wallet.roles()[role] if one["Action"] == "dynamodb:PutItem"]
        assert put["Resource"] == "signer.State.Arn"
        keys = put["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
        assert listed(keys) == [row]


def test_who_approves_transfers_reads_policy_and_switch_and_nothing_else_of_the_state(
    wallet: Deployed,
) -> None:
    own = wallet.roles()["signer.Approver"]
    [reads] = [one for one in own if "signer.State.Arn" in listed(one["Resource"])]
    assert listed(reads["Action"]) == ["dynamodb:GetItem"]
    keys = reads["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
    assert listed(keys) == ["policy", "control"]


def test_who_sends_reads_of_the_state_whose_a_nonce_is_and_nothing_else(wallet: Deployed) -> None:
    own = wallet.roles()["signer.BroadcastTransferRole"]
    [reads] = [one for one in own if "signer.State.Arn" in listed(one["Resource"])]
    assert listed(reads["Action"]) == ["dynamodb:GetItem"]
    keys = reads["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert listed(keys) == ["nonce#*"]


def test_the_requester_is_the_api_and_nobody_else(wallet: Deployed) -> None:
    paths = {
        one.name: one.properties["Path"]
        for one in wallet.all("AWS::IAM::Role")
        if "Path" in one.properties
    }
    assert paths == {"api.ApiRole": "/betting-ai-wallet/requester/"}
