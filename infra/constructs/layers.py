"""Layers, as `make layers` built them."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.paths import LAYERS, UNBUILT


class Layers(Construct):
    """The layers of one stack.

    Every stack has its own: a version that other stacks import could never be replaced while they
    do. The bytes are uploaded once.
    """

    def __init__(self, scope: Construct, name: str, built: Path) -> None:
        super().__init__(scope, name)
        self._built = built
        self._made: dict[str, lambda_.ILayerVersion] = {}

    def of(self, *names: str) -> list[lambda_.ILayerVersion]:
        """The layers of these names, in order."""
        return [self._layer(name) for name in names]

    def _layer(self, name: str) -> lambda_.ILayerVersion:
        if name not in LAYERS:
            raise ValueError(f"there is no layer {name!r}")
        if name not in self._made:
            folder = self._built / name
            self._made[name] = lambda_.LayerVersion(
                self,
                name.capitalize(),
                # Templates can be written and looked at before anything is built; deploying
                # refuses (`infra.account`).
                code=lambda_.Code.from_asset(str(folder if folder.is_dir() else UNBUILT)),
                compatible_architectures=[lambda_.Architecture.X86_64],
                compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
                license="Apache-2.0",
            )
        return self._made[name]
