"""Ours against peers: fair probabilities and speed, on the same matches, in one run.

    make bench-peers [ARGS="--folder DIR"]

Needs the packages of ``requirements/peers.txt``, which `make bench-peers` keeps in an environment
of their own, and season files. The network is not used.

**Quality.** Season 2024-25 of five top divisions. Ours is the shipped vintage of 2024-06-30, asked
as it is served: on top of its checkpoint, each match at its own price stamp. The peers' ratings see
all results up to the day before the match, which is later than ours do; Dixon-Coles those up to the
Sunday before; sports-betting's classifier, the one of its README, fits those up to the month before
and sees form up to the match. penaltyblog also sees the second divisions, or promoted teams would
be strangers to it, and its constants are those that did best on 2023-24. Its ratings become
probabilities by its own formulas and by a logit fitted on earlier seasons.

**Time.** Processor seconds on one thread, so that a busy machine does not decide. (Left alone,
penaltyblog's fits spread over all cores and burn up to thirty times as much.) Gated:

- ratings into probabilities before every match: penaltyblog's Elo and pi by their own methods; our
  replay, which carries attack, defence and past prices too, and a logit;
- attack and defence of one season of 380 matches: one Dixon-Coles fit at its end; our replay, which
  has them for each of its days;
- attack and defence before each judged match: Dixon-Coles fitted weekly on four years; our replay
  of all seasons there are;
- the power method;
- season files to bets on draws: sports-betting's README pipeline; our loading, features, scoring
  and choosing. Theirs fits its classifier five times in that, ours was trained before.

Not gated, but printed, because there we are *slower*: penaltyblog's Elo alone, and its bare rating
updates. They are a few float operations a match in plain Python; our replay carries four ratings
and their uncertainty, a day at a time, and has no way to carry one alone.

sports-betting's loader first reads the site's index pages over the network (its source's
`list_index_items` names nothing else), so it cannot run offline as it is. Only its catalogue is
replaced, by one that lists files on disk; its own `fetch_payloads` reads those, and its own code
does all the rest.

Exits 1 if our ``p`` has not a lower log-loss than each peer that sees results only, or a gated task
takes us longer.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import penaltyblog
from threadpoolctl import threadpool_limits

from betting_ai.adapters.feeds.football_data.folder import SeasonFolder
from betting_ai.adapters.local.model_store import FolderModelStore
from betting_ai.domain.markets import MATCH_RESULT, Market
from betting_ai.domain.odds import fair_probabilities
from betting_ai.domain.probabilities import cross_entropy, log_loss
from betting_ai.features.facts import Facts, Floats
from betting_ai.features.history import summarise
from betting_ai.features.spec import FeatureSpec
from betting_ai.models.registry import Registry
from peer_models import (
    FOREVER,
    SEASON,
    SECOND,
    TOP,
    Arena,
    Backtest,
    Elo,
    Pi,
    assess_season,
    carried_forward,
    dixon_coles,
    file_name,
    our_backtest,
    our_ratings,
    played,
    scorable,
    their_backtest,
    their_probabilities,
)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data" / "football"
VINTAGE = "2024-06-30"
RESULTS, PRICES, CLOSE = "results", "prices", "the close"
OURS, OUR_RATINGS, MARKET = "ours, p", "our ratings alone, logit", "market average, power"
DEVIG_ROWS, SEASON_REPEATS = 10_000, 9


@dataclass(frozen=True, eq=False)
class Entry:
    """One row of the table: who, what they see, and their (k, 3) probabilities."""

    name: str
    sees: str
    p: Floats


def quality(arena: Arena, entries: list[Entry]) -> dict[str, dict[str, Any]]:
    """Means and standard errors of each on the same matches; the market is the reference."""
    outcome, close = arena.outcome[arena.rows], arena.close[arena.rows]
    scores = {e.name: (log_loss(e.p, outcome), cross_entropy(close, e.p)) for e in entries}
    ours, market = scores[OURS], scores[MARKET]
    figures = {}
    for entry in entries:
        results, closes = scores[entry.name]
        figures[entry.name] = {
            "sees": entry.sees,
            "log_loss": mean_and_error(results),
            "against_market": mean_and_error(results - market[0]),
            "cross_entropy": mean_and_error(closes),
            "cross_entropy_against_market": mean_and_error(closes - market[1]),
            "ours_better_by": mean_and_error(results - ours[0]),
        }
    return figures


def mean_and_error(values: Floats) -> tuple[float, float]:
    """Mean and its standard error."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    return round(float(values.mean()), 5), round(float(error), 5)


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Processor time of the best of some runs."""
    taken = []
    for _ in range(repeats):
        start = process_time()
        work()
        taken.append(process_time() - start)
    return min(taken)


def rating_times(arena: Arena, spec: FeatureSpec) -> tuple[Entry, dict[str, float]]:
    """Matches a second of ratings with and without probabilities, and our ratings' own entry."""
    facts = arena.facts
    history = summarise(facts, FOREVER, spec)
    by_id = np.argsort(facts.event_id)
    rows = by_id[np.searchsorted(facts.event_id[by_id], history.event_id)]
    assert np.array_equal(np.sort(rows), np.arange(len(facts)))
    x = np.empty((len(facts), 4))
    x[rows] = our_ratings(history, spec)
    p, to_probabilities = arena.logit(x)
    matches = played(facts)

    def theirs(rating: Elo | Pi) -> None:
        for home, away, margin in matches:
            rating.probabilities(home, away)
            rating.update(home, away, margin)

    def bare(rating: Elo | Pi) -> None:
        for home, away, margin in matches:
            rating.update(home, away, margin)

    n = len(matches)
    replayed = seconds(lambda: our_ratings(history, spec), 3)
    ours = seconds(lambda: to_probabilities(our_ratings(history, spec)), 3)
    elo, pi = seconds(lambda: theirs(Elo()), 3), seconds(lambda: theirs(Pi()))
    bare_elo, bare_pi = seconds(lambda: bare(Elo()), 3), seconds(lambda: bare(Pi()), 3)
    return Entry(OUR_RATINGS, RESULTS, p), {
        "matches": n,
        "ours_with_probabilities": round(n / ours),
        "elo_with_probabilities": round(n / elo),
        "pi_with_probabilities": round(n / pi),
        "both_with_probabilities": round(n / (elo + pi)),
        "ours_bare": round(n / replayed),
        "elo_bare": round(n / bare_elo),
        "pi_bare": round(n / bare_pi),
        "both_bare": round(n / (bare_elo + bare_pi)),
    }


def season_times(arena: Arena, spec: FeatureSpec) -> dict[str, float]:
    """Milliseconds for attack and defence of one season of 380 matches."""
    facts = arena.facts
    code = facts.leagues.index("E0")
    season = facts.where((facts.league == code) & (facts.season == SEASON - 1))
    history = summarise(season, FOREVER, spec)
    names = np.array(season.teams)
    home, away = names[season.home], names[season.away]

    def fit() -> None:
        goals = season.stats[:, 0], season.stats[:, 1]
        penaltyblog.models.DixonColesGoalModel(*goals, home, away).fit()

    theirs = seconds(fit, SEASON_REPEATS)
    ours = seconds(lambda: our_ratings(history, spec), SEASON_REPEATS)
    return {
        "matches": len(season),
        "ours_ms": round(1e3 * ours, 2),
        "dixon_coles_fit_ms": round(1e3 * theirs, 2),
    }


def devig_times(facts: Facts) -> dict[str, float]:
    """Rows a second of the power method, and how far the answers are apart."""
    prices = facts.price[facts.quote_market == Market.MATCH_RESULT]
    prices = prices[~np.isnan(fair_probabilities(prices)).any(axis=1)]
    prices = prices[:: len(prices) // DEVIG_ROWS][:DEVIG_ROWS]
    listed = prices.tolist()
    power = penaltyblog.implied.calculate_implied
    start = process_time()
    theirs = [power(row, method="power").probabilities for row in listed]
    taken = process_time() - start
    ours = seconds(lambda: fair_probabilities(prices), 9)
    return {
        "rows": len(prices),
        "ours": round(len(prices) / ours),
        "penaltyblog": round(len(prices) / taken),
        "largest_difference": float(np.abs(fair_probabilities(prices) - theirs).max()),
    }


def measure(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Everything: figures of quality and of time."""
    registry = Registry(FolderModelStore(ROOT / "model_artifacts"))
    model = registry.load(registry.manifest(MATCH_RESULT.name, VINTAGE))
    assessment = assess_season(folder, model)
    usable = scorable(assessment)
    market = assessment.features.market
    events = assessment.facts.event_id[market.rows[usable]]
    arena = Arena.of(SeasonFolder(folder).load(leagues=[*TOP, *SECOND.values()]), events)
    assert np.array_equal(arena.facts.event_id[arena.rows], events)
    assert model.checkpoint.through < arena.facts.day[arena.rows].min()

    frames, theirs, days = their_backtest(folder)
    runs = [our_backtest(folder, model, *days) for _ in range(3)]
    ours = min(runs, key=lambda run: run.seconds)
    assert ours.matches == theirs.matches
    own_entry, ratings = rating_times(arena, model.manifest.spec)
    by_elo, elo_own = carried_forward(arena, Elo())
    by_pi, pi_own = carried_forward(arena, Pi())
    fitted, weekly = dixon_coles(arena)
    entries = [
        Entry("fair close (the ceiling)", CLOSE, arena.close[arena.rows]),
        Entry(OURS, PRICES, assessment.judgement.ensemble[usable]),
        Entry("ours, f", PRICES, assessment.judgement.pick[usable]),
        Entry(MARKET, PRICES, fair_probabilities(market.average[usable])),
        own_entry,
        Entry("penaltyblog Dixon-Coles, weekly", RESULTS, fitted),
        Entry("penaltyblog Elo, logit", RESULTS, arena.logit(by_elo)[0]),
        Entry("penaltyblog pi, logit", RESULTS, arena.logit(by_pi)[0]),
        Entry("penaltyblog Elo, own formula", RESULTS, elo_own),
        Entry("penaltyblog pi, own formula", RESULTS, pi_own),
        Entry("sports-betting README, monthly", RESULTS, their_probabilities(arena, frames)),
        Entry("base rates", RESULTS, arena.base_rates()),
    ]
    time = {
        "ratings": ratings,
        "season": season_times(arena, model.manifest.spec),
        "weekly_dixon_coles": weekly,
        "devig": devig_times(arena.facts),
        "files_to_bets": {"ours": told(ours), "sports_betting": told(theirs)},
    }
    counts = {"matches": len(arena.rows), "left_out": int((~usable).sum())}
    return {**counts, "entries": quality(arena, entries)}, time


def told(run: Backtest) -> dict[str, float]:
    """For the line of JSON."""
    return {name: round(value, 3) for name, value in asdict(run).items()}


def gates(time: Mapping[str, Any]) -> dict[str, float]:
    """How many times faster we are in each gated task."""
    ratings, season, devig = time["ratings"], time["season"], time["devig"]
    replayed = ratings["matches"] / ratings["ours_bare"]
    total = {
        who: run["extract_seconds"] + run["backtest_seconds"]
        for who, run in time["files_to_bets"].items()
    }
    return {
        "ratings_with_probabilities": round(
            ratings["ours_with_probabilities"] / ratings["both_with_probabilities"], 1
        ),
        "attack_and_defence_of_a_season": round(
            season["dixon_coles_fit_ms"] / season["ours_ms"], 2
        ),
        "attack_and_defence_weekly": round(time["weekly_dixon_coles"]["seconds"] / replayed, 1),
        "devig": round(devig["ours"] / devig["penaltyblog"]),
        "files_to_bets": round(total["sports_betting"] / total["ours"], 1),
    }


def show(results: Mapping[str, Any], time: Mapping[str, Any], faster: Mapping[str, float]) -> None:
    """Tables for people."""
    print(f"{results['matches']:,} matches of {SEASON}-{SEASON % 100 + 1}, {', '.join(TOP)}")
    print(
        f"{'':33}{'sees':>10}  {'log-loss (SE)':>16}  {'- market (SE)':>18}  "
        f"{'vs close - market (SE)':>24}  {'ours better by (SE)':>20}"
    )
    for name, figures in results["entries"].items():
        loss, market, close, better = (
            figures[key]
            for key in (
                "log_loss", "against_market", "cross_entropy_against_market", "ours_better_by",
            )
        )  # fmt: skip
        print(
            f"{name:33}{figures['sees']:>10}  {loss[0]:7.4f} ({loss[1]:.4f})  "
            f"{market[0]:+9.4f} ({market[1]:.4f})  {close[0]:+14.5f} ({close[1]:.5f})  "
            f"{better[0]:+11.4f} ({better[1]:.4f})"
        )
    ratings, season, devig = time["ratings"], time["season"], time["devig"]
    weekly, whole = time["weekly_dixon_coles"], time["files_to_bets"]
    ours, theirs = whole["ours"], whole["sports_betting"]
    replayed = ratings["matches"] / ratings["ours_bare"]
    alone, bare = (
        ratings[key] / ratings[f"ours_{key.partition('_')[2]}"]
        for key in ("elo_with_probabilities", "both_bare")
    )
    print(f"""
ratings into probabilities, matches/s  ours {ratings["ours_with_probabilities"]:,}; penaltyblog \
Elo and pi {ratings["both_with_probabilities"]:,}: {faster["ratings_with_probabilities"]} x faster
  not gated: one of them alone         penaltyblog pi {ratings["pi_with_probabilities"]:,}; \
Elo {ratings["elo_with_probabilities"]:,}: {alone:.1f} x SLOWER
  not gated: updates only              ours {ratings["ours_bare"]:,}; penaltyblog \
Elo {ratings["elo_bare"]:,}, pi {ratings["pi_bare"]:,}, both {ratings["both_bare"]:,}: \
{bare:.1f} x SLOWER
attack and defence of {season["matches"]} matches     ours {season["ours_ms"]} ms; \
one Dixon-Coles fit {season["dixon_coles_fit_ms"]} ms: \
{faster["attack_and_defence_of_a_season"]} x faster
  before each of {results["matches"]:,} matches        ours {replayed:.2f} s for all \
{ratings["matches"]:,} matches there are; {weekly["fits"]} weekly fits {weekly["seconds"]} s: \
{faster["attack_and_defence_weekly"]} x faster
power method, rows/s                   ours {devig["ours"]:,}; \
penaltyblog {devig["penaltyblog"]:,}: {faster["devig"]:,} x faster, \
largest difference {devig["largest_difference"]:.0e}
files to bets, {ours["matches"]:,} matches           ours {ours["extract_seconds"]:.2f} + \
{ours["backtest_seconds"]:.2f} s; sports-betting {theirs["extract_seconds"]:.2f} + \
{theirs["backtest_seconds"]:.2f} s: {faster["files_to_bets"]} x faster
""")


def main() -> int:
    """Measure, print and judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, default=SHARED)
    folder = arguments.parse_args().folder.resolve()
    if not (folder / file_name(SEASON, TOP[0])).is_file():
        print(f"{folder} has no season files such as 2425/E0.csv; name some with --folder")
        return 1
    with threadpool_limits(1):
        results, time = measure(folder)
    faster = gates(time)
    rivals = {
        name: figures["ours_better_by"][0]
        for name, figures in results["entries"].items()
        if figures["sees"] == RESULTS and name != OUR_RATINGS
    }
    lost = [name for name, better in rivals.items() if not better > 0.0]
    slower = [task for task, ratio in faster.items() if ratio < 1.0]
    passed = not lost and not slower
    versions = {name: version(name) for name in ("penaltyblog", "sports-betting", "numpy")}
    figures = {"versions": versions, "quality": results, "time": time, "times_faster": faster}
    print(json.dumps({"benchmark": "peers", **figures, "passed": passed}))
    show(results, time, faster)
    print(
        f"{'PASS' if passed else 'FAIL'}: the log-loss of our p is below that of "
        f"{len(rivals) - len(lost)} of {len(rivals)} that see results only; "
        f"{len(faster) - len(slower)} of {len(faster)} gated tasks are faster"
        + "".join(f"; NOT {name}" for name in (*lost, *slower))
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
