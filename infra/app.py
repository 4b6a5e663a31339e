"""Writes the templates of every environment: ``make synth``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from infra.environments import ENVIRONMENTS, Environment
from infra.paths import BUILT
from infra.stage import EnvironmentStage

_FLAGS: Final = {
    "@aws-cdk/core:checkSecretUsage": True,
    # The migration runs on each new version of its function; what it migrates to is in a layer.
    "@aws-cdk/aws-lambda:recognizeLayerVersion": True,
}


def build(
    app: cdk.App, environments: Iterable[Environment] = ENVIRONMENTS, layers: Path = BUILT
) -> cdk.App:
    """Add environments to an app, and the checks that every template has to pass.

    Args:
        app: empty.
        environments: to add.
        layers: folder of built layers; what is not there is left empty.
    """
    for flag, value in _FLAGS.items():
        app.node.set_context(flag, value)
    for environment in environments:
        EnvironmentStage(app, environment, layers)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    return app


if __name__ == "__main__":
    build(cdk.App()).synth()
