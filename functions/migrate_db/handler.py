"""Upgrades the database on every deployment, before the functions that use it are replaced."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.lambdas import Function, application

function = Function("migrate_db")


@function.handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Upgrade; what fails makes the deployment fail."""
    done = application().upgrade_database()
    function.logger.info("upgraded", extra=done)
    return {"exit_code": 0, "output": done}
