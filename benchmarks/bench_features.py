"""The feature build of 25 seasons on one core, the de-vig of all books included.

    python benchmarks/bench_features.py [--folder DIR]

Real season files where they are present, else as many generated matches. What is timed is what
training pays: the history out of the facts (`summarise`) and every match at its own price stamp
(`build`), on facts that nothing was worked out of before; and the windowed form columns alone. The
reference is the de-vig of the same match-result prices alone, in the same run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from time import process_time

import numpy as np

from betting_ai.adapters.feeds.football_data.folder import SeasonFolder
from betting_ai.domain.leagues import LEAGUES, SEASON_FILE_LEAGUES
from betting_ai.domain.markets import Market
from betting_ai.domain.odds import fair_probabilities
from betting_ai.features.build import Asked, build, form_columns
from betting_ai.features.facts import STATS, Facts, merge
from betting_ai.features.history import summarise
from betting_ai.features.spec import FeatureSpec

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "football"
EVERYTHING, FORM = 40_000, 100_000
MATCHES, SEASONS, TEAMS = 190_500, 25, 20
BOOKS = ("1XB", "AVG", "B365", "BF", "BFE", "BW", "MAX", "PS", "WH")
CLOSING = ("AVG", "B365", "MAX", "PS")
DAY = 86_400
REPEATS = 3


def generated() -> Facts:
    """As many matches, books and prices as the real files hold."""
    random = np.random.default_rng(5)
    codes = tuple(sorted(SEASON_FILE_LEAGUES))
    teams = sorted(f"{LEAGUES[code].country}:{code} {i:02}" for code in codes for i in range(TEAMS))
    own = [[i for i, name in enumerate(teams) if f":{code} " in name] for code in codes]
    pairs = np.array([pair for pair in product(range(TEAMS), repeat=2) if pair[0] != pair[1]])
    per_season = MATCHES // (SEASONS * len(codes))
    league, season, slot = (
        column.ravel()
        for column in np.meshgrid(
            np.arange(len(codes)), np.arange(SEASONS), np.arange(per_season), indexing="ij"
        )
    )
    home, away = (np.array(own)[league, pairs[slot, side]] for side in (0, 1))
    day = 11_170 + 365 * season + 280 * slot // per_season
    kickoff = day * DAY + 54_000
    n = len(league)
    columns = [(book, Market.MATCH_RESULT, 0.0, DAY) for book in range(len(BOOKS))]
    columns += [(BOOKS.index(book), Market.MATCH_RESULT, 0.0, 0) for book in CLOSING]
    columns += [
        (BOOKS.index(book), market, line, DAY)
        for book in ("AVG", "B365", "MAX")
        for market, line in ((Market.TOTALS, 2.5), (Market.HANDICAP, -0.25))
    ]
    book, market, line, before = (np.tile(np.array(part), n) for part in zip(*columns, strict=True))
    event = np.repeat(np.arange(n), len(columns))
    fair = random.dirichlet((9.0, 5.5, 6.0), n)[event]
    price = np.round(1.0 / (fair * 1.05 * random.uniform(0.98, 1.02, (len(event), 3))), 2)
    price[market != Market.MATCH_RESULT] = (1.9, 1.95, np.nan)
    return merge([
        Facts(
            leagues=codes,
            teams=tuple(teams),
            books=BOOKS,
            event_id=np.arange(n),
            league=league,
            season=2000 + season,
            home=home,
            away=away,
            kickoff=kickoff,
            day=day,
            time_assumed=np.zeros(n, np.bool_),
            result_known_at=kickoff + 8_100,
            stats=random.poisson(np.resize([1.4, 1.1, 0.6, 0.5, 12, 10, 5, 4], len(STATS)),
                                 (n, len(STATS))),
            quote_event=event,
            quote_book=book,
            quote_market=market,
            quote_line=line,
            quoted_at=kickoff[event] - before,
            price=np.maximum(price, 1.02),
        )
    ])  # fmt: skip


def seconds(work: Callable[[], object]) -> float:
    """Processor time of the best of some runs."""
    taken = []
    for _ in range(REPEATS):
        start = process_time()
        work()
        taken.append(process_time() - start)
    return min(taken)


def measure(facts: Facts) -> dict[str, float]:
    """Matches a second of everything, and of the form columns alone."""
    spec = FeatureSpec()
    rows = np.arange(len(facts))
    as_of = facts.kickoff - 1
    forever = int(facts.kickoff.max()) + 7 * DAY

    def everything() -> None:
        untouched = dataclasses.replace(facts)
        history = summarise(untouched, forever, spec)
        matrix = build(history, untouched, rows, as_of, spec).matrix
        assert len(matrix) == len(facts)

    history = summarise(facts, forever, spec)
    asked = Asked.of(history, facts, rows, build(history, facts, rows, as_of, spec).cutoff, spec)
    prices = facts.price[facts.quote_market == Market.MATCH_RESULT]
    devig = seconds(lambda: fair_probabilities(prices))
    whole = seconds(everything)
    windows = seconds(lambda: list(form_columns(asked, spec)))
    return {
        "matches": len(facts),
        "quotes": facts.quotes,
        "seconds": round(whole, 2),
        "matches_per_second": round(len(facts) / whole),
        "form_seconds": round(windows, 2),
        "form_matches_per_second": round(len(facts) / windows),
        "devig_seconds": round(devig, 2),
        "ratio_to_devig_alone": round(whole / devig, 1),
    }


def main() -> int:
    """Measure, print and judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, default=SHARED if SHARED.is_dir() else None)
    folder = arguments.parse_args().folder
    figures = measure(SeasonFolder(folder).load() if folder else generated())
    rate, form = figures["matches_per_second"], figures["form_matches_per_second"]
    passed = rate >= EVERYTHING and form >= FORM
    print(json.dumps({"benchmark": "features", **figures, "passed": passed}))
    print(
        f"{'PASS' if passed else 'FAIL'}: {rate:,} matches/s for everything "
        f"(budget {EVERYTHING:,}; {figures['ratio_to_devig_alone']} x the de-vig alone), "
        f"{form:,} for the windowed form columns (budget {FORM:,}), on one core"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
