"""``backtest``: season after season, with models that had seen nothing of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from datetime import UTC, datetime, time
from decimal import Decimal
from math import isnan
from pathlib import Path
from typing import Annotated, Final

import typer

from betting_ai.cli.context import (
    Json,
    Voice,
    bookmaker_codes,
    current_settings,
    existing_folder,
    league_codes,
)
from betting_ai.cli.evaluate import dates
from betting_ai.cli.outputs import check_outputs, without_nan, write_whole
from betting_ai.cli.season_files import covered, read_seasons, with_opening_prices
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
from betting_ai.errors import ExtraMissingError, InvalidInputError

INTERRUPTED: Final = 130


def backtest(  # noqa: PLR0915 - options, imports and one call
    folder: Annotated[
        Path, typer.Option("--folder", help="Season files: <season>/<division>.csv.")
    ],
    since: Annotated[str, typer.Option("--from", help="First day.")] = "2019-07-01",
    until: Annotated[str, typer.Option("--to", help="Last day.")] = "2025-06-30",
    refit: Annotated[str, typer.Option("--refit", help="By season or by month.")] = "season",
    delay: Annotated[
        float, typer.Option("--delay", help="Minutes from a price to the bet.")
    ] = 15.0,
    drift: Annotated[
        float, typer.Option("--drift", help="Share of a price that is lost on the way.")
    ] = 0.002,
    max_stake: Annotated[
        str | None, typer.Option("--max-stake", help="Most that a book takes on one bet.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--html", help="Write the report as one page here.")
    ] = None,
    picks: Annotated[Path | None, typer.Option("--picks", help="Write every pick here.")] = None,
    upper_bounds: Annotated[
        bool,
        typer.Option(
            "--upper-bounds",
            help="Also at best-of-market and closing prices, which nobody could have had.",
        ),
    ] = False,
    compare_labels: Annotated[
        bool,
        typer.Option("--compare-labels", help="Also train the members on results alone."),
    ] = False,
    leagues: Leagues = None,
    bookmakers: Bookmakers = None,
    bankroll: Bankroll = None,
    profile: Profile = None,
    min_ev: MinEv = None,
    min_confidence: MinConfidence = None,
    max_risk: MaxRisk = None,
    as_json: Json = False,
) -> None:
    """Refit before every season, play every day, and say what it was worth (takes a while once).

    Models learn from every league, so --leagues shortens the play, not the
    training. What is trained is kept: stopped with Ctrl-C, the same command
    goes on from there.
    """
    settings = current_settings()
    first, last = dates(since, until)
    criteria = criteria_of(profile or settings.profile, min_ev, min_confidence, max_risk)
    units = settings.bankroll if bankroll is None else money(bankroll)
    limit = None if max_stake is None else _limit(max_stake)
    books = bookmaker_codes(bookmakers)
    codes = league_codes(leagues) or ()
    voice = Voice(as_json=as_json)
    check_outputs({"--html": page, "--picks": picks})
    with_opening_prices(codes)
    existing_folder(folder)
    require_training()

    from betting_ai.adapters.feeds.football_data.seasons import season_of
    from betting_ai.adapters.local.model_store import FolderModelStore
    from betting_ai.backtest.backtest import BacktestCommand, Trials
    from betting_ai.backtest.backtest import backtest as run
    from betting_ai.backtest.evaluate import picks_csv
    from betting_ai.backtest.play import Execution
    from betting_ai.backtest.replay import Replay
    from betting_ai.backtest.walk_forward import CHANNEL, WalkForward, make_vintages
    from betting_ai.bootstrap import build
    from betting_ai.cli.evaluate_view import Bars, show_backtest
    from betting_ai.domain.sports import FOOTBALL
    from betting_ai.models.frequency import BACKTEST, Frequency
    from betting_ai.models.registry import Registry
    from betting_ai.training.fit import FolderFits
    from betting_ai.training.train import TUNING
    from betting_ai.usecases.assess_events import Window

    plan = WalkForward(season_of(first), season_of(last), refit)
    execution = Execution(delay, drift, limit, compounding=True)
    window = Window(
        as_of=datetime.combine(first, time(), UTC),
        leagues=codes,
        bookmakers=settings.bookmakers if books is None else books,
        channel=CHANNEL,
    )
    home = settings.home / "backtest"
    fits = FolderFits(settings.home / "fits")
    with (
        build(settings) as app,
        resumable(fits, voice),
        Bars(voice, lines=True) as bars,
    ):
        covered(app, folder, first, last, codes, voice)
        contents = read_seasons(app, folder, voice, bars.read, until=season_of(last))
        facts, payloads = contents.facts, contents.payloads
        store = make_vintages(facts, payloads, plan, home, fits, bars.step)
        replay = Replay(facts, Registry(FolderModelStore(store)), CHANNEL)
        trials = Trials(home / "trials.json").note(
            {"criteria": criteria.to_dict(), "execution": execution, "window": window, "to": last}
        )
        command = BacktestCommand(
            first, last, window, criteria, units, execution, TUNING[FOOTBALL][1] + trials
        )
        result = run(replay, command, bars.show)
        numbers = result.numbers
        if upper_bounds:
            from betting_ai.backtest.bounds import upper_bounds as bounds

            numbers["upper_bounds"] = bounds(replay, command)
        if compare_labels:
            from betting_ai.backtest.labels import compare_labels as compare

            numbers["labels"] = compare(facts, plan, fits, bars.step)
    a_month = {name: each["a_month"] for name, each in numbers["profiles"].items()}
    if not any(map(isnan, a_month.values())):  # a few days say nothing of a month
        write_whole(home / BACKTEST, Frequency(first, last, codes, a_month).to_json())
    if page is not None:
        from betting_ai.backtest.report import page as written

        write_whole(page, written(result))
    if picks is not None:
        write_whole(picks, picks_csv(facts, result.played.placed))
    if as_json:
        typer.echo(json.dumps(without_nan(numbers), ensure_ascii=False, allow_nan=False))
    else:
        show_backtest(numbers)


def _limit(text: str) -> Decimal:
    try:
        return money(text)
    except InvalidInputError:
        raise InvalidInputError(f"--max-stake must be an amount above 0, not {text!r}") from None


def require_training() -> None:
    """Stop early where the training libraries are not installed.

    Raises:
        ExtraMissingError: one of them is not there.
    """
    import importlib.util

    for library in ("matplotlib", "onnx", "scipy", "sklearn", "threadpoolctl", "xgboost"):
        if importlib.util.find_spec(library) is None:
            raise ExtraMissingError(
                f"this needs libraries that the daily use does without ({library} is not here); "
                "`make setup-dev` installs them"
            )


@contextmanager
def resumable(fits: Sized, voice: Voice) -> Iterator[None]:
    """Where Ctrl-C stops training, say that the next run goes on from here.

    Args:
        fits: where fits are kept.
        voice: says it.
    """
    try:
        yield
    except KeyboardInterrupt:
        voice.note(f"stopped; {len(fits)} fits are kept, run it again to go on from there")
        raise typer.Exit(INTERRUPTED) from None
