"""Random forest: what the linear move leaves of the way from the market to the fair close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from betting_ai.domain.probabilities import normalise
from betting_ai.features.facts import Floats, Ints
from betting_ai.training.dataset import Dataset
from betting_ai.training.graph import GraphBuilder, Tree, float32_floor
from betting_ai.training.linear import LinearMove


@dataclass(frozen=True)
class ForestMember:
    """A trained forest and what it starts from."""

    forest: Any
    linear: LinearMove

    def predict(self, matrix: np.ndarray) -> Floats:
        """(n, s) probabilities: the market, moved as the line and the forest say."""
        return normalise(np.exp(self.linear.start(matrix) + self.forest.predict(matrix)))

    def export(self, graph: GraphBuilder) -> None:
        """The mean of the trees, added to where they start, through a softmax."""
        move = graph.trees(self._trees(), self.linear.market.width, inclusive=True)
        base = self.linear.export(graph)
        graph.output(
            graph.add("Softmax", graph.add("Add", move, base), axis=1),
            "random_forest",
            self.linear.market.width,
        )

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

    def train(self, data: Dataset, rows: Ints, linear: LinearMove) -> ForestMember:
        """Fit on rows.

        Where there is no close the target is the first-order move towards the result,
        ``(y - p) / p``, under the result's small weight.
        """
        start, target = linear.start(data.matrix[rows]), data.target[rows]
        p = normalise(np.exp(start))
        soft = data.soft[rows, None]
        with np.errstate(divide="ignore"):
            move = np.where(soft, np.log(target) - start, (target - p) / p)
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
        return ForestMember(forest.set_params(n_jobs=1), linear)
