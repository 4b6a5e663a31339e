"""S3: where the key is used nothing is reached but three services, and named things in them."""

from __future__ import annotations

from deployed import Deployed, Resource, listed

SIGNER = "signer.SignTransferRole.Arn"
COPIES = "signer.Copies.Arn"
AUDIT = f"{COPIES}/audit/0x52908400098527886E0F7030069857D2E4169EE7/*"
# Done by the service around the function, from outside of its network.
AROUND = {
    *("logs:CreateLogStream", "logs:PutLogEvents"),
    *("xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    *("ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
    *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"),
    *("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
    *("dynamodb:ListStreams", "sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"),
    "kms:Decrypt",  # Secrets Manager asks on behalf of its caller
}


def own(wallet: Deployed, kind: str) -> list[Resource]:
    return [one for one in wallet.all(kind) if one.stack == "signer"]


def through(wallet: Deployed) -> dict[str, set[str]]:
    """What endpoints let the signer do, and with what."""
    found: dict[str, set[str]] = {}
    for endpoint in own(wallet, "AWS::EC2::VPCEndpoint"):
        for statement in wallet.words(
            endpoint.properties["PolicyDocument"]["Statement"], endpoint.stack
        ):
            assert statement["Effect"] == "Allow"
            assert statement["Condition"] == {
                "ArnEquals": {"aws:PrincipalArn": SIGNER},
                "StringEquals": {"aws:ResourceAccount": "<AccountId>"},
            }
            for action in listed(statement["Action"]):
                found.setdefault(action, set()).update(listed(statement["Resource"]))
    return found


def test_its_network_is_its_own_and_has_no_way_out(wallet: Deployed) -> None:
    kinds = {one.kind for one in wallet.all() if one.stack == "signer"}
    assert not kinds & {
        *("AWS::EC2::NatGateway", "AWS::EC2::InternetGateway", "AWS::EC2::VPCGatewayAttachment"),
        *("AWS::EC2::EgressOnlyInternetGateway", "AWS::EC2::Route", "AWS::EC2::EIP"),
        *("AWS::EC2::VPCPeeringConnection", "AWS::EC2::TransitGatewayAttachment"),
        *("AWS::EC2::VPNGateway", "AWS::EC2::Instance"),
    }
    [vpc] = own(wallet, "AWS::EC2::VPC")
    subnets = own(wallet, "AWS::EC2::Subnet")
    assert len(subnets) == 2
    for subnet in subnets:
        assert subnet.properties["VpcId"] == {"Ref": vpc.id}
        assert subnet.properties["MapPublicIpOnLaunch"] is False
    inside = {
        one.name
        for one in wallet.all("AWS::Lambda::Function")
        if "VpcConfig" in one.properties
        and any(
            wallet.told(subnet, one.stack).startswith("signer.")
            for subnet in one.properties["VpcConfig"]["SubnetIds"]
        )
    }
    assert inside == {"signer.SignTransferFunction"}
    used = wallet.functions()["sign_transfer"].properties["VpcConfig"]
    assert {one["Ref"] for one in used["SubnetIds"]} == {one.id for one in subnets}


def test_its_group_lets_out_to_endpoints_alone(wallet: Deployed) -> None:
    groups = {
        one.name.rpartition("Isolation")[2]: one for one in own(wallet, "AWS::EC2::SecurityGroup")
    }
    assert set(groups) == {"Function", "Secrets"}
    used = wallet.functions()["sign_transfer"].properties["VpcConfig"]["SecurityGroupIds"]
    assert [wallet.told(one, "signer") for one in used] == ["signer.IsolationFunction.GroupId"]
    # The rule by addresses: only gateway endpoints have a route (none is in the template).
    [rule] = groups["Function"].properties["SecurityGroupEgress"]
    assert (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) == ("0.0.0.0/0", 443, 443)
    [nothing] = groups["Secrets"].properties["SecurityGroupEgress"]
    assert nothing["CidrIp"] == "255.255.255.255/32"
    [out] = own(wallet, "AWS::EC2::SecurityGroupEgress")
    [into] = own(wallet, "AWS::EC2::SecurityGroupIngress")
    for one, here, there in (
        (out, "Function", "DestinationSecurityGroupId"),
        (into, "Secrets", "SourceSecurityGroupId"),
    ):
        told = one.properties
        assert (told["FromPort"], told["ToPort"]) == (443, 443)
        assert wallet.told(told["GroupId"], "signer") == f"signer.Isolation{here}.GroupId"
        other = "Secrets" if here == "Function" else "Function"
        assert wallet.told(told[there], "signer") == f"signer.Isolation{other}.GroupId"


def test_endpoints_are_those_of_three_services(wallet: Deployed) -> None:
    services = {
        wallet.told(one.properties["ServiceName"], one.stack).split(".")[-1]
        for one in own(wallet, "AWS::EC2::VPCEndpoint")
    }
    assert services == {"secretsmanager", "dynamodb", "s3"}
    tables = {name: f"signer.{name}.Arn" for name in ("Intents", "Approvals", "Signed", "State")}
    written = {tables["Signed"], tables["State"]}
    assert through(wallet) == {
        "secretsmanager:GetSecretValue": {"signer.KeySecret", "signer.Stamps"},
        "dynamodb:GetItem": set(tables.values()),
        "dynamodb:PutItem": written,
        "dynamodb:ConditionCheckItem": written,
        "dynamodb:UpdateItem": {tables["Approvals"]},
        "s3:GetObject": {AUDIT},
        "s3:PutObject": {AUDIT},
        "s3:ListBucket": {COPIES},
    }


def test_its_role_may_do_no_more_than_they_let_through(wallet: Deployed) -> None:
    rights: dict[str, set[str]] = {}
    for statement in wallet.role_of("sign_transfer"):
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            if action not in AROUND:
                rights.setdefault(action, set()).update(listed(statement["Resource"]))
    assert rights == through(wallet)


def test_other_names_are_not_looked_up(wallet: Deployed) -> None:
    lists = {
        f"{one.name}.Id": [wallet.told(name, one.stack) for name in one.properties["Domains"]]
        for one in own(wallet, "AWS::Route53Resolver::FirewallDomainList")
    }
    [group] = own(wallet, "AWS::Route53Resolver::FirewallRuleGroup")
    first, last = sorted(group.properties["FirewallRules"], key=lambda rule: int(rule["Priority"]))
    assert first["Action"] == "ALLOW"
    assert lists[wallet.told(first["FirewallDomainListId"], "signer")] == [
        f"{name}.<Region>.<URLSuffix>" for name in ("secretsmanager", "dynamodb", "s3", "*.s3")
    ]
    assert (last["Action"], last["BlockResponse"]) == ("BLOCK", "NXDOMAIN")
    assert lists[wallet.told(last["FirewallDomainListId"], "signer")] == ["*"]
    [asked] = own(wallet, "AWS::Route53Resolver::FirewallRuleGroupAssociation")
    [vpc] = own(wallet, "AWS::EC2::VPC")
    assert asked.properties["VpcId"] == {"Ref": vpc.id}
    # Clients of AWS ask for these names and no newer ones.
    told = wallet.functions()["sign_transfer"].properties["Environment"]["Variables"]
    assert told["AWS_ACCOUNT_ID_ENDPOINT_MODE"] == "disabled"


def test_all_its_traffic_is_written_down(wallet: Deployed) -> None:
    [flows] = own(wallet, "AWS::EC2::FlowLog")
    assert (flows.properties["ResourceType"], flows.properties["TrafficType"]) == ("VPC", "ALL")
