"""``lookahead-check``: does anything later than a question reach its answer?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated

import typer

from betting_ai.cli.context import Json, Voice, current_settings, existing_folder
from betting_ai.cli.evaluate import Since, Until, dates, unseen
from betting_ai.errors import NothingToDoError


def lookahead_check(
    folder: Annotated[
        Path, typer.Option("--folder", help="Season files: <season>/<division>.csv.")
    ],
    since: Since,
    until: Until,
    days: Annotated[int, typer.Option("--days", min=1, help="How many days are sampled.")] = 20,
    as_json: Json = False,
) -> None:
    """Change the future of sampled days and demand the same features, predictions and picks."""
    settings = current_settings()
    first, last = dates(since, until)
    existing_folder(folder)
    voice = Voice(as_json=as_json)

    import numpy as np

    from betting_ai.backtest.lookahead import look_ahead
    from betting_ai.backtest.replay import Replay
    from betting_ai.bootstrap import build
    from betting_ai.cli.evaluate_view import Bars
    from betting_ai.domain.markets import MATCH_RESULT
    from betting_ai.usecases.assess_events import Window

    with build(settings) as app, Bars(voice) as bars:
        facts = unseen(app, folder, first, last, voice, bars.read, MATCH_RESULT)
        window = Window(datetime.combine(first, time(), UTC), channel=settings.channel)
        every = Replay(facts, app.registry).days(first, last, window)
        if not every:
            raise NothingToDoError(f"no match from {first} to {last}: there is no day to ask about")
        if days > len(every):
            voice.note(f"only {len(every)} days have matches; all of them are asked")
        its = np.unique(np.linspace(0, len(every) - 1, min(days, len(every))).astype(int))
        found = look_ahead(facts, app.registry, [every[i] for i in its], bars.days)
    leaks = [look for look in found if look.changed]
    if as_json:
        told = {
            "passed": not leaks,
            "days": [look.day.isoformat() for look in found],
            "leaks": [
                {"day": look.day.isoformat(), "changed": list(look.changed)} for look in leaks
            ],
        }
        typer.echo(json.dumps(told))
    else:
        for look in leaks:
            typer.echo(f"{look.day}: the future changed {', '.join(look.changed)}")
        verdict = "failed" if leaks else "passed"
        typer.echo(
            f"{verdict}: {len(found)} days from {found[0].day} to {found[-1].day} asked twice, "
            f"{len(leaks)} answered otherwise"
        )
    if leaks:
        raise typer.Exit(1)
