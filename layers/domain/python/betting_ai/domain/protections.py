"""What stands between a proposal and a bet: small rules, none of which can be overruled.

Limits on losses look at the worst that can still happen: what is lost already, everything that is
open, and the bet proposed. So they hold whatever the results will be, not only on average.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol, Self

from betting_ai.domain.markets import Outcome
from betting_ai.errors import InvalidInputError


@dataclass(frozen=True)
class Limits:
    """How far a session may go; shares are of its bankroll, open stakes included.

    Attributes:
        per_event: most at risk on one event.
        per_league: most at risk in one league.
        per_day: most at risk on the events of one UTC day.
        daily_loss: most that a UTC day may lose.
        weekly_loss: most that a week from Monday, UTC, may lose.
        drawdown: most that may be lost from the session's best bankroll.
        losing_streak: so many lost bets in a row bring a pause.
        pause_hours: how long that pause is.
    """

    per_event: Decimal = Decimal("0.05")
    per_league: Decimal = Decimal("0.10")
    per_day: Decimal = Decimal("0.10")
    daily_loss: Decimal = Decimal("0.10")
    weekly_loss: Decimal = Decimal("0.20")
    drawdown: Decimal = Decimal("0.30")
    losing_streak: int = 12
    pause_hours: int = 24

    def __post_init__(self) -> None:
        for name in _SHARES:
            if not 0 < getattr(self, name) <= 1:
                raise InvalidInputError(f"the limit {name} must be above 0 and at most 1")
        if not 1 <= self.losing_streak <= 1_000 or not 1 <= self.pause_hours <= 24 * 365:
            raise InvalidInputError("a losing streak and its pause must be at least 1")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote; what it does not name is as by default.

        Raises:
            InvalidInputError: a limit that there is not, or a number that cannot be.
        """
        known = {f.name for f in fields(cls)}
        if unknown := set(data) - known:
            raise InvalidInputError(f"no limit {min(unknown)!r}; known are {', '.join(known)}")
        read: dict[str, Any] = {}
        try:
            for name, value in data.items():
                read[name] = Decimal(str(value)) if name in _SHARES else int(value)
            return cls(**read)
        except (ArithmeticError, TypeError, ValueError):
            raise InvalidInputError("a limit must be a number") from None

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data; shares as text."""
        return {n: str(v) if n in _SHARES else v for n, v in asdict(self).items()}


_SHARES: Final = ("per_event", "per_league", "per_day", "daily_loss", "weekly_loss", "drawdown")


@dataclass(frozen=True)
class OpenStake:
    """Money at risk in a bet that is not settled, or may have been taken.

    Attributes:
        event_id: the event's slug.
        league: league code.
        kickoff: aware instant.
        outcome: the selection.
        stake: money.
    """

    event_id: str
    league: str
    kickoff: datetime
    outcome: Outcome
    stake: Decimal


@dataclass(frozen=True)
class Standing:
    """How a session and its mode (paper or real) stand.

    Attributes:
        now: aware instant.
        cash: money that can be bet.
        best: the highest the session's bankroll has been.
        profit_today: settled since midnight UTC, in the mode, whatever the session.
        profit_this_week: settled since Monday, UTC, likewise.
        losses_in_a_row: settled last, likewise; what was void does not count.
        last_loss_at: when the last of them was settled.
        open: what is at risk in the session.
        cooling_off_until: until when the bettor asked for a pause.
        excluded_until: until when the bettor excluded themselves.
        killed: whether the kill switch is on.
    """

    now: datetime
    cash: Decimal
    best: Decimal
    profit_today: Decimal = Decimal(0)
    profit_this_week: Decimal = Decimal(0)
    losses_in_a_row: int = 0
    last_loss_at: datetime | None = None
    open: tuple[OpenStake, ...] = ()
    cooling_off_until: datetime | None = None
    excluded_until: datetime | None = None
    killed: bool = False

    @property
    def at_risk(self) -> Decimal:
        """Money in open bets."""
        return sum((one.stake for one in self.open), Decimal(0))

    @property
    def bankroll(self) -> Decimal:
        """Cash and open stakes."""
        return self.cash + self.at_risk

    def at_risk_where(self, wanted: Callable[[OpenStake], bool]) -> Decimal:
        """Money in some of the open bets."""
        return sum((one.stake for one in self.open if wanted(one)), Decimal(0))


@dataclass(frozen=True)
class Proposal:
    """A bet that would like to be placed.

    Attributes:
        event_id: the event's slug.
        league: league code.
        kickoff: aware instant.
        outcome: the selection.
        stake: money.
        price_expires_at: until when its price is fresh enough to bet on.
    """

    event_id: str
    league: str
    kickoff: datetime
    outcome: Outcome
    stake: Decimal
    price_expires_at: datetime


@dataclass(frozen=True)
class Violation:
    """Why a bet must not be placed.

    Attributes:
        protection: its stable name.
        detail: one clear line.
    """

    protection: str
    detail: str


class Protection(Protocol):
    """One rule."""

    name: str

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """Why the bet must not be placed; None where this rule has nothing against it."""
        ...


class KillSwitch:
    """Nothing is placed while it is on."""

    name = "kill_switch"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        return "the kill switch is on" if standing.killed else None


class SelfExclusion:
    """Nothing is placed until it has passed."""

    name = "self_exclusion"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        return _until("you excluded yourself", standing.excluded_until, standing.now)


class CoolOff:
    """Nothing is placed until the pause has passed."""

    name = "cool_off"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        return _until("you asked for a pause", standing.cooling_off_until, standing.now)


class LosingStreak:
    """After many losses in a row there is a pause."""

    name = "losing_streak"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        if standing.losses_in_a_row < limits.losing_streak or standing.last_loss_at is None:
            return None
        resumes = standing.last_loss_at + timedelta(hours=limits.pause_hours)
        return _until(f"{standing.losses_in_a_row} bets in a row lost", resumes, standing.now)


class StaleData:
    """A price that is too old, or an event that has begun, is not bet on."""

    name = "stale_data"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        if standing.now >= bet.kickoff:
            return f"the event began at {_time(bet.kickoff)}"
        if standing.now > bet.price_expires_at:
            return f"the price was good until {_time(bet.price_expires_at)}"
        return None


class OneSelectionPerEvent:
    """An event with an open bet takes no bet on another of its selections."""

    name = "one_selection_per_event"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        others = {o.outcome for o in standing.open if o.event_id == bet.event_id} - {bet.outcome}
        return f"a bet on {min(others)} of this event is open" if others else None


class Funds:
    """A stake cannot be more than there is."""

    name = "funds"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        if bet.stake <= standing.cash:
            return None
        return f"the stake of {bet.stake} is more than the {standing.cash} at hand"


class EventExposure:
    """Most at risk on one event."""

    name = "event_exposure"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        at_risk = standing.at_risk_where(lambda one: one.event_id == bet.event_id)
        return _over("at risk on this event", at_risk, bet, standing, limits.per_event)


class LeagueExposure:
    """Most at risk in one league."""

    name = "league_exposure"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        at_risk = standing.at_risk_where(lambda one: one.league == bet.league)
        return _over(f"at risk in {bet.league}", at_risk, bet, standing, limits.per_league)


class DayExposure:
    """Most at risk on the events of one UTC day."""

    name = "day_exposure"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        day = bet.kickoff.date()
        at_risk = standing.at_risk_where(lambda one: one.kickoff.date() == day)
        return _over(f"at risk on {day}", at_risk, bet, standing, limits.per_day)


class DailyLoss:
    """Most that a day may lose."""

    name = "daily_loss"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        return _could_lose("today", standing.profit_today, bet, standing, limits.daily_loss)


class WeeklyLoss:
    """Most that a week may lose."""

    name = "weekly_loss"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        profit = standing.profit_this_week
        return _could_lose("this week", profit, bet, standing, limits.weekly_loss)


class Drawdown:
    """Most that may be lost from the best bankroll."""

    name = "drawdown"

    def objection(self, limits: Limits, standing: Standing, bet: Proposal) -> str | None:
        """See `Protection`."""
        worst = standing.cash - bet.stake
        least = standing.best * (1 - limits.drawdown)
        if worst >= least:
            return None
        return (
            f"the bankroll could fall to {worst:.2f}, more than {limits.drawdown:.0%} below its "
            f"best of {standing.best:.2f}"
        )


PROTECTIONS: Final[tuple[Protection, ...]] = (
    KillSwitch(),
    SelfExclusion(),
    CoolOff(),
    LosingStreak(),
    StaleData(),
    OneSelectionPerEvent(),
    Funds(),
    EventExposure(),
    LeagueExposure(),
    DayExposure(),
    DailyLoss(),
    WeeklyLoss(),
    Drawdown(),
)
"""Every rule, asked before every bet."""


def violations(limits: Limits, standing: Standing, bet: Proposal) -> tuple[Violation, ...]:
    """Everything that stands against a bet; empty where it may be placed."""
    asked = ((rule.name, rule.objection(limits, standing, bet)) for rule in PROTECTIONS)
    return tuple(Violation(name, why) for name, why in asked if why is not None)


def _until(why: str, end: datetime | None, now: datetime) -> str | None:
    return f"{why}; bets are possible from {_time(end)}" if end and now < end else None


def _over(
    where: str, at_risk: Decimal, bet: Proposal, standing: Standing, share: Decimal
) -> str | None:
    most = standing.bankroll * share
    if at_risk + bet.stake <= most:
        return None
    return f"{at_risk + bet.stake:.2f} would be {where}; the limit is {most:.2f} ({share:.0%})"


def _could_lose(
    when: str, profit: Decimal, bet: Proposal, standing: Standing, share: Decimal
) -> str | None:
    """The limit is a share of the bankroll that the span began with."""
    most = (standing.bankroll - profit) * share
    worst = standing.at_risk + bet.stake - profit
    if worst <= most:
        return None
    return f"{worst:.2f} could be lost {when}; the limit is {most:.2f} ({share:.0%})"


def _time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
