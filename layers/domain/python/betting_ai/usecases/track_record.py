"""What the record amounts to: closing-line value first, then profit with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final

import numpy as np

from betting_ai.domain.probabilities import Floats
from betting_ai.domain.settlement import Settled
from betting_ai.domain.statistics import Ints, bootstrap, mean_and_error, reliability
from betting_ai.ports.record import RecordedPick
from betting_ai.ports.unit_of_work import UnitOfWorkFactory
from betting_ai.usecases.settle_picks import uk_day

FEW: Final = 30
"""Below so many picks with a close, a mean says little; it is shown with this warning."""

_Z95: Final = 1.959963984540054
_GROUPS: Final[dict[str, Callable[[RecordedPick, date], str]]] = {
    "month": lambda _, day: f"{day:%Y-%m}",
    "profile": lambda pick, _: pick.profile,
    "league": lambda pick, _: pick.league,
    "market": lambda pick, _: pick.market.name.lower(),
    "bookmaker": lambda pick, _: pick.bookmaker,
    "model": lambda pick, _: pick.model_version,
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
        columns = _Columns.of(settled)
        everything = columns.summary()
        days = [uk_day(pick.as_of) for pick in standing]
        settled_on = [date.fromordinal(day) for day in columns.day]
        return {
            "first_day": min(days).isoformat() if days else None,
            "last_day": max(days).isoformat() if days else None,
            "picks": len(standing),
            "pending": len(standing) - len(settled),
            "replaced": len(picks) - len(standing),
            "few": len(beat) < FEW,
            "all": everything,
            "confidence": {"gap": gap, "bins": bins},
            "by": {
                name: {
                    value: columns.where(rows).summary() if len(rows) < len(settled) else everything
                    for value, rows in _rows(map(key, settled, settled_on))
                }
                for name, key in _GROUPS.items()
            },
            "series": columns.series(),
        }


def _rows(keys: Iterable[str]) -> list[tuple[str, Ints]]:
    """The rows of each group, by its key."""
    found: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        found[key].append(row)
    return [(value, np.array(rows, np.int64)) for value, rows in sorted(found.items())]


def summary(settled: Sequence[RecordedPick]) -> dict[str, Any]:
    """What settled picks were worth.

    Returns:
        ``clv``: mean, standard error clustered by day, and 95 % interval of closing-line value,
        ``without_close`` counted apart. ``beat_close``: share that beat it. ``claimed_ev``: mean.
        ``profit``: money at the recommended stakes. ``yield``: profit per unit, one unit on each,
        with a bootstrap interval that draws whole days.
    """
    return _Columns.of(settled).summary()


@dataclass(frozen=True, eq=False)
class _Columns:
    """What is summed of ``n`` settled picks, worked out once for all groups that they are in.

    Attributes:
        day: (n,) UK date of the slate.
        clv: (n,) NaN without a close.
        ev: (n,) as claimed.
        price: (n,) taken.
        unit: (n,) profit of one unit staked.
        stake: (n,) money, in cents.
        profit: (n,) the same.
        status: (n,) as stored.
    """

    day: Ints
    clv: Floats
    ev: Floats
    price: Floats
    unit: Floats
    stake: Ints
    profit: Ints
    status: np.ndarray

    @classmethod
    def of(cls, settled: Sequence[RecordedPick]) -> _Columns:
        """Of picks."""
        clv = [np.nan if pick.clv is None else pick.clv for pick in settled]
        return cls(
            day=np.array([uk_day(pick.as_of).toordinal() for pick in settled], np.int64),
            clv=np.array(clv, np.float64),
            ev=np.array([pick.ev for pick in settled], np.float64),
            price=np.array([float(pick.price) for pick in settled], np.float64),
            unit=np.array([_return(pick) for pick in settled], np.float64),
            stake=np.array([int(pick.stake * 100) for pick in settled], np.int64),
            profit=np.array([int((pick.profit or 0) * 100) for pick in settled], np.int64),
            status=np.array([pick.status for pick in settled], np.str_),
        )

    def where(self, rows: Ints) -> _Columns:
        """Some of them."""
        return _Columns(*(getattr(self, one.name)[rows] for one in fields(self)))

    def summary(self) -> dict[str, Any]:
        """See `summary`."""
        closed = ~np.isnan(self.clv)
        values, closed_on = self.clv[closed], self.day[closed]
        clv = mean_and_error(values, closed_on)
        around = [clv["mean"] - _Z95 * clv["se"], clv["mean"] + _Z95 * clv["se"]]
        return {
            "picks": len(self.day),
            "clv": clv | {"interval": around},
            "beat_close": mean_and_error((values > 0).astype(np.float64), closed_on),
            "without_close": int(np.count_nonzero(~closed)),
            "claimed_ev": _mean(self.ev),
            "results": {str(one): int(np.count_nonzero(self.status == one)) for one in Settled},
            "staked": int(self.stake.sum()) / 100,
            "profit": int(self.profit.sum()) / 100,
            "yield": mean_and_error(self.unit, self.day)
            | {"interval": bootstrap(self.unit, self.day)},
            "mean_odds": _mean(self.price),
        }

    def series(self) -> list[dict[str, Any]]:
        """Day by day: picks, closing-line value, profit, and both summed so far."""
        days, index, picks = np.unique(self.day, return_inverse=True, return_counts=True)
        closed = ~np.isnan(self.clv)
        clv = np.bincount(index, np.where(closed, self.clv, 0.0), len(days))
        closes = np.bincount(index, closed, len(days))
        profit = np.bincount(index, self.profit, len(days))  # whole cents: exact
        with np.errstate(invalid="ignore"):
            means = clv / closes
        columns = (days, picks, means, clv.cumsum(), profit.cumsum() / 100)
        return [
            {
                "day": date.fromordinal(day).isoformat(),
                "picks": its,
                "clv": mean,
                "clv_so_far": clv_so_far,
                "profit_so_far": profit_so_far,
            }
            for day, its, mean, clv_so_far, profit_so_far in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]


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


def _mean(values: Sequence[float] | Floats) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
