"""The signer as the function runs it: by its environment, its stream, its log and its numbers.

The function runs on this package alone, so it tells CloudWatch by itself what it counts.

==============================  ==================================================================
variable                        what it is
==============================  ==================================================================
``SIGNER_ADDRESS``              the wallet, checksummed
``SIGNER_NETWORK``              ``mainnet`` or ``testnet``
``SIGNER_KEY_SECRET``           ARN of the secret with the key
``SIGNER_REQUESTERS_SECRET``    ARN of the secret with ``{"requester": ["secret", ...]}``
``SIGNER_COPIES_BUCKET``        the bucket with object lock
``SIGNER_INTENTS_TABLE`` ...    also ``APPROVALS``, ``QUOTES``, ``SIGNED`` and ``STATE``
==============================  ==================================================================
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from botocore.config import Config
from botocore.session import Session

from betting_signer.contract import Code, Refusal, Signed
from betting_signer.custody import SecretsManagerCustody, SecretsManagerRequesters
from betting_signer.dynamo import DynamoStore, S3Copies, Tables
from betting_signer.service import Signer

SERVICE: Final = "sign_transfer"
_CONFIG: Final = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
)


@cache
def signer() -> Signer:
    """The signer of this process, by its environment; nothing is asked before the first quote.

    Raises:
        KeyError: a variable is not set; its name alone is told.
    """
    variable = {
        name: os.environ[f"SIGNER_{name}"]
        for name in (
            *("ADDRESS", "NETWORK", "KEY_SECRET", "REQUESTERS_SECRET", "COPIES_BUCKET"),
            *("INTENTS_TABLE", "APPROVALS_TABLE", "QUOTES_TABLE", "SIGNED_TABLE", "STATE_TABLE"),
        )
    }
    session = Session()  # boto3 around it would only add transfers of files
    secrets, tables, copies = (
        session.create_client(name, config=_CONFIG) for name in ("secretsmanager", "dynamodb", "s3")
    )
    names = Tables(
        intents=variable["INTENTS_TABLE"],
        approvals=variable["APPROVALS_TABLE"],
        quotes=variable["QUOTES_TABLE"],
        signed=variable["SIGNED_TABLE"],
        signer=variable["STATE_TABLE"],
    )
    return Signer(
        address=variable["ADDRESS"],
        network=variable["NETWORK"],
        store=DynamoStore(tables, names),
        copies=S3Copies(copies, variable["COPIES_BUCKET"]),
        custody=SecretsManagerCustody(secrets, variable["KEY_SECRET"]),
        requesters=SecretsManagerRequesters(secrets, variable["REQUESTERS_SECRET"]),
        report=report,
    )


def answered(event: dict[str, Any]) -> dict[str, Any]:
    """Answer the quotes of a batch, in order; names the first that is to come again."""
    for record in event["Records"]:
        if record["eventName"] != "INSERT":  # quotes run out by themselves
            continue
        started = time.monotonic()
        again = _answer(record["dynamodb"])
        count("Failures", int(again))
        count("SignSeconds", time.monotonic() - started)
        if again:
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}


def _answer(change: Mapping[str, Any]) -> bool:
    """Answer one quote; says whether it is to come again."""
    quote = change["Keys"]["id"]["S"]
    try:
        outcome = signer().sign(change["NewImage"].get("body", {}).get("S", ""))
    except Exception as error:
        code = str(getattr(error, "code", ""))
        tell("error", "failed", quote=quote, error=type(error).__name__, code=code)
        return True
    match outcome:
        case Signed():
            count("Signed", 1)
            tell("info", "signed", quote=quote, attempt=outcome.attempt, hash=outcome.hash)
        case Refusal():
            count("SignRefused", 1)
            count("SignRefused", 1, reason=outcome.code.value)
            tell("warning", "refused", quote=quote, **outcome.content())
            return outcome.code is Code.BUSY
    return False


def report(event: str, facts: Mapping[str, Any]) -> None:
    """Tell of nonces that are out of order."""
    count("NonceGaps" if event == "gap" else "NoncesSkipped", 1)
    tell("warning", event, **facts)


def count(name: str, value: float, **dimensions: str) -> None:
    """Add to a number that CloudWatch keeps, in the format that its logs are read by."""
    unit = "Seconds" if name.endswith("Seconds") else "Count"
    names = {"service": SERVICE, **dimensions}
    metrics = {
        "Namespace": "BettingAI",
        "Dimensions": [list(names)],
        "Metrics": [{"Name": name, "Unit": unit}],
    }
    told = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [metrics]}
    _write({"_aws": told, **names, name: value})


def tell(level: str, message: str, **facts: object) -> None:
    """One line of the log."""
    _write({"level": level.upper(), "service": SERVICE, "message": message, **facts})


def _write(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
