"""The functions of the day, what starts them, and the step that upgrades the database first."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import triggers
from constructs import Construct

from infra.constructs.function import RETENTION, Asynchronous, Function, Size
from infra.constructs.layers import Layers
from infra.constructs.schedules import schedules_role
from infra.environments import (
    AT_ONCE,
    INGEST_BATCH,
    INGEST_MEGABYTES,
    INGEST_SECONDS,
    Environment,
)
from infra.stacks.alerts import AlertsStack
from infra.stacks.data import DataStack
from infra.stacks.models import ModelsStack
from infra.stacks.network import NetworkStack

AT: Final = "<aws.scheduler.scheduled-time>"
"""The scheduler puts the instant here that a schedule is for, the same when it tries again."""

MIGRATION: Final = cdk.Duration.minutes(14)
"""Longest that a deployment waits for the database to be upgraded."""


class ComputeStack(cdk.Stack):
    """Functions but the API.

    The database is upgraded before any function that uses it is made or changed.

    Attributes:
        functions: by name.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        network: NetworkStack,
        data: DataStack,
        models: ModelsStack,
        alerts: AlertsStack,
        layers: Path,
    ) -> None:
        super().__init__(scope, name)
        self._environment = environment
        self._network = network
        self._data = data
        self._layers = Layers(self, "Layers", layers)
        objects = {"OBJECTS_BUCKET": data.objects.bucket_name}
        artifacts = {"MODELS_BUCKET": models.bucket.bucket_name}

        fetch = self._function(
            "fetch_feeds",
            Size(seconds=600, memory=1024),
            {
                **objects,
                "NOTES_TABLE": data.notes.table_name,
                "FEED_SECRETS_ID": data.feed_secret.secret_arn,
            },
            Asynchronous(data.failures, hours=1),
        )
        fetch.allow("s3:GetObject", "s3:PutObject", on=[data.objects.arn_for_objects("raw/*")])
        fetch.allow("s3:PutObject", on=[data.objects.arn_for_objects("inbox/*")])
        fetch.allow("s3:ListBucket", on=[data.objects.bucket_arn])
        fetch.allow("dynamodb:GetItem", "dynamodb:PutItem", on=[data.notes.table_arn])
        fetch.allow("secretsmanager:GetSecretValue", on=[data.feed_secret.secret_arn])

        ingest = self._function(
            "ingest_raw",
            Size(seconds=INGEST_SECONDS, memory=INGEST_MEGABYTES),
            objects,
            database=True,
        )
        ingest.allow("s3:GetObject", "s3:PutObject", on=[data.objects.arn_for_objects("raw/*")])
        ingest.allow("s3:GetObject", on=[data.objects.arn_for_objects("inbox/*")])
        ingest.allow("s3:ListBucket", on=[data.objects.bucket_arn])
        ingest.function.add_event_source(
            sources.SqsEventSource(
                data.arrived,
                batch_size=INGEST_BATCH,
                max_batching_window=cdk.Duration.seconds(5),
                max_concurrency=AT_ONCE["ingest_raw"],
                report_batch_item_failures=True,
                enabled=not environment.apart,
            )
        )

        select = self._function(
            "select_top3",
            Size(seconds=300, memory=1769),
            artifacts,
            Asynchronous(data.failures, hours=1, done=alerts.queue),
            database=True,
            layers=("runtime", "inference", "domain"),
        )
        models.let_read(select)

        settle = self._function(
            "settle_picks",
            Size(seconds=300, memory=1024),
            objects,
            Asynchronous(data.failures, hours=6),
            database=True,
        )
        settle.allow("s3:PutObject", on=[data.objects.arn_for_objects("record/*")])

        migrate = self._migrate(objects | artifacts, models)
        self.functions = {one.name: one for one in (fetch, ingest, select, settle, migrate)}
        if not environment.apart:
            triggers.Trigger(
                self,
                "Migration",
                handler=migrate.function,
                timeout=MIGRATION,
                execute_before=[ingest, select, settle],
                execute_on_handler_change=True,
            )
            self._narrow_provider()
        self._schedules(fetch, select, settle)

    def _function(
        self,
        name: str,
        size: Size,
        variables: dict[str, str],
        asynchronous: Asynchronous | None = None,
        *,
        database: bool = False,
        layers: tuple[str, ...] = ("runtime", "domain"),
    ) -> Function:
        function = Function(
            self,
            name,
            self._environment,
            size=size,
            layers=self._layers.of(*layers),
            variables=variables | (self._data.login(name) if database else {}),
            place=self._network.place if database else None,
            asynchronous=asynchronous,
        )
        if database:
            self._data.let_in(function)
        return function

    def _migrate(self, variables: dict[str, str], models: ModelsStack) -> Function:
        """Upgrades, and does what operators ask: it alone logs in as who owns the database."""
        data = self._data
        migrate = Function(
            self,
            "migrate_db",
            self._environment,
            size=Size(seconds=13 * 60, memory=1769),
            layers=self._layers.of("runtime", "inference", "domain"),
            variables={
                **variables,
                **data.master_login(),
                "SECRETS_ID": data.application_secret.secret_arn,
                "NOTES_TABLE": data.notes.table_name,
            },
            place=self._network.place,
            asynchronous=Asynchronous(data.failures, hours=1),
        )
        cdk.CfnOutput(
            self,
            "MigrateDbName",
            value=migrate.function.function_name,
            description="What operators call: betting-ai --env",
        )
        migrate.allow("dynamodb:GetItem", on=[data.notes.table_arn])
        migrate.allow("secretsmanager:GetSecretValue", on=[data.application_secret.secret_arn])
        if not self._environment.apart:
            migrate.allow("secretsmanager:GetSecretValue", on=[data.master_secret.secret_arn])
        data.let_in_owner(migrate)
        migrate.allow(
            "s3:GetObject",
            on=[data.objects.arn_for_objects("raw/*"), data.objects.arn_for_objects("inbox/*")],
        )
        migrate.allow("s3:ListBucket", on=[data.objects.bucket_arn])
        migrate.allow(
            "s3:PutObject",
            on=[data.objects.arn_for_objects("raw/*"), data.objects.arn_for_objects("exports/*")],
        )
        models.let_read(migrate)
        return migrate

    def _narrow_provider(self) -> None:
        """What starts the migration is the construct's own: let it write its log, and no others."""
        provider = self.node.find_child(
            "AWSCDK.TriggerCustomResourceProviderCustomResourceProvider"
        )
        log = logs.LogGroup(
            self,
            "MigrationLog",
            retention=RETENTION[self._environment.log_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        role, handler = (provider.node.find_child(part) for part in ("Role", "Handler"))
        assert isinstance(role, cdk.CfnResource)  # noqa: S101 - tells the type checker
        assert isinstance(handler, cdk.CfnResource)  # noqa: S101
        role.add_property_deletion_override("ManagedPolicyArns")
        role.add_property_override(
            "Policies.1",
            {
                "PolicyName": "Log",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                            "Resource": log.log_group_arn,
                        }
                    ],
                },
            },
        )
        handler.add_property_override("LoggingConfig", {"LogGroup": log.log_group_name})

    def _schedules(self, fetch: Function, select: Function, settle: Function) -> None:
        # Its name is a fixed one: kept after a deployment that failed, it would stop the next.
        group = scheduler.ScheduleGroup(self, "Schedules", removal_policy=cdk.RemovalPolicy.DESTROY)
        started = [one.function.function_arn for one in (fetch, select, settle)]
        role = schedules_role(self, "lambda:InvokeFunction", started, self._data.missed)
        site = {"feeds": ["football_data"], "seasons": 2, "fixtures": True, "extra": True}
        live = {"feeds": ["odds_api", "cloudbet"], "hours": 36}

        def schedule(name: str, function: Function, hour: str, minute: str, **told: Any) -> None:  # noqa: ANN401
            scheduler.Schedule(
                self,
                name,
                schedule_group=group,
                schedule=scheduler.ScheduleExpression.cron(
                    hour=hour, minute=minute, time_zone=cdk.TimeZone.EUROPE_LONDON
                ),
                target=targets.LambdaInvoke(
                    function.function,
                    input=scheduler.ScheduleTargetInput.from_object({"at": AT, **told}),
                    role=role,
                    dead_letter_queue=self._data.missed,
                    retry_attempts=5,
                    max_event_age=cdk.Duration.hours(1),
                ),
                time_window=scheduler.TimeWindow.off(),
                enabled=self._environment.schedules and not self._environment.apart,
            )

        schedule("Site", fetch, "7,19", "0", **site)
        schedule("Prices", fetch, "8,14,18", "30", **live)
        schedule("Select", select, "9", "0")
        schedule("Results", fetch, "23", "30", **live, results=True)
        schedule("Settle", settle, "0,8", "45")
