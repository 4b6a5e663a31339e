"""Vintages for a backtest: before every season, or month, a model of what was known then."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from betting_ai.adapters.local.model_store import FolderModelStore
from betting_ai.domain.markets import MATCH_RESULT, BettingMarket
from betting_ai.errors import InvalidInputError
from betting_ai.features.facts import Facts
from betting_ai.features.spec import FeatureSpec
from betting_ai.models.manifest import MANIFEST, Manifest
from betting_ai.training.fit import Fits
from betting_ai.training.train import TrainingPlan, train, write_artifact

CHANNEL: Final = "walk_forward"
REFITS: Final = ("season", "month")


@dataclass(frozen=True)
class WalkForward:
    """Which vintages a backtest needs.

    Attributes:
        first_season: year in which the first season to be played began.
        last_season: year in which the last one began.
        refit: ``"season"`` or ``"month"``.
        market: which market.
    """

    first_season: int
    last_season: int
    refit: str = "season"
    market: BettingMarket = MATCH_RESULT

    def __post_init__(self) -> None:
        if self.refit not in REFITS:
            raise InvalidInputError(f"--refit must be {' or '.join(REFITS)}, not {self.refit!r}")
        if self.last_season < self.first_season:
            raise InvalidInputError("the last season lies before the first")

    def last_days(self) -> list[date]:
        """Each vintage's last day of training, in order."""
        days = []
        for season in range(self.first_season, self.last_season + 1):
            days.append(date(season, 6, 30))
            if self.refit == "month":
                starts = [date(season, m, 1) for m in range(9, 13)]
                starts += [date(season + 1, m, 1) for m in range(1, 7)]
                days += [start - timedelta(days=1) for start in starts]
        return days


def make_vintages(
    facts: Facts,
    payloads: Mapping[str, str],
    plan: WalkForward,
    root: Path,
    fits: Fits,
    progress: Callable[[str, float, int], None],
) -> Path:
    """Train what is not there yet, and put all of it in one channel.

    Args:
        facts: matches of all seasons up to the last one played.
        payloads: ``"E0/2024"`` -> SHA-256 of its file.
        plan: which vintages.
        root: folder for backtests; models of other files or another version lie in other folders.
        fits: where fits of the members are kept.
        progress: told of every step: what, how many vintages are done (with the share of the one
            at work), of how many.

    Returns:
        The folder of the models, a model store.
    """
    store = root / _name(payloads)
    days = plan.last_days()
    for done, day in enumerate(days):
        told = f"vintage {done + 1} of {len(days)}, through {day}"
        if not (store / plan.market.name / day.isoformat() / MANIFEST).is_file():

            def step(what: str, share: float, told: str = told, done: int = done) -> None:
                progress(f"{told}: {what}", done + share, len(days))

            files = train(facts, payloads, TrainingPlan(day, plan.market), step, fits)
            manifest = Manifest.from_json(files[MANIFEST])
            write_artifact(files, store, manifest)
        else:
            progress(f"{told}: kept", done + 1, len(days))
    _put_in_channel(store, plan, days)
    return store


def _put_in_channel(store: Path, plan: WalkForward, days: list[date]) -> None:
    """Exactly these vintages, so that a question never meets one of another plan."""
    (store / "channels.json").unlink(missing_ok=True)
    for day in days:
        FolderModelStore(store).put_in_channel(plan.market.name, day.isoformat(), CHANNEL)


def _name(payloads: Mapping[str, str]) -> str:
    """One folder per set of files and version of the code that makes models."""
    digest = hashlib.sha256(FeatureSpec().hash.encode())
    for path in sorted(Path(__file__).parents[1].glob("training/*.py")):
        digest.update(path.read_bytes())
    digest.update(json.dumps(dict(payloads), sort_keys=True).encode())
    return digest.hexdigest()[:16]
