"""Champion and challenger: side by side on matches that no choice has touched, and the rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import numpy as np

from betting_ai.backtest.evaluate import predict, quality
from betting_ai.backtest.play import Yardstick
from betting_ai.backtest.replay import Replay
from betting_ai.domain.markets import BettingMarket
from betting_ai.domain.probabilities import cross_entropy, log_loss
from betting_ai.domain.statistics import mean_and_error
from betting_ai.errors import NothingToDoError
from betting_ai.features.facts import Facts, Ints
from betting_ai.models.manifest import MEMBERS, Manifest
from betting_ai.models.registry import Registry
from betting_ai.ports.repositories import MemberFigures
from betting_ai.usecases.assess_events import Window

_RECORDED: Final = (*MEMBERS, "pool", "ensemble", "pick_price")

FEWEST_MATCHES: Final = 300
"""With fewer untouched matches a promotion would be a coin toss."""


@dataclass(frozen=True)
class Comparison:
    """A challenger beside a champion.

    Attributes:
        champion: version.
        challenger: version.
        first: first untouched day.
        last: day of the last match.
        matches: compared.
        to_close: challenger's pick price less the champion's, in cross-entropy against the fair
            close; below zero the challenger is better.
        to_results: the ensembles' difference in log-loss.
        promote: what the rule says.
        why: in one line.
        figures: of the challenger on these matches, member by member.
    """

    champion: str
    challenger: str
    first: date
    last: date
    matches: int
    to_close: Mapping[str, float]
    to_results: Mapping[str, float]
    promote: bool
    why: str
    figures: tuple[MemberFigures, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {
            "champion": self.champion,
            "challenger": self.challenger,
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "matches": self.matches,
            "to_close": dict(self.to_close),
            "to_results": dict(self.to_results),
            "promote": self.promote,
            "why": self.why,
        }


def compare(
    facts: Facts,
    registry: Registry,
    champion: Manifest,
    challenger: Manifest,
    market: BettingMarket,
    last: date,
    channel: str = "stable",
) -> Comparison:
    """Both models on every match after both their training and all choices.

    The rule: promote a challenger that is not worse by more than one standard error in
    cross-entropy against the fair close, and not worse by more than two in log-loss. A newer
    vintage that is as good is wanted, since it knows the latest teams; one that says the very same
    is not newer in anything.

    Raises:
        NothingToDoError: too few such matches.
    """
    touched = [m.trained_through for m in (champion, challenger)]
    touched += [m.tuned_through for m in (champion, challenger)]
    first = max(touched) + timedelta(days=1)
    window = Window(as_of=datetime.combine(first, time(12), UTC))
    rows = Replay(facts, registry).rows(first, last, window)
    if len(rows) < FEWEST_MATCHES:
        raise NothingToDoError(
            f"only {len(rows)} matches from {first} on are untouched by both models and by every "
            f"choice; promotion needs {FEWEST_MATCHES}"
        )
    yardstick = Yardstick(facts, market)
    answers = [
        predict(Replay(facts, _One(registry.store, m)), rows, window, market)
        for m in (champion, challenger)
    ]
    rows = answers[0].rows
    outcome, close = yardstick.winner[rows], yardstick.close[rows]
    known = (outcome >= 0) & ~np.isnan(close[:, 0])
    loss = [log_loss(a.sources["ensemble"][known], outcome[known]) for a in answers]
    gap = [cross_entropy(close[known], a.sources["pick_price"][known]) for a in answers]
    to_close = mean_and_error(gap[1] - gap[0])
    to_results = mean_and_error(loss[1] - loss[0])
    near = to_close["mean"] <= to_close["se"]
    right = to_results["mean"] <= 2.0 * to_results["se"]
    other = to_close["se"] > 0.0 or to_results["se"] > 0.0
    why = (
        f"to the close {1e5 * to_close['mean']:+.1f} ({1e5 * to_close['se']:.1f}), to results "
        f"{1e5 * to_results['mean']:+.1f} ({1e5 * to_results['se']:.1f}) in 0.00001 nats over "
        f"{int(known.sum())} untouched matches" + ("" if other else ", no difference at all")
    )
    last = min(last, _day_of(facts, rows[known]))
    numbers = quality(facts, answers[1], yardstick) | {
        "market": market.name,
        "models": [challenger.version],
        "from": first.isoformat(),
        "to": last.isoformat(),
        "drift": {},
    }
    return Comparison(
        champion.version, challenger.version, first, last, int(known.sum()), to_close, to_results,
        bool(near and right and other), why, tuple(figures(numbers, channel)),
    )  # fmt: skip


def _day_of(facts: Facts, rows: Ints) -> date:
    """Of the last of some matches."""
    return date(1970, 1, 1) + timedelta(days=int(facts.day[rows].max()))


@dataclass(frozen=True)
class _One(Registry):
    """Always the same model."""

    one: Manifest

    def choose(self, *_: object, **__: object) -> tuple[Manifest, bool]:
        return self.one, False


def figures(numbers: Mapping[str, Any], channel: str) -> list[MemberFigures]:
    """What an evaluation says of its model, member by member, for the record."""
    market_loss = numbers["sources"]["market"]["log_loss"]
    version = f"{numbers['market']}/{'+'.join(sorted(numbers['models']))}"
    return [
        MemberFigures(
            model_version=version,
            member=name,
            channel=channel,
            first_day=date.fromisoformat(numbers["from"]),
            last_day=date.fromisoformat(numbers["to"]),
            matches=numbers["compared"],
            log_loss=m["log_loss"],
            market_log_loss=market_loss,
            brier=m["brier"],
            calibration_error=m["calibration_error"],
            metrics={
                "cross_entropy_difference": m["cross_entropy_difference"],
                "log_loss_difference": m["log_loss_difference"],
                "drift": [a for found in numbers["drift"].values() for a in found["alarms"]],
            },
        )
        for name, m in numbers["sources"].items()
        if name in _RECORDED
    ]
