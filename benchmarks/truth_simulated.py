"""The product where the truth is known: a simulated league, against the best that can be done.

    python benchmarks/truth_simulated.py [--seed N] [--quick]

Twenty-two divisions of known true probabilities are played for ten seasons; the real training code
learns from the first seven, the last three are judged. EV must lie within half a point of the truth
in every bucket, confidence within 3 points of the share that beats the close, and the stakes must
grow a bankroll at 90 % of the pace of a Bayes-optimal bettor who sees the same quotes and knows how
the league is made. ``--quick`` trains the smaller members that the tests use.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter

# Threads that spin while they wait slow a busy machine down several times over.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from betting_ai.domain.slate import PROFILES
from betting_ai.training.train import TrainingPlan
from truth.checks import NO_CRITERIA, Trial, figures_of, world_of


def main() -> int:
    """Train, judge, print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--quick", action="store_true")
    asked = options.parse_args()
    trial = Trial()
    trial = replace(trial, simulation=replace(trial.simulation, seed=asked.seed))
    if not asked.quick:
        trial = replace(trial, trainers=TrainingPlan(trial.through).trainers)
    began = perf_counter()
    world = world_of(trial)
    figures = figures_of(world, (NO_CRITERIA, *PROFILES.values()))
    failures = figures.failures()
    seconds = round(perf_counter() - began, 1)
    told = {"benchmark": "truth_simulated", **figures.to_dict(), "seconds": seconds}
    print(json.dumps(told | {"passed": not failures}))
    print(figures)
    worst = max(figures.ev, key=lambda b: abs(b.gap))
    doubt = max(figures.confidence, key=lambda b: abs(b.gap))
    least = min(figures.growth, key=lambda g: g.share)
    print(
        f"{'FAIL' if failures else 'PASS'}: EV {worst.gap:+.2f} points at most (budget 0.5), "
        f"confidence {doubt.gap:+.1f} (budget 3), growth {least.share:.0%} of Bayes at least "
        f"(budget 90 %)"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
