"""`evaluate`, `backtest`, `lookahead-check` and `models` as they are installed, on real files."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path

import pytest

import forked
from betting_ai.settings import load_settings
from conftest import FOOTBALL

pytestmark = pytest.mark.shared


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two divisions of 2024-25, and nothing before them."""
    season = tmp_path / "data" / "2425"
    season.mkdir(parents=True)
    for division in ("E0", "E1"):
        shutil.copy(FOOTBALL / "2425" / f"{division}.csv", season)
    return tmp_path / "data"


def run(
    *words: str, home: Path, models: Path | None = None, database_url: str | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin", "BETTING_AI_HOME": str(home), "COLUMNS": "80",
        "BETTING_AI_MODELS": str(models or load_settings().models),
    } | ({"DATABASE_URL": database_url} if database_url else {})  # fmt: skip
    return forked.betting_ai(*words, env=environment)


RANGE = ("--from", "2024-08-01", "--to", "2024-11-30")
NO_CRITERIA = ("--min-ev", "0", "--min-confidence", "0", "--max-risk", "1")


def test_evaluate_scores_and_writes_what_was_asked(folder: Path, tmp_path: Path) -> None:
    predictions, picks = tmp_path / "predictions.csv", tmp_path / "picks.csv"
    done = run(
        "evaluate", "--folder", str(folder), *RANGE, *NO_CRITERIA, "--json",
        "--predictions", str(predictions), "--picks", str(picks), home=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["models"]["2024-06-30"]["trained_through"] == "2024-06-30"
    assert told["priced"] == told["matches"] > 250
    assert set(told["leagues"]) == {"E0", "E1"}
    rows = list(csv.DictReader(predictions.read_text().splitlines()))
    assert len(rows) == told["priced"]
    raw = {}
    for division in ("E0", "E1"):
        text = (folder / "2425" / f"{division}.csv").read_text(encoding="utf-8-sig")
        for row in csv.DictReader(text.splitlines()):
            raw[row["HomeTeam"], row["AwayTeam"]] = row
    assert all((row["home"], row["away"]) in raw for row in rows)
    chosen = list(csv.DictReader(picks.read_text().splitlines()))
    assert len(chosen) == told["picks"]["all"]["picks"] > 10
    for pick in chosen:
        line = raw[pick["home"], pick["away"]]
        side = {"home": "H", "draw": "D", "away": "A"}[pick["selection"]]
        assert float(line[f"{pick['bookmaker']}{side}"]) == float(pick["odds"])
        assert float(pick["odds"]) <= float(line[f"Max{side}"])
        assert float(pick["ev"]) > 0


def test_evaluate_speaks_to_people_too(folder: Path, tmp_path: Path) -> None:
    done = run("evaluate", "--folder", str(folder), *RANGE, *NO_CRITERIA, home=tmp_path)
    assert done.returncode == 0
    for words in (
        "average pre-match price", "closing price", "ensemble p", "CLV", "Deep RL's",
        "Within noise (two standard errors), to close: ", "2024-08-09 to 2024-11-30, model",
    ):  # fmt: skip
        assert words in done.stdout
    assert "…" not in done.stdout


def test_days_of_which_nothing_is_there_are_said_to_be_missing(
    folder: Path, tmp_path: Path
) -> None:
    words = ("--folder", str(folder), "--from", "2025-05-10")
    done = run("evaluate", *words, "--to", "2027-08-01", home=tmp_path)
    assert done.returncode == 0
    assert done.stderr == (
        "warning: no season files of 2025-26 to 2027-28: nothing of them is counted\n"
    )
    assert done.stdout.startswith("2025-05-10 to 2025-05-25, model 2024-06-30")
    assert "- picks a month" in done.stdout  # sixteen days are no month
    done = run("evaluate", "--folder", str(folder), "--from", "2026-08-01", "--to", "2027-05-01",
               home=tmp_path)  # fmt: skip
    assert done.returncode == 3
    assert "no season file covers 2026-08-01 to 2027-05-01" in done.stderr


def test_files_that_cannot_be_read_are_named(folder: Path, tmp_path: Path) -> None:
    season = folder / "2425"
    whole = (season / "E0.csv").read_bytes().splitlines()
    (season / "E0.csv").write_bytes(b"\n".join([*whole[:100], whole[100][:40]]))
    (season / "SP1.csv").write_bytes(b"<html>not here</html>")
    (season / "D1.csv").write_bytes(b"")
    (season / "I1.csv").write_bytes(whole[0])
    done = run("evaluate", "--folder", str(folder), *RANGE, home=tmp_path)
    assert done.returncode == 0
    unreadable, left_out = done.stderr.splitlines()
    assert unreadable.startswith("warning: 2 files unreadable: ")
    assert "2425/SP1.csv is an HTML page" in unreadable
    assert "2425/D1.csv is empty" in unreadable
    assert left_out == (
        "warning: 2 files with rows left out: 2425/E0.csv 1 of 100 (1 truncated row); "
        "2425/I1.csv holds no match"
    )


def test_what_is_recorded_is_said(folder: Path, tmp_path: Path, database_url: str) -> None:
    words = ("--folder", str(folder), *RANGE, "--record")
    done = run("evaluate", *words, home=tmp_path, database_url=database_url)
    assert done.returncode == 0
    assert done.stderr.startswith("note: kept in model_performance: match_result/2024-06-30, ")
    told = run("doctor", home=tmp_path, database_url=database_url).stdout
    assert "model performance: 7" in " ".join(told.split())


def test_the_other_market_is_scored_too(folder: Path, tmp_path: Path) -> None:
    predictions = tmp_path / "predictions.csv"
    done = run(
        "evaluate", "--folder", str(folder), *RANGE, "--market", "over_under_2_5", "--json",
        "--predictions", str(predictions), home=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert "elo" not in told["sources"]  # ratings of results say nothing of goals
    assert predictions.read_text().startswith("date,league,home,away,p_over,p_under,xgb_p_over,")
    people = run(
        "evaluate", "--folder", str(folder), *RANGE, "--market", "over_under_2_5", home=tmp_path
    )
    assert people.returncode == 0
    assert "average pre-match price" in people.stdout


def test_a_season_of_other_books_without_the_sharp_one_is_scored(
    folder: Path, tmp_path: Path
) -> None:
    """As newer files are: books renamed and gone, margins higher."""
    for path in (folder / "2425").iterdir():
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
        header = [
            name.replace("WH", "CL").replace("1XB", "BMGM").replace("PS", "XX") for name in lines[0]
        ]
        keep = [k for k, name in enumerate(header) if not name.startswith(("XX", "PC", "P>", "P<"))]
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(
                [[line[k] for k in keep if k < len(line)] for line in (header, *lines[1:])]
            )
    done = run("evaluate", "--folder", str(folder), *RANGE, "--json", home=tmp_path)
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["priced"] == told["matches"]
    assert told["sources"]["pick_price"]["cross_entropy_difference"]["mean"] < 0.0002


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--from", "2024-08-01", "--to", "2024-07-01"), 2, "lies before"),
        (("--from", "soon", "--to", "2024-07-01"), 2, "--from 'soon' is no date"),
        (("--from", "2010-08-01", "--to", "2011-07-01"), 3, "no model was trained before"),
        (("--from", "2024-07-01", "--to", "2024-07-02"), 3, "no match with a price"),
        ((*RANGE, "--market", "corners"), 2, "unknown market"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(
    folder: Path, tmp_path: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    done = run("evaluate", "--folder", str(folder), *words, home=tmp_path)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_future_is_not_looked_at(folder: Path, tmp_path: Path) -> None:
    done = run(
        "lookahead-check", "--folder", str(folder), *RANGE, "--days", "6", "--json", home=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["passed"], told["leaks"], len(told["days"])) == (True, [], 6)
    assert all("2024-08-09" <= day <= "2024-11-30" for day in told["days"])


def test_a_check_of_no_days_proves_nothing(folder: Path, tmp_path: Path) -> None:
    words = ("lookahead-check", "--folder", str(folder), "--from", "2024-08-10")
    done = run(*words, "--to", "2024-08-11", "--days", "500", home=tmp_path)
    assert done.returncode == 0
    assert done.stderr == "note: only 2 days have matches; all of them are asked\n"
    assert done.stdout.startswith("passed: 2 days from 2024-08-10 to 2024-08-11 asked twice, 0 ")
    done = run("lookahead-check", "--folder", str(folder), "--from", "2024-07-02",
               "--to", "2024-07-04", home=tmp_path)  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert "no day to ask about" in done.stderr


def test_models_are_listed_rolled_back_and_restored(tmp_path: Path) -> None:
    models = Path(shutil.copytree(load_settings().models, tmp_path / "models"))

    def listed() -> dict[str, tuple[list[str], list[str]]]:
        found = json.loads(run("models", "list", "--json", home=tmp_path, models=models).stdout)
        assert all(m["gate"]["open"] == (m["market"] == "match_result") for m in found)
        return {
            m["version"]: (m["channels"], m["withdrawn_from"])
            for m in found
            if m["market"] == "match_result"
        }

    before = listed()
    assert before == {
        version: (["stable"], []) for version in ("2023-06-30", "2024-06-30", "2025-06-30")
    }
    dry = run("models", "rollback", "--dry-run", "--json", home=tmp_path, models=models)
    assert json.loads(dry.stdout)["dry_run"]
    assert listed() == before
    back = run("models", "rollback", "--yes", "--json", home=tmp_path, models=models)
    told = json.loads(back.stdout)
    assert told["answers_now"] == "2024-06-30"
    kept = json.loads((models / "channels.json").read_text())
    assert kept["match_result"]["stable"] == ["2023-06-30", "2024-06-30"]
    assert listed()["2025-06-30"] == ([], ["stable"])
    assert "(stable)" in run("models", "list", home=tmp_path, models=models).stdout
    again = run(
        "models", "promote", "2025-06-30", "--folder", str(tmp_path), home=tmp_path, models=models
    )
    assert again.returncode == 2
    assert "`models restore 2025-06-30` puts it back" in again.stderr
    undone = run(*told["undo"].split()[1:], "--json", home=tmp_path, models=models)
    assert json.loads(undone.stdout)["answers_now"] == "2025-06-30"
    assert listed() == before
