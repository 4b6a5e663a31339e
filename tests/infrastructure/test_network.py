"""Nothing comes in from the internet, and nothing gets out to it."""

from __future__ import annotations

import pytest

from deployed import Deployed


def test_there_is_no_way_to_the_internet(each: Deployed) -> None:
    ways = {
        "AWS::EC2::NatGateway",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::EgressOnlyInternetGateway",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::EC2::Route",
        "AWS::EC2::EIP",
        "AWS::EC2::VPCPeeringConnection",
    }
    assert [one.name for one in each.all() if one.kind in ways] == []
    subnets = each.all("AWS::EC2::Subnet")
    assert len(subnets) == 2
    assert not [one for one in subnets if one.properties["MapPublicIpOnLaunch"]]


def test_only_own_resources_are_reached_through_endpoints(each: Deployed) -> None:
    allowed = {}
    for endpoint in each.all("AWS::EC2::VPCEndpoint"):
        service = each.told(endpoint.properties["ServiceName"], endpoint.stack).split(".")[-1]
        [statement] = endpoint.properties["PolicyDocument"]["Statement"]
        assert statement["Condition"] == {
            "StringEquals": {
                "aws:PrincipalAccount": {"Ref": "AWS::AccountId"},
                "aws:ResourceAccount": {"Ref": "AWS::AccountId"},
            }
        }
        actions = statement["Action"]
        allowed[service] = {actions} if isinstance(actions, str) else set(actions)
    assert allowed == {
        "s3": {"s3:GetObject", "s3:ListBucket", "s3:PutObject"},
        "dynamodb": {"dynamodb:GetItem", "dynamodb:PutItem"},
        "secretsmanager": {"secretsmanager:GetSecretValue"},
    }


def test_functions_in_the_network_need_no_more_than_endpoints_let_through(each: Deployed) -> None:
    through = {
        action
        for endpoint in each.all("AWS::EC2::VPCEndpoint")
        for statement in endpoint.properties["PolicyDocument"]["Statement"]
        for action in each.words([statement["Action"]], endpoint.stack)
        for action in ([action] if isinstance(action, str) else action)
    }
    # These are done by the service around the function, or need no call.
    around = {"logs", "xray", "ec2", "sqs", "rds-db"}
    inside = [n for n, one in each.functions().items() if "VpcConfig" in one.properties]
    assert set(inside) == {"api", "ingest_raw", "select_top3", "settle_picks", "migrate_db"}
    for name in inside:
        for statement in each.role_of(name):
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                assert action.split(":")[0] in around or action in through, (name, action)


@pytest.mark.parametrize(("environment", "zones"), [("dev", 1), ("prod", 2)])
def test_secrets_are_reached_in_as_many_zones_as_are_paid_for(
    deployed: dict[str, Deployed], environment: str, zones: int
) -> None:
    one = deployed[environment].one("network", "VpcSecretsManager", "AWS::EC2::VPCEndpoint")
    assert len(one.properties["SubnetIds"]) == zones
    assert one.properties["PrivateDnsEnabled"] is True


def test_only_functions_reach_the_database_and_the_secrets(each: Deployed) -> None:
    for group in each.all("AWS::EC2::SecurityGroup"):
        assert "SecurityGroupIngress" not in group.properties, group.name
        for rule in group.properties["SecurityGroupEgress"]:
            if rule["CidrIp"] == "255.255.255.255/32":  # a rule that lets nothing out
                continue
            # What has no route but to the gateway endpoints.
            assert (group.name, rule["FromPort"]) == ("network.Functions", 443)
            assert (rule["CidrIp"], rule["ToPort"]) == ("0.0.0.0/0", 443)
    ingress = {
        (
            each.told(one.properties["GroupId"], one.stack),
            each.told(one.properties["SourceSecurityGroupId"], one.stack),
            one.properties["ToPort"],
        )
        for one in each.all("AWS::EC2::SecurityGroupIngress")
    }
    functions = "network.Functions.GroupId"
    assert ingress == {
        ("network.Database.GroupId", functions, 5432),
        ("network.Secrets.GroupId", functions, 443),
    }


def test_what_was_refused_is_written_down(each: Deployed) -> None:
    [flows] = each.all("AWS::EC2::FlowLog")
    assert flows.properties["ResourceType"] == "VPC"
    assert flows.properties["TrafficType"] == "REJECT"
