"""Secrets in AWS Secrets Manager: one document with a key for each name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import (
    GetParameterError,
    TransformParameterError,
)
from pydantic import SecretStr

from betting_ai.adapters.aws.clients import client, told
from betting_ai.errors import SecretError

KEPT_SECONDS: Final = 300
"""So long a secret is not asked for again; a rotation is seen by then."""

_LEAST_BYTES: Final = 32


def secret_list(arn: str) -> tuple[SecretStr, ...]:
    """The texts of a secret that is a JSON list of them.

    Raises:
        SecretError: it cannot be read, or is no such list; the message never holds it.
    """
    provider = SecretsProvider(boto3_client=client("secretsmanager"))
    found: object = None
    try:
        found = provider.get(arn, transform="json")
    except TransformParameterError:
        pass
    except GetParameterError as error:
        why = told(error.__context__ or error)
        raise SecretError(f"the managed secret cannot be read: {why}") from None
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        raise SecretError("the managed secret is no JSON list of texts")
    return tuple(map(SecretStr, found))


@dataclass(frozen=True)
class ManagedSecrets:
    """`betting_ai.ports.secrets.Secrets` of one secret, whose value is a JSON document.

    Attributes:
        arn: names the secret.
    """

    arn: str
    _provider: SecretsProvider = field(
        default_factory=lambda: SecretsProvider(boto3_client=client("secretsmanager")), repr=False
    )

    def read(self, name: str) -> bytes:
        """The secret of a name, of at least 32 bytes.

        Raises:
            SecretError: it is not there, or too short; the message never holds it.
        """
        content = self.text(name).encode()
        if len(content) < _LEAST_BYTES:
            raise SecretError(f"the secret {name} must have at least {_LEAST_BYTES} bytes")
        return content

    def text(self, name: str) -> str:
        """The same as it is written there, of any length.

        Raises:
            SecretError: it is not there.
        """
        value = self.document().get(name)
        if not isinstance(value, str) or not value:
            raise SecretError(f"the managed secret has no {name}")
        return value

    def document(self) -> dict[str, Any]:
        """Everything that the secret holds.

        Raises:
            SecretError: it cannot be read.
        """
        try:
            found = self._provider.get(self.arn, max_age=KEPT_SECONDS, transform="json")
        except TransformParameterError:
            raise SecretError("the managed secret is no JSON document") from None
        except GetParameterError as error:
            why = told(error.__context__ or error)
            raise SecretError(f"the managed secret cannot be read: {why}") from None
        return found if isinstance(found, dict) else {}
