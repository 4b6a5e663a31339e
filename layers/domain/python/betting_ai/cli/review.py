"""``review``: names that could not be matched without doubt, and a person's word on them."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from betting_ai.cli.context import Json
from betting_ai.cli.operating import ask

app = typer.Typer(
    help="Names that could not be matched without doubt.", invoke_without_command=True
)


@app.callback()
def review(context: typer.Context, as_json: Json = False) -> None:
    """Every name that waits, with the teams that it may mean."""
    if context.invoked_subcommand:
        return
    rows = ask("review list", {}, as_json=as_json).output
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("", "source", "league", "name", "may mean", box=box.SIMPLE_HEAD)
    for row in rows:
        teams = ", ".join(f"{one['team']} ({one['score']:.0f})" for one in row["candidates"])
        table.add_row(
            str(row["number"]), row["source"], row["league"], row["name"], teams or "nothing known"
        )
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
    answer = ask("review accept", {"number": number, "team": team}, as_json=as_json)
    typer.echo(json.dumps(answer.output, ensure_ascii=False) if as_json else answer.words)
