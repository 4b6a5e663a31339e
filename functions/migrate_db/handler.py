"""Upgrades the database on every deployment, and does what operators ask."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.lambdas import Function, application
from betting_ai.operator.commands import COMMANDS, answered

function = Function("migrate_db")


@function.handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Upgrade, where no command is given: what fails makes the deployment fail.

    A command is answered either way; neither its arguments nor its output are told to the log.
    """
    if not isinstance(event, dict) or "command" not in event:  # whatever a deployment sends
        done = application().upgrade_database()
        function.logger.info("upgraded", extra=done)
        return {"exit_code": 0, "output": done}
    answer = answered(application, event)
    told = {"exit_code": answer["exit_code"], "code": answer.get("error", {}).get("code")}
    command = event["command"]
    known = isinstance(command, str) and command in COMMANDS
    function.logger.info("asked", extra=told | {"command": command if known else None})
    return answer
