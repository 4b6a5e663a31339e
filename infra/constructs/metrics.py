"""What functions count."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.constructs.function import NAMESPACE


def ours(
    function: str, name: str, statistic: str, period: cdk.Duration, **dimensions: str
) -> cloudwatch.Metric:
    """A metric that a function tells of by its log."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": function, **dimensions},
        statistic=statistic,
        period=period,
    )
