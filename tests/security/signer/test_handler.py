"""The function: samples of its stream, its log and its numbers, and what comes again."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from betting_signer import lambdas
from betting_signer.contract import Intent, Quote
from betting_signer.state import DAY
from fakes.aws import CREDENTIALS, REGION, FakeAws
from security.signer.world import (
    ADDRESS,
    KEY,
    NOW,
    SECRET,
    STRANGER,
    World,
    intent,
    on_dynamo,
    quote,
)

FUNCTION = Path(__file__).resolve().parents[3] / "functions" / "sign_transfer"
CHANGE: dict[str, Any] = json.loads((FUNCTION / "events" / "quote.json").read_text())


@pytest.fixture
def world(aws: FakeAws) -> World:
    return on_dynamo(aws)


@pytest.fixture
def module(world: World, aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The function as it is after its start."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": aws.url,
        "SIGNER_ADDRESS": ADDRESS,
        "SIGNER_NETWORK": "mainnet",
        "SIGNER_KEY_SECRET": world.custody.secret_id,
        "SIGNER_REQUESTERS_SECRET": world.requesters.secret_id,
        "SIGNER_COPIES_BUCKET": world.copies.bucket,
        "SIGNER_INTENTS_TABLE": world.store.tables.intents,
        "SIGNER_APPROVALS_TABLE": world.store.tables.approvals,
        "SIGNER_QUOTES_TABLE": world.store.tables.quotes,
        "SIGNER_SIGNED_TABLE": world.store.tables.signed,
        "SIGNER_STATE_TABLE": world.store.tables.signer,
    }.items():
        monkeypatch.setenv(name, value)
    found = importlib.util.spec_from_file_location("sign_handler", FUNCTION / "handler.py")
    assert found is not None
    assert found.loader is not None
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    real = lambdas.signer

    def at_noon() -> Any:
        return replace(real(), clock=world.clock)

    monkeypatch.setattr(lambdas, "signer", at_noon)
    yield made
    real.cache_clear()


def record(asked: Quote, number: int = 1) -> dict[str, Any]:
    """What the stream tells of a quote."""
    made: dict[str, Any] = json.loads(json.dumps(CHANGE["Records"][0]))
    key = {"id": {"S": f"{asked.intent_id}#{asked.quote_id}"}}
    image = {**key, "body": {"S": asked.dumps()}, "expires": {"N": "1742029320"}}
    made["dynamodb"] |= {"Keys": key, "NewImage": image, "SequenceNumber": str(number)}
    return made


def lines(capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """(lines of the log, sums of what was counted by itself)."""
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    counts: dict[str, float] = {}
    for line in told:
        if "_aws" in line:
            [metrics] = line["_aws"]["CloudWatchMetrics"]
            [[*names]] = metrics["Dimensions"]
            [metric] = metrics["Metrics"]
            assert set(names) <= set(line)
            name = " ".join([metric["Name"], *(line[one] for one in names if one != "service")])
            counts[name] = counts.get(name, 0) + line[metric["Name"]]
    return [line for line in told if "_aws" not in line], counts


def test_the_sample_is_a_quote_of_the_contract() -> None:
    image = CHANGE["Records"][0]["dynamodb"]["NewImage"]
    asked = Quote.loads(image["body"]["S"])
    assert image["id"]["S"] == f"{asked.intent_id}#{asked.quote_id}"


@pytest.mark.parametrize(
    ("sample", "wanted"),
    [("quote", "unknown_intent"), ("poison", "unreadable"), ("run_out", None)],
)
def test_each_sample_is_answered(
    world: World,
    module: ModuleType,
    capsys: pytest.CaptureFixture[str],
    sample: str,
    wanted: str | None,
) -> None:
    change = json.loads((FUNCTION / "events" / f"{sample}.json").read_text())
    assert module.handler(change, None) == {"batchItemFailures": []}
    told, counts = lines(capsys)
    assert [line["code"] for line in told] == ([wanted] if wanted else [])
    if wanted:
        assert counts[f"SignRefused {wanted}"] == 1
        assert counts["Failures"] == 0


def test_a_batch_is_signed_and_refused(
    world: World, module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = world.put(intent()), world.put(intent(to=STRANGER))
    event = {"Records": [record(quote(bad), 1), record(quote(good), 2)]}
    assert module.handler(event, None) == {"batchItemFailures": []}
    [refused, signed], counts = lines(capsys)
    assert refused["code"] == "destination_not_allowed"
    assert signed["hash"] == world.store.signed(good.intent_id, 0).hash
    assert counts["Signed"] == 1
    assert counts["SignRefused"] == counts["SignRefused destination_not_allowed"] == 1
    assert counts["SignSeconds"] > 0
    again = module.handler(event, None)  # a stream may tell twice
    assert again == {"batchItemFailures": []}
    assert world.store.head(ADDRESS).used("56:native", DAY, NOW) == good.amount


def test_quotes_that_ran_out_are_nothing(world: World, module: ModuleType) -> None:
    gone = record(quote(intent())) | {"eventName": "REMOVE"}
    del gone["dynamodb"]["NewImage"]
    assert module.handler({"Records": [gone]}, None) == {"batchItemFailures": []}
    assert world.store.head(ADDRESS).version == 0


@pytest.mark.parametrize("image", [{}, {"body": {"N": "1"}}, {"body": {"S": "{"}}])
def test_poison_is_refused_once_and_kept(
    world: World, module: ModuleType, image: dict[str, Any]
) -> None:
    poison = record(quote(intent()))
    poison["dynamodb"]["NewImage"] = image
    assert module.handler({"Records": [poison]}, None) == {"batchItemFailures": []}
    assert '"code":"unreadable"' in world.lines()[-1]


def test_what_failed_comes_again_and_nothing_after_it_is_done(
    world: World,
    aws: FakeAws,
    module: ModuleType,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wishes: list[Intent] = [world.put(intent()) for _ in range(3)]
    event = {"Records": [record(quote(wish), n) for n, wish in enumerate(wishes, 1)]}
    secrets = aws.client("secretsmanager")
    module.handler({"Records": event["Records"][:1]}, None)
    secrets.update_secret(SecretId=world.requesters.secret_id, SecretString="not JSON")
    lines(capsys)
    assert module.handler(event, None) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    [line], counts = lines(capsys)
    assert (line["message"], line["error"], line["code"]) == ("failed", "CustodyError", "malformed")
    assert counts["Failures"] == 1
    text = json.dumps({"api": [SECRET]})
    secrets.update_secret(SecretId=world.requesters.secret_id, SecretString=text)
    assert module.handler(event, None) == {"batchItemFailures": []}
    assert world.store.head(ADDRESS).nonces == {56: 3}
    assert KEY not in capsys.readouterr().out


def test_nonces_out_of_order_are_counted(
    world: World, module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    module.handler({"Records": [record(quote(world.put(intent()), nonce_floor=2))]}, None)
    module.handler({"Records": [record(quote(world.put(intent()), nonce_floor=1))]}, None)
    _, counts = lines(capsys)
    assert counts["NoncesSkipped"] == 1
    assert counts["NonceGaps"] == 1


def test_a_missing_variable_is_told_by_its_name_alone(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SIGNER_NETWORK")
    answer = module.handler({"Records": [record(quote(intent()))]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    [line], _ = lines(capsys)
    assert line["error"] == "KeyError"
