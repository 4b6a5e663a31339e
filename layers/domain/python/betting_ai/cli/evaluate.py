"""``evaluate``: the shipped models on season files that they have never seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from betting_ai.cli.context import (
    UK,
    AllowInSample,
    Json,
    Voice,
    bookmaker_codes,
    calendar_day,
    current_settings,
    existing_folder,
    in_sample_offered,
    league_codes,
)
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
from betting_ai.errors import InvalidInputError, NoModelBeforeError

if TYPE_CHECKING:
    from betting_ai.bootstrap import App
    from betting_ai.domain.markets import BettingMarket
    from betting_ai.features.facts import Facts

Since = Annotated[str, typer.Option("--from", help="First date of matches: 2024-07-01.")]
Until = Annotated[str, typer.Option("--to", help="Last date of matches: 2025-06-30.")]


def evaluate(
    folder: Annotated[
        Path, typer.Option("--folder", help="Season files: <season>/<division>.csv.")
    ],
    since: Since,
    until: Until,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="Write every match's probabilities here.")
    ] = None,
    picks: Annotated[
        Path | None, typer.Option("--picks", help="Write every slate's picks here.")
    ] = None,
    leagues: Leagues = None,
    bookmakers: Bookmakers = None,
    market: Annotated[
        str, typer.Option("--market", help="match_result, over_under_2_5, tennis_winner, ...")
    ] = "match_result",
    bankroll: Bankroll = None,
    profile: Profile = None,
    min_ev: MinEv = None,
    min_confidence: MinConfidence = None,
    max_risk: MaxRisk = None,
    allow_in_sample: AllowInSample = False,
    record: Annotated[
        bool, typer.Option("--record", help="Keep the figures in the database (model_performance).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Score probabilities and picks on matches that the shipped models had not seen.

    p is the ensemble of the four models, calibrated on results; f, the pick
    price, is what they think the fair closing price will be, and what picks
    are judged by. RPS is the ranked probability score, cal. error the mean
    gap between stated and observed shares. CLV is the price taken against the
    fair closing price; CLV/claim is 1 where claims are honest; "without book"
    is CLV by the other books' close. Differences are to the average pre-match
    price, in 0.00001 nats of log-loss.
    """
    from betting_ai.domain.markets import betting_market
    from betting_ai.domain.sports import sport_of

    settings = current_settings()
    first, last = dates(since, until)
    criteria = criteria_of(profile or settings.profile, min_ev, min_confidence, max_risk)
    asked = betting_market(market)
    amount = settings.bankroll if bankroll is None else money(bankroll)
    books = bookmaker_codes(bookmakers)
    codes = league_codes(leagues) or ()
    if codes and sport_of(codes) != asked.sport:
        raise InvalidInputError(f"{market} is no market of {sport_of(codes)}: see --market")
    with_opening_prices(codes)
    existing_folder(folder)
    voice = Voice(as_json=as_json)
    check_outputs({"--predictions": predictions, "--picks": picks})

    from betting_ai.backtest.evaluate import (
        EvaluateCommand,
        picks_csv,
        predictions_csv,
    )
    from betting_ai.backtest.evaluate import evaluate as score
    from betting_ai.backtest.replay import Replay
    from betting_ai.bootstrap import build
    from betting_ai.cli.evaluate_view import Bars, show_evaluation
    from betting_ai.usecases.assess_events import Window

    with build(settings) as app, Bars(voice) as bars, in_sample_offered():
        facts = unseen(app, folder, first, last, voice, bars.read, asked, codes, allow_in_sample)
        window = Window(
            as_of=datetime.combine(first, time(), UTC),
            leagues=codes,
            bookmakers=settings.bookmakers if books is None else books,
            allow_in_sample=allow_in_sample,
            channel=settings.channel,
        )
        replay = Replay(facts, app.registry, settings.channel, allow_in_sample)
        command = EvaluateCommand(first, last, window, criteria, amount, asked)
        report = score(replay, command, bars.slates)
        if record:
            from betting_ai.backtest.promotion import figures

            kept = figures(report.numbers, settings.channel)
            with app.units() as unit:
                unit.models.put(kept)
                unit.commit()
            voice.note(
                f"kept in model_performance: {kept[0].model_version}, {kept[0].first_day} to "
                f"{kept[0].last_day}, {kept[0].matches} matches: "
                + ", ".join(one.member for one in kept)
            )
    if predictions is not None:
        write_whole(predictions, predictions_csv(facts, report.predicted, asked))
    if picks is not None:
        write_whole(picks, picks_csv(facts, report.played.placed))
    if as_json:
        typer.echo(json.dumps(without_nan(report.numbers), ensure_ascii=False, allow_nan=False))
    else:
        show_evaluation(report.numbers)


def dates(since: str, until: str) -> tuple[date, date]:
    """The range asked for.

    Raises:
        InvalidInputError: not two dates in order.
    """
    first, last = calendar_day(since, "--from"), calendar_day(until, "--to")
    if last < first:
        raise InvalidInputError(f"--to {last} lies before --from {first}")
    return first, last


def unseen(
    app: App,
    folder: Path,
    first: date,
    last: date,
    voice: Voice,
    progress: Callable[[int, int], None],
    market: BettingMarket,
    leagues: Collection[str] = (),
    allow_in_sample: bool = False,
) -> Facts:
    """The matches that a range of days needs: what came after the model for its first day.

    The model brings its past along; where the folder's own earlier files are others than those it
    was made of, all of them are read.

    Raises:
        NoModelBeforeError: every model had seen the first day.
        NothingToDoError: no season file covers the range.
    """
    from betting_ai.domain.markets import winner_market
    from betting_ai.domain.sports import SPORTS, leagues_of
    from betting_ai.usecases.select_top3 import SNAPSHOT_AGE

    start = datetime.combine(first, time(12), UK)
    sport = SPORTS[market.sport]
    name = winner_market(market.sport).name
    registry, channel = app.registry, app.settings.channel
    try:  # prices may be a little older than the first match
        manifest, in_sample = registry.choose(name, channel, start - SNAPSHOT_AGE)
    except NoModelBeforeError:
        manifest, in_sample = registry.choose(name, channel, start, allow_in_sample)
    covered(app, folder, first, last, leagues or leagues_of(sport.code), voice)
    since = sport.season_of(manifest.trained_through + timedelta(days=1))
    payloads = registry.checkpoint(manifest).payloads
    older = app.digests_in(folder, since, sport.code)
    known = all(payloads.get(file) == digest for file, digest in older.items())
    whole = in_sample or not known
    end = sport.season_of(last)
    begin = None if whole else since
    return read_seasons(app, folder, voice, progress, begin, end, sport.code).facts
