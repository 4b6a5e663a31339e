"""The real files: every row accounted for, every name right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from betting_ai.adapters.feeds.football_data.extra import COUNTRY_CODES, parse_extra_file
from betting_ai.adapters.feeds.football_data.fixtures import parse_fixtures
from betting_ai.adapters.feeds.football_data.folder import FolderContents, FolderFeed, SeasonFolder
from betting_ai.adapters.feeds.football_data.normaliser import FootballDataNormaliser
from betting_ai.adapters.feeds.football_data.parser import first_spelling, parse_season_file
from betting_ai.adapters.feeds.football_data.seasons import season_of
from betting_ai.adapters.feeds.resolver import TeamResolver, resolver_among, seed_aliases
from betting_ai.adapters.feeds.sample import SampleFeed
from betting_ai.clock import FixedClock
from betting_ai.domain.markets import Market
from betting_ai.errors import NotTabularError
from betting_ai.features.facts import NEVER, Facts, merge
from betting_ai.ports.feeds import FeedRequest, NameMatch, PayloadKind, Verdict
from conftest import FOOTBALL

pytestmark = pytest.mark.shared

SNAPSHOTS = sorted(FOOTBALL.glob("fixtures/*.csv"))
NOW = datetime(2025, 7, 1, tzinfo=UTC)

# Matches of the snapshots that were put off to another day; all the others were played on theirs.
PUT_OFF = {
    "2018-02-16": {("Alaves", "La Coruna")},
    "2018-02-23": {("Oldham", "Southend"), ("Juventus", "Atalanta"), ("Tenerife", "Lugo")},
    "2019-02-05": {("Stranraer", "Stenhousemuir")},
    "2020-11-13": {
        ("Solihull", "Halifax"),
        ("Wealdstone", "Dover Athletic"),
        ("Eastleigh", "Hartlepool"),
    },
    "2024-03-05": {("Southampton", "Preston")},
    "new_leagues_2019-02-02": {("St. Gallen", "Zurich"), ("Luzern", "Sion"), ("Lugano", "Thun")},
    "new_leagues_2020-11-13": set(),
}


def total(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    together: Counter[str] = Counter()
    for reasons in counts:
        together.update(reasons)
    return together


@pytest.fixture(scope="module")
def recent() -> FolderContents:
    return SeasonFolder(FOOTBALL).read(range(2022, 2025))


@pytest.fixture(scope="module")
def extra() -> Facts:
    return merge(
        [
            parse_extra_file(path.read_bytes(), league=path.stem, name=path.name).facts
            for path in sorted(FOOTBALL.glob("extra/*.csv"))
        ]
    )


def teams(facts: Facts, row: int) -> tuple[str, str]:
    home, away = facts.teams[facts.home[row]], facts.teams[facts.away[row]]
    return home.partition(":")[2], away.partition(":")[2]


@pytest.mark.slow
def test_every_row_of_25_seasons_is_kept_or_refused_with_a_reason() -> None:
    contents = SeasonFolder(FOOTBALL).read()
    facts, reports = contents.facts, contents.reports
    assert contents.unusable == ()
    assert len(reports) == 545
    assert len(facts) == 190_500
    refused = total(report.rows_refused for report in reports)
    assert refused == {"team_missing": 1}  # a row of 1314/T1 that holds #REF! and nothing else
    assert sum(report.rows_read for report in reports) == len(facts) + refused.total()
    assert total(report.rows_repaired for report in reports) == {"team_name": 45}
    assert np.count_nonzero(facts.result_known_at == NEVER) == 2
    assert sum(report.quotes_kept for report in reports) == facts.quotes
    assert facts.quotes > 3_300_000
    assert total(report.quotes_refused for report in reports).total() < facts.quotes / 4000
    assert len(np.unique(facts.event_id)) == len(facts)


def test_recent_prices_are_all_there(recent: FolderContents) -> None:
    facts = recent.facts
    average = facts.quote_book == facts.books.index("AVG")
    result = facts.quote_market == Market.MATCH_RESULT
    closing = facts.quoted_at == facts.kickoff[facts.quote_event]
    for stood in (closing, ~closing):
        with_average = np.unique(facts.quote_event[average & result & stood])
        assert len(with_average) > 0.99 * len(facts)
    assert (facts.quoted_at <= facts.kickoff[facts.quote_event]).all()
    assert not facts.time_assumed.any()


def test_prices_of_the_average_close_have_the_margin_that_was_measured(
    recent: FolderContents,
) -> None:
    facts = recent.facts
    chosen = (facts.quote_book == facts.books.index("AVG")) & (
        facts.quote_market == Market.MATCH_RESULT
    )
    chosen &= facts.quoted_at == facts.kickoff[facts.quote_event]
    assert np.median((1 / facts.price[chosen]).sum(axis=1)) == pytest.approx(1.063, abs=0.003)


def test_a_shifted_price_refuses_its_triple_and_nothing_else() -> None:
    content = (FOOTBALL / "2425" / "G1.csv").read_bytes()
    parsed = parse_season_file(content, league="G1", season=2024, name="2425/G1.csv")
    assert parsed.report.quotes_refused["text_price"] == 1
    assert parsed.report.rows_kept == parsed.report.rows_read == 233


def test_the_walkovers_after_the_earthquake_have_results_and_no_prices(
    recent: FolderContents,
) -> None:
    facts = recent.facts
    hatay = facts.teams.index("TUR:Hatayspor")
    played = (facts.home == hatay) | (facts.away == hatay)
    late = played & (facts.season == 2022) & (facts.day > 19_400)
    priced = np.isin(np.arange(len(facts)), facts.quote_event)
    assert np.count_nonzero(late & ~priced) >= 10
    assert (facts.result_known_at[late] < NEVER).all()


@pytest.mark.parametrize("page", sorted(FOOTBALL.glob("dirt/*")), ids=lambda path: path.name)
def test_the_sites_page_for_a_season_to_come_is_no_table(page: Path) -> None:
    with pytest.raises(NotTabularError, match="HTML page"):
        parse_season_file(page.read_bytes(), league="E0", season=2026, name=page.name)


def test_the_extra_leagues_are_read_whole(extra: Facts) -> None:
    assert len(extra) == 57_600  # of 57,601: one Argentine match was played a year late
    assert set(extra.leagues) == set(COUNTRY_CODES.values())
    assert (extra.quoted_at == extra.kickoff[extra.quote_event]).all()


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_every_name_of_the_real_snapshots_is_resolved_and_right(path: Path, extra: Facts) -> None:
    seen_at = datetime.fromisoformat(path.stem[-10:]).replace(hour=15, tzinfo=UTC)
    season = season_of(seen_at.date())
    known = (
        extra
        if path.stem.startswith("new_leagues")
        else SeasonFolder(FOOTBALL).load(range(season - 2, season + 1))
    )
    doubts: list[tuple[str, NameMatch]] = []
    resolver = TeamResolver(seed_aliases())
    resolve = resolver_among(known, "football_data", resolver, lambda *doubt: doubts.append(doubt))
    parsed = parse_fixtures(path.read_bytes(), name=path.name, resolve=resolve, seen_at=seen_at)
    assert doubts == []
    assert parsed.report.rows_refused == {}
    played = set(known.event_id.tolist())
    missing = {
        teams(parsed.facts, row)
        for row, event in enumerate(parsed.facts.event_id.tolist())
        if event not in played
    }
    assert missing == PUT_OFF[path.stem]


@pytest.mark.parametrize("path", SNAPSHOTS[:5], ids=lambda path: path.stem)
def test_names_of_teams_without_history_are_doubted_never_matched(path: Path) -> None:
    """Against the seasons before alone, teams that came up since must not become other teams."""
    seen_at = datetime.fromisoformat(path.stem[-10:]).replace(hour=15, tzinfo=UTC)
    season = season_of(seen_at.date())
    folder = SeasonFolder(FOOTBALL)
    before = folder.load(range(season - 2, season))
    doubts: dict[str, NameMatch] = {}
    resolve = resolver_among(
        before, "football_data", TeamResolver(seed_aliases()), doubts.__setitem__
    )
    parsed = parse_fixtures(path.read_bytes(), name=path.name, resolve=resolve, seen_at=seen_at)
    newcomers = set(folder.load([season]).teams) - set(before.teams)
    assert {name for name in doubts if name.isascii()} <= {
        key.partition(":")[2] for key in newcomers
    }
    assert all(match.verdict is not Verdict.RESOLVED for match in doubts.values())
    played = set(folder.load([season]).event_id.tolist())
    missing = [
        teams(parsed.facts, row)
        for row, event in enumerate(parsed.facts.event_id.tolist())
        if event not in played
    ]
    assert set(missing) <= PUT_OFF[path.stem]


def test_prices_of_a_snapshot_are_those_of_the_season_file(recent: FolderContents) -> None:
    content = (FOOTBALL / "fixtures" / "2024-03-05.csv").read_bytes()
    snapshot = parse_fixtures(content, name="2024-03-05.csv", resolve=lambda _, name: name).facts
    final = recent.facts
    rows = {event: row for row, event in enumerate(final.event_id.tolist())}
    compared = 0
    for row, event in enumerate(snapshot.event_id.tolist()):
        if event not in rows:
            continue
        mine, theirs = quotes(snapshot, row), quotes(final, rows[event])
        assert mine.items() <= theirs.items()
        compared += len(mine)
    assert compared > 400


def quotes(facts: Facts, row: int) -> dict[tuple[object, ...], tuple[float, ...]]:
    """The quotes of an event by book, market, line and instant; two-way prices end in 0."""
    return {
        (
            facts.books[facts.quote_book[q]],
            int(facts.quote_market[q]),
            float(facts.quote_line[q]),
            int(facts.quoted_at[q]),
        ): tuple(np.nan_to_num(facts.price[q]).tolist())
        for q in np.flatnonzero(facts.quote_event == row)
    }


def test_the_sample_is_the_season_files_own_matches_and_prices(recent: FolderContents) -> None:
    parse = FootballDataNormaliser().parse
    payloads = SampleFeed(FixedClock(NOW)).fetch(FeedRequest()).payloads
    sample = merge([parse(payload, first_spelling).facts for payload in payloads])
    final = recent.facts
    rows = np.flatnonzero((final.season == 2023) & np.isin(final.league, [
        final.leagues.index("E0"), final.leagues.index("SP1"),
    ]))  # fmt: skip
    assert np.array_equal(sample.event_id, final.event_id[rows])
    assert np.array_equal(sample.kickoff, final.kickoff[rows])
    assert np.array_equal(sample.stats[:, :4], final.stats[rows, :4])
    for row in range(0, len(rows), 19):
        assert quotes(sample, row).items() <= quotes(final, int(rows[row])).items()


def test_the_folder_as_a_feed() -> None:
    feed = FolderFeed(FOOTBALL, FixedClock(NOW))
    request = FeedRequest(("E0", "ARG"), (2023, 2024), fixtures=True, extra=True)
    kinds = Counter(payload.kind for payload in feed.fetch(request).payloads)
    assert kinds == {PayloadKind.SEASON: 2, PayloadKind.EXTRA: 1, PayloadKind.FIXTURES: 7}
