"""``venue``: place bets, look at them, and ask what became of those in doubt."""

from __future__ import annotations

import json
from typing import Annotated
from uuid import UUID

import typer

from betting_ai.cli.context import Json, Voice, current_settings
from betting_ai.cli.top3 import money
from betting_ai.errors import InvalidInputError, NothingToDoError

app = typer.Typer(help="Place bets, on paper unless told otherwise.", no_args_is_help=True)

_Venue = Annotated[str, typer.Option("--venue", help="paper, stake or cloudbet.")]


@app.command()
def place(
    pick: Annotated[int, typer.Argument(help="Its number; `history` lists them.")],
    venue: _Venue = "paper",
    stake: Annotated[
        str | None, typer.Option("--stake", help="Instead of the one recommended.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option("--reference", help="A UUID; the same one is one bet.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bet on a pick, once: a second try finds the first."""
    from betting_ai.bootstrap import build
    from betting_ai.cli.settled_view import bet_line, show_bets
    from betting_ai.usecases.place_bet import PlaceBetCommand

    amount = None if stake is None else money(stake, "--stake")
    name = None if reference is None else _uuid(reference)
    voice = Voice(as_json=as_json)
    with build(current_settings()) as opened:
        begun = opened.clock.now()
        bet = opened.place_bet(venue)(PlaceBetCommand(pick, amount, name))
    if bet.created_at < begun:
        voice.note("this bet was there before; nothing was sent now")
    if as_json:
        typer.echo(json.dumps(bet_line(bet)))
    else:
        show_bets([bet])
    if bet.status == "unknown":
        voice.warn("the venue did not answer: `venue reconcile` asks it")


@app.command()
def bets(
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most to show.")] = 50,
    as_json: Json = False,
) -> None:
    """The newest bets."""
    from betting_ai.bootstrap import build
    from betting_ai.cli.settled_view import bet_line, show_bets

    with build(current_settings()) as opened, opened.units() as unit:
        found = unit.bets.bets(limit=limit)
    if not found:
        raise NothingToDoError("no bet has been placed; `venue place` does so")
    if as_json:
        typer.echo(json.dumps([bet_line(bet) for bet in found]))
    else:
        show_bets(found)


@app.command()
def reconcile(as_json: Json = False) -> None:
    """Ask each venue about the bets that may or may not have been taken."""
    from betting_ai.bootstrap import build
    from betting_ai.cli.settled_view import bet_line, show_bets

    voice = Voice(as_json=as_json)
    with build(current_settings()) as opened:
        found = opened.reconcile_bets()
    for line in found.failed:
        voice.warn(line)
    if as_json:
        told = {
            "changed": [bet_line(bet) for bet in found.changed],
            "unknown": [bet_line(bet) for bet in found.unknown],
        }
        typer.echo(json.dumps(told))
    elif found.changed or found.unknown:
        show_bets([*found.changed, *found.unknown])
    else:
        raise NothingToDoError("no bet is in doubt")


@app.command()
def balance(
    venue: _Venue = "paper",
    currency: Annotated[str, typer.Option("--currency", help="Of the money.")] = "units",
    as_json: Json = False,
) -> None:
    """Money that can be bet at a venue."""
    from betting_ai.bootstrap import build

    with build(current_settings()) as opened:
        amount = opened.venue(venue).balance(currency)
    if as_json:
        typer.echo(json.dumps({"venue": venue, "currency": currency, "balance": str(amount)}))
    else:
        typer.echo(f"{amount} {currency} at {venue}")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInputError(f"{text!r} is no UUID") from None
