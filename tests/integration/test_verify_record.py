"""The chain proves what was published; whoever changes one stored number is found."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork, unit_of_work_factory
from betting_ai.domain.protections import Limits
from betting_ai.operator.export import as_csv
from betting_ai.ports.bets import PAPER, BetStatus, NewBet
from betting_ai.usecases.export_record import as_document
from betting_ai.usecases.verify_record import Verified, VerifyRecord
from integration.record_world import EVENING, MORNING, World, match, pick, slate, world

__all__ = ["world"]  # a fixture
REFERENCE = UUID("2b0c8a52-7d61-4e3f-9d60-0d2f4f7f9a10")


def verify(world: World) -> Verified:
    return VerifyRecord(unit_of_work_factory(world.engine))()


@pytest.fixture
def settled(world: World) -> World:
    """Three slates, one of them empty; picks won, lost, replaced and open; a bet that was won."""
    world.change(f"ALTER TABLE slates ALTER created_at SET DEFAULT '{MORNING}'")
    world.publish(slate(pick(0), pick(1, 2)))
    world.publish(slate(as_of=MORNING + timedelta(minutes=1)))
    world.publish(slate(pick(1), pick(2, 2), as_of=MORNING + timedelta(minutes=2)))
    with SqlUnitOfWork(world.engine) as unit:
        begun = unit.bets.open_session("s", PAPER, "units", Decimal("100.00"), Limits(), MORNING)
        chosen = unit.record.picks()[0]
        bet = NewBet(
            REFERENCE, begun.id, chosen.id, chosen.event_id, "B365", chosen.market, chosen.line,
            chosen.outcome, chosen.price, Decimal("5.00"), "paper", PAPER,
        )  # fmt: skip
        unit.bets.begin(bet, MORNING)
        unit.bets.resolve(REFERENCE, BetStatus.PLACED, at=MORNING, price=Decimal("2.28"))
        unit.commit()
    world.tell(match(0, (2, 1)), match(1, (0, 0)))
    world.settle()
    return world


def test_an_empty_record_holds(world: World) -> None:
    found = verify(world)
    assert (dict(found.counts), found.flaws) == ({}, ())


def test_a_record_holds_and_counts_its_entries(settled: World) -> None:
    found = verify(settled)
    assert found.flaws == ()
    assert dict(found.counts) == {"slates": 3, "recommendations": 4, "settlements": 3}
    last = settled.rows("SELECT hash FROM settlements ORDER BY id DESC LIMIT 1")
    assert found.last["settlements"] == last[0]["hash"]


COLUMNS = {
    "recommendations": (
        "price", "stake", "probability", "ensemble_probability", "consensus_probability",
        "model_ev", "ev", "ev_lower", "ev_se", "confidence", "risk_score", "risk_adjusted_return",
        "composite_score", "bet_until_price", "quoted_at", "expires_at", "advice", "rationale",
        "event_id", "rank", "status", "profit", "clv", "hash",
    ),
    "settlements": (
        "status", "reason", "goals_home", "goals_away", "profit", "clv", "settled_at", "hash",
    ),
    "bets": ("price", "stake", "status", "profit", "clv"),
    "ledger": ("amount",),
    "betting_sessions": ("bankroll",),
    "historical_performance": (
        "won", "staked", "profit", "clv_sum", "beat_close", "clv_count",
    ),
}  # fmt: skip
CHANGES = {
    "status": "CASE status WHEN 'won' THEN 'lost' ELSE 'won' END",
    "advice": "CASE advice WHEN 'bet' THEN 'wait' ELSE 'bet' END",
    "reason": "'correction'",
    "quoted_at": "quoted_at + interval '1 second'",
    "expires_at": "expires_at + interval '1 second'",
    "settled_at": "settled_at + interval '1 second'",
    "rationale": "'{}'::jsonb",
    "event_id": "(SELECT max(id) FROM events)",
    "hash": "reverse(hash)",
    "rank": "3",
    "price": "price + 0.01",
    "bet_until_price": "bet_until_price - 0.01",
    "confidence": "confidence - 1",
    "won": "won + 1, picks = picks + 1",
    "beat_close": "beat_close - 1",
    "clv_count": "clv_count + 1, picks = picks + 1",
}


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, its in COLUMNS.items() for column in its]
)
def test_one_changed_number_is_found(settled: World, table: str, column: str) -> None:
    small = "0.01" if column in {"stake", "profit", "amount", "bankroll", "staked"} else "0.001"
    new = CHANGES.get(column, f"{column} + {1 if column.startswith('goals') else small}")
    settled.change(f"UPDATE {table} SET {column} = {new} WHERE id = (SELECT min(id) FROM {table})")
    assert verify(settled).flaws


@pytest.mark.parametrize(
    "path", ["bankroll", "picks,0,expected_value", "picks,0,rationale", "events_priced", "inputs"]
)
def test_so_is_one_changed_in_a_slate(settled: World, path: str) -> None:
    settled.change(
        f"UPDATE slates SET payload = jsonb_set(payload, '{{{path}}}', '7')"
        " WHERE previous_hash IS NULL"
    )
    [first, *_] = verify(settled).flaws
    assert first.where.startswith("slate ")
    assert first.what == "what it says is not what was published"


def test_an_entry_that_is_gone_leaves_a_gap(settled: World) -> None:
    settled.change("DELETE FROM slates WHERE as_of = '2025-03-15 08:01Z'")
    [first, *_] = verify(settled).flaws
    assert "does not follow" in first.what
    assert first.where == "slate " + settled.rows("SELECT id FROM slates ORDER BY as_of")[1]["id"]


def test_the_last_entry_that_is_gone_is_missed_by_its_picks(settled: World) -> None:
    settled.change("DELETE FROM settlements WHERE id = (SELECT max(id) FROM settlements)")
    assert any("not what it was settled as" in flaw.what for flaw in verify(settled).flaws)


def test_a_slate_stored_after_kick_off_is_no_recommendation(settled: World) -> None:
    late = "UPDATE slates SET created_at = '2025-03-15 15:00Z' WHERE previous_hash IS NULL"
    settled.change(late)
    found = verify(settled).flaws
    assert ["stored after the kick-off" in flaw.what for flaw in found] == [True, True]


def test_anyone_can_recompute_the_export(settled: World, tmp_path: Path) -> None:
    """With nothing but the lines of docs/record.md."""
    document = (Path(__file__).resolve().parents[2] / "docs" / "record.md").read_text()
    [recipe] = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    (tmp_path / "check.py").write_text(recipe)
    record = tmp_path / "record.json"
    with SqlUnitOfWork(settled.engine) as unit:
        record.write_text(as_document(unit))
    command = [sys.executable, "-I", str(tmp_path / "check.py"), str(record)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"(\w+): (\d) entries hold", told) == [
        ("slates", "3"), ("recommendations", "4"), ("settlements", "3"),
    ]  # fmt: skip
    record.write_text(record.read_text().replace('"stake":"10.00"', '"stake":"11.00"', 1))
    told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert "recommendations: entry 1 is not what was published" in told


def test_the_export_is_the_same_every_time(settled: World) -> None:
    with SqlUnitOfWork(settled.engine) as unit:
        texts = [as_document(unit), as_csv(unit)]
    settled.settle(EVENING + timedelta(days=1))
    with SqlUnitOfWork(settled.engine) as unit:
        assert [as_document(unit), as_csv(unit)] == texts
    assert texts[1].count("\n") == 5


def test_verifying_changes_nothing(settled: World) -> None:
    catalogue = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname !~ '^(pg|sql)_'"
    tables = [row["relname"] for row in settled.rows(catalogue)]

    def state() -> list[object]:
        return [settled.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables]

    before = state()
    verify(settled)
    assert state() == before
