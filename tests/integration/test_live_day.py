"""From an answer of a live feed to one event, a pick with ages, and a result that is completed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.engine import Engine

import forked
from betting_ai.adapters.feeds.football_data.folder import FolderFeed
from betting_ai.bootstrap import App, build
from betting_ai.clock import FixedClock
from betting_ai.domain.markets import Outcome
from betting_ai.domain.settlement import Settled
from betting_ai.domain.slate import Criteria
from betting_ai.errors import NothingToDoError
from betting_ai.features.facts import NEVER, STATS, Facts
from betting_ai.ports.feeds import FeedRequest, Payload, PayloadKind
from betting_ai.ports.repositories import FactsQuery
from betting_ai.settings import Settings, load_settings
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.ingest_raw import IngestCommand, IngestResult
from betting_ai.usecases.select_top3 import SelectTop3Command
from betting_ai.usecases.settle_picks import SettlePicksCommand
from conftest import FOOTBALL, SHARED
from fake_api import KEY, PAGE, FakeApi, Trouble, odds_row, score_row, serving

NOW = datetime(2024, 10, 18, 18, tzinfo=UTC)
SATURDAY = datetime(2024, 10, 19, 14, tzinfo=UTC)
SPORTS = "/v4/sports"
ODDS = "/v4/sports/soccer_epl/odds"
SCORES = "/v4/sports/soccer_epl/scores"
BOOKS = {
    "williamhill": (2.14, 3.40, 3.50),
    "onexbet": (2.10, 3.45, 3.55),
    "betsson": (2.08, 3.40, 3.60),
    "unibet_eu": (2.10, 3.35, 3.60),
    "marathonbet": (2.25, 3.40, 3.55),
    "betclic": (2.60, 3.40, 3.20),  # over 1.15 x what the others say
}
HEADER = "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,HS,AS,B365H,B365D,B365A\n"
BEFORE = HEADER + "E0,05/10/2024,15:00,Arsenal,Chelsea,1,0,H,9,4,2.0,3.4,3.8\n"
PLAYED = BEFORE + "E0,19/10/2024,15:00,Chelsea,Arsenal,2,1,H,14,8,2.1,3.4,3.6\n"


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with serving() as server:
        server.put(SPORTS, [{"key": "soccer_epl", "active": True}])
        server.put(ODDS, [odds_row(SATURDAY, BOOKS, told=NOW - timedelta(minutes=4))], cost=2)
        yield server


@pytest.fixture
def settings(api: FakeApi, home: Path, database_url: str) -> Settings:
    return load_settings(
        home=home,
        database_url=SecretStr(database_url),
        odds_api_url=api.url,
        odds_api_key=SecretStr(KEY),
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[App]:
    with build(settings, FixedClock(NOW)) as app:
        yield app


def season(text: str, received_at: datetime = NOW) -> Payload:
    kind, content = PayloadKind.SEASON, text.encode()
    return Payload("football_data", "2425/E0.csv", kind, content, received_at, "E0", 2024)


def answer(document: Any, kind: PayloadKind, received_at: datetime = NOW) -> Payload:
    content = json.dumps(document).encode()
    return Payload("odds_api", f"{kind}/soccer_epl.json", kind, content, received_at)


def ingest(app: App, *payloads: Payload) -> IngestResult:
    return app.ingest(IngestCommand(payloads))


def facts(app: App, as_of: datetime = NOW + timedelta(days=9)) -> Facts:
    with app.units() as unit:
        return unit.facts.load(FactsQuery(as_of))


def test_a_fixture_and_its_live_prices_are_one_event(app: App) -> None:
    coming = HEADER + "E0,19/10/2024,15:00,Chelsea,Arsenal,,,,,,2.1,3.4,3.6\n"
    snapshot = Payload("football_data", "fixtures.csv", PayloadKind.FIXTURES, coming.encode(), NOW)
    [live] = app.live_feed("odds_api").fetch(FeedRequest(("E0",), fixtures=True)).payloads
    result = ingest(app, season(BEFORE), snapshot, live)
    assert [entry.status for entry in result.entries] == ["stored"] * 3
    found = facts(app)
    assert len(found) == 2
    names = [found.books[code] for code in found.quote_book[found.quote_event == 1]]
    assert names == ["1XB", "B365", "BCL", "BSN", "MAR", "UNI", "WH"]
    live_ones = found.quote_live[found.quote_event == 1].tolist()
    assert live_ones == [name != "B365" for name in names]


@pytest.mark.parametrize("first", ["live", "season"])
def test_a_kickoff_past_midnight_is_still_one_event(app: App, first: str) -> None:
    sunday = [odds_row(SATURDAY + timedelta(hours=10), BOOKS, told=NOW)]  # 01:00 UK
    coming = PLAYED.replace("2,1,H,14,8", ",,,,")
    payloads = [answer(sunday, PayloadKind.ODDS), season(coming)]
    result = ingest(app, season(BEFORE), *(payloads if first == "live" else payloads[::-1]))
    assert [entry.rows_repaired.get("other_day", 0) for entry in result.entries] == [0, 0, 1]
    assert len(facts(app)) == 2


def test_a_kickoff_that_moves_before_it_is_due_moves_the_event(app: App) -> None:
    ingest(app, season(BEFORE), answer([odds_row(SATURDAY, {}, told=NOW)], PayloadKind.ODDS))
    later = SATURDAY + timedelta(hours=2)
    moved = [odds_row(later, {"onexbet": (2.1, 3.4, 3.6)}, told=NOW)]
    [entry] = ingest(app, answer(moved, PayloadKind.ODDS)).entries
    assert (entry.stored.moved, entry.stored.conflicting) == (1, 0)
    assert facts(app).kickoff.max() == later.timestamp()
    # Once it should have begun, the feed tells when it really did; the plan stays.
    begun = SATURDAY + timedelta(hours=3)
    in_play = answer([odds_row(begun, {}, told=NOW)], PayloadKind.ODDS, received_at=begun)
    [entry] = ingest(app, in_play).entries
    assert (entry.stored.moved, entry.stored.conflicting) == (0, 0)
    assert facts(app).kickoff.max() == later.timestamp()


def test_a_score_settles_and_the_season_file_completes_it(app: App) -> None:
    odds = answer([odds_row(SATURDAY, BOOKS, told=NOW)], PayloadKind.ODDS)
    after = SATURDAY + timedelta(hours=3)
    scores = answer([score_row(SATURDAY, (2, 1))], PayloadKind.SCORES, after)
    [*_, entry] = ingest(app, season(BEFORE), odds, scores).entries
    assert (entry.stored.events, entry.stored.results, entry.stored.conflicting) == (0, 1, 0)
    before = facts(app, as_of=after - timedelta(minutes=1))
    assert before.result_known_at[-1] == NEVER  # nobody had told us by then
    found = facts(app)
    assert found.stats[-1, :2].tolist() == [2, 1]
    assert found.result_known_at[-1] == (SATURDAY + timedelta(minutes=125)).timestamp()
    assert found.stats[-1, STATS.index("shots_home")] == -1
    [entry] = ingest(app, season(PLAYED, after + timedelta(days=2))).entries
    assert (entry.stored.results, entry.stored.conflicting) == (0, 0)
    assert facts(app).stats[-1, :6].tolist() == [2, 1, -1, -1, 14, 8]


def test_a_pick_of_live_prices_is_settled_by_a_live_score(app: App, settings: Settings) -> None:
    odds = answer([odds_row(SATURDAY, BOOKS, told=NOW)], PayloadKind.ODDS)
    ingest(app, season(BEFORE), odds)
    window = Window(NOW, hours=24.0, leagues=("E0",))
    anything = Criteria("none", 0.0, 0.0, 1.0)
    asked = SelectTop3Command(window, anything, Decimal(1000), ("odds_api",), publish=True)
    [pick] = app.select_top3(asked).picks
    assert pick.candidate.event_id == "e0-2024-10-19-chelsea-arsenal"
    after = SATURDAY + timedelta(hours=3)
    with build(settings, FixedClock(after)) as later:
        scores = answer([score_row(SATURDAY, (2, 1))], PayloadKind.SCORES, after)
        ingest(later, scores)
        [settled] = later.settle_picks(SettlePicksCommand(after)).settlements
    won = pick.candidate.outcome is Outcome.HOME
    assert settled.verdict.result is (Settled.WON if won else Settled.LOST)


def test_a_slate_that_is_tried_again_after_kick_off_leaves_the_record_whole(
    app: App, settings: Settings
) -> None:
    odds = answer([odds_row(SATURDAY, BOOKS, told=NOW)], PayloadKind.ODDS)
    ingest(app, season(BEFORE), odds)
    window = Window(NOW, hours=24.0, leagues=("E0",))
    asked = SelectTop3Command(
        window, Criteria("none", 0.0, 0.0, 1.0), Decimal(1000), ("odds_api",), publish=True
    )
    with build(settings, FixedClock(NOW + timedelta(hours=24))) as over:
        for _ in range(2):
            with pytest.raises(NothingToDoError, match="comes too late"):
                over.publish_slate(asked)
        assert over.verify_record().counts == {}
    with build(settings, FixedClock(SATURDAY)) as late:
        told = late.publish_slate(asked)
        again = late.publish_slate(asked)
        assert (told["slate"]["picks"], told["repeated"]) == ([], False)
        assert told["slate"]["refused"] == {"price_over_average": 1, "already_begun": 1}
        [miss] = told["slate"]["near_misses"]
        assert "already_begun" in {why["reason"] for why in miss["reasons"]}
        assert (again["hash"], again["repeated"]) == (told["hash"], True)
        assert late.verify_record().flaws == ()
    with build(settings, FixedClock(SATURDAY + timedelta(days=9))) as over:
        assert over.publish_slate(asked)["hash"] == told["hash"]  # what was told is told the same


def test_a_score_that_another_source_denies_is_a_conflict_and_the_first_stays(app: App) -> None:
    after = SATURDAY + timedelta(hours=3)
    scores = answer([score_row(SATURDAY, (2, 2))], PayloadKind.SCORES, after)
    [*_, entry] = ingest(app, season(BEFORE), scores, season(PLAYED)).entries
    assert entry.stored.conflicting == 1
    assert facts(app).stats[-1, :5].tolist() == [2, 2, -1, -1, -1]


def test_a_page_in_place_of_an_answer_is_in_the_log(app: App, api: FakeApi) -> None:
    api.answers[ODDS] = PAGE
    [payload] = app.live_feed("odds_api").fetch(FeedRequest(("E0",), fixtures=True)).payloads
    [entry] = ingest(app, payload).entries
    assert (entry.status, entry.error) == (
        "refused",
        "odds_api: odds/soccer_epl.json is an HTML page, not JSON",
    )
    with app.units() as unit:
        assert unit.ingest_log.recent() == [entry]


@pytest.mark.shared
def test_real_answers_meet_the_matches_of_the_real_season_files(app: App) -> None:
    """Every match of a real answer is the season file's own event, with the same kick-off."""
    told_at = datetime(2024, 10, 13, 14, tzinfo=UTC)
    season_file = FolderFeed(FOOTBALL, FixedClock(NOW)).fetch(FeedRequest(("E0",), (2024,)))
    name = "the_odds_api_v4_odds_soccer_epl_2024-10-13.json"
    content = (SHARED / "odds_api" / name).read_bytes()
    odds = Payload("odds_api", name, PayloadKind.ODDS, content, told_at)
    file, live = ingest(app, *season_file.payloads, odds).entries
    assert (file.stored.events, live.stored.events) == (380, 0)
    assert (live.rows_read, live.rows_kept, live.rows_refused) == (20, 20, {})
    assert (live.quotes_kept, live.quotes_refused) == (310, {"lay_market": 28})
    assert (live.stored.prices, live.stored.conflicting, live.stored.moved) == (930, 0, 0)
    later = facts(app, as_of=datetime(2025, 7, 1, tzinfo=UTC))
    scores = [
        score_row(
            datetime.fromtimestamp(later.kickoff[row], UTC),
            (int(later.stats[row, 0]), int(later.stats[row, 1])),
            home=later.teams[later.home[row]].partition(":")[2],
            away=later.teams[later.away[row]].partition(":")[2],
        )
        for row in np.unique(later.quote_event[later.quote_live])[:10].tolist()
    ]
    told = answer(scores, PayloadKind.SCORES, datetime(2024, 10, 22, tzinfo=UTC))
    [entry] = ingest(app, told).entries
    assert (entry.rows_kept, entry.stored.results, entry.stored.conflicting) == (10, 0, 0)


@pytest.mark.shared
def test_names_of_a_real_answer_of_many_leagues_are_known(app: App) -> None:
    told_at = datetime(2023, 4, 23, 15, 28, tzinfo=UTC)
    request = FeedRequest(None, (2021, 2022), extra=True)
    past = FolderFeed(FOOTBALL, FixedClock(NOW)).fetch(request).payloads
    name = "the_odds_api_v4_odds_soccer_bundesliga_2023-04-23_live.json"
    content = (SHARED / "odds_api" / name).read_bytes()
    live = Payload("odds_api", name, PayloadKind.ODDS, content, told_at)
    wanted = {"D1", "I1", "I2", "SP1", "F1", "N1", "P1", "G1", "SC0", "E0"}
    result = ingest(app, *(p for p in past if p.season is None or p.league in wanted), live)
    entry = result.entries[-1]
    assert entry.rows_refused == {"unknown_sport": 2}  # cricket, and a cup
    assert entry.stored.events == 0
    assert result.doubts == ()
    # It was taken while most of its matches were played: those prices are no use.
    assert entry.quotes_refused["in_play"] > 100
    assert entry.quotes_refused["price_not_above_1"] == 5


# --- the command line


@pytest.fixture
def live_folder(tmp_path: Path) -> Path:
    """The present season, with one match a week ago."""
    past = datetime.now(UTC) - timedelta(days=8)
    year = past.year if past.month >= 7 else past.year - 1
    folder = tmp_path / "live" / f"{year % 100:02d}{(year + 1) % 100:02d}"
    folder.mkdir(parents=True)
    row = f"E0,{past:%d/%m/%Y},15:00,Arsenal,Chelsea,1,0,H,9,4,2.0,3.4,3.8\n"
    (folder / "E0.csv").write_text(HEADER + row)
    return folder.parent


def command(settings: Settings, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BETTING_AI_")}
    assert settings.database_url is not None
    own = {
        "BETTING_AI_HOME": str(settings.home),
        "BETTING_AI_SITE_URL": "http://127.0.0.1:9",
        "BETTING_AI_MODELS": str(settings.models),
        "BETTING_AI_ODDS_API_URL": settings.odds_api_url,
        "BETTING_AI_ODDS_API_KEY": KEY,
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "COLUMNS": "100",
        "TZ": "UTC",
    }
    return forked.betting_ai(*words, env=kept | own | more)


ANYTHING = ("--leagues", "E0", "--min-ev", "0", "--min-confidence", "0", "--max-risk", "1")


def put_now(api: FakeApi, **changes: Any) -> datetime:
    """A match in six hours with prices of a few minutes ago."""
    now = datetime.now(UTC)
    soon = now + timedelta(hours=6)
    row = odds_row(soon, BOOKS, told=now - timedelta(minutes=12)) | changes
    api.put(ODDS, [row], cost=2)
    return soon


def test_a_live_price_becomes_a_pick_with_ages(
    api: FakeApi, settings: Settings, live_folder: Path, engine: Engine
) -> None:
    put_now(api)
    words = ("top3-bets", "--folder", str(live_folder), *ANYTHING)
    done = command(settings, *words, "--json")
    assert done.returncode == 0, done.stderr
    slate = json.loads(done.stdout)
    assert slate["data_sources"] == ["football_data folder", "odds_api"]
    assert (slate["events_considered"], slate["events_priced"]) == (1, 1)
    assert slate["refused"] == {"price_over_average": 1}
    [pick] = slate["picks"]
    worth = pick["rationale"]["value_analysis"]
    assert pick["recommended_odds"] == worth["prices"][pick["bookmaker"]]["odds"]
    assert {price["age_minutes"] for price in worth["prices"].values()} == {12}
    assert {price["feed"] for price in worth["prices"].values()} == {"live"}
    age = worth["newest_results"]["Arsenal"]["age_minutes"]
    assert timedelta(days=6) < timedelta(minutes=age) < timedelta(days=9)
    quoted, expires = (datetime.fromisoformat(pick[k]) for k in ("prices_as_of", "expires_at"))
    assert expires - quoted == timedelta(hours=1)
    card = command(settings, *words).stdout
    assert "price 12 min, last result of Chelsea" in " ".join(card.split())
    report = command(settings, "doctor")
    assert "source odds_api" in report.stdout
    assert "stored: 1, unchanged: 1, refused: 0" in report.stdout
    assert "496 credits left" in report.stdout
    assert "spent 4 today" in report.stdout
    everything = "".join(told for run in (done, report) for told in (run.stdout, run.stderr)) + card
    assert KEY not in everything
    with engine.connect() as connection:
        assert KEY not in str(connection.execute(sa.text("SELECT * FROM ingest_log")).all())
    for file in (path for path in settings.home.rglob("*") if path.is_file()):
        assert KEY.encode() not in file.read_bytes()


def test_a_price_of_more_than_an_hour_ago_is_no_price(
    api: FakeApi, settings: Settings, live_folder: Path
) -> None:
    now = datetime.now(UTC)
    old = odds_row(now + timedelta(hours=6), BOOKS, told=now - timedelta(minutes=61))
    api.put(ODDS, [old], cost=2)
    done = command(settings, "top3-bets", "--folder", str(live_folder), *ANYTHING, "--json")
    slate = json.loads(done.stdout)
    assert (slate["events_considered"], slate["events_priced"]) == (1, 0)
    assert slate["refused"] == {"stale_price": 1}


def test_a_live_feed_that_fails_leaves_the_rest(
    api: FakeApi, settings: Settings, live_folder: Path
) -> None:
    soon = put_now(api)
    row = f"E0,{soon:%d/%m/%Y},{soon:%H:%M},Chelsea,Arsenal,,,,,,2.1,3.4,3.6\n"
    (live_folder / "fixtures.csv").write_text(HEADER + row)
    api.trouble[SPORTS] = [Trouble(401)]
    words = ("top3-bets", "--folder", str(live_folder), *ANYTHING, "--json")
    done = command(settings, *words)
    assert done.returncode == 0
    warning = json.loads(done.stderr.splitlines()[0])["warning"]["message"]
    assert warning.startswith("without odds_api: The Odds API does not accept the key")
    assert json.loads(done.stdout)["events_priced"] == 1


def test_a_replay_asks_no_live_feed(api: FakeApi, settings: Settings, live_folder: Path) -> None:
    command(settings, "top3-bets", "--folder", str(live_folder), "--as-of", "2025-09-01", "--json")
    assert api.asked == []


def test_fetch_names_its_source(api: FakeApi, settings: Settings, live_folder: Path) -> None:
    put_now(api)
    command(settings, "ingest", "--folder", str(live_folder))
    words = ("fetch", "--source", "odds_api", "--leagues", "E0", "--json")
    done = command(settings, *words)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["totals"]["stored"] == 1
    assert told["payloads"][0]["stored"]["events"] == 1
    assert told["payloads"][0]["stored"]["prices"] == 18
    keyless = command(settings, *words, BETTING_AI_ODDS_API_KEY="")
    assert keyless.returncode == 2
    assert "set BETTING_AI_ODDS_API_KEY" in keyless.stderr
    seasons = command(settings, *words, "--seasons", "2425")
    assert seasons.returncode == 2
    assert "leave --seasons and --extra out" in seasons.stderr
    dear = command(settings, *words, BETTING_AI_ODDS_API_DAILY_BUDGET="3")
    assert dear.returncode == 1
    assert json.loads(dear.stderr)["error"]["code"] == "feed_quota"


def test_doctor_knows_how_every_source_is(
    api: FakeApi, settings: Settings, live_folder: Path
) -> None:
    command(settings, "ingest", "--folder", str(live_folder))
    command(settings, "ingest", "--folder", str(live_folder))
    api.answers[ODDS] = PAGE
    words = ("fetch", "--source", "odds_api", "--leagues", "E0", "--json")
    assert command(settings, *words).returncode == 1
    api.trouble[SPORTS] = [Trouble(400)] * 3
    for _ in range(3):
        assert command(settings, *words).returncode == 1
    paused = json.loads(command(settings, *words).stderr)["error"]
    assert paused["code"] == "feed_paused"
    done = command(settings, "doctor", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"]) == (0, True)
    sources = {source.pop("source"): source for source in report["database"]["sources"]}
    season_files, odds = sources["football_data"], sources["odds_api"]
    assert (season_files["stored"], season_files["unchanged"], season_files["refused"]) == (1, 1, 0)
    assert 0 <= season_files["age_hours"] < 1
    assert (odds["stored"], odds["refused"], odds["refused_lately"]) == (0, 1, 1)
    assert odds["received_at"] is odds["age_hours"] is None
    feed = report["feeds"]["odds_api"]
    assert (feed["on"], feed["failures"], feed["remaining"]) == (True, 3, 498)
    assert feed["paused_until"] > feed["failed_at"]
    assert report["feeds"]["cloudbet"]["on"] is False
    assert any("odds_api failed 3 times in a row" in note for note in report["notes"])
    assert report["settings"]["odds_api_key"] == "set"
    told = command(settings, "doctor").stdout
    assert "nothing usable yet" in told
    assert "left alone until" in " ".join(told.split())
