"""A row learned from is the row served, to the bit, whichever way the facts came."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy.engine import Engine

from betting_ai.adapters.feeds.football_data.folder import SeasonFolder
from betting_ai.adapters.sql.facts import SqlFactsRepository
from betting_ai.features.build import build
from betting_ai.features.checkpoint import Checkpoint
from betting_ai.features.facts import Facts
from betting_ai.features.history import SECONDS_A_DAY, History, summarise
from betting_ai.features.ratings import RatingState
from betting_ai.features.spec import FeatureSpec
from betting_ai.ports.repositories import FactsQuery, FactsRepository
from betting_ai.training.dataset import assemble, whole_history
from conftest import FOOTBALL
from small_league import ArrayFacts, seasons_of

SPEC = FeatureSpec()
SINCE = date(2000, 1, 1)
RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)


def learned(facts: Facts) -> dict[int, bytes]:
    """Event -> its row as training sees it: everything known, each match at its own stamp."""
    data = assemble(facts, whole_history(facts, SPEC), SPEC, SINCE)
    ids = facts.event_id[data.rows].tolist()
    return {key: row.tobytes() for key, row in zip(ids, data.matrix, strict=True)}


def served(
    repository: FactsRepository, as_of: int, checkpoint: Checkpoint | None = None
) -> dict[int, bytes]:
    """Event -> its row as the day's question sees it: only what was known, only then."""
    moment = datetime.fromtimestamp(as_of, UTC)
    since = None if checkpoint is None else date(1970, 1, 1) + timedelta(checkpoint.through + 1)
    query = FactsQuery(moment, since=since, kickoff_before=moment + timedelta(days=1))
    facts = repository.load(query)
    rows = np.flatnonzero(facts.kickoff > as_of)
    history, state = past(facts, as_of, checkpoint)
    built = build(history, facts, rows, np.full(len(rows), as_of), SPEC, state)
    priced = np.flatnonzero(built.market.newest >= 0)
    return {int(facts.event_id[rows[i]]): built.matrix[i].tobytes() for i in priced}


def past(
    facts: Facts, as_of: int, checkpoint: Checkpoint | None
) -> tuple[History, RatingState | None]:
    recent = summarise(facts, as_of, SPEC)
    return (recent, None) if checkpoint is None else (checkpoint.extended(recent), checkpoint.state)


def match_days(facts: Facts, number: int, after: int = 0) -> list[int]:
    """Instants just before the first kick-off of some days."""
    its = facts.kickoff[facts.day > after]
    day, first = np.unique(its // SECONDS_A_DAY, return_index=True)
    some = np.random.default_rng(11).choice(len(day), min(number, len(day)), replace=False)
    return [int(its[first[i]]) - 1 for i in np.sort(some)]


def check(
    repository: FactsRepository,
    expected: dict[int, bytes],
    days: list[int],
    checkpoint: Checkpoint | None = None,
) -> None:
    compared = 0
    for as_of in days:
        for event, row in served(repository, as_of, checkpoint).items():
            assert row == expected[event], (as_of, event)
            compared += 1
    assert compared >= 5 * len(days)


def made_through(facts: Facts, last_day: int) -> Checkpoint:
    history = summarise(facts.where(facts.day <= last_day), 2**62, SPEC)
    return Checkpoint.from_bytes(Checkpoint.of(history, {}, SPEC).to_bytes())


def test_generated_matches_day_by_day_with_and_without_a_checkpoint() -> None:
    facts = seasons_of()
    expected = learned(facts)
    check(ArrayFacts(facts), expected, match_days(facts, 200))
    half = int(np.median(facts.day))
    checkpoint = made_through(facts, half)
    check(ArrayFacts(facts), expected, match_days(facts, 200, half + 5), checkpoint)


@pytest.mark.shared
@pytest.mark.slow
def test_real_matches_day_by_day_with_and_without_a_checkpoint() -> None:
    facts = SeasonFolder(FOOTBALL).load(
        seasons=range(2016, 2025), leagues=("E0", "E1", "SC3", "T1", "D2", "G1")
    )
    expected = learned(facts)
    check(ArrayFacts(facts), expected, match_days(facts, 16))
    summer = (date(2021, 6, 30) - date(1970, 1, 1)).days
    checkpoint = made_through(facts, summer)
    check(ArrayFacts(facts), expected, match_days(facts, 16, summer + 5), checkpoint)


@pytest.mark.shared
def test_real_matches_through_postgresql(engine: Engine) -> None:
    facts = SeasonFolder(FOOTBALL).load(seasons=(2022, 2023, 2024), leagues=("E0", "E1", "EC"))
    expected = learned(facts)
    with engine.begin() as connection:
        SqlFactsRepository(connection).store(
            facts, source="test", received_at=RECEIVED, reconstructed=True
        )
    summer = (date(2023, 6, 30) - date(1970, 1, 1)).days
    with engine.connect() as connection:
        repository = SqlFactsRepository(connection)
        check(repository, expected, match_days(facts, 8))
        checkpoint = made_through(facts, summer)
        check(repository, expected, match_days(facts, 8, summer + 5), checkpoint)
