"""Writes ONNX graphs node by node, and tree ensembles exactly.

Trees are written here rather than by a converter because of what the members are: boosted margins
on top of a base margin, trained with an objective of our own, and thresholds that must split
float32 inputs as the training library does (`ONNX parity` in the decisions).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from betting_ai.domain.markets import BettingMarket
from betting_ai.domain.sports import FOOTBALL
from betting_ai.features.facts import Ints
from betting_ai.features.spec import FeatureSpec, column, names_of
from betting_ai.models.scorer import INPUT

OPSET: Final = 17
ML_OPSET: Final = 3
IR_VERSION: Final = 9


@dataclass(frozen=True, eq=False)
class Tree:
    """A binary tree as arrays over its nodes; leaves have ``left == -1``.

    Attributes:
        left: (k,) child where the test holds.
        right: (k,) child where it does not.
        feature: (k,) column tested.
        threshold: (k,) float32.
        missing_left: (k,) whether NaN goes left.
        values: (k, t) value of each target, of leaves.
        target: first target that the tree adds to.
    """

    left: Ints
    right: Ints
    feature: Ints
    threshold: np.ndarray
    missing_left: np.ndarray
    values: np.ndarray
    target: int = 0


@dataclass
class GraphBuilder:
    """Collects nodes over the one input ``features`` (n, d) float32, those of a sport.

    Trees and standardised features are float32, as in training; all else is worked out in float64
    and rounded once, at the output. Matrix products of float32 differ in their last bits with the
    number of rows beside a row; so rounded, an event's answer is the same alone and among others.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    prefix: str = ""
    sport: str = FOOTBALL
    _written: dict[int, tuple[object, str]] = field(default_factory=dict)

    def add(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:  # noqa: ANN401
        """Append a node; returns the name of its output."""
        name = f"{self.prefix}{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], domain=domain, **attributes))
        return name

    def constant(self, values: Any, kind: Any = np.float64) -> str:  # noqa: ANN401
        """Store an array; returns its name."""
        name = f"{self.prefix}constant_{len(self.constants)}"
        array = np.asarray(values, dtype=kind)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def once(self, owner: object, write: Callable[[], str]) -> str:
        """The value that ``write`` made for an owner the first time it was asked."""
        if id(owner) not in self._written:
            self._written[id(owner)] = owner, write()
        return self._written[id(owner)][1]

    def double(self, source: str) -> str:
        """A value as float64."""
        return self.add("Cast", source, to=TensorProto.DOUBLE)

    def output(self, source: str, name: str, width: int = 3) -> None:
        """Make a float64 value a float32 output of the graph."""
        self.nodes.append(helper.make_node("Cast", [source], [name], to=TensorProto.FLOAT))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]))

    def columns(self, first: str, count: int = 1) -> str:
        """``count`` adjacent feature columns, (n, count) float32."""
        at = column(first, self.sport)
        start, stop = self.constant([at], np.int64), self.constant([at + count], np.int64)
        return self.add("Slice", INPUT, start, stop, self.constant([1], np.int64))

    def trees(self, trees: Sequence[Tree], targets: int, inclusive: bool) -> str:
        """Sum of tree values, (n, targets) float64.

        Args:
            trees: the ensemble.
            targets: number of outputs.
            inclusive: whether a value equal to the threshold goes left.
        """
        sizes = [len(tree.left) for tree in trees]
        number = np.repeat(np.arange(len(trees)), sizes)
        node = np.concatenate([np.arange(size) for size in sizes])
        left = np.concatenate([tree.left for tree in trees])
        right = np.concatenate([tree.right for tree in trees])
        leaf = left < 0
        inner = np.flatnonzero(leaf)
        width = trees[0].values.shape[1]
        values = np.concatenate([tree.values for tree in trees])[leaf]
        first = np.repeat([tree.target for tree in trees], sizes)[leaf]
        modes = np.where(leaf, "LEAF", "BRANCH_LEQ" if inclusive else "BRANCH_LT")
        total = self.add(
            "TreeEnsembleRegressor",
            INPUT,
            domain="ai.onnx.ml",
            n_targets=targets,
            nodes_treeids=number.tolist(),
            nodes_nodeids=node.tolist(),
            nodes_featureids=np.concatenate([t.feature for t in trees]).clip(0).tolist(),
            nodes_values=np.concatenate([t.threshold for t in trees]).astype(float).tolist(),
            nodes_modes=modes.tolist(),
            nodes_truenodeids=np.where(leaf, 0, left).tolist(),
            nodes_falsenodeids=np.where(leaf, 0, right).tolist(),
            nodes_missing_value_tracks_true=np.concatenate([t.missing_left for t in trees])
            .astype(int)
            .tolist(),
            target_treeids=np.repeat(number[inner], width).tolist(),
            target_nodeids=np.repeat(node[inner], width).tolist(),
            target_ids=(np.repeat(first, width) + np.tile(np.arange(width), len(inner))).tolist(),
            target_weights=values.astype(np.float32).astype(float).ravel().tolist(),
        )
        return self.double(total)

    def build(
        self,
        name: str,
        spec: FeatureSpec,
        market: BettingMarket,
        inputs: tuple[str, int] | None = None,
    ) -> bytes:
        """The finished, checked model.

        Args:
            name: of the graph.
            spec: its hash goes into the metadata.
            market: goes into the metadata too.
            inputs: name and width of the one input; None for the features.
        """
        source, width = inputs or (INPUT, len(names_of(self.sport)))
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["n", width])],
            self.outputs,
            self.constants,
        )
        model = helper.make_model(
            graph,
            producer_name="betting-ai",
            ir_version=IR_VERSION,
            opset_imports=[
                helper.make_opsetid("", OPSET),
                helper.make_opsetid("ai.onnx.ml", ML_OPSET),
            ],
        )
        helper.set_model_props(model, {"market": market.name, "spec_hash": spec.hash})
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


def float32_floor(thresholds: np.ndarray) -> np.ndarray:
    """The largest float32 not above each float64 threshold.

    For a float32 value ``x``, ``x <= t`` holds exactly when ``x <= float32_floor(t)`` does;
    rounding to nearest would send values between the two the wrong way.
    """
    rounded = thresholds.astype(np.float32)
    lower = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded.astype(np.float64) > thresholds, lower, rounded)
