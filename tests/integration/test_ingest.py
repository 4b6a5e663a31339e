"""Payloads into a real PostgreSQL: stored once, refused whole, doubts queued."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from betting_ai.adapters.feeds.football_data.folder import FolderFeed, SeasonFolder
from betting_ai.adapters.feeds.football_data.normaliser import FootballDataNormaliser
from betting_ai.adapters.feeds.football_data.parser import parse_season_file
from betting_ai.adapters.feeds.resolver import TeamResolver, seed_aliases
from betting_ai.adapters.local.object_store import LocalObjectStore
from betting_ai.adapters.sql.unit_of_work import unit_of_work_factory
from betting_ai.cli.ingest import fetch, ingest
from betting_ai.clock import FixedClock
from betting_ai.errors import FeedOfflineError, NothingToDoError, UnknownLeagueError
from betting_ai.features.facts import Facts
from betting_ai.ports.feeds import FeedRequest, Payload, PayloadKind
from betting_ai.ports.repositories import FactsQuery, IngestEntry, StoredCounts
from betting_ai.usecases.ingest_raw import IngestCommand, IngestRaw, IngestResult

NOW = datetime(2025, 3, 14, 18, tzinfo=UTC)
HEADER = "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,B365H,B365D,B365A\n"
SEASON = (
    HEADER
    + "E0,01/03/2025,15:00,Arsenal,Bradford,1,0,H,1.3,5.5,9\n"
    + "E0,08/03/2025,15:00,Bradford,Sheffield Weds,1,1,D,2.5,3.2,2.9\n"
    + "E0,08/03/2025,17:30,Sheffield United,Arsenal,0,2,A,5,4,1.65\n"
)
COMING = (
    "E0,15/03/2025,15:00,Bradford City,Arsenal,,,,5,4,1.65\n"
    "E0,16/03/2025,15:00,Sheffield Wed,Sheffield Utd,,,,2.9,3.3,2.4\n"
    "E0,16/03/2025,17:00,Sheffield,Arsenal,,,,6,4,1.5\n"
)


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


@pytest.fixture
def use_case(engine: Engine, store: LocalObjectStore) -> IngestRaw:
    return IngestRaw(
        units=unit_of_work_factory(engine),
        raw=store,
        normaliser=FootballDataNormaliser(),
        resolver=TeamResolver(seed_aliases()),
    )


def season(text: str = SEASON, *, name: str = "2425/E0.csv") -> Payload:
    kind = PayloadKind.SEASON
    return Payload("football_data", name, kind, text.encode(), NOW, league="E0", season=2024)


def fixtures(text: str = HEADER + COMING, received_at: datetime = NOW) -> Payload:
    kind = PayloadKind.FIXTURES
    return Payload("football_data", "fixtures.csv", kind, text.encode(), received_at)


def run(use_case: IngestRaw, *payloads: Payload, again: bool = False) -> IngestResult:
    return use_case(IngestCommand(payloads, again=again))


def stored(use_case: IngestRaw, as_of: datetime = NOW + timedelta(days=30)) -> Facts:
    with use_case.units() as unit:
        return unit.facts.load(FactsQuery(as_of=as_of))


def log(use_case: IngestRaw) -> list[IngestEntry]:
    with use_case.units() as unit:
        return unit.ingest_log.recent()


def test_a_season_file_comes_back_from_the_database_as_it_was_parsed(use_case: IngestRaw) -> None:
    payload = season()
    [entry] = run(use_case, payload).entries
    assert (entry.status, entry.rows_read, entry.rows_kept) == ("stored", 3, 3)
    assert entry.stored == StoredCounts(events=3, results=3, prices=9)
    assert set(entry.stages) == {"read", "clean", "normalise", "resolve", "store"}
    with use_case.units() as unit:
        seasons = unit.facts.seasons(NOW.date())
    assert seasons == {("E0", 2024): {payload.sha256}}
    parsed = parse_season_file(payload.content, league="E0", season=2024, name="E0.csv")
    assert stored(use_case).equals(parsed.facts)
    assert log(use_case) == [entry]
    assert use_case.raw.get(payload.sha256) == payload.content


def test_the_same_bytes_again_change_nothing_but_the_log(use_case: IngestRaw) -> None:
    first = run(use_case, season())
    [entry] = run(use_case, season()).entries
    assert (entry.status, entry.stored) == ("unchanged", StoredCounts())
    assert log(use_case) == [entry, *first.entries]


def test_they_can_be_read_again_when_asked(use_case: IngestRaw) -> None:
    run(use_case, season())
    [entry] = run(use_case, season(), again=True).entries
    assert entry.status == "stored"
    assert (entry.stored.events, entry.stored.prices) == (0, 0)


def test_a_file_that_grew_adds_only_what_is_new(use_case: IngestRaw) -> None:
    lines = SEASON.splitlines(keepends=True)
    run(use_case, season("".join(lines[:3])))
    [entry] = run(use_case, season(SEASON)).entries
    assert (entry.stored.events, entry.stored.results, entry.stored.prices) == (1, 1, 3)
    assert len(stored(use_case)) == 3


def test_a_result_arrives_for_a_known_fixture(use_case: IngestRaw) -> None:
    run(use_case, season(SEASON.replace("1,0,H", ",,")))
    [entry] = run(use_case, season()).entries
    assert (entry.stored.events, entry.stored.results) == (0, 1)


def test_a_payload_that_cannot_be_read_leaves_only_its_trail(use_case: IngestRaw) -> None:
    page = season("<!DOCTYPE HTML><html></html>", name="2526/E0.csv")
    result = run(use_case, page, season())
    refused, kept = result.entries
    assert (refused.status, kept.status) == ("refused", "stored")
    assert refused.error == "2526/E0.csv is an HTML page, not a CSV file (not published yet?)"
    assert not use_case.raw.holds(page.sha256)
    assert [entry.status for entry in log(use_case)] == ["stored", "refused"]
    [entry] = run(use_case, page).entries
    assert entry.status == "refused"  # it was never stored, so it is no old acquaintance


def test_a_refusal_does_not_discard_what_another_name_keeps(use_case: IngestRaw) -> None:
    payload = season()
    run(use_case, payload)
    nameless = Payload("football_data", "E0.csv", PayloadKind.SEASON, payload.content, NOW)
    [entry] = run(use_case, nameless).entries
    assert entry.error == "E0.csv does not say which league it holds"
    assert use_case.raw.holds(payload.sha256)


def test_a_failure_in_the_middle_stores_nothing_of_the_payload(
    use_case: IngestRaw, engine: Engine
) -> None:
    class Broken(FootballDataNormaliser):
        def parse(self, *args: object) -> object:  # type: ignore[override]
            raise RuntimeError("out of luck")

    broken = IngestRaw(use_case.units, use_case.raw, Broken(), use_case.resolver)
    with pytest.raises(RuntimeError, match="out of luck"):
        run(broken, season())
    assert log(use_case) == []
    [entry] = run(use_case, season()).entries
    assert entry.status == "stored"


def test_fixtures_get_the_names_of_the_season_files(use_case: IngestRaw) -> None:
    result = run(use_case, season(), fixtures())
    entry = result.entries[1]
    assert entry.rows_refused == {"team_unresolved": 1}
    facts = stored(use_case)
    assert facts.teams == (
        "ENG:Arsenal", "ENG:Bradford", "ENG:Sheffield United", "ENG:Sheffield Weds",
    )  # fmt: skip
    assert len(facts) == 5
    [doubt] = result.doubts
    assert (doubt.name, doubt.league, doubt.verdict) == ("Sheffield", "E0", "doubtful")
    assert {team for team, _ in doubt.candidates} == {"Sheffield United", "Sheffield Weds"}
    with use_case.units() as unit:
        assert unit.review.open() == [doubt]


def test_a_settled_doubt_lets_the_row_in(use_case: IngestRaw) -> None:
    [doubt] = run(use_case, season(), fixtures()).doubts
    with use_case.units() as unit:
        unit.review.resolve(doubt, "Sheffield United")
        unit.commit()
    result = run(use_case, fixtures(), again=True)
    assert (result.doubts, result.entries[0].stored.events) == ((), 1)


def test_the_same_doubt_is_queued_once(use_case: IngestRaw) -> None:
    run(use_case, season(), fixtures())
    run(use_case, fixtures(HEADER + COMING.replace("6,4,1.5", "6.5,4,1.48")))
    with use_case.units() as unit:
        assert len(unit.review.open()) == 1


def test_a_country_without_history_is_refused_without_asking_a_person(use_case: IngestRaw) -> None:
    result = run(use_case, fixtures())
    assert result.entries[0].rows_refused == {"team_unresolved": 3}
    assert result.doubts == ()


def test_live_prices_are_known_from_their_arrival_season_files_from_their_stamp(
    use_case: IngestRaw,
) -> None:
    run(use_case, season(), fixtures())
    before = stored(use_case, as_of=NOW - timedelta(hours=1))
    assert (len(before), before.quotes) == (3, 3)  # season files only
    after = stored(use_case, as_of=NOW)
    assert (len(after), after.quotes) == (5, 5)


def test_an_old_snapshot_is_history(use_case: IngestRaw) -> None:
    content = fixtures().content
    late = Payload(
        source="football_data",
        name="fixtures/2025-03-14.csv",
        kind=PayloadKind.FIXTURES,
        content=content,
        received_at=NOW + timedelta(days=300),
        snapshot_at=NOW,
    )
    [_, entry] = run(use_case, season(), late).entries
    assert entry.stored.events == 2
    assert stored(use_case, as_of=NOW).quotes == 5
    undated = fixtures(received_at=NOW + timedelta(days=300))
    [entry] = run(use_case, undated).entries
    assert entry.rows_refused == {"stale_row": 3}


def test_progress_is_told_after_each_payload(use_case: IngestRaw) -> None:
    told: list[tuple[int, int, str]] = []
    command = IngestCommand((season(), fixtures()))
    use_case(command, lambda done, total, entry: told.append((done, total, entry.name)))
    assert told == [(1, 2, "2425/E0.csv"), (2, 2, "fixtures.csv")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = tmp_path / "files"
    (files / "2425").mkdir(parents=True)
    (files / "fixtures").mkdir()
    (files / "2425" / "E0.csv").write_text(SEASON)
    (files / "2425" / "notes.csv").write_text("not a division")
    (files / "fixtures" / "2025-03-14.csv").write_text(HEADER + COMING)
    (files / "fixtures.csv").write_text(HEADER + COMING)
    return files


def test_a_folder_gives_results_before_fixtures(folder: Path) -> None:
    feed = FolderFeed(folder, FixedClock(NOW))
    fetched = feed.fetch(FeedRequest(fixtures=True))
    assert [payload.name for payload in fetched.payloads] == [
        "2425/E0.csv",
        "fixtures.csv",
        "fixtures/2025-03-14.csv",
    ]
    *_, live, snapshot = fetched.payloads
    assert live.snapshot_at is None
    assert snapshot.snapshot_at == datetime(2025, 3, 14, 15, tzinfo=UTC)


def test_a_folder_of_one_season_knows_its_season_by_its_dates(folder: Path) -> None:
    [file] = SeasonFolder(folder / "2425").find()
    assert (file.league, file.season) == ("E0", 2024)
    (folder / "2425").rename(folder / "mine")
    [file] = SeasonFolder(folder / "mine").find()
    assert (file.league, file.season) == ("E0", 2024)
    assert len(SeasonFolder(folder / "mine").load()) == 3


def test_a_folder_leaves_out_what_is_no_table_and_says_so(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "2425" / "E1.csv").write_text("<html></html>")
    assert len(SeasonFolder(folder).load()) == 3
    assert "2425/E1.csv is an HTML page" in caplog.text


def test_an_empty_folder_is_nothing_to_do(tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / "absent"):
        with pytest.raises(NothingToDoError, match="2425/E0"):
            SeasonFolder(missing).load()
        with pytest.raises(NothingToDoError, match="2425/E0"):
            FolderFeed(missing, FixedClock(NOW)).fetch(FeedRequest())


@pytest.fixture
def command(database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setenv("BETTING_AI_DATABASE_URL", database_url)
    monkeypatch.setenv("BETTING_AI_HOME", str(home))
    monkeypatch.setenv("BETTING_AI_SITE_URL", "http://127.0.0.1:9")
    app = typer.Typer()
    app.command()(ingest)
    app.command()(fetch)
    return app


def test_the_command_ingests_the_sample_by_default(command: typer.Typer) -> None:
    result = CliRunner().invoke(command, ["ingest", "--json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["totals"]["stored"] == 2
    assert answer["totals"]["rows_kept"] == 760
    assert [entry["stored"]["events"] for entry in answer["payloads"]] == [380, 380]


def test_the_command_shows_what_became_of_every_row(command: typer.Typer, folder: Path) -> None:
    (folder / "2425" / "E1.csv").write_text("<html></html>")
    arguments = ["ingest", "--folder", str(folder), "--seasons", "2425", "--fixtures"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 1
    assert "stale_row 3" in result.stdout
    assert "team_unresolved 1" in result.stdout
    assert "Sheffield Weds" in result.stdout
    assert "refused: 2425/E1.csv is an HTML page" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["ingest", "--leagues", "E0,E9"], UnknownLeagueError),
        (["ingest", "--folder", "."], NothingToDoError),
        (["fetch", "--seasons", "2425", "--leagues", "E0"], FeedOfflineError),
    ],
)
def test_the_command_fails_with_a_reason(
    command: typer.Typer, arguments: list[str], error: type[Exception]
) -> None:
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, error)
