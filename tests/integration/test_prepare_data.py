"""A model's memory of the past is used only where the stored past is what it was made of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from betting_ai.adapters.feeds.football_data.folder import FolderFeed
from betting_ai.adapters.feeds.football_data.normaliser import FootballDataNormaliser
from betting_ai.adapters.feeds.resolver import TeamResolver, seed_aliases
from betting_ai.adapters.feeds.sample import SampleFeed
from betting_ai.adapters.local.model_store import FolderModelStore
from betting_ai.adapters.local.object_store import LocalObjectStore
from betting_ai.adapters.sql.unit_of_work import unit_of_work_factory
from betting_ai.clock import FixedClock
from betting_ai.models.registry import Registry
from betting_ai.ports.feeds import Feed, FeedRequest, Fetched, Payload
from betting_ai.settings import load_settings
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.ingest_raw import IngestRaw
from betting_ai.usecases.prepare_data import PrepareData, PrepareDataCommand
from conftest import FOOTBALL

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEPTEMBER = Window(datetime(2024, 9, 14, 8, tzinfo=UTC), leagues=("E0",))
"""After a model that covers season 2023-24."""


@dataclass
class Asked:
    """Notes what is asked and hands over one file of it, so that asking goes on."""

    feed: Feed
    seasons: list[tuple[int, ...]] = field(default_factory=list)

    def __call__(self, request: FeedRequest) -> Fetched:
        self.seasons.append(request.seasons or ())
        return Fetched(self.feed.fetch(FeedRequest(("E0",), (2023,))).payloads)


@pytest.fixture
def prepare(engine: Engine, tmp_path: Path) -> PrepareData:
    units = unit_of_work_factory(engine)
    ingest = IngestRaw(
        units=units,
        raw=LocalObjectStore(tmp_path / "objects"),
        normaliser=FootballDataNormaliser(),
        resolver=TeamResolver(seed_aliases()),
    )
    return PrepareData(units, ingest, Registry(FolderModelStore(load_settings().models)))


def recorded(prepare: PrepareData, feed: Feed) -> list[tuple[int, ...]]:
    asked = Asked(feed)
    prepare(PrepareDataCommand(asked, SEPTEMBER))
    return asked.seasons


def test_a_season_that_differs_from_the_models_own_needs_everything(prepare: PrepareData) -> None:
    assert recorded(prepare, SampleFeed(FixedClock(NOW))) == [(2024,), tuple(range(2000, 2025))]


@pytest.mark.shared
def test_the_very_files_that_a_model_was_made_of_need_no_more(prepare: PrepareData) -> None:
    assert recorded(prepare, FolderFeed(FOOTBALL, FixedClock(NOW))) == [(2024,)]


@pytest.mark.shared
def test_the_same_matches_from_a_file_with_other_bytes_need_no_more(prepare: PrepareData) -> None:
    (payload,) = FolderFeed(FOOTBALL, FixedClock(NOW)).fetch(FeedRequest(("E0",), (2023,))).payloads
    reprinted = replace(payload, content=payload.content + b"\n")
    assert reprinted.sha256 != payload.sha256
    assert recorded(prepare, _OnePayload(reprinted)) == [(2024,)]


@dataclass(frozen=True)
class _OnePayload:
    payload: Payload
    name: str = "football_data"

    def fetch(self, request: FeedRequest) -> Fetched:
        return Fetched((self.payload,))
