"""An environment's resources in a stand-in for AWS, made as its templates say."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
from moto.server import ThreadedMotoServer

from rehearsal.template import ACCOUNT, REGION, Environment, Resource

CREDENTIALS = {
    "aws_access_key_id": "testing",
    "aws_secret_access_key": "testing",
    "region_name": REGION,
}

NOT_MADE = frozenset(
    {
        # Networks, machines and what watches them: a function meets none of it through an API.
        "AWS::CDK::Metadata", "AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::RouteTable",
        "AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::FlowLog", "AWS::EC2::VPCEndpoint",
        "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress", "AWS::RDS::DBParameterGroup", "AWS::RDS::DBSubnetGroup",
        "AWS::Logs::LogGroup", "AWS::Logs::QueryDefinition", "AWS::KMS::Key", "AWS::KMS::Alias",
        "AWS::CodeBuild::Project", "AWS::Events::Rule", "AWS::Budgets::Budget",
        "AWS::CloudWatch::Dashboard", "AWS::WAFv2::IPSet", "AWS::WAFv2::WebACL",
        "AWS::WAFv2::WebACLAssociation", "AWS::WAFv2::LoggingConfiguration",
        # Read from the template by whoever stands for the service.
        "AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion", "AWS::Lambda::Version", "AWS::Lambda::Permission",
        "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping",
        "AWS::Scheduler::Schedule", "AWS::Scheduler::ScheduleGroup", "Custom::Trigger",
        "AWS::CloudWatch::Alarm", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy",
        "AWS::S3::BucketPolicy", "AWS::SNS::Subscription",
        "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Deployment", "AWS::ApiGateway::Stage",
        "AWS::ApiGateway::Method", "AWS::ApiGateway::Resource", "AWS::ApiGateway::Account",
        "AWS::ApiGateway::RequestValidator", "AWS::ApiGateway::GatewayResponse",
        "AWS::ApiGateway::UsagePlan", "AWS::ApiGateway::UsagePlanKey", "AWS::ApiGateway::ApiKey",
    }
)  # fmt: skip
"""Types that nothing is made for; one that is in no list fails the rehearsal."""


@dataclass
class Cloud:
    """A stand-in for AWS with an environment in it.

    Attributes:
        url: where it is asked.
        environment: the templates, which know by now what they made.
    """

    url: str
    environment: Environment

    def client(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.url, **CREDENTIALS)

    def make(self, owner: str, password: str, host: str) -> None:
        """Make everything, what others stand on first.

        Args:
            owner: the user that owns the database.
            password: of that user.
            host: of the database.
        """
        makers = {
            "AWS::SQS::Queue": self._queue,
            "AWS::DynamoDB::Table": self._table,
            "AWS::SNS::Topic": self._topic,
            "AWS::SecretsManager::Secret": self._secret,
            "AWS::S3::Bucket": self._bucket,
        }
        kinds = {resource.type for resource in self.environment.resources.values()}
        assert kinds <= {*makers, *NOT_MADE, "AWS::RDS::DBInstance"}, kinds - {*makers, *NOT_MADE}
        for kind, make in makers.items():
            waiting = list(self.environment.of(kind))
            # A queue that others hand their dead letters to comes before them.
            waiting.sort(key=lambda one: "RedrivePolicy" in one.body.get("Properties", {}))
            for resource in waiting:
                make(resource)
        for database in self.environment.of("AWS::RDS::DBInstance"):
            told = {"username": owner, "password": password}
            secret = self.client("secretsmanager").create_secret(
                Name="rds!owner", SecretString=json.dumps(told)
            )
            self.environment.know(
                database,
                Endpoint__Address=host,
                DbiResourceId="db-REHEARSAL",
                MasterUserSecret__SecretArn=secret["ARN"],
            )
        for resource in self.environment.of("AWS::Lambda::Function"):
            arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{resource.physical}"
            self.environment.know(resource, Ref=resource.physical, Arn=arn)
        for bucket in self.environment.of("AWS::S3::Bucket"):
            self._notices(bucket)

    def _queue(self, resource: Resource) -> None:
        told = self.environment.properties(resource)
        attributes = {
            name: str(told[name])
            for name in ("VisibilityTimeout", "MessageRetentionPeriod")
            if name in told
        }
        if "RedrivePolicy" in told:
            attributes["RedrivePolicy"] = json.dumps(told["RedrivePolicy"])
        url = self.client("sqs").create_queue(QueueName=resource.physical, Attributes=attributes)
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{resource.physical}"
        self.environment.know(resource, Ref=url["QueueUrl"], Arn=arn, QueueName=resource.physical)

    def _table(self, resource: Resource) -> None:
        told = self.environment.properties(resource)
        self.client("dynamodb").create_table(
            TableName=resource.physical,
            KeySchema=told["KeySchema"],
            AttributeDefinitions=told["AttributeDefinitions"],
            BillingMode=told["BillingMode"],
        )
        arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{resource.physical}"
        self.environment.know(resource, Ref=resource.physical, Arn=arn)

    def _topic(self, resource: Resource) -> None:
        arn = self.client("sns").create_topic(Name=resource.physical)["TopicArn"]
        self.environment.know(resource, Ref=arn, TopicArn=arn, TopicName=resource.physical)

    def _secret(self, resource: Resource) -> None:
        told = self.environment.properties(resource)
        text = told.get("SecretString")
        if text is None:
            made = told["GenerateSecretString"]
            held = json.loads(made["SecretStringTemplate"])
            held[made["GenerateStringKey"]] = secrets.token_hex(made["PasswordLength"] // 2)
            text = json.dumps(held)
        arn = self.client("secretsmanager").create_secret(
            Name=resource.physical, SecretString=text
        )["ARN"]
        self.environment.know(resource, Ref=arn, Id=arn)

    def _bucket(self, resource: Resource) -> None:
        s3 = self.client("s3")
        s3.create_bucket(
            Bucket=resource.physical, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        told = self.environment.properties(resource)
        if told.get("VersioningConfiguration"):
            s3.put_bucket_versioning(
                Bucket=resource.physical, VersioningConfiguration=told["VersioningConfiguration"]
            )
        arn = f"arn:aws:s3:::{resource.physical}"
        self.environment.know(resource, Ref=resource.physical, Arn=arn)

    def _notices(self, resource: Resource) -> None:
        """Let a bucket tell of its objects, as its template says; once all queues are there."""
        told = self.environment.properties(resource).get("NotificationConfiguration")
        if not told:
            return
        assert set(told) == {"QueueConfigurations"}
        self.client("s3").put_bucket_notification_configuration(
            Bucket=resource.physical,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {
                        "QueueArn": one["Queue"],
                        "Events": [one["Event"]],
                        "Filter": {"Key": {"FilterRules": one["Filter"]["S3Key"]["Rules"]}},
                    }
                    for one in told["QueueConfigurations"]
                ]
            },
        )

    def depth(self, arn: str) -> int:
        """How many messages a queue holds, those in flight as well."""
        url = f"{self.url}/{ACCOUNT}/{arn.rpartition(':')[2]}"
        told = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        attributes = told["Attributes"]
        return sum(
            int(attributes[name])
            for name in ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        )


@contextmanager
def cloud(environment: Environment) -> Iterator[Cloud]:
    """A stand-in for AWS while the block runs; nothing is in it yet."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        # What a server of this process was told before is known to the next one.
        httpx.post(f"{url}/moto-api/reset").raise_for_status()
        yield Cloud(url, environment)
    finally:
        server.stop()
