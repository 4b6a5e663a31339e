"""The closed list of what operators can ask, and how they are answered over a wire."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from betting_ai.bootstrap import App
from betting_ai.errors import DomainError, InvalidInputError
from betting_ai.operator.answers import Answer, Arguments, NoArguments
from betting_ai.operator.doctor import doctor
from betting_ai.operator.export import Export, export
from betting_ai.operator.keys import (
    NewKey,
    OneKey,
    create_key,
    finish_rotation,
    list_keys,
    revoke_key,
    rotate_key,
)
from betting_ai.operator.replay import Replay, replay
from betting_ai.operator.review import Accept, accept_name, list_names
from betting_ai.operator.settle import Settle, settle
from betting_ai.operator.verify import verify

LARGEST: Final = 5_000_000
"""Bytes of an answer that is given as it is; Lambda hands over six million."""

FOLDER: Final = "exports/"
"""Under which larger outputs lie, in the bucket of objects."""

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"

A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True)
class Command(Generic[A]):
    """One thing that can be asked.

    Attributes:
        arguments: that it takes.
        work: does it.
    """

    arguments: type[A]
    work: Callable[[App, A], Answer]


def upgrade(app: App, asked: NoArguments) -> Answer:
    """Bring the database to what this version needs."""
    done = app.upgrade_database()
    revision = done["revision"]
    return Answer({"revision": revision, "changed": done["revision_before"] != revision})


COMMANDS: Final[Mapping[str, Command[Any]]] = {
    "upgrade": Command(NoArguments, upgrade),
    "keys create": Command(NewKey, create_key),
    "keys list": Command(NoArguments, list_keys),
    "keys rotate": Command(OneKey, rotate_key),
    "keys finish": Command(OneKey, finish_rotation),
    "keys revoke": Command(OneKey, revoke_key),
    "review list": Command(NoArguments, list_names),
    "review accept": Command(Accept, accept_name),
    "replay": Command(Replay, replay),
    "settle": Command(Settle, settle),
    "doctor": Command(NoArguments, doctor),
    "export": Command(Export, export),
    "verify": Command(NoArguments, verify),
}


def run(app: App, command: object, arguments: object) -> Answer:
    """Do what is asked.

    Args:
        app: where.
        command: one of `COMMANDS`.
        arguments: names and values, as JSON knows them.

    Raises:
        DomainError: it cannot be done; `InvalidInputError` for a command or an argument that is
            not known.
    """
    known = COMMANDS.get(command) if isinstance(command, str) else None
    if known is None:
        raise InvalidInputError(f"there is no such command; there are: {', '.join(COMMANDS)}")
    return known.work(app, known.arguments.of(str(command), arguments))


def answered(app: Callable[[], App], event: Mapping[str, Any]) -> dict[str, Any]:
    """What a function answers to ``{"command": ..., "arguments": {...}}``.

    Args:
        app: gives the application; a setting that is wrong is told like any failure.
        event: what is asked.

    Returns:
        ``exit_code`` with ``output``, and ``notes`` and ``words`` where there are any; where the
        output is large, ``stored`` (bucket, key, SHA-256, media type) in its place; where it
        cannot be done, ``error`` (code, message).
    """
    try:
        opened = app()
        answer = run(opened, event.get("command"), event.get("arguments", {}))
        told = {"notes": list(answer.notes), "words": answer.words}
        envelope = {"exit_code": answer.exit_code} | {k: v for k, v in told.items() if v}
        if len(json.dumps(answer.output)) > LARGEST:
            return envelope | {"stored": _store(opened, answer.output)}
    except DomainError as error:
        return {
            "exit_code": error.exit_code,
            "error": {"code": error.code, "message": str(error)},
        }
    return envelope | {"output": answer.output}


def _store(app: App, output: object) -> dict[str, str]:
    """Put an output where whoever asked can fetch it; a text as it is."""
    text, kind = (
        (output, TEXT)
        if isinstance(output, str)
        else (json.dumps(output, ensure_ascii=False), JSON)
    )
    content = text.encode()
    sha256 = hashlib.sha256(content).hexdigest()
    key = f"{FOLDER}{sha256}.{'json' if kind == JSON else 'txt'}"
    app.objects.write(key, content, kind=kind)
    return {"bucket": app.objects.bucket, "key": key, "sha256": sha256, "kind": kind}
