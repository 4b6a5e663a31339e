"""`evaluate`, `backtest`, `lookahead-check` and `models` as they are installed, on real files."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def run(*words: str, home: Path, models: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin", "BETTING_AI_HOME": str(home), "COLUMNS": "200",
        "BETTING_AI_MODELS": str(models or load_settings().models),
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "betting_ai", *words],
        capture_output=True, text=True, env=environment, timeout=300, check=False,
    )  # fmt: skip


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
    for words in ("average pre-match price", "closing price", "ensemble p", "CLV", "Deep RL's"):
        assert words in done.stdout


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
        (("--from", "soon", "--to", "2024-07-01"), 2, "write --from 2024-07-01"),
        (("--from", "2010-08-01", "--to", "2011-07-01"), 1, "no model was trained before"),
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
    assert (done.returncode, json.loads(done.stdout)) == (0, {"days": 6, "leaks": []})


def test_models_are_listed_and_rolled_back(tmp_path: Path) -> None:
    models = Path(shutil.copytree(load_settings().models, tmp_path / "models"))
    found = json.loads(run("models", "list", "--json", home=tmp_path, models=models).stdout)
    results = [m["version"] for m in found if m["market"] == "match_result"]
    assert results == ["2023-06-30", "2024-06-30", "2025-06-30"]
    assert all(m["gate"]["open"] == (m["market"] == "match_result") for m in found)
    back = run("models", "rollback", "--json", home=tmp_path, models=models)
    assert json.loads(back.stdout)["answers_now"] == "2024-06-30"
    kept = json.loads((models / "channels.json").read_text())
    assert kept["match_result"]["stable"] == results[:2]
