"""A network for one function, from which nothing is reached but what that function works with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53resolver as resolver
from constructs import Construct

from infra.constructs.function import RETENTION, Place
from infra.environments import Environment

_HTTPS: Final = ec2.Port.tcp(443)


class Isolation(Construct):
    """Isolated subnets with three endpoints, each for one role and for named resources alone.

    Names of others are not even looked up: questions to a resolver are a way out, too.

    Attributes:
        place: where the function runs.
    """

    def __init__(self, scope: Construct, name: str, environment: Environment) -> None:
        super().__init__(scope, name)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.21.0.0/24"),
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=False,  # nothing is in it
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=26
                )
            ],
        )
        self.vpc.add_flow_log(
            "Flows",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                logs.LogGroup(
                    self,
                    "FlowsLog",
                    retention=RETENTION[environment.log_days],
                    removal_policy=cdk.RemovalPolicy.DESTROY,
                )
            ),
            traffic_type=ec2.FlowLogTrafficType.ALL,
        )
        function = self._group("Function", "The function that signs")
        self._endpoint = self._group("Secrets", "The endpoint of the secrets")
        function.add_egress_rule(self._endpoint, _HTTPS, "Secrets")
        # S3 and DynamoDB have public addresses; nothing but them has a route.
        function.add_egress_rule(ec2.Peer.any_ipv4(), _HTTPS, "Gateway endpoints")
        self._endpoint.add_ingress_rule(function, _HTTPS, "The function that signs")
        self._subnets = self.vpc.isolated_subnets[: environment.zones]
        self.place = Place(self.vpc, function)
        self._names()

    def open(
        self,
        role: iam.IRole,
        *,
        tables: Mapping[str, Sequence[str]],
        bucket: Mapping[str, Sequence[str]],
        secrets: Sequence[str],
    ) -> None:
        """Let one role through to what it works with.

        Args:
            role: of the function.
            tables: ARNs by action.
            bucket: ARNs by action.
            secrets: ARNs of secrets that may be read.
        """
        gateway = ec2.GatewayVpcEndpointAwsService
        for name, service, rights in (
            ("Tables", gateway.DYNAMODB, tables),
            ("Copies", gateway.S3, bucket),
        ):
            endpoint = self.vpc.add_gateway_endpoint(name, service=service)
            for action, resources in rights.items():
                endpoint.add_to_policy(self._own(role, action, resources))
        reading = self.vpc.add_interface_endpoint(
            "SecretsManager",
            service=ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
            open=False,
            private_dns_enabled=True,
            security_groups=[self._endpoint],
            subnets=ec2.SubnetSelection(subnets=self._subnets),
        )
        reading.add_to_policy(self._own(role, "secretsmanager:GetSecretValue", secrets))

    def _group(self, name: str, about: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, name, vpc=self.vpc, description=about, allow_all_outbound=False
        )

    def _own(self, role: iam.IRole, action: str, on: Sequence[str]) -> iam.PolicyStatement:
        account = cdk.Stack.of(self).account
        return iam.PolicyStatement(
            actions=[action],
            principals=[iam.AnyPrincipal()],
            resources=[*on],
            conditions={
                "ArnEquals": {"aws:PrincipalArn": role.role_arn},
                "StringEquals": {"aws:ResourceAccount": account},
            },
        )

    def _names(self) -> None:
        """Answer for the three services, and say of all others that there is no such name."""
        stack = cdk.Stack.of(self)
        region, suffix = stack.region, stack.url_suffix
        known = resolver.CfnFirewallDomainList(
            self,
            "Known",
            domains=[
                f"secretsmanager.{region}.{suffix}",
                f"dynamodb.{region}.{suffix}",
                f"s3.{region}.{suffix}",
                f"*.s3.{region}.{suffix}",
            ],
        )
        others = resolver.CfnFirewallDomainList(self, "Others", domains=["*"])
        rule = resolver.CfnFirewallRuleGroup.FirewallRuleProperty
        group = resolver.CfnFirewallRuleGroup(
            self,
            "Names",
            firewall_rules=[
                rule(action="ALLOW", priority=1, firewall_domain_list_id=known.attr_id),
                rule(
                    action="BLOCK",
                    block_response="NXDOMAIN",
                    priority=2,
                    firewall_domain_list_id=others.attr_id,
                ),
            ],
        )
        resolver.CfnFirewallRuleGroupAssociation(
            self,
            "Asked",
            firewall_rule_group_id=group.attr_id,
            priority=101,
            vpc_id=self.vpc.vpc_id,
        )
