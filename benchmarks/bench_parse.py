"""How fast season files become facts: prices a second, and the ratio to merely reading their cells.

    python benchmarks/bench_parse.py [--folder DIR]

Without a folder of real season files it measures generated ones of the newest form.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from betting_ai.adapters.feeds.football_data.folder import SeasonFolder
from betting_ai.adapters.feeds.football_data.parser import parse_season_file
from betting_ai.domain.leagues import SEASON_FILE_LEAGUES
from betting_ai.features.facts import Facts, merge

BUDGET_SECONDS_PER_SEASON = 1.6  # 25 seasons of 22 divisions in 40 s
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "football"
BOOKS = ("B365", "BW", "BF", "PS", "WH", "1XB", "Max", "Avg", "BFE")

Load = Callable[[], Facts]


def real(folder: Path) -> tuple[list[bytes], Load]:
    """The folder's files, and how to load them."""
    files = SeasonFolder(folder)
    return [file.path.read_bytes() for file in files.find()], files.load


def generated(teams: int = 20) -> tuple[list[bytes], Load]:
    """A season of every division, and how to load it."""
    random = np.random.default_rng(7)
    prefixes = [book + close for book in BOOKS for close in ("", "C")]
    header = ["Div", "Date", "Time", "HomeTeam", "AwayTeam", "FTHG", "FTAG", "FTR"]
    header += [prefix + outcome for prefix in prefixes for outcome in "HDA"]
    contents = []
    for league in SEASON_FILE_LEAGUES:
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(header)
        pairs = [(h, a) for h in range(teams) for a in range(teams) if h != a]
        for i, (home, away) in enumerate(pairs):
            day = np.datetime64("2024-08-10") + 7 * (i // 10)
            date = f"{day.item():%d/%m/%Y}"
            fair = random.dirichlet((8, 5, 6), len(prefixes))
            prices = np.round(np.clip(0.95 / fair, 1.01, 500), 2).ravel().tolist()
            row = [league, date, "15:00", f"Team {home}", f"Team {away}", 1, 1, "D"]
            writer.writerow([*row, *prices])
        contents.append(out.getvalue().encode())

    def load() -> Facts:
        return merge(
            [
                parse_season_file(content, league=league, season=2024, name=league).facts
                for league, content in zip(SEASON_FILE_LEAGUES, contents, strict=True)
            ]
        )

    return contents, load


def main() -> int:
    """Measure, print and judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, default=SHARED if SHARED.is_dir() else None)
    folder = arguments.parse_args().folder
    contents, load = real(folder) if folder else generated()

    began = time.perf_counter()
    cells = sum(
        sum(len(row) for row in csv.reader(content.decode("utf-8-sig", "replace").splitlines()))
        for content in contents
    )
    reading = time.perf_counter() - began
    began = time.perf_counter()
    facts = load()
    parsing = time.perf_counter() - began

    prices = int(np.count_nonzero(facts.price > 1))
    seasons = len(contents) / 22
    passed = parsing / seasons <= BUDGET_SECONDS_PER_SEASON
    figures = {
        "files": len(contents),
        "cells": cells,
        "events": len(facts),
        "prices": prices,
        "read_seconds": round(reading, 3),
        "parse_seconds": round(parsing, 3),
        "prices_per_second": round(prices / parsing),
        "parse_over_csv_reader": round(parsing / reading, 2),
        "seconds_per_season": round(parsing / seasons, 3),
    }
    print(json.dumps(figures))
    print(
        f"{'PASS' if passed else 'FAIL'}: {parsing / seasons:.2f} s a season of 22 divisions "
        f"(budget {BUDGET_SECONDS_PER_SEASON}), {prices / parsing:,.0f} prices/s, "
        f"{parsing / reading:.1f} x the time of csv.reader alone"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
