"""The functions of an environment as its templates describe them, under Lambda's own client."""

from __future__ import annotations

import ast
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from functions.emulator import Running, running
from rehearsal.cloud import Cloud
from rehearsal.template import REGION, Resource
from rehearsal.witness import Witness, witness

WATCH = Path(__file__).parent / "watch"


@dataclass
class Warm:
    """A function that runs.

    Attributes:
        resource: what the template says of it.
        running: the process.
        witness: what it asked of AWS.
        connections: file of where it connected to.
    """

    resource: Resource
    running: Running
    witness: Witness
    connections: Path

    def ports(self) -> set[int]:
        """The ports of this machine that it connected to."""
        found = set()
        for line in self.connections.read_text().splitlines():
            host, port, *_ = ast.literal_eval(line)
            assert host in {"127.0.0.1", "::1"}, f"{self.resource.name} connected to {line}"
            found.add(port)
        return found


@dataclass
class Functions:
    """Every function of an environment; each is started when it is first called.

    Attributes:
        cloud: that they ask.
        tool: folder of the emulator and the client.
        scratch: for their files.
        database: (host and port in the template, host and port in fact).
        authority: certificate that vouches for the database.
        more: variables beside those of the template, by part of a function's name.
        warm: those that run, by logical name.
        started: all that ever ran.
    """

    cloud: Cloud
    tool: Path
    scratch: Path
    database: tuple[str, str]
    authority: Path
    more: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    warm: dict[str, Warm] = field(default_factory=dict)
    started: list[Warm] = field(default_factory=list)
    stack: ExitStack = field(default_factory=ExitStack)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, resource: Resource, event: Any) -> Any:
        """What a function answers."""
        return self.get(resource).running(event)

    def get(self, resource: Resource) -> Warm:
        """A function, started."""
        if resource.name not in self.warm:
            self.warm[resource.name] = self._start(resource)
            self.started.append(self.warm[resource.name])
        return self.warm[resource.name]

    def cool(self, resource: Resource) -> None:
        """Let a function start anew with its next call."""
        del self.warm[resource.name]

    def named(self, part: str) -> Resource:
        """The function whose logical name begins so."""
        [found] = [
            one
            for one in self.cloud.environment.of("AWS::Lambda::Function")
            if one.name.startswith(part)
        ]
        return found

    def _start(self, resource: Resource) -> Warm:
        environment = self.cloud.environment
        told = environment.properties(resource)
        seen = self.stack.enter_context(witness(self.cloud.url, self.lock))
        connections = self.scratch / f"{resource.name}-{len(self.started)}.connections"
        connections.touch()
        layers = []
        for layer in resource.body["Properties"]["Layers"]:
            asset = environment.resources[resource.stack, layer["Ref"]].asset
            assert asset is not None
            assert (asset / "python").is_dir(), f"{asset} is no layer that was built"
            layers.append(asset)
        own = {name: self._here(value) for name, value in told["Environment"]["Variables"].items()}
        own |= {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": seen.url,
            "POWERTOOLS_TRACE_DISABLED": "1",
            "CONNECTIONS_LOG": str(connections),
            "BETTING_AI_HOME": str(self.scratch / resource.name),
        }
        for part, variables in self.more.items():
            if resource.name.startswith(part):
                own |= variables
        assert resource.asset is not None
        process = self.stack.enter_context(
            running(
                resource.asset,
                layers,
                self.tool,
                own,
                handler=told["Handler"],
                timeout=told["Timeout"],
                name=resource.physical,
                first=(WATCH,),
            )
        )
        return Warm(resource, process, seen, connections)

    def _here(self, value: Any) -> str:
        """A variable with what only exists in AWS in the place of what stands for it here."""
        there, here = self.database
        return str(value).replace(there, here).replace("/opt/rds-ca.pem", str(self.authority))
