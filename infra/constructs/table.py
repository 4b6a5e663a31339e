"""A table as all of ours are: encrypted, backed up to any second, over TLS only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.bucket import fate
from infra.environments import Environment

WRITES: Final = (
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:PartiQLDelete",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
)
"""Every way to change what is in a table."""


class PrivateTable(dynamodb.Table):
    """A table of one key, paid by use."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        key: str,
        *,
        expires: str | None = None,
        stream: bool = False,
        policy: Sequence[iam.PolicyStatement] = (),
    ) -> None:
        """A table.

        Args:
            scope: of the stack.
            name: in the stack.
            environment: says whether it outlives the stack.
            key: name of the key, a text.
            expires: name of the number of seconds after which a row goes.
            stream: whether new rows are told of.
            policy: more of who may not do what.
        """
        super().__init__(
            scope,
            name,
            partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=environment.protected,
            removal_policy=fate(environment),
            time_to_live_attribute=expires,
            stream=dynamodb.StreamViewType.NEW_IMAGE if stream else None,
            resource_policy=iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(
                        effect=iam.Effect.DENY,
                        principals=[iam.AnyPrincipal()],
                        actions=["dynamodb:*"],
                        resources=["*"],
                        conditions={"Bool": {"aws:SecureTransport": "false"}},
                    ),
                    *policy,
                ]
            ),
        )


def written_by(
    *writers: str, row: str | None = None, sid: str = "WrittenByThese"
) -> iam.PolicyStatement:
    """Nobody else writes, whatever their own policies say.

    Args:
        writers: ARNs of roles; ``*`` stands for any letters.
        row: the one key that this is about; all by default.
        sid: of the statement.
    """
    conditions: dict[str, dict[str, list[str]]] = {
        "ArnNotLike": {"aws:PrincipalArn": [*writers]},
    }
    if row is not None:
        conditions["ForAnyValue:StringEquals"] = {"dynamodb:LeadingKeys": [row]}
    return iam.PolicyStatement(
        sid=sid,
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=[*WRITES],
        resources=["*"],
        conditions=conditions,
    )
