"""Play the slates of some days with money, and note what every pick was worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from betting_ai.backtest.measures import PickTable
from betting_ai.backtest.replay import SlateDay
from betting_ai.domain.events import event_id
from betting_ai.domain.markets import MATCH_RESULT, BettingMarket
from betting_ai.domain.settlement import Settled, profit, winners
from betting_ai.domain.slate import Criteria, Pick
from betting_ai.domain.value import clv
from betting_ai.errors import InvalidInputError
from betting_ai.features.facts import MISSING, Facts, Floats, Ints
from betting_ai.features.market import closing_consensus, closing_quotes
from betting_ai.usecases.assess_events import Assessment
from betting_ai.usecases.select_top3 import SelectTop3Command, choose


@dataclass(frozen=True)
class Execution:
    """How a stated price becomes a bet.

    Attributes:
        delay_minutes: between the price and the bet; the price moves towards the same book's close
            at an even pace in log-odds, where that close is known.
        drift: share of the price that is lost on the way, always against the bettor.
        max_stake: most that the books take on one bet; None for no limit.
        compounding: stakes follow the bankroll; else they are of the one begun with.
    """

    delay_minutes: float = 0.0
    drift: float = 0.0
    max_stake: Decimal | None = None
    compounding: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.delay_minutes <= 24 * 60:
            raise InvalidInputError(
                f"the delay must be from 0 to 1440 minutes, not {self.delay_minutes:g}"
            )
        if not 0.0 <= self.drift < 0.5:
            raise InvalidInputError(f"the drift must be a share from 0 to 0.5, not {self.drift:g}")
        if self.max_stake is not None and not self.max_stake > 0:
            raise InvalidInputError("the largest stake must be above 0")


@dataclass(frozen=True)
class Placed:
    """One pick with what became of it.

    Attributes:
        day: of the slate.
        pick: as recommended.
        row: of its event in the facts.
        league: league code.
        k: which selection.
        taken: price after delay and drift; None where it fell below the bet-until price.
        stake: money bet, 0 where it was not.
        profit: money won or lost.
        bankroll: before the day.
    """

    day: date
    pick: Pick
    row: int
    league: str
    k: int
    taken: float | None
    stake: Decimal
    profit: Decimal
    bankroll: Decimal


@dataclass(frozen=True, eq=False)
class Played:
    """What playing gave.

    Attributes:
        placed: every pick, in order.
        picks: the same as columns.
        bankroll: (d,) at the end of each day.
        bankroll_days: (d,) ordinals of the days.
        slates: how many slates were asked for.
        empty: how many of them had no pick.
        considered: events on slates.
        refused_at_venue: picks whose price had fallen below the bet-until price.
    """

    placed: tuple[Placed, ...]
    picks: PickTable
    bankroll: Floats
    bankroll_days: Ints
    slates: int
    empty: int
    considered: int
    refused_at_venue: int


@dataclass(eq=False)
class Yardstick:
    """What prices of a market were worth at the close, by row and selection; worked out once.

    Attributes:
        facts: with closes and results.
        market: which market.
    """

    facts: Facts
    market: BettingMarket = MATCH_RESULT
    _without: dict[str, Floats] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        facts = self.facts
        self.close = closing_consensus(facts, market=self.market)
        finished = np.flatnonzero(facts.stats[:, 0] != MISSING)
        home, away = facts.stats[finished, :2].T
        self.winner = np.full(len(facts), -1, dtype=np.int64)
        self.winner[finished] = winners(self.market, home, away)
        rows = closing_quotes(facts, self.market)
        keys = zip(facts.quote_event[rows].tolist(), facts.quote_book[rows].tolist(), strict=True)
        self._closes = dict(zip(keys, rows.tolist(), strict=True))

    def closing_price(self, row: int, book: str, k: int) -> float:
        """The book's own closing price; NaN where it has none."""
        if book not in self.facts.books:
            return float("nan")
        quote = self._closes.get((row, self.facts.books.index(book)))
        return float("nan") if quote is None else float(self.facts.price[quote, k])

    def without(self, book: str) -> Floats:
        """(n, s) the other named books' close."""
        if book not in self._without:
            self._without[book] = closing_consensus(self.facts, book, self.market)
        return self._without[book]


def play(
    slates: Iterable[tuple[SlateDay, Assessment]],
    criteria: Criteria,
    bankroll: Decimal,
    execution: Execution,
    yardstick: Yardstick,
) -> Played:
    """Choose every day's bets, and bet them.

    Results of a day are known before the next day's slate. An event without a result is void: its
    stake comes back.

    Args:
        slates: days with their assessments, in order.
        criteria: what picks must reach.
        bankroll: begun with.
        execution: how prices become bets.
        yardstick: of the same facts.
    """
    facts = yardstick.facts
    row_of = {int(e): i for i, e in enumerate(facts.event_id)}
    money, placed, curve, curve_days = bankroll, [], [], []
    empty = considered = 0
    for day, assessment in slates:
        stakes_of = money if execution.compounding else bankroll
        slate = choose(
            [assessment],
            SelectTop3Command(day.window, criteria, stakes_of, explain=False),
        )
        considered += slate.events_considered
        empty += not slate.picks
        today = [
            _place(pick, day, row_of, facts, execution, yardstick, money) for pick in slate.picks
        ]
        money += sum((one.profit for one in today), Decimal(0))
        placed += today
        curve.append(float(money))
        curve_days.append(day.day.toordinal())
        if money <= 0:
            break
    return Played(
        placed=tuple(placed),
        picks=_table(placed, facts, yardstick),
        bankroll=np.array(curve),
        bankroll_days=np.array(curve_days, dtype=np.int64),
        slates=len(curve),
        empty=empty,
        considered=considered,
        refused_at_venue=sum(one.taken is None for one in placed),
    )


def _place(
    pick: Pick,
    day: SlateDay,
    row_of: dict[int, int],
    facts: Facts,
    execution: Execution,
    yardstick: Yardstick,
    money: Decimal,
) -> Placed:
    candidate = pick.candidate
    row = row_of[event_id(candidate.event_id)]
    k = candidate.market.outcomes.index(candidate.outcome)
    taken = _price_then(pick, row, k, execution, yardstick)
    stake = pick.stake
    if execution.max_stake is not None:
        stake = min(stake, execution.max_stake)
    winner = int(yardstick.winner[row])
    if taken is None or winner < 0:
        stake = Decimal(0)
    price = Decimal(repr(round(taken or 1.0, 4)))
    return Placed(
        day=day.day,
        pick=pick,
        row=row,
        league=facts.leagues[facts.league[row]],
        k=k,
        taken=taken,
        stake=stake,
        profit=profit(Settled.WON if winner == k else Settled.LOST, stake, price),
        bankroll=money,
    )


def _price_then(
    pick: Pick, row: int, k: int, execution: Execution, yardstick: Yardstick
) -> float | None:
    """The price after delay and drift; None where it is below the bet-until price by then."""
    c = pick.candidate
    price = float(c.price)
    if execution.delay_minutes or execution.drift:
        close = yardstick.closing_price(row, c.bookmaker, k)
        left = (c.kickoff - c.prices_as_of).total_seconds() / 60.0
        if np.isfinite(close) and left > 0:
            price *= (close / price) ** min(1.0, execution.delay_minutes / left)
        price *= 1.0 - execution.drift
    return price if price >= float(pick.bet_until) - 1e-9 else None


def _table(placed: Sequence[Placed], facts: Facts, yardstick: Yardstick) -> PickTable:
    """All picks at their stated price, bet or not: what was claimed is judged as it was claimed."""
    rows = np.array([one.row for one in placed], dtype=np.int64)
    k = np.array([one.k for one in placed], dtype=np.int64)
    price = np.array([float(one.pick.candidate.price) for one in placed])
    books = [one.pick.candidate.bookmaker for one in placed]
    own_close = np.array(
        [
            yardstick.closing_price(one.row, book, one.k)
            for one, book in zip(placed, books, strict=True)
        ]
    )
    others = np.array(
        [yardstick.without(book)[one.row, one.k] for one, book in zip(placed, books, strict=True)]
    )
    return PickTable(
        day=np.array([one.day.toordinal() for one in placed], dtype=np.int64),
        season=facts.season[rows],
        league=np.array([one.league for one in placed], dtype=np.str_),
        bookmaker=np.array(books, dtype=np.str_),
        outcome=k,
        price=price,
        claimed=_numbers(placed, lambda c: c.ev),
        confidence=_numbers(placed, lambda c: c.confidence),
        clv=clv(price, yardstick.close[rows, k]),
        clv_without_book=clv(price, others),
        price_to_price=price / own_close - 1.0,
        won=yardstick.winner[rows] == k,
        stake=np.array([float(one.stake) for one in placed]),
        begun_with=np.array([float(one.bankroll) for one in placed]),
    )


def _numbers(placed: Sequence[Placed], number: Callable[[Any], float]) -> Floats:
    return np.array([number(one.pick.candidate) for one in placed], dtype=np.float64)
