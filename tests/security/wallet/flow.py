"""A wallet whole: a real chain, either store, its signer and whoever carries its transfers."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from betting_ai.adapters.chain.nodes import EvmNodes
from betting_ai.adapters.wallet.desk import WalletDesk
from betting_ai.adapters.wallet.dynamo import DynamoRows
from betting_ai.adapters.wallet.postgres import PostgresRows, connecting
from betting_ai.clock import Clock, FixedClock, SystemClock
from betting_ai.domain.chains import Asset, default_assets
from betting_ai.domain.fees import FeeCeilings, FeeKind
from betting_ai.ports.feeds import Payload
from betting_ai.usecases.carry_transfers import CarryTransfers, Wallet
from betting_signer.contract import Approval, Code, Intent, Refusal
from betting_signer.copies import FolderCopies
from betting_signer.custody import KeystoreCustody, SecretsManagerCustody, stamps_of
from betting_signer.dynamo import DynamoStore, S3Copies, Tables
from betting_signer.policy import Policy
from betting_signer.postgres import PostgresStore, create_schema
from betting_signer.service import Signer
from betting_signer.state import Control
from chain.conftest import LIMITS
from chain.evm import COIN, GWEI, Chain
from fakes.aws import FakeAws
from security.signer import world as signers
from security.signer.world import ADDRESS, PASSWORD, SECRET

NETWORKS = {56: "mainnet", 97: "testnet"}
_numbers = count(1)


def payee(number: int) -> str:
    """An address that nobody has used."""
    from betting_signer.contract import checksummed

    return checksummed(f"0x{0xFEED_0000_0000 + number:040x}")


def policy(chain_id: int, payees: int = 64, token: str | None = None, **changes: Any) -> Policy:
    """A policy that lets the API pay some addresses."""
    to = [payee(number) for number in range(payees)]

    def asset(name: str) -> dict[str, Any]:
        return {
            "chain_id": chain_id, "asset": name, "per_transaction": str(COIN),
            "per_day": str(1000 * COIN), "per_week": str(1000 * COIN),
            "approval_above": str(COIN // 2),
            "gas_limit": 120_000, "fee_share_bps": 10_000, "worth": {"wei": "1", "units": "1"},
        }  # fmt: skip

    names = ["native", *([token] if token else [])]
    usual = {
        "version": 1, "network": NETWORKS[chain_id], "sender": ADDRESS,
        "chains": {str(chain_id): {
            "max_fee_per_gas": str(100 * GWEI), "max_priority_fee_per_gas": str(50 * GWEI),
            "first_nonce": 0, "nonce_jump": 5,
        }},
        "assets": [asset(name) for name in names],
        "rules": [
            {"id": f"pay-{n}", "chain_id": chain_id, "asset": name, "destinations": to,
             "requesters": ["api"]}
            for n, name in enumerate(names)
        ],
        "approvers": ["owner"], "velocity": {"most": 1000, "seconds": 3600},
        "cool_off": {"most": 1000, "seconds": 3600}, "replacements": 3, "gap_rule": "close-gaps",
    }  # fmt: skip
    return Policy.parse(json.loads(json.dumps(usual | changes)))


@dataclass
class Streams:
    """What is new in tables, told at least once: a row is told again until it is done with.

    Attributes:
        rows: names of the rows of a table as they are now.
        file: remembers what is done, as a stream's checkpoint outlives its reader.
    """

    rows: Callable[[str], list[tuple[str, str]]]
    file: Path

    def deliver(self, table: str, take: Callable[[str, str], object]) -> int:
        done = set(self.file.read_text().splitlines()) if self.file.exists() else set()
        number = 0
        for name, text in self.rows(table):
            if f"{table} {name}" not in done:
                take(name, text)
                with self.file.open("a") as file:
                    file.write(f"{table} {name}\n")
                number += 1
        return number


@dataclass
class Flow:
    """Everybody around one wallet.

    Attributes:
        told: how another process makes the same.
        desk: as requesters, approvers and the policy's approver have the store.
        store: as the signer has it.
        rows: as whoever reaches the chain has it.
        streams: of the store; None where it is asked instead.
        announced: receipts that were handed over.
    """

    told: dict[str, Any]
    chain_id: int
    desk: Any
    store: Any
    rows: Any
    copies: Any
    custody: Any
    streams: Streams | None
    clock: Clock = field(default_factory=SystemClock)
    announced: list[Payload] = field(default_factory=list)
    tokens: tuple[Asset, ...] = ()
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def close(self) -> None:
        self.stack.close()

    def signer(self, **changes: Any) -> Signer:
        usual = Signer(
            address=ADDRESS,
            network=NETWORKS[self.chain_id],
            store=self.store,
            copies=self.copies,
            custody=self.custody,
            requesters=lambda requester: stamps_of(json.dumps({"api": [SECRET]}), requester),
            clock=self.clock.now,
        )
        return replace(usual, **changes)

    def carry(self, *urls: str, announce: Any = None, gwei: int = 50) -> CarryTransfers:
        addresses = [SecretStr(url) for url in urls or [self.told["chain_url"]]]
        nodes = EvmNodes(self.chain_id, addresses, self.clock, LIMITS)
        self.stack.callback(nodes.close)
        wallet = Wallet(
            ADDRESS,
            tuple(a for a in default_assets(self.chain_id) if a.contract is None) + self.tokens,
            (),
            FeeCeilings(gwei * GWEI, gwei * GWEI, 500_000, 10_000),
            FeeKind.DYNAMIC,
        )
        desk = WalletDesk(self.rows, ADDRESS, self.chain_id, self.clock)
        return CarryTransfers(desk, nodes, self.clock, wallet, announce or self.announced.append)

    def states(self) -> WalletDesk:
        return WalletDesk(self.rows, ADDRESS, self.chain_id, self.clock)

    def state(self, wish: Intent) -> Any:
        return self.states().find(wish.intent_id)

    def under(self, chosen: Policy, **control: Any) -> None:
        self.desk.set_policy(chosen.dumps())
        until = self.clock.now() + timedelta(days=300)
        usual: dict[str, Any] = {
            "enabled": True, "policy_hash": chosen.policy_hash, "until": until, "released": 0,
        }  # fmt: skip
        self.desk.set_control(Control(**(usual | control)))

    def wish(self, to: int = 0, amount: int = COIN // 100, **changes: Any) -> Intent:
        """Put a wish."""
        at = self.clock.now().replace(microsecond=0)
        usual = Intent(
            operation="transfer",
            intent_id=f"wish-{next(_numbers)}-{os.getpid()}",
            requester="api",
            created_at=at,
            expires_at=at + timedelta(minutes=14),
            chain_id=self.chain_id,
            sender=ADDRESS,
            asset="native",
            to=payee(to),
            amount=amount,
        )
        wish = replace(usual, **changes)
        self.desk.put_intent(wish, wish.stamp(SECRET.encode()))
        return wish

    def approve(self, wish: Intent) -> None:
        at = self.clock.now().replace(microsecond=0)
        self.desk.put_approval(Approval(wish.request_hash, "owner", at))

    def sign(self, signer: Signer | None = None) -> list[Any]:
        """Answer the quotes that wait."""
        made, outcomes = signer or self.signer(), []

        def answer(_: str, text: str) -> None:
            outcome = made.sign(text)
            while isinstance(outcome, Refusal) and outcome.code is Code.BUSY:
                outcome = made.sign(text)
            outcomes.append(outcome)

        if self.streams is not None:
            self.streams.deliver("quotes", answer)
        else:
            for intent_id, quote_id, text in self.store.waiting_quotes():
                answer("", text)
                self.store.answered(intent_id, quote_id)
        return outcomes

    def begin(self, carry: CarryTransfers) -> None:
        """Tell of new intents where a stream does; a store that is asked needs no telling."""
        if self.streams is not None:
            self.streams.deliver("intents", lambda name, _: carry.begin(name))

    def go(self, carry: CarryTransfers | None = None, signer: Signer | None = None) -> Any:
        """Once everything: quote, sign, send and follow."""
        carry = carry or self.carry()
        self.begin(carry)
        carry()
        self.sign(signer)
        return carry()


def made(told: dict[str, Any], clients: Callable[[str], Any] | None = None) -> Flow:
    """A wallet as a text tells it, in whatever process; at a moment where it tells one."""
    folder = Path(told["folder"])
    at = told.get("at")
    clock = FixedClock(datetime.fromisoformat(at)) if at else SystemClock()
    stack = contextlib.ExitStack()
    custody: Any = KeystoreCustody(Path(told["keystore"]), lambda: PASSWORD)
    if told["store"] == "dynamo":
        assert clients is not None
        dynamo, tables = clients("dynamodb"), Tables(**told["tables"])
        store: Any = DynamoStore(dynamo, tables)
        rows: Any = DynamoRows(dynamo, tables, told["transfers"])
        copies: Any = S3Copies(clients("s3"), told["bucket"])
        custody = SecretsManagerCustody(clients("secretsmanager"), told["secret"])

        def scanned(table: str) -> list[tuple[str, str]]:
            found = dynamo.scan(TableName=told["tables"][table], ConsistentRead=True)["Items"]
            return sorted((one["id"]["S"], one["body"]["S"]) for one in found)

        streams = Streams(scanned, folder / "streams")
        return Flow(
            told, told["chain_id"], store, store, rows, copies, custody, streams, clock, stack=stack
        )
    url = told["url"]
    desk = PostgresStore(connecting(url))
    store = PostgresStore(connecting(url, "betting_signer"))
    rows = PostgresRows(connecting(url, "betting_broadcaster"))
    for one in (desk, store, rows):
        stack.callback(one.close)
    copies = FolderCopies(folder / "copies")
    return Flow(
        told, told["chain_id"], desk, store, rows, copies, custody, None, clock, stack=stack
    )


def transfers_table(aws: FakeAws) -> str:
    name = f"transfers-{next(_numbers)}"
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def on_dynamo(aws: FakeAws, chain: Chain, folder: Path) -> Flow:
    """On managed services."""
    told = {
        "store": "dynamo", "aws": aws.url, "chain_id": chain.chain_id, "chain_url": chain.url,
        "folder": str(folder), "keystore": "",
        "tables": vars(signers.dynamo_tables(aws)), "transfers": transfers_table(aws),
        "bucket": signers.locked_bucket(aws), "secret": signers.secret(aws, signers.KEY),
    }  # fmt: skip
    return _ready(made(told, aws.client), chain)


def on_postgres(url: str, chain: Chain, folder: Path) -> Flow:
    """On a server of one's own."""
    admin = signers.connection(url)
    create_schema(admin)
    admin.close()
    told = {
        "store": "postgres", "url": url, "chain_id": chain.chain_id, "chain_url": chain.url,
        "folder": str(folder), "keystore": str(signers.keystore_file(folder)),
    }  # fmt: skip
    return _ready(made(told), chain)


def _ready(flow: Flow, chain: Chain) -> Flow:
    chain("anvil_setBalance", ADDRESS, hex(100 * COIN))
    chain("anvil_setBlockTimestampInterval", 0)  # blocks that are mined at once are not to come
    chain.mine()
    flow.under(policy(flow.chain_id))
    return flow


def wait_for(what: Callable[[], bool], step: Callable[[], object], most: int = 60) -> None:
    """Do a step until something holds."""
    for _ in range(most):
        if what():
            return
        step()
    raise AssertionError("it never came to hold")


def now() -> datetime:
    return datetime.now(UTC)


Flows = Iterator[Flow]
