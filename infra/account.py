"""Before a deployment: whether the account has room for it, and whether everything is built.

``python -m infra.account dev`` says what to do, and fails where deploying would.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.environments import Environment, environment_of
from infra.paths import BUILT, LAYERS, ROOT

KEPT_BACK: Final = 100
"""Of an account's concurrency this much cannot be reserved."""

COMFORTABLE: Final = 1000
"""What accounts have that are not new; a request for it is granted as a rule."""


@dataclass(frozen=True)
class Account:
    """What Lambda grants an account in a region.

    Attributes:
        region: its name.
        at_once: functions that run at the same time, all together.
    """

    region: str
    at_once: int


@dataclass(frozen=True)
class Advice:
    """What to do before a deployment.

    Attributes:
        lines: for people.
        stops: whether deploying would fail.
    """

    lines: tuple[str, ...]
    stops: bool


def advise(
    account: Account,
    environment: Environment,
    unbuilt: Sequence[str] = (),
    absent: Sequence[str] = (),
) -> Advice:
    """What stands in the way of an environment, or soon will.

    Args:
        account: what there is.
        environment: what is to be deployed.
        unbuilt: layers that are missing.
        absent: functions that are.
    """
    needed = sum(environment.at_once.values())
    lines = [f"{account.region}: {account.at_once} functions may run at once"]
    stops = False
    if environment.reserve_concurrency and account.at_once < needed + KEPT_BACK:
        stops = True
        lines.append(
            f"{environment.name} reserves {needed} and AWS keeps {KEPT_BACK} back: at least "
            f"{needed + KEPT_BACK} are needed; switch reserve_concurrency off until then"
        )
    if account.at_once < needed + KEPT_BACK:
        lines.append(
            f"ask for {COMFORTABLE}: aws service-quotas request-service-quota-increase "
            f"--service-code lambda --quota-code L-B99A9384 --desired-value {COMFORTABLE} "
            f"--region {account.region}"
        )
    elif not environment.reserve_concurrency:
        lines.append("there is room to reserve: reserve_concurrency may be switched on")
    if not environment.emails:
        lines.append(f"nobody is told of slates: {environment.name} names no emails")
    if not environment.operators:
        lines.append(f"nobody is told of alarms: {environment.name} names no operators")
    if not environment.operators and not environment.emails:
        lines.append("nobody is told of cost: name operators, or emails at the least")
    if unbuilt:
        stops = True
        lines.append(f"layers are not built: {', '.join(unbuilt)}; run make layers")
    if absent:
        stops = True
        lines.append(f"functions are not in this checkout: {', '.join(absent)}")
    return Advice(tuple(lines), stops)


def read_account() -> Account:
    """The account of whoever is logged in.

    Raises:
        BotoCoreError: nobody is, or no region is set.
        ClientError: it may not be asked.
    """
    client = boto3.client("lambda", region_name=os.environ.get("AWS_REGION"))
    limit = client.get_account_settings()["AccountLimit"]
    return Account(client.meta.region_name, int(limit["ConcurrentExecutions"]))


def missing_layers(built: Path = BUILT) -> list[str]:
    """Layers that are not there."""
    return [name for name in LAYERS if not (built / name).is_dir()]


def missing_functions(environment: Environment) -> list[str]:
    """Functions of an environment that this checkout does not have."""
    return [
        name
        for name in environment.at_once
        if not (ROOT / "functions" / name / "handler.py").is_file()
    ]


def main(arguments: Sequence[str]) -> int:
    """Say what to do; 1 where deploying would fail. With ``--may`` only whether it is named."""
    names = [word for word in arguments if word != "--may"]
    try:
        [name] = names
        environment = environment_of(name)
    except ValueError as error:
        told = str(error) if len(names) == 1 else "name one environment: make deploy ENV=dev"
        print(told, file=sys.stderr)  # noqa: T201
        return 2
    if "--may" in arguments:
        return 0
    try:
        account = read_account()
    except (BotoCoreError, ClientError) as error:
        print(f"AWS cannot be asked: {error}", file=sys.stderr)  # noqa: T201
        return 1
    advice = advise(account, environment, missing_layers(), missing_functions(environment))
    print("\n".join(advice.lines), file=sys.stderr)  # noqa: T201
    return int(advice.stops)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
