"""Writes the templates of every environment: ``make synth``."""

from __future__ import annotations

import aws_cdk as cdk

from environments import ENVIRONMENTS
from stacks.models import ModelsStack


def build(app: cdk.App) -> cdk.App:
    """Add every environment's stacks to an app."""
    for environment in ENVIRONMENTS:
        stage = cdk.Stage(app, f"betting-ai-{environment.name}")
        cdk.Tags.of(stage).add("environment", environment.name)
        ModelsStack(stage, "models", environment)
    return app


if __name__ == "__main__":
    build(cdk.App()).synth()
