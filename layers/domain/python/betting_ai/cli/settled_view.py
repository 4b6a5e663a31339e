"""How picks, bets and settlements are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from betting_ai.domain.books import book
from betting_ai.ports.bets import LedgerLine, StoredBet
from betting_ai.ports.record import RecordedPick

_COLOURS: Final = {
    "won": "green", "half_won": "green", "lost": "red", "half_lost": "red", "void": "dim",
    "replaced": "dim", "rejected": "dim", "unknown": "yellow",
}  # fmt: skip


def bet_line(bet: StoredBet) -> dict[str, Any]:
    """A bet as JSON-ready data."""
    return {
        "reference": str(bet.bet.reference),
        "session": bet.bet.session_id,
        "pick": bet.bet.recommendation_id,
        "venue": bet.bet.venue,
        "mode": bet.bet.mode,
        "event_id": bet.bet.event_id,
        "outcome": str(bet.bet.outcome),
        "odds": float(bet.bet.price),
        "stake": float(bet.bet.stake),
        "status": bet.status,
        "reason": bet.reason,
        "venue_reference": bet.venue_reference,
        "profit": None if bet.profit is None else float(bet.profit),
        "clv": bet.clv,
        "created_at": bet.created_at.isoformat(),
    }


def show_settled(settlements: Sequence[Mapping[str, Any]]) -> None:
    """Settlements as a table.

    Args:
        settlements: as `betting_ai.operator.lines.settled_line` says them.
    """
    table = Table("", "event", "selection", box=box.SIMPLE_HEAD)
    for title in ("odds", "score", "result", "profit", "CLV"):
        table.add_column(title, justify="right")
    for one in settlements:
        odds, profit = (Decimal(str(one[name])) for name in ("odds", "profit"))
        table.add_row(
            "pick" if one["subject"] == "recommendation" else "bet", one["event_id"],
            one["outcome"], f"{odds:.2f}", one["score"] or one["ending"], status(one["result"]),
            f"{profit:+.2f}", clv_text(one["clv"]),
        )  # fmt: skip
    console = Console(highlight=False)
    if settlements:
        console.print(table)
    else:
        console.print("Nothing changed.")


def show_picks(picks: Sequence[RecordedPick]) -> None:
    """Picks as a table, newest first."""
    table = Table("", "match and pick", box=box.SIMPLE_HEAD)
    for title in ("stake", "EV", "conf.", "result", "profit", "CLV"):
        table.add_column(title, justify="right", no_wrap=True)
    for pick in reversed(picks):
        what = (
            f"{pick.event_name}, {pick.league}, {pick.kickoff:%Y-%m-%d %H:%M}\n"
            f"{pick.outcome} {pick.price:.2f} at {book(pick.bookmaker).name}"
        )
        table.add_row(
            str(pick.id), what, f"{pick.stake}", f"{pick.ev:+.1%}", f"{pick.confidence:.0f}",
            status(pick.status), "" if pick.profit is None else f"{pick.profit:+}",
            clv_text(pick.clv),
        )  # fmt: skip
    Console(highlight=False).print(table)


def show_bets(bets: Sequence[StoredBet]) -> None:
    """Bets as a table."""
    table = Table("match and bet", box=box.SIMPLE_HEAD)
    for title in ("stake", "status", "profit", "CLV"):
        table.add_column(title, justify="right", no_wrap=True)
    for bet in bets:
        what = (
            f"{bet.event_name}, {bet.league}, {bet.kickoff:%Y-%m-%d %H:%M}\n"
            f"{bet_text(bet)} at {book(bet.bet.bookmaker).name}, {bet.bet.venue} ({bet.bet.mode})"
        )
        if bet.reason:
            what += f"\n{bet.status}: {bet.reason.replace('_', ' ')}"
        table.add_row(
            what, f"{bet.bet.stake}", status(bet.status),
            "" if bet.profit is None else f"{bet.profit:+}", clv_text(bet.clv),
        )  # fmt: skip
    Console(highlight=False).print(table)


def show_ledger(lines: Sequence[LedgerLine], bets: Sequence[StoredBet]) -> None:
    """A session's money as a table, with what is in it after each entry.

    Args:
        lines: of `BetRepository.ledger`.
        bets: those of the session.
    """
    its = {bet.bet.reference: bet for bet in bets}
    table = Table("when", "what", box=box.SIMPLE_HEAD)
    table.add_column("bet", ratio=1)
    for title in ("amount", "balance"):
        table.add_column(title, justify="right", no_wrap=True)
    for line, balance in zip(lines, balances(lines), strict=True):
        bet = None if line.reference is None else its[line.reference]
        table.add_row(
            f"{line.at:%Y-%m-%d %H:%M}", line.kind,
            "" if bet is None else f"{bet.event_name}, {bet_text(bet)}",
            f"{line.amount:+,}", f"{balance:,}",
        )  # fmt: skip
    Console(highlight=False).print(table)


def balances(lines: Sequence[LedgerLine]) -> list[Decimal]:
    """What is in a session after each entry."""
    return list(accumulate(line.amount for line in lines))


def show_violations(found: Sequence[Mapping[str, Any]]) -> None:
    """What protections stopped, as a table."""
    table = Table("when", box=box.SIMPLE_HEAD)
    table.add_column("bet and what stood against it", ratio=1)
    table.add_column("stake", justify="right", no_wrap=True)
    for one in found:
        what = f"{one['event_id']}\n{one['protection'].replace('_', ' ')}: {one['detail']}"
        table.add_row(f"{one['at']:%Y-%m-%d %H:%M}", what, f"{one['stake']}")
    Console(highlight=False).print(table)


def bet_text(bet: StoredBet) -> str:
    """``"home 2.30"``."""
    line = f" {bet.bet.line:g}" if bet.bet.line else ""
    return f"{bet.bet.outcome}{line} {bet.bet.price:.2f}"


def status(word: str) -> str:
    """How something stands, in colour."""
    shown = word.replace("_", " ")
    return f"[{_COLOURS[word]}]{shown}[/]" if word in _COLOURS else shown


def clv_text(clv: float | None) -> str:
    """Closing-line value, or nothing where there is no close."""
    return "" if clv is None else f"{clv:+.1%}"
