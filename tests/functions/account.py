"""An account of AWS within this process, and the functions in it."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

from betting_ai import lambdas
from betting_ai.adapters.aws import clients
from betting_ai.adapters.aws.object_store import S3Objects
from betting_ai.observability import CHATTY

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "functions"
MODELS = ROOT / "model_artifacts"
REGION = "eu-west-1"
ROOT_SECRET = "r" * 40
ACCOUNT = "123456789012"


@dataclass
class Context:
    """What Lambda tells a function of its run."""

    function_name: str
    memory_limit_in_mb: int = 512
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"
    log_stream_name: str = "here"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 30_000


def event(function: str, name: str) -> dict[str, Any]:
    """A sample event of a function."""
    found: dict[str, Any] = json.loads(
        (FUNCTIONS / function / "events" / f"{name}.json").read_text()
    )
    return found


@dataclass
class Account:
    """Buckets, tables, a topic with a mailbox behind it, and a database beside them.

    Attributes:
        monkeypatch: sets the environment of functions.
        database_url: of the database.
        topic: ARN of the topic of alerts.
        mailbox: URL of the queue that subscribed to it.
    """

    monkeypatch: pytest.MonkeyPatch
    database_url: str
    topic: str = ""
    mailbox: str = ""
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def objects(self) -> S3Objects:
        return S3Objects("objects")

    def invoke(self, function: str, event: dict[str, Any], **environment: str) -> Any:
        """What a cold function answers."""
        return self.function(function, **environment).handler(event, Context(function))

    def function(self, name: str, **environment: str) -> ModuleType:
        """A function as it is after its start."""
        lambdas.application.cache_clear()
        clients.client.cache_clear()
        for key, value in (self.settings | environment).items():
            self.monkeypatch.setenv(key, value)
        found = importlib.util.spec_from_file_location(
            f"{name}_handler", FUNCTIONS / name / "handler.py"
        )
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        return module

    def mails(self) -> list[str]:
        """The texts that people got since this was asked last."""
        sqs, texts = boto3.client("sqs"), []
        while got := sqs.receive_message(QueueUrl=self.mailbox, MaxNumberOfMessages=10):
            for one in got.get("Messages", ()):
                texts.append(json.loads(one["Body"])["Message"])
                sqs.delete_message(QueueUrl=self.mailbox, ReceiptHandle=one["ReceiptHandle"])
            if not got.get("Messages"):
                break
        return texts

    def notices(self) -> dict[str, Any]:
        """What a queue hands over for all that was announced so far, the last first."""
        sample = event("ingest_raw", "notices")["Records"][0]
        notice = json.loads(sample["body"])
        records = []
        for number, key in enumerate(reversed(self.objects.names("inbox/"))):
            notice["Records"][0]["s3"]["object"]["key"] = key
            records.append(sample | {"body": json.dumps(notice), "messageId": f"message-{number}"})
        return {"Records": records}


@contextmanager
def cold(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process in which functions can run, while the block runs; nothing of them stays after."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.setenv(name, REGION)
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "1")
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        yield
    finally:
        lambdas._stack.close()
        lambdas.application.cache_clear()
        clients.client.cache_clear()
        root = logging.getLogger()
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.NOTSET)
        logging.captureWarnings(False)


def accounts(monkeypatch: pytest.MonkeyPatch, database_url: str, home: Path) -> Iterator[Account]:
    """An account while a test runs."""
    with cold(monkeypatch), mock_aws():
        account = Account(monkeypatch, database_url)
        for bucket in ("objects", "models"):
            boto3.client("s3").create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
            )
        for table, key in (("notes", "name"), ("once", "id")):
            boto3.client("dynamodb").create_table(
                TableName=table,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        sns, sqs = boto3.client("sns"), boto3.client("sqs")
        account.topic = sns.create_topic(Name="alerts")["TopicArn"]
        account.mailbox = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:mailbox"
        sns.subscribe(TopicArn=account.topic, Protocol="sqs", Endpoint=queue)
        secret = boto3.client("secretsmanager").create_secret(
            Name="application", SecretString=json.dumps({"root_secret": ROOT_SECRET})
        )
        account.settings = {
            "BETTING_AI_HOME": str(home),
            "DATABASE_URL": database_url,
            "BETTING_AI_DATABASE_MIGRATES": "false",
            "BETTING_AI_OBJECTS_BUCKET": "objects",
            "BETTING_AI_NOTES_TABLE": "notes",
            "BETTING_AI_ONCE_TABLE": "once",
            "BETTING_AI_SECRETS_ID": secret["ARN"],
            "BETTING_AI_ALERTS": "sns",
            "BETTING_AI_SNS_TOPIC": account.topic,
            "BETTING_AI_API_AUTHORITIES": "abc123.execute-api.eu-west-1.amazonaws.com",
        }
        yield account
