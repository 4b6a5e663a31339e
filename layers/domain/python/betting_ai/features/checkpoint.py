"""A cache of the past, shipped beside a model.

It holds the ratings as they stood after its last day, and the rows of the history that a later
question can still look at. With it a fresh installation needs only the matches played since. It
changes time, never a bit: it is used only for questions asked after its last day, under the same
spec, and only when any history at hand for the seasons it covers is the history it was made of.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile

import numpy as np

from betting_ai.errors import ModelError
from betting_ai.features.form import team_sides
from betting_ai.features.history import History, join
from betting_ai.features.ratings import RatingState, replay
from betting_ai.features.spec import FeatureSpec

WINDOW_REACH = 20
"""The longest window over a team's matches, at any ground or at one."""

_TABLE = {
    "event_id": np.int64,
    "league": np.int16,
    "season": np.int16,
    "home": np.int16,
    "away": np.int16,
    "day": np.int32,
    "known_day": np.int32,
    "stats": np.int16,
    "opened": np.int32,
    "closed": np.int32,
}


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The past up to a day.

    Attributes:
        through: UTC day since the epoch up to and with which results are in it.
        spec_hash: of the spec that made it.
        digests: SHA-256 of each league season it was made of, as `History.chunk_digests` gives.
        payloads: SHA-256 of the file that each league season was read from.
        history: the rows that later questions can still reach.
        state: ratings after ``through``.
    """

    through: int
    spec_hash: str
    digests: dict[str, str]
    payloads: dict[str, str]
    history: History
    state: RatingState

    @classmethod
    def of(cls, history: History, payloads: Mapping[str, str], spec: FeatureSpec) -> Checkpoint:
        """Carry the ratings through a whole history and keep what later questions need.

        Args:
            history: all of the past.
            payloads: ``"E0/2024"`` -> SHA-256 of the file it was read from.
            spec: the constants.
        """
        state = RatingState.empty(history.teams, history.leagues, spec)
        nobody = np.empty(0, dtype=np.int64)
        replay(history, state, nobody, nobody, nobody, nobody, spec)
        kept = _within_reach(history, state.through, spec)
        digests = history.chunk_digests()
        return cls(state.through, spec.hash, digests, dict(payloads), kept, state)

    def serves(self, as_of: int, spec: FeatureSpec, present: History) -> bool:
        """Whether it may stand in for the past.

        Args:
            as_of: seconds since the epoch of the earliest cutoff that will be asked about.
            spec: the spec asked for.
            present: the history at hand.
        """
        if self.spec_hash != spec.hash or self.through >= spec.sport.result_day(as_of):
            return False
        covered = present.where(present.known_day <= self.through)
        return all(
            self.digests.get(chunk) == digest
            for chunk, digest in covered.chunk_digests().items()
            if chunk.partition("/")[0] in self._leagues
        )

    def vouches_for(self, present: Mapping[tuple[str, int], Collection[str]]) -> bool:
        """Whether seasons at hand were read from the very files that it was made of.

        Args:
            present: (league code, season) -> SHA-256 of the payloads that gave it matches.
        """
        return all(
            set(payloads) == {self.payloads.get(f"{league}/{season}")}
            for (league, season), payloads in present.items()
            if league in self._leagues
        )

    @property
    def _leagues(self) -> frozenset[str]:
        """Leagues it was made of; what another one's teams did cannot contradict it."""
        return frozenset(chunk.partition("/")[0] for chunk in self.digests)

    def extended(self, newer: History) -> History:
        """Its rows and those of ``newer`` that became known after its last day."""
        return join(self.history, newer.where(newer.known_day > self.through))

    def to_bytes(self) -> bytes:
        """As a compressed npz without pickles; the same checkpoint gives the same bytes."""
        table = {name: getattr(self.history, name).astype(kind) for name, kind in _TABLE.items()}
        head = {
            "through": self.through,
            "spec_hash": self.spec_hash,
            "digests": self.digests,
            "payloads": self.payloads,
            "leagues": self.history.leagues,
            "teams": self.history.teams,
        }
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            head=np.frombuffer(json.dumps(head, sort_keys=True).encode(), dtype=np.uint8),
            team_state=self.state.team,
            league_state=self.state.league,
            **table,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Checkpoint:
        """Read what `to_bytes` wrote.

        Raises:
            ModelError: the content is not a checkpoint.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as data:
                head: dict[str, Any] = json.loads(data["head"].tobytes())
                leagues, teams = tuple(head["leagues"]), tuple(head["teams"])
                columns = {name: data[name].astype(np.int64) for name in _TABLE}
                history = History(leagues, teams, **columns)
                state = RatingState(
                    teams, leagues, data["team_state"], data["league_state"], head["through"]
                )
        except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
            raise ModelError(f"the feature checkpoint cannot be read: {error}") from None
        return cls(
            head["through"], head["spec_hash"], head["digests"], head["payloads"], history, state
        )


def _within_reach(history: History, through: int, spec: FeatureSpec) -> History:
    """Rows that any question after ``through`` can look at: windows, meetings, this season."""
    keep = history.known_day >= through - spec.meetings_days
    for group in team_sides(history):
        order = np.argsort(group, kind="stable")
        ends = np.searchsorted(group[order], group[order], side="right")
        recent = ends - np.arange(len(order)) <= WINDOW_REACH
        keep[order[recent] // 2] = True
    return history.where(keep)
