"""Settle picks and bets: what became of them, what they gained, and what the close says of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from betting_ai.domain.events import event_id
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import BettingMarket, market_at
from betting_ai.domain.probabilities import brier, calibration_error, log_loss
from betting_ai.domain.settlement import Ending, Score, Settled, profit, settle
from betting_ai.domain.value import clv
from betting_ai.features.facts import Facts
from betting_ai.features.market import closing_consensus
from betting_ai.ports.record import (
    DayFigures,
    Due,
    RecordedPick,
    Settlement,
    Subject,
    Told,
    Verdict,
    Why,
)
from betting_ai.ports.repositories import FactsQuery, MemberFigures
from betting_ai.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

NOT_PLAYED: Final = timedelta(days=7)
"""An event without a result for so long counts as not played: its bets are void."""

_LONGEST_WINDOW: Final = timedelta(days=15)  # from a slate to the last kick-off it can look at
_UK: Final = ZoneInfo("Europe/London")
_MARKET: Final = "market"  # the member that stands for the consensus


@dataclass(frozen=True)
class SettlePicksCommand:
    """What to settle.

    Attributes:
        as_of: by what was known at this aware instant.
        channel: as noted with the models' figures.
    """

    as_of: datetime
    channel: str = "stable"


@dataclass(frozen=True)
class SettledPicks:
    """What was settled.

    Attributes:
        settlements: in order.
        waiting: slugs of events that are over by the clock and have no result yet.
    """

    settlements: tuple[Settlement, ...]
    waiting: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class SettlePicks:
    """The use case; one unit of work, and a second run changes nothing."""

    units: UnitOfWorkFactory

    def __call__(self, command: SettlePicksCommand) -> SettledPicks:
        """Settle what is due, and bring every figure that rests on it up to date."""
        with self.units() as unit:
            due = unit.record.due(command.as_of)
            events = sorted({one.event_id for one in due})
            endings = unit.record.endings(events, command.as_of)
            closes = Closes.load(unit, events, command.as_of)
            settlements = []
            for one in due:
                verdict = judge(one, endings.get(one.event_id), closes, command.as_of)
                if verdict is not None and verdict != one.last:
                    settlements.append(Settlement(one, verdict, command.as_of))
            unit.record.settle(settlements)
            unit.bets.pay(settlements)
            _count(unit, settlements)
            _rate(unit, settlements, command.channel)
            unit.commit()
        waiting = {one.event_id for one in due if one.last is None}
        waiting -= {one.due.event_id for one in settlements}
        return SettledPicks(tuple(settlements), tuple(sorted(waiting)))


def judge(
    due: Due, ending: tuple[Score, bool] | None, closes: Closes, as_of: datetime
) -> Verdict | None:
    """What something is to be settled as; None while that cannot be said.

    Args:
        due: a pick or a bet.
        ending: how its event ended, and whether that corrects what was told first.
        closes: of its event.
        as_of: aware instant.
    """
    if ending is not None:
        score, corrected = ending
        why = Why.CORRECTION if corrected and due.last is not None else Why.RESULT
    elif as_of - due.kickoff > NOT_PLAYED:
        score, why = Score(Ending.POSTPONED), Why.NO_RESULT
    else:
        return None
    if due.last is not None and due.last.score == score:
        if due.last.why is Why.VENUE:  # its money has moved; no rule moves it back
            return due.last
        why = due.last.why
    result = settle(due.market, due.line, due.outcome, score)
    value = None
    if score.ending is Ending.FINISHED:
        value = closes.value(due)
        if value is None and due.last is not None:
            value = due.last.clv
    return Verdict(result, why, score, profit(result, due.stake, due.price), value)


@dataclass(frozen=True, eq=False)
class Closes:
    """The fair closes of some events.

    Attributes:
        facts: the events with the prices that were known.
    """

    facts: Facts | None
    _row: Mapping[int, int] = field(default_factory=dict)
    _close: dict[BettingMarket, np.ndarray] = field(default_factory=dict)

    @classmethod
    def load(cls, unit: UnitOfWork, events: Sequence[str], as_of: datetime) -> Closes:
        """Those of stored events."""
        if not events:
            return cls(None)
        facts = unit.facts.load(FactsQuery(as_of, events=tuple(events)))
        return cls(facts, {int(key): row for row, key in enumerate(facts.event_id)})

    def value(self, due: Due) -> float | None:
        """Closing-line value of a price, by the yardstick that has no learned part."""
        row = self._row.get(event_id(due.event_id))
        if self.facts is None or row is None:
            return None
        facts = self.facts
        sports = np.array([LEAGUES[code].sport for code in facts.leagues])[facts.league]
        market = market_at(str(sports[row]), due.market, due.line)
        if market not in self._close:
            its = sports == market.sport  # the prices of another sport would be misread
            self._close[market] = np.full((len(facts), market.width), np.nan)
            self._close[market][its] = closing_consensus(facts.where(its), market=market)
        fair = self._close[market][row, market.outcomes.index(due.outcome)]
        value = float(clv(float(due.price), fair))
        return None if math.isnan(value) else value


def figures(picks: Iterable[RecordedPick]) -> list[DayFigures]:
    """The figures of days, all leagues together and each alone; replaced picks are not counted."""
    groups: dict[tuple[date, str, str, str | None], list[RecordedPick]] = defaultdict(list)
    for pick in picks:
        if pick.status != "replaced":
            day = uk_day(pick.as_of)
            for league in (None, pick.league):
                groups[day, pick.profile, pick.mode, league].append(pick)
    return [
        _figures(*key, groups[key]) for key in sorted(groups, key=lambda k: (*k[:3], k[3] or ""))
    ]


def uk_day(instant: datetime) -> date:
    """The UK date of an instant: the day that a slate is of."""
    return instant.astimezone(_UK).date()


def _figures(
    day: date, profile: str, mode: str, league: str | None, picks: Sequence[RecordedPick]
) -> DayFigures:
    settled = [pick for pick in picks if pick.status != "pending"]
    values = [pick.clv for pick in settled if pick.clv is not None]
    return DayFigures(
        day=day,
        profile=profile,
        mode=mode,
        league=league,
        picks=len(picks),
        counts={r: sum(pick.status == r for pick in settled) for r in Settled},
        staked=sum((pick.stake for pick in settled), Decimal(0)),
        profit=sum((pick.profit or Decimal(0) for pick in settled), Decimal(0)),
        clv_count=len(values),
        clv_sum=math.fsum(values),
        beat_close=sum(value > 0 for value in values),
    )


def _count(unit: UnitOfWork, settlements: Sequence[Settlement]) -> None:
    """Bring the days of settled picks up to date."""
    mine = [one.due for one in settlements if one.due.subject is Subject.PICK]
    if not mine:
        return
    kickoffs = [uk_day(due.kickoff) for due in mine]
    picks = unit.record.picks(min(kickoffs) - _LONGEST_WINDOW, max(kickoffs))
    settled = {due.id for due in mine}
    days = {uk_day(pick.as_of) for pick in picks if pick.id in settled}
    unit.record.put_days(figures(p for p in picks if uk_day(p.as_of) in days), days)


def _rate(unit: UnitOfWork, settlements: Sequence[Settlement], channel: str) -> None:
    """How well every member predicted, month by month, where something was settled."""
    months = {one.due.kickoff.astimezone(UTC).date().replace(day=1) for one in settlements}
    for first in sorted(months):
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        days = [first + timedelta(days=i) for i in range(last.day)]
        unit.models.put(_ratings(unit.record.told(days), channel, first, last))


def _ratings(told: Sequence[Told], channel: str, first: date, last: date) -> list[MemberFigures]:
    groups: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for one in told:
        groups[one.model_version, one.member].append(one)
    losses = {key: _loss(group) for key, group in groups.items()}
    return [
        MemberFigures(
            model_version=version,
            member=member,
            channel=channel,
            first_day=first,
            last_day=last,
            matches=len(group),
            log_loss=losses[version, member],
            market_log_loss=losses.get((version, _MARKET), losses[version, member]),
            brier=float(brier(*_columns(group)).mean()),
            calibration_error=calibration_error(*_columns(group)),
            metrics={"source": "settled"},
        )
        for (version, member), group in sorted(groups.items())
    ]


def _loss(group: Sequence[Told]) -> float:
    return float(log_loss(*_columns(group)).mean())


def _columns(group: Sequence[Told]) -> tuple[np.ndarray, np.ndarray]:
    p = np.array([one.probabilities for one in group])
    return p, np.array([one.outcome for one in group], dtype=np.int64)
