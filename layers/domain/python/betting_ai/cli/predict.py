"""``predict``: what every model and the market think of one match."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from betting_ai.cli.context import (
    AllowInSample,
    AsOf,
    Folder,
    Json,
    Question,
    Voice,
    current_settings,
    instant,
)


def predict(
    event_id: Annotated[
        str, typer.Argument(help="As on a slate: e0-2025-03-15-ipswich-nottm-forest.")
    ],
    as_of: AsOf = None,
    folder: Folder = None,
    hours: Annotated[float, typer.Option("--hours", help="How far to look ahead.")] = 168.0,
    allow_in_sample: AllowInSample = False,
    as_json: Json = False,
) -> None:
    """One match: the market's, the models' and our probabilities, and what prices are worth."""
    from betting_ai.domain.leagues import find_league

    settings = current_settings()
    event = event_id.strip().lower()
    question = Question(
        as_of=instant(as_of),
        hours=hours,
        folder=folder,
        leagues=(find_league(event.partition("-")[0].upper()).code,),
        bookmakers=settings.bookmakers,
        allow_in_sample=allow_in_sample,
    )

    from betting_ai.cli.day import prepared
    from betting_ai.usecases.predict_event import PredictEventCommand

    with prepared(question, settings, Voice(as_json=as_json)) as day:
        prediction = day.app.predict_event(PredictEventCommand(event, day.window)).to_dict()
    if as_json:
        typer.echo(json.dumps(prediction, ensure_ascii=False, allow_nan=False))
    else:
        from betting_ai.cli.cards import show_prediction

        show_prediction(prediction)
