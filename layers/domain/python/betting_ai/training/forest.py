"""Random forest: how far each log-probability will move from the market to the fair close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from betting_ai.domain.probabilities import normalise
from betting_ai.features.facts import Floats, Ints
from betting_ai.features.spec import column
from betting_ai.training.dataset import Dataset
from betting_ai.training.graph import GraphBuilder, Tree, float32_floor

_AT = column("log_q_home")


@dataclass(frozen=True)
class ForestMember:
    """A trained forest."""

    forest: Any

    def predict(self, matrix: np.ndarray) -> Floats:
        """(n, 3) probabilities: the market, moved as the forest says."""
        move = self.forest.predict(matrix)
        return normalise(np.exp(matrix[:, _AT : _AT + 3].astype(np.float64) + move))

    def export(self, graph: GraphBuilder) -> None:
        """The mean of the trees, added to the market's log-probabilities, through a softmax."""
        move = graph.trees(self._trees(), 3, inclusive=True)
        base = graph.columns("log_q_home", 3)
        graph.output(graph.add("Softmax", graph.add("Add", move, base), axis=1), "random_forest")

    def _trees(self) -> list[Tree]:
        count = len(self.forest.estimators_)
        return [
            Tree(
                left=np.asarray(tree.children_left, dtype=np.int64),
                right=np.asarray(tree.children_right, dtype=np.int64),
                feature=np.asarray(tree.feature, dtype=np.int64),
                threshold=float32_floor(tree.threshold),
                missing_left=np.asarray(tree.missing_go_to_left, dtype=np.int64),
                values=tree.value[:, :, 0] / count,
            )
            for tree in (estimator.tree_ for estimator in self.forest.estimators_)
        ]


@dataclass(frozen=True)
class ForestTrainer:
    """Settings of the forest; small leaves learn noise, and its size is most of the graph's."""

    trees: int = 200
    depth: int = 11
    leaf: int = 150
    name: str = "random_forest"

    def train(self, data: Dataset, rows: Ints) -> ForestMember:
        """Fit on rows.

        Where there is no close the target is the first-order move towards the result,
        ``(y - q) / q``, under the result's small weight.
        """
        q, target = data.consensus[rows], data.target[rows]
        soft = data.has_close[rows, None]
        with np.errstate(divide="ignore"):
            move = np.where(soft, np.log(target) - np.log(q), (target - q) / q)
        forest = RandomForestRegressor(
            n_estimators=self.trees,
            max_depth=self.depth,
            min_samples_leaf=self.leaf,
            max_features=0.2,
            max_samples=0.3,
            n_jobs=2,
            random_state=25,
        )
        forest.fit(data.matrix[rows], move, sample_weight=data.weight[rows])
        # In parallel, trees are added up in the order in which they finish.
        return ForestMember(forest.set_params(n_jobs=1))
