"""A transfer through both functions as they are deployed, each told of the other's rows alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from betting_ai.adapters.aws.inbox import S3Inbox
from betting_ai.adapters.aws.object_store import S3Objects, S3RawStore
from betting_ai.ports.feeds import PayloadKind
from betting_ai.ports.repositories import TransferReceipt
from betting_ai.usecases.receipts import of_document
from betting_signer.audit import first_broken
from chain.evm import COIN, Chain, evm, relay
from fakes.aws import FakeAws
from functions.account import FUNCTIONS, cold, event
from functions.emulator import Running, built, layers_of, running
from functions.test_built import DATABASE, KEYS, started
from security.marks import nothing_told
from security.signer.world import ADDRESS
from security.wallet.flow import Flow, on_dynamo, payee
from security.wallet.on_lambda import News, account, failed, of

__all__ = ["built"]  # a fixture

pytestmark = pytest.mark.slow

NONE = {"batchItemFailures": []}
RUN = """
asked = json.loads({asked!r})
import handler
before = list(sys.modules)
class Context:
    function_name = invoked_function_arn = aws_request_id = "one"
    memory_limit_in_mb = 512
    get_remaining_time_in_millis = staticmethod(lambda: 30000)
one = Context()
told = [before, handler.handler(asked, one), {then}]
"""
"""What Lambda's Python runs to tell what is loaded before and after a batch."""


@pytest.fixture
def chain() -> Iterator[Chain]:
    with evm(97) as one:
        yield one


@pytest.fixture
def wallet(aws: FakeAws, chain: Chain, tmp_path: Path) -> Iterator[Flow]:
    flow = on_dynamo(aws, chain, tmp_path)
    yield flow
    flow.close()


def function(stack: ExitStack, built: Path, name: str, variables: dict[str, str]) -> Running:
    """A function as it is deployed, until the stack is closed."""
    layers, told = layers_of(name, built), of(name, variables)
    made = running(FUNCTIONS / name, layers, built / "tool", told, name=name)
    return stack.enter_context(made)


def receipts(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> dict[str, TransferReceipt]:
    """What was handed over to whoever ingests it, as that reads it; each is announced once."""
    with cold(monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL", variables["AWS_ENDPOINT_URL"])
        inbox = S3Inbox(S3RawStore(S3Objects(variables["BETTING_AI_OBJECTS_BUCKET"])))
        payloads = [inbox.payload(name) for name in inbox.names(PayloadKind.RECEIPTS, "wallet")]
    found = [one for payload in payloads for one in of_document(payload.content)]
    told = {one.intent_id: one for one in found}
    assert len(told) == len(found)
    return told


def test_a_wish_becomes_a_payment_and_a_receipt(
    built: Path,
    aws: FakeAws,
    chain: Chain,
    wallet: Flow,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ExitStack() as stack:
        node = stack.enter_context(relay(chain))
        variables = account(wallet, aws, node.url)
        send = function(stack, built, "broadcast_transfer", variables)
        sign = function(stack, built, "sign_transfer", variables)
        news = News(wallet, aws)
        chain.mine()  # nodes that stand still are not asked

        wish, dear = wallet.wish(amount=COIN // 7), wallet.wish(to=1, amount=COIN)
        asked = news("intents")
        assert send(asked) == NONE
        assert send(asked) == NONE  # a stream may tell twice
        quoted = news("quotes")
        assert len(quoted["Records"]) == 2
        assert sign(quoted) == NONE
        assert sign(quoted) == NONE
        signed = news("signed")
        rows = [one["dynamodb"]["Keys"]["id"]["S"] for one in signed["Records"]]
        # Why the dear one was refused lies beside; there is nothing to send of it.
        assert sorted(rows) == sorted([f"{wish.intent_id}#0", f"{dear.intent_id}#refused"])
        node.down = True
        assert send(signed) == failed(signed, rows.index(f"{wish.intent_id}#0"))
        node.down = False
        assert send(signed) == NONE
        assert send(signed) == NONE
        chain.receipt(wallet.state(wish).attempts[0].tx_hash)

        wallet.approve(dear)
        assert send(news("approvals")) == NONE
        assert sign(news("quotes")) == NONE
        assert send(news("signed")) == NONE
        chain.receipt(wallet.state(dear).attempts[0].tx_hash)

        chain.mine(15)
        told = send(event("broadcast_transfer", "minute"))
        assert told == {"open": 2, "changed": 2, "troubles": 0}
        log = "".join(send.log + sign.log)
        refused = [line["code"] for line in sign.lines() if line.get("message") == "refused"]
    found = receipts(monkeypatch, variables)
    assert {name: (one.state, one.units) for name, one in found.items()} == {
        wish.intent_id: ("final", COIN // 7), dear.intent_id: ("final", COIN),
    }  # fmt: skip
    assert (chain.balance(payee(0)), chain.balance(payee(1))) == (COIN // 7, COIN)
    assert chain.nonce(ADDRESS) == 2
    assert set(refused) == {"approval_required"}
    head = wallet.store.head(ADDRESS)
    lines = list(wallet.store.audit(ADDRESS, 1, head.audit_seq))
    assert first_broken(lines, (head.audit_seq, head.audit_hash)) is None
    (tmp_path / "log").write_text(log)
    nothing_told(tmp_path)


def test_what_follows_transfers_loads_no_database_and_no_keys_of_its_own(
    built: Path, aws: FakeAws, chain: Chain, wallet: Flow, tmp_path: Path
) -> None:
    """Once it has done everything that it does.

    web3 brings eth_account along, so it is there once the chain is asked; nothing that could get at
    a key of the wallet's is: neither its custody nor what signs.
    """
    variables = of("broadcast_transfer", account(wallet, aws, chain.url))
    wallet.wish()
    chain.mine()
    code = RUN.format(
        asked=json.dumps(News(wallet, aws)("intents")), then="handler.handler({}, one)"
    )
    modules, (before, begun, followed) = started(
        built, "broadcast_transfer", tmp_path / "opt", code, **variables
    )
    assert (begun, followed["open"], followed["troubles"]) == (NONE, 1, 0)
    roots = {name.split(".")[0] for name in modules}
    assert "web3" in roots
    assert not DATABASE & roots
    assert not KEYS & {name.split(".")[0] for name in before}
    ours = {name for name in modules if name.startswith("betting_signer.")}
    assert not {"custody", "signing", "service", "postgres"} & {name.split(".")[1] for name in ours}


def test_what_signs_loads_nothing_more_for_it(
    built: Path, aws: FakeAws, chain: Chain, wallet: Flow, tmp_path: Path
) -> None:
    wish = wallet.wish()
    chain.mine()
    carry = wallet.carry()
    wallet.begin(carry)
    variables = of("sign_transfer", account(wallet, aws, chain.url))
    code = RUN.format(asked=json.dumps(News(wallet, aws)("quotes")), then="None")
    modules, (_, answer, _) = started(built, "sign_transfer", tmp_path / "opt", code, **variables)
    assert answer == NONE
    assert wallet.store.signed(wish.intent_id, 0) is not None
    roots = {name.split(".")[0] for name in modules}
    assert "eth_keys" in roots
    assert not {"eth_account", "web3", "betting_ai", "boto3", *DATABASE} & roots
