"""The schema: migrations give what the models say, once, whoever comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from betting_ai.adapters.sql import migrate as migrating
from betting_ai.adapters.sql.database import open_database, reach_database
from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.facts import SqlFactsRepository
from betting_ai.adapters.sql.migrate import HEAD, current_revision, migrate
from betting_ai.adapters.sql.reference import ensure_reference_data
from betting_ai.adapters.sql.tables import metadata
from betting_ai.domain.leagues import LEAGUES
from betting_ai.errors import DatabaseUnavailableError
from integration.generated_facts import generated_facts

CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
AND conrelid::regclass::text <> 'alembic_version' ORDER BY 1, 2
"""
INDEXES = """
SELECT tablename, indexname, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1, 2
"""


def test_the_migrated_schema_is_what_the_models_say(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_so_are_its_constraints_and_indexes(engine: Engine, empty_url: str) -> None:
    made = connect(empty_url)
    metadata.create_all(made)
    with engine.connect() as migrated, made.connect() as direct:
        for catalogue in (CONSTRAINTS, INDEXES):
            rows = migrated.execute(sa.text(catalogue)).all()
            assert rows
            assert rows == direct.execute(sa.text(catalogue)).all()
    made.dispose()


def test_the_known_head_is_the_newest_script() -> None:
    config = Config()
    folder = Path(migrating.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_an_empty_database_is_migrated_once(empty_url: str) -> None:
    engine = connect(empty_url)
    assert current_revision(engine) is None
    assert migrate(engine) is True
    assert current_revision(engine) == HEAD
    assert migrate(engine) is False
    engine.dispose()


def test_several_at_once_migrate_once(empty_url: str) -> None:
    engines = [connect(empty_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(migrate, engines))
    assert sorted(changed) == [False, False, False, True]
    for engine in engines:
        engine.dispose()


def test_a_schema_of_a_later_version_is_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnavailableError, match="upgrade betting-ai"):
        migrate(engine)
    assert current_revision(engine) == "9999"


def test_reference_data_follows_the_code_and_uses_up_no_keys(engine: Engine) -> None:
    rows = sa.text("SELECT id, code, name, tier FROM leagues ORDER BY id")
    with engine.begin() as connection:
        before = connection.execute(rows).all()
        assert {code for _, code, _, _ in before} == set(LEAGUES)
        connection.execute(sa.text("UPDATE leagues SET name = 'old', tier = 9 WHERE code = 'E0'"))
        ensure_reference_data(connection)
        assert connection.execute(rows).all() == before
        last = sa.text("SELECT last_value FROM leagues_id_seq")
        used = connection.scalar(last)
        ensure_reference_data(connection)
        assert connection.scalar(last) == used


def test_open_database_makes_an_empty_one_ready(empty_url: str, tmp_path: Path) -> None:
    with open_database(empty_url, tmp_path) as engine:
        assert current_revision(engine) == HEAD
    assert list(tmp_path.iterdir()) == []


def test_the_planner_learns_of_what_an_embedded_database_was_given(home: Path) -> None:
    with open_database(None, home) as engine, engine.begin() as connection:
        facts = generated_facts(200)
        SqlFactsRepository(connection).store(
            facts, source="test", received_at=datetime.now(UTC), reconstructed=True
        )
    with reach_database(None, home) as engine, engine.connect() as connection:
        estimate = sa.text("SELECT reltuples FROM pg_class WHERE relname = 'odds'")
        assert connection.scalar(estimate) == np.count_nonzero(~np.isnan(facts.price))
