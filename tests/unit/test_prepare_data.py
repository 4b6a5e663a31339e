"""Which files a question needs: what the shipped models have not seen, and no more."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import cast

import pytest

from betting_ai.adapters.local.model_store import FolderModelStore
from betting_ai.domain.leagues import SEASON_FILE_LEAGUES
from betting_ai.errors import FeedOfflineError, InvalidInputError, NoModelBeforeError
from betting_ai.models.registry import Registry
from betting_ai.ports.feeds import FeedRequest, Fetched
from betting_ai.ports.unit_of_work import UnitOfWorkFactory
from betting_ai.settings import load_settings
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.ingest_raw import IngestRaw
from betting_ai.usecases.prepare_data import PrepareData, PrepareDataCommand


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry(FolderModelStore(load_settings().models))


@pytest.fixture(scope="module")
def trained_through(registry: Registry) -> list[date]:
    versions = registry.versions("match_result", "stable")
    return sorted(registry.manifest("match_result", v).trained_through for v in versions)


def morning(day: date) -> datetime:
    return datetime.combine(day, time(8), UTC)


def asked(registry: Registry, window: Window) -> FeedRequest:
    """What the feed is asked for; the feed is offline, so nothing else is needed."""
    requests = []

    def fetch(request: FeedRequest) -> Fetched:
        requests.append(request)
        raise FeedOfflineError("offline")

    units, ingest = cast(UnitOfWorkFactory, None), cast(IngestRaw, None)
    with pytest.raises(FeedOfflineError):
        PrepareData(units, ingest, registry)(PrepareDataCommand(fetch, window))
    (request,) = requests
    return request


def test_only_seasons_after_the_models_last_day(
    registry: Registry, trained_through: list[date]
) -> None:
    newest = trained_through[-1]
    request = asked(registry, Window(morning(newest + timedelta(days=400))))
    after = newest + timedelta(days=1)
    first = after.year if after.month >= 7 else after.year - 1
    assert request.seasons == (first, first + 1)
    assert request.leagues == SEASON_FILE_LEAGUES
    assert not request.extra
    assert not request.fixtures


def test_prices_from_before_the_models_last_day_need_the_model_before(
    registry: Registry, trained_through: list[date]
) -> None:
    older, newer = trained_through[-2:]
    soon = asked(registry, Window(morning(newer + timedelta(days=2))))
    later = asked(registry, Window(morning(newer + timedelta(days=9))))
    assert soon.seasons is not None
    assert later.seasons is not None
    assert soon.seasons[0] == older.year
    assert later.seasons[0] == newer.year


def test_a_league_brings_those_its_teams_come_from(
    registry: Registry, trained_through: list[date]
) -> None:
    as_of = morning(trained_through[-1] + timedelta(days=100))
    english = asked(registry, Window(as_of, leagues=("E1",)))
    assert english.leagues == ("E0", "E1", "E2", "E3", "EC")
    argentinian = asked(registry, Window(as_of, leagues=("ARG",)))
    assert (argentinian.leagues, argentinian.extra) == (("ARG",), True)


def test_a_day_that_every_model_has_seen(registry: Registry, trained_through: list[date]) -> None:
    as_of = morning(trained_through[0] - timedelta(days=100))
    with pytest.raises(NoModelBeforeError, match="ask for a later day"):
        asked(registry, Window(as_of))
    request = asked(registry, Window(as_of, leagues=("E0",), allow_in_sample=True))
    assert request.leagues == SEASON_FILE_LEAGUES
    assert request.seasons == tuple(range(2000, trained_through[0].year))


def test_a_day_before_all_data_is_refused(registry: Registry) -> None:
    early = Window(morning(date(1995, 1, 1)), allow_in_sample=True)
    with pytest.raises(InvalidInputError, match="no data before 2000-07-01"):
        PrepareData(cast(UnitOfWorkFactory, None), cast(IngestRaw, None), registry)(
            PrepareDataCommand(lambda _: Fetched(()), early)
        )
