"""One environment: its stacks, in the order in which they are deployed."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from constructs import Construct

from infra import nag
from infra.environments import Environment
from infra.paths import BUILT
from infra.stacks.alerts import AlertsStack
from infra.stacks.api import ApiStack
from infra.stacks.compute import ComputeStack
from infra.stacks.data import DataStack
from infra.stacks.models import ModelsStack
from infra.stacks.network import NetworkStack
from infra.stacks.observability import ObservabilityStack
from infra.stacks.signer import SignerStack


class EnvironmentStage(cdk.Stage):
    """All stacks of one environment, ``betting-ai-<name>``."""

    def __init__(self, scope: Construct, environment: Environment, layers: Path = BUILT) -> None:
        """Stacks.

        Args:
            scope: the app.
            environment: what differs.
            layers: folder of built layers.
        """
        super().__init__(scope, f"betting-ai-{environment.name}")
        network = NetworkStack(self, "network", environment)
        data = DataStack(self, "data", environment, network)
        models = ModelsStack(self, "models", environment, data)
        alerts = AlertsStack(self, "alerts", environment, data, layers)
        compute = ComputeStack(self, "compute", environment, network, data, models, alerts, layers)
        signer = None
        if environment.wallet is not None:
            signer = SignerStack(self, "signer", environment, environment.wallet, data, layers)
        api = ApiStack(self, "api", environment, network, data, models, layers, signer)
        api.add_stack_dependency(compute, "the database is upgraded before the API is replaced")
        ObservabilityStack(
            self, "observability", environment, data, models, alerts, compute, api, signer
        )
        cdk.Tags.of(self).add("environment", environment.name)
        nag.acknowledge(self, environment)
