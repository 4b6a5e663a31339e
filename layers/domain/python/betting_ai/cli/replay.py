"""``replay``: past days lived again with the live commands, on paper."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer

from betting_ai.cli.context import (
    Json,
    Voice,
    bookmaker_codes,
    current_settings,
    existing_folder,
    league_codes,
)
from betting_ai.cli.evaluate import dates, unseen
from betting_ai.cli.outputs import check_outputs, write_whole
from betting_ai.cli.top3 import (
    Bankroll,
    Bookmakers,
    Leagues,
    MaxRisk,
    MinConfidence,
    MinEv,
    Profile,
    criteria_of,
    money,
)
from betting_ai.domain.sports import FOOTBALL, sport_of
from betting_ai.errors import InvalidInputError, NothingToDoError, RecordBrokenError


def replay(  # noqa: PLR0915 - options, imports and one call
    folder: Annotated[
        Path, typer.Option("--folder", help="Season files: <season>/<division>.csv.")
    ],
    since: Annotated[str, typer.Option("--from", help="First day.")],
    until: Annotated[str, typer.Option("--to", help="Last day.")],
    export: Annotated[
        Path | None, typer.Option("--export", help="Write the whole record here, as JSON.")
    ] = None,
    leagues: Leagues = None,
    bookmakers: Bookmakers = None,
    bankroll: Bankroll = None,
    profile: Profile = None,
    min_ev: MinEv = None,
    min_confidence: MinConfidence = None,
    max_risk: MaxRisk = None,
    as_json: Json = False,
) -> None:
    """Live past days again: slate before kick-off, bets on paper, settled after; then check.

    The record is made in a database of its own, proved, and held against what the backtest's code
    says of the same days; anything that differs is an error.
    """
    settings = current_settings()
    first, last = dates(since, until)
    criteria = criteria_of(profile or settings.profile, min_ev, min_confidence, max_risk)
    units = settings.bankroll if bankroll is None else money(bankroll)
    books = bookmaker_codes(bookmakers)
    codes = league_codes(leagues) or ()
    if sport_of(codes) != FOOTBALL:
        raise InvalidInputError("replay lives days of football again, of no other sport yet")
    voice = Voice(as_json=as_json)
    existing_folder(folder)
    check_outputs({"--export": export})

    from betting_ai.backtest.play import Execution, Yardstick, play
    from betting_ai.backtest.relive import Relive, totals
    from betting_ai.backtest.replay import Replay
    from betting_ai.bootstrap import build
    from betting_ai.cli.evaluate_view import Bars
    from betting_ai.clock import MovingClock
    from betting_ai.domain.markets import MATCH_RESULT
    from betting_ai.usecases.assess_events import Window
    from betting_ai.usecases.export_record import as_document
    from betting_ai.usecases.prepare_data import PrepareDataCommand

    window = Window(
        as_of=datetime.combine(first, time(), UTC),
        leagues=codes,
        bookmakers=settings.bookmakers if books is None else books,
        channel=settings.channel,
    )
    with build(settings) as outside, Bars(voice) as bars:
        facts = unseen(outside, folder, first, last, voice, bars.read, MATCH_RESULT, codes)
        past = Replay(facts, outside.registry, settings.channel)
        days = past.days(first, last, window)
        if not any(len(day.events) for day in days):
            raise NothingToDoError(f"no match to bet on from {first} to {last}")
        clock = MovingClock(days[0].window.as_of)
        app = outside.for_replay(clock)
        for day in (days[0], days[-1]):
            app.prepare_data(PrepareDataCommand(app.folder(folder).fetch, day.window))
        relive = Relive(
            app.units, app.select_top3, lambda: app.place_bet("paper"), app.settle_picks, clock
        )
        lived = relive(days, criteria, units, ("football_data folder",), bars.slates)
        slates = past.slates(days)
        played = play(slates, criteria, units, Execution(compounding=True), Yardstick(facts))
        flaws = app.verify_record().flaws
        with app.units() as unit:
            document = as_document(unit)
    expected = totals(played, units)
    differing = lived.differences(expected)
    if export is not None:
        write_whole(export, document)
    if as_json:
        told = {"replay": _line(lived), "backtest": _line(expected), "differing": differing}
        typer.echo(json.dumps(told | {"record_holds": not flaws}))
    wrong = [f"{flaw.where}: {flaw.what}" for flaw in flaws]
    wrong += [f"replay and backtest differ in {', '.join(differing)}"] if differing else []
    if wrong:
        raise RecordBrokenError(wrong[0])
    if not as_json:
        _show(lived, app.settings.home)


def _line(totals: Any) -> dict[str, Any]:  # noqa: ANN401
    from dataclasses import asdict
    from decimal import Decimal

    return {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in asdict(totals).items()
    }


def _show(totals: Any, home: Path) -> None:  # noqa: ANN401
    line = _line(totals)
    mean = f"{totals.clv_sum / totals.with_close:+.2%} a pick" if totals.with_close else "unknown"
    typer.echo(
        f"{line['slates']} slates, {line['picks']} picks, {line['won']} won; closing-line value "
        f"{mean}, {line['beat_close']} of {line['with_close']} beat the close; staked "
        f"{line['staked']:.2f}, profit {line['profit']:+.2f}, bankroll {line['bankroll']:.2f}."
    )
    typer.echo("The record holds, and the backtest of these days says the same.")
    typer.echo(f"It stays until the next replay: BETTING_AI_HOME={home} shows it.")
