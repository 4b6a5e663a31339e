"""Rows that the code knows beforehand or adds as they are seen: leagues, teams and books."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from betting_ai.adapters.sql.tables import Book, League, Sport, Team
from betting_ai.domain.books import book
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.sports import SPORTS
from betting_ai.errors import UnknownLeagueError


def ensure_reference_data(connection: Connection) -> None:
    """Make sports and leagues what `betting_ai.domain.leagues` says; writes only what differs."""
    sports = [{"code": s.code, "name": s.name, "outcomes": s.outcomes} for s in SPORTS.values()]
    _upsert(connection, Sport, sports)
    _upsert(connection, League, [asdict(league) for league in LEAGUES.values()])


def league_ids(connection: Connection, codes: Iterable[str]) -> dict[str, int]:
    """Keys of leagues by code.

    Raises:
        UnknownLeagueError: a code that the product does not know.
    """
    for code in codes:
        if code not in LEAGUES:
            raise UnknownLeagueError(f"Unknown league {code!r}")
    found = _keys(connection, League.c.code, League.c.id)
    if not set(codes) <= set(found):
        ensure_reference_data(connection)
        found = _keys(connection, League.c.code, League.c.id)
    return found


def team_ids(connection: Connection, teams: Sequence[str]) -> dict[str, int]:
    """Keys of teams by ``"<country>:<name>"``; teams never seen are added."""
    key = Team.c.country + ":" + Team.c.name
    found = _keys(connection, key, Team.c.id)
    if missing := [team.partition(":") for team in teams if team not in found]:
        rows = [{"country": country, "name": name} for country, _, name in missing]
        connection.execute(insert(Team).values(rows).on_conflict_do_nothing())
        found = _keys(connection, key, Team.c.id)
    return found


def book_ids(connection: Connection, codes: Sequence[str]) -> dict[str, int]:
    """Keys of books by code; books never seen are added."""
    found = _keys(connection, Book.c.code, Book.c.id)
    if missing := [code for code in codes if code not in found]:
        rows = [asdict(book(code)) for code in missing]
        connection.execute(insert(Book).values(rows).on_conflict_do_nothing())
        found = _keys(connection, Book.c.code, Book.c.id)
    return found


def _keys(
    connection: Connection, name: sa.SQLColumnExpression[str], key: sa.SQLColumnExpression[int]
) -> dict[str, int]:
    return dict(connection.execute(sa.select(name, key)).all())


def _upsert(connection: Connection, table: sa.Table, rows: list[dict[str, object]]) -> None:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in rows[0]]
    there = connection.execute(sa.select(*columns).select_from(table)).mappings()
    known = {row["code"]: dict(row) for row in there}
    # Only what differs: an upsert of rows that are there would use up the numbers of the key.
    if different := [row for row in rows if known.get(row["code"]) != row]:
        statement = insert(table).values(different)
        changes = {c.name: statement.excluded[c.name] for c in columns if c.name != "code"}
        connection.execute(statement.on_conflict_do_update(index_elements=["code"], set_=changes))
