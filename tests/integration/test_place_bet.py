"""Bets are placed once, within every limit, and nothing is lost when a venue does not answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from betting_ai.adapters.feeds.resolver import TeamResolver
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork, unit_of_work_factory
from betting_ai.adapters.venues.paper import PaperRules, PaperVenue
from betting_ai.adapters.venues.stored_offers import StoredOffers
from betting_ai.clock import FixedClock
from betting_ai.domain.protections import Limits
from betting_ai.errors import (
    InvalidInputError,
    NotOfferedError,
    PriceMovedError,
    ProtectionError,
    VenueOfflineError,
    VenueUnknownError,
)
from betting_ai.ports.bets import MISSING, PAPER, REAL, Pause, StoredBet
from betting_ai.ports.venue import BetSlip, BetState, RefusalCode, Venue, VenueBet
from betting_ai.usecases.place_bet import IN_FLIGHT, PlaceBet, PlaceBetCommand, ReconcileBets
from betting_ai.usecases.verify_record import VerifyRecord
from integration.record_world import EVENING, MORNING, NAMES, World, match, pick, slate, world

__all__ = ["world"]  # a fixture
RULES = PaperRules(drift=Decimal(0), rejects=0.0, delay=timedelta(0), bankroll=Decimal(10_000))


@dataclass
class Trouble:
    """A paper venue that can fail before or after it has taken a bet, and counts its calls."""

    venue: PaperVenue
    before: Exception | None = None
    after: Exception | None = None
    sent: list[UUID] = field(default_factory=list)
    real: bool = False
    name: str = "paper"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.venue, name)

    def place(self, slip: BetSlip) -> VenueBet:
        self.sent.append(slip.reference)
        if self.before:
            raise self.before
        answer = self.venue.place(slip)
        if self.after:
            raise self.after
        return answer


@dataclass
class Desk:
    """A world with a session, picks and a venue."""

    world: World
    now: datetime = MORNING
    tampered: bool = False

    def __post_init__(self) -> None:
        self.venue = Trouble(self.paper(RULES))

    def paper(self, rules: PaperRules) -> PaperVenue:
        engine = self.world.engine
        return PaperVenue(engine, StoredOffers(engine), FixedClock(self.now), rules)

    def session(self, limits: Limits | None = None, mode: str = PAPER, money: int = 1000) -> int:
        with SqlUnitOfWork(self.world.engine) as unit:
            begun = unit.bets.open_session(
                "s", mode, "units", Decimal(money), limits or Limits(), MORNING
            )
            unit.commit()
        return begun.id

    def place(
        self, number: int = 1, stake: str | None = None, reference: UUID | None = None,
        venue: Venue | None = None, now: datetime | None = None,
    ) -> StoredBet:  # fmt: skip
        units = unit_of_work_factory(self.world.engine)
        clock = FixedClock(now or self.now)
        use_case = PlaceBet(units, venue or self.venue, TeamResolver({}), clock)
        money = None if stake is None else Decimal(stake)
        return use_case(PlaceBetCommand(number, money, reference))

    def reconcile(self, after: timedelta = timedelta(0)) -> Any:
        units = unit_of_work_factory(self.world.engine)
        return ReconcileBets(units, lambda _name: self.venue, FixedClock(self.now + after))()

    def cash(self) -> Decimal:
        [row] = self.world.rows("SELECT bankroll FROM betting_sessions")
        money: Decimal = row["bankroll"]
        return money

    def holds(self) -> bool:
        """Whether every number of the record follows from the others."""
        return VerifyRecord(unit_of_work_factory(self.world.engine))().flaws == ()


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    world.change(f"ALTER TABLE slates ALTER created_at SET DEFAULT '{MORNING}'")
    world.publish(slate(*(pick(i, i + 1) for i in range(3))))
    desk = Desk(world)
    yield desk
    assert desk.tampered or desk.holds()


def test_a_bet_follows_its_pick_and_takes_its_stake(desk: Desk) -> None:
    desk.session()
    bet = desk.place(1)
    assert (bet.status, bet.bet.price, bet.bet.stake) == ("placed", Decimal("2.3"), Decimal(10))
    assert (bet.bet.venue, bet.bet.mode, bet.bet.recommendation_id) == ("paper", PAPER, 1)
    assert desk.cash() == Decimal(990)


def test_the_same_pick_is_bet_on_once(desk: Desk) -> None:
    desk.session()
    assert desk.place(1).id == desk.place(1).id
    assert (len(desk.venue.sent), desk.cash()) == (1, Decimal(990))


def test_fifty_at_once_with_one_reference_are_one_bet(desk: Desk) -> None:
    desk.session()
    reference = uuid4()
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda _: desk.place(1, reference=reference), range(50)))
    assert {bet.bet.reference for bet in found} == {reference}
    assert desk.venue.sent == [reference]
    assert len(desk.world.rows("SELECT id FROM bets")) == 1
    assert len(desk.world.rows("SELECT number FROM paper_bets")) == 1
    assert desk.cash() == Decimal(990)
    assert desk.place(1, reference=reference).status == "placed"


def test_fifty_at_once_hold_every_limit_together(desk: Desk) -> None:
    """Each alone is within the limits; together they are not."""
    desk.session(Limits(per_event=Decimal("0.1"), per_league=Decimal(1)))
    outcomes = []

    def place(number: int) -> None:
        try:
            desk.place(1 + number % 3, "7.00", uuid4())
            outcomes.append("placed")
        except ProtectionError:
            outcomes.append("stopped")

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(place, range(50)))
    open_ = desk.world.rows("SELECT sum(stake) AS at_risk FROM bets WHERE status = 'placed'")
    assert outcomes.count("placed") == 14  # a tenth of 1,000 a day
    assert open_[0]["at_risk"] == Decimal(98)
    assert desk.cash() == Decimal(902)
    kept = desk.world.rows("SELECT DISTINCT protection FROM violations")
    assert {row["protection"] for row in kept} == {"day_exposure", "daily_loss"}


def test_a_loss_limit_holds_while_results_come_in(desk: Desk) -> None:
    desk.session(Limits(daily_loss=Decimal("0.02"), per_day=Decimal(1)))
    desk.place(1, "15.00")
    desk.world.tell(match(0, (0, 1)))
    desk.world.settle()
    tonight = {"now": EVENING + timedelta(minutes=1)}
    with pytest.raises(ProtectionError, match="began"):
        desk.place(2, "5.01", **tonight)
    with pytest.raises(ProtectionError, match=r"20\.01 could be lost today; the limit is 20\.00"):
        desk.place(2, "5.01", **tonight)


def test_without_an_answer_a_bet_is_unknown_until_the_venue_is_asked(desk: Desk) -> None:
    desk.session()
    desk.venue.after = VenueUnknownError("no answer")
    bet = desk.place(1)
    assert (bet.status, desk.cash()) == ("unknown", Decimal(990))
    [found] = desk.reconcile().changed
    assert (found.status, found.bet.price) == ("placed", Decimal("2.3"))
    assert len(desk.venue.sent) == 1


def test_placing_again_asks_and_never_sends_again(desk: Desk) -> None:
    desk.session()
    desk.venue.after = VenueUnknownError("no answer")
    desk.place(1)
    assert desk.place(1).status == "placed"
    assert len(desk.venue.sent) == 1


def test_what_never_arrived_gives_its_stake_back_but_not_too_soon(desk: Desk) -> None:
    desk.session()
    desk.venue.before = VenueUnknownError("no answer")
    desk.place(1)
    assert [bet.status for bet in desk.reconcile(IN_FLIGHT).unknown] == ["unknown"]
    [bet] = desk.reconcile(IN_FLIGHT + timedelta(seconds=1)).changed
    assert (bet.status, bet.reason, desk.cash()) == ("rejected", MISSING, Decimal(1000))


def test_what_seemed_never_to_have_arrived_and_was_taken_after_all_is_a_bet(desk: Desk) -> None:
    desk.session()
    desk.venue.before = VenueUnknownError("no answer")
    stored = desk.place(1)
    desk.reconcile(2 * IN_FLIGHT)
    slip = BetSlip(
        stored.bet.reference, stored.bet.event_id, stored.bet.event_id, "B365",
        desk.venue.prices([stored.bet.event_id])[0].market, stored.bet.outcome, Decimal("2.30"),
        Decimal("2.20"), Decimal("10.00"), "units",
    )  # fmt: skip
    desk.venue.venue.place(slip)
    [bet] = desk.reconcile(3 * IN_FLIGHT).changed
    assert (bet.status, bet.reason, desk.cash()) == ("placed", None, Decimal(990))


def test_a_venue_that_cannot_be_reached_leaves_no_bet(desk: Desk) -> None:
    desk.session()
    desk.venue.before = VenueOfflineError("refused")
    with pytest.raises(VenueOfflineError):
        desk.place(1)
    [row] = desk.world.rows("SELECT status, reason FROM bets")
    assert (tuple(row.values()), desk.cash()) == (("rejected", "offline"), Decimal(1000))
    desk.venue.before = None
    assert desk.place(1).status == "placed"  # a new reference: the first was surely not taken
    assert desk.cash() == Decimal(990)


def test_a_refusal_is_kept_and_gives_the_stake_back(desk: Desk) -> None:
    desk.session()
    always = replace(RULES, rejects=1.0)
    bet = desk.place(1, venue=desk.paper(always))
    assert (bet.status, bet.reason, desk.cash()) == ("rejected", "other", Decimal(1000))


def test_a_price_below_the_least_is_never_sent(desk: Desk) -> None:
    desk.session()
    desk.world.change("UPDATE odds SET price = 2.1 WHERE market = 0 AND selection = 0")
    with pytest.raises(PriceMovedError, match=r"offers 2\.1\d*, below 2\.20"):
        desk.place(1)
    assert desk.venue.sent == []
    assert desk.world.rows("SELECT id FROM bets") == []


def test_the_venue_itself_does_not_take_less(desk: Desk) -> None:
    """The price may move between the look and the bet."""
    desk.session()
    bet = desk.place(1, venue=desk.paper(replace(RULES, drift=Decimal("0.05"))))
    assert (bet.status, bet.reason) == ("rejected", str(RefusalCode.PRICE_MOVED))


def test_what_a_venue_does_not_have_is_not_bet_on(desk: Desk) -> None:
    desk.session()
    desk.world.change("DELETE FROM odds")
    with pytest.raises(NotOfferedError, match="does not offer"):
        desk.place(1)


def test_a_match_that_has_begun_is_said_to_have_begun(desk: Desk) -> None:
    """A venue takes it down, and so offers nothing; that is not what the bettor has to know."""
    desk.session()
    later = desk.paper(RULES)
    desk.now = EVENING
    begun = r"Ash vs Birch began at 2025-03-15 15:00 UTC; what has begun or ended is not bet on"
    with pytest.raises(NotOfferedError, match=begun):
        desk.place(1, venue=desk.paper(RULES))
    desk.world.change("DELETE FROM odds")
    with pytest.raises(NotOfferedError, match=begun):
        desk.place(1, venue=later)
    desk.now = MORNING
    with pytest.raises(NotOfferedError, match="does not offer"):
        desk.place(1, venue=later)
    assert desk.world.rows("SELECT id FROM bets") == []


def test_a_venues_own_names_are_matched_or_refused(desk: Desk) -> None:
    desk.session()

    def named(home: str) -> Any:
        class Named(Trouble):
            def fixtures(self, *asked: Any) -> Sequence[Any]:
                return [
                    replace(f, home=home if f.home == NAMES[0][0] else f.home)
                    for f in self.venue.fixtures(*asked)
                ]

        return Named(desk.venue.venue)

    with pytest.raises(NotOfferedError, match="surely"):
        desk.place(1, venue=named("Oak Rovers"))
    assert desk.place(1, venue=named("ASH")).status == "placed"


@pytest.mark.parametrize("stake", ["0", "-1", "1.001", "NaN"])
def test_stakes_that_cannot_be_are_refused(desk: Desk, stake: str) -> None:
    desk.session()
    with pytest.raises(InvalidInputError, match="whole cents"):
        desk.place(1, stake)


def test_nothing_is_placed_without_a_session_of_the_venues_kind(desk: Desk) -> None:
    with pytest.raises(InvalidInputError, match="no paper session"):
        desk.place(1)
    desk.session(mode=REAL)
    with pytest.raises(InvalidInputError, match="no paper session"):
        desk.place(1)
    desk.venue.real = True
    assert desk.place(1).bet.mode == REAL


def test_losses_on_paper_stop_no_real_bet_and_the_reverse(desk: Desk) -> None:
    strict = Limits(losing_streak=1)
    desk.session(strict)
    desk.place(1)
    desk.world.tell(match(0, (0, 1)))
    desk.world.settle(MORNING + timedelta(hours=10))
    desk.world.change("UPDATE settlements SET settled_at = settled_at - interval '10 hours'")
    desk.world.change("UPDATE bets SET settled_at = settled_at - interval '10 hours'")
    with pytest.raises(ProtectionError, match="1 bets in a row lost"):
        desk.place(2)
    desk.session(strict, REAL)
    real = Trouble(desk.venue.venue, real=True)
    assert desk.place(2, venue=real).status == "placed"
    desk.tampered = True


def test_a_stop_is_for_everything_and_cannot_be_shortened(desk: Desk) -> None:
    desk.session()
    week = MORNING + timedelta(days=7)
    with SqlUnitOfWork(desk.world.engine) as unit:
        unit.bets.pause(Pause.SELF_EXCLUSION, week, None, "enough", MORNING)
        with pytest.raises(InvalidInputError, match="cannot be shortened"):
            unit.bets.pause(Pause.SELF_EXCLUSION, week - timedelta(days=1), None, "regret", MORNING)
        unit.bets.pause(Pause.COOL_OFF, MORNING + timedelta(hours=1), REAL, "tired", MORNING)
        unit.commit()
    with pytest.raises(ProtectionError, match=r"excluded yourself; .* from 2025-03-22"):
        desk.place(1)
    with pytest.raises(Exception, match="append-only"):
        desk.world.rows("DELETE FROM restraints RETURNING id")
    with SqlUnitOfWork(desk.world.engine) as unit:
        standing = unit.bets.standing(1, MORNING)
    assert (standing.cooling_off_until, standing.excluded_until) == (None, week)


def test_the_kill_switch_stops_until_it_is_off(desk: Desk) -> None:
    desk.session()
    for state in (True, False):
        with SqlUnitOfWork(desk.world.engine) as unit:
            unit.bets.switch(killed=state, why="test", at=MORNING)
            unit.commit()
        if state:
            with pytest.raises(ProtectionError, match="kill switch"):
                desk.place(1)
    assert desk.place(1).status == "placed"


def test_bets_are_settled_and_paid_once_and_again_when_corrected(desk: Desk) -> None:
    desk.session()
    desk.place(1)
    desk.place(2)
    desk.world.tell(match(0, (2, 1)), match(1, (0, 0)), match(2, (0, 0)))
    desk.world.settle()
    desk.world.settle()
    assert desk.cash() == Decimal("1003.00")  # +13 and -10
    lines = desk.world.rows("SELECT kind, amount FROM ledger ORDER BY id")
    assert [tuple(row.values()) for row in lines[3:]] == [
        ("payout", Decimal("23.00")),
        ("payout", Decimal("0.00")),
    ]
    desk.world.tell(match(0, (2, 2)), at=EVENING + timedelta(hours=1))
    desk.world.settle(EVENING + timedelta(hours=2))
    assert desk.cash() == Decimal("980.00")
    [last] = desk.world.rows("SELECT kind, amount FROM ledger ORDER BY id DESC LIMIT 1")
    assert tuple(last.values()) == ("correction", Decimal("-23.00"))


def test_what_the_venue_paid_counts_more_than_the_rules(desk: Desk) -> None:
    desk.session(mode=REAL)
    desk.venue.real = True
    bet = desk.place(1)
    desk.world.tell(match(0, (2, 1)), match(1, (2, 1)), match(2, (2, 1)))
    desk.world.settle()
    assert desk.cash() == Decimal("1013.00")
    after = EVENING - MORNING + timedelta(hours=1)
    paid = VenueBet(bet.bet.reference, BetState.WON, returned=Decimal("23.00"))
    desk.venue.status = lambda _reference: paid  # type: ignore[attr-defined]
    assert desk.reconcile(after).changed == ()  # as the rules say
    paid = replace(paid, state=BetState.VOID, returned=Decimal("10.00"))
    [found] = desk.reconcile(after).changed
    assert (found.status, found.profit, desk.cash()) == ("void", 0, Decimal("1000.00"))
    desk.world.settle(EVENING + timedelta(hours=2))
    assert desk.cash() == Decimal("1000.00")
    assert desk.reconcile(after).changed == ()
    [last] = desk.world.rows("SELECT reason, clv FROM settlements ORDER BY id DESC LIMIT 1")
    assert last["reason"] == "venue"
    assert last["clv"] is not None


def test_a_session_with_open_bets_stays_open(desk: Desk) -> None:
    number = desk.session()
    desk.place(1)
    with SqlUnitOfWork(desk.world.engine) as unit:
        with pytest.raises(InvalidInputError, match="1 bet is open"):
            unit.bets.close_session(number, EVENING)
        with pytest.raises(InvalidInputError, match="is open; close it first"):
            unit.bets.open_session("t", PAPER, "units", Decimal(1), Limits(), EVENING)
    desk.world.tell(match(0, (2, 1)), match(1, (2, 1)), match(2, (2, 1)))
    desk.world.settle()
    with SqlUnitOfWork(desk.world.engine) as unit:
        unit.bets.close_session(number, EVENING)
        unit.commit()
    assert desk.session() != number


def test_an_event_with_an_open_bet_is_recommended_no_more(desk: Desk) -> None:
    desk.session()
    desk.place(1)
    with SqlUnitOfWork(desk.world.engine) as unit:
        taken = unit.slates.taken(MORNING + timedelta(seconds=1), "live")
    assert [one.bet for _, one in sorted(taken.items())] == [True, False, False]
    assert VenueBet(uuid4(), BetState.PENDING).price is None
