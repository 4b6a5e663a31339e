"""Who may do what, and what is encrypted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from deployed import Deployed, Resource, listed

HERE = Path(__file__).parent

UNSCOPED = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
"""Actions that AWS takes no narrower resource for."""

INLINE = {"AWS::IAM::Role", "AWS::IAM::Policy"}
BOUND = {"AWS::KMS::Key", "AWS::DynamoDB::Table"}
"""Kinds whose policies say ``*`` for the resource that has them."""


def test_no_action_is_a_wildcard(each: Deployed) -> None:
    for one, statement in each.statements():
        assert "NotAction" not in statement, one.name
        assert "NotResource" not in statement, one.name
        if statement["Effect"] == "Allow":
            assert not [a for a in listed(statement["Action"]) if "*" in a], one.name


def test_only_what_has_no_name_is_allowed_on_everything(each: Deployed) -> None:
    for one, statement in each.statements():
        if statement["Effect"] == "Deny" or "*" not in listed(statement["Resource"]):
            continue
        if one.kind in INLINE:
            assert set(listed(statement["Action"])) <= UNSCOPED, one.name
        else:
            assert one.kind in BOUND, one.name


def test_nothing_is_open_to_strangers(each: Deployed) -> None:
    for one, statement in each.statements():
        principal = statement.get("Principal")
        if statement["Effect"] == "Allow" and principal in ("*", {"AWS": "*"}):
            gateway = one.kind == "AWS::ApiGateway::RestApi"
            assert gateway or one.kind == "AWS::EC2::VPCEndpoint", one.name


def test_services_act_for_this_account_alone(each: Deployed) -> None:
    for one, statement in each.statements():
        if "Service" not in statement.get("Principal", {}) or one.kind in INLINE:
            continue
        told = json.dumps(statement["Condition"])
        assert "aws:SourceAccount" in told or "aws:SourceArn" in told, one.name


ANY_ACCOUNT = {"apigateway.amazonaws.com", "lambda.amazonaws.com"}
"""Services that are not known to say for whom they take a role."""


def test_roles_are_taken_for_this_account_alone(each: Deployed) -> None:
    alone = " for <AccountId>"
    takers = {taker for role in each.takers().values() for taker in role}
    assert {taker for taker in takers if not taker.endswith(alone)} == ANY_ACCOUNT
    assert {taker.removesuffix(alone) for taker in takers} - ANY_ACCOUNT == {
        *("codebuild.amazonaws.com", "events.amazonaws.com", "scheduler.amazonaws.com"),
        "vpc-flow-logs.amazonaws.com",
    }


def test_nobody_has_a_managed_policy_or_a_user(each: Deployed) -> None:
    assert not each.all("AWS::IAM::ManagedPolicy", "AWS::IAM::User", "AWS::IAM::AccessKey")
    for role in each.all("AWS::IAM::Role"):
        assert not role.properties.get("ManagedPolicyArns"), role.name


def test_every_function_has_a_role_of_its_own(each: Deployed) -> None:
    roles = [
        each.told(one.properties["Role"], one.stack) for one in each.all("AWS::Lambda::Function")
    ]
    assert len(set(roles)) == len(roles)


@pytest.mark.parametrize("environment", ["dev", "stage", "prod"])
def test_roles_may_do_what_is_written_down(deployed: dict[str, Deployed], environment: str) -> None:
    """`make iam` writes the files anew; what changed is then read by a person."""
    kept = HERE / f"iam-{environment}.json"
    takers = deployed[environment].takers()
    roles = {
        role: {"taken by": takers[role]} | rights(own)
        for role, own in sorted(deployed[environment].roles().items())
    }
    if os.environ.get("WRITE_IAM"):
        kept.write_text(json.dumps(roles, indent=1) + "\n")
    assert roles == json.loads(kept.read_text())


def rights(statements: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What may be done with each resource, however the kit came to write it."""
    found: dict[str, set[str]] = {}
    for statement in statements:
        assert set(statement) == {"Action", "Effect", "Resource"}
        assert statement["Effect"] == "Allow"
        for resource in listed(statement["Resource"]):
            found.setdefault(resource, set()).update(listed(statement["Action"]))
    return {resource: sorted(actions) for resource, actions in sorted(found.items())}


def reachable(role: list[dict[str, Any]], action: str) -> set[str]:
    return {
        resource
        for statement in role
        if action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def test_secrets_are_read_by_whom_they_are_for(each: Deployed) -> None:
    readers: dict[str, set[str]] = {}
    for name in each.functions():
        for secret in reachable(each.role_of(name), "secretsmanager:GetSecretValue"):
            readers.setdefault(secret, set()).add(name)
    assert readers == {
        "data.ApplicationSecret": {"api", "migrate_db"},
        "data.FeedSecret": {"fetch_feeds"},
        "data.Database.MasterUserSecret.SecretArn": {"migrate_db"},
    }


def test_every_function_logs_in_as_itself(each: Deployed) -> None:
    for name in each.functions():
        users = {
            resource.rpartition("/")[2]
            for resource in reachable(each.role_of(name), "rds-db:connect")
        }
        inside = name in {"api", "ingest_raw", "select_top3", "settle_picks"}
        owner = {"betting_owner"} if name == "migrate_db" else set()
        assert users == ({f"betting_{name}"} if inside else owner)


def test_models_in_use_are_changed_by_promotion_alone(each: Deployed) -> None:
    writers: dict[str, set[str]] = {}
    for role, statements in each.roles().items():
        for resource in reachable(statements, "s3:PutObject"):
            if resource.startswith("models.Artifacts"):
                writers.setdefault(role, set()).add(resource.removeprefix("models.Artifacts.Arn/"))
    assert writers == {
        "models.RetrainRole": {"candidates/*"},
        "models.PromoteRole": {
            "channels.json",
            *("match_result/*", "over_under_2_5/*", "nba_winner/*", "tennis_winner/*"),
        },
    }
    assert not [
        role
        for role, statements in each.roles().items()
        if reachable(statements, "s3:DeleteObject")
    ]


def denies_plain_text(document: dict[str, Any]) -> bool:
    return any(
        statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and statement["Principal"] in ("*", {"AWS": "*"})
        for statement in document["Statement"]
    )


def policy_of(each: Deployed, one: Resource, kind: str, named: str) -> dict[str, Any]:
    """The policy of a resource that another resource gives it."""
    [found] = [
        policy.properties["PolicyDocument"]
        for policy in each.all(kind)
        if policy.stack == one.stack and {"Ref": one.id} in listed(policy.properties[named])
    ]
    return dict(found)


def test_buckets_are_private_encrypted_versioned_and_take_tls_alone(each: Deployed) -> None:
    buckets = each.all("AWS::S3::Bucket")
    assert {one.name for one in buckets} == {"data.Objects", "data.Readings", "models.Artifacts"}
    for one in buckets:
        assert set(one.properties["PublicAccessBlockConfiguration"].values()) == {True}
        [rule] = one.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        assert one.properties["VersioningConfiguration"] == {"Status": "Enabled"}
        policy = policy_of(each, one, "AWS::S3::BucketPolicy", "Bucket")
        assert denies_plain_text(policy)
        conditions = [s.get("Condition") for s in policy["Statement"]]
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in conditions
        written = "LoggingConfiguration" in one.properties
        assert written == (one.name != "data.Readings")


def test_queues_are_encrypted_and_take_tls_alone(each: Deployed) -> None:
    queues = each.all("AWS::SQS::Queue")
    assert len(queues) == 8
    for one in queues:
        assert one.properties["SqsManagedSseEnabled"] is True
        assert denies_plain_text(policy_of(each, one, "AWS::SQS::QueuePolicy", "Queues"))


def test_topics_are_encrypted_and_take_tls_alone(each: Deployed) -> None:
    topics = each.all("AWS::SNS::Topic")
    assert len(topics) == 2
    for one in topics:
        key = each.told(one.properties["KmsMasterKeyId"], one.stack)
        assert key == "alerts.Key.Arn"
        assert denies_plain_text(policy_of(each, one, "AWS::SNS::TopicPolicy", "Topics"))
    [key] = each.all("AWS::KMS::Key")
    assert key.properties["EnableKeyRotation"] is True


def test_tables_are_encrypted_kept_and_take_tls_alone(each: Deployed) -> None:
    tables = {one.name: one.properties for one in each.all("AWS::DynamoDB::Table")}
    assert set(tables) == {"data.Notes", "data.Once"}
    for properties in tables.values():
        assert properties["SSESpecification"] == {"SSEEnabled": True}
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert denies_plain_text(properties["ResourcePolicy"]["PolicyDocument"])
    assert tables["data.Once"]["TimeToLiveSpecification"] == {
        "AttributeName": "expiration",
        "Enabled": True,
    }
    assert tables["data.Notes"]["KeySchema"] == [{"AttributeName": "name", "KeyType": "HASH"}]


def test_the_database_is_private_encrypted_and_takes_tls_and_tokens(each: Deployed) -> None:
    [database] = each.all("AWS::RDS::DBInstance")
    assert "." in database.properties["EngineVersion"]  # a whole version, which AWS leaves as it is
    assert database.properties["AutoMinorVersionUpgrade"] is False
    told = database.properties
    assert told["PubliclyAccessible"] is False
    assert told["StorageEncrypted"] is True
    assert told["EnableIAMDatabaseAuthentication"] is True
    assert told["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in told
    assert told["BackupRetentionPeriod"] >= 1
    [parameters] = each.all("AWS::RDS::DBParameterGroup")
    assert parameters.properties["Parameters"]["rds.force_ssl"] == "1"


def test_only_dev_may_be_thrown_away(deployed: dict[str, Deployed]) -> None:
    stateful = (
        *("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"),
        "AWS::RDS::DBInstance",
    )
    for name, one in deployed.items():
        fate = {r.name: r.body["DeletionPolicy"] for r in one.all(*stateful)}
        [database] = one.all("AWS::RDS::DBInstance")
        kept = name != "dev"
        assert database.properties["DeletionProtection"] is kept
        assert fate.pop(database.name) == ("Snapshot" if kept else "Delete")
        assert fate.pop("data.Readings") == "Retain"  # its lines come too late to be deleted
        assert set(fate.values()) == {"Retain" if kept else "Delete"}
        [stays] = {t.properties.get("DeletionProtectionEnabled") for t in one.all(stateful[1])}
        assert bool(stays) is kept


def test_what_has_a_fixed_name_stands_in_no_later_deployments_way(each: Deployed) -> None:
    groups = each.all("AWS::Scheduler::ScheduleGroup")
    assert groups
    for one in groups:
        assert one.body["DeletionPolicy"] == "Delete"


def test_prod_has_a_second_database_and_more_backups(deployed: dict[str, Deployed]) -> None:
    found = {
        name: (told["MultiAZ"], told["BackupRetentionPeriod"])
        for name, one in deployed.items()
        for told in [one.all("AWS::RDS::DBInstance")[0].properties]
    }
    assert found["dev"] == (False, 1)
    assert found["stage"] == (False, 7)
    assert found["prod"] == (True, 30)


def test_no_template_holds_a_secret(assembly: Path) -> None:
    for path in assembly.glob("assembly-*/*.template.json"):
        for one in json.loads(path.read_text())["Resources"].values():
            if one["Type"] == "AWS::SecretsManager::Secret":
                given = one["Properties"].get("SecretString")
                assert given is None or set(json.loads(given).values()) == {""}
            for key in one.get("Properties", {}):
                assert "Password" not in key or key == "ManageMasterUserPassword"
