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
from sqlalchemy.engine import make_url

from betting_ai.adapters.aws.model_shelf import S3ModelShelf, read_folder
from betting_ai.adapters.aws.object_store import S3Objects
from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.unit_of_work import unit_of_work_factory
from betting_ai.usecases.verify_record import VerifyRecord
from functions.account import MODELS, event
from rehearsal.alarms import Told, going_off
from rehearsal.allowed import Call, allowed
from rehearsal.conftest import LEAGUES, World
from rehearsal.template import REGION, Resource

pytestmark = [pytest.mark.slow, pytest.mark.shared]

SATURDAY, SUNDAY, NEXT, LAST = "2025-03-15", "2025-03-16", "2025-03-22", "2025-03-23"
VERSION = "2024-06-30"
FUNCTIONS = {
    *("FetchFeeds", "IngestRaw", "SelectTop3", "SettlePicks", "MigrateDb", "SendAlerts", "Api"),
}
ASYNCHRONOUS = ("FetchFeeds", "SelectTop3", "SettlePicks", "MigrateDb")


def at(clock: str, day: str = SATURDAY) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}:00+00:00").astimezone(UTC)


@dataclass
class Day:
    """A world, and what is asked of it again and again."""

    world: World
    read: dict[str, int] = field(default_factory=dict)
    failures: int = 0
    told: Told = field(default_factory=Told)
    gone_off: set[str] = field(default_factory=set)
    key: str = ""

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
        self.world.dispatcher.clock.hang()

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

    def taken(self, url: str) -> dict[str, str]:
        """The messages of a queue by their ids; it holds them no longer."""
        sqs, found = self.world.cloud.client("sqs"), {}
        while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for one in got:
                found[one["MessageId"]] = one["Body"]
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return found

    def messages(self, url: str) -> list[dict[str, Any]]:
        """What the messages of a queue say; it holds them no longer."""
        return [json.loads(body) for body in self.taken(url).values()]

    def put(self, queue: str, body: str) -> None:
        url = self.of("AWS::SQS::Queue", queue)
        self.world.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=body)

    def depth(self, queue: str) -> int:
        return self.world.cloud.depth(self.of("AWS::SQS::Queue", queue, "Arn"))

    def alarms(self, *, day: bool = False) -> set[str]:
        """Those that go off by what was told since this was asked last, and by what waits.

        Args:
            day: what was told before is of the same day, which is over.
        """
        told = self.told = self.told if day else Told()
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
        found = going_off(self.environment, told, whole=day)
        self.gone_off |= found
        return found

    def check(self) -> None:
        """Nothing was asked for that a role does not allow, or that a network does not reach."""
        endpoints = {
            told["ServiceName"].rpartition(".")[2]: told["PolicyDocument"]["Statement"]
            for one in self.environment.of("AWS::EC2::VPCEndpoint")
            for told in [self.environment.properties(one)]
        }
        for warm in self.world.functions.started:
            name, told = warm.resource.name, self.environment.properties(warm.resource)
            statements = self.environment.of_function(warm.resource)
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

    def ask(self, name: str, **headers: str) -> Any:
        """What the API answers to a sample call, over the gateway's address."""
        [gateway] = self.environment.of("AWS::ApiGateway::RestApi")
        asked = event("api", name)
        headers = {"Host": f"{gateway.physical}.execute-api.{REGION}.amazonaws.com"} | headers
        asked["headers"] |= headers
        asked["multiValueHeaders"] |= {key: [value] for key, value in headers.items()}
        answer = self.world.functions(self.world.functions.named("Api"), asked)
        return answer["statusCode"], json.loads(answer["body"])

    def operate(self, command: str, **arguments: Any) -> Any:
        """What an operator's command gives."""
        asked = {"command": command, "arguments": arguments}
        answer = self.world.functions(self.world.functions.named("MigrateDb"), asked)
        assert answer["exit_code"] == 0, answer
        return answer["output"]


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
    _a_file_that_is_no_season(day)
    _a_database_that_is_down(day, letters)
    _a_letter_that_cannot_be_sent(day, letters)
    _the_record_holds(day)
    day.check()
    _every_alarm_can_go_off(day)
    _what_is_not_allowed_is_found(day)


def _a_clean_day(day: Day, letters: str) -> None:
    clock = day.world.dispatcher
    clock.schedule("Site", at("07:00"))
    # Two seasons of each league, and the notice with which S3 tries the line.
    assert clock.drain() == 2 * len(LEAGUES) + 1
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
    chains = json.loads(record["Body"].read())
    picks = chains["slates"][0]["entry"]["picks"]
    judged = [one["entry"] for one in chains["settlements"]]
    assert {one["status"] for one in judged} == {"won", "lost"}
    assert len(judged) == len(picks) == 3
    assert all(one["clv"] is not None for one in judged)
    assert day.ask("health")[0] == 200
    assert day.ask("top3")[0] == 401
    made = day.operate("keys create", name="bettor", scopes=["read"])
    day.key = f"Bearer {made['shown_once']['token']}"
    status, answer = day.ask("top3", Authorization=day.key)
    assert (status, answer["hash"]) == (200, chains["slates"][0]["hash"])
    assert [one["event_id"] for one in answer["picks"]] == [one["event_id"] for one in picks]
    for queue in day.environment.of("AWS::SQS::Queue"):
        arn = day.environment.value({"Fn::GetAtt": [queue.name, "Arn"]}, queue.stack)
        assert day.world.cloud.depth(arn) == 0, queue.name
    assert day.alarms(day=True) == set()
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
    assert day.alarms(day=True) == set()


def _messages_that_nobody_can_read(day: Day) -> None:
    """They end in the last queue; what came beside them is stored."""
    lost = {"bucket": {"name": "none"}, "object": {"key": "inbox/0-season/none/none/00.json"}}
    good = day.world.cloud.client("s3").list_objects_v2(
        Bucket=day.of("AWS::S3::Bucket", "Objects"), Prefix="inbox/", MaxKeys=1
    )["Contents"][0]["Key"]
    known = {"bucket": lost["bucket"], "object": {"key": good}}
    said = ["this is no notice", *(json.dumps({"Records": [{"s3": s}]}) for s in (lost, known))]
    for body in said:
        day.put("Arrived", body)
    day.world.dispatcher.drain()
    assert day.world.dispatcher.failed == []  # others in the batch are not held up
    assert day.depth("ArrivedFailed") == 2
    assert day.alarms() == {"ArrivedWaiting"}
    kept = day.taken(day.of("AWS::SQS::Queue", "ArrivedFailed"))
    assert sorted(kept.values()) == sorted(said[:2])
    log = day.world.functions.get(day.world.functions.named("IngestRaw")).running.lines()
    why = {line["message_id"]: line["code"] for line in log if "received" in line}
    assert {body: why[name] for name, body in kept.items()} == {
        said[0]: "invalid_input", said[1]: "object_missing",
    }  # fmt: skip
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
    day.world.functions.cool(select)  # as it is the next morning
    day.read.pop(select.name)
    day.world.dispatcher.schedule("Select", at("09:00", NEXT))
    day.world.dispatcher.drain()
    assert len(day.messages(letters)) == 1
    told = day.world.functions.get(select).running.lines()
    broken = [line for line in told if line.get("message") == "a model cannot be used"]
    assert {(line["model"], line["code"]) for line in broken} == {
        (f"match_result/{VERSION}", "model_checksum")
    }
    assert day.alarms() == {"OldModel"}


def _a_file_that_is_no_season(day: Day) -> None:
    """It is refused once, and kept; the next one that is good is stored."""
    day.world.site.spoilt = "E0"
    day.world.dispatcher.schedule("Site", at("07:00", NEXT))
    day.world.site.spoilt = ""
    assert day.world.dispatcher.drain() == 2
    assert day.alarms() == {"PayloadsRefused"}
    day.world.dispatcher.schedule("Site", at("09:00", NEXT))
    assert day.alarms() == set()


def _a_database_that_is_down(day: Day, letters: str) -> None:
    """Who asks is told to come again; what was to be done says so, and is done when it is back."""
    run, before = day.world.server.run, len(day.world.dispatcher.failed)
    run("ALTER DATABASE betting ALLOW_CONNECTIONS false")
    run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'betting'")
    day.world.dispatcher.schedule("Select", at("10:00", NEXT))
    day.world.dispatcher.schedule("Settle", at("23:45", NEXT))
    status, problem = day.ask("top3", Authorization=day.key)
    run("ALTER DATABASE betting ALLOW_CONNECTIONS true")
    assert (status, problem["code"]) == (503, "database_unavailable")
    why = {said.partition(":")[0] for _, said in day.world.dispatcher.failed[before:]}
    assert why == {"DatabaseUnavailableError"}
    expected = {"SelectTop3Errors", "SettlePicksErrors", "FailuresWaiting"}
    assert expected <= day.alarms()
    told = day.messages(day.of("AWS::SQS::Queue", "Failures"))
    assert len(told) == 2
    for one in told:
        day.world.dispatcher.again(one)
    day.world.dispatcher.drain()
    assert len(day.world.dispatcher.failed) == before + 6
    [letter] = day.messages(letters)
    assert "Sat 22 Mar 2025" in letter["Subject"]
    _, late = day.ask("top3", Authorization=day.key)
    assert late["as_of"] == f"{NEXT}T10:00:00Z"
    assert late["refused"]["already_begun"] > 0  # it is put back at a quarter to midnight
    assert all(at("23:45", NEXT) < _instant(one["kickoff"]) for one in late["picks"])
    assert day.alarms() == {"OldModel"}  # since the newer one was damaged


def _a_letter_that_cannot_be_sent(day: Day, letters: str) -> None:
    """Its slate is kept, and is told once when it is put back, as the runbook says."""
    sender = day.world.functions.get(day.world.functions.named("SendAlerts")).witness
    sender.fault = lambda call: (500, b"<ErrorResponse/>") if call.service == "sns" else None
    day.world.dispatcher.schedule("Select", at("09:00", LAST))
    day.world.dispatcher.drain()
    assert day.depth("SlateFailed") == 1
    assert day.messages(letters) == []
    assert "SlatesWaiting" in day.alarms()
    sender.fault = lambda call: None
    for body in day.taken(day.of("AWS::SQS::Queue", "SlateFailed")).values():
        day.put("Slate", body)  # as a move task of SQS does, which moto has not
    day.world.dispatcher.drain()
    assert day.depth("SlateFailed") == 0
    assert len(day.messages(letters)) == 1


def _instant(told: str) -> datetime:
    return datetime.fromisoformat(told)


def _the_record_holds(day: Day) -> None:
    """Every slate of these days, the late one too, was told before its picks kicked off."""
    address = make_url(day.world.server.url()).set(
        username="betting_settle_picks", database="betting"
    )
    engine = connect(address.render_as_string())
    proven = VerifyRecord(unit_of_work_factory(engine))()
    engine.dispose()
    assert proven.flaws == ()
    assert proven.counts["slates"] == 5


def _every_alarm_can_go_off(day: Day) -> None:
    """Those of this day did; the others watch what AWS itself tells, or what takes months."""
    assert going_off(day.environment, Told(), whole=True) == {"NoSlate", "NothingNear"}
    day.gone_off |= {"NoSlate", "NothingNear"}
    others = [
        one
        for one in day.environment.of("AWS::CloudWatch::Alarm")
        if one.name[:-8] not in day.gone_off
    ]
    assert {one.name[:-8] for one in others} == {
        *(f"{name}Errors" for name in ("Api", "IngestRaw", "MigrateDb", "SendAlerts")),
        *(f"{name}Throttles" for name in FUNCTIONS),
        *(f"{name}AsyncEventsDropped" for name in ASYNCHRONOUS),
        *(f"{name}DestinationDeliveryFailures" for name in ASYNCHRONOUS),
        *("ApiFailures", "ApiSlow", "ArrivedLate", "MissedWaiting", "UntoldWaiting"),
        *("TrainingsWaiting", "RetrainFailed", "PromoteFailed", "ClosingLineLost"),
        *("ResultsMissing", "DatabaseConnections", "DatabaseBusy", "DatabaseFull", "OldPrices"),
    }
    for alarm in others:
        for side in (-1, 1):
            told = Told()
            told.just_beyond(day.environment.properties(alarm), side)
            off = going_off(day.environment, told, periods=6)
            assert off == ({alarm.name[:-8]} if side == 1 else set())


def _what_is_not_allowed_is_found(day: Day) -> None:
    """The checks themselves: each right is needed, and any other connection is seen."""
    for warm in day.world.functions.started:
        statements = day.environment.of_function(warm.resource)
        for call in {call.action: call for call in warm.witness.calls}.values():
            without = [one for one in statements if not allowed(call, [one])]
            assert not allowed(call, without)
    warm = day.world.functions.get(day.world.functions.named("SettlePicks"))
    kept = warm.connections.read_text()
    warm.connections.write_text(kept + repr(("127.0.0.1", 9)) + "\n")
    with pytest.raises(AssertionError, match="connected elsewhere"):
        day.check()
    warm.connections.write_text(kept)
    warm.witness.calls.append(Call("secretsmanager", "secretsmanager:GetSecretValue", "another"))
    with pytest.raises(AssertionError, match=r"SettlePicks.* may not do"):
        day.check()
