"""The numbers of section "value" for every selection of every event, as arrays.

Training (to learn the maps) and serving (to apply them) both come through here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from betting_ai.domain.risk import risk_score, spread
from betting_ai.domain.value import composite_score, model_expected_value, risk_adjusted_return
from betting_ai.features.facts import Floats
from betting_ai.features.market import MarketView
from betting_ai.features.offers import Offers

if TYPE_CHECKING:
    from betting_ai.models.manifest import Manifest

CONFIDENCE_FEATURES: Final = (
    "claim", "market_claim", "log_price", "member_spread", "book_spread", "over_second",
    "over_average", "log_books", "overround", "log_lead",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evidence:
    """What confidence looks at beside the price itself; every array is (n, s).

    Attributes:
        f: pick price.
        q: consensus.
        member_spread: standard deviation of the members' probabilities.
        book_spread: standard deviation of the books' fair probabilities.
        second: next best price.
        average: market-average price.
        books: number of named books.
        overround: of the market average.
        lead_hours: from the newest price to kick-off.
    """

    f: Floats
    q: Floats
    member_spread: Floats
    book_spread: Floats
    second: Floats
    average: Floats
    books: Floats
    overround: Floats
    lead_hours: Floats

    @classmethod
    def of(
        cls, f: Floats, members: Floats, market: MarketView, offers: Offers, lead_hours: Floats
    ) -> Evidence:
        """Gather it.

        Args:
            f: (n, s) pick price.
            members: (4, n, s) member probabilities.
            market: the view.
            offers: prices on offer.
            lead_hours: (n,).
        """
        wide = np.ones((1, market.betting.width))
        margin = (1.0 / market.average).sum(axis=1) - 1.0
        return cls(
            f=f,
            q=market.consensus,
            member_spread=spread(members),
            book_spread=market.dispersion,
            second=offers.second,
            average=market.average,
            books=market.books[:, None] * wide,
            overround=margin[:, None] * wide,
            lead_hours=lead_hours[:, None] * wide,
        )

    def confidence_features(self, price: Floats) -> Mapping[str, Floats]:
        """Features of the confidence model at some prices, broadcast against (n, s)."""
        return {
            "claim": _saturating(self.f * price - 1.0),
            "market_claim": _saturating(self.q * price - 1.0),
            "log_price": np.log(price),
            "member_spread": self.member_spread / self.f,
            "book_spread": self.book_spread / self.q,
            "over_second": _saturating(np.log(price / self.second)),
            "over_average": np.log(price / self.average),
            "log_books": np.log(np.maximum(self.books, 1.0)),
            "overround": self.overround,
            "log_lead": np.log(np.maximum(self.lead_hours, 0.25)),
        }

    def at(self, event: int, outcome: int) -> Evidence:
        """One selection's evidence, as (1, 1) arrays that broadcast over a ladder of prices."""
        cell = (slice(event, event + 1), slice(outcome, outcome + 1))
        return Evidence(**{name: getattr(self, name)[cell] for name in self.__dataclass_fields__})


_SATURATION: Final = 0.04


def _saturating(edge: Floats) -> Floats:
    """An edge that grows ever less: beyond some points a price is more likely stale than good."""
    return np.asarray(_SATURATION * np.tanh(edge / _SATURATION))


@dataclass(frozen=True, eq=False)
class Valuation:
    """All numbers of a bet at a price; every array has the shape of the price."""

    model_ev: Floats
    ev: Floats
    ev_lower: Floats
    ev_se: Floats
    confidence: Floats
    risk: Floats
    rar: Floats
    composite: Floats


def value(evidence: Evidence, price: Floats, manifest: Manifest) -> Valuation:
    """Value bets at prices; NaN where the price is.

    Args:
        evidence: of the selections.
        price: decimal odds net of commission, broadcast against the evidence.
        manifest: the learned maps.
    """
    claim = model_expected_value(evidence.f, price)
    ev = manifest.ev_map.expected_value(claim)
    confidence = manifest.confidence.confidence(evidence.confidence_features(price))
    confidence = np.where(np.isnan(claim), np.nan, confidence)
    risk = risk_score(
        evidence.f, evidence.member_spread, evidence.book_spread, evidence.books, manifest.risk
    )
    rar = risk_adjusted_return(ev, evidence.f, price)
    return Valuation(
        model_ev=claim,
        ev=ev,
        ev_lower=manifest.ev_map.lower_bound(claim),
        ev_se=manifest.ev_map.standard_error(claim),
        confidence=confidence,
        risk=np.broadcast_to(risk, claim.shape),
        rar=rar,
        composite=composite_score(confidence, ev, rar),
    )
