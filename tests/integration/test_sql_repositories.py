"""Teams, the ingest log, the review queue, and the transaction they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.engine import Engine

from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork, unit_of_work_factory
from betting_ai.errors import InvalidInputError
from betting_ai.ports.repositories import IngestEntry, ReviewItem, Stored, StoredCounts
from betting_ai.ports.unit_of_work import UnitOfWork
from integration.generated_facts import generated_facts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENTRY = IngestEntry(
    source="football_data",
    name="2324/E0.csv",
    sha256="0" * 64,
    received_at=NOW,
    status="stored",
    rows_read=381,
    rows_kept=380,
    rows_repaired={"team_name": 2},
    rows_refused={"no_date": 1},
    quotes_kept=1000,
    quotes_refused={"price_of_one": 3},
    stored=StoredCounts(events=380, results=380, prices=2500, known=1, conflicting=2),
    stages={"read": 0.01, "store": 0.2},
)
DOUBT = ReviewItem(
    source="odds_api",
    country="ENG",
    league="E0",
    name="Teem E0",
    verdict="doubtful",
    candidates=(("FC E0 0", 71.5), ("FC E0 1", 60.0)),
)


@pytest.fixture
def unit(engine: Engine) -> Iterator[SqlUnitOfWork]:
    with SqlUnitOfWork(engine) as unit:
        unit.facts.store(generated_facts(30), source="t", received_at=NOW, reconstructed=True)
        yield unit


def test_the_factory_makes_what_the_port_promises(engine: Engine) -> None:
    make = unit_of_work_factory(engine)
    unit: UnitOfWork = make()
    with unit:
        assert unit.review.open() == []


def test_leaving_without_commit_leaves_nothing(engine: Engine) -> None:
    with SqlUnitOfWork(engine) as unit:
        unit.facts.store(generated_facts(3), source="t", received_at=NOW, reconstructed=True)
        unit.ingest_log.add(ENTRY)
    with SqlUnitOfWork(engine) as unit:
        assert unit.ingest_log.recent() == []
        assert unit.teams.teams("ENG") == unit.teams.teams("GER") == []


def test_a_commit_is_seen_by_others_even_if_the_rest_fails(engine: Engine) -> None:
    def fail_after_commit() -> None:
        with SqlUnitOfWork(engine) as unit:
            unit.ingest_log.add(ENTRY)
            unit.commit()
            unit.review.add(DOUBT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_commit()
    with SqlUnitOfWork(engine) as unit:
        assert unit.ingest_log.recent() == [ENTRY]
        assert unit.review.open() == []


def test_teams_come_in_with_facts(unit: SqlUnitOfWork) -> None:
    assert unit.teams.teams("GER") == sorted(unit.teams.teams("GER"))
    assert "FC E0 0" in unit.teams.teams("ENG")
    assert unit.teams.teams("FRA") == []


def test_aliases_belong_to_a_source_and_a_country(unit: SqlUnitOfWork) -> None:
    unit.teams.add_alias("odds_api", "ENG", "Efcee Nil", "FC E0 0")
    assert unit.teams.aliases("odds_api", "ENG") == {"Efcee Nil": "FC E0 0"}
    assert unit.teams.aliases("cloudbet", "ENG") == {}
    assert unit.teams.aliases("odds_api", "GER") == {}
    unit.teams.add_alias("odds_api", "ENG", "Efcee Nil", "FC E0 1")
    assert unit.teams.aliases("odds_api", "ENG") == {"Efcee Nil": "FC E0 1"}


def test_an_alias_needs_a_team_of_that_country(unit: SqlUnitOfWork) -> None:
    with pytest.raises(InvalidInputError, match="No team"):
        unit.teams.add_alias("odds_api", "GER", "Efcee Nil", "FC E0 0")


def test_the_log_gives_back_what_it_was_told_newest_first(unit: SqlUnitOfWork) -> None:
    refused = IngestEntry("football_data", "x.csv", "1" * 64, NOW, "refused", error="Not a table")
    unit.ingest_log.add(ENTRY)
    unit.ingest_log.add(refused)
    assert unit.ingest_log.recent() == [refused, ENTRY]
    assert unit.ingest_log.recent(limit=1) == [refused]


def test_only_stored_bytes_under_the_same_name_were_seen(unit: SqlUnitOfWork) -> None:
    refused = IngestEntry("football_data", "x.csv", "1" * 64, NOW, "refused", error="Not a table")
    unit.ingest_log.add(ENTRY)
    unit.ingest_log.add(refused)
    assert unit.ingest_log.seen("football_data", "2324/E0.csv", "0" * 64)
    assert not unit.ingest_log.seen("football_data", "2324/E0.csv", "2" * 64)
    assert not unit.ingest_log.seen("football_data", "2425/E0.csv", "0" * 64)
    assert not unit.ingest_log.seen("other", "2324/E0.csv", "0" * 64)
    assert not unit.ingest_log.seen("football_data", "x.csv", "1" * 64)


def test_a_mark_changes_whenever_a_payload_is_stored(database_url: str) -> None:
    """Also by one that took its number first and ends last."""
    engine = connect(database_url, pool="server")
    with SqlUnitOfWork(engine) as slow, SqlUnitOfWork(engine) as quick:
        slow.ingest_log.add(replace(ENTRY, name="slow"))
        quick.ingest_log.add(replace(ENTRY, name="quick", received_at=NOW + timedelta(hours=1)))
        quick.commit()
        with SqlUnitOfWork(engine) as reader:
            first = reader.ingest_log.stored()
        slow.commit()
        quick.ingest_log.add(replace(ENTRY, status="unchanged"))
        quick.ingest_log.add(
            replace(ENTRY, status="refused", error="no table", received_at=NOW + timedelta(days=9))
        )
        quick.commit()
        with SqlUnitOfWork(engine) as reader:
            second = reader.ingest_log.stored()
    assert first.received_at == second.received_at == NOW + timedelta(hours=1)
    assert first.mark != second.mark
    engine.dispose()


def test_nothing_stored_has_a_mark_too(engine: Engine) -> None:
    with SqlUnitOfWork(engine) as unit:
        assert unit.ingest_log.stored() == Stored(0, None)


def test_instants_come_back_in_utc(unit: SqlUnitOfWork) -> None:
    unit.ingest_log.add(ENTRY)
    assert unit.ingest_log.recent()[0].received_at.utcoffset() == timedelta(0)


def test_a_doubt_waits_once_until_it_is_settled(unit: SqlUnitOfWork) -> None:
    unit.review.add(DOUBT)
    unit.review.add(DOUBT)
    assert unit.review.open() == [DOUBT]
    unit.review.resolve(DOUBT, "FC E0 0")
    assert unit.review.open() == []
    assert unit.teams.aliases("odds_api", "ENG") == {"Teem E0": "FC E0 0"}
    with pytest.raises(InvalidInputError, match="is open"):
        unit.review.resolve(DOUBT, "FC E0 1")


def test_a_doubt_is_not_settled_with_a_team_nobody_knows(unit: SqlUnitOfWork) -> None:
    unit.review.add(DOUBT)
    with pytest.raises(InvalidInputError, match="No team"):
        unit.review.resolve(DOUBT, "FC Nowhere")
    assert unit.review.open() == [DOUBT]
