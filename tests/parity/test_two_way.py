"""Two-way sports: a row learned from is the row served, from PostgreSQL, by a checkpoint too."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy.engine import Engine

from betting_ai.adapters.feeds.contest_folder import ContestFolder
from betting_ai.adapters.sql.facts import SqlFactsRepository
from betting_ai.domain.markets import winner_market
from betting_ai.domain.sports import BASKETBALL, TENNIS, leagues_of
from betting_ai.features.build import build
from betting_ai.features.checkpoint import Checkpoint
from betting_ai.features.facts import Facts
from betting_ai.features.history import summarise
from betting_ai.features.spec import spec_of
from betting_ai.ports.repositories import FactsQuery
from betting_ai.training.dataset import assemble, whole_history
from conftest import SHARED
from small_contests import contests
from small_league import seasons_of

RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)


def check(engine: Engine, facts: Facts, sport: str, days: int) -> None:
    """Store the facts beside football, and ask on some days, with and without a checkpoint."""
    spec, market = spec_of(sport), winner_market(sport)
    data = assemble(facts, whole_history(facts, spec), spec, date(2000, 1, 1), market)
    ids = facts.event_id[data.rows].tolist()
    learned = {key: row.tobytes() for key, row in zip(ids, data.matrix, strict=True)}
    with engine.begin() as connection:
        repository = SqlFactsRepository(connection)
        for part in (seasons_of(), facts):
            repository.store(part, source="test", received_at=RECEIVED, reconstructed=True)
    stamps = np.unique(facts.quoted_at[facts.quoted_at < facts.kickoff[facts.quote_event]])
    half = int(np.median(facts.day))
    checkpoint = Checkpoint.from_bytes(
        Checkpoint.of(summarise(facts.where(facts.day <= half), 2**62, spec), {}, spec).to_bytes()
    )
    after = stamps[spec.sport.result_day(stamps) > checkpoint.through]
    compared = 0
    with engine.connect() as connection:
        for as_of in after[:: max(1, len(after) // days)].tolist():
            for cache in (None, checkpoint):
                served = _served(SqlFactsRepository(connection), as_of, sport, cache)
                for event, row in served.items():
                    if event in learned:  # not one that was given up
                        assert row == learned[event], (as_of, event)
                        compared += 1
    assert compared > 4 * days


def _served(
    repository: SqlFactsRepository, as_of: int, sport: str, checkpoint: Checkpoint | None
) -> dict[int, bytes]:
    spec, market = spec_of(sport), winner_market(sport)
    moment = datetime.fromtimestamp(as_of, UTC)
    since = None if checkpoint is None else date(1970, 1, 1) + timedelta(checkpoint.through + 1)
    before = moment + timedelta(hours=20)
    facts = repository.load(FactsQuery(moment, since, before, leagues_of(sport)))
    rows = np.flatnonzero(facts.kickoff > as_of)
    history, state = summarise(facts, as_of, spec), None
    if checkpoint is not None:
        history, state = checkpoint.extended(history), checkpoint.state
    moments = np.full(len(rows), as_of)
    built = build(history, facts, rows, moments, spec, state, market)
    priced = np.flatnonzero(built.market.newest >= 0)
    return {int(facts.event_id[rows[i]]): built.matrix[i].tobytes() for i in priced}


@pytest.mark.parametrize("sport", [TENNIS, BASKETBALL])
def test_generated_seasons(engine: Engine, sport: str) -> None:
    check(engine, contests(sport), sport, days=25)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(("sport", "folder"), [(TENNIS, "tennis"), (BASKETBALL, "nba")])
def test_real_seasons(engine: Engine, sport: str, folder: str) -> None:
    seasons = range(2017, 2023)
    facts = ContestFolder(SHARED / folder, sport).read(seasons).facts
    check(engine, facts, sport, days=10)
