"""One transaction: all of it happens, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from betting_ai.ports.bets import BetRepository
from betting_ai.ports.keys import ApiKeyRepository, IdempotencyRepository
from betting_ai.ports.listings import Listings
from betting_ai.ports.record import RecordRepository
from betting_ai.ports.repositories import (
    FactsRepository,
    IngestLog,
    MeetingRepository,
    ModelRecord,
    ReceiptRecord,
    ReviewQueue,
    SlateRepository,
    TeamRepository,
)


class UnitOfWork(Protocol):
    """Repositories that share one transaction; leaving without `commit` rolls back."""

    @property
    def facts(self) -> FactsRepository: ...  # noqa: D102

    @property
    def meetings(self) -> MeetingRepository: ...  # noqa: D102

    @property
    def teams(self) -> TeamRepository: ...  # noqa: D102

    @property
    def ingest_log(self) -> IngestLog: ...  # noqa: D102

    @property
    def slates(self) -> SlateRepository: ...  # noqa: D102

    @property
    def review(self) -> ReviewQueue: ...  # noqa: D102

    @property
    def models(self) -> ModelRecord: ...  # noqa: D102

    @property
    def receipts(self) -> ReceiptRecord: ...  # noqa: D102

    @property
    def record(self) -> RecordRepository: ...  # noqa: D102

    @property
    def bets(self) -> BetRepository: ...  # noqa: D102

    @property
    def listings(self) -> Listings: ...  # noqa: D102

    @property
    def keys(self) -> ApiKeyRepository: ...  # noqa: D102

    @property
    def idempotency(self) -> IdempotencyRepository: ...  # noqa: D102

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def commit(self) -> None:
        """Make everything done so far durable."""
        ...


UnitOfWorkFactory = Callable[[], UnitOfWork]
