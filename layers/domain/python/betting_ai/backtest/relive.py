"""Past days lived again with the live commands, one after the other, on paper.

Every slate is published before kick-off, every pick is bet on, and everything is settled by what
was known at the next slate. What comes of it must be, to the cent, what `play` says of these days.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from betting_ai.backtest.play import Played
from betting_ai.backtest.replay import SlateDay
from betting_ai.clock import MovingClock
from betting_ai.domain.protections import Limits
from betting_ai.domain.slate import Criteria
from betting_ai.ports.bets import PAPER
from betting_ai.ports.unit_of_work import UnitOfWorkFactory
from betting_ai.usecases.place_bet import PlaceBet, PlaceBetCommand
from betting_ai.usecases.select_top3 import REPLAY, SelectTop3, SelectTop3Command
from betting_ai.usecases.settle_picks import NOT_PLAYED, SettlePicks, SettlePicksCommand

UNLIMITED = Limits(
    per_event=Decimal(1),
    per_league=Decimal(1),
    per_day=Decimal(1),
    daily_loss=Decimal(1),
    weekly_loss=Decimal(1),
    drawdown=Decimal(1),
    losing_streak=1_000,
)
"""A session that stops nothing: what picks are worth, not what a bettor should stand."""


@dataclass(frozen=True)
class Totals:
    """What some days came to.

    Attributes:
        slates: how many were asked for.
        picks: how many were recommended.
        won: how many of them.
        with_close: picks that have a close.
        clv_sum: of their closing-line value.
        beat_close: how many of them beat it.
        staked: money.
        profit: money.
        bankroll: at the end.
    """

    slates: int
    picks: int
    won: int
    with_close: int
    clv_sum: float
    beat_close: int
    staked: Decimal
    profit: Decimal
    bankroll: Decimal

    def differences(self, other: Totals) -> list[str]:
        """Names of the totals in which the two are not the same; sums of floats to 1e-9."""
        mine, theirs = asdict(self), asdict(other)
        return [
            name
            for name, value in mine.items()
            if not (
                math.isclose(value, theirs[name], abs_tol=1e-9)
                if isinstance(value, float)
                else value == theirs[name]
            )
        ]


@dataclass(frozen=True)
class Relive:
    """The commands of one configuration, whose database holds the days' files and no record.

    Attributes:
        units: transactions.
        select: selects.
        place: places on paper; None to only recommend.
        settle: settles.
        clock: what all of them take for the present.
    """

    units: UnitOfWorkFactory
    select: SelectTop3
    place: Callable[[], PlaceBet]
    settle: SettlePicks
    clock: MovingClock

    def __call__(
        self,
        days: Sequence[SlateDay],
        criteria: Criteria,
        bankroll: Decimal,
        sources: tuple[str, ...],
        progress: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> Totals:
        """Live the days again, in order."""
        with self.units() as unit:
            session = unit.bets.open_session(
                "replay", PAPER, "units", bankroll, UNLIMITED, self.clock.now()
            )
            unit.commit()
        asked = [day for day in days if len(day.events)]
        for done, day in enumerate(asked, start=1):
            self._settle(day.window.as_of)
            money = self._bankroll()
            if money <= 0:
                break
            self.select(
                SelectTop3Command(day.window, criteria, money, sources, publish=True, mode=REPLAY)
            )
            self._bet(day.window.as_of)
            progress(done, len(asked))
        if asked:
            self._settle(asked[-1].window.as_of + NOT_PLAYED + timedelta(days=2))
        with self.units() as unit:
            picks = unit.record.picks()
            [ended] = [s for s in unit.bets.sessions() if s.id == session.id]
        values = [pick.clv for pick in picks if pick.clv is not None]
        return Totals(
            slates=len(asked),
            picks=len(picks),
            won=sum(pick.status == "won" for pick in picks),
            with_close=len(values),
            clv_sum=math.fsum(values),
            beat_close=sum(value > 0 for value in values),
            staked=sum((p.stake for p in picks if p.status != "void"), Decimal(0)),
            profit=ended.cash - bankroll,
            bankroll=ended.cash,
        )

    def _settle(self, as_of: datetime) -> None:
        self.clock.move(as_of)
        self.settle(SettlePicksCommand(as_of))

    def _bankroll(self) -> Decimal:
        with self.units() as unit:
            session = unit.bets.current(PAPER)
        return session.bankroll if session else Decimal(0)

    def _bet(self, as_of: datetime) -> None:
        """On every pick of the slate that was just published."""
        with self.units() as unit:
            picks = [pick for pick in unit.record.picks() if pick.as_of == as_of]
        for pick in picks:
            self.place()(PlaceBetCommand(pick.id))


def totals(played: Played, bankroll: Decimal) -> Totals:
    """What `play` came to, in the same terms."""
    values = played.picks.clv[~np.isnan(played.picks.clv)]
    profit = sum((one.profit for one in played.placed), Decimal(0))
    return Totals(
        slates=played.slates,
        picks=len(played.placed),
        won=int(played.picks.won.sum()),
        with_close=len(values),
        clv_sum=math.fsum(values),
        beat_close=int((values > 0).sum()),
        staked=sum((one.stake for one in played.placed), Decimal(0)),
        profit=profit,
        bankroll=bankroll + profit,
    )
