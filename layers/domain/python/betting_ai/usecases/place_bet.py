"""Place a bet on a pick, once; and ask about those that nobody knows the fate of.

The reference is stored, and the stake set aside, before the venue is called. Only the process that
stored a reference ever sends it, and sends it once. Whatever happens after that, a bet that may
have been taken stays unknown until the venue has been asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid5

from betting_ai.clock import Clock
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import BettingMarket, market_at
from betting_ai.domain.protections import Proposal, violations
from betting_ai.domain.settlement import Settled
from betting_ai.errors import (
    DomainError,
    InvalidInputError,
    NotOfferedError,
    PriceMovedError,
    ProtectionError,
    VenueOfflineError,
    VenueUnknownError,
)
from betting_ai.ports.bets import (
    MISSING,
    PAPER,
    REAL,
    BetStatus,
    NewBet,
    Session,
    StoredBet,
)
from betting_ai.ports.feeds import KnownTeams, Resolver
from betting_ai.ports.record import RecordedPick, Settlement, Why
from betting_ai.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from betting_ai.ports.venue import BetSlip, BetState, Venue, VenueBet, VenueFixture

IN_FLIGHT: Final = timedelta(minutes=5)
"""So long after a bet was stored a call may still be on its way: until then nothing is missing."""

LATEST_ASKED: Final = timedelta(days=2)
"""So long a bet that seems never to have arrived is asked about."""

PAID_WITHIN: Final = timedelta(days=14)
"""So long after its settlement a real bet is held against what the venue paid."""

_NAMES: Final = UUID("6f4b9a52-0f0e-4a3c-9a5e-6d4f2b7c1e90")  # any that nothing else uses
_MOVED: Final = timedelta(days=1)  # a kick-off may be moved by so much and still be the same match

_STATUS: Final = {
    BetState.PENDING: BetStatus.PENDING,
    BetState.REFUSED: BetStatus.REJECTED,
}  # everything else that a venue has, it has taken
_RESULT: Final = {
    BetState.WON: Settled.WON,
    BetState.LOST: Settled.LOST,
    BetState.VOID: Settled.VOID,
    BetState.HALF_WON: Settled.HALF_WON,
    BetState.HALF_LOST: Settled.HALF_LOST,
}


@dataclass(frozen=True)
class PlaceBetCommand:
    """What to bet on.

    Attributes:
        pick_id: key of the recommendation.
        stake: money; None for what was recommended.
        reference: the same reference is one bet; None for the one that follows from session, pick
            and how often the pick was rejected.
    """

    pick_id: int
    stake: Decimal | None = None
    reference: UUID | None = None


@dataclass(frozen=True)
class PlaceBet:
    """The use case: one unit of work before the venue is called, and one after."""

    units: UnitOfWorkFactory
    venue: Venue
    resolver: Resolver
    clock: Clock

    def __call__(self, command: PlaceBetCommand) -> StoredBet:
        """Place the bet, or find out about the one that has the reference already.

        Raises:
            InvalidInputError: no such pick, no open session, or a stake that cannot be.
            ProtectionError: a protection stands against it; that is kept.
            PriceMovedError: the venue's price is below the pick's bet-until price.
            NotOfferedError: the venue does not offer the selection, or not any more.
            VenueOfflineError: the venue cannot be asked for its prices, or surely did not get the
                bet.
        """
        with self.units() as unit:
            pick = _pick(unit, command.pick_id)
            session = _session(unit, self.venue)
            reference = command.reference or _reference(unit, session, pick)
            known = unit.bets.find(reference)
        if known is not None:
            return self._ask(known)
        bet = self._proposed(pick, session, reference, command.stake)
        slip = self._slip(pick, bet, session)
        stored = self._begin(pick, bet)
        if stored is None:
            with self.units() as unit:
                known = unit.bets.find(reference)
            assert known is not None  # noqa: S101 - it was there a moment ago
            return self._ask(known)
        return self._send(slip, stored)

    def _proposed(
        self, pick: RecordedPick, session: Session, reference: UUID, stake: Decimal | None
    ) -> NewBet:
        amount = pick.stake if stake is None else stake
        if not (amount.is_finite() and amount > 0 and amount == round(amount, 2)):
            raise InvalidInputError("a stake must be above 0, in whole cents")
        if pick.status != "pending":
            raise InvalidInputError(f"pick {pick.id} is {pick.status}; bet on one that stands")
        return NewBet(
            reference=reference,
            session_id=session.id,
            recommendation_id=pick.id,
            event_id=pick.event_id,
            bookmaker=pick.bookmaker,
            market=pick.market,
            line=pick.line,
            outcome=pick.outcome,
            price=pick.price,
            stake=amount,
            venue=self.venue.name,
            mode=session.mode,
        )

    def _slip(self, pick: RecordedPick, bet: NewBet, session: Session) -> BetSlip:
        """The bet in the venue's words, once its price is good enough."""
        market = market_at(LEAGUES[pick.league].sport, pick.market, pick.line)
        fixture = self._fixture(pick)
        offered = [
            price
            for price in self.venue.prices([fixture.id])
            if (price.market, price.outcome) == (market, pick.outcome)
            and price.bookmaker in {None, pick.bookmaker}
        ]
        if not offered:
            raise self._not_offered(pick, f"does not offer {_told(pick, market)}")
        price = max(offered, key=lambda one: one.price)
        if price.price < pick.bet_until:
            raise PriceMovedError(
                f"{self.venue.name} offers {price.price}, below {pick.bet_until}: the least at "
                "which this was worth a bet"
            )
        if price.max_stake is not None and bet.stake > price.max_stake:
            raise InvalidInputError(f"{self.venue.name} takes at most {price.max_stake} on it")
        if price.min_stake is not None and bet.stake < price.min_stake:
            raise InvalidInputError(f"{self.venue.name} takes at least {price.min_stake}")
        return BetSlip(
            reference=bet.reference,
            fixture_id=fixture.id,
            event_id=pick.event_id,
            bookmaker=pick.bookmaker,
            market=market,
            outcome=pick.outcome,
            price=price.price,
            min_price=min(pick.bet_until, price.price),
            stake=bet.stake,
            currency=session.currency,
        )

    def _fixture(self, pick: RecordedPick) -> VenueFixture:
        """The venue's name for the event; only when there is no doubt."""
        home, _, away = pick.event_name.partition(" vs ")
        around = self.venue.fixtures(pick.league, pick.kickoff - _MOVED, pick.kickoff + _MOVED)
        same = [one for one in around if (one.home, one.away) == (home, away)]
        if not same:
            meant = self._names(pick.league)
            same = [one for one in around if (meant(one.home), meant(one.away)) == (home, away)]
        if len(same) != 1:
            raise self._not_offered(pick, f"has no match that is surely {pick.event_name}")
        return same[0]

    def _not_offered(self, pick: RecordedPick, why: str) -> NotOfferedError:
        """Why there is nothing to bet on; a venue takes down what has begun."""
        if self.clock.now() >= pick.kickoff:
            began = f"{pick.kickoff:%Y-%m-%d %H:%M} UTC"
            return NotOfferedError(
                f"{pick.event_name} began at {began}; what has begun or ended is not bet on"
            )
        return NotOfferedError(f"{self.venue.name} {why}")

    def _names(self, league: str) -> Callable[[str], str | None]:
        """What the venue's names mean."""
        country = LEAGUES[league].country
        with self.units() as unit:
            known = KnownTeams(
                country=unit.teams.teams(country),
                aliases=unit.teams.aliases(self.venue.name, country),
            )
        return lambda name: self.resolver.match(self.venue.name, country, name, known).team

    def _begin(self, pick: RecordedPick, bet: NewBet) -> StoredBet | None:
        """Ask every protection and store the reference, in one transaction that holds the session.

        Returns:
            The bet; None where its reference is there already.
        """
        now = self.clock.now()
        with self.units() as unit:
            standing = unit.bets.standing(bet.session_id, now)
            if unit.bets.find(bet.reference) is not None:
                return None
            session = next(s for s in unit.bets.sessions() if s.id == bet.session_id)
            proposal = Proposal(
                event_id=bet.event_id,
                league=pick.league,
                kickoff=pick.kickoff,
                outcome=bet.outcome,
                stake=bet.stake,
                price_expires_at=pick.expires_at,
            )
            found = violations(session.limits, standing, proposal)
            if found:
                unit.bets.note_violations(bet, found, now)
                unit.commit()
                raise ProtectionError("; ".join(one.detail for one in found))
            stored = unit.bets.begin(bet, now)
            unit.commit()
        return stored

    def _send(self, slip: BetSlip, stored: StoredBet) -> StoredBet:
        """Call the venue; the only place that does."""
        if self.clock.now() - stored.created_at > IN_FLIGHT / 2:
            return self._resolve(slip.reference, BetStatus.REJECTED, reason="too_late")
        try:
            answer = self.venue.place(slip)
        except VenueOfflineError:
            self._resolve(slip.reference, BetStatus.REJECTED, reason="offline")
            raise
        except VenueUnknownError:
            return stored
        return self._heard(answer)

    def _ask(self, bet: StoredBet) -> StoredBet:
        """What became of a bet whose reference is there already; it is never sent again."""
        if bet.status not in (BetStatus.UNKNOWN, BetStatus.PENDING):
            return bet
        return self._heard(self.venue.status(bet.bet.reference), bet)

    def _heard(self, answer: VenueBet, bet: StoredBet | None = None) -> StoredBet:
        if answer.state is BetState.MISSING:
            assert bet is not None  # noqa: S101 - a venue that was sent a bet has it
            return bet
        return self._resolve(
            answer.reference,
            _STATUS.get(answer.state, BetStatus.PLACED),
            answer=answer,
            reason=str(answer.refusal) if answer.refusal else None,
        )

    def _resolve(
        self,
        reference: UUID,
        status: BetStatus,
        answer: VenueBet | None = None,
        reason: str | None = None,
    ) -> StoredBet:
        with self.units() as unit:
            found = unit.bets.resolve(
                reference,
                status,
                at=self.clock.now(),
                price=answer.price if answer else None,
                stake=answer.stake if answer else None,
                venue_reference=answer.venue_reference if answer else None,
                reason=reason,
            )
            unit.commit()
        return found


@dataclass(frozen=True)
class Reconciled:
    """What asking the venues gave.

    Attributes:
        changed: bets that stand otherwise than before, or were paid otherwise.
        unknown: bets that still only their venue can tell about.
        failed: what could not be asked, one line each.
    """

    changed: tuple[StoredBet, ...]
    unknown: tuple[StoredBet, ...]
    failed: tuple[str, ...]


@dataclass(frozen=True)
class ReconcileBets:
    """The use case: asks each venue about every bet in doubt; nothing is ever sent again.

    Attributes:
        units: transactions.
        venue: gives the venue of a name.
        clock: tells the present.
    """

    units: UnitOfWorkFactory
    venue: Callable[[str], Venue]
    clock: Clock

    def __call__(self) -> Reconciled:
        """Ask about every bet that is unknown or pending, or seems never to have arrived.

        Real bets that were settled lately are asked about too: the venue's money is what counts.
        """
        now = self.clock.now()
        with self.units() as unit:
            asked = unit.bets.undecided(now - LATEST_ASKED)
            settled = unit.bets.settled(REAL, now - PAID_WITHIN)
        changed, unknown, failed = [], [], []
        for bet in (*asked, *settled):
            doubtful = bet.settled_at is None
            try:
                answer = self.venue(bet.bet.venue).status(bet.bet.reference)
            except DomainError as error:
                failed.append(f"{bet.bet.venue}: {error}")
                unknown += [bet] if doubtful else []
                continue
            found = self._note(bet, answer, now) if doubtful else self._paid(bet, answer, now)
            if found != bet:
                changed.append(found)
            elif found.status in (BetStatus.UNKNOWN, BetStatus.PENDING):
                unknown.append(found)
        return Reconciled(tuple(changed), tuple(unknown), tuple(dict.fromkeys(failed)))

    def _paid(self, bet: StoredBet, answer: VenueBet, now: datetime) -> StoredBet:
        """Settle anew by the venue's word where it paid otherwise than the rules say."""
        if answer.returned is None:
            return bet
        money = answer.returned - bet.bet.stake
        if money == bet.profit:
            return bet
        with self.units() as unit:
            due, last = unit.record.settled_bet(bet.id)
            result = _RESULT.get(answer.state) or _by_money(money, bet)
            verdict = replace(last, result=result, why=Why.VENUE, profit=money)
            settlement = Settlement(due, verdict, now)
            unit.record.settle([settlement])
            unit.bets.pay([settlement])
            found = unit.bets.find(bet.bet.reference)
            unit.commit()
        return found or bet

    def _note(self, bet: StoredBet, answer: VenueBet, now: datetime) -> StoredBet:
        status = _STATUS.get(answer.state, BetStatus.PLACED)
        reason = str(answer.refusal) if answer.refusal else None
        if answer.state is BetState.MISSING:
            if now - bet.created_at <= IN_FLIGHT:
                return bet  # the call may still be on its way
            status, reason = BetStatus.REJECTED, MISSING
        with self.units() as unit:
            found = unit.bets.resolve(
                bet.bet.reference,
                status,
                at=now,
                price=answer.price,
                stake=answer.stake,
                venue_reference=answer.venue_reference,
                reason=reason,
            )
            unit.commit()
        return found


def _pick(unit: UnitOfWork, key: int) -> RecordedPick:
    found = unit.record.pick(key)
    if found is None:
        raise InvalidInputError(f"there is no pick {key}; `history` lists them")
    return found


def _session(unit: UnitOfWork, venue: Venue) -> Session:
    mode = REAL if venue.real else PAPER
    found = unit.bets.current(mode)
    if found is None:
        raise InvalidInputError(f"no {mode} session is open; begin one with `session start`")
    return found


def _reference(unit: UnitOfWork, session: Session, pick: RecordedPick) -> UUID:
    """The same for everyone who would place this bet now; another once it was rejected."""
    rejected = sum(
        bet.bet.recommendation_id == pick.id and bet.status == BetStatus.REJECTED
        for bet in unit.bets.bets(session.id)
    )
    return uuid5(_NAMES, f"{session.id}/{pick.hash}/{rejected}")


def _by_money(money: Decimal, bet: StoredBet) -> Settled:
    """What an amount that no rule names comes nearest to."""
    if money == 0:
        return Settled.VOID
    if money > 0:
        return Settled.WON
    return Settled.LOST if money == -bet.bet.stake else Settled.HALF_LOST


def _told(pick: RecordedPick, market: BettingMarket) -> str:
    line = f" {market.line:g}" if market.line else ""
    return f"{pick.outcome}{line} of {pick.event_name}"
