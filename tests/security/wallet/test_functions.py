"""The function that reaches the chain: each of its sample events, and what it does with bad ones.

Its samples are of one morning: so are its clock and its chain.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from betting_ai import bootstrap
from betting_ai.clock import MovingClock
from betting_signer.contract import Approval, Intent, Refused, Signed
from chain.evm import COIN, Chain, Relay, evm, relay
from fakes.aws import FakeAws
from functions.account import FUNCTIONS, Account, Context, cold, event
from functions.test_handlers import metrics
from security.signer.world import ADDRESS, FRIEND
from security.wallet.flow import Flow, on_dynamo
from security.wallet.on_lambda import account, batch, failed, of

MORNING = datetime(2025, 3, 15, 9, tzinfo=UTC)
NONE = {"batchItemFailures": []}

Handle = Callable[[dict[str, Any]], Any]


def row(name: str) -> dict[str, Any]:
    """The item that a sample tells of."""
    [record] = event("broadcast_transfer", name)["Records"]
    image: dict[str, Any] = record["dynamodb"]["NewImage"]
    return image


SIGNED = Signed.loads(row("signed")["body"]["S"])
INTENT = Intent.loads(row("intent")["body"]["S"])


@pytest.fixture
def chain() -> Iterator[Chain]:
    with evm(56, "--timestamp", str(int(MORNING.timestamp()))) as one:
        yield one


@pytest.fixture
def node(chain: Chain) -> Iterator[Relay]:
    with relay(chain) as one:
        yield one


@pytest.fixture
def wallet(aws: FakeAws, chain: Chain, tmp_path: Path) -> Iterator[Flow]:
    flow = on_dynamo(aws, chain, tmp_path)
    flow.clock = MovingClock(MORNING.replace(second=20))
    yield flow
    flow.close()


@pytest.fixture
def module(
    wallet: Flow, aws: FakeAws, node: Relay, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    """The function as it is after its start."""
    variables = of("broadcast_transfer", account(wallet, aws, node.url))
    monkeypatch.setattr(bootstrap, "SystemClock", lambda: wallet.clock)
    with cold(monkeypatch):
        yield Account(monkeypatch, "", settings=variables).function("broadcast_transfer")


@pytest.fixture
def handle(module: ModuleType) -> Handle:
    return lambda asked: module.handler(asked, Context("broadcast_transfer"))


@pytest.fixture
def put(wallet: Flow, aws: FakeAws) -> Callable[..., dict[str, Any]]:
    """Puts items into a table, and tells of them as its stream would."""
    client = aws.client("dynamodb")

    def put(table: str, *items: dict[str, Any]) -> dict[str, Any]:
        for item in items:
            client.put_item(TableName=wallet.told["tables"][table], Item=item)
        return batch(table, *items)

    return put


Put = Callable[..., dict[str, Any]]


def asked(amount: int, name: str) -> dict[str, Any]:
    """An item of a wish like the sample's."""
    content = json.loads(row("intent")["body"]["S"])
    text = json.dumps(content | {"amount": str(amount), "intent_id": name})
    return row("intent") | {"id": {"S": name}, "body": {"S": text}}


def quotes(wallet: Flow) -> list[str]:
    assert wallet.streams is not None
    return [name for name, _ in wallet.streams.rows("quotes")]


def told(log: pytest.LogCaptureFixture, message: str) -> list[str]:
    """The codes of a message's lines, each once."""
    found = (str(vars(one)["code"]) for one in log.records if one.getMessage() == message)
    return list(dict.fromkeys(found))


def test_the_samples_belong_together() -> None:
    names = {path.stem for path in (FUNCTIONS / "broadcast_transfer" / "events").glob("*.json")}
    assert names == {"intent", "approval", "signed", "refused", "minute", "poison"}
    approval = Approval.loads(row("approval")["body"]["S"])
    assert approval.request_hash == INTENT.request_hash == SIGNED.request_hash
    refused = Refused.loads(row("refused")["body"]["S"])
    assert SIGNED.intent_id == refused.intent_id == INTENT.intent_id
    assert refused.request_hash == INTENT.request_hash


def test_a_refusal_begins_nothing(wallet: Flow, handle: Handle) -> None:
    assert handle(event("broadcast_transfer", "refused")) == NONE
    assert wallet.state(INTENT) is None
    assert quotes(wallet) == []


def test_from_the_sample_of_an_intent_to_its_receipt(
    wallet: Flow,
    chain: Chain,
    put: Put,
    handle: Handle,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put("intents", row("intent"))
    assert handle(event("broadcast_transfer", "intent")) == NONE
    assert wallet.state(INTENT).state.value == "quoted"
    assert len(quotes(wallet)) == 1
    assert handle(event("broadcast_transfer", "intent")) == NONE  # a stream may tell twice
    assert len(quotes(wallet)) == 1

    put("approvals", row("approval"))
    assert handle(event("broadcast_transfer", "approval")) == NONE
    assert len(quotes(wallet)) == 2  # an approval is a new beginning

    put("signed", row("signed"))
    for _ in range(2):
        assert handle(event("broadcast_transfer", "signed")) == NONE
    assert chain.receipt(SIGNED.hash)["status"] == "0x1"
    assert chain.balance(FRIEND) == INTENT.amount

    chain.mine(15)
    capsys.readouterr()
    told = handle(event("broadcast_transfer", "minute"))
    assert told == {"open": 1, "changed": 1, "troubles": 0}
    assert wallet.state(INTENT).state.value == "final"
    assert metrics(capsys.readouterr().out, "TransfersReported") == [1]
    assert handle(event("broadcast_transfer", "minute"))["open"] == 0
    assert chain.nonce(ADDRESS) == 1


def test_poison_is_counted_and_keeps_nobody_waiting(
    wallet: Flow, put: Put, handle: Handle, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever cannot be read, is nobody's, or is another wallet's."""
    other = json.loads(row("intent")["body"]["S"]) | {"sender": FRIEND, "intent_id": "other"}
    bad = [
        row("poison"),
        {"id": {"S": "other"}, "body": {"S": json.dumps(other)}, "stamp": {"S": ""}},
        {"id": {"S": "text"}, "body": {"S": "{"}, "stamp": {"S": ""}},
    ]
    several = put("intents", *bad, row("intent"))
    assert handle(several) == NONE
    out = capsys.readouterr().out
    assert sum(metrics(out, "IntentsUnreadable")) == 3
    assert metrics(out, "Failures") == [0]
    assert wallet.rows.listed() == ([INTENT.intent_id], [])
    assert len(quotes(wallet)) == 1
    assert handle(event("broadcast_transfer", "poison")) == NONE


def test_who_asks_for_too_much_keeps_nobody_waiting(
    wallet: Flow,
    put: Put,
    handle: Handle,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    several = put("intents", asked(10**6 * COIN, "too-much"), row("intent"))
    assert handle(several) == NONE
    assert [name.partition("#")[0] for name in quotes(wallet)] == [INTENT.intent_id]
    assert wallet.rows.listed()[0] == sorted(["too-much", INTENT.intent_id])
    assert told(caplog, "trouble") == ["insufficient_funds"]
    assert metrics(capsys.readouterr().out, "TransferTroubles") == [1]
    # Nor does it make approvals of others come again.
    assert handle(put("approvals", row("approval"))) == NONE
    assert len(quotes(wallet)) == 2


def test_what_waits_for_the_chain_is_not_lost(
    wallet: Flow,
    chain: Chain,
    node: Relay,
    put: Put,
    handle: Handle,
    caplog: pytest.LogCaptureFixture,
) -> None:
    node.down = True
    assert handle(put("intents", row("intent"))) == NONE
    assert wallet.state(INTENT).state.value == "quoted"
    assert quotes(wallet) == []
    assert handle(event("broadcast_transfer", "minute"))["open"] == 1
    assert told(caplog, "trouble") == ["chain_offline"]
    node.down = False
    assert handle(event("broadcast_transfer", "minute"))["troubles"] == 0
    assert len(quotes(wallet)) == 1

    node.down = True
    signed = put("signed", row("signed"))
    assert handle(signed) == failed(signed, 0)  # the stream tells it again at once
    assert chain.nonce(ADDRESS) == 0
    node.down = False
    node.swallows = "eth_sendRawTransaction"  # taken, and nobody says so
    assert handle(signed) == failed(signed, 0)
    node.swallows = None
    assert handle(signed) == NONE
    assert chain.receipt(SIGNED.hash)["status"] == "0x1"
    assert (chain.nonce(ADDRESS), chain.balance(FRIEND)) == (1, INTENT.amount)


def test_of_a_batch_what_failed_comes_again(
    wallet: Flow,
    put: Put,
    handle: Handle,
    aws: FakeAws,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A row whose state cannot be kept; those before it and after it are done."""
    wishes = [asked(COIN // 100 + place, f"wish-{place}") for place in range(3)]
    several = put("intents", *wishes)
    client, table = aws.client("dynamodb"), wallet.told["transfers"]
    # A state that is not of this version's making is in the way of the second.
    bad = {"id": {"S": "transfer#wish-1"}, "version": {"N": "1"}, "body": {"S": "{"}}
    client.put_item(TableName=table, Item=bad)
    assert handle(several) == failed(several, 1)
    assert metrics(capsys.readouterr().out, "RowsFailed") == [1]
    assert {name.partition("#")[0] for name in quotes(wallet)} == {"wish-0", "wish-2"}
    client.delete_item(TableName=table, Key={"id": bad["id"]})
    assert handle({"Records": several["Records"][1:]}) == NONE
    assert {name.partition("#")[0] for name in quotes(wallet)} == {"wish-0", "wish-1", "wish-2"}


def test_a_store_that_is_away_lets_everything_come_again(
    wallet: Flow,
    put: Put,
    handle: Handle,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    several = put("intents", row("intent"), asked(COIN // 100, "second"))
    wallet.rows.client.delete_table(TableName=wallet.told["transfers"])
    assert handle(several) == failed(several, 0, 1)
    assert told(caplog, "a row failed") == ["storage_unavailable"]
    assert metrics(capsys.readouterr().out, "RowsFailed") == [2]


def test_a_signature_of_something_else_is_not_sent(
    chain: Chain, put: Put, handle: Handle, caplog: pytest.LogCaptureFixture
) -> None:
    put("intents", asked(INTENT.amount + 1, INTENT.intent_id))
    signed = put("signed", row("signed"))
    assert handle(signed) == failed(signed, 0)
    assert chain.nonce(ADDRESS) == 0
    assert told(caplog, "a row failed") == ["wrong_transaction"]
