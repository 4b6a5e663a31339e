"""Upgrades the database on every deployment, before the functions that use it are replaced."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.lambdas import application, tools

logger, tracer, metrics = tools("migrate_db")


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Upgrade; what fails makes the deployment fail."""
    done = application().upgrade_database()
    logger.info("upgraded", extra=done)
    return {"exit_code": 0, "output": done}
