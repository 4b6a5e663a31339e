"""How much to bet: simultaneous Kelly, shrunk by doubt, capped, in whole cents.

``b_i = fraction * k_i * K_i``: ``K`` maximises the expected logarithm of wealth over independent
events, ``k = EV^2 / (EV^2 + se^2)`` shrinks what is uncertain, the fraction (one quarter) what is
left. Money is `Decimal`, always rounded down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from betting_ai.domain.probabilities import Floats
from betting_ai.domain.slate import Reason
from betting_ai.errors import InvalidInputError

CENT: Final = Decimal("0.01")
"""The smallest unit of a stake."""

MOST_BETS: Final = 10
"""Simultaneous Kelly enumerates every combination of results; 2^10 is where that ends."""

_PRECISION: Final = Decimal("1e-12")  # of a share; keeps binary noise out of the last cent
_NEWTON_STEPS: Final = 100
_HALVINGS: Final = 60
_TOLERANCE: Final = 1e-12
_RIDGE: Final = 1e-14
_NOISE: Final = 1e-14  # in log-growth: near the optimum a good step gains less than rounding hides


@dataclass(frozen=True)
class StakingPolicy:
    """The rules of staking; shares are of the bankroll.

    Attributes:
        fraction: share of the Kelly stake that is taken.
        per_bet: most on one bet.
        per_event: most on one event, open bets included.
        per_day: most at risk at once, open bets included.
    """

    fraction: Decimal = Decimal("0.25")
    per_bet: Decimal = Decimal("0.05")
    per_event: Decimal = Decimal("0.05")
    per_day: Decimal = Decimal("0.10")

    def __post_init__(self) -> None:
        shares = (self.fraction, self.per_bet, self.per_event, self.per_day)
        if not all(0 < share <= 1 for share in shares):
            raise InvalidInputError("staking shares must be above 0 and at most 1")


@dataclass(frozen=True)
class ProposedBet:
    """A bet that waits for its stake.

    Attributes:
        event_id: the event's slug; bets of one plan are on different events.
        price: decimal odds, net of commission.
        ev: expected value per unit.
        ev_se: its standard error.
        minimum: the least the book takes.
    """

    event_id: str
    price: Decimal
    ev: float
    ev_se: float
    minimum: Decimal = CENT


@dataclass(frozen=True)
class Exposure:
    """Money at risk in open bets.

    Attributes:
        total: on all events.
        by_event: event slug -> money.
    """

    total: Decimal = Decimal(0)
    by_event: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Stake:
    """What to put on one bet, and how it came about.

    Attributes:
        event_id: the event's slug.
        amount: money, whole cents.
        kelly: ``K_i``, the full simultaneous Kelly share.
        shrinkage: ``k_i``.
        reason: why there is no stake; None where there is one.
    """

    event_id: str
    amount: Decimal
    kelly: float
    shrinkage: float
    reason: Reason | None = None


@dataclass(frozen=True)
class StakePlan:
    """Stakes in the order of the bets proposed.

    Attributes:
        bankroll: what they are shares of.
        stakes: one per bet.
    """

    bankroll: Decimal
    stakes: tuple[Stake, ...]

    @property
    def total(self) -> Decimal:
        """Money that the plan puts at risk."""
        return sum((stake.amount for stake in self.stakes), Decimal(0))


def kelly_single(p: float, price: float) -> float:
    """Kelly's share for one bet: ``(p o - 1) / (o - 1)``, 0 without an edge (Kelly 1956)."""
    return max(0.0, (p * price - 1.0) / (price - 1.0))


def kelly_shares(probabilities: npt.ArrayLike, prices: npt.ArrayLike) -> Floats:
    """Simultaneous Kelly: the shares ``K`` that maximise ``E log(1 + sum K_i r_i)``.

    The events are independent, so the optimum is inside: every bet with an edge gets a share and
    none without one does. Damped Newton over all ``2^n`` results finds it.

    Args:
        probabilities: (n,) of winning, above 0 and below 1.
        prices: (n,) decimal odds.

    Returns:
        (n,) shares of the bankroll, summing to less than one, exact to about 1e-9.

    Raises:
        InvalidInputError: more than 10 bets, or numbers that cannot be.
    """
    p = np.asarray(probabilities, np.float64)
    o = np.asarray(prices, np.float64)
    if p.shape != o.shape or p.ndim != 1 or len(p) > MOST_BETS:
        raise InvalidInputError(f"Kelly takes at most {MOST_BETS} bets, each with one price")
    if not ((p > 0.0) & (p < 1.0)).all() or not (np.isfinite(o) & (o > 1.0)).all():
        raise InvalidInputError("Kelly needs probabilities between 0 and 1 and prices above 1")
    shares = np.zeros_like(p)
    edge = p * o > 1.0
    if edge.any():
        shares[edge] = _newton(p[edge], o[edge])
    return shares


def shrinkage(ev: npt.ArrayLike, standard_error: npt.ArrayLike) -> Floats:
    """``k = EV^2 / (EV^2 + se^2)``: how much of an edge is believed, 0 to 1."""
    squared = np.asarray(ev, np.float64) ** 2
    total = squared + np.asarray(standard_error, np.float64) ** 2
    return squared / np.where(total > 0.0, total, 1.0)


def plan_stakes(
    bets: Sequence[ProposedBet],
    bankroll: Decimal,
    exposure: Exposure | None = None,
    policy: StakingPolicy | None = None,
) -> StakePlan:
    """Stake the picks of one day together.

    Each stake is held to the caps per bet and per event; if the sum is then above what the day's
    cap leaves, all are scaled down by the same factor; then each is rounded down to whole cents.
    What is below the book's minimum is not bet, and its money is not given to the others.

    Args:
        bets: on different events, at most 10.
        bankroll: above 0.
        exposure: open bets; they use up the caps per event and per day.
        policy: the rules.

    Raises:
        InvalidInputError: a bankroll that is not above 0, two bets on one event, or numbers that
            cannot be.
    """
    rules = policy or StakingPolicy()
    at_risk = exposure or Exposure()
    if not (bankroll.is_finite() and bankroll > 0):
        raise InvalidInputError("the bankroll must be above 0")
    if len({bet.event_id for bet in bets}) < len(bets):
        raise InvalidInputError("two bets on one event are not independent; stake one of them")
    ev = np.array([bet.ev for bet in bets], np.float64)
    prices = np.array([bet.price for bet in bets], np.float64)
    full = kelly_shares((1.0 + ev) / prices, prices)
    trust = shrinkage(ev, [bet.ev_se for bet in bets])
    wanted = [
        bankroll * rules.fraction * Decimal(float(share)).quantize(_PRECISION)
        for share in full * trust
    ]
    allowed = [
        _at_most(amount, bankroll, at_risk.by_event.get(bet.event_id, Decimal(0)), rules)
        for bet, amount in zip(bets, wanted, strict=True)
    ]
    room = max(Decimal(0), bankroll * rules.per_day - at_risk.total)
    total = sum(allowed, Decimal(0))
    stakes = []
    for i, bet in enumerate(bets):
        amount = allowed[i] if total <= room else allowed[i] * room / total
        amount = amount.quantize(CENT, ROUND_DOWN)
        reason = _reason_for_nothing(amount, wanted[i], bet.minimum)
        if reason:
            amount = Decimal(0).quantize(CENT)
        stakes.append(Stake(bet.event_id, amount, float(full[i]), float(trust[i]), reason))
    return StakePlan(bankroll, tuple(stakes))


def _at_most(
    amount: Decimal, bankroll: Decimal, open_on_event: Decimal, rules: StakingPolicy
) -> Decimal:
    event_room = max(Decimal(0), bankroll * rules.per_event - open_on_event)
    return min(amount, bankroll * rules.per_bet, event_room)


def _reason_for_nothing(amount: Decimal, wanted: Decimal, minimum: Decimal) -> Reason | None:
    """Why a bet gets no stake: no edge, a cap, or too small even without one."""
    least = max(minimum, CENT)
    if amount >= least:
        return None
    if wanted == 0:
        return Reason.LOW_EXPECTED_VALUE
    return Reason.EXPOSURE_CAP if wanted >= least else Reason.BELOW_MINIMUM_STAKE


def _newton(p: Floats, price: Floats) -> Floats:
    """Maximise a strictly concave function inside ``K > 0``, ``sum K < 1``."""
    won = (np.arange(2 ** len(p))[:, None] >> np.arange(len(p))) & 1 == 1
    chance = np.where(won, p, 1.0 - p).prod(axis=1)
    returns = np.where(won, price - 1.0, -1.0)

    # Each share alone is below one, so their mean leaves wealth positive whatever happens.
    shares = (p * price - 1.0) / (price - 1.0) / len(p)
    growth = _growth(shares, chance, returns)
    for _ in range(_NEWTON_STEPS):
        wealth = 1.0 + returns @ shares
        scaled = returns / wealth[:, None]
        gradient = chance @ scaled
        curvature = (scaled * chance[:, None]).T @ scaled
        # Near-certain winners make ruin so unlikely that the matrix is all but singular; the
        # ridge bends a step, never the optimum.
        ridge = _RIDGE * np.trace(curvature) * np.eye(len(p))
        step = np.linalg.solve(curvature + ridge, gradient)
        for _ in range(_HALVINGS):
            trial = shares + step
            trial_growth = _growth(trial, chance, returns)
            if trial_growth >= growth - _NOISE:
                break
            step = step / 2.0
        shares, growth = trial, trial_growth
        if np.abs(step).max() < _TOLERANCE:
            break
    return shares


def _growth(shares: Floats, chance: Floats, returns: Floats) -> float:
    """Expected log-growth; minus infinity outside the region where it makes sense."""
    wealth = 1.0 + returns @ shares
    if shares.min() <= 0.0 or wealth.min() <= 0.0:
        return -np.inf
    return float(chance @ np.log(wealth))
