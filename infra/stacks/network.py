"""A network without a way to the internet, and the four services that can be reached from it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.function import RETENTION, Place
from infra.environments import Environment

_PORT = 5432


class NetworkStack(cdk.Stack):
    """Isolated subnets in two zones, endpoints, and who may reach what.

    Attributes:
        place: where functions run.
        database: the database's security group.
    """

    def __init__(self, scope: Construct, name: str, environment: Environment) -> None:
        super().__init__(scope, name, termination_protection=environment.protected)
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.20.0.0/16"),
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=False,  # nothing is in it
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=20
                )
            ],
        )
        vpc.add_flow_log(
            "Flows",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                logs.LogGroup(
                    self,
                    "FlowsLog",
                    retention=RETENTION[environment.log_days],
                    removal_policy=cdk.RemovalPolicy.DESTROY,
                ),
                iam.Role(
                    self,
                    "FlowsRole",
                    assumed_by=iam.ServicePrincipal(
                        "vpc-flow-logs.amazonaws.com",
                        conditions={"StringEquals": {"aws:SourceAccount": self.account}},
                    ),
                    description="What refused connections are written with",
                ),
            ),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
        functions = self._group(vpc, "Functions", "Functions that use the database")
        self.database = self._group(vpc, "Database", "The database")
        endpoint = self._group(vpc, "Secrets", "The endpoint of the secrets")
        functions.add_egress_rule(self.database, ec2.Port.tcp(_PORT), "The database")
        functions.add_egress_rule(endpoint, ec2.Port.tcp(443), "Secrets")
        # S3 and DynamoDB have public addresses; nothing but them has a route.
        functions.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "Gateway endpoints")
        self.database.add_ingress_rule(functions, ec2.Port.tcp(_PORT), "Functions")
        endpoint.add_ingress_rule(functions, ec2.Port.tcp(443), "Functions")
        self.place = Place(vpc, functions)

        objects = vpc.add_gateway_endpoint("Objects", service=ec2.GatewayVpcEndpointAwsService.S3)
        objects.add_to_policy(
            self._own(
                "s3:GetObject", "s3:PutObject", "s3:ListBucket", on=f"arn:{self.partition}:s3:::*"
            )
        )
        tables = vpc.add_gateway_endpoint(
            "Tables", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB
        )
        tables.add_to_policy(
            self._own(
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                on=f"arn:{self.partition}:dynamodb:{self.region}:{self.account}:table/*",
            )
        )
        secrets = vpc.add_interface_endpoint(
            "SecretsManager",
            service=ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
            open=False,
            private_dns_enabled=True,
            security_groups=[endpoint],
            subnets=ec2.SubnetSelection(subnets=vpc.isolated_subnets[: environment.zones]),
        )
        secrets.add_to_policy(
            self._own(
                "secretsmanager:GetSecretValue",
                on=f"arn:{self.partition}:secretsmanager:{self.region}:{self.account}:secret:*",
            )
        )

    def _group(self, vpc: ec2.IVpc, name: str, about: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, name, vpc=vpc, description=about, allow_all_outbound=False)

    def _own(self, *actions: str, on: str) -> iam.PolicyStatement:
        """What an endpoint lets through: this account's callers, to this account's resources."""
        return iam.PolicyStatement(
            actions=[*actions],
            principals=[iam.AnyPrincipal()],
            resources=[on],
            conditions={
                "StringEquals": {
                    "aws:PrincipalAccount": self.account,
                    "aws:ResourceAccount": self.account,
                }
            },
        )
