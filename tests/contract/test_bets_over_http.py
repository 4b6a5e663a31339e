"""The use case over real HTTP: the reference is stored first, and a bet is sent once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import pytest

from betting_ai.adapters.feeds.resolver import TeamResolver
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork, unit_of_work_factory
from betting_ai.clock import FixedClock
from betting_ai.domain.protections import Limits
from betting_ai.errors import VenueOfflineError
from betting_ai.ports.bets import MISSING, REAL, StoredBet
from betting_ai.usecases.place_bet import (
    IN_FLIGHT,
    PlaceBet,
    PlaceBetCommand,
    ReconcileBets,
    Reconciled,
)
from contract.rigs import HASTY, NOW, SLOW, RemoteRig, StakeRig
from fakes.server import Asked, Fault, Reply
from integration.record_world import MORNING, World, pick, slate, world

__all__ = ["world"]  # a fixture


@dataclass
class Bettor:
    """A bettor with one pick, a session with real money, and a venue behind HTTP."""

    world: World
    rig: RemoteRig
    seen: list[str] = field(default_factory=list)

    def place(self) -> StoredBet:
        units = unit_of_work_factory(self.world.engine)
        use_case = PlaceBet(units, self.rig.venue, TeamResolver({}), FixedClock(NOW))
        return use_case(PlaceBetCommand(1))

    def reconcile(self, after: timedelta) -> Reconciled:
        units = unit_of_work_factory(self.world.engine)
        return ReconcileBets(units, lambda _name: self.rig.venue, FixedClock(NOW + after))()

    def stored(self) -> list[str]:
        return [row["status"] for row in self.world.rows("SELECT status FROM bets")]


@pytest.fixture
def bettor(world: World, remote: RemoteRig) -> Bettor:
    world.change(f"ALTER TABLE slates ALTER created_at SET DEFAULT '{MORNING}'")
    world.publish(slate(pick(0)))
    with SqlUnitOfWork(world.engine) as unit:
        unit.bets.open_session("s", REAL, remote.currency, Decimal(1000), Limits(), MORNING)
        unit.commit()
    remote.offer("2.25")
    if isinstance(remote, StakeRig):
        remote.server.book.events[0] |= {"home": "Ash", "away": "Birch"}
    else:
        event = remote.server.events["4711"]
        event.home, event.away = "Ash", "Birch"
    bettor, answer = Bettor(world, remote), remote.server.answer

    def watched(asked: Asked) -> Reply:
        if asked.method == "POST":
            bettor.seen += bettor.stored()
        return answer(asked)

    remote.server.answer = watched  # type: ignore[method-assign]
    return bettor


def test_the_reference_is_stored_before_the_call(bettor: Bettor) -> None:
    bet = bettor.place()
    assert bettor.seen == ["unknown"]
    assert (bet.status, bet.bet.price) == ("placed", Decimal("2.25"))
    assert bettor.place() == bet
    assert (bettor.rig.sent, bettor.rig.taken()) == (1, 1)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(handled=True, hang=SLOW),
        Fault(handled=True, drop=True),
        Fault(handled=True, cut=True),
        Fault(handled=True, status=500),
    ],
    ids=["no answer", "dropped", "cut", "500"],
)
def test_a_bet_that_was_taken_in_silence_is_found_by_asking(bettor: Bettor, fault: Fault) -> None:
    if fault.hang:
        bettor.rig.hasten()
    bettor.rig.fail(fault)
    assert bettor.place().status == "unknown"
    [found] = bettor.reconcile(timedelta(0)).changed
    assert (found.status, found.bet.price) == ("placed", Decimal("2.25"))
    assert bettor.place().status == "placed"
    assert (bettor.rig.sent, bettor.rig.taken()) == (1, 1)


def test_one_that_never_arrived_is_believed_lost_only_later(bettor: Bettor) -> None:
    bettor.rig.fail(Fault(drop=True))
    assert bettor.place().status == "unknown"
    assert bettor.reconcile(IN_FLIGHT).changed == ()
    [lost] = bettor.reconcile(IN_FLIGHT + timedelta(seconds=1)).changed
    assert (lost.status, lost.reason) == ("rejected", MISSING)
    assert (bettor.rig.sent, bettor.rig.taken()) == (1, 0)


def test_one_that_is_turned_away_is_rejected_with_the_reason(bettor: Bettor) -> None:
    bettor.rig.fail(Fault(Reply(429, b"", {"Retry-After": "60"})))
    bet = bettor.place()
    assert (bet.status, bet.reason) == ("rejected", "rate_limited")
    assert bettor.rig.sent == 1


def test_without_a_connection_nothing_is_stored_or_sent(bettor: Bettor) -> None:
    bettor.rig.venue.close()
    bettor.rig.venue = bettor.rig.client(url="http://127.0.0.1:9", limits=HASTY)
    with pytest.raises(VenueOfflineError):
        bettor.place()
    assert bettor.stored() == []
