"""Slates are published once, in one chain, and every number of them comes back as it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import nan
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.domain.slate import Criteria, Pick, Rationale, Slate
from betting_ai.ports.repositories import Prediction
from integration.generated_facts import generated_facts
from made_slates import CANDIDATE, made_pick, made_slate

NOON = datetime(2024, 6, 20, 12, 0, 0, 250_000, tzinfo=UTC)  # before every kick-off
SECOND = timedelta(seconds=1)
AFTER = NOON + SECOND
RATIONALE = Rationale(
    "Underpriced.", ("Books disagree.",), {"fair_odds": 2.168, "tiny": 1e-06, "none": -0.0}
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Of a database with events, for many at once."""
    engine = connect(database_url, pool="server")
    with SqlUnitOfWork(engine) as unit:
        unit.facts.store(generated_facts(30), source="t", received_at=NOON, reconstructed=True)
        unit.commit()
    yield engine
    engine.dispose()


@pytest.fixture
def events(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.text("SELECT slug FROM events ORDER BY slug")))


SEEN = replace(
    CANDIDATE,
    f=0.46123456789012345,
    kickoff=NOON + timedelta(hours=3),
    prices_as_of=NOON - timedelta(minutes=20),
)


def pick(event: str, rank: int = 1, **changes: Any) -> Pick:
    return made_pick(replace(SEEN, event_id=event, **changes), rank=rank, rationale=RATIONALE)


def slate(*picks: Pick, as_of: datetime = NOON) -> Slate:
    return made_slate(*picks, as_of=as_of, window_hours=0.5, criteria=Criteria.of("value"))


def publish(engine: Engine, given: Slate, *predictions: Prediction) -> None:
    with SqlUnitOfWork(engine) as unit:
        unit.slates.add(given, predictions)
        unit.commit()


def rows(engine: Engine, table: str, order: str = "id") -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY {order}"))
        return [dict(row) for row in found.mappings()]


def sha256(entry: dict[str, Any], previous: str | None) -> str:
    def text(value: object) -> str:
        return value.isoformat() if isinstance(value, datetime) else str(value)

    words = json.dumps(entry, sort_keys=True, separators=(",", ":"), default=text)
    return hashlib.sha256((words + (previous or "")).encode()).hexdigest()


def chain(links: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The links in order, each followed by the one that names it: all of them."""
    by_previous = {link["previous_hash"]: link for link in links}
    ordered, at = [], None
    while at in by_previous:
        ordered.append(by_previous[at])
        at = ordered[-1]["hash"]
    assert len(ordered) == len(links)
    return ordered


LATER = {
    "id", "previous_hash", "hash", "created_at", "status", "profit", "clv", "settled_at",
    "replaces_id",
}  # fmt: skip

KEYS = {"event_id", "book_id", "market", "selection"}  # the hash is of what they stand for


def test_a_slate_is_kept_as_it_was_given(engine: Engine, events: list[str]) -> None:
    given = slate(pick(events[0]))
    publish(engine, given)
    [row] = rows(engine, "slates")
    assert row["payload"] == given.to_dict()
    assert (row["as_of"], row["window_hours"], row["profile"]) == (NOON, 0.5, "value")
    assert (row["model_version"], row["mode"], row["previous_hash"]) == ("2024-06-30", "live", None)


def test_so_is_every_number_of_a_pick(engine: Engine, events: list[str]) -> None:
    publish(engine, slate(pick(events[0]), pick(events[1], rank=2, bookmaker="New", p=nan)))
    first, second = rows(engine, "recommendations")
    [event] = [row for row in rows(engine, "events") if row["slug"] == events[0]]
    books = {row["code"]: row["id"] for row in rows(engine, "books")}
    told = {
        "rank": 1,
        "event_id": event["id"],
        "book_id": books["B365"],
        "market": 0,
        "line": 0,
        "selection": 2,
        "price": Decimal("2.3"),
        "quoted_at": NOON - timedelta(minutes=20),
        "probability": 0.46123456789012345,
        "ensemble_probability": 0.4587,
        "consensus_probability": 0.455,
        "model_ev": CANDIDATE.model_ev,
        "ev": 0.0587,
        "ev_lower": 0.0412,
        "ev_se": 0.0137,
        "confidence": 71.25,
        "risk_score": 0.412,
        "risk_adjusted_return": CANDIDATE.rar,
        "composite_score": 0.6185,
        "stake": Decimal("12.34"),
        "bet_until_price": Decimal("2.28"),
        "expires_at": NOON + timedelta(hours=3),
        "advice": "bet",
        "rationale": RATIONALE.to_dict(),
        "status": "pending",
    }
    assert {name: first[name] for name in told} == told
    assert (second["rank"], second["book_id"]) == (2, books["New"])
    assert second["ensemble_probability"] is None


def test_a_pick_without_a_stake_is_still_a_pick(engine: Engine, events: list[str]) -> None:
    publish(engine, slate(replace(pick(events[0]), stake=Decimal("0.00"))))
    assert [row["stake"] for row in rows(engine, "recommendations")] == [Decimal(0)]


def test_the_hashes_recompute_from_what_is_stored(engine: Engine, events: list[str]) -> None:
    publish(engine, slate(pick(events[0]), pick(events[1], rank=2)))
    publish(engine, slate())
    publish(engine, slate(pick(events[2]), as_of=NOON + timedelta(days=1)))
    slates = chain(rows(engine, "slates"))
    for row in slates:
        assert row["id"] == sha256(row["payload"], None)
        assert row["hash"] == sha256(row["payload"], row["previous_hash"])
    assert [len(row["payload"]["picks"]) for row in slates] == [2, 0, 1]
    told = chain(rows(engine, "recommendations"))
    slugs = {row["id"]: row["slug"] for row in rows(engine, "events")}
    codes = {row["id"]: row["code"] for row in rows(engine, "books")}
    for row in told:
        content = {name: value for name, value in row.items() if name not in LATER | KEYS} | {
            "event": slugs[row["event_id"]],
            "bookmaker": codes[row["book_id"]],
            "market": "match_result",
            "selection": "away",
        }
        assert row["hash"] == sha256(content, row["previous_hash"])
    assert [row["rank"] for row in told] == [1, 2, 1]


def test_the_same_slate_changes_nothing(engine: Engine, events: list[str]) -> None:
    given, said = slate(pick(events[0])), Prediction(events[0], "xgboost", (0.5, 0.3, 0.2))
    publish(engine, given, said)
    tables = ("slates", "recommendations", "predictions")
    before = [rows(engine, table) for table in tables]
    publish(engine, slate(), said)
    publish(engine, given, said, Prediction(events[1], "xgboost", (0.5, 0.3, 0.2)))
    slates, *others = [rows(engine, table) for table in tables]
    assert len(slates) == 2
    assert others == before[1:]


def test_nothing_is_published_before_the_commit(engine: Engine, events: list[str]) -> None:
    with SqlUnitOfWork(engine) as unit:
        unit.slates.add(slate(pick(events[0])), [Prediction(events[0], "market", (0.5, 0.3, 0.2))])
        assert set(unit.slates.taken(AFTER, "live")) == {events[0]}
    assert [rows(engine, t) for t in ("slates", "recommendations", "predictions")] == [[], [], []]


def test_an_event_was_recommended_from_its_slate_on(engine: Engine, events: list[str]) -> None:
    tomorrow = NOON + timedelta(days=1)
    publish(engine, slate(pick(events[0])))
    publish(engine, slate(pick(events[1]), as_of=tomorrow))
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE recommendations SET status = 'won', settled_at = now() WHERE rank = 1")
        )
    with SqlUnitOfWork(engine) as unit:
        assert unit.slates.taken(NOON, "live") == {}  # asked again, it is answered the same
        assert set(unit.slates.taken(AFTER, "live")) == {events[0]}
        assert set(unit.slates.taken(tomorrow, "live")) == {events[0]}
        assert set(unit.slates.taken(tomorrow + SECOND, "live")) == {events[0], events[1]}


def test_a_pick_on_the_same_event_replaces_the_one_that_stands(
    engine: Engine, events: list[str]
) -> None:
    later = NOON + timedelta(hours=1)
    publish(engine, slate(pick(events[0])))
    publish(engine, slate(pick(events[0]), pick(events[1], rank=2), as_of=later))
    told = rows(engine, "recommendations")
    assert sorted((row["status"], row["settled_at"] is None) for row in told) == [
        ("pending", True),
        ("pending", True),
        ("replaced", False),
    ]
    with SqlUnitOfWork(engine) as unit:
        assert set(unit.slates.taken(later + SECOND, "live")) == {events[0], events[1]}
        assert unit.slates.taken(AFTER, "live") == {}


def test_a_replay_recommends_nothing(engine: Engine, events: list[str]) -> None:
    publish(engine, slate(pick(events[0])))
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL betting_ai.maintenance = 'on'"))
        connection.execute(sa.text("UPDATE slates SET mode = 'replay'"))
    with SqlUnitOfWork(engine) as unit:
        assert unit.slates.taken(AFTER, "live") == {}
        assert set(unit.slates.taken(AFTER, "replay")) == {events[0]}


def test_predictions_are_kept_once_those_given(engine: Engine, events: list[str]) -> None:
    said = [
        Prediction(events[0], "xgboost", (0.5, 0.3, 0.2)),
        Prediction(events[0], "bayesian", (nan, nan, nan)),
        Prediction(events[1], "xgboost", (0.6, nan, 0.4)),  # a two-way sport
    ]
    publish(engine, slate(pick(events[0])), *said)
    publish(engine, slate(), Prediction(events[0], "xgboost", (0.4, 0.3, 0.3)))
    kept = sorted(
        (row["member"], row["p_home"], row["p_draw"], row["p_away"], row["as_of"])
        for row in rows(engine, "predictions")
    )
    assert kept == [("xgboost", 0.5, 0.3, 0.2, NOON), ("xgboost", 0.6, None, 0.4, NOON)]


def test_a_slate_without_a_model_says_so(engine: Engine, events: list[str]) -> None:
    given = replace(slate(), model=None)
    publish(engine, given, Prediction(events[0], "market", (0.5, 0.3, 0.2)))
    assert [row["model_version"] for row in rows(engine, "slates")] == ["market"]
    assert [row["model_version"] for row in rows(engine, "predictions")] == ["market"]


def test_who_publishes_at_the_same_time_waits_and_continues_the_chain(
    engine: Engine, events: list[str]
) -> None:
    with ThreadPoolExecutor(1) as pool, SqlUnitOfWork(engine) as unit:
        unit.slates.add(slate(pick(events[0])), [])
        other = pool.submit(publish, engine, slate(pick(events[1])))
        with pytest.raises(TimeoutError):
            other.result(timeout=0.3)
        unit.commit()
        other.result(timeout=10)
    first, second = chain(rows(engine, "slates"))
    picked = [row["payload"]["picks"][0]["event_id"] for row in (first, second)]
    assert picked == [events[0], events[1]]
    assert len(chain(rows(engine, "recommendations"))) == 2


def test_the_same_slate_twice_at_the_same_time_is_one(engine: Engine, events: list[str]) -> None:
    with ThreadPoolExecutor(1) as pool, SqlUnitOfWork(engine) as unit:
        unit.slates.add(slate(pick(events[0])), [])
        other = pool.submit(publish, engine, slate(pick(events[0])))
        with pytest.raises(TimeoutError):
            other.result(timeout=0.3)
        unit.commit()
        other.result(timeout=10)
    assert len(rows(engine, "slates")) == len(rows(engine, "recommendations")) == 1


def test_the_chain_goes_by_order_not_by_the_clock(engine: Engine, events: list[str]) -> None:
    with SqlUnitOfWork(engine) as early:
        assert early.slates.taken(NOON, "live") == {}  # its transaction begins here
        publish(engine, slate(pick(events[0])))
        early.slates.add(slate(pick(events[1])), [])
        early.commit()
    publish(engine, slate(pick(events[2])))
    picked = [row["payload"]["picks"][0]["event_id"] for row in chain(rows(engine, "slates"))]
    assert picked == events[:3]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE slates SET payload = '{}'",
        "DELETE FROM slates",
        "UPDATE predictions SET p_home = p_away, p_away = p_home",
        "DELETE FROM predictions",
        "DELETE FROM recommendations",
    ],
)
def test_what_was_published_stays(engine: Engine, events: list[str], change: str) -> None:
    publish(engine, slate(pick(events[0])), Prediction(events[0], "market", (0.5, 0.3, 0.2)))
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(change))
