"""``session``: a bankroll, the limits it is bet under, and the ways to stop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from betting_ai.cli.context import Json, current_settings
from betting_ai.cli.top3 import money
from betting_ai.errors import InvalidInputError, NothingToDoError

if TYPE_CHECKING:
    from betting_ai.clock import Clock
    from betting_ai.domain.protections import Standing
    from betting_ai.ports.bets import Pause, Session
    from betting_ai.ports.unit_of_work import UnitOfWork

app = typer.Typer(
    help="A bankroll, the limits it is bet under, and the ways to stop.",
    invoke_without_command=True,
)


class Mode(StrEnum):
    """Whose money."""

    PAPER = "paper"
    REAL = "real"


class Switch(StrEnum):
    """On or off."""

    ON = "on"
    OFF = "off"


_Mode = Annotated[Mode, typer.Option("--mode", help="paper or real: two ledgers that never mix.")]
_Why = Annotated[str, typer.Option("--why", help="Kept with it.")]


@app.callback()
def show(context: typer.Context, as_json: Json = False) -> None:
    """Every session, the newest first."""
    if not context.invoked_subcommand:
        _list(as_json=as_json)


@app.command("list")
def list_sessions(as_json: Json = False) -> None:
    """Every session, the newest first; `session` alone does the same."""
    _list(as_json=as_json)


def _list(*, as_json: bool) -> None:
    with _unit() as (unit, clock):
        sessions = unit.bets.sessions()[::-1]
        stops = {s.id: _stops(unit.bets.standing(s.id, clock.now())) for s in sessions if s.open}
    if not sessions:
        raise NothingToDoError("no session yet; begin one with `session start --bankroll 1000`")
    if as_json:
        lines = [_line(session) | {"stopped_by": stops.get(session.id, [])} for session in sessions]
        typer.echo(json.dumps(lines))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("", "session", box=box.SIMPLE_HEAD)
    for title in ("began with", "cash", "at risk", "bankroll"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in sessions:
        state = "open" if one.open else "closed"
        table.add_row(
            str(one.id), f"{one.name}\n{one.mode}, {state}, since {one.started_at:%Y-%m-%d}",
            f"{one.starting_bankroll:,.2f}", f"{one.cash:,.2f}", f"{one.at_risk:,.2f}",
            f"{one.bankroll:,.2f} {one.currency}",
        )  # fmt: skip
    console = Console(highlight=False)
    console.print(table)
    for one in sessions:
        for why in stops.get(one.id, []):
            console.print(f"Session {one.id} places nothing: {why}", style="yellow")


@app.command()
def start(
    bankroll: Annotated[str, typer.Option("--bankroll", help="What it begins with.")] = "1000",
    mode: _Mode = Mode.PAPER,
    name: Annotated[str, typer.Option("--name", help="For you.")] = "session",
    currency: Annotated[str, typer.Option("--currency", help="Of its money.")] = "units",
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", help="Such as daily_loss=0.05; may be given several times."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Begin a session; its limits stay as they are until it is closed."""
    from betting_ai.domain.protections import Limits

    amount = money(bankroll)
    if amount != round(amount, 2):
        raise InvalidInputError(f"--bankroll is in whole cents, not {bankroll}")
    limits = Limits.from_dict(dict(_limit(text) for text in limit or []))
    with _unit() as (unit, clock):
        begun = unit.bets.open_session(name, mode, currency, amount, limits, clock.now())
        unit.commit()
    _told(_line(begun), f"Session {begun.id} ({mode}) begun with {amount} {currency}.", as_json)


@app.command()
def close(mode: _Mode = Mode.PAPER, as_json: Json = False) -> None:
    """End the open session of a mode."""
    with _unit() as (unit, clock):
        current = unit.bets.current(mode)
        if current is None:
            raise NothingToDoError(f"no {mode} session is open")
        unit.bets.close_session(current.id, clock.now())
        unit.commit()
    line = _line(current) | {"open": False}
    _told(line, f"Session {current.id} closed with {current.cash} {current.currency}.", as_json)


@app.command()
def ledger(
    session_id: Annotated[int | None, typer.Argument(help="The newest by default.")] = None,
    as_json: Json = False,
) -> None:
    """All money that went in and out of a session, and what was in it then."""
    from betting_ai.cli.settled_view import balances, show_ledger

    with _unit() as (unit, _):
        which = _which(unit, session_id)
        lines, bets = unit.bets.ledger(which), unit.bets.bets(which)
    if not as_json:
        show_ledger(lines, bets)
        return
    rows = [
        {
            "at": line.at.isoformat(),
            "kind": line.kind,
            "amount": float(line.amount),
            "balance": float(balance),
            "bet": None if line.reference is None else str(line.reference),
        }
        for line, balance in zip(lines, balances(lines), strict=True)
    ]
    typer.echo(json.dumps(rows))


@app.command()
def violations(
    session_id: Annotated[int | None, typer.Argument(help="The newest by default.")] = None,
    as_json: Json = False,
) -> None:
    """Bets that a protection stopped."""
    from betting_ai.cli.settled_view import show_violations

    with _unit() as (unit, _):
        found = unit.bets.violations(_which(unit, session_id))
    if as_json:
        rows = [one | {"at": one["at"].isoformat(), "stake": float(one["stake"])} for one in found]
        typer.echo(json.dumps(rows))
    elif found:
        show_violations(found)
    else:
        raise NothingToDoError("no protection has stopped a bet of this session")


@app.command()
def pause(
    hours: Annotated[int, typer.Option("--hours", min=1, max=24 * 365, help="How long.")] = 24,
    mode: Annotated[Mode | None, typer.Option("--mode", help="Both by default.")] = None,
    why: _Why = "asked for",
    as_json: Json = False,
) -> None:
    """Place nothing for some hours; it can be made longer, not shorter."""
    from betting_ai.ports.bets import Pause

    _stop(Pause.COOL_OFF, timedelta(hours=hours), mode, why, as_json=as_json)


@app.command()
def exclude(
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How long.")],
    why: _Why = "asked for",
    as_json: Json = False,
) -> None:
    """Exclude yourself: nothing is placed until it has passed, and nothing shortens it."""
    from betting_ai.ports.bets import Pause

    _stop(Pause.SELF_EXCLUSION, timedelta(days=days), None, why, as_json=as_json)


@app.command()
def kill(
    state: Annotated[Switch, typer.Argument(help="on or off.")] = Switch.ON,
    why: _Why = "asked for",
    as_json: Json = False,
) -> None:
    """The kill switch: while it is on, nothing is placed anywhere."""
    with _unit() as (unit, clock):
        unit.bets.switch(killed=state is Switch.ON, why=why, at=clock.now())
        unit.commit()
    _told({"kill_switch": str(state)}, f"The kill switch is {state}.", as_json)


@contextmanager
def _unit() -> Iterator[tuple[UnitOfWork, Clock]]:
    from betting_ai.bootstrap import build

    with build(current_settings()) as opened, opened.units() as unit:
        yield unit, opened.clock


def _stop(kind: Pause, span: timedelta, mode: Mode | None, why: str, *, as_json: bool) -> None:
    with _unit() as (unit, clock):
        until = clock.now() + span
        unit.bets.pause(kind, until, mode, why, clock.now())
        unit.commit()
    line = {"kind": str(kind), "until": until.isoformat(), "mode": mode}
    _told(line, f"Nothing is placed before {until:%Y-%m-%d %H:%M} UTC.", as_json)


def _stops(standing: Standing) -> list[str]:
    """What keeps every bet from being placed now, whatever it is."""
    found = []
    if standing.killed:
        found.append("the kill switch is on")
    for what, until in (
        ("you excluded yourself", standing.excluded_until),
        ("you asked for a pause", standing.cooling_off_until),
    ):
        if until is not None and standing.now < until:
            found.append(f"{what} until {until:%Y-%m-%d %H:%M} UTC")
    return found


def _which(unit: UnitOfWork, session_id: int | None) -> int:
    known = [session.id for session in unit.bets.sessions()]
    if not known:
        raise NothingToDoError("no session yet; begin one with `session start --bankroll 1000`")
    if session_id is None:
        return known[-1]
    if session_id not in known:
        raise InvalidInputError(f"there is no session {session_id}")
    return session_id


def _limit(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInputError(f"--limit is written name=value, such as daily_loss=0.05: {text!r}")
    return name.strip(), value.strip()


def _line(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "name": session.name,
        "mode": session.mode,
        "open": session.open,
        "currency": session.currency,
        "starting_bankroll": float(session.starting_bankroll),
        "cash": float(session.cash),
        "at_risk": float(session.at_risk),
        "bankroll": float(session.bankroll),
        "limits": session.limits.to_dict(),
        "started_at": session.started_at.isoformat(),
        "ended_at": None if session.ended_at is None else session.ended_at.isoformat(),
    }


def _told(line: dict[str, Any], words: str, as_json: bool) -> None:
    typer.echo(json.dumps(line) if as_json else words)
