"""What the record amounts to: closing-line value first, then profit with its interval."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

import numpy as np

from betting_ai.domain.probabilities import Floats
from betting_ai.domain.settlement import Settled
from betting_ai.domain.statistics import Ints, bootstrap, mean_and_error, reliability
from betting_ai.ports.record import RecordedPick
from betting_ai.ports.unit_of_work import UnitOfWorkFactory
from betting_ai.usecases.settle_picks import uk_day

Key = TypeVar("Key", str, date)

FEW: Final = 30
"""Below so many picks with a close, a mean says little; it is shown with this warning."""

_Z95: Final = 1.959963984540054
_GROUPS: Final[dict[str, Callable[[RecordedPick], str]]] = {
    "month": lambda pick: uk_day(pick.as_of).isoformat()[:7],
    "profile": lambda pick: pick.profile,
    "league": lambda pick: pick.league,
    "market": lambda pick: pick.market.name.lower(),
    "bookmaker": lambda pick: pick.bookmaker,
    "model": lambda pick: pick.model_version,
}


@dataclass(frozen=True)
class TrackRecordCommand:
    """Which picks.

    Attributes:
        since: first UK date of slates; None for the beginning.
        until: last one; None for the end.
        profile: of the slates; None for all.
        mode: ``"live"`` or ``"replay"``.
    """

    since: date | None = None
    until: date | None = None
    profile: str | None = None
    mode: str = "live"


@dataclass(frozen=True)
class TrackRecord:
    """The use case; reads only."""

    units: UnitOfWorkFactory

    def __call__(self, command: TrackRecordCommand) -> dict[str, Any]:
        """The record as JSON-ready data; see `summary` for one group."""
        with self.units() as unit:
            found = unit.record.picks(command.since, command.until)
        picks = [
            pick
            for pick in found
            if pick.mode == command.mode and command.profile in {None, pick.profile}
        ]
        standing = [pick for pick in picks if pick.status != "replaced"]
        settled = [pick for pick in standing if pick.status != "pending"]
        confidence, beat = _confidence(settled)
        gap, bins = reliability(confidence, beat)
        everything = summary(settled)
        days = sorted({uk_day(pick.as_of) for pick in standing})
        return {
            "first_day": days[0].isoformat() if days else None,
            "last_day": days[-1].isoformat() if days else None,
            "picks": len(standing),
            "pending": len(standing) - len(settled),
            "replaced": len(picks) - len(standing),
            "few": len(beat) < FEW,
            "all": everything,
            "confidence": {"gap": gap, "bins": bins},
            "by": {
                name: {
                    value: summary(its) if len(its) < len(settled) else everything
                    for value, its in sorted(_grouped(settled, key).items())
                }
                for name, key in _GROUPS.items()
            },
            "series": _series(settled),
        }


def _grouped(
    picks: Sequence[RecordedPick], key: Callable[[RecordedPick], Key]
) -> dict[Key, list[RecordedPick]]:
    found: dict[Key, list[RecordedPick]] = defaultdict(list)
    for pick in picks:
        found[key(pick)].append(pick)
    return found


def summary(settled: Sequence[RecordedPick]) -> dict[str, Any]:
    """What settled picks were worth.

    Returns:
        ``clv``: mean, standard error clustered by day, and 95 % interval of closing-line value,
        ``without_close`` counted apart. ``beat_close``: share that beat it. ``claimed_ev``: mean.
        ``profit``: money at the recommended stakes. ``yield``: profit per unit, one unit on each,
        with a bootstrap interval that draws whole days.
    """
    closed = [pick for pick in settled if pick.clv is not None]
    values = np.array([pick.clv for pick in closed], dtype=np.float64)
    closed_on = _days(closed)
    clv = mean_and_error(values, closed_on)
    days, counts = _days(settled), Counter(pick.status for pick in settled)
    unit = np.array([_return(pick) for pick in settled])
    staked = sum(pick.stake for pick in settled)
    profit = sum(pick.profit or 0 for pick in settled)
    return {
        "picks": len(settled),
        "clv": clv | {"interval": [clv["mean"] - _Z95 * clv["se"], clv["mean"] + _Z95 * clv["se"]]},
        "beat_close": mean_and_error((values > 0).astype(np.float64), closed_on),
        "without_close": len(settled) - len(closed),
        "claimed_ev": _mean([pick.ev for pick in settled]),
        "results": {str(result): counts[result] for result in Settled},
        "staked": float(staked),
        "profit": float(profit),
        "yield": mean_and_error(unit, days) | {"interval": bootstrap(unit, days)},
        "mean_odds": _mean([float(pick.price) for pick in settled]),
    }


def _return(pick: RecordedPick) -> float:
    """Profit of one unit staked."""
    match Settled(pick.status):
        case Settled.WON:
            return float(pick.price) - 1.0
        case Settled.HALF_WON:
            return (float(pick.price) - 1.0) / 2.0
        case Settled.VOID:
            return 0.0
        case Settled.HALF_LOST:
            return -0.5
        case Settled.LOST:
            return -1.0


def _confidence(settled: Sequence[RecordedPick]) -> tuple[Floats, np.ndarray]:
    closed = [pick for pick in settled if pick.clv is not None]
    stated = np.array([pick.confidence for pick in closed], dtype=np.float64)
    return stated, np.array([(pick.clv or 0.0) > 0 for pick in closed], dtype=np.bool_)


def _series(settled: Sequence[RecordedPick]) -> list[dict[str, Any]]:
    """Day by day: picks, closing-line value, profit, and both summed so far."""
    clv = profit = 0.0
    lines = []
    for day, its in sorted(_grouped(settled, lambda pick: uk_day(pick.as_of)).items()):
        clv += sum(pick.clv or 0.0 for pick in its)
        profit += float(sum(pick.profit or 0 for pick in its))
        lines.append(
            {
                "day": day.isoformat(),
                "picks": len(its),
                "clv": _mean([pick.clv for pick in its if pick.clv is not None]),
                "clv_so_far": clv,
                "profit_so_far": profit,
            }
        )
    return lines


def _days(picks: Sequence[RecordedPick]) -> Ints:
    return np.array([uk_day(pick.as_of).toordinal() for pick in picks], dtype=np.int64)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
