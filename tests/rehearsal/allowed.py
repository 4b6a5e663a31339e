"""Whether a role may do what a function did, and whether it could reach where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from rehearsal.template import ACCOUNT, REGION


@dataclass(frozen=True)
class Call:
    """One call of AWS.

    Attributes:
        service: as in the names of actions.
        action: such as ``"s3:GetObject"``.
        resource: its ARN; ``"*"`` where the action has none.
    """

    service: str
    action: str
    resource: str


def call_of(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Call:
    """What a request asks for.

    Args:
        method: of HTTP.
        target: path and query.
        headers: by lower-case name.
        body: of the request.
    """
    credential = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", headers["authorization"])
    assert credential is not None, headers
    service = credential[1]
    if service == "s3":
        return _s3(method, target)
    if service in {"dynamodb", "secretsmanager", "sqs"}:
        action = headers["x-amz-target"].rpartition(".")[2]
        told = json.loads(body)
        return Call(service, f"{service}:{action}", _named(service, told))
    if service == "sns":
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        return Call(service, f"sns:{form['Action']}", form.get("TopicArn", "*"))
    raise AssertionError(f"a call of {service}: {method} {target}")


def _s3(method: str, target: str) -> Call:
    parts = urlsplit(target)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    arn = f"arn:aws:s3:::{bucket}"
    if not key:
        return Call("s3", "s3:ListBucket", arn)
    action = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
    return Call("s3", f"s3:{action[method]}", f"{arn}/{key}")


def _named(service: str, told: Mapping[str, Any]) -> str:
    if service == "dynamodb":
        return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{told['TableName']}"
    if service == "secretsmanager":
        return str(told["SecretId"])
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{told['QueueUrl'].rpartition('/')[2]}"


def allowed(call: Call, statements: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one statement allows a call and none denies it; conditions are taken to hold."""
    effects = {
        statement["Effect"]
        for statement in statements
        if any(fnmatchcase(call.action, one) for one in _list(statement["Action"]))
        and any(fnmatchcase(call.resource, one) for one in _list(statement["Resource"]))
    }
    return effects == {"Allow"}


def _list(told: Any) -> list[str]:
    return told if isinstance(told, list) else [told]
