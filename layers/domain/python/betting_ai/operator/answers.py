"""What an operator asks and is told: arguments that are checked, and a JSON-ready document."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from betting_ai.errors import InvalidInputError

_LONGEST: Final = 60  # characters of a caller's own word that a message repeats


@dataclass(frozen=True)
class Answer:
    """What became of a command that could be done.

    Attributes:
        output: the document, as ``--json`` prints it.
        exit_code: 0, or 1 where what was looked at is broken.
        notes: what is good to know beside it, a line each.
        words: the same as a sentence, where the document does not hold all of it.
    """

    output: Any = field(repr=False)  # new secrets may be in it
    exit_code: int = 0
    notes: tuple[str, ...] = ()
    words: str = field(default="", repr=False)


class Arguments(BaseModel):
    """The arguments of a command; those that it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def of(cls, command: str, given: object) -> Self:
        """Check what was given.

        Args:
            command: as messages name it.
            given: names and values, as JSON knows them.

        Raises:
            InvalidInputError: one is unknown, missing, or cannot be; the message is one line.
        """
        if not isinstance(given, Mapping):
            raise InvalidInputError(f"the arguments of {command} are an object of JSON")
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])[:_LONGEST]
        if first["type"] == "extra_forbidden":
            known = ", ".join(cls.model_fields) or "none"
            raise InvalidInputError(f"{command} has no argument {name!r}; there are: {known}")
        told = first["msg"].removeprefix("Value error, ")
        raise InvalidInputError(f"{command}, {name}: {told[:1].lower()}{told[1:]}")


class NoArguments(Arguments):
    """Of a command that needs none."""


def ready(value: Any, text: Callable[[Any], str] = str) -> Any:  # noqa: ANN401 - JSON
    """A value as JSON knows it.

    Args:
        value: of mappings, sequences, numbers and texts.
        text: writes down everything else.
    """
    return json.loads(json.dumps(value, default=text, ensure_ascii=False))
