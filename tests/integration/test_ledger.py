"""Whatever happens to bets, a session's cash is the sum of its ledger, and money is neither made
nor lost between the two."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.domain.protections import Limits
from betting_ai.domain.settlement import Ending, Score, Settled, profit
from betting_ai.ports.bets import PAPER, BetStatus, NewBet
from betting_ai.ports.record import Settlement, Verdict, Why
from integration.record_world import MORNING, World, pick, slate, world

__all__ = ["world"]  # a fixture
NAMES = UUID("c0ffee00-0000-4000-8000-000000000000")
BEGAN = Decimal("1000.00")
BETS = st.integers(0, 4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), BETS, st.decimals("0.01", "90", places=2)),
        st.tuples(st.just("reject"), BETS, st.sampled_from(["other", "missing"])),
        st.tuples(st.just("take"), BETS, st.decimals("0.01", "1", places=2)),
        st.tuples(st.just("settle"), BETS, st.sampled_from(list(Settled))),
    ),
    max_size=30,
)


@dataclass
class Books:
    """One session in a transaction that is never committed, and the same money kept by hand."""

    unit: SqlUnitOfWork

    def __post_init__(self) -> None:
        begun = self.unit.bets.open_session("s", PAPER, "units", BEGAN, Limits(), MORNING)
        self.session, self.pick = begun.id, self.unit.record.picks()[0]
        self.expected: dict[UUID, Decimal] = defaultdict(Decimal)

    def begin(self, number: int, stake: Decimal) -> None:
        name = uuid5(NAMES, str(number))
        bet = NewBet(
            name, self.session, self.pick.id, self.pick.event_id, "B365", self.pick.market,
            self.pick.line, self.pick.outcome, Decimal("2.30"), stake, "paper", PAPER,
        )  # fmt: skip
        if self.unit.bets.begin(bet, MORNING) is not None:
            self.expected[name] = -stake

    def reject(self, number: int, reason: str) -> None:
        self._resolve(number, BetStatus.REJECTED, reason=reason)

    def take(self, number: int, share: Decimal) -> None:
        """Perhaps for less than was asked for."""
        bet = self.unit.bets.find(uuid5(NAMES, str(number)))
        if bet is not None:
            less = max(Decimal("0.01"), (bet.bet.stake * share).quantize(Decimal("0.01")))
            self._resolve(number, BetStatus.PLACED, stake=less)

    def settle(self, number: int, result: Settled) -> None:
        """For the first time, or anew."""
        bet = self.unit.bets.find(uuid5(NAMES, str(number)))
        if bet is None or not (bet.status == BetStatus.PLACED or bet.settled_at):
            return
        if bet.settled_at is None:
            [due] = [d for d in self.unit.record.due(bet.kickoff) if d.id == bet.id
                     and d.subject == "bet"]  # fmt: skip
        else:
            due, _ = self.unit.record.settled_bet(bet.id)
        money = profit(result, due.stake, due.price)
        verdict = Verdict(result, Why.RESULT, Score(Ending.FINISHED, 1, 0), money, None)
        done = [Settlement(due, verdict, bet.kickoff + timedelta(hours=3))]
        self.unit.record.settle(done)
        self.unit.bets.pay(done)
        self.expected[bet.bet.reference] = money

    def _resolve(self, number: int, status: BetStatus, **told: Any) -> None:
        name = uuid5(NAMES, str(number))
        if self.unit.bets.find(name) is None:
            return
        found = self.unit.bets.resolve(name, status, at=MORNING, **told)
        if found.status == BetStatus.REJECTED:
            self.expected[name] = Decimal(0)
        elif found.status == BetStatus.PLACED:
            self.expected[name] = -found.bet.stake


@given(STEPS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cash_is_the_sum_of_the_ledger(world: World, steps: list[tuple[str, int, Any]]) -> None:
    if not world.rows("SELECT id FROM slates"):
        world.publish(slate(pick(0)))
    with SqlUnitOfWork(world.engine) as unit:
        books = Books(unit)
        for name, number, value in steps:
            getattr(books, name)(number, value)
        lines = unit.bets.ledger(books.session)
        [session] = [s for s in unit.bets.sessions() if s.id == books.session]
        moved: dict[UUID | None, Decimal] = defaultdict(Decimal)
        for line in lines:
            moved[line.reference] += line.amount
        assert moved.pop(None) == BEGAN
        assert dict(moved) == {name: money for name, money in books.expected.items() if name}
        assert session.cash == BEGAN + sum(books.expected.values())
        standing = unit.bets.standing(books.session, MORNING)
        assert (standing.cash, standing.bankroll) == (session.cash, session.bankroll)
        assert session.at_risk == sum(
            -books.expected[b.bet.reference]
            for b in unit.bets.bets(books.session)
            if b.status in ("unknown", "placed")
        )
