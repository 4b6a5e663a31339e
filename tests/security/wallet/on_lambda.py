"""The wallet's two functions as AWS runs them: what the stack tells them, and their streams."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from fakes.aws import CREDENTIALS, REGION, FakeAws
from functions.account import event
from security.signer import world as signers
from security.signer.world import ADDRESS, SECRET
from security.wallet.flow import NETWORKS, Flow

KEYS = {"approvals": "request_hash"}
"""What a table is keyed by where it is not ``id``."""

_numbers = count(1)


def account(flow: Flow, aws: FakeAws, *urls: str) -> dict[str, str]:
    """What the stack tells both functions, over the tables of a wallet; makes what else they need.

    Args:
        flow: the wallet, on DynamoDB.
        aws: where it is.
        urls: of the chain.
    """
    objects = f"objects-{next(_numbers)}"
    aws.client("s3").create_bucket(
        Bucket=objects, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    stamps = json.dumps({"api": [SECRET]})
    tables = {f"{name.upper()}_TABLE": table for name, table in flow.told["tables"].items()}
    network = NETWORKS[flow.chain_id]
    theirs = {
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
        "POWERTOOLS_TRACE_DISABLED": "1",
    }
    signs = tables | {
        "ADDRESS": ADDRESS,
        "NETWORK": network,
        "KEY_SECRET": flow.told["secret"],
        "REQUESTERS_SECRET": signers.secret(aws, stamps),
        "COPIES_BUCKET": flow.told["bucket"],
        "STATE_TABLE": tables["SIGNER_TABLE"],
    }
    sends = tables | {
        "HOME": "/tmp/betting-ai",  # noqa: S108 - as in Lambda
        "WALLET_ADDRESS": ADDRESS,
        "WALLET_NETWORK": network,
        "WALLET_ASSETS": "BNB",  # this chain has no other
        "RPC_SECRET": signers.secret(aws, json.dumps(urls)),
        "TRANSFERS_TABLE": flow.told["transfers"],
        "OBJECTS_BUCKET": objects,
    }
    theirs |= {f"SIGNER_{name}": value for name, value in signs.items()}
    return theirs | {f"BETTING_AI_{name}": value for name, value in sends.items()}


def of(function: str, variables: dict[str, str]) -> dict[str, str]:
    """What one of the functions is told: nothing of what is the other's."""
    others = "BETTING_AI_" if function == "sign_transfer" else "SIGNER_"
    return {name: value for name, value in variables.items() if not name.startswith(others)}


@dataclass
class News:
    """The streams of a wallet's tables: each row once, as DynamoDB tells of a new one."""

    flow: Flow
    aws: FakeAws
    told: set[str] = field(default_factory=set)

    def __call__(self, table: str) -> dict[str, Any]:
        """The batch of what is new in a table."""
        name = self.flow.told["tables"][table]
        items = self.aws.client("dynamodb").scan(TableName=name, ConsistentRead=True)["Items"]
        key = KEYS.get(table, "id")
        new = sorted(
            (one for one in items if f"{table} {one[key]['S']}" not in self.told),
            key=lambda one: str(one[key]["S"]),
        )
        self.told |= {f"{table} {one[key]['S']}" for one in new}
        return batch(table, *new)


def batch(table: str, *items: dict[str, Any]) -> dict[str, Any]:
    """A batch of rows that were put into a table, each an item in DynamoDB's own JSON."""
    [sample] = event("broadcast_transfer", "intent")["Records"]
    arn = sample["eventSourceARN"].replace("table/intents", f"table/{table}")
    key = KEYS.get(table, "id")
    records = []
    for item in items:
        number = f"4{next(_numbers):020}"
        change = {
            "Keys": {key: item[key]}, "NewImage": item, "SequenceNumber": number,
        }  # fmt: skip
        told = {"eventID": number, "eventSourceARN": arn, "dynamodb": sample["dynamodb"] | change}
        records.append(sample | told)
    return {"Records": records}


def failed(batch: dict[str, Any], *places: int) -> dict[str, Any]:
    """The answer that lets some rows of a batch come again."""
    numbers = [batch["Records"][place]["dynamodb"]["SequenceNumber"] for place in places]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}
