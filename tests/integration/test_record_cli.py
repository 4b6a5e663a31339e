"""`settle`, `history`, `performance`, `session`, `venue` and `replay` as they are typed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.cli.main import main
from betting_ai.cli.performance import sparkline
from betting_ai.domain.markets import Outcome
from betting_ai.ports.repositories import ReviewItem
from conftest import FOOTBALL
from integration.record_world import EARLY, EVENING, World, match, pick, slate, world
from small_league import Match

__all__ = ["world"]  # a fixture


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def told(self) -> Any:
        return json.loads(self.out)


Type = Callable[..., Answer]


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    database_url: str,
) -> Type:
    """Types a command, in this process."""
    monkeypatch.setenv("BETTING_AI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("BETTING_AI_PAPER_REJECTS", "0")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["betting-ai", *words])
        code = main()
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return run


@pytest.fixture
def played(world: World) -> World:
    """Two slates whose events are over, and not settled yet."""
    world.publish(slate(pick(0), pick(1, 2)))
    world.publish(slate(pick(2, 1, Outcome.DRAW), as_of=EVENING - timedelta(hours=11)))
    world.change("UPDATE slates SET created_at = as_of")
    world.tell(match(0, (2, 1)), match(1, (0, 0)), match(2, (0, 0)))
    return world


def test_a_record_from_the_first_settlement_to_the_proof(played: World, typed: Type) -> None:
    told = typed("settle", "--json").told
    assert [(one["result"], one["profit"]) for one in told["settled"]] == [
        ("won", 13.0), ("lost", -10.0), ("won", 13.0),
    ]  # fmt: skip
    assert told["waiting"] == []
    assert "Nothing changed." not in typed("settle", "--as-of", "2025-03-16T08:00:00Z").out
    history = typed("history", "--json").told
    assert [one["status"] for one in history] == ["won", "lost", "won"]
    assert "Ash vs Birch" in typed("history").out
    assert typed("history", "--from", "2026-01-01").code == 3
    proof = typed("history", "verify")
    assert (proof.code, proof.out.splitlines()[0]) == (
        0,
        "The record holds: 2 slates, 3 recommendations, 3 settlements.",
    )
    performance = typed("performance", "--json").told
    assert (performance["picks"], performance["all"]["profit"]) == (3, 16.0)
    assert performance["all"]["clv"]["n"] == 3
    words = typed("performance").out
    assert "Too few picks to tell skill from luck." in words
    assert words.index("Closing-line value") < words.index("Profit")


def test_a_changed_record_is_an_error_that_names_the_link(played: World, typed: Type) -> None:
    typed("settle")
    played.change("UPDATE recommendations SET price = 2.4 WHERE rank = 2")
    proof = typed("history", "verify")
    assert (proof.code, proof.out) == (1, "")
    assert proof.err.startswith("error: pick 2 of slate ")
    assert "what it says is not what was published (and " in proof.err
    told = typed("history", "verify", "--json")
    assert (told.code, told.told["ok"]) == (1, False)


def test_a_person_says_how_an_event_ended(world: World, typed: Type) -> None:
    world.publish(slate(pick(3)))
    event = "e0-2025-03-15-gum-hazel"
    told = typed("settle", "--event", event, "--ending", "postponed", "--json").told
    assert [(one["result"], one["ending"]) for one in told["settled"]] == [("void", "postponed")]
    told = typed("settle", "--event", event, "--ending", "3-0", "--json").told
    assert [(one["result"], one["score"], one["reason"]) for one in told["settled"]] == [
        ("won", "3-0", "correction")
    ]
    for wrong in (("--event", event), ("--event", event, "--ending", "rained off")):
        assert typed("settle", *wrong).code == 2
    assert typed("settle", "--event", "no-such", "--ending", "1-0").code == 2


def test_exports_are_written_whole(played: World, typed: Type, tmp_path: Path) -> None:
    typed("settle")
    out = tmp_path / "picks.csv"
    assert typed("history", "export", "--format", "csv", "--out", str(out)).code == 0
    assert out.read_text().count("\n") == 4
    assert set(typed("history", "export").told) == {"slates", "recommendations", "settlements"}


def test_the_page_and_the_picture(played: World, typed: Type, tmp_path: Path) -> None:
    typed("settle")
    page, picture = tmp_path / "r.html", tmp_path / "r.png"
    assert typed("performance", "--html", str(page), "--png", str(picture)).code == 0
    text = page.read_text()
    assert "Closing-line value so far" in text
    assert "src=" not in text
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "words", [("settle",), ("history",), ("performance",), ("session",), ("venue", "bets")]
)
def test_with_nothing_there_is_nothing_to_do(typed: Type, words: tuple[str, ...]) -> None:
    answer = typed(*words)
    assert (answer.code, answer.out) == (3, "")
    assert answer.err.count("\n") == 1


def coming(world: World) -> None:
    """A pick on a match that is still to be played, at a price that is quoted by now."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    kickoff = now + timedelta(hours=20)
    day = kickoff.date().isoformat()
    world.tell(Match(day, "Ivy", "Juniper", None, EARLY, hour=kickoff.hour), at=now)
    chosen = pick(0)
    candidate = replace(
        chosen.candidate, event_id=f"e0-{day}-ivy-juniper", home="Ivy", away="Juniper",
        kickoff=kickoff, prices_as_of=kickoff - timedelta(days=1),
    )  # fmt: skip
    world.publish(slate(replace(chosen, candidate=candidate, expires_at=kickoff), as_of=now))


def test_a_bet_from_session_to_ledger(world: World, typed: Type) -> None:
    coming(world)
    assert typed("venue", "place", "1").err == (
        "error: no paper session is open; begin one with `session start`\n"
    )
    begun = typed("session", "start", "--bankroll", "500", "--limit", "per_event=0.02", "--json")
    assert (begun.told["cash"], begun.told["limits"]["per_event"]) == (500.0, "0.02")
    placed = typed("venue", "place", "1", "--json").told
    assert (placed["status"], placed["mode"], placed["stake"]) == ("placed", "paper", 10.0)
    assert typed("venue", "place", "1", "--json").told["reference"] == placed["reference"]
    assert [bet["odds"] for bet in typed("venue", "bets", "--json").told] == [placed["odds"]]
    stopped = typed("venue", "place", "1", "--reference", "2b0c8a52-7d61-4e3f-9d60-0d2f4f7f9a10")
    assert (stopped.code, stopped.err) == (
        1,
        "error: 20.00 would be at risk on this event; the limit is 10.00 (2%)\n",
    )
    [kept] = typed("session", "violations", "--json").told
    assert kept["protection"] == "event_exposure"
    lines = typed("session", "ledger", "--json").told
    assert [(line["kind"], line["amount"]) for line in lines] == [
        ("deposit", 500.0), ("stake", -10.0),
    ]  # fmt: skip
    assert [line["balance"] for line in lines] == [500.0, 490.0]
    [shown] = typed("session", "--json").told
    assert typed("session", "list", "--json").told == [shown]
    assert (shown["cash"], shown["at_risk"], shown["bankroll"]) == (490.0, 10.0, 500.0)
    assert typed("session", "close").err == "error: 1 bet is open; settle it first\n"
    assert typed("venue", "reconcile").code == 3


def test_bets_and_money_are_read_on_80_columns(
    world: World, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert typed("session", "list").code == 3
    coming(world)
    typed("session", "start", "--bankroll", "500", "--limit", "per_event=0.02", "--name", "autumn")
    assert typed("session", "violations").code == 3
    placed = typed("venue", "place", "1", "--json").told
    typed("venue", "place", "1", "--reference", "2b0c8a52-7d61-4e3f-9d60-0d2f4f7f9a10")
    odds = f"{placed['odds']:.2f}"
    for words, said in {
        ("venue", "bets"): ("Ivy vs Juniper, E0, ", f"home {odds} at bet365, paper (paper)"),
        ("session", "ledger"): ("deposit", f"Ivy vs Juniper, home {odds}", "-10.00", "490.00"),
        ("session", "violations"): ("-ivy-juniper", "event exposure: 20.00 would be at risk"),
        ("session", "list"): ("autumn", "paper, open, since ", "490.00", "500.00 units"),
    }.items():
        shown = typed(*words).out
        assert max(map(len, shown.splitlines())) <= 80
        assert "\N{HORIZONTAL ELLIPSIS}" not in shown, "nothing is cut"
        for text in said:
            assert text in shown
    assert typed("session", "list").out == typed("session").out


def test_the_ways_to_stop(world: World, typed: Type) -> None:
    coming(world)
    typed("session", "start")
    assert typed("session", "kill", "on").out == "The kill switch is on.\n"
    assert "the kill switch is on" in typed("venue", "place", "1").err
    typed("session", "kill", "off")
    assert "Nothing is placed before" in typed("session", "exclude", "--days", "2").out
    shorter = typed("session", "exclude", "--days", "1")
    assert (shorter.code, "cannot be shortened" in shorter.err) == (2, True)
    assert typed("session", "pause", "--hours", "1").code == 0
    told = typed("venue", "place", "1").err
    assert "you excluded yourself" in told
    assert "you asked for a pause" in told


def test_a_persons_word_on_a_name(world: World, typed: Type) -> None:
    assert typed("review").code == 3
    with SqlUnitOfWork(world.engine) as unit:
        unit.review.add(
            ReviewItem("odds_api", "ENG", "E0", "Ash Utd", "doubtful", (("Ash", 81.5), ("Elm", 40)))
        )
        unit.review.add(ReviewItem("odds_api", "ENG", "E0", "Oak", "refused"))
        unit.commit()
    assert "Ash (82), Elm (40)" in typed("review").out
    [first, second] = typed("review", "--json").told
    assert (first["name"], second["candidates"]) == ("Ash Utd", [])
    assert typed("review", "accept", "3").code == 2
    assert typed("review", "accept", "2").code == 2
    assert typed("review", "accept", "2", "--team", "Nobody").code == 2
    assert typed("review", "accept", "1", "--json").told == {"name": "Ash Utd", "team": "Ash"}
    assert [one["name"] for one in typed("review", "--json").told] == ["Oak"]
    with SqlUnitOfWork(world.engine) as unit:
        assert unit.teams.aliases("odds_api", "ENG") == {"Ash Utd": "Ash"}


@pytest.mark.parametrize("command", ["history", "performance"])
def test_an_end_before_its_beginning_is_refused(typed: Type, command: str) -> None:
    answer = typed(command, "--from", "2025-03-16", "--to", "2025-03-15")
    assert (answer.code, answer.err) == (2, "error: --to lies before --from; swap the two\n")


def test_real_venues_are_off(typed: Type) -> None:
    answer = typed("venue", "balance", "--venue", "cloudbet")
    assert (answer.code, "BETTING_AI_REAL_VENUES=cloudbet" in answer.err) == (1, True)
    assert typed("venue", "balance", "--venue", "nowhere").code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("session", "start", "--limit", "nonsense=1"),
        ("session", "start", "--limit", "daily_loss"),
        ("session", "start", "--bankroll", "-5"),
        ("venue", "place", "99"),
        ("venue", "place", "1", "--stake", "0"),
        ("venue", "place", "1", "--reference", "x"),
        ("history", "--from", "yesterday"),
        ("settle", "--as-of", "2999-01-01"),
    ],
)
def test_what_cannot_be_is_one_line_and_two(
    world: World, typed: Type, words: tuple[str, ...]
) -> None:
    world.publish(slate(pick(0)))
    if words[0] == "venue":
        typed("session", "start")
    answer = typed(*words)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)


def test_sparklines() -> None:
    assert sparkline([]) == ""
    assert sparkline([0.0, 0.0]) == "▁▁"
    assert sparkline([0.0, 1.0, -1.0]) == "▅█▁"
    assert len(sparkline([float(i) for i in range(1000)])) <= 60


@pytest.mark.shared
def test_days_lived_again_are_the_backtests_to_the_cent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: Type
) -> None:
    season = tmp_path / "data" / "2425"
    season.mkdir(parents=True)
    for division in ("E0", "E1"):
        shutil.copy(FOOTBALL / "2425" / f"{division}.csv", season)
    records = [tmp_path / "one.json", tmp_path / "two.json"]
    for record in records:
        told = typed(
            "replay", "--folder", str(tmp_path / "data"), "--from", "2024-08-16", "--to",
            "2024-09-14", "--min-ev", "0", "--min-confidence", "0", "--max-risk", "1", "--json",
            "--export", str(record),
        ).told  # fmt: skip
        assert told["differing"] == []
        assert told["replay"] == told["backtest"]
        assert told["record_holds"]
        assert told["replay"]["picks"] > 10
    assert records[0].read_bytes() == records[1].read_bytes()
    chains = json.loads(records[0].read_text())
    assert len(chains["slates"]) == told["replay"]["slates"]
    profit = sum(
        Decimal(link["entry"]["profit"])
        for link in chains["settlements"]
        if link["entry"]["subject"].startswith("bet")
    )
    assert float(profit) == pytest.approx(told["replay"]["profit"])
