"""Rows that must not be are refused by the database itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

HASH_A, HASH_B, HASH_C = "a" * 64, "b" * 64, "c" * 64

EVENT = """
INSERT INTO teams (country, name) VALUES ('ENG', 'Home'), ('ENG', 'Away');
INSERT INTO books (code, name, kind) VALUES ('B365', 'bet365', 'named');
INSERT INTO events (id, slug, league_id, season, day, home_id, away_id, kickoff, time_assumed,
                    source, received_at, reconstructed)
VALUES (1, 'e0-2025-03-15-home-away', 1, 2024, '2025-03-15', 1, 2, '2025-03-15 15:00Z', false,
        'test', now(), true);
INSERT INTO results (event_id, known_at, received_at, reconstructed, source, goals_home, goals_away)
VALUES (1, '2025-03-15 17:15Z', now(), true, 'test', 2, 1)
"""
ODDS = """
INSERT INTO odds (event_id, quoted_at, received_at, book_id, market, line, selection, price,
                  reconstructed)
VALUES ({event}, '2025-03-14 15:00Z', now(), {book}, {market}, {line}, {selection}, {price}, true)
"""
SLATE = """
INSERT INTO slates (id, as_of, window_hours, profile, model_version, mode, payload, previous_hash,
                    hash)
VALUES ('{hash}', now(), 24, 'strict', 'm1', 'live', '{{}}', {previous}, '{hash}')
"""
API_KEY = """
INSERT INTO api_keys (id, name, token_hash, scopes, generation, previous_token_hash)
VALUES ('k', 'n', sha256('x'), ARRAY['read'], {generation}, {previous})
"""
API_CALL = """
INSERT INTO api_calls (key_id, route, idempotency_key, digest, owner, lease_until, status, headers,
                       body, created_at, expires_at)
VALUES ('k', 'POST /x', 'i', sha256('x'), gen_random_uuid(), {lease}, {status}, '{{}}', {body},
        now(), now())
"""


def odds(**other: object) -> str:
    usual = {"event": 1, "book": 1, "market": 0, "line": 0, "selection": 0, "price": 2.5}
    return ODDS.format(**(usual | other))


def slate(hash_: str, previous: str | None) -> str:
    return SLATE.format(hash=hash_, previous=f"'{previous}'" if previous else "NULL")


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        for statement in EVENT.split(";"):
            connection.execute(sa.text(statement))
        connection.execute(sa.text(odds()))
        connection.commit()
        yield connection


def refused(connection: Connection, sql: str, why: str) -> None:
    with pytest.raises(DBAPIError, match=why), connection.begin():
        connection.exec_driver_sql(sql)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (odds(price="1.0", selection=1), "odds_price_check"),
        (odds(selection=3), "odds_selection_check"),
        (odds(market=1, line=10, selection=2), "odds_selection_check"),
        (odds(market=0, line=10, selection=1), "odds_line_check"),
        (odds(market=3, selection=1), "odds_market_check"),
        (odds(price="3.0"), "odds_pkey"),
        (odds(event=2), "unknown event or book"),
        (odds(book=2), "unknown event or book"),
        ("INSERT INTO results SELECT * FROM results", "results_pkey"),
        (
            "INSERT INTO results (event_id, known_at, received_at, reconstructed, source, red_away)"
            " VALUES (1, now(), now(), true, 'test', -1)",
            "results_counts_check",
        ),
        ("INSERT INTO teams (country, name) VALUES ('ENG', 'Home')", "teams_country_name_key"),
        (
            "INSERT INTO events SELECT 2, 'other', league_id, season, day, home_id, home_id,"
            " kickoff, false, source, received_at, true FROM events",
            "events_teams_check",
        ),
        (
            "INSERT INTO events SELECT 2, 'other', league_id, season, day, home_id, away_id,"
            " kickoff, false, source, received_at, true FROM events",
            "events_league_id_day_home_id_away_id_key",
        ),
        (
            "INSERT INTO predictions (event_id, as_of, model_version, member, p_home, p_draw,"
            " p_away) VALUES (1, now(), 'm', 'xgb', 0.5, 0.3, 0.3)",
            "predictions_probabilities_check",
        ),
        (
            "INSERT INTO betting_sessions (name, mode, currency, starting_bankroll, bankroll,"
            " limits) VALUES ('s', 'pretend', 'EUR', 100, 100, '{}')",
            "betting_sessions_mode_check",
        ),
        (
            "INSERT INTO api_keys (id, name, token_hash, scopes, generation) VALUES"
            " ('k', 'n', sha256('x'), ARRAY['read', 'root'], 1)",
            "api_keys_scopes_check",
        ),
        (API_KEY.format(generation=1, previous="sha256('y')"), "api_keys_previous_check"),
        (API_KEY.format(generation=2, previous="'short'"), "api_keys_previous_check"),
        (
            "INSERT INTO api_nonces (key_id, nonce, expires_at) VALUES ('k', 'n', now())",
            "api_nonces_key_id_fkey",
        ),
        (API_CALL.format(status="201", lease="NULL", body="NULL"), "api_calls_answer_check"),
        (API_CALL.format(status="201", lease="now()", body="'b'"), "api_calls_answer_check"),
        (API_CALL.format(status="500", lease="NULL", body="'b'"), "api_calls_status_check"),
        (API_CALL.format(status="201", lease="NULL", body="'b'"), "api_calls_key_id_fkey"),
    ],
)
def test_wrong_rows_are_refused(connection: Connection, wrong: str, why: str) -> None:
    refused(connection, wrong, why)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE odds SET price = 9",
        "DELETE FROM odds",
        "TRUNCATE odds",
        "UPDATE results SET goals_home = 9",
        "DELETE FROM results",
        "TRUNCATE results",
        "DELETE FROM books",
    ],
)
def test_what_was_told_stays_but_for_maintenance(connection: Connection, change: str) -> None:
    refused(connection, change, "append-only")
    with connection.begin():
        connection.execute(sa.text("SET LOCAL betting_ai.maintenance = 'on'"))
        connection.execute(sa.text(change))
    refused(connection, "TRUNCATE odds", "append-only")


def test_the_chain_of_slates_has_one_beginning_and_no_forks(connection: Connection) -> None:
    with connection.begin():
        connection.exec_driver_sql(slate(HASH_A, None))
        connection.exec_driver_sql(slate(HASH_B, HASH_A))
    refused(connection, slate(HASH_C, HASH_A), "slates_previous_hash_key")
    refused(connection, slate(HASH_C, None), "slates_previous_hash_key")
    refused(connection, slate(HASH_B, HASH_B), "slates_pkey")
    refused(connection, slate("no hash", HASH_B), "slates_hash_check")
