"""The templates of an environment, and what their intrinsic functions come to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

REGION, ACCOUNT = "eu-west-1", "123456789012"
PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": None,
}


@dataclass(frozen=True)
class Resource:
    """One resource of a stack.

    Attributes:
        stack: its stack's name.
        name: logical.
        type: such as ``"AWS::SQS::Queue"``.
        body: as the template has it.
        asset: folder of its code or layer, where it has one.
    """

    stack: str
    name: str
    type: str
    body: Mapping[str, Any]
    asset: Path | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.stack, self.name

    @property
    def physical(self) -> str:
        """A name that no template chooses."""
        short = re.sub(r"[^a-z0-9]", "", self.name.lower())
        return f"{self.stack.rpartition('-')[2]}-{short}"[:60]


@dataclass
class Environment:
    """All stacks of an environment, resolved.

    Attributes:
        resources: by stack and logical name.
        exports: by name, what a stack hands to others.
        known: by stack, logical name and attribute (``"Ref"`` for none), what it is in fact;
            filled by whoever makes the resources.
    """

    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)
    exports: dict[str, tuple[str, Any]] = field(default_factory=dict)
    known: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Environment:
        """What was synthesised into the assembly of one stage."""
        found = cls()
        for file in sorted(folder.glob("*.template.json")):
            template = json.loads(file.read_text())
            manifest = json.loads((folder / "manifest.json").read_text())["artifacts"]
            stack = next(
                artifact["properties"].get("stackName", name)
                for name, artifact in manifest.items()
                if artifact.get("properties", {}).get("templateFile") == file.name
            )
            for name, body in template["Resources"].items():
                path = body.get("Metadata", {}).get("aws:asset:path")
                asset = None if path is None else (folder / path).resolve()
                resource = Resource(stack, name, body["Type"], body, asset)
                found.resources[resource.key] = resource
            for output in template.get("Outputs", {}).values():
                if "Export" in output:
                    found.exports[output["Export"]["Name"]] = (stack, output["Value"])
        return found

    def of(self, kind: str) -> Iterator[Resource]:
        """Every resource of a type."""
        return (one for one in self.resources.values() if one.type == kind)

    def properties(self, resource: Resource) -> dict[str, Any]:
        """A resource's properties, resolved."""
        found: dict[str, Any] = self.value(resource.body.get("Properties", {}), resource.stack)
        return found

    def value(self, told: Any, stack: str) -> Any:  # noqa: PLR0911 - a case each
        """What a value of a stack's template comes to."""
        if isinstance(told, list):
            return [self.value(one, stack) for one in told]
        if not isinstance(told, dict):
            return told
        if len(told) == 1:
            [(name, argument)] = told.items()
            if name == "Ref":
                return self._attribute(stack, argument, "Ref")
            if name == "Fn::GetAtt":
                logical, *attribute = argument
                return self._attribute(stack, logical, ".".join(attribute))
            if name == "Fn::ImportValue":
                other, value = self.exports[self.value(argument, stack)]
                return self.value(value, other)
            if name == "Fn::Join":
                separator, parts = argument
                return separator.join(str(self.value(part, stack)) for part in parts)
            if name == "Fn::Select":
                index, parts = argument
                return self.value(parts, stack)[int(index)]
            if name == "Fn::Split":
                separator, text = argument
                return self.value(text, stack).split(separator)
            if name == "Fn::Sub":
                text, more = argument if isinstance(argument, list) else (argument, {})
                return re.sub(
                    r"\$\{([^}!]+)\}",
                    lambda m: str(
                        self.value(more[m[1]], stack)
                        if m[1] in more
                        else self._attribute(stack, *[*m[1].split(".", 1), "Ref"][:2])
                    ),
                    text,
                )
            if name.startswith("Fn::"):
                raise NotImplementedError(name)
        return {name: self.value(one, stack) for name, one in told.items()}

    def _attribute(self, stack: str, logical: str, attribute: str) -> Any:
        if logical in PSEUDO:
            return PSEUDO[logical]
        if logical in {"AWS::StackName", "AWS::StackId"}:
            return stack
        found = self.known.get((stack, logical, attribute))
        if found is not None:
            return found
        return self._usual(self.resources[stack, logical], attribute)

    @staticmethod
    def _usual(resource: Resource, attribute: str) -> str:
        """What it comes to for resources that nothing is made for."""
        service = resource.type.split("::")[1].lower()
        if attribute in {"Ref", "Id", "Name"}:
            return resource.physical
        if attribute == "Arn":
            return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource.physical}"
        return f"{resource.physical}.{attribute.lower()}"

    def know(self, resource: Resource, **attributes: Any) -> None:
        """Say what a resource is in fact; dots in names are written as ``__``."""
        for name, value in attributes.items():
            self.known[(*resource.key, name.replace("__", "."))] = value

    @cached_property
    def roles(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """By stack and logical name of a role, its statements, resolved."""
        found: dict[tuple[str, str], list[dict[str, Any]]] = {
            role.key: [
                statement
                for policy in self.properties(role).get("Policies", [])
                for statement in policy["PolicyDocument"]["Statement"]
            ]
            for role in self.of("AWS::IAM::Role")
        }
        for policy in self.of("AWS::IAM::Policy"):
            statements = self.properties(policy)["PolicyDocument"]["Statement"]
            for role in policy.body["Properties"]["Roles"]:
                found[policy.stack, role["Ref"]] += statements
        return found

    def of_function(self, function: Resource) -> list[dict[str, Any]]:
        """The statements of the role of a function."""
        role = function.body["Properties"]["Role"]["Fn::GetAtt"][0]
        return self.roles[function.stack, role]
