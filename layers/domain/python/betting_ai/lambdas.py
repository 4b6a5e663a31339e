"""What the handlers of all functions share: one application a process, its log, its numbers.

The application lives as long as the process does, so that a warm function has its connection and
its models at hand.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics, Tracer

from betting_ai.bootstrap import App, build
from betting_ai.errors import InvalidInputError
from betting_ai.observability import configure
from betting_ai.settings import load_settings

NAMESPACE: Final = "BettingAI"

_stack: Final = ExitStack()


@cache
def application() -> App:
    """The use cases of this process; nothing is opened before it is needed.

    Raises:
        InvalidInputError: a variable of the environment does not parse.
    """
    return _stack.enter_context(build(load_settings()))


def tools(service: str) -> tuple[Logger, Tracer, Metrics]:
    """The function's logger, tracer and metrics.

    What the package logs is told on the same stream, in lines of JSON that hide secrets.

    Args:
        service: name of the function: the only dimension of its metrics.
    """
    configure(load_settings().log_level, stream=sys.stdout)
    logger = Logger(service=service, logger_handler=None)
    return logger, Tracer(service=service), Metrics(namespace=NAMESPACE, service=service)


def asked_at(event: dict[str, Any]) -> datetime:
    """The instant that an event of a schedule is for: ``at``, now where there is none.

    A schedule may fire twice and be tried again; whoever answers for the instant that it names
    gives the same answer each time.

    Raises:
        InvalidInputError: it is no instant, or one to come.
    """
    now = application().clock.now()
    told = event.get("at")
    if told is None:
        return now
    try:
        instant = datetime.fromisoformat(told)
    except (TypeError, ValueError):
        raise InvalidInputError(f"at: {told!r} is no instant") from None
    if instant.tzinfo is None:
        raise InvalidInputError(f"at: {told!r} names no time zone")
    if instant > now:
        raise InvalidInputError(f"at: {told} is yet to come")
    return instant.astimezone(UTC)
