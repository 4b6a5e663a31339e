"""The API and the dashboard behind the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import correlation_paths

from betting_ai.api.app import create_app
from betting_ai.api.gateway import behind_gateway
from betting_ai.api.options import ApiOptions
from betting_ai.lambdas import Function, application

if TYPE_CHECKING:
    from mangum.types import LambdaContext

function = Function("api")
_app = application()
answer = behind_gateway(
    create_app(_app, ApiOptions(mode="lambda", authorities=_app.settings.api_authorities))
)


@function.logger.inject_lambda_context(
    clear_state=True, correlation_id_path=correlation_paths.API_GATEWAY_REST
)
@function.tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One call that the gateway passes on."""
    return answer(event, context)
