"""A whole day of an environment, from the clock to the mail, on what is deployed.

The templates say who calls whom; real PostgreSQL, the real runtime, real match files. What a
function asks of AWS and where it connects to is held against its role and its network.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.account import event
from rehearsal.allowed import allowed
from rehearsal.conftest import World

pytestmark = pytest.mark.slow

DAY = "2025-03-15"


def at(clock: str, day: str = DAY) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}:00+00:00").astimezone(UTC)


def publish_models(world: World) -> None:
    """What `models publish` does, with the models of this checkout."""
    from betting_ai.adapters.aws.model_shelf import S3ModelShelf, read_folder
    from betting_ai.adapters.aws.object_store import S3Objects
    from functions.account import MODELS

    [bucket] = [
        one.physical for one in world.cloud.environment.of("AWS::S3::Bucket")
        if one.name.startswith("Artifacts")
    ]  # fmt: skip
    shelf = S3ModelShelf(S3Objects(bucket, world.cloud.client("s3")))
    for market, version in (("match_result", "2024-06-30"), ("over_under_2_5", "2024-06-30")):
        shelf.put(market, version, read_folder(MODELS / market / version))
        shelf.put_in_channel(market, version, "stable")
    shelf.objects.write("backtest.json", (MODELS / "backtest.json").read_bytes())


def mailbox(world: World) -> str:
    """A queue that subscribed to the topic of slates, as a person would by mail."""
    [topic] = [
        world.cloud.environment.value({"Ref": one.name}, one.stack)
        for one in world.cloud.environment.of("AWS::SNS::Topic")
        if not one.name.startswith("Alarms")
    ]
    sqs, sns = world.cloud.client("sqs"), world.cloud.client("sns")
    url: str = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
    return url


def mails(world: World, url: str) -> list[dict[str, Any]]:
    got = world.cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(one["Body"]) for one in got.get("Messages", [])]


def deploy(world: World) -> None:
    """What the Trigger of the template does before the functions are there."""
    environment = world.cloud.environment
    [trigger] = environment.of("Custom::Trigger")
    version = environment.resources[trigger.stack, trigger.body["Properties"]["HandlerArn"]["Ref"]]
    named = environment.properties(version)["FunctionName"]
    [function] = [one for one in environment.of("AWS::Lambda::Function") if one.physical == named]
    answer = world.functions(function, {})
    assert answer["exit_code"] == 0
    publish_models(world)


def check_what_was_done(world: World) -> None:
    """Nothing was asked for that a role does not allow, or that a network does not reach."""
    environment = world.cloud.environment
    endpoints = {
        environment.properties(one)["ServiceName"].rpartition(".")[2]: environment.properties(one)
        for one in environment.of("AWS::EC2::VPCEndpoint")
    }
    for warm in world.functions.warm.values():
        told = environment.properties(warm.resource)
        role = warm.resource.body["Properties"]["Role"]["Fn::GetAtt"][0]
        statements = environment.roles[warm.resource.stack, role]
        inside = "VpcConfig" in told
        for call in set(warm.witness.calls):
            assert allowed(call, statements), f"{warm.resource.name} may not do {call}"
            if inside:
                assert call.service in endpoints, f"{warm.resource.name} cannot reach {call}"
                document = endpoints[call.service]["PolicyDocument"]["Statement"]
                assert allowed(call, document), f"no endpoint lets {warm.resource.name} do {call}"
        reach = {warm.witness.port}
        if inside:
            reach.add(world.server.port)
        elif warm.resource.name.startswith("FetchFeeds"):
            reach.add(world.site.server_port)
        assert warm.ports() <= reach, f"{warm.resource.name} connected elsewhere"


def test_a_day(world: World) -> None:
    deploy(world)
    letters = mailbox(world)
    clock = world.dispatcher
    clock.schedule("Site", at("07:00"))
    # Two seasons of twenty-two leagues, and the notice with which S3 tries the line.
    assert clock.drain() == 2 * 22 + 1
    clock.schedule("Select", at("09:00"))
    clock.drain()
    [mail] = mails(world, letters)
    assert "Betting AI, Sat 15 Mar 2025" in mail["Subject"]
    clock.schedule("Settle", at("23:45", "2025-03-16"))
    clock.drain()
    assert clock.failed == []
    objects = world.cloud.client("s3")
    [bucket] = [
        one.physical for one in world.cloud.environment.of("AWS::S3::Bucket")
        if one.name.startswith("Objects")
    ]  # fmt: skip
    record = json.loads(objects.get_object(Bucket=bucket, Key="record/record.json")["Body"].read())
    assert len(record["slates"]) == 1

    # The same again, as schedules do, changes nothing and tells nobody twice.
    clock.schedule("Site", at("07:00"))
    clock.schedule("Select", at("09:00"))
    clock.drain()
    assert [one for one in mails(world, letters) if one["MessageId"] != mail["MessageId"]] == []
    api = world.functions.named("Api")
    health = world.functions(api, event("api", "health"))
    assert health["statusCode"] == 200
    for queue in world.cloud.environment.of("AWS::SQS::Queue"):
        arn = world.cloud.environment.value({"Fn::GetAtt": [queue.name, "Arn"]}, queue.stack)
        assert world.cloud.depth(arn) == 0, queue.name
    check_what_was_done(world)
