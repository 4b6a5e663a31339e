"""A real browser before the real server, over a real database with real matches in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from pg8000.native import Connection
from playwright.sync_api import Browser, sync_playwright

from betting_ai.adapters.local.postgres import EmbeddedPostgres
from betting_ai.api.options import ApiOptions
from betting_ai.bootstrap import App, build
from betting_ai.clock import FixedClock
from betting_ai.domain.protections import Limits
from betting_ai.domain.slate import Criteria
from betting_ai.ports.bets import BetStatus, NewBet
from betting_ai.ports.listings import PickQuery
from betting_ai.ports.record import RecordedPick
from betting_ai.ports.unit_of_work import UnitOfWork
from betting_ai.settings import load_settings
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.prepare_data import PrepareDataCommand
from betting_ai.usecases.select_top3 import LIVE, REPLAY, SelectTop3Command
from betting_ai.usecases.settle_picks import SettlePicksCommand
from conftest import FOOTBALL
from integration.api_world import Api, served
from integration.conftest import administration, database_url, empty_url, fresh, postgres, template

__all__ = ["administration", "database_url", "empty_url", "postgres", "template"]

ROOT = Path(__file__).resolve().parents[2]
SCREENS = ROOT / "build" / "screens"
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium while these tests run; its loop would be in the way of others."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        told = "there is no Chromium on PATH; the dashboard's tests need one"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Past:
    """Where the real matches are, and which days of them are lived again.

    Attributes:
        leagues: codes.
        mornings: when a slate was asked for; the last one is the present.
        source: as a slate names it.
    """

    leagues: tuple[str, ...]
    mornings: tuple[datetime, ...]
    source: str

    @property
    def now(self) -> datetime:
        return self.mornings[-1]


def _morning(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T08:00:00+00:00").astimezone(UTC)


FILES = Past(
    ("F1", "I2", "T1", "SP1", "EC"),
    tuple(map(_morning, ("2025-03-01", "2025-03-08", "2025-03-09", "2025-03-15"))),
    "season files",
)
SAMPLE = Past(
    ("E0", "SP1"),
    tuple(map(_morning, ("2023-09-30", "2023-10-01", "2023-10-07", "2023-10-08"))),
    "sample",
)
PAST = FILES if FOOTBALL.is_dir() else SAMPLE


@pytest.fixture(scope="session")
def lived(
    postgres: EmbeddedPostgres,
    administration: Connection,
    template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Path]]:
    """A database in which days were lived: replays by `value`, today's live slate by `strict`."""
    home = tmp_path_factory.mktemp("home")
    with fresh(administration, template) as name:
        url = postgres.url(name)
        with build(load_settings(home=home, database_url=url), FixedClock(PAST.now)) as app:
            _live(app)
        yield url, home


def _live(app: App) -> None:
    feed = app.folder(FOOTBALL) if PAST is FILES else app.sample
    app.prepare_data(PrepareDataCommand(feed.fetch, _window(PAST.now)))
    for morning in PAST.mornings:
        app.settle_picks(SettlePicksCommand(morning, app.settings.channel))
        _slate(app, morning, Criteria.of("value"), REPLAY)
    # By `strict` the files' last morning is empty; the sample's is where much more is asked.
    strict = Criteria.of("strict")
    empty = strict if PAST is FILES else strict.with_overrides(min_expected_value=0.5)
    _slate(app, PAST.now, empty, LIVE)
    with app.units() as unit:
        spring = unit.bets.open_session(
            "spring", "paper", "units", Decimal(1000), Limits(), PAST.now
        )
        for pick in unit.listings.picks(PickQuery(REPLAY))[::-1]:
            _bet(unit, spring.id, pick)
        unit.commit()
    app.settle_picks(SettlePicksCommand(PAST.now, app.settings.channel))


def _bet(unit: UnitOfWork, session: int, pick: RecordedPick) -> None:
    """What was recommended, taken on paper in its own morning."""
    reference = uuid4()
    bet = NewBet(
        reference, session, pick.id, pick.event_id, pick.bookmaker, pick.market, pick.line,
        pick.outcome, pick.price, pick.stake, "paper", "paper",
    )  # fmt: skip
    assert unit.bets.begin(bet, pick.as_of)
    unit.bets.resolve(reference, BetStatus.PLACED, at=pick.as_of)


def _window(morning: datetime) -> Window:
    return Window(morning, hours=16, leagues=PAST.leagues, maximum_as_bound=PAST is SAMPLE)


def _slate(app: App, morning: datetime, criteria: Criteria, mode: str) -> None:
    app.select_top3(
        SelectTop3Command(
            _window(morning),
            criteria,
            Decimal(1000),
            (PAST.source,),
            publish=True,
            mode=mode,
        )
    )


@pytest.fixture(scope="session")
def open_door(lived: tuple[str, Path]) -> Iterator[Api]:
    """Served on loopback without a key, showing the replay."""
    url, home = lived
    options = ApiOptions(keyless_dashboard=True, shows="replay")
    with served(url, home, clock=FixedClock(PAST.now), options=options) as api:
        yield api


@pytest.fixture(scope="session")
def closed_door(lived: tuple[str, Path]) -> Iterator[Api]:
    """Served with keys, showing the live slate, which is empty by `strict`."""
    url, home = lived
    with served(url, home, clock=FixedClock(PAST.now)) as api:
        yield api
