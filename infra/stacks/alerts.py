"""How people are told: of slates, and of what needs them."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.constructs.function import Function, Size
from infra.constructs.layers import Layers
from infra.constructs.queues import LastQueue, WorkQueue
from infra.environments import AT_ONCE, Environment
from infra.stacks.data import DataStack

_SECONDS = 60
_ADMINISTRATION = (
    "kms:CancelKeyDeletion", "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:DisableKey",
    "kms:DisableKeyRotation", "kms:EnableKey", "kms:EnableKeyRotation", "kms:Encrypt",
    "kms:GenerateDataKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants",
    "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription",
)  # fmt: skip
_TELLERS = ("cloudwatch.amazonaws.com", "budgets.amazonaws.com")


class AlertsStack(cdk.Stack):
    """Topics, the queue of slates to tell of, and the function that tells.

    Attributes:
        slates: topic of the people who bet.
        alarms: topic of the people who operate.
        untold: what could not be delivered to somebody.
        queue: messages of slates, put there for the function that selects them.
        send_alerts: tells of each slate once.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        data: DataStack,
        layers: Path,
    ) -> None:
        super().__init__(scope, name)
        # A key of our own, as alarms and budgets may not use the service's.
        key = kms.Key(
            self,
            "Key",
            description="Topics",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,
            policy=iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(
                        principals=[iam.AccountRootPrincipal()],
                        actions=[*_ADMINISTRATION],
                        resources=["*"],  # in a key's policy: this key
                    ),
                    iam.PolicyStatement(
                        principals=[iam.ServicePrincipal(teller) for teller in _TELLERS],
                        actions=["kms:Decrypt", "kms:GenerateDataKey"],
                        resources=["*"],
                        conditions={"StringEquals": {"aws:SourceAccount": self.account}},
                    ),
                ]
            ),
        )
        self.untold = LastQueue(self, "Untold")
        self.slates = self._topic("Slates", key, environment.emails)
        self.alarms = self._topic("Alarms", key, environment.operators)
        self.alarms.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(teller) for teller in _TELLERS],
                actions=["sns:Publish"],
                resources=[self.alarms.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        self.queue = WorkQueue(self, "Slate", _SECONDS)
        self.send_alerts = Function(
            self,
            "send_alerts",
            environment,
            size=Size(seconds=_SECONDS, memory=512),
            layers=Layers(self, "Layers", layers).of("runtime", "domain"),
            variables={
                "ALERTS": "sns",
                "SNS_TOPIC": self.slates.topic_arn,
                "ONCE_TABLE": data.once.table_name,
            },
        )
        self.send_alerts.function.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=5,
                max_concurrency=AT_ONCE["send_alerts"],
                report_batch_item_failures=True,
            )
        )
        self.send_alerts.allow("sns:Publish", on=[self.slates.topic_arn])
        self.send_alerts.allow("kms:Decrypt", "kms:GenerateDataKey", on=[key.key_arn])
        self.send_alerts.allow(
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            on=[data.once.table_arn],
        )

    def _topic(self, name: str, key: kms.IKey, emails: tuple[str, ...]) -> sns.Topic:
        topic = sns.Topic(self, name, master_key=key, enforce_ssl=True)
        for email in emails:
            topic.add_subscription(
                subscriptions.EmailSubscription(email, dead_letter_queue=self.untold)
            )
        return topic
