"""Bodies of signed calls: read from the very bytes that were signed."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from betting_ai.api.security import SIGNED_PARAMETERS

Body = TypeVar("Body", bound=BaseModel)


def parsed(model: type[Body], body: bytes) -> Body:
    """A body as its model has it.

    Raises:
        RequestValidationError: it is not JSON, or not of this shape; told as for any other body.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        told = [one | {"loc": ("body", *one["loc"])} for one in found]
        raise RequestValidationError(told) from None


def signed(model: type[BaseModel]) -> dict[str, Any]:
    """What the specification says of a signed route that takes such a body."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {
        "parameters": SIGNED_PARAMETERS,
        "requestBody": {"required": True, "content": content},
    }
