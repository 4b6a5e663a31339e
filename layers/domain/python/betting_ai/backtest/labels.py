"""What learning from closing prices is worth: the members trained on results instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from betting_ai.backtest.walk_forward import WalkForward
from betting_ai.domain.probabilities import cross_entropy, log_loss
from betting_ai.domain.statistics import mean_and_error
from betting_ai.features.facts import Facts
from betting_ai.features.spec import FeatureSpec
from betting_ai.models.manifest import ENSEMBLE, MEMBERS
from betting_ai.models.scorer import Scorer
from betting_ai.training.dataset import FIRST_CLOSES, assemble, whole_history
from betting_ai.training.fit import Fits, fitted
from betting_ai.training.train import TrainingPlan


def compare_labels(
    facts: Facts, plan: WalkForward, fits: Fits, progress: Callable[[str, int, int], None]
) -> dict[str, Any]:
    """Members with the label on the close and on the result, on the last two seasons.

    Returns:
        Member -> label -> difference to the consensus in cross-entropy against the fair close and
        in log-loss.
    """
    spec = replace(FeatureSpec(), pool_named=0.0)
    data = assemble(facts, whole_history(facts, spec), spec, FIRST_CLOSES, plan.market)
    known_day = data.facts.result_known_at[data.rows] // 86_400
    trainers = TrainingPlan(date(plan.last_season, 6, 30), plan.market).trainers
    seasons = range(max(plan.first_season, plan.last_season - 1), plan.last_season + 1)
    found: dict[str, dict[str, Any]] = {name: {} for name in MEMBERS}
    total, done = 2 * len(seasons), 0
    for label, part in (("close", data), ("result", data.labelled_by_results())):
        answers, rows = [], []
        for season in seasons:
            progress(f"label {label}, {season}", done, total)
            start = (date(season, 7, 1) - date(1970, 1, 1)).days
            past = np.flatnonzero(known_day < start)
            fold = np.flatnonzero((data.day >= start) & (data.day < start + 365))
            fit = fitted(part, past, trainers, spec, fits, lambda _name: None)
            answers.append(Scorer(fit.graphs[ENSEMBLE]).score(data.matrix[fold]).members)
            rows.append(fold)
            done += 1
        its = np.concatenate(rows)
        members = np.concatenate(answers, axis=1)
        q, close, outcome = data.consensus[its], data.close[its], data.outcome[its]
        known = ~np.isnan(close[:, 0])
        for name, p in zip(MEMBERS, members, strict=True):
            to_close = cross_entropy(close[known], p[known]) - cross_entropy(close[known], q[known])
            found[name][label] = {
                "cross_entropy_difference": mean_and_error(to_close),
                "log_loss_difference": mean_and_error(log_loss(p, outcome) - log_loss(q, outcome)),
            }
    progress("labels", total, total)
    return found
