"""Asking what operators ask: of this machine, or of the environment that ``--env`` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from betting_ai.cli.context import Voice, current_settings, environment
from betting_ai.errors import DomainError, ExtraMissingError

if TYPE_CHECKING:
    from betting_ai.adapters.aws.environment import Environment
    from betting_ai.operator.answers import Answer


class ToldError(DomainError):
    """Why an environment could not do what was asked, in its own words.

    Attributes:
        code: as it would be here.
        exit_code: the same.
    """

    def __init__(self, message: str, code: str, exit_code: int) -> None:
        super().__init__(message)
        self.code = code
        self.exit_code = exit_code


def ask(command: str, arguments: Mapping[str, Any], *, as_json: bool = False) -> Answer:
    """What is answered; what is good to know beside it is said on stderr.

    Args:
        command: one of `betting_ai.operator.commands.COMMANDS`.
        arguments: names and values, as JSON knows them.
        as_json: how it is said.

    Raises:
        DomainError: it cannot be done.
    """
    name = environment.get()
    answer = _here(command, arguments) if name is None else _there(name, command, arguments)
    for note in answer.notes:
        Voice(as_json=as_json).note(note)
    return answer


def _here(command: str, arguments: Mapping[str, Any]) -> Answer:
    from betting_ai.bootstrap import build
    from betting_ai.operator.commands import run

    with build(current_settings()) as app:
        return run(app, command, arguments)


def _there(name: str, command: str, arguments: Mapping[str, Any]) -> Answer:
    from betting_ai.operator.answers import Answer

    told = environment_of(name).ask(command, arguments)
    if (error := told.get("error")) is not None:
        raise ToldError(error["message"], error["code"], told["exit_code"])
    return Answer(
        told["output"], told["exit_code"], tuple(told.get("notes", ())), told.get("words", "")
    )


def environment_of(name: str) -> Environment:
    """An environment of AWS.

    Raises:
        ExtraMissingError: asking one needs more libraries.
    """
    try:
        from betting_ai.adapters.aws.environment import Environment
    except ModuleNotFoundError:
        raise ExtraMissingError(
            "asking an environment of AWS needs more libraries; install betting-ai[aws]"
        ) from None
    return Environment(name)
