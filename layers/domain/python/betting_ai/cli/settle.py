"""``settle``: results and closes are in; what became of the picks and bets."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from betting_ai.cli.context import Json, past
from betting_ai.cli.operating import ask
from betting_ai.domain.settlement import ENDINGS


def settle(
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="By what was known then. Now by default.")
    ] = None,
    event: Annotated[
        str | None, typer.Option("--event", help="Say how one event ended; with --ending.")
    ] = None,
    ending: Annotated[str | None, typer.Option("--ending", help=ENDINGS)] = None,
    as_json: Json = False,
) -> None:
    """Settle picks and bets by the results that are in; again when one is corrected."""
    instant = past(as_of)
    asked = {
        "as_of": None if instant is None else instant.isoformat(),
        "event": event,
        "ending": ending,
    }
    told = ask("settle", asked, as_json=as_json).output
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    from betting_ai.cli.settled_view import show_settled

    show_settled(told["settled"])
