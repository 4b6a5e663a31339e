"""A whole day of an environment, from the clock to the mail, on what is deployed.

The templates say who calls whom; real PostgreSQL, the real runtime, real match files. What a
function asks of AWS and where it connects to is held against its role and its network, and what it
tells against the alarms.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from betting_ai.adapters.aws.model_shelf import S3ModelShelf, read_folder
from betting_ai.adapters.aws.object_store import S3Objects
from functions.account import MODELS, event
from rehearsal.alarms import Told, going_off
from rehearsal.allowed import Call, allowed
from rehearsal.conftest import World
from rehearsal.template import Resource

pytestmark = pytest.mark.slow

SATURDAY, SUNDAY, NEXT = "2025-03-15", "2025-03-16", "2025-03-22"
VERSION = "2024-06-30"


def at(clock: str, day: str = SATURDAY) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}:00+00:00").astimezone(UTC)


@dataclass
class Day:
    """A world, and what is asked of it again and again."""

    world: World
    read: dict[str, int] = field(default_factory=dict)
    failures: int = 0

    @property
    def environment(self) -> Any:
        return self.world.cloud.environment

    def resource(self, kind: str, name: str) -> Resource:
        """The resource of a type by its name, without the digits that follow it."""
        [found] = [one for one in self.environment.of(kind) if one.name[:-8] == name]
        return found

    def of(self, kind: str, part: str, attribute: str = "Ref") -> str:
        found = self.resource(kind, part)
        value: str = self.environment.value(
            {"Ref": found.name} if attribute == "Ref" else {"Fn::GetAtt": [found.name, attribute]},
            found.stack,
        )
        return value

    def deploy(self) -> None:
        """What the Trigger of the template does before the other functions are there."""
        [trigger] = self.environment.of("Custom::Trigger")
        version = trigger.body["Properties"]["HandlerArn"]["Ref"]
        told = self.environment.properties(self.environment.resources[trigger.stack, version])
        [function] = [
            one
            for one in self.environment.of("AWS::Lambda::Function")
            if one.physical == told["FunctionName"]
        ]
        assert self.world.functions(function, {})["exit_code"] == 0

    def shelf(self) -> S3ModelShelf:
        bucket = self.of("AWS::S3::Bucket", "Artifacts")
        return S3ModelShelf(S3Objects(bucket, self.world.cloud.client("s3")))

    def publish(self, version: str) -> None:
        """What `models publish` does, with a model of this checkout."""
        for market in ("match_result", "over_under_2_5"):
            self.shelf().put(market, version, read_folder(MODELS / market / version))
            self.shelf().put_in_channel(market, version, "stable")

    def subscribe(self) -> str:
        """A queue that gets what a person would by mail."""
        sqs, sns = self.world.cloud.client("sqs"), self.world.cloud.client("sns")
        url: str = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        sns.subscribe(
            TopicArn=self.of("AWS::SNS::Topic", "Slates"), Protocol="sqs", Endpoint=told["QueueArn"]
        )
        return url

    def messages(self, url: str) -> list[dict[str, Any]]:
        """What a queue holds; it does so no longer."""
        sqs, found = self.world.cloud.client("sqs"), []
        while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for one in got:
                found.append(json.loads(one["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return found

    def put(self, queue: str, body: str) -> None:
        url = self.of("AWS::SQS::Queue", queue)
        self.world.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=body)

    def depth(self, queue: str) -> int:
        return self.world.cloud.depth(self.of("AWS::SQS::Queue", queue, "Arn"))

    def alarms(self) -> set[str]:
        """Those that go off by what was told since this was asked last, and by what waits."""
        told = Told()
        for name, warm in self.world.functions.warm.items():
            lines = warm.running.lines()
            told.read(lines[self.read.get(name, 0) :])
            self.read[name] = len(lines)
        failed = self.world.dispatcher.failed
        for name, _ in failed[self.failures :]:
            [function] = [
                one for one in self.environment.of("AWS::Lambda::Function") if one.name == name
            ]
            told.add("AWS/Lambda", "Errors", 1, FunctionName=function.physical)
        self.failures = len(failed)
        for queue in self.environment.of("AWS::SQS::Queue"):
            arn = self.environment.value({"Fn::GetAtt": [queue.name, "Arn"]}, queue.stack)
            told.add(
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                self.world.cloud.depth(arn),
                QueueName=queue.physical,
            )
        return going_off(self.environment, told)

    def check(self) -> None:
        """Nothing was asked for that a role does not allow, or that a network does not reach."""
        endpoints = {
            told["ServiceName"].rpartition(".")[2]: told["PolicyDocument"]["Statement"]
            for one in self.environment.of("AWS::EC2::VPCEndpoint")
            for told in [self.environment.properties(one)]
        }
        for warm in self.world.functions.warm.values():
            name, told = warm.resource.name, self.environment.properties(warm.resource)
            role = warm.resource.body["Properties"]["Role"]["Fn::GetAtt"][0]
            statements = self.environment.roles[warm.resource.stack, role]
            inside = "VpcConfig" in told
            for call in set(warm.witness.calls):
                assert allowed(call, statements), f"{name} may not do {call}"
                if inside:
                    assert call.service in endpoints, f"{name} cannot reach {call}"
                    assert allowed(call, endpoints[call.service]), f"no endpoint lets {call} pass"
            reach = {warm.witness.port}
            if inside:
                reach.add(self.world.server.port)
            elif name.startswith("FetchFeeds"):
                reach.add(self.world.site.server_port)
            assert warm.ports() <= reach, f"{name} connected elsewhere"


def test_a_day_and_what_may_go_wrong_in_it(world: World) -> None:
    day = Day(world)
    day.deploy()
    day.publish(VERSION)
    letters = day.subscribe()
    _a_clean_day(day, letters)
    _the_same_again(day, letters)
    _messages_that_nobody_can_read(day)
    _a_feed_that_is_down(day)
    _a_topic_that_is_throttled(day, letters)
    _a_model_that_is_damaged(day, letters)
    day.check()


def _a_clean_day(day: Day, letters: str) -> None:
    clock = day.world.dispatcher
    clock.schedule("Site", at("07:00"))
    # Two seasons of twenty-two leagues, and the notice with which S3 tries the line.
    assert clock.drain() == 2 * 22 + 1
    clock.schedule("Select", at("09:00"))
    clock.drain()
    [letter] = day.messages(letters)
    assert "Betting AI, Sat 15 Mar 2025" in letter["Subject"]
    clock.schedule("Results", at("23:30", SUNDAY))
    clock.schedule("Settle", at("23:45", SUNDAY))
    clock.drain()
    assert clock.failed == []
    record = day.world.cloud.client("s3").get_object(
        Bucket=day.of("AWS::S3::Bucket", "Objects"), Key="record/record.json"
    )
    assert len(json.loads(record["Body"].read())["slates"]) == 1
    health = day.world.functions(day.world.functions.named("Api"), event("api", "health"))
    assert health["statusCode"] == 200
    for queue in day.environment.of("AWS::SQS::Queue"):
        arn = day.environment.value({"Fn::GetAtt": [queue.name, "Arn"]}, queue.stack)
        assert day.world.cloud.depth(arn) == 0, queue.name
    assert day.alarms() == set()
    day.check()


def _the_same_again(day: Day, letters: str) -> None:
    """As schedules may fire twice, and queues hand over twice: nothing changes."""
    clock = day.world.dispatcher
    clock.schedule("Site", at("07:00"))
    assert clock.drain() == 0  # nothing is news
    clock.schedule("Select", at("09:00"))
    assert clock.drain() == 1  # the slate again
    clock.schedule("Settle", at("23:45", SUNDAY))
    assert day.messages(letters) == []
    assert clock.failed == []
    assert day.alarms() == set()


def _messages_that_nobody_can_read(day: Day) -> None:
    """They end in the last queue; what came beside them is stored."""
    lost = {"bucket": {"name": "none"}, "object": {"key": "inbox/0-season/none/none/00.json"}}
    good = day.world.cloud.client("s3").list_objects_v2(
        Bucket=day.of("AWS::S3::Bucket", "Objects"), Prefix="inbox/", MaxKeys=1
    )["Contents"][0]["Key"]
    known = {"bucket": lost["bucket"], "object": {"key": good}}
    for body in (
        "this is no notice",
        *(json.dumps({"Records": [{"s3": s}]}) for s in (lost, known)),
    ):
        day.put("Arrived", body)
    day.world.dispatcher.drain()
    assert day.world.dispatcher.failed == []  # others in the batch are not held up
    assert day.depth("ArrivedFailed") == 2
    assert day.alarms() == {"ArrivedWaiting"}
    assert len(day.messages(day.of("AWS::SQS::Queue", "ArrivedFailed"))) == 2
    assert day.alarms() == set()


def _a_feed_that_is_down(day: Day) -> None:
    """It is tried again, and then a message says what was asked for and why it was not had."""
    day.world.site.down = True
    day.world.dispatcher.schedule("Site", at("07:00", SUNDAY))
    day.world.site.down = False
    assert [why.partition(":")[0] for _, why in day.world.dispatcher.failed] == [
        "FeedOfflineError"
    ] * 3
    assert {"FetchFeedsErrors", "FeedFailed", "FailuresWaiting"} <= day.alarms()
    [told] = day.messages(day.of("AWS::SQS::Queue", "Failures"))
    assert told["requestContext"]["condition"] == "RetriesExhausted"
    assert told["requestPayload"]["at"] == f"{SUNDAY}T07:00:00Z"
    assert "503" in told["responsePayload"]["errorMessage"]
    assert day.alarms() == set()


def _a_topic_that_is_throttled(day: Day, letters: str) -> None:
    """The slate waits in its queue until it is taken, and is told once."""
    sender = day.world.functions.get(day.world.functions.named("SendAlerts")).witness
    left = 2

    def throttled(call: Call) -> tuple[int, bytes] | None:
        nonlocal left
        if call.action != "sns:Publish" or not left:
            return None
        left -= 1
        return 400, (
            b"<ErrorResponse><Error><Type>Sender</Type><Code>Throttled</Code>"
            b"<Message>Rate exceeded</Message></Error></ErrorResponse>"
        )

    sender.fault = throttled
    day.world.dispatcher.schedule("Select", at("09:00", SUNDAY))
    day.world.dispatcher.drain()
    assert left == 0
    [letter] = day.messages(letters)
    assert "Sun 16 Mar 2025" in letter["Subject"]
    assert day.alarms() == set()


def _a_model_that_is_damaged(day: Day, letters: str) -> None:
    """The one before it answers, and the log says so."""
    day.publish("2023-06-30")
    day.shelf().objects.write(f"match_result/{VERSION}/ensemble.onnx", b"half a graph")
    select = day.world.functions.named("SelectTop3")
    day.world.functions.warm.pop(select.name)  # a cold one, as the next morning's
    day.read.pop(select.name)
    day.world.dispatcher.schedule("Select", at("09:00", NEXT))
    day.world.dispatcher.drain()
    assert len(day.messages(letters)) == 1
    told = day.world.functions.get(select).running.lines()
    broken = [line for line in told if line.get("message") == "a model cannot be used"]
    assert {(line["model"], line["code"]) for line in broken} == {
        (f"match_result/{VERSION}", "model_checksum")
    }
