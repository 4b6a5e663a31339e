"""The command as it is installed, in a process of its own, against a real database."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

import forked
from betting_ai.adapters.feeds.sample import SampleFeed
from betting_ai.clock import SystemClock
from betting_ai.ports.feeds import FeedRequest
from betting_ai.settings import load_settings
from conftest import FOOTBALL

OFFLINE = "http://127.0.0.1:9"
SAMPLE_MORNING = "2023-10-08"
UK = ZoneInfo("Europe/London")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """The one line on stderr, as machines read it."""
        assert self.out == ""
        (line,) = self.err.splitlines()
        return json.loads(line)["error"]


@dataclass(frozen=True)
class Command:
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: str, **changes: str) -> Outcome:
        done = forked.betting_ai(*words, env=self.environment | changes)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "betting_ai", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )


@pytest.fixture
def betting_ai(home: Path, database_url: str) -> Command:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BETTING_AI_")}
    return Command(
        kept
        | {
            "BETTING_AI_HOME": str(home),
            "BETTING_AI_SITE_URL": OFFLINE,
            "BETTING_AI_MODELS": str(load_settings().models),
            "DATABASE_URL": database_url,
            "COLUMNS": "80",
            "TZ": "UTC",
        }
    )


@pytest.fixture(scope="module")
def sample_files() -> dict[str, bytes]:
    payloads = SampleFeed(SystemClock()).fetch(FeedRequest()).payloads
    return {payload.name: payload.content for payload in payloads}


@pytest.fixture
def folder(tmp_path: Path, sample_files: dict[str, bytes]) -> Path:
    """The sample's matches as a folder of season files."""
    season = tmp_path / "data" / "2324"
    season.mkdir(parents=True)
    for name, content in sample_files.items():
        (season / name).write_bytes(content)
    return tmp_path / "data"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A copy of the shipped models, to damage."""
    return Path(shutil.copytree(load_settings().models, tmp_path / "models"))


def rows(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(sa.table(table))) or 0


def test_offline_with_nothing_there_a_sample_day_is_shown(
    betting_ai: Command, engine: Engine
) -> None:
    first = betting_ai("top3-bets", "--json")
    assert first.code == 0
    slate = first.answer
    assert slate["as_of"] == f"{SAMPLE_MORNING}T07:00:00Z"
    assert slate["data_sources"][0].startswith("sample: ")
    assert "upper_bound" in slate["stamps"]
    assert slate["events_priced"] == slate["events_considered"] > 5
    assert 0 < len(slate["picks"]) + len(slate["near_misses"]) <= 6
    shown = [*slate["picks"], *slate["near_misses"]]
    assert {candidate["bookmaker"] for candidate in shown} == {"MAX"}
    assert all("upper_bound" in candidate["stamps"] for candidate in shown)
    (note,) = first.err.splitlines()
    message = json.loads(note)["note"]["message"]
    assert "No network and no data at all: showing a sample day" in message
    # The sample has a database of its own.
    assert rows(engine, "events") == rows(engine, "slates") == rows(engine, "ingest_log") == 0

    again = betting_ai("top3-bets")
    assert again.code == 0
    assert "an upper bound, not a price you can take" in again.out
    assert again.err.startswith("note: No network and no data")
    assert "\x1b" not in again.out
    assert max(map(len, again.out.splitlines())) <= 80

    event = shown[0]["event_id"]
    predicted = betting_ai("predict", event, "--json")
    assert predicted.code == 0
    assert predicted.answer["event_id"] == event
    assert set(predicted.answer["members"]) == set(shown[0]["model_probabilities"])
    assert "probability" in betting_ai("predict", event).out


def test_a_folder_is_read_once_and_answers_the_same_again(
    betting_ai: Command, folder: Path, engine: Engine
) -> None:
    words = ("top3-bets", "--folder", str(folder), "--as-of", SAMPLE_MORNING, "--json")
    first = betting_ai(*words)
    assert (first.code, first.err) == (0, "")
    assert first.answer["data_sources"] == ["football_data folder"]
    assert first.answer["picks"] == []  # no named book: no price that one could take
    assert first.answer["refused"] == {"no_named_book": first.answer["events_considered"]}
    assert rows(engine, "ingest_log") == 2
    again = betting_ai(*words)
    assert again.out == first.out
    with engine.connect() as connection:
        log = connection.scalars(sa.text("SELECT status FROM ingest_log ORDER BY id")).all()
    assert log == ["stored"] * 2 + ["unchanged"] * 2
    assert rows(engine, "slates") == 0  # a replay is no recommendation

    # Offline, the day can be asked about without the folder.
    stored = betting_ai("top3-bets", "--as-of", SAMPLE_MORNING)
    assert stored.code == 0
    assert stored.err.startswith(
        "note: the site cannot be reached; showing what is in the database, read 20"
    )
    unknown = betting_ai("top3-bets", "--as-of", "2025-03-15", "--json")
    assert unknown.code == 3  # a day that was asked for by name is never replaced by a sample
    assert "(it has matches of 2023 to 2024)" in unknown.error["message"]

    # Nothing is known of today: the sample is shown, and what the database has is named.
    today = betting_ai("top3-bets", "--json")
    assert today.code == 0
    assert "(the database has matches of 2023 to 2024): showing a sample day" in today.err

    report = betting_ai("doctor", "--json")
    assert report.code == 0
    assert report.answer["database"]["rows"]["events"] == 760
    assert report.answer["database"]["payloads"] == {"stored": 2, "unchanged": 2}
    assert report.answer["database"]["totals"]["rows_read"] == 760
    assert report.answer["database"]["sources"][0]["source"] == "football_data"
    assert report.answer["problems"] == []
    assert all(model["ok"] for model in report.answer["models"])
    assert "Everything is in order." in betting_ai("doctor").out


def test_a_day_without_matches_is_no_error(betting_ai: Command, folder: Path) -> None:
    done = betting_ai("top3-bets", "--folder", str(folder), "--as-of", "2024-03-23")
    assert (done.code, done.err) == (0, "")
    assert "No bet today: no match kicks off in this window" in done.out


@pytest.mark.parametrize(
    ("as_of", "code", "told"),
    [
        ("1999-12-31", 2, "is before the data: the season files in"),
        ("2025-03-15", 3, "cover 2023-07-01 to 2024-06-30"),
    ],
)
def test_a_day_that_the_folder_does_not_cover(
    betting_ai: Command, folder: Path, engine: Engine, as_of: str, code: int, told: str
) -> None:
    done = betting_ai("top3-bets", "--folder", str(folder), "--as-of", as_of, "--json")
    assert done.code == code
    assert told in done.error["message"]
    assert rows(engine, "ingest_log") == 0


def test_offline_a_past_day_that_nobody_knows(betting_ai: Command) -> None:
    done = betting_ai("top3-bets", "--as-of", "2025-03-15", "--json")
    assert done.code == 3
    assert done.error["code"] == "nothing_to_do"
    assert "pass --folder" in done.error["message"]


def test_only_the_folders_own_leagues_are_judged(betting_ai: Command, folder: Path) -> None:
    words = ("top3-bets", "--folder", str(folder), "--as-of", SAMPLE_MORNING, "--json")
    both = betting_ai(*words).answer["events_considered"]
    (folder / "2324" / "SP1.csv").unlink()
    one = betting_ai(*words).answer["events_considered"]
    assert 0 < one < both


def test_what_a_file_loses_or_contradicts_is_said(betting_ai: Command, folder: Path) -> None:
    words = ("top3-bets", "--folder", str(folder), "--as-of", SAMPLE_MORNING, "--json")
    assert betting_ai(*words).err == ""
    path = folder / "2324" / "E0.csv"
    lines = path.read_bytes().splitlines()
    date = lines[0].split(b",").index(b"Date")
    spoiled = lines[1].split(b",")
    spoiled[date] = b"someday"
    goals = lines[0].split(b",").index(b"FTHG")
    changed = lines[2].split(b",")
    changed[goals] = b"9"
    path.write_bytes(b"\n".join([lines[0], b",".join(spoiled), b",".join(changed), *lines[3:]]))
    told = betting_ai(*words).err.splitlines()
    warnings = [json.loads(line)["warning"]["message"] for line in told]
    assert any("2324/E0.csv: 1 of 380 rows refused" in warning for warning in warnings)
    assert any("2324/E0.csv: 1 facts differ from what is stored" in warning for warning in warnings)


HTML = b"<!DOCTYPE html><html><body>404</body></html>"
NOISE = bytes(range(256)) * 40


@pytest.mark.parametrize("content", [HTML, NOISE])
def test_a_file_that_is_no_table_is_left_out_and_named(
    betting_ai: Command, folder: Path, engine: Engine, content: bytes
) -> None:
    (folder / "2324" / "E0.csv").write_bytes(content)
    words = ("top3-bets", "--folder", str(folder), "--as-of", SAMPLE_MORNING)
    alone = betting_ai(*words, "--leagues", "E0", "--json")
    assert alone.code == 1
    assert "2324/E0.csv" in alone.error["message"]
    assert rows(engine, "events") == rows(engine, "odds") == 0
    rest = betting_ai(*words)
    assert rest.code == 0
    (line,) = rest.err.splitlines()
    assert line.startswith("warning: ")
    assert "2324/E0.csv" in line
    assert rows(engine, "events") == 380


def damage_graph(model: Path) -> None:
    graph = model / "ensemble.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)


def remove_graph(model: Path) -> None:
    (model / "ensemble.onnx").unlink()


def other_spec(model: Path) -> None:
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["spec_hash"] = "0" * 64
    (model / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (damage_graph, "model_checksum"),
        (remove_graph, "model_missing"),
        (other_spec, "spec_mismatch"),
    ],
)
def test_a_model_that_is_not_what_it_says_answers_nothing(
    betting_ai: Command, folder: Path, models: Path, harm: Callable[[Path], None], code: str
) -> None:
    for model in models.glob("*/*/"):
        harm(model)
    words = ("top3-bets", "--folder", str(folder), "--as-of", SAMPLE_MORNING, "--json")
    done = betting_ai(*words, BETTING_AI_MODELS=str(models))
    assert done.code == 1
    assert done.error["code"] == code
    report = betting_ai("doctor", "--json", BETTING_AI_MODELS=str(models))
    assert report.code == 1
    assert not any(model["ok"] for model in report.answer["models"])
    told = report.answer["problems"]  # each once: models may share a fault that names none
    assert set(told) == {model["problem"] for model in report.answer["models"]}
    assert len(set(told)) == len(told)


def test_a_database_that_does_not_answer(betting_ai: Command, folder: Path) -> None:
    gone = "postgresql://someone:s3cret@127.0.0.1:9/none"
    words = ("top3-bets", "--folder", str(folder), "--as-of", SAMPLE_MORNING, "--json")
    done = betting_ai(*words, DATABASE_URL=gone)
    assert done.code == 1
    assert done.error["code"] == "database_unavailable"
    report = betting_ai("doctor", "--json", DATABASE_URL=gone)
    assert report.code == 1
    assert report.answer["ok"] is False
    for output in (done.err, report.out, report.err):
        assert "s3cret" not in output


def test_doctor_finds_no_database_without_making_one(betting_ai: Command, home: Path) -> None:
    del betting_ai.environment["DATABASE_URL"]
    report = betting_ai("doctor", "--json")
    assert report.code == 0
    assert report.answer["database"]["exists"] is False
    assert list(home.iterdir()) == []


def test_what_predicting_runs_on_is_told_once_where_it_is_missing(betting_ai: Command) -> None:
    """As after an installation without the extra."""
    without = "import sys; sys.modules['onnxruntime'] = None; "
    without += "from betting_ai.cli.main import main; sys.argv[1:] = ['doctor']; sys.exit(main())"
    told = subprocess.run(
        [sys.executable, "-c", without],
        env=betting_ai.environment | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    line = "problem: predicting needs more libraries; install betting-ai[inference]"
    assert (told.returncode, told.stdout.splitlines().count(line)) == (1, 1)


@pytest.fixture
def live_folder(tmp_path: Path) -> Path:
    """The present season: a match a week ago, and one a few hours from now."""
    now = datetime.now(UTC)
    past, soon = (now - timedelta(days=8)).astimezone(UK), (now + timedelta(hours=6)).astimezone(UK)
    year = past.year if past.month >= 7 else past.year - 1
    season = tmp_path / "live" / f"{year % 100:02d}{(year + 1) % 100:02d}"
    season.mkdir(parents=True)
    prices = "2.10,3.40,3.60,2.05,3.35,3.50,2.12,3.45,3.70"
    books = "B365H,B365D,B365A,AvgH,AvgD,AvgA,MaxH,MaxD,MaxA"
    header = f"Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,{books}\n"
    (season / "E0.csv").write_text(
        header + f"E0,{past:%d/%m/%Y},15:00,Arsenal,Chelsea,1,0,H,{prices}\n"
    )
    (season.parent / "fixtures.csv").write_text(
        header + f"E0,{soon:%d/%m/%Y},{soon:%H:%M},Chelsea,Arsenal,,,,{prices}\n"
    )
    return season.parent


def test_a_live_slate_is_recorded(betting_ai: Command, live_folder: Path, engine: Engine) -> None:
    done = betting_ai("top3-bets", "--folder", str(live_folder), "--json")
    assert done.code == 0
    assert done.answer["events_considered"] == 1
    assert rows(engine, "slates") == 1
    with engine.connect() as connection:
        stored = connection.scalar(sa.text("SELECT payload FROM slates"))
    assert stored == done.answer


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_the_site_is_read_and_what_it_gave_outlasts_it(
    betting_ai: Command, live_folder: Path, engine: Engine
) -> None:
    (season,) = (path for path in live_folder.iterdir() if path.is_dir())
    (live_folder / "mmz4281").mkdir()
    season.rename(live_folder / "mmz4281" / season.name)
    handler = functools.partial(_Quiet, directory=str(live_folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site = f"http://127.0.0.1:{server.server_port}"
        online = betting_ai("top3-bets", "--leagues", "E0", "--json", BETTING_AI_SITE_URL=site)
        server.shutdown()
    assert online.code == 0
    assert online.answer["data_sources"] == ["127.0.0.1"]
    assert online.answer["events_considered"] == 1
    assert rows(engine, "slates") == 1
    offline = betting_ai("top3-bets", "--leagues", "E0", "--json")
    assert offline.code == 0
    assert offline.answer["data_sources"][0].startswith("database, read ")
    assert offline.answer["events_considered"] == 1
    assert rows(engine, "slates") == 1  # only what was just read is recommended


def test_an_interrupt_is_quiet(betting_ai: Command) -> None:
    # Whoever started the tests may ignore interrupts, and children would inherit that.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = betting_ai.start("top3-bets")
    signal.signal(signal.SIGINT, inherited)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("note: No network")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")


def test_a_reader_that_leaves_hears_no_complaint(betting_ai: Command) -> None:
    process = betting_ai.start("top3-bets")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    told = process.stderr.read()
    assert process.wait(timeout=60) == 1
    assert told.startswith("note: No network")
    assert told.count("\n") == 1
    process.stderr.close()


def test_training_needs_enough_matches(betting_ai: Command, folder: Path, tmp_path: Path) -> None:
    words = ("--folder", str(folder), "--through", "2024-05-19", "--out", str(tmp_path / "out"))
    done = betting_ai("train", *words, "--json")
    assert done.code == 3
    assert "holds out seasons" in done.error["message"]
    assert not (tmp_path / "out").exists()


@pytest.mark.shared
def test_a_real_day_from_real_files(betting_ai: Command) -> None:
    words = ("top3-bets", "--folder", str(FOOTBALL), "--json")
    part = betting_ai(*words, "--as-of", "2025-03-15T08:00:00Z", "--leagues", "E0,SC0")
    assert (part.code, part.err) == (0, "")
    assert part.answer["events_priced"] == part.answer["events_considered"] == 9
    # Other leagues beside them change nothing.
    whole = betting_ai(*words, "--as-of", "2025-03-15T08:00:00Z", "--leagues", "E0,SC0,D1")
    assert whole.answer["events_considered"] == 14
    again = betting_ai(*words, "--as-of", "2025-03-15T08:00:00Z", "--leagues", "E0,SC0")
    assert again.out == part.out
    # A Friday morning: the weekend's prices are not collected yet.
    friday = betting_ai(*words, "--as-of", "2025-03-14T08:00:00Z", "--leagues", "E0,D1")
    assert friday.code == 0
    assert friday.answer["events_priced"] == 0


@pytest.mark.shared
@pytest.mark.slow
def test_every_league_of_a_real_day(betting_ai: Command) -> None:
    words = ("top3-bets", "--folder", str(FOOTBALL), "--as-of", "2025-03-15T08:00:00Z", "--json")
    first = betting_ai(*words)
    assert (first.code, first.err) == (0, "")
    slate = first.answer
    assert slate["events_priced"] == slate["events_considered"] > 100
    assert len(slate["picks"]) <= 3
    assert betting_ai(*words).out == first.out
    # What is stored of a season that a model covers is what the model was made of.
    later = betting_ai("top3-bets", "--as-of", "2025-03-16T08:00:00Z", "--json")
    assert later.code == 0
    assert later.answer["events_priced"] > 10


@pytest.mark.shared
@pytest.mark.slow
def test_a_model_trained_here_answers_here(betting_ai: Command, tmp_path: Path) -> None:
    folder, out = tmp_path / "england", tmp_path / "models"
    for year in range(12, 23):
        season = folder / f"{year}{year + 1}"
        season.mkdir(parents=True)
        shutil.copy(FOOTBALL / season.name / "E0.csv", season)
    words = ("--folder", str(folder), "--through", "2022-06-30", "--out", str(out))
    trained = betting_ai("train", *words, "--promote", "trial", "--json")
    assert trained.code == 0
    progress = [json.loads(line)["note"]["message"] for line in trained.err.splitlines()]
    assert "manifest: 100% after" in progress[-1]
    assert trained.answer["version"] == "2022-06-30"
    assert max(trained.answer["parity"].values()) <= 1e-5
    here = {"BETTING_AI_MODELS": str(out), "BETTING_AI_CHANNEL": "trial"}
    words = ("top3-bets", "--folder", str(folder), "--leagues", "E0", "--json")
    slate = betting_ai(*words, "--as-of", "2022-09-03", **here)
    assert (slate.code, slate.err) == (0, "")
    assert slate.answer["model"] == "2022-06-30"
    assert slate.answer["events_priced"] == 8
    seen = betting_ai(*words, "--as-of", "2022-06-30", **here)
    assert seen.error["code"] == "no_model_before"
