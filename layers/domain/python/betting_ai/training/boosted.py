"""XGBoost: gradient boosting on top of the market.

The base margin is the market's log-probabilities and their linear move, so that every tree is a
correction to those. The objective is cross-entropy against a soft label, the fair close.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost as xgb

from betting_ai.features.facts import Floats, Ints
from betting_ai.training.dataset import Dataset
from betting_ai.training.graph import GraphBuilder, Tree
from betting_ai.training.linear import LinearMove


@dataclass(frozen=True)
class BoostedMember:
    """A trained booster and what it starts from."""

    booster: Any
    linear: LinearMove

    def predict(self, matrix: np.ndarray) -> Floats:
        """(n, s) probabilities."""
        rows = xgb.DMatrix(matrix, base_margin=_margin(self.linear, matrix))
        return _softmax(self.booster.predict(rows, output_margin=True).astype(np.float64))

    def export(self, graph: GraphBuilder) -> None:
        """Trees, plus where they start, through a softmax."""
        margin = graph.trees(self._trees(), self.linear.market.width, inclusive=False)
        base = self.linear.export(graph)
        graph.output(
            graph.add("Softmax", graph.add("Add", margin, base), axis=1),
            "xgboost",
            self.linear.market.width,
        )

    def _trees(self) -> list[Tree]:
        model = json.loads(self.booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
        trees = []
        for tree, target in zip(model["trees"], model["tree_info"], strict=True):
            left = np.array(tree["left_children"], dtype=np.int64)
            # A leaf keeps its value where an inner node keeps its threshold.
            conditions = np.array(tree["split_conditions"], dtype=np.float32)
            trees.append(
                Tree(
                    left=left,
                    right=np.array(tree["right_children"], dtype=np.int64),
                    feature=np.array(tree["split_indices"], dtype=np.int64),
                    threshold=np.where(left < 0, np.float32(0), conditions),
                    missing_left=np.array(tree["default_left"], dtype=np.int64),
                    values=conditions[:, None],
                    target=int(target),
                )
            )
        return trees


@dataclass(frozen=True)
class BoostedTrainer:
    """Settings of the booster; chosen on seasons up to 2023-24."""

    rounds: int = 300
    depth: int = 5
    rate: float = 0.05
    name: str = "xgboost"

    def train(self, data: Dataset, rows: Ints, linear: LinearMove) -> BoostedMember:
        """Fit on rows; two threads always, so that sums run in the same order everywhere."""
        matrix, target = data.matrix[rows], data.target[rows]
        weight = data.weight[rows, None]

        def objective(margin: np.ndarray, _: xgb.DMatrix) -> tuple[np.ndarray, np.ndarray]:
            p = _softmax(margin)
            return weight * (p - target), weight * p * (1.0 - p)

        booster = xgb.train(
            {
                "max_depth": self.depth,
                "eta": self.rate,
                "lambda": 50.0,
                "min_child_weight": 150.0,
                "subsample": 0.6,
                "colsample_bynode": 0.4,
                "tree_method": "hist",
                "num_class": data.betting.width,
                "base_score": 0.0,
                "disable_default_eval_metric": True,
                "nthread": 2,
                "seed": 20,
                "verbosity": 0,
            },
            xgb.DMatrix(matrix, base_margin=_margin(linear, matrix)),
            self.rounds,
            obj=objective,
        )
        return BoostedMember(booster, linear)


def _margin(linear: LinearMove, matrix: np.ndarray) -> np.ndarray:
    return linear.start(matrix).astype(np.float32)


def _softmax(margin: np.ndarray) -> np.ndarray:
    powers = np.exp(margin - margin.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares
