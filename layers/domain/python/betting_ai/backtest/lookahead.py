"""Proof that nothing later than a question reaches its answer.

For sampled days everything that became known after the question is changed, moved or taken away,
and the question is asked again through the live code. Features, predictions and slate must be the
same to the bit. The repository used here hides nothing by itself: what lies in the future is there
to be seen, and must not be looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import numpy as np

from betting_ai.backtest.replay import SlateDay
from betting_ai.domain.slate import Criteria
from betting_ai.features.facts import NEVER, OF_QUOTES, Facts, Ints, merge
from betting_ai.models.registry import Registry
from betting_ai.ports.repositories import FactsQuery, StoredCounts
from betting_ai.usecases.assess_events import Window, assess
from betting_ai.usecases.select_top3 import SelectTop3Command, choose

LOOSE: Final = Criteria("none", 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class OpenFacts:
    """A repository over arrays that hides nothing but what a query's dates leave out."""

    facts: Facts

    def load(self, query: FactsQuery) -> Facts:
        """Everything of the days asked for, the future included."""
        keep = np.ones(len(self.facts), dtype=np.bool_)
        if query.since is not None:
            keep &= self.facts.day >= (query.since - date(1970, 1, 1)).days
        if query.kickoff_before is not None:
            keep &= self.facts.kickoff < query.kickoff_before.timestamp()
        return self.facts.where(keep)

    def seasons(self, through: date) -> dict[tuple[str, int], frozenset[str]]:
        """None: the models' own past is used."""
        return {}

    def store(
        self, facts: Facts, *, source: str, received_at: datetime, reconstructed: bool
    ) -> StoredCounts:
        """Nothing can be stored here.

        Raises:
            TypeError: always.
        """
        raise TypeError("these facts are only looked at")


@dataclass(frozen=True)
class Fingerprint:
    """Digests of an answer.

    Attributes:
        features: of the matrix.
        predictions: of every member's answer, and of both pools.
        slate: of the slate's text.
    """

    features: str
    predictions: str
    slate: str


@dataclass(frozen=True)
class Look:
    """One day's two answers.

    Attributes:
        day: the date.
        as_of: when it was asked.
        changed: which parts of the answer the future had a hand in; empty is good.
    """

    day: date
    as_of: datetime
    changed: tuple[str, ...]


def look_ahead(
    facts: Facts,
    registry: Registry,
    days: Collection[SlateDay],
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Look]:
    """Ask each day twice, the second time with another future.

    Args:
        facts: matches, prices and results.
        registry: the models.
        days: whose slates are asked.
        progress: told how many days are done, of how many.
    """
    found = []
    for number, day in enumerate(days, start=1):
        clean = fingerprint(facts, registry, day.window)
        other = fingerprint(another_future(facts, day.window, seed=number), registry, day.window)
        changed = tuple(
            name
            for name in Fingerprint.__dataclass_fields__
            if getattr(clean, name) != getattr(other, name)
        )
        found.append(Look(day.day, day.window.as_of, changed))
        progress(number, len(days))
    return found


def fingerprint(facts: Facts, registry: Registry, window: Window) -> Fingerprint:
    """Digests of what the live code answers."""
    assessment = assess(OpenFacts(facts), registry, window)
    command = SelectTop3Command(window, LOOSE, Decimal(1000))
    slate = json.dumps(choose([assessment], command).to_dict(), sort_keys=True)
    answers = (
        assessment.scores.members,
        assessment.scores.wait,
        assessment.judgement.ensemble,
        assessment.judgement.pick,
    )
    return Fingerprint(
        features=_digest(assessment.features.matrix),
        predictions=_digest(*answers),
        slate=hashlib.sha256(slate.encode()).hexdigest(),
    )


def another_future(facts: Facts, window: Window, seed: int) -> Facts:
    """The same past, and a future of which nothing is left as it was.

    Later prices are moved, made absurd or taken away; later results and statistics are others, or
    not there; matches after the window are gone. The fixtures of the window stay.
    """
    random = np.random.default_rng(seed)
    as_of = int(window.as_of.timestamp())
    facts = facts.where(facts.kickoff < as_of + window.hours * 3_600)
    return _other_results(_other_prices(facts, as_of, random), as_of, random)


def _other_prices(facts: Facts, as_of: int, random: np.random.Generator) -> Facts:
    later = facts.quoted_at > as_of
    fate = random.integers(0, 3, facts.quotes)
    price = np.where((later & (fate == 1))[:, None], facts.price * 1.3, facts.price)
    price = np.where((later & (fate == 2))[:, None], np.minimum(50.0, 10 * price), price)
    quoted_at = np.where(later & (fate == 2), as_of + 1, facts.quoted_at)
    columns = {name: getattr(facts, name) for name in OF_QUOTES}
    columns |= {"price": np.round(price, 4), "quoted_at": quoted_at}
    kept = ~(later & (fate == 0))
    return merge([replace(facts, **{name: column[kept] for name, column in columns.items()})])


def _other_results(facts: Facts, as_of: int, random: np.random.Generator) -> Facts:
    later = (facts.result_known_at > as_of) & (facts.result_known_at != NEVER)
    gone = later & (random.random(len(facts)) < 0.5)
    stats: Ints = np.where(later[:, None], random.integers(0, 30, facts.stats.shape), facts.stats)
    stats = np.where(gone[:, None], -1, stats)
    return replace(facts, stats=stats, result_known_at=np.where(gone, NEVER, facts.result_known_at))


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
