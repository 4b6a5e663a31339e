"""``settle``: results and closes are in; what became of the picks and bets."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from betting_ai.cli.context import Json, Voice, current_settings, past
from betting_ai.errors import InvalidInputError, NothingToDoError

_ENDINGS = "postponed, abandoned, cancelled, walkover, retired, or a score such as 2-1."


def settle(
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="By what was known then. Now by default.")
    ] = None,
    event: Annotated[
        str | None, typer.Option("--event", help="Say how one event ended; with --ending.")
    ] = None,
    ending: Annotated[str | None, typer.Option("--ending", help=_ENDINGS)] = None,
    as_json: Json = False,
) -> None:
    """Settle picks and bets by the results that are in; again when one is corrected."""
    if (event is None) != (ending is None):
        raise InvalidInputError("--event and --ending go together")
    voice = Voice(as_json=as_json)
    settings = current_settings()
    instant = past(as_of)

    from betting_ai.bootstrap import build
    from betting_ai.cli.settled_view import settled_line, show_settled
    from betting_ai.usecases.settle_picks import SettlePicksCommand

    with build(settings) as app:
        now = app.clock.now()
        if event is not None and ending is not None:
            with app.units() as unit:
                news = unit.record.add_ending(event, score_of(ending), "operator", now)
                unit.commit()
            if not news:
                voice.note(f"{event} ended so already")
        done = app.settle_picks(SettlePicksCommand(instant or now, settings.channel))
    for slug in done.waiting:
        voice.note(f"no result yet: {slug}")
    if not (done.settlements or done.waiting or event):
        raise NothingToDoError("nothing is open that has kicked off")
    if as_json:
        told: dict[str, Any] = {
            "settled": [settled_line(one) for one in done.settlements],
            "waiting": list(done.waiting),
        }
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        show_settled(done.settlements)


def score_of(text: str) -> Any:  # noqa: ANN401 - the domain is imported late
    """How an event ended, as written on the command line.

    Raises:
        InvalidInputError: neither a score nor an ending.
    """
    from betting_ai.domain.settlement import Ending, Score

    home, dash, away = text.partition("-")
    if dash and home.strip().isdecimal() and away.strip().isdecimal():
        return Score(Ending.FINISHED, int(home), int(away))
    if text in {str(e) for e in Ending if e is not Ending.FINISHED}:
        return Score(Ending(text))
    raise InvalidInputError(f"{text!r} is no ending; write {_ENDINGS}")
