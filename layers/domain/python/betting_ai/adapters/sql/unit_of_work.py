"""One transaction over one connection."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from sqlalchemy.engine import Connection, Engine

from betting_ai.adapters.sql.bets import SqlBetRepository
from betting_ai.adapters.sql.facts import SqlFactsRepository
from betting_ai.adapters.sql.keys import SqlApiKeyRepository, SqlIdempotencyRepository
from betting_ai.adapters.sql.listings import SqlListings
from betting_ai.adapters.sql.record import SqlRecordRepository
from betting_ai.adapters.sql.repositories import (
    SqlIngestLog,
    SqlMeetingRepository,
    SqlModelRecord,
    SqlReceiptRecord,
    SqlReviewQueue,
    SqlTeamRepository,
)
from betting_ai.adapters.sql.slates import SqlSlateRepository
from betting_ai.ports.unit_of_work import UnitOfWorkFactory


class SqlUnitOfWork:
    """`betting_ai.ports.unit_of_work.UnitOfWork` in PostgreSQL; enter it before use."""

    connection: Connection
    facts: SqlFactsRepository
    meetings: SqlMeetingRepository
    teams: SqlTeamRepository
    ingest_log: SqlIngestLog
    slates: SqlSlateRepository
    review: SqlReviewQueue
    models: SqlModelRecord
    receipts: SqlReceiptRecord
    record: SqlRecordRepository
    bets: SqlBetRepository
    listings: SqlListings
    keys: SqlApiKeyRepository
    idempotency: SqlIdempotencyRepository

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Self:
        self.connection = self._engine.connect()
        self.facts = SqlFactsRepository(self.connection)
        self.meetings = SqlMeetingRepository(self.connection)
        self.teams = SqlTeamRepository(self.connection)
        self.ingest_log = SqlIngestLog(self.connection)
        self.slates = SqlSlateRepository(self.connection)
        self.review = SqlReviewQueue(self.connection)
        self.models = SqlModelRecord(self.connection)
        self.receipts = SqlReceiptRecord(self.connection)
        self.record = SqlRecordRepository(self.connection)
        self.bets = SqlBetRepository(self.connection)
        self.listings = SqlListings(self.connection)
        self.keys = SqlApiKeyRepository(self.connection)
        self.idempotency = SqlIdempotencyRepository(self.connection)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()  # rolls back what was not committed

    def commit(self) -> None:
        """Make everything done so far durable."""
        self.connection.commit()


def unit_of_work_factory(engine: Engine) -> UnitOfWorkFactory:
    """What use cases are given: each call is a new transaction."""
    return lambda: SqlUnitOfWork(engine)
