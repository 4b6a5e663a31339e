"""Select the at most three bets of the next hours, with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import nan
from typing import Any, Final

import numpy as np

from betting_ai.clock import Clock
from betting_ai.domain.events import event_id, event_slug
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import OUTCOMES, markets_of
from betting_ai.domain.odds import above_maximum, over_average
from betting_ai.domain.slate import (
    Candidate,
    Criteria,
    Pick,
    Reason,
    Selection,
    Slate,
    Stamp,
    select,
)
from betting_ai.domain.sports import sport_of
from betting_ai.domain.staking import Exposure, ProposedBet, Stake, plan_stakes
from betting_ai.domain.value import bet_until_price
from betting_ai.errors import InvalidInputError, ModelMissingError, NothingToDoError
from betting_ai.features.facts import Bools, Floats
from betting_ai.features.market import OLDEST_PRICE, judged_by, oldest, on_line
from betting_ai.models.manifest import MEMBERS
from betting_ai.models.registry import Registry
from betting_ai.models.valuation import value
from betting_ai.ports.repositories import FactsRepository, Prediction, Taken
from betting_ai.ports.unit_of_work import UnitOfWorkFactory
from betting_ai.usecases.assess_events import Assessment, Window, assess
from betting_ai.usecases.fingerprint import fingerprints
from betting_ai.usecases.rationale import UNEXPLAINED, explain

_NOTHING: Final[Mapping[str, Taken]] = {}

LIVE: Final = "live"
REPLAY: Final = "replay"

SNAPSHOT_AGE: Final = timedelta(seconds=OLDEST_PRICE)
"""A price from a snapshot feed (season files, fixtures) older than this is stale."""


@dataclass(frozen=True)
class SelectTop3Command:
    """What is asked for.

    Attributes:
        window: which events, seen when.
        criteria: what a pick must reach.
        bankroll: above 0.
        data_sources: where the facts came from, as shown on the slate.
        publish: store the slate; on an event recommended before, only the same selection may be
            recommended again, and replaces the earlier recommendation; what is open uses up caps.
            A live slate is told in time or not at all: nothing that has begun is picked.
        mode: of a published slate, ``"live"`` or ``"replay"``.
        explain: give reasons in words (a backtest does without).
    """

    window: Window
    criteria: Criteria
    bankroll: Decimal
    data_sources: tuple[str, ...] = ()
    publish: bool = False
    mode: str = LIVE
    explain: bool = True


@dataclass(frozen=True)
class SelectTop3:
    """The use case; one unit of work."""

    units: UnitOfWorkFactory
    registry: Registry
    clock: Clock

    def __call__(self, command: SelectTop3Command) -> Slate:
        """The slate.

        Raises:
            InvalidInputError: a bankroll or a window that cannot be.
            NothingToDoError: no events are known around this time, or a live slate comes when its
                whole window is over.
            NoModelBeforeError: every model has seen the day.
        """
        _check(command)
        self._now(command)
        with self.units() as unit:
            assessments = self._assess(unit.facts, command.window)
            assessment = assessments[0]
            if not (len(assessment.facts) or unit.facts.seasons(command.window.as_of.date())):
                raise NothingToDoError(
                    f"nothing is known of {command.window.as_of:%Y-%m-%d} or the season before it; "
                    "ingest the season's files first"
                )
            taken = _NOTHING
            if command.publish:
                taken = unit.slates.taken(command.window.as_of, command.mode)
            now = self._now(command)
            slate = choose(assessments, command, taken, gated=True, now=now)
            if command.publish:
                unit.slates.add(slate, predictions(assessment), command.mode)
                unit.commit()
        return slate

    def _now(self, command: SelectTop3Command) -> datetime | None:
        """The present, for a slate that people act on, which may come late; None for any other."""
        if not (command.publish and command.mode == LIVE):
            return None
        as_of, hours, now = command.window.as_of, command.window.hours, self.clock.now()
        if now >= as_of + timedelta(hours=hours):
            raise NothingToDoError(
                f"the slate of {as_of:%Y-%m-%d %H:%M} UTC comes too late: its {hours:g} hours are "
                "over, and picks are published before kick-off or not at all"
            )
        return now

    def _assess(self, facts: FactsRepository, window: Window) -> list[Assessment]:
        """The sport's market on who wins, and every other market whose gate is open."""
        winner, *others = markets_of(sport_of(window.leagues))
        found = [assess(facts, self.registry, window, winner)]
        for market in others:
            try:
                manifest, _ = self.registry.choose(
                    market.name, window.channel, window.as_of, window.allow_in_sample
                )
            except ModelMissingError:
                continue
            if manifest.gate.open:
                found.append(assess(facts, self.registry, window, market))
        return found


def choose(
    assessments: Sequence[Assessment],
    command: SelectTop3Command,
    taken: Mapping[str, Taken] = _NOTHING,
    *,
    gated: bool = False,
    now: datetime | None = None,
) -> Slate:
    """The slate of an assessed window.

    Args:
        assessments: what is thought of the events, one per market; the first is what the slate
            counts events, prices and refusals by.
        command: criteria and bankroll.
        taken: event slug -> what is recommended or bet already.
        gated: a model whose gate is closed gives no picks; else they are chosen to be measured.
        now: nothing that has begun by then is picked, and no price that is too old by then; None
            where slates of the past are made as they would have been in time.
    """
    assessment = assessments[0]
    manifest, market = assessment.model.manifest, assessment.features.market
    found = [c for each in assessments for c in _candidates(each, taken, now, gated=gated)]
    chosen, stakes = _staked(found, command, taken)
    return Slate(
        as_of=command.window.as_of,
        window_hours=command.window.hours,
        criteria=command.criteria,
        bankroll=command.bankroll,
        risk_scale=manifest.risk,
        events_considered=len(market),
        events_priced=int((market.newest >= 0).sum()),
        picks=_picks(assessments, command, chosen, stakes),
        near_misses=chosen.near_misses,
        data_sources=command.data_sources,
        model=manifest.version,
        trained_through=manifest.trained_through.isoformat(),
        stamps=_slate_stamps(assessment, command, gated=gated),
        refused=_refused(assessment, now),
        inputs=fingerprints(assessments) if command.explain else {},
    )


def predictions(assessment: Assessment) -> list[Prediction]:
    """Every member's answer for every priced event."""
    answers = dict(zip(MEMBERS, assessment.scores.members, strict=True)) | {
        "ensemble": assessment.judgement.ensemble,
        "pick_price": assessment.judgement.pick,
        "market": assessment.features.market.consensus,
    }
    place = {outcome: k for k, outcome in enumerate(assessment.betting.outcomes)}

    def three(p: Floats) -> tuple[float, float, float]:
        home, draw, away = (float(p[place[o]]) if o in place else nan for o in OUTCOMES)
        return home, draw, away

    return [
        Prediction(slug_of(assessment, i), name, three(p[i]))
        for i in np.flatnonzero(assessment.features.market.newest >= 0).tolist()
        for name, p in answers.items()
    ]


def names_of(assessment: Assessment, event: int) -> tuple[str, str, str]:
    """(league code, home, away) of one of the assessed events."""
    facts, row = assessment.facts, assessment.features.market.rows[event]
    home, away = (facts.teams[side[row]].partition(":")[2] for side in (facts.home, facts.away))
    return facts.leagues[facts.league[row]], home, away


def slug_of(assessment: Assessment, event: int) -> str:
    """The slug of one of the assessed events."""
    league, home, away = names_of(assessment, event)
    row = assessment.features.market.rows[event]
    day = np.datetime64(int(assessment.facts.day[row]), "D")
    return event_slug(league, str(day), home, away)


def _check(command: SelectTop3Command) -> None:
    if not (command.bankroll.is_finite() and command.bankroll > 0):
        raise InvalidInputError("the bankroll must be above 0")
    if not 0 < command.window.hours <= 24 * 14:
        raise InvalidInputError("the window must be above 0 hours and at most two weeks")


def _candidates(
    assessment: Assessment, taken: Mapping[str, Taken], now: datetime | None, *, gated: bool
) -> list[Candidate]:
    """One candidate per selection that has a price to take."""
    market, offers = assessment.features.market, assessment.offers
    valuation = value(assessment.evidence, offers.price, assessment.model.manifest)
    outcomes = assessment.betting.outcomes
    books = assessment.facts.books
    found = []
    for event, k in np.argwhere(offers.quote >= 0).tolist():
        league, home, away = names_of(assessment, event)
        slug = slug_of(assessment, event)
        quote = offers.quote[event, k]
        stamps, refusals = [], []
        quoted_at = datetime.fromtimestamp(int(market.quoted_at[quote]), UTC)
        kickoff = _instant(assessment, event)
        if now is not None and kickoff <= now:
            refusals.append(Reason.ALREADY_BEGUN)
        elif now is not None and _believed_until(assessment, event, k) <= now:
            refusals.append(Reason.STALE_PRICE)
        if slug in taken and (taken[slug].bet or taken[slug].outcome is not outcomes[k]):
            refusals.append(Reason.ALREADY_RECOMMENDED)
        if gated and not assessment.model.manifest.gate.open:
            refusals.append(Reason.MARKET_CLOSED)
        if assessment.model.manifest.market_only:
            stamps.append(Stamp.MARKET_ONLY)
        if offers.upper_bound[event]:
            stamps.append(Stamp.UPPER_BOUND)
        if assessment.features.lead_clamped[event]:
            stamps.append(Stamp.LEAD_TIME_CLAMPED)
        numbers: dict[str, Any] = {
            name: float(getattr(valuation, name)[event, k])
            for name in (
                "model_ev", "ev", "ev_lower", "ev_se", "confidence", "risk", "rar", "composite",
            )
        }  # fmt: skip
        found.append(
            Candidate(
                event_id=slug,
                home=home,
                away=away,
                league=LEAGUES[league].name if league in LEAGUES else league,
                kickoff=kickoff,
                outcome=outcomes[k],
                bookmaker=books[market.quote_book[quote]],
                price=_decimal(offers.price[event, k]),
                quoted=_decimal(market.gross[quote, k]),
                q=float(market.consensus[event, k]),
                books=int(market.books[event]),
                book_spread=float(market.dispersion[event, k]),
                f=float(assessment.judgement.pick[event, k]),
                p=float(assessment.judgement.ensemble[event, k]),
                members={
                    name: float(assessment.scores.members[m, event, k])
                    for m, name in enumerate(MEMBERS)
                },
                prices_as_of=quoted_at,
                stamps=tuple(stamps),
                refusals=tuple(refusals),
                market=assessment.betting,
                **numbers,
            )
        )
    return found


def _staked(
    found: Sequence[Candidate], command: SelectTop3Command, taken: Mapping[str, Taken]
) -> tuple[Selection, tuple[Stake, ...]]:
    """The chosen and their stakes; one that gets no stake makes room for the next."""
    while True:
        chosen = select(found, command.criteria)
        plan = plan_stakes(
            [ProposedBet(c.event_id, c.price, c.ev, c.ev_se) for c in chosen.picks],
            command.bankroll,
            _exposure(chosen, command, taken),
        )
        without = {
            id(candidate): stake.reason
            for candidate, stake in zip(chosen.picks, plan.stakes, strict=True)
            if stake.reason is not None
        }
        if not without:
            return chosen, plan.stakes
        found = [
            replace(c, refusals=(*c.refusals, without[id(c)])) if id(c) in without else c
            for c in found
        ]


def _exposure(
    chosen: Selection, command: SelectTop3Command, taken: Mapping[str, Taken]
) -> Exposure:
    """What is open on the window's events, but for what the chosen replace."""
    replaced = {c.event_id for c in chosen.picks}
    end = command.window.as_of + timedelta(hours=command.window.hours)
    at_risk = {
        slug: one.stake for slug, one in taken.items() if one.kickoff < end and slug not in replaced
    }
    return Exposure(sum(at_risk.values(), Decimal(0)), at_risk)


def _picks(
    assessments: Sequence[Assessment],
    command: SelectTop3Command,
    chosen: Selection,
    stakes: Sequence[Stake],
) -> tuple[Pick, ...]:
    """Limits and reasons for the chosen."""
    by_market = {each.betting: each for each in assessments}
    picks: list[Pick] = []
    for candidate, stake in zip(chosen.picks, stakes, strict=True):
        assessment = by_market[candidate.market]
        event = _event_of(assessment, candidate.event_id)
        k = candidate.market.outcomes.index(candidate.outcome)
        pick = Pick(
            rank=len(picks) + 1,
            candidate=candidate,
            stake=stake.amount,
            bet_until=_bet_until(assessment, command.criteria, event, k, candidate.price),
            expires_at=min(candidate.kickoff, _believed_until(assessment, event, k)),
            model_version=assessment.model.manifest.version,
            advice=_advice(assessment, event, k, float(candidate.price)),
            rationale=UNEXPLAINED,
        )
        if command.explain:
            pick = replace(pick, rationale=explain(assessment, pick, event, command.window.as_of))
        picks.append(pick)
    return tuple(picks)


def _believed_until(assessment: Assessment, event: int, k: int) -> datetime:
    """When the price of a selection is too old for its feed."""
    market, quote = assessment.features.market, assessment.offers.quote[event, k]
    last = market.quoted_at[quote] + oldest(market.live[[quote]])[0]
    return datetime.fromtimestamp(int(last), UTC)


def _bet_until(
    assessment: Assessment, criteria: Criteria, event: int, k: int, price: Decimal
) -> Decimal:
    """Lowest price at which the pick meets the criteria; EV and confidence move with the price."""
    evidence = assessment.evidence.at(event, k)

    def meets(prices: Floats) -> Bools:
        worth = value(evidence, prices[None, :], assessment.model.manifest)
        met: Bools = criteria.met(worth.confidence, worth.ev, worth.risk)[0]
        return met

    lowest = bet_until_price(price, meets)
    return price if lowest is None else lowest


def _event_of(assessment: Assessment, slug: str) -> int:
    """Row of one of the assessed events."""
    rows = assessment.features.market.rows
    return int(np.flatnonzero(assessment.facts.event_id[rows] == event_id(slug))[0])


def _advice(assessment: Assessment, event: int, k: int, price: float) -> str:
    """Deep RL's own decision: wait when waiting is worth more than betting now."""
    if assessment.offers.upper_bound[event]:
        return "none"
    p = assessment.scores.members[MEMBERS.index("deep_rl"), event, k]
    wait = assessment.scores.wait[event, k]
    return "wait" if p * price - 1.0 < wait else "bet"


def _refused(assessment: Assessment, now: datetime | None) -> dict[Reason, int]:
    """Prices that fell to the guard, and events that could not be judged or bet on."""
    market = assessment.features.market
    event = market.quote_event
    maximum, average = judged_by(market)
    above = above_maximum(market.net, maximum)
    over = over_average(market.net, average)
    named = market.named[:, None]
    priced = market.newest >= 0
    stale = ~priced & _only_stale_prices(assessment)
    has_book = np.isin(np.arange(len(market)), event[market.named])
    begun = 0
    if now is not None:
        begun = int((assessment.facts.kickoff[market.rows] <= now.timestamp()).sum())
    counts = {
        Reason.ALREADY_BEGUN: begun,
        Reason.PRICE_ABOVE_MAXIMUM: int((named & above).sum()),
        Reason.PRICE_OVER_AVERAGE: int((named & over & ~above).sum()),
        Reason.STALE_PRICE: int(stale.sum()),
        Reason.NOT_ENOUGH_PRICES: int((~priced & ~stale).sum()),
        Reason.NO_NAMED_BOOK: int((priced & ~has_book & ~assessment.offers.upper_bound).sum()),
    }
    return {reason: count for reason, count in counts.items() if count}


def _only_stale_prices(assessment: Assessment) -> Bools:
    """Which events have quotes of the market, every one of them too old to be in its view."""
    facts, market = assessment.facts, assessment.features.market
    stale = np.zeros(len(market), dtype=np.bool_)
    seen = np.isin(np.arange(len(market)), market.quote_event)
    for event in np.flatnonzero(~seen).tolist():
        row = market.rows[event]
        first, last = np.searchsorted(facts.quote_event, [row, row + 1]).tolist()
        quotes = np.arange(first, last)
        quotes = quotes[facts.quote_market[first:last] == assessment.betting.kind]
        stale[event] = len(on_line(facts, quotes, assessment.betting)) > 0
    return stale


def _slate_stamps(
    assessment: Assessment, command: SelectTop3Command, *, gated: bool
) -> tuple[Stamp, ...]:
    manifest = assessment.model.manifest
    stamps = []
    if not (command.publish and command.mode == LIVE):
        stamps.append(Stamp.RECONSTRUCTED)
    if assessment.model.in_sample:
        stamps.append(Stamp.IN_SAMPLE)
    if command.window.as_of.date() <= manifest.tuned_through:
        stamps.append(Stamp.TUNED_ON)
    if manifest.market_only:
        stamps.append(Stamp.MARKET_ONLY)
    if gated and not manifest.gate.open:
        stamps.append(Stamp.MARKET_CLOSED)
    if bool(assessment.offers.upper_bound.any()):
        stamps.append(Stamp.UPPER_BOUND)
    return tuple(stamps)


def _instant(assessment: Assessment, event: int) -> datetime:
    row = assessment.features.market.rows[event]
    return datetime.fromtimestamp(int(assessment.facts.kickoff[row]), UTC)


def _decimal(price: float) -> Decimal:
    """A price as stored: at most four places, no trailing zeros beyond the second."""
    exact = Decimal(repr(round(float(price), 4)))
    places = -int(exact.normalize().as_tuple().exponent)
    return exact.quantize(Decimal(1).scaleb(-max(2, places)))
