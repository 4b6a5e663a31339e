"""Whether the alarms of an environment would go off, by what its functions told."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rehearsal.template import Environment, Resource

Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions."""

_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass
class Told:
    """Values of metrics, all of one period."""

    values: defaultdict[Metric, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, namespace: str, name: str, value: float, **dimensions: str) -> None:
        self.values[namespace, name, frozenset(dimensions.items())].append(value)

    def read(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """What CloudWatch makes of a log's lines."""
        for line in lines:
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
                for names in directive["Dimensions"]:
                    dimensions = {name: str(line[name]) for name in names}
                    for metric in directive["Metrics"]:
                        told = line[metric["Name"]]
                        for value in told if isinstance(told, list) else [told]:
                            self.add(
                                directive["Namespace"], metric["Name"], float(value), **dimensions
                            )


def going_off(environment: Environment, told: Told) -> set[str]:
    """The alarms that are in ALARM, by logical name, without the digits that follow it."""
    return {
        alarm.name[:-8]
        for alarm in environment.of("AWS::CloudWatch::Alarm")
        if _breached(environment, alarm, told)
    }


def _breached(environment: Environment, alarm: Resource, told: Told) -> bool:
    asked = environment.properties(alarm)
    values = told.values.get(
        (
            asked["Namespace"],
            asked["MetricName"],
            frozenset((one["Name"], one["Value"]) for one in asked.get("Dimensions", ())),
        )
    )
    missing = asked["TreatMissingData"] == "breaching"
    one = missing if not values else _compared(asked, values)
    # Whatever was told is of one period; those before it had nothing to tell.
    return one and (missing or int(asked["EvaluationPeriods"]) == 1)


def _compared(asked: Mapping[str, Any], values: list[float]) -> bool:
    statistic = asked.get("Statistic") or asked["ExtendedStatistic"]
    found = {
        "Sum": np.sum,
        "Average": np.mean,
        "Maximum": np.max,
        "Minimum": np.min,
        "p99": lambda v: np.percentile(v, 99),
    }[statistic](values)
    return _COMPARED[asked["ComparisonOperator"]](float(found), float(asked["Threshold"]))
