"""``review``: names that could not be matched without doubt, and a person's word on them."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from betting_ai.cli.context import Json, current_settings
from betting_ai.errors import InvalidInputError, NothingToDoError

app = typer.Typer(
    help="Names that could not be matched without doubt.", invoke_without_command=True
)


@app.callback()
def review(context: typer.Context, as_json: Json = False) -> None:
    """Every name that waits, with the teams that it may mean."""
    if context.invoked_subcommand:
        return
    from betting_ai.bootstrap import build

    with build(current_settings()) as opened, opened.units() as unit:
        waiting = unit.review.open()
    if not waiting:
        raise NothingToDoError("no name waits")
    rows = [
        {
            "number": number,
            "source": item.source,
            "league": item.league,
            "name": item.name,
            "verdict": item.verdict,
            "candidates": [{"team": team, "score": score} for team, score in item.candidates],
        }
        for number, item in enumerate(waiting, start=1)
    ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("", "source", "league", "name", "may mean", box=box.SIMPLE_HEAD)
    for number, item in enumerate(waiting, start=1):
        teams = ", ".join(f"{team} ({score:.0f})" for team, score in item.candidates)
        table.add_row(str(number), item.source, item.league, item.name, teams or "nothing known")
    Console(highlight=False).print(table)


@app.command()
def accept(
    number: Annotated[int, typer.Argument(min=1, help="Of the list.")],
    team: Annotated[
        str | None, typer.Option("--team", help="The team it means; the likeliest by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a name means; from then on it does, and what it kept out can be read again."""
    from betting_ai.bootstrap import build

    with build(current_settings()) as opened, opened.units() as unit:
        waiting = unit.review.open()
        if number > len(waiting):
            raise InvalidInputError(f"no name {number} waits; there are {len(waiting)}")
        item = waiting[number - 1]
        meant = team or (item.candidates[0][0] if item.candidates else None)
        if meant is None:
            raise InvalidInputError(f"nothing is known that {item.name!r} may mean; use --team")
        unit.review.resolve(item, meant)
        unit.commit()
    if as_json:
        typer.echo(json.dumps({"name": item.name, "team": meant}, ensure_ascii=False))
    else:
        typer.echo(f"{item.name} of {item.source} means {meant}. `ingest --again` reads its rows.")
