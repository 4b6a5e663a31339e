"""Rows to learn from: each match at its own pre-match price stamp, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np

from betting_ai.domain.markets import MATCH_RESULT, BettingMarket
from betting_ai.domain.settlement import winners
from betting_ai.features.build import Features, build
from betting_ai.features.facts import MISSING, Bools, Facts, Floats, Ints
from betting_ai.features.history import History, summarise
from betting_ai.features.market import closing_consensus
from betting_ai.features.offers import Offers, best_offers
from betting_ai.features.spec import FeatureSpec, column

FIRST_CLOSES: Final = date(2012, 7, 1)
"""Closing prices were kept from the season 2012-13 on; rows before it are history only."""

RESULT_WEIGHT: Final = 0.02
"""Weight of a row whose label is the result: a result is some fifty times noisier than a close."""

LONE_RESULT_WEIGHT: Final = 0.1
"""The same where no row has a close: all that there is to learn from, but no less noisy."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """``n`` matches in order of kick-off, each as it was seen at its own price stamp.

    Attributes:
        betting: the market, with ``s`` selections.
        facts: where they come from.
        rows: (n,) rows of the facts.
        features: the matrix and the market.
        offers: best named prices.
        outcome: (n,) which selection won.
        close: (n, s) fair close, NaN where there is none.
        soft: (n,) the label is a fair close.
        target: (n, s) the label: a fair close, or the result as 0 and 1.
        weight: (n,) of the row: 1 with a close, `RESULT_WEIGHT` without, and
            `LONE_RESULT_WEIGHT` where no row has one.
        day: (n,) days since the epoch of the match.
    """

    betting: BettingMarket
    facts: Facts
    rows: Ints
    features: Features
    offers: Offers
    outcome: Ints
    close: Floats
    soft: Bools
    target: Floats
    weight: Floats
    day: Ints

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def matrix(self) -> np.ndarray:
        """(n, d) float32 features."""
        return self.features.matrix

    @property
    def consensus(self) -> Floats:
        """(n, s) ``q``."""
        return self.features.market.consensus

    def labelled_by_results(self) -> Dataset:
        """The same rows with the result as every label: what learning from closes is worth."""
        return replace(
            self,
            soft=np.zeros(len(self), dtype=np.bool_),
            target=np.eye(self.betting.width)[self.outcome],
            weight=np.ones(len(self)),
        )

    @property
    def lead_hours(self) -> Floats:
        """(n,) clamped lead time, NaN where a time was assumed."""
        return self.matrix[:, column("lead_hours", self.betting.sport)].astype(np.float64)


def assemble(
    facts: Facts,
    history: History,
    spec: FeatureSpec,
    since: date,
    betting: BettingMarket = MATCH_RESULT,
) -> Dataset:
    """Every finished match since a day that had a usable price before kick-off.

    Args:
        facts: all matches, prices and results up to the end of training.
        history: of the same facts.
        spec: the features.
        since: first day.
        betting: the market.
    """
    goals = facts.stats[:, :2]
    rows = np.flatnonzero((facts.day >= _day(since)) & (goals[:, 0] != MISSING))
    features = build(history, facts, rows, facts.kickoff[rows] - 1, spec, betting=betting)
    if not (usable := features.market.newest >= 0).all():
        rows = rows[usable]
        features = build(history, facts, rows, facts.kickoff[rows] - 1, spec, betting=betting)
    close = closing_consensus(facts, market=betting)[rows]
    outcome = winners(betting, goals[rows, 0], goals[rows, 1])
    known = ~np.isnan(close[:, 0])
    return Dataset(
        betting=betting,
        facts=facts,
        rows=rows,
        features=features,
        offers=best_offers(features.market, facts.books),
        outcome=outcome,
        close=close,
        soft=known,
        target=np.where(known[:, None], close, np.eye(betting.width)[outcome]),
        weight=np.where(known, 1.0, RESULT_WEIGHT if known.any() else LONE_RESULT_WEIGHT),
        day=facts.day[rows],
    )


def whole_history(facts: Facts, spec: FeatureSpec) -> History:
    """The history of everything in the facts."""
    known = facts.result_known_at[facts.stats[:, 0] != MISSING]
    return summarise(facts, int(known.max(initial=0)), spec)


def _day(moment: date) -> int:
    return (moment - date(1970, 1, 1)).days
