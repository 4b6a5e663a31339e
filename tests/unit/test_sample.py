"""The sample: real matches out of an installed package, read without importing it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import numpy as np
import pytest

from betting_ai.adapters.feeds.football_data.normaliser import FootballDataNormaliser
from betting_ai.adapters.feeds.football_data.parser import first_spelling
from betting_ai.adapters.feeds.sample import SampleFeed
from betting_ai.clock import FixedClock
from betting_ai.errors import NothingToDoError, UnknownLeagueError
from betting_ai.features.facts import Facts, merge
from betting_ai.ports.feeds import FeedRequest

CLOCK = FixedClock(datetime(2025, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def facts() -> Facts:
    payloads = SampleFeed(CLOCK).fetch(FeedRequest()).payloads
    parse = FootballDataNormaliser().parse
    return merge([parse(payload, first_spelling).facts for payload in payloads])


def test_two_whole_seasons_with_results_and_two_sources(facts: Facts) -> None:
    assert (len(facts), facts.leagues, facts.books) == (760, ("E0", "SP1"), ("AVG", "MAX"))
    assert np.bincount(facts.league).tolist() == [380, 380]
    assert np.bincount(facts.home).tolist() == [19] * 40
    assert set(facts.season.tolist()) == {2023}
    assert facts.quotes == 760 * 4  # two sources, results and totals
    assert (facts.stats[:, :4] >= 0).all()
    assert not facts.time_assumed.any()


def test_the_opening_match(facts: Facts) -> None:
    opening = np.datetime64("2023-08-11T19:00:00").astype(int)
    row = int(np.flatnonzero(facts.home == facts.teams.index("ENG:Burnley"))[0])
    assert facts.teams[facts.away[row]] == "ENG:Man City"
    assert facts.kickoff[row] == opening
    assert facts.stats[row, :4].tolist() == [0, 3, 0, 2]
    quote = int(np.flatnonzero(facts.quote_event == row)[0])
    assert facts.price[quote].tolist() == [9.02, 5.35, 1.35]
    assert facts.quoted_at[quote] == opening - 5 * 3600  # that Friday, 15:00 in summer


def test_the_package_is_not_imported(facts: Facts) -> None:
    assert "sportsbet" not in sys.modules


def test_the_bytes_are_the_same_every_time() -> None:
    first, second = (SampleFeed(CLOCK).fetch(FeedRequest()).payloads for _ in range(2))
    assert [payload.sha256 for payload in first] == [payload.sha256 for payload in second]


def test_requests_choose() -> None:
    feed = SampleFeed(CLOCK)
    [payload] = feed.fetch(FeedRequest(leagues=("SP1", "E1"), seasons=(2022, 2023))).payloads
    assert (payload.league, payload.season, payload.source) == ("SP1", 2023, "sample")
    for request in (FeedRequest(leagues=("D1",)), FeedRequest(seasons=(2024,))):
        with pytest.raises(NothingToDoError, match="E0 and SP1 of 2023-24"):
            feed.fetch(request)
    with pytest.raises(UnknownLeagueError, match="XX"):
        feed.fetch(FeedRequest(leagues=("XX",)))
