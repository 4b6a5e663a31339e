"""Every function's role does its work, and nothing else, in a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ProgrammingError

from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.roles import CONNECTIONS, ROLES, ensure_roles
from betting_ai.adapters.sql.tables import metadata
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork, unit_of_work_factory
from betting_ai.clock import FixedClock
from betting_ai.domain.keys import Scope
from betting_ai.errors import DatabaseUnavailableError
from betting_ai.usecases.authenticate import Authenticate
from betting_ai.usecases.manage_keys import CreateKey, CreateKeyCommand
from integration.record_world import EVENING, MORNING, World, match, pick, slate, world

__all__ = ["world"]  # a fixture

As = Callable[[str], World]
ROOT = b"r" * 32


class Root:
    def read(self, name: str) -> bytes:
        return ROOT


@pytest.fixture
def as_(world: World, database_url: str) -> Iterator[As]:
    """The same database as a function's role sees it."""
    with world.engine.begin() as connection:
        ensure_roles(connection)
        ensure_roles(connection)  # again changes nothing
    opened: list[Engine] = []

    def role(function: str) -> World:
        url = make_url(database_url).set(username=f"betting_{function}")
        opened.append(connect(url.render_as_string()))
        return World(opened[-1])

    yield role
    for engine in opened:
        engine.dispose()


def refused(world: World, sql: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), world.engine.begin() as one:
        one.execute(sa.text(sql))


def test_the_roles_together_stay_within_the_budget() -> None:
    assert sum(role.connections for role in ROLES) < CONNECTIONS


def test_who_ingests_stores_facts_and_publishes_nothing(as_: As) -> None:
    ingest = as_("ingest_raw")
    ingest.tell(match(0, (2, 1)), match(3))
    assert ingest.rows("SELECT count(*) AS n FROM results")[0]["n"] == 1
    refused(ingest, "INSERT INTO slates SELECT * FROM slates")
    refused(ingest, "DELETE FROM odds")
    refused(ingest, "UPDATE odds SET price = 2")


def test_a_day_by_the_roles_of_its_functions(as_: As, world: World) -> None:
    select, settle = as_("select_top3"), as_("settle_picks")
    select.publish(slate(pick(0), pick(1, rank=2)))
    select.publish(slate(pick(0), as_of=MORNING + timedelta(hours=1)))  # replaces one
    assert [status for status, _ in select.statuses()] == ["replaced", "pending", "pending"]
    refused(select, "UPDATE slates SET payload = '{}'")
    refused(select, "UPDATE recommendations SET stake = 5")
    refused(select, "INSERT INTO settlements (hash) VALUES ('x')")
    as_("ingest_raw").tell(match(0, (2, 1)), match(1, (0, 0)))
    assert len(settle.settle().settlements) == 2
    refused(settle, "UPDATE recommendations SET price = 9")
    refused(settle, "UPDATE settlements SET profit = 9")
    refused(settle, "INSERT INTO slates SELECT * FROM slates")
    assert [status for status, _ in world.statuses()] == ["replaced", "lost", "won"]


def test_the_api_knows_keys_and_bets_and_makes_no_key(as_: As, world: World) -> None:
    made = CreateKey(unit_of_work_factory(world.engine), Root(), FixedClock(MORNING))(
        CreateKeyCommand("mine", frozenset({Scope.READ, Scope.BET}))
    )
    api = as_("api")
    from betting_ai.domain.keys import Token

    found = Authenticate(unit_of_work_factory(api.engine), FixedClock(EVENING))(
        Token.parse(made.token)
    )
    assert found.key.id == made.key.id
    with SqlUnitOfWork(api.engine) as unit:
        assert unit.keys.claim_nonce(
            made.key.id, "n" * 22, now=MORNING, expires_at=MORNING + timedelta(minutes=1)
        )
        unit.commit()
    refused(api, "INSERT INTO api_keys SELECT * FROM api_keys")
    refused(api, "UPDATE api_keys SET revoked_at = NULL")
    refused(api, "UPDATE recommendations SET status = 'won'")
    refused(api, "DELETE FROM bets")
    for function in ("ingest_raw", "select_top3", "settle_picks"):
        refused(as_(function), "SELECT * FROM api_keys")


def test_no_role_changes_the_schema_or_has_a_table_nobody_knows(as_: As) -> None:
    known = set(metadata.tables)
    for role in ROLES:
        named = {what.split()[0] for what in (*role.adds, *role.changes, *role.removes)}
        assert named <= known
        its = as_(role.function)
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            its.change("ALTER TABLE slates ADD COLUMN note text")
        with pytest.raises(ProgrammingError, match="permission denied"):
            its.change("CREATE TABLE mine (n int)")
        if not role.stages:
            refused(its, "CREATE TEMPORARY TABLE mine (n int)")


def test_the_hard_wall_of_connections(as_: As) -> None:
    limit = next(role.connections for role in ROLES if role.function == "settle_picks")
    worlds = [as_("settle_picks") for _ in range(limit + 1)]
    held = [world.engine.connect() for world in worlds[:limit]]
    with pytest.raises(DatabaseUnavailableError, match="too many connections for role"):
        worlds[limit].engine.connect()
    held[0].invalidate()
    held[0].close()
    with worlds[limit].engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT current_user")) == "betting_settle_picks"
    for connection in held[1:]:
        connection.close()


def test_a_statement_that_takes_too_long_is_ended(as_: As) -> None:
    api = as_("api")
    settings = api.rows(
        "SELECT name, setting FROM pg_settings WHERE name IN "
        "('statement_timeout', 'lock_timeout', 'idle_session_timeout', "
        "'idle_in_transaction_session_timeout')"
    )
    assert {row["name"]: row["setting"] for row in settings} == {
        "statement_timeout": "20000",
        "lock_timeout": "5000",
        "idle_session_timeout": "300000",
        "idle_in_transaction_session_timeout": "30000",
    }
    assert Decimal(settings[0]["setting"]) > 0
