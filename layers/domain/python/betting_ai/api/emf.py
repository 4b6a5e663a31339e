"""Metrics of an application under Lambda: lines of its log that CloudWatch reads as metrics."""

from __future__ import annotations

from typing import Final

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE: Final = "BettingAI"


class EmfMetrics:
    """A `betting_ai.api.access.Watch` that writes one line of EMF for every request.

    CloudWatch bills every combination of dimensions as a metric of its own, so the service is the
    only one; route, status and reason are told beside the numbers, for who searches the log.
    """

    def began(self) -> None:
        """A request came; nothing is told before it is over."""

    def ended(
        self, method: str, route: str, status: int, seconds: float, reason: str | None
    ) -> None:
        """A request is over."""
        metrics = EphemeralMetrics(namespace=NAMESPACE, service="api")
        metrics.add_metric("Requests", MetricUnit.Count, 1)
        metrics.add_metric("Milliseconds", MetricUnit.Milliseconds, round(seconds * 1000, 3))
        metrics.add_metric("Failures", MetricUnit.Count, int(status >= 500))
        metrics.add_metric("Refused", MetricUnit.Count, int(reason is not None and status < 500))
        told = {"method": method, "route": route, "status": status, "reason": reason}
        for name, value in told.items():
            metrics.add_metadata(name, value)
        metrics.flush_metrics()
