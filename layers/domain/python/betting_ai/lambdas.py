"""What the handlers of all functions share: one application a process, its log, its numbers.

The application lives as long as the process does, so that a warm function has its connection and
its models at hand.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache, wraps
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.bootstrap import App, build, load_ahead
from betting_ai.errors import InvalidInputError
from betting_ai.observability import configure
from betting_ai.settings import load_settings

NAMESPACE: Final = "BettingAI"

Handler = Callable[[dict[str, Any], LambdaContext], Any]

_stack: Final = ExitStack()


@cache
def application() -> App:
    """The use cases of this process; nothing is opened before it is needed.

    Raises:
        InvalidInputError: a variable of the environment does not parse.
    """
    return _stack.enter_context(build(load_settings()))


class Function:
    """One function's logger, tracer and metrics.

    Attributes:
        logger: tells on stdout, in lines of JSON, as the package's own loggers do.
        tracer: of X-Ray.
        metrics: whose only dimension is the function.
    """

    def __init__(self, name: str) -> None:
        """Set up the log of the process.

        Args:
            name: of the function.
        """
        settings = load_settings()
        configure(settings.log_level, stream=sys.stdout)
        load_ahead(settings)  # a start has more of a processor than a run
        self.logger = Logger(service=name)
        self.tracer = Tracer(service=name)
        self.metrics = Metrics(namespace=NAMESPACE, service=name)

    def handler(self, work: Handler) -> Handler:
        """What Lambda calls: the work, logged, traced and counted.

        ``Failures`` is told of every run, so that an alarm on it has something to look at.
        """

        @self.logger.inject_lambda_context(clear_state=True)
        @self.tracer.capture_lambda_handler(capture_response=False)
        @self.metrics.log_metrics(capture_cold_start_metric=True)
        @wraps(work)
        def handle(event: dict[str, Any], context: LambdaContext) -> Any:  # noqa: ANN401
            self.metrics.add_metric("Failures", MetricUnit.Count, 0)
            try:
                return work(event, context)
            except Exception:
                self.count("Failures", 1)
                raise

        return handle  # type: ignore[no-any-return]

    def count(self, name: str, number: int) -> None:
        """Add to what is counted in this run."""
        self.metrics.add_metric(name, MetricUnit.Count, number)


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
