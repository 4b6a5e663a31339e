"""Season-file ingest into PostgreSQL, against a raw COPY of the same rows in the same run.

A season of all divisions is stored through the adapter into an empty database; then the very rows
that arrived are copied, as PostgreSQL's own binary COPY data, into a table of the same shape and
primary key. Both are repeated on fresh tables and the medians compared.
"""

from __future__ import annotations

import io
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from betting_ai.adapters.local.postgres import EmbeddedPostgres
from betting_ai.adapters.sql.database import prepare
from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.facts import SqlFactsRepository
from betting_ai.domain.events import event_id, event_slug
from betting_ai.domain.leagues import LEAGUES, SEASON_FILE_LEAGUES
from betting_ai.domain.markets import Market
from betting_ai.features.facts import STATS, Facts, merge
from betting_ai.ports.repositories import FactsQuery

PRICES_PER_SECOND = 50_000
SHARE_OF_RAW_COPY = 0.25
REPEATS = 3

MATCHES = 7_700
TEAMS_PER_LEAGUE = 20
FIRST_DAY = 19_940
BOOKS = ("1XB", "AVG", "B365", "BF", "BFE", "BW", "MAX", "PS", "WH")
TWO_WAY_BOOKS = ("AVG", "B365", "BFE", "MAX", "PS")
NOW = datetime(2026, 1, 1, tzinfo=UTC)

NO_ODDS = "SET LOCAL betting_ai.maintenance = 'on'; TRUNCATE odds, events CASCADE"
SAME_ROWS = "COPY odds TO STDOUT (FORMAT binary)"
RAW_TABLE = """
CREATE TABLE raw_odds (LIKE odds INCLUDING STORAGE, PRIMARY KEY (event_id, market, line, book_id,
selection, quoted_at))
"""


def season() -> Facts:
    """As many matches, books and markets as a recent season of 22 divisions has."""
    random = np.random.default_rng(0)
    leagues = tuple(sorted(SEASON_FILE_LEAGUES))
    names = [f"FC {code} {i}" for code in leagues for i in range(TEAMS_PER_LEAGUE)]
    countries = [LEAGUES[code].country for code in leagues for _ in range(TEAMS_PER_LEAGUE)]
    per_league = MATCHES // len(leagues)
    pairs = [(h, a) for h, a in product(range(TEAMS_PER_LEAGUE), repeat=2) if h != a][:per_league]
    league = np.repeat(np.arange(len(leagues)), len(pairs))
    home, away = np.tile(np.array(pairs).T, len(leagues)) + league * TEAMS_PER_LEAGUE
    day = FIRST_DAY + random.integers(0, 300, len(league))
    dates = day.astype("datetime64[D]").astype(str)
    slugs = [
        event_slug(leagues[k], d, names[h], names[a])
        for k, d, h, a in zip(league, dates, home, away, strict=True)
    ]
    kickoff = day * 86_400 + 54_000
    columns = [(Market.MATCH_RESULT, 0.0, book) for book in range(len(BOOKS))] + [
        (market, line, BOOKS.index(book))
        for market, line in ((Market.TOTALS, 2.5), (Market.HANDICAP, -0.75))
        for book in TWO_WAY_BOOKS
    ]
    quoted = [(*column, closing) for column in columns for closing in (False, True)]
    market, line, book, closing = (np.tile(part, len(slugs)) for part in zip(*quoted, strict=True))
    event = np.repeat(np.arange(len(slugs)), len(quoted))
    price = np.round(1.05 + random.gamma(2.0, 1.2, (len(event), 3)), 2)
    price[market != Market.MATCH_RESULT, 2] = np.nan
    order = np.argsort(np.array([f"{c}:{n}" for c, n in zip(countries, names, strict=True)]))
    place = np.argsort(order)
    return merge(
        [
            Facts(
                leagues=leagues,
                teams=tuple(f"{countries[i]}:{names[i]}" for i in order),
                books=BOOKS,
                event_id=np.array([event_id(slug) for slug in slugs]),
                league=league,
                season=np.full(len(slugs), 2024),
                home=place[home],
                away=place[away],
                kickoff=kickoff,
                day=day,
                time_assumed=np.zeros(len(slugs), np.bool_),
                result_known_at=kickoff + 8_100,
                stats=random.integers(0, 20, (len(slugs), len(STATS))),
                quote_event=event,
                quote_book=book,
                quote_market=market,
                quote_line=line,
                quoted_at=kickoff[event] - np.where(closing, 0, 2 * 86_400),
                price=price,
            )
        ]
    )


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def through_the_adapter(engine: Engine, facts: Facts) -> float:
    """Store a season into empty tables, commit included."""

    def store() -> None:
        with engine.begin() as connection:
            SqlFactsRepository(connection).store(
                facts, source="bench", received_at=NOW, reconstructed=True
            )

    with engine.begin() as connection:
        for statement in NO_ODDS.split(";"):
            connection.execute(sa.text(statement))
    return seconds(store)


def raw_copy(engine: Engine, rows: bytes) -> float:
    """Copy the same rows into an empty table of the same shape, commit included."""

    def copy() -> None:
        with engine.begin() as connection:
            connection.execute(sa.text("SELECT 1"))
            stream(connection, "COPY raw_odds FROM STDIN (FORMAT binary)", io.BytesIO(rows))

    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS raw_odds"))
        connection.execute(sa.text(RAW_TABLE))
    return seconds(copy)


def stream(connection: Connection, sql: str, data: io.BytesIO) -> io.BytesIO:
    """A COPY from or to a stream, by the driver alone."""
    cursor = connection.connection.cursor()
    cursor.execute(sql, stream=data)  # type: ignore[call-arg]
    cursor.close()
    return data


def measure(engine: Engine) -> dict[str, float]:
    """Medians over the repeats."""
    facts = season()
    prices = int(np.count_nonzero(~np.isnan(facts.price)))
    stored, copied, rows = [], [], b""
    for _ in range(REPEATS):  # in turns, so that a busy machine slows both
        stored.append(through_the_adapter(engine, facts))
        if not rows:
            with engine.connect() as connection:
                rows = stream(connection, SAME_ROWS, io.BytesIO()).getvalue()
        copied.append(raw_copy(engine, rows))

    def load() -> None:
        with engine.connect() as connection:
            loaded = SqlFactsRepository(connection).load(FactsQuery(as_of=NOW))
        assert loaded.equals(facts), "what came back is not what went in"

    loads = [seconds(load) for _ in range(REPEATS)]
    adapter = prices / statistics.median(stored)
    raw = prices / statistics.median(copied)
    return {
        "matches": len(facts),
        "prices": prices,
        "adapter_prices_per_second": round(adapter),
        "raw_copy_prices_per_second": round(raw),
        "ratio": round(adapter / raw, 3),
        "load_season_seconds": round(statistics.median(loads), 2),
    }


def main() -> int:
    """Measure on an embedded server with its usual, durable settings."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder)) as server:
            engine = connect(server.url())
            prepare(engine)
            figures = measure(engine)
            engine.dispose()
    passed = (
        figures["adapter_prices_per_second"] >= PRICES_PER_SECOND
        and figures["ratio"] >= SHARE_OF_RAW_COPY
    )
    print(json.dumps({"benchmark": "ingest_sql", **figures, "passed": passed}))
    rate, share = figures["adapter_prices_per_second"], figures["ratio"]
    print(
        f"{'PASS' if passed else 'FAIL'}: {rate:,} prices/s through the adapter "
        f"(budget {PRICES_PER_SECOND:,}), {share:.0%} of a raw COPY "
        f"(budget {SHARE_OF_RAW_COPY:.0%}); a season loads in {figures['load_season_seconds']} s"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
