"""Models: where they lie, who trains them and who alone may put them to use."""

from __future__ import annotations

from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from constructs import Construct

from infra.constructs.bucket import PrivateBucket
from infra.constructs.function import RETENTION, Function
from infra.constructs.queues import LastQueue
from infra.constructs.schedules import schedules_role
from infra.environments import Environment
from infra.paths import ROOT
from infra.stacks.data import DataStack

MARKETS: Final = ("match_result", "over_under_2_5", "nba_winner", "tennis_winner")
"""Folders of models; each market has its own."""

_SOURCE: Final = (
    "Makefile",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "requirements",
    "layers/domain",
    "layers/signing",
)
"""What training is installed from."""


class ModelsStack(cdk.Stack):
    """Model artifacts, the weekly training and the step that may promote what came of it.

    Attributes:
        bucket: ``channels.json``, ``<market>/<version>/<file>``, and ``candidates/``.
        retrain: trains candidates.
        promote: puts a candidate to use where the rule says so.
        missed: trainings and promotions that could not be started.
    """

    def __init__(
        self, scope: Construct, name: str, environment: Environment, data: DataStack
    ) -> None:
        super().__init__(scope, name, termination_protection=environment.protected)
        self.bucket = PrivateBucket(self, "Artifacts", environment, readings=data.readings)
        self.missed = LastQueue(self, "Missed")
        self._code = self._source()
        variables = {
            "OBJECTS_BUCKET": data.objects.bucket_name,
            "MODELS_BUCKET": self.bucket.bucket_name,
            "HOME": "/tmp/betting-ai",  # noqa: S108 - on a machine of its own, thrown away after
            **environment.settings,
        }
        readable = [
            *(data.objects.arn_for_objects(f"{folder}/*") for folder in READABLE),
            self.bucket.arn_for_objects("*"),
        ]
        listed = [data.objects.bucket_arn, self.bucket.bucket_arn]
        self.retrain = self._project(
            "Retrain",
            environment,
            variables,
            codebuild.ComputeType.LARGE,
            hours=4,
            reads=readable,
            lists=listed,
            writes=[self.bucket.arn_for_objects("candidates/*")],
        )
        self.promote = self._project(
            "Promote",
            environment,
            variables,
            codebuild.ComputeType.SMALL,
            hours=1,
            reads=readable,
            lists=listed,
            writes=[
                self.bucket.arn_for_objects("channels.json"),
                *(self.bucket.arn_for_objects(f"{market}/*") for market in MARKETS),
                # Its figures are told to the database as any other payload is.
                data.objects.arn_for_objects("raw/*"),
                data.objects.arn_for_objects("inbox/*"),
            ],
        )
        self._then()
        self._weekly(environment)
        cdk.CfnOutput(self, "Bucket", value=self.bucket.bucket_name, description="Of models")
        for project in (self.retrain, self.promote):
            cdk.CfnOutput(self, f"{project.node.id}Name", value=project.project_name)

    def let_read(self, function: Function) -> None:
        """Let a function read what is in use; not the candidates."""
        function.allow(
            "s3:GetObject",
            on=[
                *(self.bucket.arn_for_objects(name) for name in ("channels.json", "backtest.json")),
                *(self.bucket.arn_for_objects(f"{market}/*") for market in MARKETS),
            ],
        )
        # Without it a file that is not there is refused and cannot be told from a forbidden one.
        function.allow("s3:ListBucket", on=[self.bucket.bucket_arn])

    def _source(self) -> assets.Asset:
        folders = sorted({path.split("/")[0] for path in _SOURCE if "/" in path})
        return assets.Asset(
            self,
            "Code",
            path=str(ROOT),
            ignore_mode=cdk.IgnoreMode.GIT,
            exclude=[
                "/*",
                *(line for folder in folders for line in (f"!/{folder}", f"/{folder}/*")),
                *(f"!/{path}" for path in _SOURCE),
                "__pycache__",
                "vendor",
            ],
        )

    def _project(
        self,
        name: str,
        environment: Environment,
        variables: dict[str, str],
        size: codebuild.ComputeType,
        *,
        hours: int,
        reads: list[str],
        lists: list[str],
        writes: list[str],
    ) -> codebuild.Project:
        """A machine that runs one target of the Makefile and may do no more than it is told."""
        code = self._code
        log = logs.LogGroup(
            self,
            f"{name}Log",
            retention=RETENTION[environment.log_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            self,
            f"{name}Role",
            assumed_by=self._service("codebuild.amazonaws.com"),
            description=f"What `make {name.lower()}` may do",
        )
        for actions, resources in (
            (["logs:CreateLogStream", "logs:PutLogEvents"], [log.log_group_arn]),
            (["s3:GetObject"], [code.bucket.arn_for_objects(code.s3_object_key)]),
            (["s3:GetObject"], reads),
            (["s3:ListBucket"], lists),
            (["s3:PutObject"], writes),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
        project = codebuild.Project(
            self,
            name,
            role=role.without_policy_updates(),  # the construct would add much more
            build_spec=codebuild.BuildSpec.from_object(build_spec(name.lower())),
            environment=codebuild.BuildEnvironment(
                build_image=codebuild.LinuxBuildImage.AMAZON_LINUX_2023_5,
                compute_type=size,
                privileged=False,
            ),
            environment_variables={
                f"BETTING_AI_{key}": codebuild.BuildEnvironmentVariable(value=value)
                for key, value in variables.items()
            },
            concurrent_build_limit=1,
            encryption_key=kms.Alias.from_alias_name(self, f"{name}Key", "alias/aws/s3"),
            grant_report_group_permissions=False,
            queued_timeout=cdk.Duration.hours(1),
            timeout=cdk.Duration.hours(hours),
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=log)
            ),
        )
        project.node.add_dependency(role.node.find_child("DefaultPolicy"))
        resource = project.node.default_child
        assert isinstance(resource, codebuild.CfnProject)  # noqa: S101 - tells the type checker
        # By hand: the construct's own way lets the role read all that is ever deployed.
        resource.add_property_override("Source.Type", "S3")
        resource.add_property_override(
            "Source.Location", f"{code.bucket.bucket_name}/{code.s3_object_key}"
        )
        return project

    def _then(self) -> None:
        """Promote after every training that succeeded."""
        self.retrain.on_build_succeeded(
            "Trained",
            target=targets.CodeBuildProject(
                self.promote,
                dead_letter_queue=self.missed,
                event_role=iam.Role(
                    self,
                    "TrainedRole",
                    assumed_by=self._service("events.amazonaws.com"),
                    description="What the end of a training may start",
                ),
            ),
        )

    def _service(self, name: str) -> iam.ServicePrincipal:
        """A service on behalf of this account, and of no other that it serves."""
        return iam.ServicePrincipal(
            name, conditions={"StringEquals": {"aws:SourceAccount": self.account}}
        )

    def _weekly(self, environment: Environment) -> None:
        """Train while no matches are played."""
        role = schedules_role(self, "codebuild:StartBuild", [self.retrain.project_arn], self.missed)
        scheduler.Schedule(
            self,
            "Weekly",
            schedule=scheduler.ScheduleExpression.cron(
                week_day="TUE", hour="4", minute="0", time_zone=cdk.TimeZone.EUROPE_LONDON
            ),
            target=scheduler_targets.CodeBuildStartBuild(
                self.retrain, role=role, dead_letter_queue=self.missed, retry_attempts=3
            ),
            time_window=scheduler.TimeWindow.off(),
            enabled=environment.retrains,
        )


READABLE: Final = ("raw", "inbox", "record")
"""What training reads of the objects: payloads, what they are, and what became of picks."""


def build_spec(target: str) -> dict[str, Any]:
    """What a machine of CodeBuild does: one target of the Makefile, as anywhere else."""
    return {
        "version": "0.2",
        "phases": {
            "install": {"runtime-versions": {"python": "3.13"}},
            "build": {"commands": [f"make {target}"]},
        },
    }
