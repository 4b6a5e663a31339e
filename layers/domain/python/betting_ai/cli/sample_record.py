"""Some weeks of the sample, lived again: so that the dashboard has a record to show."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from betting_ai.backtest.replay import Replay
from betting_ai.bootstrap import App, build
from betting_ai.cli.day import SAMPLE_DAY, SAMPLE_SOURCE
from betting_ai.cli.evaluate_view import Bars
from betting_ai.domain.slate import Criteria
from betting_ai.ports.repositories import FactsQuery
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.prepare_data import PrepareDataCommand
from betting_ai.usecases.select_top3 import REPLAY, SelectTop3Command
from betting_ai.usecases.settle_picks import SettlePicksCommand

if TYPE_CHECKING:
    from betting_ai.backtest.replay import SlateDay
    from betting_ai.cli.context import Voice
    from betting_ai.settings import Settings

FIRST_DAY: Final = date(2023, 8, 11)
"""The season's first; its last is the sample day, whose matches are still to come."""

PROFILE: Final = "value"
"""It asks for less than `strict`, so there is more to see."""

_LEAGUES: Final = ("E0", "SP1")


def fill_sample(settings: Settings, voice: Voice) -> None:
    """Publish the sample's slates up to the sample day and settle them, unless that was done.

    Raises:
        DomainError: the sample, a model or the database cannot be used.
    """
    voice.note(
        f"showing real matches of {FIRST_DAY:%-d %B} to {SAMPLE_DAY:%-d %B %Y} in England and "
        f"Spain by the profile {PROFILE}, at market-maximum prices (an upper bound, not prices to "
        "take)"
    )
    with build(settings) as outside, Bars(voice) as bars:
        app = outside.for_sample()
        last = datetime.combine(SAMPLE_DAY, time(23), UTC)
        window = Window(last, leagues=_LEAGUES, maximum_as_bound=True, channel=settings.channel)
        newest = app.figures(app.clock.now(), REPLAY).slate_as_of
        if newest is not None and newest.date() == SAMPLE_DAY:
            return
        app.prepare_data(PrepareDataCommand(app.sample.fetch, window))
        days = [day for day in _days(app, window) if len(day.events)]
        for done, day in enumerate(days, start=1):
            app.settle_picks(SettlePicksCommand(day.window.as_of, settings.channel))
            app.select_top3(
                SelectTop3Command(
                    day.window,
                    Criteria.of(PROFILE),
                    settings.bankroll,
                    (SAMPLE_SOURCE,),
                    publish=True,
                    mode=REPLAY,
                )
            )
            bars.slates(done, len(days))


def _days(app: App, window: Window) -> list[SlateDay]:
    """When slates are asked for: as the backtest does."""
    with app.units() as unit:
        facts = unit.facts.load(
            FactsQuery(window.as_of + timedelta(hours=1), since=FIRST_DAY, leagues=window.leagues)
        )
    return Replay(facts, app.registry, window.channel).days(FIRST_DAY, SAMPLE_DAY, window)
