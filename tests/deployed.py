"""Templates as a whole environment: names across stacks are followed to what they name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

PROVIDER = "TriggerCustomResourceProvider"
"""In the names of what the construct of the migration brings along."""


@dataclass(frozen=True)
class Resource:
    """One resource of a stack.

    Attributes:
        stack: short name, such as ``data``.
        id: in its template.
        body: as the template has it.
    """

    stack: str
    id: str
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body["Type"])

    @property
    def properties(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body.get("Properties", {})
        return found

    @property
    def name(self) -> str:
        """``data.Objects``: its stack and its id, without the letters that tell ids apart."""
        return f"{self.stack}.{short(self.id)}"


def short(logical_id: str) -> str:
    return re.sub(r"[0-9A-F]{8}$", "", logical_id)


@dataclass(frozen=True)
class Deployed:
    """One environment.

    Attributes:
        name: of the environment.
        stacks: templates by short name.
    """

    name: str
    stacks: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> Deployed:
        """The environment of an assembly's folder."""
        manifest = json.loads((folder / "manifest.json").read_text())
        name = folder.name.removeprefix("assembly-betting-ai-")
        stacks = {
            artifact["displayName"].split("/")[-1].split(" ")[0]: json.loads(
                (folder / artifact["properties"]["templateFile"]).read_text()
            )
            for artifact in manifest["artifacts"].values()
            if artifact["type"] == "aws:cloudformation:stack"
        }
        return cls(name, stacks)

    def all(self, *kinds: str) -> list[Resource]:
        """Every resource, or those of some kinds."""
        return [one for one in self._resources if not kinds or one.kind in kinds]

    def one(self, stack: str, name: str, kind: str) -> Resource:
        """The resource of a kind whose id begins so."""
        [found] = [
            one for one in self.all(kind) if one.stack == stack and short(one.id).startswith(name)
        ]
        return found

    @cached_property
    def _resources(self) -> list[Resource]:
        return [
            Resource(stack, logical_id, body)
            for stack, template in self.stacks.items()
            for logical_id, body in template["Resources"].items()
        ]

    @cached_property
    def _exports(self) -> dict[str, tuple[str, Any]]:
        return {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack, template in self.stacks.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def told(self, value: Any, stack: str) -> str:  # noqa: PLR0911 - one for each way to name
        """A value in words: ``data.Objects.Arn/raw/*``."""
        match value:
            case str():
                return re.sub(r"[0-9a-f]{64}", "<asset>", value)
            case {"Ref": str(name)} if name.startswith("AWS::"):
                return f"<{name.removeprefix('AWS::')}>"
            case {"Ref": str(name)}:
                return f"{stack}.{short(name)}"
            case {"Fn::GetAtt": [name, attribute]}:
                return f"{stack}.{short(name)}.{attribute}"
            case {"Fn::ImportValue": str(name)}:
                where, what = self._exports[name]
                return self.told(what, where)
            case {"Fn::Join": [between, parts]}:
                return str(between).join(self.told(part, stack) for part in parts)
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{AWS::(\w+)\}", r"<\1>", text)
            case {"Fn::Select": _} | {"Fn::GetAZs": _} | bool() | int() | float():
                return str(value)
        raise AssertionError(f"no words for {value}")

    def words(self, value: Any, stack: str) -> Any:
        """The same of everything within lists and objects."""
        match value:
            case list():
                return [self.words(one, stack) for one in value]
            case dict() if len(value) == 1 and next(iter(value)) in _FUNCTIONS:
                return self.told(value, stack)
            case dict():
                return {key: self.words(one, stack) for key, one in value.items()}
            case bool() | int() | float():
                return value
        return self.told(value, stack)

    def functions(self) -> dict[str, Resource]:
        """The product's functions, by name."""
        found = {}
        for one in self.all("AWS::Lambda::Function"):
            if PROVIDER not in one.id:
                found[one.properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]] = one
        return found

    def statements(self) -> Iterator[tuple[Resource, dict[str, Any]]]:
        """Every statement of every policy, with the resource that has it."""
        for one in self.all():
            for document in documents(one.properties):
                for statement in document["Statement"]:
                    yield one, statement

    def roles(self) -> dict[str, list[dict[str, Any]]]:
        """What every role may do: statements by name of the role."""
        found: dict[str, list[dict[str, Any]]] = {
            one.name: [
                statement
                for policy in one.properties.get("Policies", [])
                for statement in self.words(policy["PolicyDocument"]["Statement"], one.stack)
            ]
            for one in self.all("AWS::IAM::Role")
        }
        for one in self.all("AWS::IAM::Policy"):
            for role in one.properties["Roles"]:
                found[self.told(role, one.stack)] += self.words(
                    one.properties["PolicyDocument"]["Statement"], one.stack
                )
        return found

    def takers(self) -> dict[str, list[str]]:
        """Which services may take every role, and for which account."""
        found: dict[str, list[str]] = {}
        for one in self.all("AWS::IAM::Role"):
            document = self.words(one.properties["AssumeRolePolicyDocument"], one.stack)
            for statement in document["Statement"]:
                account = statement.get("Condition", {"StringEquals": {}})["StringEquals"]
                whom = f" for {account['aws:SourceAccount']}" if account else ""
                for service in listed(statement["Principal"]["Service"]):
                    found.setdefault(one.name, []).append(f"{service}{whom}")
        return found

    def role_of(self, function: str) -> list[dict[str, Any]]:
        """What a function may do."""
        one = self.functions()[function]
        return self.roles()[self.told(one.properties["Role"], one.stack).removesuffix(".Arn")]


_FUNCTIONS = {"Ref", "Fn::GetAtt", "Fn::ImportValue", "Fn::Join", "Fn::Sub", "Fn::Select"}


def documents(value: Any) -> Iterator[dict[str, Any]]:
    """Every policy within a resource's properties; not those that say who may take a role."""
    if isinstance(value, dict):
        if "Statement" in value and isinstance(value["Statement"], list):
            yield value
            return
        for key, one in value.items():
            if key != "AssumeRolePolicyDocument":
                yield from documents(one)
    elif isinstance(value, list):
        for one in value:
            yield from documents(one)


def listed(value: Any) -> list[Any]:
    """A policy's way to write one in the place of many."""
    return value if isinstance(value, list) else [value]
