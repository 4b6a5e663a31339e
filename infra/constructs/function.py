"""One function: its code, layers, log, role and what becomes of its failures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.environments import Environment
from infra.paths import ROOT, UNBUILT

NAMESPACE: Final = "BettingAI"
"""Of every metric of the product; the only dimension is ``service``."""

RETENTION: Final = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
}

_CA: Final = "/opt/rds-ca.pem"  # of every region, in the layer `runtime`
_CONNECTING: Final = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


@dataclass(frozen=True)
class Place:
    """Where in a network functions run.

    Attributes:
        vpc: without a way to the internet.
        group: what they may reach.
    """

    vpc: ec2.IVpc
    group: ec2.ISecurityGroup


@dataclass(frozen=True)
class Asynchronous:
    """How events are handled that nobody waits for.

    Attributes:
        failures: gets what failed for good, with why.
        hours: after so long an event is worth nothing.
        done: gets the answer.
    """

    failures: sqs.IQueue
    hours: int
    done: sqs.IQueue | None = None


@dataclass(frozen=True)
class Size:
    """What a function may use.

    Attributes:
        seconds: it is ended after that.
        memory: MB; a whole processor from 1769.
    """

    seconds: int
    memory: int


def database_url(host: str, user: str | None) -> str:
    """How functions connect: over TLS, to the host that the certificate names."""
    login = f"{user}@" if user else ""
    return f"postgresql://{login}{host}:5432/betting?sslmode=verify-full&sslrootcert={_CA}"


class Function(Construct):
    """A function of ``functions/<name>``, with a role that may do what it is told and no more.

    Attributes:
        name: of its folder.
        function: the Lambda.
        role: its own.
        asynchronous: whether it is handed events that wait in a queue of Lambda's own.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        *,
        size: Size,
        layers: Sequence[lambda_.ILayerVersion],
        variables: Mapping[str, str],
        place: Place | None = None,
        asynchronous: Asynchronous | None = None,
        product: bool = True,
        path: str | None = None,
    ) -> None:
        """A function.

        Args:
            scope: of the stack.
            name: of its folder.
            environment: says what all functions are told, and how long logs are kept.
            size: what it may use.
            layers: in order.
            variables: without their prefix; in full where it does not run the product.
            place: within a network.
            asynchronous: how events are handled that nobody waits for.
            product: whether it runs the product, and is told what all its functions are.
            path: of its role, where others know the role by it.
        """
        super().__init__(scope, "".join(word.capitalize() for word in name.split("_")))
        self.name = name
        self.asynchronous = asynchronous is not None
        log = logs.LogGroup(
            self,
            "Log",
            retention=RETENTION[environment.log_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What {name} may do",
            path=path,
        )
        self.allow("logs:CreateLogStream", "logs:PutLogEvents", on=[log.log_group_arn])
        if place is not None:
            # AWS knows no narrower resource: interfaces have no name before they exist.
            self.allow(*_CONNECTING, on=["*"])
        folder = ROOT / "functions" / name
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.X86_64,
            code=lambda_.Code.from_asset(
                str(folder if folder.is_dir() else UNBUILT),
                exclude=["events", "__pycache__", "*.pyc"],
            ),
            handler="handler.handler",
            layers=layers,
            role=self.role,
            log_group=log,
            logging_format=lambda_.LoggingFormat.TEXT,  # metrics are lines of JSON of our own
            tracing=lambda_.Tracing.ACTIVE,
            timeout=cdk.Duration.seconds(size.seconds),
            memory_size=size.memory,
            reserved_concurrent_executions=(
                environment.at_once[name] if environment.reserve_concurrency else None
            ),
            environment={
                **(_told(environment, variables) if product else variables),
                "POWERTOOLS_SERVICE_NAME": name,
            },
            vpc=place.vpc if place else None,
            vpc_subnets=(
                ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED) if place else None
            ),
            security_groups=[place.group] if place else None,
        )
        if asynchronous is not None:
            done = asynchronous.done
            self.function.configure_async_invoke(
                retry_attempts=2,
                max_event_age=cdk.Duration.hours(asynchronous.hours),
                on_failure=destinations.SqsDestination(asynchronous.failures),
                on_success=destinations.SqsDestination(done) if done else None,
            )

    def tell(self, variables: Mapping[str, str]) -> None:
        """Give it more variables of the product, without their prefix."""
        for key, value in variables.items():
            self.function.add_environment(f"BETTING_AI_{key}", value)

    def allow(
        self, *actions: str, on: Iterable[str], only: Mapping[str, Any] | None = None
    ) -> None:
        """Let the role do something.

        Args:
            actions: in full, such as ``s3:GetObject``.
            on: resources.
            only: conditions.
        """
        self.role.add_to_policy(
            iam.PolicyStatement(actions=[*actions], resources=[*on], conditions=only)
        )


def _told(environment: Environment, variables: Mapping[str, str]) -> dict[str, str]:
    told = {
        "HOME": "/tmp/betting-ai",  # noqa: S108 - a Lambda's own, and its only place to write
        "LOG_LEVEL": "INFO",
        **environment.settings,
        **variables,
    }
    return {
        **{f"BETTING_AI_{key}": value for key, value in told.items()},
        "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
        "POWERTOOLS_LOG_LEVEL": told["LOG_LEVEL"],
    }
