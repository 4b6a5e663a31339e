"""``top3-bets``: the at most three bets of the next hours that are worth taking, and why."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from betting_ai.cli import alerts
from betting_ai.cli.context import (
    AllowInSample,
    AsOf,
    Folder,
    Json,
    Question,
    Voice,
    bookmaker_codes,
    current_settings,
    instant,
    league_codes,
)
from betting_ai.errors import InvalidInputError

if TYPE_CHECKING:
    from betting_ai.domain.slate import Criteria

_LARGEST = Decimal(10) ** 12
_PROFILES = "strict (the default) or value, which asks for less."

Leagues = Annotated[
    str | None, typer.Option("--leagues", help="E0,SP1, or ATP, or NBA. All football by default.")
]
Bookmakers = Annotated[
    str | None, typer.Option("--bookmakers", help="Those you can use: B365,PS. All by default.")
]
Bankroll = Annotated[
    str | None,
    typer.Option(
        "--bankroll", help="What stakes are shares of; the open session's, or 1000, by default."
    ),
]
Profile = Annotated[str | None, typer.Option("--profile", help=_PROFILES)]
MinEv = Annotated[
    float | None, typer.Option("--min-ev", help="Least expected value: 0.05 for 5 %.")
]
MinConfidence = Annotated[
    float | None, typer.Option("--min-confidence", help="Least confidence, 0 to 100.")
]
MaxRisk = Annotated[float | None, typer.Option("--max-risk", help="Highest risk score, 0 to 1.")]


def top3_bets(
    as_of: AsOf = None,
    hours: Annotated[float, typer.Option("--hours", help="How far to look ahead.")] = 24.0,
    folder: Folder = None,
    leagues: Leagues = None,
    bookmakers: Bookmakers = None,
    bankroll: Bankroll = None,
    profile: Profile = None,
    min_ev: MinEv = None,
    min_confidence: MinConfidence = None,
    max_risk: MaxRisk = None,
    allow_in_sample: AllowInSample = False,
    alert: Annotated[
        bool, typer.Option("--alert", help="Also send it the way BETTING_AI_ALERTS says.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The day's best value bets: at most three, with prices, stakes and reasons."""
    voice = Voice(as_json=as_json)
    settings = current_settings()
    criteria = criteria_of(profile or settings.profile, min_ev, min_confidence, max_risk)
    units = None if bankroll is None else money(bankroll)
    books = bookmaker_codes(bookmakers)
    question = Question(
        as_of=instant(as_of),
        hours=hours,
        folder=folder,
        leagues=league_codes(leagues) or settings.leagues,
        bookmakers=settings.bookmakers if books is None else books,
        allow_in_sample=allow_in_sample,
    )

    if alert:
        alerts.check(settings)

    from betting_ai.cli.day import prepared  # after all that can be refused at once
    from betting_ai.usecases.select_top3 import SelectTop3Command

    with prepared(question, settings, voice) as day:
        slate = day.app.select_top3(
            SelectTop3Command(
                day.window,
                criteria,
                day.app.bankroll if units is None else units,
                day.data_sources,
                publish=day.live,
            )
        )
    if as_json:
        typer.echo(json.dumps(slate.to_dict(), ensure_ascii=False, allow_nan=False))
    else:
        from betting_ai.cli.cards import show_slate
        from betting_ai.domain.sports import FOOTBALL, sport_of

        football = sport_of(day.window.leagues) == FOOTBALL  # the backtest is of football alone
        show_slate(slate, day.app.frequency if football else None)
    if alert:
        alerts.tell(slate, settings, voice)


def criteria_of(
    profile: str, min_ev: float | None, min_confidence: float | None, max_risk: float | None
) -> Criteria:
    """The criteria of a profile, with single numbers replaced where an option gives one.

    Raises:
        InvalidInputError: no such profile, or a number that cannot be.
    """
    from betting_ai.domain.slate import Criteria

    criteria = Criteria.of(profile)
    for option, changed in (
        ("--min-confidence", {"min_confidence": min_confidence}),
        ("--min-ev", {"min_expected_value": min_ev}),
        ("--max-risk", {"max_risk": max_risk}),
    ):
        try:
            criteria = criteria.with_overrides(**changed)
        except InvalidInputError as error:
            raise InvalidInputError(f"{option}: {error}") from None
    return criteria


def money(text: str, option: str = "--bankroll") -> Decimal:
    """An amount as written on the command line.

    Raises:
        InvalidInputError: it is none.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and 0 < amount <= _LARGEST):
        raise InvalidInputError(
            f"{option} must be an amount above 0 and at most {_LARGEST:,f}, not {text!r}"
        )
    return amount
