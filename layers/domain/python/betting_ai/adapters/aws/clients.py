"""Clients of AWS services: short waits, few tries, and one of each kind a process."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

FAILURES: Final = (BotoCoreError, ClientError)
"""Everything that a call of a client may raise."""


@cache
def client(service: str, *, seconds: int = 20, attempts: int = 3) -> Any:  # noqa: ANN401 - made at run time from service descriptions
    """The client of a service; any number of threads may use it.

    Args:
        service: its name.
        seconds: to wait for an answer.
        attempts: most calls for one that fails.
    """
    config = Config(
        connect_timeout=3,
        read_timeout=seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        tcp_keepalive=True,
    )
    # Known to every other tool of AWS by this name too, but not to boto3.
    return boto3.client(service, region_name=os.environ.get("AWS_REGION"), config=config)


def code_of(error: BaseException) -> str:
    """The service's own word for what went wrong; empty where it gave no answer."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def told(error: BaseException) -> str:
    """What went wrong, in one short line without anything that was sent."""
    return code_of(error) or type(error).__name__
