"""What the four members have in common."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from betting_ai.features.facts import Floats, Ints
from betting_ai.training.dataset import Dataset
from betting_ai.training.graph import GraphBuilder
from betting_ai.training.linear import LinearMove


class Member(Protocol):
    """A trained member: predicts natively, and writes itself into an ONNX graph."""

    def predict(self, matrix: np.ndarray) -> Floats:
        """(n, s) probabilities, computed with the library that trained it."""
        ...

    def export(self, graph: GraphBuilder) -> None:
        """Add nodes that compute the same from the graph's input."""
        ...


class Trainer(Protocol):
    """Trains a member on some rows of a data set; the same rows give the same member."""

    @property
    def name(self) -> str:
        """The member's name, one of `MEMBERS`."""
        ...

    def train(self, data: Dataset, rows: Ints, linear: LinearMove) -> Member:
        """Fit on ``rows`` only, from where ``linear`` (fitted on the same rows) ends."""
        ...
