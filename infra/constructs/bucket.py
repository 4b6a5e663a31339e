"""A bucket as all of ours are: private, encrypted, versioned, over TLS only."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.environments import Environment


class PrivateBucket(s3.Bucket):
    """A bucket whose earlier versions are kept for 90 days, and who read it is written down."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        *,
        readings: s3.IBucket | None,
        locked: s3.ObjectLockRetention | None = None,
    ) -> None:
        """A bucket.

        Args:
            scope: of the stack.
            name: in the stack.
            environment: says whether it outlives the stack.
            readings: where it is written down who read; None for that bucket itself.
            locked: how long nobody can delete or overwrite an object; such a bucket always
                outlives its stack.
        """
        super().__init__(
            scope,
            name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            # Lines on who read come hours later: a bucket of them is never empty in time to go.
            removal_policy=(
                cdk.RemovalPolicy.RETAIN if locked or readings is None else fate(environment)
            ),
            object_lock_enabled=True if locked else None,
            object_lock_default_retention=locked,
            lifecycle_rules=[
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
                    noncurrent_version_expiration=cdk.Duration.days(90),
                    expiration=None if readings else cdk.Duration.days(90),
                )
            ],
        )
        if readings is not None:
            # By hand: the construct's own way would tie the two buckets' stacks both ways.
            resource = self.node.default_child
            assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - tells the type checker
            resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
                destination_bucket_name=readings.bucket_name,
                log_file_prefix=f"{name.lower()}/",
            )


def fate(environment: Environment) -> cdk.RemovalPolicy:
    """What becomes of data when its stack is deleted."""
    return cdk.RemovalPolicy.RETAIN if environment.keep_data else cdk.RemovalPolicy.DESTROY
