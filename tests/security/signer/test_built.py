"""The function as it is deployed signs, and what it tells has nothing of the key."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from fakes.aws import CREDENTIALS, REGION, FakeAws
from functions.account import FUNCTIONS, event
from functions.emulator import NOWHERE, built, layers_of, running
from security.signer.world import ADDRESS, KEY, SECRET, STRANGER, World, intent, on_dynamo, quote

__all__ = ["built"]  # a fixture

pytestmark = pytest.mark.slow


def environment(world: World, aws: FakeAws) -> dict[str, str]:
    """What the stack tells the function."""
    tables = world.store.tables
    return NOWHERE | {
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
        "SIGNER_ADDRESS": ADDRESS,
        "SIGNER_NETWORK": "mainnet",
        "SIGNER_KEY_SECRET": world.custody.secret_id,
        "SIGNER_REQUESTERS_SECRET": world.requesters.secret_id,
        "SIGNER_COPIES_BUCKET": world.copies.bucket,
        "SIGNER_INTENTS_TABLE": tables.intents,
        "SIGNER_APPROVALS_TABLE": tables.approvals,
        "SIGNER_QUOTES_TABLE": tables.quotes,
        "SIGNER_SIGNED_TABLE": tables.signed,
        "SIGNER_STATE_TABLE": tables.signer,
    }


def batch(*quotes: Any) -> dict[str, Any]:
    """What the stream tells of quotes."""
    [sample] = event("sign_transfer", "quote")["Records"]
    records = []
    for number, one in enumerate(quotes, 1):
        key = {"id": {"S": f"{one.intent_id}#{one.quote_id}"}}
        change = {"Keys": key, "NewImage": {**key, "body": {"S": one.dumps()}}}
        change["SequenceNumber"] = str(number)
        records.append(sample | {"dynamodb": change})
    return {"Records": records}


def test_the_built_function_signs_refuses_and_tells_nothing(built: Path, aws: FakeAws) -> None:
    world = on_dynamo(aws)
    now = datetime.now(UTC).replace(microsecond=0)  # the function's own clock
    world.clock.at = now
    world.switch(until=now + timedelta(hours=1))
    times = {"created_at": now, "expires_at": now + timedelta(minutes=10)}
    good, bad = world.put(intent(**times)), world.put(intent(to=STRANGER, **times))
    with running(
        FUNCTIONS / "sign_transfer", layers_of("sign_transfer", built), built / "tool",
        environment(world, aws), name="sign_transfer",
    ) as function:  # fmt: skip
        asked = batch(quote(bad, observed_at=now), quote(good, observed_at=now))
        assert function(asked) == {"batchItemFailures": []}
        assert function(asked) == {"batchItemFailures": []}  # a stream may tell twice
        told = [line for line in function.lines() if "message" in line]
        log = "".join(function.log)
    assert [line["message"] for line in told] == ["refused", "signed"] * 2
    signed = world.store.signed(good.intent_id, 0)
    assert Account.recover_transaction(signed.raw) == ADDRESS
    assert {line["hash"] for line in told if line["message"] == "signed"} == {signed.hash}
    assert world.store.signed(bad.intent_id, 0) is None
    assert log
    assert KEY.lower() not in log.lower()
    assert SECRET not in log
    assert json.loads(world.lines()[-1])["seq"] >= 2
