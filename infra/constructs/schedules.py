"""What the scheduler may do."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct


def schedules_role(
    scope: Construct, action: str, on: Sequence[str], missed: sqs.IQueue
) -> iam.IRole:
    """The role of a stack's schedules: to start what they start, and to say what they could not.

    The targets' own roles could start every version of a function as well.
    """
    account = cdk.Stack.of(scope).account
    role = iam.Role(
        scope,
        "SchedulesRole",
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": account}},
        ),
        description="What schedules may start",
    )
    role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[*on]))
    role.add_to_policy(
        iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[missed.queue_arn])
    )
    return role.without_policy_updates()
