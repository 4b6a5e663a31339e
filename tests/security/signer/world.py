"""A wallet, its policy and everybody around it, over each of the stores."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from eth_account import Account
from pg8000.native import Connection

from betting_ai.adapters.sql.engine import driver_arguments
from betting_signer.contract import Approval, Code, Intent, Outcome, Quote, Refusal
from betting_signer.copies import FolderCopies
from betting_signer.custody import (
    KeystoreCustody,
    SecretsManagerCustody,
    SecretsManagerRequesters,
    keystore,
    stamps_of,
)
from betting_signer.dynamo import DynamoStore, S3Copies, Tables
from betting_signer.policy import Allowed, Case, Policy
from betting_signer.postgres import PostgresStore, create_schema
from betting_signer.service import Signer
from betting_signer.state import Control, Head
from fakes.aws import REGION, FakeAws

KEY = "ca11ab1e" * 8
ADDRESS = Account.from_key(KEY).address
OTHER_KEY = "0ddba11" + "5eed" * 14 + "1"
FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"
STRANGER = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"
TOKEN = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # noqa: S105 - an address
SECRET = "the-requester's-secret-of-the-tests"  # noqa: S105 - of tests
PASSWORD = "a password of tests"  # noqa: S105 - of tests
NOW = datetime(2025, 3, 15, 9, tzinfo=UTC)
GWEI = 10**9
COIN = 10**18
_numbers = count(1)


def policy(**changes: Any) -> Policy:
    """The usual policy, with changes of its content."""
    usual: dict[str, Any] = {
        "version": 1,
        "network": "mainnet",
        "sender": ADDRESS,
        "chains": {
            "56": {
                "max_fee_per_gas": str(10 * GWEI),
                "max_priority_fee_per_gas": str(5 * GWEI),
                "first_nonce": 0,
                "nonce_jump": 5,
            }
        },
        "assets": [
            {
                "chain_id": 56,
                "asset": "native",
                "per_transaction": str(COIN),
                "per_day": str(3 * COIN),
                "per_week": str(10 * COIN),
                "approval_above": str(COIN // 2),
                "gas_limit": 30_000,
                "fee_share_bps": 100,
                "worth": {"wei": "1", "units": "1"},
            },
            {
                "chain_id": 56,
                "asset": TOKEN,
                "per_transaction": str(1000 * COIN),
                "per_day": str(2000 * COIN),
                "per_week": str(5000 * COIN),
                "approval_above": str(500 * COIN),
                "gas_limit": 100_000,
                "fee_share_bps": 100,
                "worth": {"wei": "1", "units": "600"},
            },
        ],
        "rules": [
            {
                "id": "coins-to-friend",
                "chain_id": 56,
                "asset": "native",
                "destinations": [FRIEND],
                "requesters": ["api"],
            },
            {
                "id": "tokens-to-friend",
                "chain_id": 56,
                "asset": TOKEN,
                "destinations": [FRIEND],
                "requesters": ["api"],
            },
        ],
        "approvers": ["owner"],
        "velocity": {"most": 1000, "seconds": 3600},
        "cool_off": {"most": 1000, "seconds": 3600},
        "replacements": 3,
        "gap_rule": "close-gaps",
    }
    return Policy.parse(json.loads(json.dumps(usual | changes)))


def with_asset(chosen: Policy, asset: str = "native", **changes: Any) -> Policy:
    """A policy with other caps for an asset."""
    assets = tuple(replace(one, **changes) if one.asset == asset else one for one in chosen.assets)
    return replace(chosen, assets=assets)


def with_chain(chosen: Policy, **changes: Any) -> Policy:
    """A policy with other ceilings."""
    return replace(chosen, chains={56: replace(chosen.chains[56], **changes)})


def intent(**changes: Any) -> Intent:
    """A wish that is granted, under an id of its own."""
    usual = Intent(
        operation="transfer",
        intent_id=f"intent-{next(_numbers)}",
        requester="api",
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
        chain_id=56,
        sender=ADDRESS,
        asset="native",
        to=FRIEND,
        amount=COIN // 10,
    )
    return replace(usual, **changes)


def quote(wish: Intent, **changes: Any) -> Quote:
    """A quote for a wish, under an id of its own."""
    usual = Quote(
        quote_id=f"quote-{next(_numbers)}",
        intent_id=wish.intent_id,
        purpose="transfer",
        chain_id=wish.chain_id,
        observed_at=NOW,
        nonce_floor=0,
        fee_kind="eip1559",
        gas_limit=21_000 if wish.asset == "native" else 65_000,
        max_fee_per_gas=3 * GWEI,
        max_priority_fee_per_gas=GWEI,
        native_balance=1000 * COIN,
        asset_balance=10**9 * COIN,
    )
    return replace(usual, **changes)


def dearer(quoted: Quote, wish: Intent, **changes: Any) -> Quote:
    """A quote to replace what another led to."""
    usual: dict[str, Any] = {
        "purpose": "replacement",
        "max_fee_per_gas": (quoted.max_fee_per_gas * 11 + 9) // 10,
        "max_priority_fee_per_gas": (quoted.max_priority_fee_per_gas * 11 + 9) // 10,
    }
    return replace(quote(wish), **(usual | changes))


@dataclass
class Hands:
    """A clock that is set by hand."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at


@dataclass
class World:
    """A wallet with a key, an approved policy and a switch that is on.

    Attributes:
        store: as the signer has it.
        desk: the same, as everybody else has it.
    """

    name: str
    store: Any
    desk: Any
    copies: Any
    custody: Any
    requesters: Any
    clock: Hands = field(default_factory=Hands)
    reports: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.under(policy())

    def under(self, chosen: Policy, **control: Any) -> Policy:
        """Put a policy, approve it and turn the switch on."""
        self.desk.set_policy(chosen.dumps())
        self.switch(policy_hash=chosen.policy_hash, **control)
        return chosen

    def switch(self, **changes: Any) -> None:
        """Turn the switch."""
        usual: dict[str, Any] = {
            "enabled": True,
            "policy_hash": policy().policy_hash,
            "until": NOW + timedelta(days=30),
            "released": 0,
        }
        self.desk.set_control(Control(**(usual | changes)))

    def write(self, name: str, text: str) -> None:
        """Put any text in the place of the switch or the policy."""
        if self.name == "dynamo":
            self.desk._set({"pk": name, "body": text})
        else:
            self.desk._set(name, text)

    def signer(self, **changes: Any) -> Signer:
        """The signer, or one that is different."""
        usual = Signer(
            address=ADDRESS,
            network="mainnet",
            store=self.store,
            copies=self.copies,
            custody=self.custody,
            requesters=self.requesters,
            clock=self.clock,
            report=lambda event, facts: self.reports.append((event, facts)),
        )
        return replace(usual, **changes)

    def put(self, wish: Intent, stamp: str | None = None) -> Intent:
        """Put a wish."""
        self.desk.put_intent(wish, wish.stamp(SECRET.encode()) if stamp is None else stamp)
        return wish

    def approve(self, wish: Intent, **changes: Any) -> Approval:
        """Put another person's word for a wish."""
        usual = Approval(wish.request_hash, "owner", self.clock.at)
        approval = replace(usual, **changes)
        self.desk.put_approval(approval)
        return approval

    def ask(self, wish: Intent, signer: Signer | None = None, **quoted: Any) -> Outcome:
        """Put a wish where it is new, and what the signer says to a quote for it."""
        self.put(wish)
        asked = quote(wish, observed_at=self.clock.at)
        return (signer or self.signer()).sign(replace(asked, **quoted).dumps())

    def lines(self) -> list[str]:
        """The whole audit."""
        head = self.store.head(ADDRESS)
        return list(self.store.audit(ADDRESS, 1, head.audit_seq))


@dataclass
class Watched:
    """A custody that counts how often its key is used, and keeps what it signed."""

    custody: Any
    made: list[bytes] = field(default_factory=list)

    def sign(self, address: str, transaction: Any) -> bytes:
        raw: bytes = self.custody.sign(address, transaction)
        self.made.append(raw)
        return raw


class Gone:
    """A custody during which the process ends."""

    def sign(self, *_: Any) -> bytes:
        raise KeyboardInterrupt


def decided(
    wish: Intent,
    chosen: Policy | None = None,
    quoted: Quote | None = None,
    at: datetime = NOW,
    head: Head | None = None,
    **case: Any,
) -> Allowed | Refusal:
    """What a policy says to a wish, without any store."""
    asked = quoted or quote(wish, observed_at=at)
    about = Case(wish, asked, head or Head(ADDRESS), at, **case)
    return (chosen or policy()).decide(about)


def code(outcome: Any) -> Code | None:
    """Why nothing was signed."""
    return outcome.code if isinstance(outcome, Refusal) else None


def at_once(work: Callable[[Any], Any], over: list[Any]) -> list[Any]:
    """The answers of as many threads as there are things to work on."""
    with ThreadPoolExecutor(len(over)) as pool:
        return list(pool.map(work, over))


def insisted(signer: Signer, text: str) -> Outcome:
    """What a signer says once it is not busy."""
    while code(outcome := signer.sign(text)) is Code.BUSY:
        pass
    return outcome


def dynamo_tables(aws: FakeAws) -> Tables:
    """Five fresh tables."""
    mark = next(_numbers)
    names = {name: f"{name}-{mark}" for name in vars(Tables())}
    keys = {"approvals": "request_hash", "signer": "pk"}
    client = aws.client("dynamodb")
    for name, table in names.items():
        key = keys.get(name, "id")
        client.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return Tables(**names)


def locked_bucket(aws: FakeAws) -> str:
    """A fresh bucket whose objects stay."""
    bucket = f"copies-{next(_numbers)}"
    aws.client("s3").create_bucket(
        Bucket=bucket,
        CreateBucketConfiguration={"LocationConstraint": REGION},
        ObjectLockEnabledForBucket=True,
    )
    return bucket


def secret(aws: FakeAws, text: str) -> str:
    """ARN of a fresh secret."""
    client = aws.client("secretsmanager")
    made = client.create_secret(Name=f"secret-{next(_numbers)}", SecretString=text)
    return str(made["ARN"])


def on_dynamo(aws: FakeAws) -> World:
    """All of it on managed services."""
    store = DynamoStore(aws.client("dynamodb"), dynamo_tables(aws))
    secrets = aws.client("secretsmanager")
    stamps = secret(aws, json.dumps({"api": [SECRET]}))
    return World(
        "dynamo",
        store,
        store,
        S3Copies(aws.client("s3"), locked_bucket(aws)),
        SecretsManagerCustody(secrets, secret(aws, KEY)),
        SecretsManagerRequesters(secrets, stamps),
    )


def connection(url: str, role: str = "") -> Connection:
    """A connection to a database, as one of the signer's roles."""
    address, arguments = driver_arguments(url)
    arguments.pop("ssl_context", None)
    made = Connection(address.username, database=address.database, **arguments)
    if role:
        made.run(f"SET ROLE {role}")
    return made


def keystore_file(folder: Path, key: str = KEY) -> Path:
    """An encrypted key that only its owner may read."""
    path = folder / f"keystore-{next(_numbers)}.json"
    path.touch(0o600)
    path.write_text(keystore(key, PASSWORD, iterations=2))
    return path


@contextmanager
def on_postgres(url: str, folder: Path) -> Iterator[World]:
    """All of it on a server of one's own."""
    admin = connection(url)
    create_schema(admin)
    admin.close()
    store = PostgresStore(lambda: connection(url, "betting_signer"))
    desk = PostgresStore(lambda: connection(url))
    stamps = json.dumps({"api": [SECRET]})
    yield World(
        "postgres",
        store,
        desk,
        FolderCopies(folder / "copies"),
        KeystoreCustody(keystore_file(folder), lambda: PASSWORD),
        lambda requester: stamps_of(stamps, requester),
    )
    store.close()
    desk.close()
