"""Scores events through ONNX: one session, four members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from betting_ai.domain.markets import BettingMarket, betting_market
from betting_ai.errors import ExtraMissingError, InvalidInputError, ModelError
from betting_ai.features.facts import Floats
from betting_ai.features.spec import consensus_columns
from betting_ai.models.manifest import MEMBERS

INPUT: Final = "features"
WAIT: Final = "deep_rl_wait"


@dataclass(frozen=True, eq=False)
class Scores:
    """What the members say of ``n`` events in a market of ``s`` selections.

    Attributes:
        members: (4, n, s) probabilities in the order of `MEMBERS`; NaN rows for events without
            a usable price.
        wait: (n, s) the Q-value of waiting for the close, per selection, in units of profit.
    """

    members: Floats
    wait: Floats


class Scorer:
    """A merged graph in an ONNX session on one thread.

    Attributes:
        market: what the graph answers for.
    """

    market: BettingMarket

    def __init__(self, graph: bytes) -> None:
        """Load the graph.

        Raises:
            ModelError: the bytes are not a graph this runtime can run.
        """
        self._session = session(graph)
        named = self._session.get_modelmeta().custom_metadata_map.get("market", "")
        try:
            self.market = betting_market(named)
        except InvalidInputError as error:
            raise ModelError(f"the model's graph is of an {error}") from None

    def score(self, matrix: np.ndarray) -> Scores:
        """Score rows of the feature matrix.

        Args:
            matrix: (n, d) float32; an all-NaN row is an event that cannot be judged.
        """
        n, width = len(matrix), self.market.width
        members = np.full((len(MEMBERS), n, width), np.nan)
        wait = np.full((n, width), np.nan)
        priced = ~np.isnan(matrix[:, consensus_columns(self.market).start])
        if priced.any():
            inputs = {INPUT: np.ascontiguousarray(matrix[priced])}
            *probabilities, waiting = self._session.run([*MEMBERS, WAIT], inputs)
            members[:, priced] = np.stack(probabilities)
            wait[priced] = waiting
        return Scores(members, wait)


class CloseScorer:
    """The Q-network of the second decision: what a bet at the close is worth."""

    def __init__(self, graph: bytes) -> None:
        """Load the graph.

        Raises:
            ModelError: the bytes are not a graph this runtime can run.
        """
        self._session = session(graph)

    def value(self, state: np.ndarray) -> Floats:
        """(m,) profit per unit, of (m, 6) `betting_ai.models.timing.ClosingStage` states."""
        (values,) = self._session.run(None, {CLOSE_INPUT: state.astype(np.float32)})
        return np.asarray(values[:, 0], np.float64)


CLOSE_INPUT: Final = "close_state"


def session(graph: bytes) -> Any:  # noqa: ANN401 - the runtime has no types
    """An ONNX session on one thread.

    Raises:
        ModelError: the bytes are not a graph this runtime can run.
        ExtraMissingError: there is no runtime.
    """
    try:
        import onnxruntime as ort  # noqa: PLC0415 - slow, and most functions predict nothing
    except ModuleNotFoundError:
        raise ExtraMissingError(
            "predicting needs more libraries; install betting-ai[inference]"
        ) from None
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own, undocumented kinds
        reason = str(error).splitlines()[0]
        raise ModelError(f"the model's graph cannot be loaded: {reason}") from None
