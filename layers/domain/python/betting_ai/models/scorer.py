"""Scores events through ONNX: one session, four members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnxruntime as ort

from betting_ai.errors import ModelError
from betting_ai.features.facts import Floats
from betting_ai.models.manifest import MEMBERS

INPUT: Final = "features"
WAIT: Final = "deep_rl_wait"


@dataclass(frozen=True, eq=False)
class Scores:
    """What the members say of ``n`` events.

    Attributes:
        members: (4, n, 3) probabilities in the order of `MEMBERS`; NaN rows for events without
            a usable price.
        wait: (n, 3) the Q-value of waiting for the close, per selection, in units of profit.
    """

    members: Floats
    wait: Floats


class Scorer:
    """A merged graph in an ONNX session on one thread."""

    def __init__(self, graph: bytes) -> None:
        """Load the graph.

        Raises:
            ModelError: the bytes are not a graph this runtime can run.
        """
        ort.disable_telemetry_events()
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session: Any = ort.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises its own, undocumented kinds
            reason = str(error).splitlines()[0]
            raise ModelError(f"the model's graph cannot be loaded: {reason}") from None

    def score(self, matrix: np.ndarray) -> Scores:
        """Score rows of the feature matrix.

        Args:
            matrix: (n, d) float32; an all-NaN row is an event that cannot be judged.
        """
        n = len(matrix)
        members = np.full((len(MEMBERS), n, 3), np.nan)
        wait = np.full((n, 3), np.nan)
        priced = ~np.isnan(matrix[:, 0])
        if priced.any():
            inputs = {INPUT: np.ascontiguousarray(matrix[priced])}
            *probabilities, waiting = self._session.run([*MEMBERS, WAIT], inputs)
            members[:, priced] = np.stack(probabilities)
            wait[priced] = waiting
        return Scores(members, wait)
