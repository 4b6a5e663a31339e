"""Score the shipped models on season files that they have never seen."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import numpy as np

from betting_ai.backtest.measures import a_month, by, ev_buckets, score, summary
from betting_ai.backtest.play import Execution, Placed, Played, Yardstick, play
from betting_ai.backtest.replay import Replay
from betting_ai.domain.markets import MATCH_RESULT, BettingMarket
from betting_ai.domain.probabilities import cross_entropy, linear_pool, log_loss
from betting_ai.domain.slate import Criteria
from betting_ai.domain.statistics import mean_and_error, reliability
from betting_ai.errors import NothingToDoError
from betting_ai.features.facts import Facts, Floats, Ints
from betting_ai.features.market import market_view
from betting_ai.features.spec import FeatureSpec, column
from betting_ai.models.drift import drift
from betting_ai.models.manifest import CLOSE, MEMBERS, WEIGHTS, Manifest
from betting_ai.models.scorer import CloseScorer
from betting_ai.models.timing import ClosingStage, closing_stage, worth_of_advice
from betting_ai.usecases.assess_events import Assessment, Window

PREFIXES: Final = {
    "ensemble": "",
    "xgboost": "xgb_",
    "random_forest": "rf_",
    "deep_rl": "rl_",
    "bayesian": "bayes_",
    "pick_price": "fair_",
    "market": "market_",
}
"""Sources in the predictions file, and how their columns begin."""

MOST_NAMED: Final = 50


@dataclass(frozen=True)
class EvaluateCommand:
    """What to score.

    Attributes:
        first: first date of matches.
        last: last date of matches.
        window: leagues and books; its instant and hours are replaced.
        criteria: of the slates.
        bankroll: what stakes are shares of, every day anew.
        market: which market.
    """

    first: date
    last: date
    window: Window
    criteria: Criteria
    bankroll: Decimal
    market: BettingMarket = MATCH_RESULT


@dataclass(frozen=True, eq=False)
class Predicted:
    """Every priced match at its own price stamp.

    Attributes:
        rows: (n,) rows of the facts, ascending.
        sources: name -> (n, s) probabilities.
        unpriced: rows without a usable price.
        manifests: the models that answered, by version.
        assessments: where the sources come from.
    """

    rows: Ints
    sources: dict[str, Floats]
    unpriced: Ints
    manifests: Mapping[str, Manifest]
    assessments: tuple[Assessment, ...]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The report.

    Attributes:
        numbers: JSON-ready.
        predicted: every match.
        played: every pick.
    """

    numbers: dict[str, Any]
    predicted: Predicted
    played: Played


def evaluate(
    replay: Replay,
    command: EvaluateCommand,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Evaluation:
    """Score probabilities and picks.

    Raises:
        NothingToDoError: no finished match with a price lies in the range.
        NoModelBeforeError: every model had seen one of the days.
    """
    yardstick = Yardstick(replay.facts, command.market)
    rows = replay.rows(command.first, command.last, command.window)
    predicted = predict(replay, rows, command.window, command.market)
    days = replay.days(command.first, command.last, command.window)
    slates = list(replay.slates(days, command.market, progress))
    missed = sum(day.missed for day in days)
    played = play(slates, command.criteria, command.bankroll, Execution(), yardstick)
    measured = quality(replay.facts, predicted, yardstick)
    error = measured["sources"]["ensemble"]["calibration_error"]
    numbers = {
        "from": command.first.isoformat(),
        "to": command.last.isoformat(),
        "first_match": day_of(replay.facts, rows[0]),
        "last_match": day_of(replay.facts, rows[-1]),
        "market": command.market.name,
        "models": {
            version: {
                "trained_through": manifest.trained_through.isoformat(),
                "tuned_through": manifest.tuned_through.isoformat(),
                "gate": manifest.gate.to_dict(),
            }
            for version, manifest in sorted(predicted.manifests.items())
        },
        "in_sample_matches": sum(
            len(a.features.market) for a in predicted.assessments if a.model.in_sample
        ),
        "tuned_on": any(m.tuned_through >= command.first for m in predicted.manifests.values()),
        "matches": len(rows),
        "priced": len(predicted.rows),
        "missed": [name_of(replay.facts, row) for row in predicted.unpriced[:MOST_NAMED].tolist()],
        "missed_count": len(predicted.unpriced),
        **measured,
        "timing": timing(replay, predicted),
        "drift": {
            a.model.manifest.version: drift(
                a.features.matrix, a.model.manifest, error, measured["compared"]
            ).to_dict()
            for a in predicted.assessments
        },
        "slates": {
            "criteria": command.criteria.to_dict(),
            "asked": played.slates,
            "empty": played.empty,
            "events_considered": played.considered,
            "events_begun_before": missed,
            "a_month": a_month(len(played.picks), replay.facts.day[rows]),
        },
        "picks": picks_report(played),
    }
    return Evaluation(numbers, predicted, played)


def predict(replay: Replay, rows: Ints, window: Window, market: BettingMarket) -> Predicted:
    """Every match at its own pre-match price stamp.

    Raises:
        NothingToDoError: not one has a usable price.
    """
    facts = replay.facts
    before = facts.kickoff[rows] - 1
    newest = market_view(facts, rows, before, FeatureSpec(), market).newest
    priced = newest >= 0
    if not priced.any():
        raise NothingToDoError("no match with a price before kick-off in the range asked for")
    assessments = replay.assess(rows[priced], newest[priced], window, market)
    order = np.argsort(np.concatenate([a.features.market.rows for a in assessments]))

    def together(of: Callable[[Assessment], Floats]) -> Floats:
        return np.concatenate([of(a) for a in assessments])[order]

    sources = {
        name: together(lambda a, m=m: a.scores.members[m])  # type: ignore[misc]
        for m, name in enumerate(MEMBERS)
    }
    members = np.stack(list(sources.values()))
    without_rl = tuple(0.0 if n == "deep_rl" else w for n, w in zip(MEMBERS, WEIGHTS, strict=True))
    sources |= {
        "pool": linear_pool(members, WEIGHTS),
        "pool_without_rl": linear_pool(members, without_rl),
        "ensemble": together(lambda a: a.judgement.ensemble),
        "pick_price": together(lambda a: a.judgement.pick),
        "market": together(lambda a: a.features.market.consensus),
        "base_rates": together(_base_rates),
    }
    elo = together(_elo)
    if elo.shape[1]:
        sources["elo"] = elo
    return Predicted(
        rows=rows[priced],
        sources=sources,
        unpriced=rows[~priced],
        manifests={a.model.manifest.version: a.model.manifest for a in assessments},
        assessments=tuple(assessments),
    )


def timing(replay: Replay, predicted: Predicted) -> dict[str, Any]:
    """What deep RL's advice to bet now or to wait was worth on these matches."""
    p, price, wait, close, day = [], [], [], [], []
    stages = []
    for a in predicted.assessments:
        view = a.features.market
        stage = closing_stage(a.facts, view, a.offers, view.rows, np.arange(len(view)))
        scorer = CloseScorer(replay.registry.file(a.model.manifest, CLOSE))
        p.append(a.scores.members[MEMBERS.index("deep_rl")])
        price.append(a.offers.price)
        wait.append(a.scores.wait)
        close.append(scorer.value(stage.state))
        day.append(a.facts.day[view.rows])
        stages.append(stage)
    return worth_of_advice(
        np.concatenate(p), np.concatenate(price), np.concatenate(wait), np.concatenate(close),
        ClosingStage(
            **{
                name: np.concatenate([getattr(stage, name) for stage in stages])
                for name in ClosingStage.__dataclass_fields__
            }
        ),
        np.concatenate(day),
    )  # fmt: skip


def _is_pool(manifest: Manifest) -> bool:
    """Whether ``p`` is the members' pool by construction: no calibration, no weight on ``q``."""
    calibration = manifest.calibration
    untouched = not any(calibration.biases) and all(s == 1.0 for s in calibration.scales)
    return untouched and manifest.pool_weight == 1.0


def _base_rates(assessment: Assessment) -> Floats:
    facts, rows = assessment.facts, assessment.features.market.rows
    codes = [facts.leagues[i] for i in facts.league[rows].tolist()]
    return assessment.model.manifest.baselines.rates(codes)


def _elo(assessment: Assessment) -> Floats:
    elo = column("elo_difference", assessment.betting.sport)
    difference = assessment.features.matrix[:, elo]
    return assessment.model.manifest.baselines.elo(difference)


def quality(facts: Facts, predicted: Predicted, yardstick: Yardstick) -> dict[str, Any]:
    """Measures of every source on the same matches, in all and by league.

    Where the files have a close of some matches, those are compared; where of none, all are, by
    their results alone.
    """
    rows = predicted.rows
    close = yardstick.close[rows]
    known = yardstick.winner[rows] >= 0
    closed = ~np.isnan(close[:, 0])
    if closed.any():
        known &= closed
    for p in predicted.sources.values():
        known &= ~np.isnan(p).any(axis=1)
    if not known.any():
        raise NothingToDoError("no match with a price, a close and a result in the range asked for")
    sources = {name: p[known] for name, p in predicted.sources.items()}
    if closed.any():
        sources["close"] = close[known]
    outcome, close = yardstick.winner[rows][known], close[known]
    league = np.array([facts.leagues[i] for i in facts.league[rows][known].tolist()])
    leagues = {}
    base = log_loss(sources["market"], outcome)
    to_close = cross_entropy(close, sources["market"])
    p_loss = log_loss(sources["ensemble"], outcome) - base
    for code in np.unique(league).tolist():
        its = league == code
        leagues[code] = {
            "matches": int(its.sum()),
            "market_log_loss": float(base[its].mean()),
            "ensemble_log_loss_difference": mean_and_error(p_loss[its]),
            "pick_price_cross_entropy_difference": mean_and_error(
                (cross_entropy(close, sources["pick_price"]) - to_close)[its]
            ),
        }
    return {
        "compared": int(known.sum()),
        "not_compared": int((~known).sum()),
        "sources": score(sources, "market", outcome, close),
        "ensemble_is_pool": all(_is_pool(m) for m in predicted.manifests.values()),
        "leagues": leagues,
    }


def picks_report(played: Played) -> dict[str, Any]:
    """What the picks were worth, in all and by league, book, season and bucket."""
    picks = played.picks
    known = ~np.isnan(picks.clv)
    gap, bins = reliability(picks.confidence[known], picks.clv[known] > 0)
    sure = known & (picks.confidence >= 65.0)
    sixty_five = mean_and_error((picks.clv[sure] > 0).astype(np.float64), picks.day[sure])
    return {
        "all": summary(picks),
        "by_season": by(picks, picks.season),
        "by_league": by(picks, picks.league),
        "by_book": by(picks, picks.bookmaker),
        "ev_buckets": ev_buckets(picks),
        "confidence": {
            "calibration_error": gap,
            "bins": bins,
            "stated_65_or_more": sixty_five,
        },
        "staked": float(picks.stake.sum()),
        "profit": float(sum(one.profit for one in played.placed)),
    }


def name_of(facts: Facts, row: int) -> str:
    """``"2025-03-15 E0 Ipswich v Nott'm Forest"``."""
    home, away = (facts.teams[side[row]].partition(":")[2] for side in (facts.home, facts.away))
    return f"{day_of(facts, row)} {facts.leagues[facts.league[row]]} {home} v {away}"


def day_of(facts: Facts, row: int) -> str:
    """The match's own date."""
    return str(np.datetime64(int(facts.day[row]), "D"))


def predictions_csv(facts: Facts, predicted: Predicted, market: BettingMarket) -> str:
    """Every priced match: ``date,league,home,away`` and each source's probabilities."""
    columns = ["date", "league", "home", "away"]
    for prefix in PREFIXES.values():
        columns += [f"{prefix}p_{outcome}" for outcome in market.outcomes]
    values = np.column_stack([predicted.sources[name] for name in PREFIXES])
    lines = []
    for row, numbers in zip(predicted.rows.tolist(), values.tolist(), strict=True):
        home, away = (facts.teams[side[row]].partition(":")[2] for side in (facts.home, facts.away))
        league = facts.leagues[facts.league[row]]
        lines.append([day_of(facts, row), league, home, away, *(f"{p:.6f}" for p in numbers)])
    return _csv(columns, lines)


PICK_COLUMNS: Final = (
    "date", "league", "home", "away", "selection", "bookmaker", "odds", "p", "ev", "confidence",
    "risk", "composite", "stake",
)  # fmt: skip


def picks_csv(facts: Facts, placed: tuple[Placed, ...]) -> str:
    """Every pick, as `PICK_COLUMNS` names them; `p` is the pick price."""
    lines = []
    for one in placed:
        c = one.pick.candidate
        numbers = (f"{c.f:.6f}", f"{c.ev:.6f}", f"{c.confidence:.4f}", f"{c.risk:.6f}")
        lines.append(
            [
                day_of(facts, one.row), one.league, c.home, c.away, str(c.outcome), c.bookmaker,
                str(c.price), *numbers, f"{c.composite:.6f}", str(one.pick.stake),
            ]
        )  # fmt: skip
    return _csv(PICK_COLUMNS, lines)


def _csv(columns: tuple[str, ...] | list[str], lines: list[list[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return text.getvalue()
