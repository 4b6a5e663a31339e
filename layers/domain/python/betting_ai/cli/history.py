"""``history``: what was recommended and what became of it; proof; and the record to take away."""

from __future__ import annotations

import json
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from betting_ai.cli.context import Json, current_settings
from betting_ai.cli.operating import ask
from betting_ai.cli.outputs import check_outputs, write_whole
from betting_ai.errors import InvalidInputError, NothingToDoError, RecordBrokenError

app = typer.Typer(help="What was recommended, and what became of it.", invoke_without_command=True)

_Since = Annotated[str | None, typer.Option("--from", help="First UK date of slates.")]
_Until = Annotated[str | None, typer.Option("--to", help="Last UK date of slates.")]


class ExportFormat(StrEnum):
    """What ``history export`` writes."""

    JSON = "json"
    CSV = "csv"


@app.callback()
def history(
    context: typer.Context,
    since: _Since = None,
    until: _Until = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most to show.")] = 50,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that a later slate replaced.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The newest picks with what became of them."""
    if context.invoked_subcommand:
        return
    from betting_ai.bootstrap import build
    from betting_ai.cli.settled_view import show_picks
    from betting_ai.operator.lines import pick_line

    first, last = days_between(since, until)
    with build(current_settings()) as opened, opened.units() as unit:
        found = unit.record.picks(first, last)
    picks = [pick for pick in found if everything or pick.status != "replaced"][-limit:]
    if not picks:
        asked = " on those days" if since or until else ""
        raise NothingToDoError(f"nothing has been recommended yet{asked}; `top3-bets` does so")
    if as_json:
        typer.echo(json.dumps([pick_line(pick) for pick in picks[::-1]], ensure_ascii=False))
    else:
        show_picks(picks)


@app.command()
def verify(as_json: Json = False) -> None:
    """Prove that nothing was changed, left out or slipped in; exits 1 at the first broken link."""
    answer = ask("verify", {}, as_json=as_json)
    found = answer.output
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        if answer.exit_code:
            raise typer.Exit(answer.exit_code)
        return
    if found["flaws"]:
        first, *others = found["flaws"]
        more = f" (and {len(others)} more)" if others else ""
        raise RecordBrokenError(f"{first['where']}: {first['what']}{more}")
    counts = ", ".join(f"{count:,} {chain}" for chain, count in found["entries"].items()) or "empty"
    typer.echo(f"The record holds: {counts}.")
    for chain, link in found["last"].items():
        typer.echo(f"  last of {chain}: {link}")


@app.command()
def export(
    out: Annotated[Path | None, typer.Option("--out", help="A file; stdout by default.")] = None,
    form: Annotated[
        ExportFormat, typer.Option("--format", help="json or csv.")
    ] = ExportFormat.JSON,
) -> None:
    """The whole record, so that anyone can recompute it (docs/record.md says how)."""
    check_outputs({"--out": out})
    text = ask("export", {"format": form}).output
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_whole(out, text)


def days_between(since: str | None, until: str | None) -> tuple[date | None, date | None]:
    """A first and a last day as written on the command line.

    Raises:
        InvalidInputError: one is no date, or the last lies before the first.
    """
    first, last = _day_or_none(since), _day_or_none(until)
    if first is not None and last is not None and first > last:
        raise InvalidInputError("--to lies before --from; swap the two")
    return first, last


def _day_or_none(text: str | None) -> date | None:
    """A date as written on the command line.

    Raises:
        InvalidInputError: it is none.
    """
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"{text!r} is no date; write 2025-03-15") from None
