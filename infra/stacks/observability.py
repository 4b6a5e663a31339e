"""What is watched: a dashboard, alarms, and what it costs."""

from __future__ import annotations

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.metrics import ours
from infra.environments import Environment
from infra.stacks.alerts import AlertsStack
from infra.stacks.api import ApiStack
from infra.stacks.compute import ComputeStack
from infra.stacks.data import DataStack
from infra.stacks.models import ModelsStack
from infra.stacks.signer import SignerStack
from infra.stacks.signer_alarms import watch

CONNECTIONS: Final = 24
"""That functions may hold together."""

_MAILS: Final = 10
"""That one notification of a budget goes to at most."""

_LOST: Final = {
    "AsyncEventsDropped": "an event was dropped before its time",
    "DestinationDeliveryFailures": "the queue of failures, or of what follows, was not reached",
}
"""What Lambda tells of events that no queue has."""

_MISSING = cloudwatch.TreatMissingData
_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_DAY = cdk.Duration.days(1)
_FIVE = cdk.Duration.minutes(5)
_HOUR = cdk.Duration.hours(1)


class ObservabilityStack(cdk.Stack):
    """Alarms tell the topic of operators, when they begin and when they end."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        data: DataStack,
        models: ModelsStack,
        alerts: AlertsStack,
        compute: ComputeStack,
        api: ApiStack,
        signer: SignerStack | None,
    ) -> None:
        super().__init__(scope, name)
        self._tell = actions.SnsAction(alerts.alarms)
        self._functions = [*compute.functions.values(), alerts.send_alerts, api.function]
        self._last = {
            "Arrived": data.arrived.failed,
            "Slates": alerts.queue.failed,
            "Untold": alerts.untold,
            "Failures": data.failures,
            "Missed": data.missed,
            "Trainings": models.missed,
        }
        if signer is not None:
            self._functions += [signer.sign, signer.broadcast]
            self._last |= signer.last
            watch(signer, environment, self._alarm)
        # An environment that does nothing by itself is not missed.
        awake = environment.schedules and not environment.apart
        silence = _MISSING.BREACHING if awake else _MISSING.NOT_BREACHING
        self._business(silence)
        self._technical(data, models, api)
        graphs = []
        if not environment.apart:
            self._database(data)
            graphs = [
                data.database.metric_database_connections(period=_FIVE),
                data.database.metric_cpu_utilization(period=_FIVE),
            ]
        self._dashboard(api, graphs)
        self._cost(environment, alerts)

    def _business(self, silence: cloudwatch.TreatMissingData) -> None:
        # By the hour, as a day that begins a minute late, or has 25 hours, is no fault.
        self._alarm(
            "NoSlate",
            "no slate was selected for a day: look at the log of select_top3, then at Failures",
            ours("select_top3", "SlateSelected", "Sum", _HOUR),
            below=1,
            times=26,
            missing=silence,
        )
        # Days without a pick are many; without so much as a near miss there was nothing to look at.
        self._alarm(
            "NothingNear",
            "for a week nothing came near to a pick: are there prices? (summer has such weeks)",
            ours("select_top3", "PicksWithheld", "Sum", _DAY),
            below=1,
            times=7,
            missing=silence,
        )
        self._alarm(
            "ClosingLineLost",
            "picks lose to the closing line: stop betting, then see `performance`",
            ours("settle_picks", "ClvMean90d", "Average", _DAY),
            below=-1,
        )
        self._alarm(
            "OldPrices",
            "a slate was selected on prices of days before: look at the log of fetch_feeds",
            ours("select_top3", "PriceAgeSeconds", "Maximum", _DAY),
            above=100 * 3600,  # the season files' site has new ones twice a week
        )
        self._alarm(
            "OldModel",
            "the model in use is older than a season and a half: train, then promote",
            ours("select_top3", "ModelAgeHours", "Maximum", _DAY),
            above=24 * 550,
        )
        self._alarm(
            "FeedFailed",
            "a feed gave nothing more than once within a day: its log line says why",
            ours("fetch_feeds", "FeedFailed", "Sum", _DAY),
            above=1,
        )
        self._alarm(
            "PayloadsRefused",
            "payloads could not be read: `review`, and `doctor`",
            ours("ingest_raw", "PayloadsRefused", "Sum", _HOUR),
            above=0,
        )
        self._alarm(
            "ResultsMissing",
            "picks of long ago have no result: `review` for names that were not matched",
            ours("settle_picks", "ResultsMissing", "Maximum", _DAY),
            above=40,
        )

    def _technical(self, data: DataStack, models: ModelsStack, api: ApiStack) -> None:
        for function in self._functions:
            title = function.node.id
            self._alarm(
                f"{title}Errors",
                f"{function.name} failed: see its log",
                function.function.metric_errors(period=_FIVE, statistic="Sum"),
                above=0,
            )
            self._alarm(
                f"{title}Throttles",
                f"{function.name} was not let run: the account's concurrency, or its share of it",
                function.function.metric_throttles(period=_FIVE, statistic="Sum"),
                above=0,
                times=3,
            )
            if not function.asynchronous:
                continue
            for metric, what in _LOST.items():
                self._alarm(
                    f"{title}{metric}",
                    f"{what} for {function.name}: docs/runbooks/redrive.md",
                    function.function.metric(metric, period=_FIVE, statistic="Sum"),
                    above=0,
                )
        for title, queue in self._last.items():
            self._alarm(
                f"{title}Waiting",
                "something failed for good: docs/runbooks/redrive.md",
                waiting(queue),
                above=0,
            )
        self._alarm(
            "ArrivedLate",
            "payloads wait for an hour: is ingest_raw throttled, or the database down?",
            data.arrived.metric_approximate_age_of_oldest_message(
                period=_FIVE, statistic="Maximum"
            ),
            above=3600,
        )
        self._alarm(
            "ApiFailures",
            "the API answers with failures: the function's log, by request id",
            api.gateway.metric_server_error(period=_FIVE, statistic="Sum"),
            above=5,
        )
        self._alarm(
            "ApiSlow",
            "one call in a hundred takes more than five seconds",
            api.gateway.metric_latency(period=_FIVE, statistic="p99"),
            above=5000,
            times=3,
        )
        for project in (models.retrain, models.promote):
            self._alarm(
                f"{project.node.id}Failed",
                "models are not renewed: see the build's log",
                project.metric_failed_builds(period=_HOUR, statistic="Sum"),
                above=0,
            )

    def _database(self, data: DataStack) -> None:
        database = data.database
        self._alarm(
            "DatabaseConnections",
            "functions hold more connections than they should",
            database.metric_database_connections(period=_FIVE, statistic="Maximum"),
            above=CONNECTIONS,
        )
        self._alarm(
            "DatabaseBusy",
            "the database is busy for half an hour: a larger class, or a statement in its log",
            database.metric_cpu_utilization(period=_FIVE, statistic="Average"),
            above=80,
            times=6,
        )
        self._alarm(
            "DatabaseFull",
            "less than 2 GB of the disk are free",
            database.metric_free_storage_space(period=_FIVE, statistic="Minimum"),
            below=2 * 1024**3,
        )

    def _alarm(
        self,
        title: str,
        about: str,
        metric: cloudwatch.IMetric,
        *,
        above: float | None = None,
        below: float | None = None,
        times: int = 1,
        missing: cloudwatch.TreatMissingData = _MISSING.NOT_BREACHING,
    ) -> None:
        threshold = above if above is not None else below
        assert threshold is not None  # noqa: S101 - of this file's own calls
        alarm = cloudwatch.Alarm(
            self,
            title,
            alarm_description=about,
            metric=metric,
            comparison_operator=_ABOVE if above is not None else _BELOW,
            threshold=threshold,
            evaluation_periods=times,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(self._tell)
        alarm.add_ok_action(self._tell)

    def _dashboard(self, api: ApiStack, database: list[cloudwatch.Metric]) -> None:
        def graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
            return cloudwatch.GraphWidget(title=title, left=[*metrics], width=8, height=6)

        def each(what: str, period: cdk.Duration = _FIVE) -> list[cloudwatch.IMetric]:
            return [
                one.function.metric(what, period=period, statistic="Sum", label=one.name)
                for one in self._functions
            ]

        select = "select_top3"
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            default_interval=cdk.Duration.days(14),
            widgets=[
                [
                    graph(
                        "Slates",
                        ours(select, "SlateSelected", "Sum", _DAY),
                        ours(select, "PicksSelected", "Sum", _DAY),
                        ours(select, "PicksWithheld", "Sum", _DAY),
                    ),
                    graph(
                        "Closing line and edge, %",
                        ours("settle_picks", "ClvMean90d", "Average", _DAY),
                        ours(select, "EdgeAtSelection", "Average", _DAY),
                    ),
                    graph(
                        "Age of the model, hours", ours(select, "ModelAgeHours", "Maximum", _DAY)
                    ),
                ],
                [
                    graph(
                        "Age of prices, seconds", ours(select, "PriceAgeSeconds", "Maximum", _DAY)
                    ),
                    graph(
                        "Payloads",
                        ours("fetch_feeds", "PayloadsFetched", "Sum", _HOUR),
                        ours("ingest_raw", "PayloadsStored", "Sum", _HOUR),
                        ours("ingest_raw", "PayloadsRefused", "Sum", _HOUR),
                        ours("fetch_feeds", "FeedFailed", "Sum", _HOUR),
                    ),
                    graph(
                        "Settled, and told",
                        ours("settle_picks", "Settled", "Sum", _DAY),
                        ours("settle_picks", "ResultsMissing", "Maximum", _DAY),
                        ours("send_alerts", "AlertsSent", "Sum", _DAY),
                        ours("send_alerts", "AlertsRepeated", "Sum", _DAY),
                    ),
                ],
                [
                    graph("Errors", *each("Errors")),
                    graph("Throttles", *each("Throttles")),
                    graph(
                        "Failed for good",
                        *(waiting(queue).with_(label=name) for name, queue in self._last.items()),
                    ),
                ],
                [
                    graph(
                        "API, calls",
                        api.gateway.metric_count(period=_FIVE),
                        api.gateway.metric_client_error(period=_FIVE),
                        api.gateway.metric_server_error(period=_FIVE),
                    ),
                    graph(
                        "API, milliseconds",
                        api.gateway.metric_latency(period=_FIVE, statistic="p50"),
                        api.gateway.metric_latency(period=_FIVE, statistic="p99"),
                    ),
                    graph("Database", *database),
                ],
            ],
        )

    def _cost(self, environment: Environment, alerts: AlertsStack) -> None:
        """Operators are told by their topic: at 80 %, at all of it, and ahead of time.

        Where there are none, those who are told of slates are, by mail.
        """
        mails = () if environment.operators else environment.emails
        told = [
            budgets.CfnBudget.SubscriberProperty(subscription_type=kind, address=address)
            for kind, address in (
                ("SNS", alerts.alarms.topic_arn),
                *(("EMAIL", mail) for mail in mails[:_MAILS]),
            )
        ]

        def when(kind: str, share: int) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
            return budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=share,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=told,
            )

        budgets.CfnBudget(
            self,
            "Cost",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(
                    amount=environment.budget_usd, unit="USD"
                ),
            ),
            notifications_with_subscribers=[
                when("ACTUAL", 80),
                when("ACTUAL", 100),
                when("FORECASTED", 100),
            ],
        )


def waiting(queue: sqs.IQueue) -> cloudwatch.Metric:
    """How many messages wait in a queue."""
    return queue.metric_approximate_number_of_messages_visible(period=_FIVE, statistic="Maximum")
