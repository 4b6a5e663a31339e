"""Scoring by the merged ONNX graph against the libraries that trained the members.

    python benchmarks/bench_scoring.py [--folder DIR]

Trains members of full size on three seasons of real matches, or on
generated ones where there are none; then scores one event and 10,000 events by both. Both run on
one thread: a joblib pool would only slow the libraries' single event down.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_limits

from bench_features import SHARED, generated
from betting_ai.adapters.feeds.football_data.folder import SeasonFolder
from betting_ai.features.facts import Facts
from betting_ai.features.spec import FeatureSpec
from betting_ai.models.manifest import MEMBERS
from betting_ai.models.scorer import Scorer
from betting_ai.training.bayesian import BayesianTrainer
from betting_ai.training.boosted import BoostedMember, BoostedTrainer
from betting_ai.training.dataset import FIRST_CLOSES, assemble, whole_history
from betting_ai.training.deep_rl import PolicyTrainer
from betting_ai.training.forest import ForestMember, ForestTrainer
from betting_ai.training.graph import GraphBuilder
from betting_ai.training.linear import LinearMove
from betting_ai.training.members import Member

ONE_EVENT_RATIO, ONE_EVENT_SECONDS = 50.0, 0.002
MANY, MANY_RATIO = 10_000, 3.0
PARITY = 1e-5


def last_seasons(folder: Path | None) -> Facts:
    """Three seasons."""
    if folder:
        return SeasonFolder(folder).load(seasons=(2020, 2021, 2022))
    facts = generated()
    return facts.where(facts.season >= facts.season.max() - 2)


def trained(facts: Facts) -> tuple[dict[str, Member], bytes, np.ndarray]:
    """Members of full size on one thread, their merged graph, and rows to score."""
    spec = FeatureSpec()
    data = assemble(facts, whole_history(facts, spec), spec, FIRST_CLOSES)
    rows = np.arange(len(data))
    members: dict[str, Member] = {}
    graph = GraphBuilder()
    linear = LinearMove.fit(data, rows)
    for trainer in (BoostedTrainer(), ForestTrainer(), PolicyTrainer(), BayesianTrainer()):
        member = members[trainer.name] = trainer.train(data, rows, linear)
        graph.prefix = f"{trainer.name}_"
        member.export(graph)
        if isinstance(member, BoostedMember):
            member.booster.set_param("nthread", 1)
        if isinstance(member, ForestMember):
            member.forest.set_params(n_jobs=1)
    return members, graph.build("ensemble", spec, data.betting), data.matrix


def median_seconds(work: Callable[[int], object], repeats: int) -> float:
    """The median of some runs, after one to warm up."""
    work(0)
    taken = []
    for i in range(repeats):
        start = perf_counter()
        work(i)
        taken.append(perf_counter() - start)
    return statistics.median(taken)


def main() -> int:
    """Measure, print and judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, default=SHARED if SHARED.is_dir() else None)
    members, graph, matrix = trained(last_seasons(arguments.parse_args().folder))
    start = perf_counter()
    scorer = Scorer(graph)
    load = perf_counter() - start
    many = matrix[-MANY:]

    def native(rows: np.ndarray) -> np.ndarray:
        return np.stack([members[name].predict(rows) for name in MEMBERS])

    with threadpool_limits(1):
        difference = float(np.abs(native(many) - scorer.score(many).members).max())
        one_native = median_seconds(lambda i: native(matrix[i : i + 1]), 30)
        one_onnx = median_seconds(lambda i: scorer.score(matrix[i : i + 1]), 300)
        many_native = median_seconds(lambda _: native(many), 3)
        many_onnx = median_seconds(lambda _: scorer.score(many), 3)
    faster, slower = one_native / one_onnx, many_onnx / many_native
    passed = (
        faster >= ONE_EVENT_RATIO
        and one_onnx < ONE_EVENT_SECONDS
        and slower <= MANY_RATIO
        and difference <= PARITY
    )
    figures = {
        "graph_megabytes": round(len(graph) / 1e6, 2),
        "load_seconds": round(load, 3),
        "one_event_native_ms": round(1e3 * one_native, 3),
        "one_event_onnx_ms": round(1e3 * one_onnx, 3),
        "one_event_ratio": round(faster, 1),
        "many_events": len(many),
        "many_native_seconds": round(many_native, 3),
        "many_onnx_seconds": round(many_onnx, 3),
        "many_ratio": round(slower, 2),
        "largest_difference": difference,
    }
    print(json.dumps({"benchmark": "scoring", **figures, "passed": passed}))
    print(
        f"{'PASS' if passed else 'FAIL'}: one event in {1e3 * one_onnx:.2f} ms "
        f"(budget {1e3 * ONE_EVENT_SECONDS:g}), {faster:.0f} x faster than the libraries "
        f"(budget {ONE_EVENT_RATIO:g}); {len(many):,} events in {slower:.1f} x their time "
        f"(budget {MANY_RATIO:g}); largest difference {difference:.0e}"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
