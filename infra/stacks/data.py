"""What must not be lost: the database, payloads, notes, secrets; and the queues between."""

from __future__ import annotations

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.constructs.bucket import PrivateBucket, fate
from infra.constructs.function import Function, database_url
from infra.constructs.queues import LastQueue, WorkQueue
from infra.constructs.table import PrivateTable
from infra.environments import INGEST_SECONDS, Environment
from infra.stacks.network import NetworkStack

OWNER: Final = "betting_owner"
"""Who owns the database."""


class DataStack(cdk.Stack):
    """The stateful part of an environment.

    Attributes:
        database: PostgreSQL.
        readings: where it is written down who read a bucket.
        objects: ``raw/`` payloads, ``inbox/`` announcements, the ``record/``, and ``exports/``.
        notes: what feeds remember.
        once: what was done and must not be done twice.
        application_secret: holds ``root_secret``.
        feed_secret: holds the keys of live feeds; empty until somebody puts them there.
        arrived: notices of announcements.
        failures: what functions failed at for good.
        missed: what schedules could not start.
    """

    def __init__(
        self, scope: Construct, name: str, environment: Environment, network: NetworkStack
    ) -> None:
        super().__init__(scope, name, termination_protection=environment.protected)
        self._apart = environment.apart
        self.database = self._database(environment, network)
        self.arrived = WorkQueue(self, "Arrived", INGEST_SECONDS)
        self.failures = LastQueue(self, "Failures")
        self.missed = LastQueue(self, "Missed")
        self.readings = self._readings(environment)
        self.objects = self._objects(environment)
        self.notes = PrivateTable(self, "Notes", environment, "name")
        self.once = PrivateTable(self, "Once", environment, "id", expires="expiration")
        self.application_secret = secretsmanager.Secret(
            self,
            "ApplicationSecret",
            description="root_secret: signing secrets of application keys are derived from it",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template="{}",  # noqa: S106 - a template
                generate_string_key="root_secret",
                exclude_punctuation=True,
                password_length=64,
            ),
            removal_policy=fate(environment),
        )
        self.feed_secret = secretsmanager.Secret(
            self,
            "FeedSecret",
            description="odds_api_key and cloudbet_key, put there by hand",
            secret_string_value=cdk.SecretValue.unsafe_plain_text(
                '{"odds_api_key": "", "cloudbet_key": ""}'  # what is put there later stays
            ),
            removal_policy=fate(environment),
        )
        if self._apart:
            self._keep_told()

    def _keep_told(self) -> None:
        """Tell other stacks of the database still: they let go of it only after this stack."""
        for value in (
            self.database.db_instance_endpoint_address,
            self.database.instance_identifier,
            self.database.instance_resource_id,
            self.master_secret.secret_arn,
        ):
            self.export_value(value)

    @property
    def master_secret(self) -> secretsmanager.ISecret:
        """User and password of who owns the database; the service makes and changes them."""
        secret = self.database.secret
        assert secret is not None  # noqa: S101 - the service manages it
        return secret

    def login(self, function: str) -> dict[str, str]:
        """The variables that tell a function to log in as its own role, by token."""
        return {
            "DATABASE_URL": database_url(self._host, f"betting_{function}"),
            "DATABASE_AUTH": "iam",
            "DATABASE_MIGRATES": "false",
        }

    def master_login(self) -> dict[str, str]:
        """The variables of whoever owns the database."""
        told = {"DATABASE_URL": database_url(self._host, None)}
        return told if self._apart else told | {"DATABASE_SECRET": self.master_secret.secret_arn}

    @property
    def _host(self) -> str:
        # No stack may hold on to a database that is to be replaced.
        return "database.invalid" if self._apart else self.database.db_instance_endpoint_address

    def let_in(self, function: Function) -> None:
        """Let a function log in as its own role."""
        if self._apart:
            return
        self.database.grant_connect(function.role, f"betting_{function.name}")

    def let_in_owner(self, function: Function) -> None:
        """Let a function log in as who owns the database by token too, should RDS ask for one.

        It asks members of ``rds_iam``, which who makes roles that are members may become.
        """
        if not self._apart:
            self.database.grant_connect(function.role, OWNER)

    def _database(self, environment: Environment, network: NetworkStack) -> rds.DatabaseInstance:
        version = environment.database_version
        engine = rds.DatabaseInstanceEngine.postgres(
            version=rds.PostgresEngineVersion.of(version, version.partition(".")[0])
        )
        least, most = environment.database_gb
        database = rds.DatabaseInstance(
            self,
            "Database",
            engine=engine,
            instance_type=ec2.InstanceType(environment.database_class),
            database_name="betting",
            manage_master_user_password=True,
            credentials=rds.Credentials.from_username(OWNER),
            vpc=network.place.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            security_groups=[network.database],
            publicly_accessible=False,
            multi_az=environment.multi_az,
            storage_type=rds.StorageType.GP3,
            allocated_storage=least,
            max_allocated_storage=most,
            storage_encrypted=True,
            iam_authentication=True,
            ca_certificate=rds.CaCertificate.RDS_CA_RSA2048_G1,
            parameter_group=rds.ParameterGroup(
                self,
                "Parameters",
                engine=engine,
                description="TLS alone; slow statements are told",
                parameters={"rds.force_ssl": "1", "log_min_duration_statement": "1000"},
            ),
            backup_retention=cdk.Duration.days(environment.backup_days),
            preferred_backup_window="02:00-02:30",
            preferred_maintenance_window="Tue:03:00-Tue:03:30",
            # Raised by a deployment: one that AWS raises by itself can be put back by none, as
            # the template would ask for an older version than its snapshots have.
            auto_minor_version_upgrade=False,
            copy_tags_to_snapshot=True,
            delete_automated_backups=not environment.keep_data,
            deletion_protection=environment.protected,
            removal_policy=(
                cdk.RemovalPolicy.SNAPSHOT if environment.keep_data else cdk.RemovalPolicy.DESTROY
            ),
        )
        if environment.snapshot:
            resource = database.node.default_child
            assert isinstance(resource, rds.CfnDBInstance)  # noqa: S101 - tells the type checker
            resource.add_property_override("DBSnapshotIdentifier", environment.snapshot)
            for known in ("DBName", "DeleteAutomatedBackups", "MasterUsername", "StorageEncrypted"):
                resource.add_property_deletion_override(known)  # the snapshot's own
        return database

    def _readings(self, environment: Environment) -> s3.Bucket:
        bucket = PrivateBucket(self, "Readings", environment, readings=None)
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects("*")],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return bucket

    def _objects(self, environment: Environment) -> s3.Bucket:
        bucket = PrivateBucket(self, "Objects", environment, readings=self.readings)
        self.arrived.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.arrived.queue_arn],
                # The account, as the bucket has no name before the queue lets it in.
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        bucket.add_lifecycle_rule(prefix="exports/", expiration=cdk.Duration.days(7))
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - tells the type checker
        # By hand: the construct's own way brings a function that may change every bucket.
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                s3.CfnBucket.QueueConfigurationProperty(
                    event="s3:ObjectCreated:*",
                    queue=self.arrived.queue_arn,
                    filter=s3.CfnBucket.NotificationFilterProperty(
                        s3_key=s3.CfnBucket.S3KeyFilterProperty(
                            rules=[s3.CfnBucket.FilterRuleProperty(name="prefix", value="inbox/")]
                        )
                    ),
                )
            ]
        )
        bucket.node.add_dependency(self.arrived.node.find_child("Policy"))
        return bucket
