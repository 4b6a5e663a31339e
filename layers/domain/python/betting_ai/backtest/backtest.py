"""Walk forward: refit, predict and bet season after season, then say what it was worth."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from betting_ai.backtest.baselines import RULES, picks_of
from betting_ai.backtest.evaluate import Predicted, day_of, picks_report, predict, quality, timing
from betting_ai.backtest.measures import ODDS_BANDS, a_month, bands, by, summary
from betting_ai.backtest.play import Execution, Played, Yardstick, play
from betting_ai.backtest.replay import Replay
from betting_ai.domain.slate import PROFILES, Criteria
from betting_ai.domain.statistics import drawdown, luck_of_the_best, mean_and_error
from betting_ai.usecases.assess_events import Window

NO_CRITERIA: Final = Criteria("none", 0.0, 0.0, 1.0)
UPPER_BOUNDS: Final = ("maximum", "close")


@dataclass(frozen=True)
class BacktestCommand:
    """What to play.

    Attributes:
        first: first day.
        last: last day.
        window: leagues and books.
        criteria: of the slates whose picks are bet.
        bankroll: begun with.
        execution: how prices become bets.
        settings_tried: how many settings were compared before, at least.
    """

    first: date
    last: date
    window: Window
    criteria: Criteria
    bankroll: Decimal
    execution: Execution = field(default_factory=lambda: Execution(compounding=True))
    settings_tried: int = 0


@dataclass(frozen=True, eq=False)
class Backtest:
    """The report.

    Attributes:
        numbers: JSON-ready.
        played: by the criteria asked for.
        loose: every day's best three, without criteria.
        predicted: every match.
    """

    numbers: dict[str, Any]
    played: Played
    loose: Played
    predicted: Predicted


def backtest(
    replay: Replay,
    command: BacktestCommand,
    progress: Callable[[str, int, int], None],
) -> Backtest:
    """Play a range of days with models that had not seen them.

    Raises:
        NothingToDoError: no finished match with a price lies in the range.
    """
    yardstick = Yardstick(replay.facts)
    rows = replay.rows(command.first, command.last, command.window)
    progress("probabilities", 0, 1)
    predicted = predict(replay, rows, command.window, yardstick.market)
    progress("probabilities", 1, 1)
    days = replay.days(command.first, command.last, command.window)
    slates = list(
        replay.slates(days, yardstick.market, lambda done, of: progress("slates", done, of))
    )
    plays = len(PROFILES) + 2
    progress("playing the days", 0, plays)
    played = play(slates, command.criteria, command.bankroll, command.execution, yardstick)
    progress("playing the days", 1, plays)
    flat = Execution()
    loose = play(slates, NO_CRITERIA, command.bankroll, flat, yardstick)
    profiles = {}
    for number, (name, criteria) in enumerate(PROFILES.items(), start=2):
        progress("playing the days", number, plays)
        of_profile = play(slates, criteria, command.bankroll, flat, yardstick)
        profiles[name] = summary(of_profile.picks) | {
            "a_month": a_month(len(of_profile.picks), replay.facts.day[rows])
        }
    progress("playing the days", plays, plays)
    by_ev = _ranked_by_ev(loose)
    numbers = {
        "from": command.first.isoformat(),
        "to": command.last.isoformat(),
        "first_match": day_of(replay.facts, rows[0]),
        "last_match": day_of(replay.facts, rows[-1]),
        "criteria": command.criteria.to_dict(),
        "execution": {
            name: float(value) if isinstance(value, Decimal) else value
            for name, value in asdict(command.execution).items()
        },
        "models": sorted(predicted.manifests),
        "matches": len(rows),
        "priced": len(predicted.rows),
        "missed_count": len(predicted.unpriced),
        "events_begun_before": sum(day.missed for day in days),
        **quality(replay.facts, predicted, yardstick),
        "by_season": _by_season(replay, predicted, yardstick),
        "timing": timing(replay, predicted),
        "slates": {"asked": played.slates, "empty": played.empty},
        "picks": _with_bands(played),
        "no_criteria": _with_bands(loose),
        "ranked_by_ev": by_ev,
        "profiles": profiles,
        "baselines": {
            name: summary(picks_of(rule, slates, yardstick)) for name, rule in RULES.items()
        },
        "money": _money(played, command),
        "settings_tried": command.settings_tried,
        "deflated_clv": _deflated(loose, command.settings_tried),
    }
    return Backtest(numbers, played, loose, predicted)


def _with_bands(played: Played) -> dict[str, Any]:
    report = picks_report(played)
    return report | {"by_odds": by(played.picks, bands(played.picks.price, ODDS_BANDS))}


def _ranked_by_ev(loose: Played) -> dict[str, Any]:
    """The day's best three by composite, in the order of EV: the first of each ranking."""
    ranks = np.array([one.pick.rank for one in loose.placed])
    day = loose.picks.day
    best_by_ev = np.zeros(len(day), dtype=np.bool_)
    for start in np.unique(day).tolist():
        its = np.flatnonzero(day == start)
        best_by_ev[its[np.argmax(loose.picks.claimed[its])]] = True
    return {
        "first_by_composite": summary(loose.picks.where(ranks == 1)),
        "first_by_ev": summary(loose.picks.where(best_by_ev)),
    }


def _by_season(replay: Replay, predicted: Predicted, yardstick: Yardstick) -> dict[str, Any]:
    season = replay.facts.season[predicted.rows]
    found = {}
    for year in np.unique(season).tolist():
        its = season == year
        part = Predicted(
            rows=predicted.rows[its],
            sources={name: p[its] for name, p in predicted.sources.items()},
            unpriced=predicted.unpriced[:0],
            manifests=predicted.manifests,
            assessments=(),
        )
        found[str(year)] = quality(replay.facts, part, yardstick)
    return found


def _money(played: Played, command: BacktestCommand) -> dict[str, Any]:
    bet = [one for one in played.placed if one.stake > 0]
    staked = sum((one.stake for one in bet), Decimal(0))
    profit = sum((one.profit for one in bet), Decimal(0))
    growth = np.array([float(one.profit / one.bankroll) for one in bet])
    days = np.array([one.day.toordinal() for one in bet], dtype=np.int64)
    return {
        "begun_with": float(command.bankroll),
        "ended_with": float(played.bankroll[-1]) if played.slates else float(command.bankroll),
        "bets": len(bet),
        "moved_away": played.refused_at_venue,
        "staked": float(staked),
        "profit": float(profit),
        "yield": float(profit / staked) if staked else float("nan"),
        "per_bet_of_bankroll": mean_and_error(growth, days),
        "drawdown": drawdown(np.append(float(command.bankroll), played.bankroll)),
    }


def _deflated(loose: Played, trials: int) -> dict[str, float]:
    """Closing-line value less what the best of so many settings would show by luck."""
    clv = summary(loose.picks)["clv"]
    luck = luck_of_the_best(trials)
    return {
        "clv": clv["mean"],
        "standard_errors_of_luck": luck,
        "clv_deflated": clv["mean"] - luck * clv["se"],
    }


@dataclass(frozen=True)
class Trials:
    """A count of the different backtests that were run: looking often finds luck.

    Attributes:
        path: where it is kept.
    """

    path: Path

    def note(self, settings: Mapping[str, Any]) -> int:
        """Count these settings, once; gives how many there have been."""
        text = json.dumps(settings, sort_keys=True, default=str)
        seen: list[str] = []
        if self.path.is_file():
            seen = json.loads(self.path.read_text())
        name = sha256(text.encode()).hexdigest()[:16]
        if name not in seen:
            seen.append(name)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(seen))
        return len(seen)
