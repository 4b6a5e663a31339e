"""An environment as operators reach it: by the function that does what they ask."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import HTTPClientError

from betting_ai.adapters.aws.clients import FAILURES, client, code_of, told
from betting_ai.adapters.aws.object_store import S3Objects
from betting_ai.errors import EnvironmentUnavailableError, ObjectDamagedError, ObjectMissingError
from betting_ai.observability import Redactor

OUTPUT: Final = "MigrateDbName"
"""The output of the stack of functions that names the one to ask."""

_SECONDS: Final = 15 * 60  # no function runs longer
_BUSY: Final = frozenset({"TooManyRequestsException", "ThrottlingException"})


@dataclass(frozen=True)
class Environment:
    """One environment in the account and region of whoever asks.

    Attributes:
        name: such as ``"dev"``.
    """

    name: str

    def ask(self, command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the environment's function answers, with its output wherever that lies.

        It is asked once: some commands would do more when they are done twice.

        Args:
            command: one that operators may give.
            arguments: of the command, as JSON knows them.

        Returns:
            ``exit_code`` with ``output``, ``notes`` and ``words``, or with ``error``.

        Raises:
            EnvironmentUnavailableError: there is none, it may not be asked, or its function
                failed.
            ObjectMissingError: a large output is not where it was put.
            ObjectDamagedError: it is another one.
            StorageUnavailableError: it cannot be fetched.
        """
        function = self._function()
        event = json.dumps({"command": command, "arguments": dict(arguments)}).encode()
        try:
            response = client("lambda", seconds=_SECONDS, attempts=1).invoke(
                FunctionName=function, Payload=event
            )
            content = response["Payload"].read()
        except HTTPClientError as error:  # it was asked; connecting did not fail
            why = f"{told(error)}; look whether it was done before you ask again"
            raise self._unavailable(why) from error
        except FAILURES as error:
            raise self._unavailable(_why(error)) from error
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self._unavailable("what it answered cannot be read")
        if "FunctionError" in response:
            what = f"{answer.get('errorType')}: {answer.get('errorMessage')}"
            raise self._unavailable(f"{Redactor().text(what)}; the log of {function} says more")
        if (stored := answer.pop("stored", None)) is not None:
            answer["output"] = _fetch(stored)
        if "exit_code" not in answer or not {"output", "error"} & set(answer):
            raise self._unavailable("what it answered is of another version")
        return answer

    def outputs(self, stack: str) -> dict[str, str]:
        """What one of its stacks tells of itself.

        Args:
            stack: such as ``"compute"``.

        Raises:
            EnvironmentUnavailableError: there is none, or it may not be asked.
        """
        name = self._stack(stack)
        try:
            [found] = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except FAILURES as error:
            if code_of(error) == "ValidationError":
                raise self._unavailable(f"there is no stack {name} here") from error
            raise self._unavailable(_why(error)) from error
        return {one["OutputKey"]: str(one["OutputValue"]) for one in found.get("Outputs", ())}

    def _function(self) -> str:
        found = self.outputs("compute").get(OUTPUT)
        if found is None:
            raise self._unavailable(f"stack {self._stack('compute')} has no output {OUTPUT}")
        return found

    def _stack(self, name: str) -> str:
        return f"betting-ai-{self.name}-{name}"

    def _unavailable(self, why: str) -> EnvironmentUnavailableError:
        return EnvironmentUnavailableError(f"environment {self.name}: {why}")


def _why(error: BaseException) -> str:
    if code_of(error) in _BUSY:
        return "its function is busy with another command, or an upgrade; ask again later"
    return f"{told(error)}; are AWS_PROFILE and AWS_REGION set, and may you ask it?"


def _fetch(stored: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    """A large output, verified."""
    where = f"s3://{stored['bucket']}/{stored['key']}"
    content = S3Objects(stored["bucket"]).read(stored["key"])
    if content is None:
        raise ObjectMissingError(f"there is no {where} any more; ask again")
    if hashlib.sha256(content).hexdigest() != stored["sha256"]:
        raise ObjectDamagedError(f"{where} is not what was put there; ask again")
    text = content.decode()
    return json.loads(text) if stored["kind"] == "application/json" else text
