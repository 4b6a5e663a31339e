"""What the product thinks of the events of a window: the shared heart of slates and predictions."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np

from betting_ai.domain.markets import MATCH_RESULT, BettingMarket
from betting_ai.domain.sports import leagues_of
from betting_ai.features.build import Features, build
from betting_ai.features.facts import Facts
from betting_ai.features.history import History, summarise
from betting_ai.features.market import market_view
from betting_ai.features.offers import Offers, best_offers
from betting_ai.features.ratings import RatingState, replay
from betting_ai.features.spec import FeatureSpec, column
from betting_ai.models.ensemble import Judgement, judge
from betting_ai.models.registry import Model, Registry
from betting_ai.models.scorer import Scores
from betting_ai.models.valuation import Evidence
from betting_ai.ports.repositories import FactsQuery, KnownFacts

_STILL_ASKED: Final = 6
"""Days before a question that its ratings may be asked for: no price that counts is older."""


@dataclass(frozen=True)
class Window:
    """Which events to assess.

    Attributes:
        as_of: aware instant; nothing known later is looked at.
        hours: kick-offs after ``as_of`` and less than so many hours later.
        leagues: league codes; empty for all.
        bookmakers: book codes the bettor can use; empty for every named book but exchanges.
        maximum_as_bound: let events without any named book show the market maximum, labelled.
        allow_in_sample: where no model was trained before ``as_of``, use one that was not.
        channel: which promoted models.
    """

    as_of: datetime
    hours: float = 24.0
    leagues: tuple[str, ...] = ()
    bookmakers: tuple[str, ...] = ()
    maximum_as_bound: bool = False
    allow_in_sample: bool = False
    channel: str = "stable"


@dataclass(frozen=True, eq=False)
class Assessment:
    """``n`` events of a window in one market, and everything computed of them.

    Attributes:
        facts: what was known.
        model: what scored them.
        features: matrix and market; its rows are the events, ascending.
        scores: members' answers.
        judgement: ``p`` and ``f``.
        offers: prices that can be taken.
        evidence: for the valuation of any price.
        rebuilt: the model's checkpoint did not fit the history at hand, which was used instead.
    """

    facts: Facts
    model: Model
    features: Features
    scores: Scores
    judgement: Judgement
    offers: Offers
    evidence: Evidence
    rebuilt: bool

    @property
    def betting(self) -> BettingMarket:
        """The market."""
        return self.features.market.betting


@dataclass(frozen=True, eq=False)
class Past:
    """What has been played before a day, good for every question of that day.

    Attributes:
        history: finished matches.
        state: ratings, carried as far as no question of the day can lie before; None to begin
            with the first match of the history.
        rebuilt: see `Assessment`.
    """

    history: History
    state: RatingState | None
    rebuilt: bool

    def about(self, teams: Collection[str]) -> History:
        """The matches that features of some teams' events look at: theirs, and all unrated ones."""
        its = np.array([name in teams for name in self.history.teams], dtype=np.bool_)
        wanted = its[self.history.home] | its[self.history.away]
        through = -1 if self.state is None else self.state.through
        return self.history.where(wanted | (self.history.known_day > through))


PastOf = Callable[[Model, Window, BettingMarket], Past]
"""Tells the past of a question in a market, as a model knows it; see `learn`."""


def assess(
    facts: KnownFacts,
    registry: Registry,
    window: Window,
    market: BettingMarket = MATCH_RESULT,
    past_of: PastOf | None = None,
) -> Assessment:
    """Load what was known, build features, score, and find the best prices.

    Args:
        facts: what is stored.
        registry: the models.
        window: which events.
        market: which market.
        past_of: tells what was played before, so that only the events themselves are loaded; the
            answer is the same to the bit. By default it is worked out from what is stored.

    Raises:
        NoModelBeforeError: every model has seen the day.
        ModelError: an artifact cannot be used.
    """
    model = _model(registry, window, market, window.as_of)
    known = _load_for(model, facts, window, market, past_of)
    rows = window_rows(known, window)
    earliest = _earliest_cutoff(known, rows, window, model.manifest.spec, market)
    if not model.in_sample and _day_of(model, earliest) <= model.checkpoint.through:
        # Prices from before the model's last day of training need a model from before them.
        model = _model(registry, window, market, datetime.fromtimestamp(earliest, UTC))
        known = _load_for(model, facts, window, market, past_of)
        rows = window_rows(known, window)
    spec, as_of = model.manifest.spec, _seconds(window.as_of)
    if past_of is None:
        history, state = _past(facts, known, model, window, market, earliest)
        rebuilt = state is None
    else:
        past = past_of(model, window, market)
        playing = {known.teams[k] for k in np.concatenate([known.home[rows], known.away[rows]])}
        history, state, rebuilt = past.about(playing), past.state, past.rebuilt
    moments = np.full(len(rows), as_of)
    features = build(history, known, rows, moments, spec, state, market)
    return judged(known, model, features, window, rebuilt=rebuilt)


def learn(facts: KnownFacts, model: Model, window: Window, market: BettingMarket) -> Past:
    """The past of every question that is asked on the day of results of a window's ``as_of``.

    What becomes known on the day itself counts only from the next one on, so it does not matter at
    which moment of the day this is worked out.
    """
    spec, as_of = model.manifest.spec, _seconds(window.as_of)
    begun = replace(window, hours=0.0)
    known = _load(facts, begun, market, _last_covered_day(model))
    history, state = _past(facts, known, model, begun, market, as_of)
    rebuilt = state is None
    if state is None:
        state = RatingState.empty(history.teams, history.leagues, spec)
    carried = state.extended(history.teams, history.leagues, spec)
    asked_from = spec.sport.result_day(as_of) - _STILL_ASKED
    rated = history.where((history.known_day > state.through) & (history.known_day < asked_from))
    nobody = np.empty(0, dtype=np.int64)
    replay(rated, carried, nobody, nobody, nobody, nobody, spec)
    return Past(history, carried, rebuilt)


def judged(
    facts: Facts, model: Model, features: Features, window: Window, *, rebuilt: bool = False
) -> Assessment:
    """Score features, and find and weigh the best prices.

    Args:
        facts: that the features were built of.
        model: of the features' market.
        features: of some events.
        window: whose books count.
        rebuilt: see `Assessment`.
    """
    scores = model.scorer.score(features.matrix)
    judgement = judge(features.market.consensus, scores.members, model.manifest)
    offers = best_offers(features.market, facts.books, window.bookmakers, window.maximum_as_bound)
    lead_hours = column("lead_hours", features.market.betting.sport)
    lead = features.matrix[:, lead_hours].astype(np.float64)
    evidence = Evidence.of(judgement.pick, scores.members, features.market, offers, lead)
    return Assessment(facts, model, features, scores, judgement, offers, evidence, rebuilt)


def window_rows(facts: Facts, window: Window) -> np.ndarray:
    """Rows of the events that kick off inside the window, ascending."""
    start = _seconds(window.as_of)
    inside = (facts.kickoff > start) & (facts.kickoff < start + window.hours * 3_600)
    if window.leagues:
        wanted = np.array([code in window.leagues for code in facts.leagues], dtype=np.bool_)
        inside &= wanted[facts.league] if len(facts.leagues) else False
    return np.flatnonzero(inside)


def _model(registry: Registry, window: Window, market: BettingMarket, as_of: datetime) -> Model:
    return registry.pick(market.name, window.channel, as_of, window.allow_in_sample)


def _load_for(
    model: Model,
    facts: KnownFacts,
    window: Window,
    market: BettingMarket,
    past_of: PastOf | None,
) -> Facts:
    """The events of a window, and what has been played since the model's past unless that is told.

    A date begins somewhere on earth a day before it does in UTC.
    """
    if past_of is None:
        return _load(facts, window, market, _last_covered_day(model))
    before = window.as_of + timedelta(hours=window.hours)
    leagues = window.leagues or leagues_of(market.sport)
    since = window.as_of.date() - timedelta(days=1)
    return facts.load(FactsQuery(window.as_of, since, before, leagues))


def _load(facts: KnownFacts, window: Window, market: BettingMarket, since: date | None) -> Facts:
    """The market's own sport: the prices of another would be misread."""
    before = window.as_of + timedelta(hours=window.hours)
    leagues = leagues_of(market.sport)
    return facts.load(FactsQuery(window.as_of, since, before, leagues))


def _day_of(model: Model, instant: int) -> int:
    return model.manifest.spec.sport.result_day(instant)


def _last_covered_day(model: Model) -> date | None:
    """The checkpoint's last day, of which a late result may be missing; None: it has no use."""
    if model.in_sample:
        return None
    return date(1970, 1, 1) + timedelta(days=model.checkpoint.through)


def _earliest_cutoff(
    facts: Facts, rows: np.ndarray, window: Window, spec: FeatureSpec, market: BettingMarket
) -> int:
    """The oldest moment at which an event of the window is judged."""
    as_of = _seconds(window.as_of)
    newest = market_view(facts, rows, np.full(len(rows), as_of), spec, market).newest
    return int(newest[newest >= 0].min(initial=as_of))


def _past(
    repository: KnownFacts,
    facts: Facts,
    model: Model,
    window: Window,
    market: BettingMarket,
    earliest: int,
) -> tuple[History, RatingState | None]:
    """The history, on top of the model's checkpoint wherever that changes nothing but time."""
    spec, as_of = model.manifest.spec, _seconds(window.as_of)
    recent = summarise(facts, as_of, spec)
    if model.in_sample:
        return recent, None
    checkpoint = model.checkpoint
    through = date(1970, 1, 1) + timedelta(days=checkpoint.through)
    covered = repository.seasons(through)
    if covered and not checkpoint.vouches_for(covered):
        everything = summarise(_load(repository, window, market, None), as_of, spec)
        if not checkpoint.serves(earliest, spec, everything):
            return everything, None
    return checkpoint.extended(recent), checkpoint.state


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
