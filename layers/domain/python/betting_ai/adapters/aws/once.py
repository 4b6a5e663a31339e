"""Work that is done once for a name, however often and wherever it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
)

from betting_ai.adapters.aws.clients import client
from betting_ai.errors import AlreadyRunningError, StorageUnavailableError

REMEMBERED_SECONDS: Final = 60 * 24 * 3600
"""So long a name is remembered; queues keep a message for two weeks at most."""


class _Longest:
    """Stands for the context of a Lambda where there is none: no run takes longer."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 15 * 60 * 1000


@dataclass(frozen=True)
class DynamoOnce:
    """`betting_ai.ports.once.Once` over the idempotency of Powertools.

    While one does the work, others are told so; one that was killed stands in the way no longer
    than until the end that its Lambda had at most.

    Attributes:
        table: name of the DynamoDB table; its key is ``id``, its time to live ``expiration``.
        purpose: parts these names from those of other work in the table.
    """

    table: str
    purpose: str
    _config: IdempotencyConfig = field(
        default_factory=lambda: IdempotencyConfig(
            event_key_jmespath="name",
            raise_on_no_idempotency_key=True,
            expires_after_seconds=REMEMBERED_SECONDS,
            hash_function="sha256",
            lambda_context=_Longest(),  # type: ignore[arg-type]
        ),
        repr=False,
    )

    def within(self, context: Any) -> None:  # noqa: ANN401 - Lambda's own
        """Learn from a Lambda's context when this run ends at the latest."""
        self._config.register_lambda_context(context)

    def __call__(self, name: str, work: Callable[[], None]) -> bool:
        """Do the work, unless it was done; what fails is not done.

        Returns:
            Whether it was done now.

        Raises:
            AlreadyRunningError: another does it at this moment.
            StorageUnavailableError: DynamoDB cannot be reached, or refuses.
        """
        done = False

        def run(named: dict[str, str]) -> str:
            nonlocal done
            work()
            done = True
            return named["name"]

        once = idempotent_function(
            run,
            data_keyword_argument="named",
            persistence_store=DynamoDBPersistenceLayer(
                table_name=self.table, boto3_client=client("dynamodb")
            ),
            config=self._config,
            key_prefix=self.purpose,
        )
        try:
            once(named={"name": name})
        except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError):
            raise AlreadyRunningError(f"{self.purpose} {name} is being done; try again") from None
        except IdempotencyPersistenceLayerError as error:
            if done:  # it will be done again: rather twice than never
                return True
            raise StorageUnavailableError("the table of what was done cannot be used") from error
        return done
