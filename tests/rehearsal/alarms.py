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

    def just_beyond(self, asked: Mapping[str, Any], side: int) -> None:
        """A value that an alarm waits for, or the last one on the good side.

        Args:
            asked: the alarm's properties.
            side: 1 for a bad value, -1 for a good one.
        """
        above = asked["ComparisonOperator"].startswith("Greater")
        named = {one["Name"]: one["Value"] for one in asked.get("Dimensions", ())}
        value = float(asked["Threshold"]) + 0.5 * side * (1 if above else -1)
        self.add(asked["Namespace"], asked["MetricName"], value, **named)

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


def going_off(
    environment: Environment, told: Told, *, whole: bool = False, periods: int = 1
) -> set[str]:
    """The alarms that are in ALARM, by logical name, without the digits that follow it.

    Args:
        environment: with the alarms.
        told: of one period.
        whole: whether silence is told of as well, as it is when a period is over.
        periods: for how many in a row it was so.
    """
    return {
        alarm.name[:-8]
        for alarm in environment.of("AWS::CloudWatch::Alarm")
        if _breached(environment, alarm, told, whole, periods)
    }


def _breached(
    environment: Environment, alarm: Resource, told: Told, whole: bool, periods: int
) -> bool:
    asked = environment.properties(alarm)
    values = told.values.get(
        (
            asked["Namespace"],
            asked["MetricName"],
            frozenset((one["Name"], one["Value"]) for one in asked.get("Dimensions", ())),
        )
    )
    missing = whole and asked["TreatMissingData"] == "breaching"
    one = missing if not values else _compared(asked, values)
    # Before the periods in which something was told, there was nothing to tell.
    return one and (missing or periods >= int(asked["EvaluationPeriods"]))


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
