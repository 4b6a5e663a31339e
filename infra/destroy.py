"""Before an environment is deleted: what will be left, and empty buckets of what goes.

``python -m infra.destroy dev`` reads the templates that `make synth` wrote.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.environments import environment_of
from infra.paths import ROOT

TEMPLATES: Final = ROOT / "cdk.out"

_STAYS: Final = {
    "AWS::S3::Bucket": "bucket, with all versions in it",
    "AWS::DynamoDB::Table": "table",
    "AWS::SecretsManager::Secret": "secret",
    "AWS::KMS::Key": "key",
    "AWS::RDS::DBInstance": "a last snapshot of the database, which costs as its disk did",
}
_MADE_BY_AWS: Final = {
    "AWS::ApiGateway::Stage": "log group API-Gateway-Execution-Logs_*",
    "AWS::Lambda::Function": "log groups /aws/lambda/* of functions that only serve deployments",
}

_PROTECTED: Final = (
    "{what} protected; nothing was deleted: set protected=False in infra/environments.py,"
    " `make deploy`, and then destroy"
)


def stacks_of(environment: str, templates: Path) -> dict[str, dict[str, Any]]:
    """An environment's templates by the names of their stacks.

    Raises:
        OSError: they were not written.
    """
    folder = templates / f"assembly-betting-ai-{environment}"
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"].values()
    return {
        artifact["properties"]["stackName"]: json.loads(
            (folder / artifact["properties"]["templateFile"]).read_text()
        )
        for artifact in artifacts
        if artifact["type"] == "aws:cloudformation:stack"
    }


def remains(stacks: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What outlives the stacks, a line each."""
    for stack, template in stacks.items():
        kinds = {resource["Type"] for resource in template["Resources"].values()}
        for kind in sorted(kinds & set(_MADE_BY_AWS)):
            yield f"stays: {_MADE_BY_AWS[kind]} ({stack})"
        for name, resource in template["Resources"].items():
            kind, policy = resource["Type"], resource.get("DeletionPolicy")
            if policy in {"Retain", "Snapshot"} and kind in _STAYS:
                yield f"stays: {_STAYS[kind]} ({stack}/{name})"
            elif kind == "AWS::KMS::Key":
                yield f"stays for 30 days: key, to be called back until then ({stack}/{name})"
            if resource.get("Properties", {}).get("DeleteAutomatedBackups") is False:
                days = resource["Properties"]["BackupRetentionPeriod"]
                yield f"stays for {days} days: the database's own backups ({stack}/{name})"


def protected(stacks: Iterable[str]) -> list[str]:
    """Those of the stacks that AWS would not delete.

    Raises:
        BotoCoreError: nobody is logged in.
        ClientError: CloudFormation may not be asked.
    """
    client = _formation()
    found = []
    for name in stacks:
        try:
            [stack] = client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                continue
            raise
        if stack.get("EnableTerminationProtection"):
            found.append(name)
    return found


def doomed_buckets(stacks: dict[str, dict[str, Any]]) -> list[str]:
    """The buckets that go with their stacks, by their names in AWS.

    Raises:
        BotoCoreError: nobody is logged in.
        ClientError: CloudFormation may not be asked.
    """
    client = _formation()
    found = []
    for stack, template in stacks.items():
        doomed = {
            name
            for name, resource in template["Resources"].items()
            if resource["Type"] == "AWS::S3::Bucket" and resource["DeletionPolicy"] == "Delete"
        }
        if not doomed:
            continue
        try:
            pages = list(client.get_paginator("list_stack_resources").paginate(StackName=stack))
        except ClientError as error:
            if "does not exist" in str(error):
                continue
            raise
        found += [
            one["PhysicalResourceId"]
            for page in pages
            for one in page["StackResourceSummaries"]
            if one["LogicalResourceId"] in doomed and "PhysicalResourceId" in one
        ]
    return found


def _formation() -> Any:  # noqa: ANN401 - boto3 has no types
    return boto3.client("cloudformation", region_name=os.environ.get("AWS_REGION"))


def empty(bucket: str) -> int:
    """Delete every version of every object; returns how many.

    Raises:
        BotoCoreError: nobody is logged in.
        ClientError: S3 refuses, as a whole or one version.
    """
    client = boto3.client("s3", region_name=os.environ.get("AWS_REGION"))
    count = 0
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        keys = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
        if keys:
            done = client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
            for refused in done.get("Errors", ()):  # they come with an answer that is well
                raise ClientError({"Error": refused}, "DeleteObjects")
        count += len(keys)
    return count


def permitted(names: Sequence[str]) -> str:
    """The one environment that is named, if its file lets it go.

    Raises:
        ValueError: none or several are named, there is none of that name, or it is protected.
    """
    if len(names) != 1:
        raise ValueError("name one environment: make destroy ENV=dev")
    if environment_of(names[0]).protected:
        raise ValueError(_PROTECTED.format(what=f"{names[0]} is"))
    return names[0]


def main(arguments: Sequence[str]) -> int:
    """Say what stays, ask, and empty what goes; with ``--may`` only whether it may go at all."""
    try:
        name = permitted([word for word in arguments if word != "--may"])
        if "--may" in arguments:
            return 0
        stacks = stacks_of(name, TEMPLATES)
    except ValueError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    except OSError:
        print("there are no templates; run make synth", file=sys.stderr)  # noqa: T201
        return 2
    try:
        return _delete(name, stacks)
    except (BotoCoreError, ClientError) as error:
        print(f"AWS cannot be asked: {error}", file=sys.stderr)  # noqa: T201
        return 1


def _delete(name: str, stacks: dict[str, dict[str, Any]]) -> int:
    if still := protected(stacks):
        what = f"{', '.join(still)} {'are' if len(still) > 1 else 'is'} still"
        print(_PROTECTED.format(what=what), file=sys.stderr)  # noqa: T201
        return 1
    buckets = doomed_buckets(stacks)
    for line in remains(stacks):
        print(line)  # noqa: T201
    for bucket in buckets:
        print(f"goes, with all that is in it: {bucket}")  # noqa: T201
    try:
        answer = input(f"write {name} to go on: ")
    except EOFError:
        answer = ""
    if answer.strip() != name:
        print("nobody said yes; nothing was deleted", file=sys.stderr)  # noqa: T201
        return 1
    for bucket in buckets:
        print(f"{bucket}: {empty(bucket)} versions deleted")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
