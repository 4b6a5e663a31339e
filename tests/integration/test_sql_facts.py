"""Facts go in and come back the same, once, and never before their time."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from betting_ai.adapters.feeds.football_data.parser import parse_season_file
from betting_ai.adapters.sql.facts import SqlFactsRepository
from betting_ai.adapters.sql.repositories import SqlIngestLog
from betting_ai.errors import InvalidInputError, UnknownLeagueError
from betting_ai.features.facts import MISSING, NEVER, OF_QUOTES, Facts, merge
from betting_ai.ports.repositories import FactsQuery, IngestEntry, StoredCounts
from conftest import FOOTBALL
from integration.generated_facts import DAY, generated_facts

RECEIVED = datetime(2026, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
EVERYTHING = FactsQuery(as_of=datetime(2030, 1, 1, tzinfo=UTC))


def store(
    engine: Engine, facts: Facts, *, received_at: datetime = RECEIVED, reconstructed: bool = True
) -> StoredCounts:
    with engine.begin() as connection:
        return SqlFactsRepository(connection).store(
            facts, source="test", received_at=received_at, reconstructed=reconstructed
        )


def load(engine: Engine, query: FactsQuery = EVERYTHING) -> Facts:
    with engine.connect() as connection:
        return SqlFactsRepository(connection).load(query)


def prices(facts: Facts) -> int:
    return int(np.count_nonzero(~np.isnan(facts.price)))


def used_names_only(facts: Facts) -> Facts:
    """The same facts, naming no league, team or book that no row points to."""

    def kept(
        names: tuple[str, ...], *indexes: np.ndarray
    ) -> tuple[tuple[str, ...], list[np.ndarray]]:
        used = np.unique(np.concatenate(indexes))
        return tuple(names[i] for i in used), [np.searchsorted(used, index) for index in indexes]

    leagues, (league,) = kept(facts.leagues, facts.league)
    teams, (home, away) = kept(facts.teams, facts.home, facts.away)
    books, (book,) = kept(facts.books, facts.quote_book)
    return dataclasses.replace(
        facts,
        leagues=leagues, teams=teams, books=books,
        league=league, home=home, away=away, quote_book=book,
    )  # fmt: skip


def rows(facts: Facts, events: np.ndarray, quotes: np.ndarray) -> Facts:
    """Some of the events, with some of their quotes."""
    where = np.cumsum(events) - 1
    quotes = quotes & events[facts.quote_event]
    per_event = (
        "event_id",
        "league",
        "season",
        "home",
        "away",
        "kickoff",
        "day",
        "time_assumed",
        "result_known_at",
        "stats",
        "ending",
    )
    per_quote = set(OF_QUOTES) - {"quote_event"}
    return used_names_only(
        dataclasses.replace(
            facts,
            **{name: getattr(facts, name)[events] for name in per_event},
            **{name: getattr(facts, name)[quotes] for name in per_quote},
            quote_event=where[facts.quote_event[quotes]],
        )
    )


def known_by(facts: Facts, as_of: float) -> Facts:
    """What the rule of `FactsQuery` leaves of reconstructed facts."""
    over = facts.result_known_at <= as_of
    shown = dataclasses.replace(
        facts,
        result_known_at=np.where(over, facts.result_known_at, NEVER),
        stats=np.where(over[:, None], facts.stats, -1),
    )
    return rows(shown, np.ones(len(facts), np.bool_), facts.quoted_at <= as_of)


def test_facts_come_back_bit_for_bit(engine: Engine) -> None:
    facts = used_names_only(generated_facts(60))
    counts = store(engine, facts)
    assert counts == StoredCounts(
        events=60, results=int((facts.result_known_at != NEVER).sum()), prices=prices(facts)
    )
    assert load(engine).equals(facts)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.integers(1, 12), seed=st.integers(0, 10**6), offset=st.floats(-4, 16))
def test_any_facts_come_back_as_known_at_any_time(
    engine: Engine, events: int, seed: int, offset: float
) -> None:
    facts = used_names_only(generated_facts(events, seed=seed))
    as_of = datetime.fromtimestamp(int(facts.kickoff[0] + offset * DAY), UTC)
    with engine.connect() as connection:  # rolled back: every example starts empty
        repository = SqlFactsRepository(connection)
        repository.store(facts, source="test", received_at=RECEIVED, reconstructed=True)
        assert repository.load(EVERYTHING).equals(facts)
        seen = repository.load(FactsQuery(as_of=as_of))
    assert seen.equals(known_by(facts, as_of.timestamp()))


def test_several_seasons_come_back_in_canonical_order(engine: Engine) -> None:
    facts = generated_facts(30)
    later = generated_facts(30, seed=1)
    moved = dataclasses.replace(facts, season=np.where(facts.day % 2 == 0, 2023, 2024))
    fresh = ~np.isin(later.event_id, facts.event_id)
    later = rows(later, fresh, np.ones(later.quotes, np.bool_))
    store(engine, moved)
    store(engine, later)
    assert load(engine).equals(used_names_only(merge([moved, later])))


def test_nothing_is_stored_twice(engine: Engine) -> None:
    facts = generated_facts(40)
    first = store(engine, facts)
    again = store(engine, facts, received_at=RECEIVED + timedelta(days=1))
    assert again == StoredCounts(known=first.events + first.results + first.prices)


def test_what_is_new_is_added_to_what_is_known(engine: Engine) -> None:
    facts = used_names_only(generated_facts(40))
    before = int(np.median(facts.kickoff))
    early = known_by(facts, before)
    store(engine, early)
    counts = store(engine, facts)
    assert counts.events == 0
    assert counts.prices == prices(facts) - prices(early)
    assert counts.conflicting == 0
    assert load(engine).equals(facts)


def test_the_first_value_stays_and_the_conflict_is_counted(engine: Engine) -> None:
    facts = used_names_only(generated_facts(40))
    store(engine, facts)
    price, stats, kickoff = facts.price.copy(), facts.stats.copy(), facts.kickoff.copy()
    price[0, 0] += 1
    over = int(np.flatnonzero(facts.result_known_at != NEVER)[0])
    stats[over, 0] += 1
    kickoff[-1] += 3600
    counts = store(engine, dataclasses.replace(facts, price=price, stats=stats, kickoff=kickoff))
    assert counts.conflicting == 3
    assert counts.events == counts.results == counts.prices == 0
    assert load(engine).equals(facts)


def test_repeated_quotes_in_one_batch_are_stored_once(engine: Engine) -> None:
    facts = used_names_only(generated_facts(5))
    twice = np.repeat(np.arange(facts.quotes), 2)
    names = [f.name for f in dataclasses.fields(Facts) if f.name.startswith("quote")]
    doubled = dataclasses.replace(
        facts, price=facts.price[twice], **{name: getattr(facts, name)[twice] for name in names}
    )
    counts = store(engine, doubled)
    assert (counts.prices, counts.known) == (prices(facts), prices(facts))
    assert load(engine).equals(facts)


def test_live_facts_are_not_seen_before_they_were_received(engine: Engine) -> None:
    facts = used_names_only(generated_facts(20))
    cut = float(np.median(facts.quoted_at))
    store(engine, known_by(facts, cut), received_at=RECEIVED, reconstructed=False)
    store(engine, facts, received_at=RECEIVED + timedelta(hours=1), reconstructed=False)
    assert len(load(engine, FactsQuery(as_of=RECEIVED - timedelta(seconds=1)))) == 0
    assert load(engine, FactsQuery(as_of=RECEIVED)).equals(known_by(facts, cut))
    assert load(engine, FactsQuery(as_of=RECEIVED + timedelta(hours=1))).equals(facts)


def test_queries_choose_leagues_and_days(engine: Engine) -> None:
    facts = used_names_only(generated_facts(40))
    store(engine, facts)
    league = facts.leagues.index("E0")
    since = date(1970, 1, 1) + timedelta(days=int(facts.day[10]))
    before = datetime.fromtimestamp(int(facts.kickoff[30]), UTC)
    query = FactsQuery(EVERYTHING.as_of, since=since, kickoff_before=before, leagues=("E0", "SP1"))
    wanted = (
        (facts.league == league)
        & (facts.day >= facts.day[10])
        & (facts.kickoff < facts.kickoff[30])
    )
    assert 0 < wanted.sum() < 20
    expected = rows(facts, wanted, np.ones(facts.quotes, np.bool_))
    assert load(engine, query).equals(expected)


def test_an_empty_database_gives_empty_facts(engine: Engine) -> None:
    nothing = load(engine)
    assert len(nothing) == nothing.quotes == 0
    assert nothing.equals(merge([]))
    assert store(engine, nothing) == StoredCounts()


def test_teams_and_books_are_known_by_name(engine: Engine) -> None:
    store(engine, generated_facts(30))
    with engine.connect() as connection:
        books = connection.execute(sa.text("SELECT code, name, kind FROM books ORDER BY code"))
        assert [tuple(row) for row in books] == [
            ("AVG", "Market average", "average"),
            ("B365", "bet365", "named"),
            ("BFE", "Betfair Exchange", "exchange"),
            ("MAX", "Market maximum", "maximum"),
            ("PS", "Pinnacle", "named"),
        ]
        teams = connection.scalars(sa.text("SELECT DISTINCT country FROM teams ORDER BY 1"))
        assert list(teams) == ["ENG", "GER"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"event_id": np.array([1])}, InvalidInputError),
        ({"leagues": ("XX",)}, UnknownLeagueError),
        ({"quote_line": np.full(20, 0.1)}, InvalidInputError),
        ({"price": np.full((20, 3), 1.0)}, InvalidInputError),
    ],
)
def test_facts_that_cannot_be_are_refused(
    engine: Engine, changes: dict[str, object], error: type[Exception]
) -> None:
    facts = used_names_only(generated_facts(1))
    changes = {
        name: value[: facts.quotes] if name in {"quote_line", "price"} else value  # type: ignore[index]
        for name, value in changes.items()
    }
    with pytest.raises(error):
        store(engine, dataclasses.replace(facts, **changes))  # type: ignore[arg-type]
    assert len(load(engine)) == 0


@pytest.mark.shared
def test_real_season_files_come_back_bit_for_bit(engine: Engine) -> None:
    for league in ("E0", "SP2"):
        content = (FOOTBALL / "2324" / f"{league}.csv").read_bytes()
        parsed = parse_season_file(content, league=league, season=2023, name=f"{league}.csv")
        counts = store(engine, parsed.facts)
        assert counts.prices == prices(parsed.facts)
        assert load(engine, dataclasses.replace(EVERYTHING, leagues=(league,))).equals(parsed.facts)


def log(engine: Engine, *entries: IngestEntry) -> None:
    with engine.begin() as connection:
        for entry in entries:
            SqlIngestLog(connection).add(entry)


def seasons(engine: Engine, through: date) -> dict[tuple[str, int], frozenset[str]]:
    with engine.connect() as connection:
        return SqlFactsRepository(connection).seasons(through)


def test_a_season_is_there_from_its_first_finished_match_on(engine: Engine) -> None:
    facts = merge([generated_facts(60), generated_facts(40, seed=1, season=2025)])
    store(engine, facts)
    days = np.datetime64(0, "D") + facts.day
    over = facts.result_known_at != NEVER
    for through in (days.min() - 1, *np.unique(days)[::10], days.max()):
        done = over & (days <= through)
        expected = {
            (facts.leagues[k], int(s))
            for k, s in zip(facts.league[done], facts.season[done], strict=True)
        }
        assert set(seasons(engine, through.item())) == expected


def test_a_season_without_a_result_is_not_there(engine: Engine) -> None:
    facts = generated_facts(30)
    none_over = dataclasses.replace(
        facts,
        result_known_at=np.full(len(facts), NEVER),
        stats=np.full_like(facts.stats, MISSING),
    )
    store(engine, none_over)
    assert seasons(engine, date(2030, 1, 1)) == {}


def test_a_season_names_the_payloads_that_gave_it_matches(engine: Engine) -> None:
    store(engine, merge([generated_facts(60), generated_facts(40, seed=1, season=2025)]))
    season = IngestEntry(
        "football_data", "2425/E0.csv", "a" * 64, RECEIVED, "stored", 380, 380,
        league="E0", season=2024,
    )  # fmt: skip
    log(
        engine,
        season,
        dataclasses.replace(season, name="E0.csv"),  # the same bytes again
        dataclasses.replace(season, sha256="b" * 64),  # the file has grown
        dataclasses.replace(season, sha256="c" * 64, status="refused", error="Not a table"),
        dataclasses.replace(season, sha256="d" * 64, rows_kept=0),
        dataclasses.replace(season, sha256="e" * 64, season=None),  # all seasons in one file
        dataclasses.replace(season, sha256="f" * 64, league="D1"),
        dataclasses.replace(season, sha256="0" * 64, league=None, season=None),
    )
    found = seasons(engine, date(2030, 1, 1))
    assert found == {
        ("D1", 2024): {"f" * 64},
        ("D1", 2025): set(),
        ("E0", 2024): {"a" * 64, "b" * 64, "e" * 64},
        ("E0", 2025): {"e" * 64},
        ("E1", 2024): set(),
        ("E1", 2025): set(),
    }
