"""The bucket of model artifacts."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from environments import Environment


class ModelsStack(cdk.Stack):
    """Model artifacts: private, encrypted, versioned, over TLS only.

    Attributes:
        bucket: where ``<market>/<version>/<file>`` and ``channels.json`` lie.
    """

    def __init__(self, scope: Construct, name: str, environment: Environment) -> None:
        super().__init__(scope, name)
        self.bucket = s3.Bucket(
            self,
            "Artifacts",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            removal_policy=(
                cdk.RemovalPolicy.RETAIN if environment.keep_data else cdk.RemovalPolicy.DESTROY
            ),
        )
