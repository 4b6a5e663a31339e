"""Stands for the services that call functions: follows what the templates say, and names none.

Schedules, notices of buckets, mappings of queues, destinations and retries: what happens next is
read from the resources of an environment, each time.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from functions.emulator import FunctionError
from rehearsal.allowed import Call, allowed
from rehearsal.clock import Clock
from rehearsal.cloud import Cloud
from rehearsal.template import ACCOUNT, REGION, Resource

Invoke = Callable[[Resource, Any], Any]
"""What a function answers; raises `FunctionError`."""


@dataclass
class Dispatcher:
    """The services between the functions.

    Attributes:
        cloud: with the queues and buckets.
        invoke: runs a function.
        clock: is set to each instant that a schedule fires at.
        failed: (function, why) of every run that failed, in order.
    """

    cloud: Cloud
    invoke: Invoke
    clock: Clock
    failed: list[tuple[str, str]] = field(default_factory=list)

    def schedule(self, named: str, at: datetime) -> None:
        """Let a schedule fire for an instant.

        Args:
            named: part of its logical name.
            at: the instant that it is for.
        """
        self.clock.set(at)
        environment = self.cloud.environment
        [schedule] = [
            one for one in environment.of("AWS::Scheduler::Schedule") if one.name.startswith(named)
        ]
        properties = environment.properties(schedule)
        assert properties["State"] == "ENABLED"
        target = properties["Target"]
        told = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        event = json.loads(target["Input"].replace("<aws.scheduler.scheduled-time>", told))
        role = next(
            one.key
            for one in environment.of("AWS::IAM::Role")
            if environment.value({"Fn::GetAtt": [one.name, "Arn"]}, one.stack) == target["RoleArn"]
        )
        call = Call("lambda", "lambda:InvokeFunction", target["Arn"])
        assert allowed(call, environment.roles[role]), f"{schedule.name} may not do {call}"
        self.call(self._function(target["Arn"]), event)

    def call(self, function: Resource, event: Any) -> Any:
        """Call a function without waiting, as schedules do: tried again, then handed on."""
        environment = self.cloud.environment
        config = next(
            (
                environment.properties(one)
                for one in environment.of("AWS::Lambda::EventInvokeConfig")
                if environment.properties(one)["FunctionName"] == function.physical
            ),
            {},
        )
        destinations = config.get("DestinationConfig", {})
        tries = 1 + int(config.get("MaximumRetryAttempts", 2))
        for attempt in range(1, tries + 1):
            try:
                answer = self.invoke(function, event)
            except FunctionError as error:
                self.failed.append((function.name, str(error)))
                if attempt == tries:
                    self._hand_on(destinations, "OnFailure", function, event, attempt, str(error))
            else:
                self._hand_on(destinations, "OnSuccess", function, event, attempt, answer)
                return answer
        return None

    def again(self, message: Mapping[str, Any]) -> Any:
        """What the runbook does with a message of what failed for good."""
        function = message["requestContext"]["functionArn"].removesuffix(":$LATEST")
        return self.call(self._function(function), message["requestPayload"])

    def drain(self) -> int:
        """Let every queue be read by the function that is mapped to it, until all are quiet.

        Returns:
            How many messages were handed over.
        """
        handed = 0
        while delivered := sum(
            self._deliver(mapping)
            for mapping in self.cloud.environment.of("AWS::Lambda::EventSourceMapping")
        ):
            handed += delivered
        return handed

    def _deliver(self, mapping: Resource) -> int:
        told = self.cloud.environment.properties(mapping)
        function = next(
            one
            for one in self.cloud.environment.of("AWS::Lambda::Function")
            if one.physical == told["FunctionName"]
        )
        for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            self._may(function, action, told["EventSourceArn"])
        queue = told["EventSourceArn"].rpartition(":")[2]
        url, sqs = f"{self.cloud.url}/{ACCOUNT}/{queue}", self.cloud.client("sqs")
        got = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(10, told["BatchSize"]),
            AttributeNames=["All"],
        ).get("Messages", [])
        if not got:
            return 0
        batch = {"Records": [_record(one, told["EventSourceArn"]) for one in got]}
        try:
            answer = self.invoke(function, batch)
        except FunctionError as error:
            self.failed.append((function.name, str(error)))
            failed = {one["MessageId"] for one in got}
        else:
            assert told["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
            failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        for one in got:
            if one["MessageId"] in failed:  # it comes again, without the wait of a real queue
                sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0
                )
            else:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return len(got)

    def _hand_on(
        self,
        destinations: dict[str, Any],
        which: str,
        function: Resource,
        event: Any,
        attempt: int,
        answer: Any,
    ) -> None:
        destination = destinations.get(which, {}).get("Destination")
        if destination is None:
            return
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.physical}:$LATEST"
        condition = "Success" if which == "OnSuccess" else "RetriesExhausted"
        envelope = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(),
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": arn,
                "condition": condition,
                "approximateInvokeCount": attempt,
            },
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
            "responsePayload": answer
            if which == "OnSuccess"
            else {"errorMessage": answer, "errorType": answer.partition(":")[0]},
        }
        body = json.dumps(envelope)
        assert len(body.encode()) < 200_000  # SQS takes 256 KB
        self._may(function, "SendMessage", destination)
        url = f"{self.cloud.url}/{ACCOUNT}/{destination.rpartition(':')[2]}"
        self.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=body)

    def _may(self, function: Resource, action: str, queue: str) -> None:
        """The services act in the name of a function: its role is to allow it."""
        call = Call("sqs", f"sqs:{action}", queue)
        statements = self.cloud.environment.of_function(function)
        assert allowed(call, statements), f"{function.name} may not do {call}"

    def _function(self, arn: str) -> Resource:
        return next(
            one
            for one in self.cloud.environment.of("AWS::Lambda::Function")
            if one.physical == arn.rpartition(":")[2]
        )


def _record(message: dict[str, Any], queue: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue,
        "awsRegion": REGION,
    }
