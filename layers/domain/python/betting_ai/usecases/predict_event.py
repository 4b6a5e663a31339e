"""Predict one event: every model's probabilities, the market's, and what each price is worth."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from betting_ai.domain.markets import BettingMarket, markets_of
from betting_ai.domain.slate import rfc3339
from betting_ai.domain.sports import sport_of
from betting_ai.errors import ModelMissingError, NothingToDoError
from betting_ai.features.facts import Facts
from betting_ai.models.manifest import MEMBERS
from betting_ai.models.registry import Registry
from betting_ai.models.valuation import value
from betting_ai.ports.repositories import FactsQuery, KnownFacts
from betting_ai.ports.unit_of_work import UnitOfWorkFactory
from betting_ai.usecases.assess_events import Assessment, PastOf, Window, assess
from betting_ai.usecases.kept_pasts import KeptPasts
from betting_ai.usecases.select_top3 import names_of, slug_of


@dataclass(frozen=True)
class PredictEventCommand:
    """What is asked for.

    Attributes:
        event_id: the event's slug.
        window: seen when; its hours say how far ahead to look for the event.
    """

    event_id: str
    window: Window


@dataclass(frozen=True)
class EventPrediction:
    """One event, as JSON-ready data.

    Attributes:
        numbers: see `to_dict`.
    """

    numbers: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Event, probabilities by source, and the value of the best price of each selection."""
        return self.numbers


@dataclass(frozen=True)
class PredictEvent:
    """The use case; it writes nothing.

    Attributes:
        units: transactions.
        registry: the models.
        pasts: what was played before, kept from one question to the next.
    """

    units: UnitOfWorkFactory
    registry: Registry
    pasts: KeptPasts = field(default_factory=KeptPasts)

    def __call__(self, command: PredictEventCommand) -> EventPrediction:
        """The prediction.

        Raises:
            NothingToDoError: the event is not in the window, or has no usable price.
        """
        league = command.event_id.partition("-")[0].upper()
        window = replace(command.window, leagues=(league,))
        with self.units() as unit:
            winner, *markets = markets_of(sport_of((league,)))
            facts, past_of = _OnceLoaded(unit.facts), self.pasts.within(unit)
            assessment = assess(facts, self.registry, window, winner, past_of)
            others = self._others(facts, window, markets, past_of)
        count = len(assessment.features.market)
        where = {slug_of(assessment, i): i for i in range(count)}
        if command.event_id not in where:
            known = ", ".join(sorted(where)[:3]) or "none in this league"
            raise NothingToDoError(
                f"no event {command.event_id!r} kicks off within {window.hours:g} hours of "
                f"{rfc3339(window.as_of)}; known are, for example: {known}"
            )
        event = where[command.event_id]
        if assessment.features.market.newest[event] < 0:
            raise NothingToDoError(f"{command.event_id} has no usable price yet")
        league, home, away = names_of(assessment, event)
        row = assessment.features.market.rows[event]
        kickoff = datetime.fromtimestamp(int(assessment.facts.kickoff[row]), UTC)
        return EventPrediction(
            {
                "event_id": command.event_id,
                "event_name": f"{home} vs {away}",
                "league": league,
                "kickoff": rfc3339(kickoff),
                "as_of": rfc3339(window.as_of),
            }
            | _describe(assessment, event)
            | {
                "other_markets": {
                    other.betting.name: _describe(other, event)
                    for other in others
                    if other.features.market.newest[event] >= 0
                }
            }
        )

    def _others(
        self,
        facts: KnownFacts,
        window: Window,
        markets: Sequence[BettingMarket],
        past_of: PastOf,
    ) -> list[Assessment]:
        """The same events in every other market that there is a model of."""
        found = []
        for market in markets:
            with suppress(ModelMissingError):
                found.append(assess(facts, self.registry, window, market, past_of))
        return found


class _OnceLoaded:
    """Facts of one transaction; every market asks for the same ones."""

    def __init__(self, facts: KnownFacts) -> None:
        self._facts = facts
        self._loaded: dict[FactsQuery, Facts] = {}

    def load(self, query: FactsQuery) -> Facts:
        """As the repository's own."""
        if query not in self._loaded:
            self._loaded[query] = self._facts.load(query)
        return self._loaded[query]

    def seasons(self, through: date) -> dict[tuple[str, int], frozenset[str]]:
        """As the repository's own."""
        return self._facts.seasons(through)


def _describe(assessment: Assessment, event: int) -> dict[str, Any]:
    """One market of an event."""
    market, offers = assessment.features.market, assessment.offers
    manifest = assessment.model.manifest
    worth = value(assessment.evidence, offers.price, manifest)
    sources = dict(zip(MEMBERS, assessment.scores.members, strict=True))
    outcomes = assessment.betting.outcomes

    def each(p: np.ndarray) -> dict[str, float | None]:
        return {str(o): _number(p[event, k]) for k, o in enumerate(outcomes)}

    best = {}
    for k, outcome in enumerate(outcomes):
        quote = offers.quote[event, k]
        best[str(outcome)] = {
            "bookmaker": assessment.facts.books[market.quote_book[quote]] if quote >= 0 else None,
            "odds": _number(offers.price[event, k], 4),
            "model_expected_value": _number(worth.model_ev[event, k]),
            "expected_value": _number(worth.ev[event, k]),
            "confidence_score": _number(worth.confidence[event, k], 4),
            "risk_score": _number(worth.risk[event, k]),
            "composite_score": _number(worth.composite[event, k]),
            "wait_value": _number(assessment.scores.wait[event, k]),
        }
    return {
        "prices_as_of": rfc3339(datetime.fromtimestamp(int(market.newest[event]), UTC)),
        "pick_price": each(assessment.judgement.pick),
        "ensemble": each(assessment.judgement.ensemble),
        "market": each(market.consensus),
        "members": {name: each(p) for name, p in sources.items()},
        "best_prices": best,
        "upper_bound": bool(offers.upper_bound[event]),
        "model": manifest.version,
        "trained_through": manifest.trained_through.isoformat(),
        "may_give_picks": manifest.gate.open,
        "gate": manifest.gate.why,
    }


def _number(number: float, places: int = 6) -> float | None:
    return None if np.isnan(number) else round(float(number), places)
