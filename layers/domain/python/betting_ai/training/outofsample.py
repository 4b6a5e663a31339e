"""What may only be learned on days the members had not seen: pools, maps, confidence.

Walk-forward by season: for each of the last seasons the members are trained on everything known
before it and predict it. Nothing is fitted to a row that any member was fitted to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize

from betting_ai.domain.probabilities import (
    Calibration,
    cross_entropy,
    linear_pool,
    log_loss,
    log_pool,
    pick_price,
)
from betting_ai.domain.risk import RiskScale
from betting_ai.domain.value import ConfidenceModel, EvMap, clv
from betting_ai.features.facts import Bools, Floats, Ints
from betting_ai.models.manifest import WEIGHTS
from betting_ai.models.valuation import CONFIDENCE_FEATURES, Evidence
from betting_ai.training.dataset import Dataset
from betting_ai.training.members import Trainer

LEAST_CLAIM: Final = -0.02
"""Candidates that claim less never come near a slate; the maps are learned on the others."""

EV_BINS: Final = 14


@dataclass(frozen=True, eq=False)
class OutOfSample:
    """Members' predictions of matches they had not seen.

    Attributes:
        rows: (n,) rows of the data set, ascending.
        members: (4, n, 3).
    """

    rows: Ints
    members: Floats


def walk_forward(
    data: Dataset,
    folds: Sequence[tuple[int, int]],
    trainers: Sequence[Trainer],
    progress: Callable[[str], None],
) -> OutOfSample:
    """Train before each fold, predict the fold.

    Args:
        data: all rows.
        folds: (first day, day after the last) of each, days since the epoch, in order.
        trainers: of the members, in their order.
        progress: told after each fit.
    """
    rows, members = [], []
    known_day = data.facts.result_known_at[data.rows] // 86_400
    for start, end in folds:
        past = np.flatnonzero(known_day < start)
        fold = np.flatnonzero((data.day >= start) & (data.day < end))
        answers = []
        for trainer in trainers:
            member = trainer.train(data, past)
            answers.append(member.predict(data.matrix[fold]))
            progress(trainer.name)
        rows.append(fold)
        members.append(np.stack(answers))
    return OutOfSample(np.concatenate(rows), np.concatenate(members, axis=1))


@dataclass(frozen=True, eq=False)
class Learned:
    """Everything that the out-of-sample predictions taught."""

    calibration: Calibration
    pool_weight: float
    pick_weights: tuple[float, ...]
    market_only: bool
    ev_map: EvMap
    confidence: ConfidenceModel
    risk: RiskScale
    metrics: dict[str, Any]


def learn(data: Dataset, seen: OutOfSample) -> Learned:
    """Fit pools and maps on the out-of-sample predictions."""
    view = _View.of(data, seen)
    calibration = _fit_calibration(view)
    pool_weight = _fit_pool_weight(view, calibration)
    pick_weights = _fit_pick_weights(view)
    f = pick_price(view.q, view.members, pick_weights)
    gain = view.close_gain(f)
    market_only = bool(gain.mean() <= 0.0)
    if market_only:
        pick_weights, f = (0.0,) * len(pick_weights), view.q
    evidence = view.evidence(f)
    price = view.price
    claim = f * price - 1.0
    realised = clv(price, view.close)
    candidate = (claim >= LEAST_CLAIM) & ~np.isnan(realised)
    ev_map = _fit_ev_map(view, claim, realised, candidate)
    confidence = _fit_confidence(evidence, price, realised, candidate)
    risk = RiskScale(
        float(np.quantile(evidence.member_spread[candidate], 0.9)),
        float(np.nanquantile(evidence.book_spread[candidate], 0.9)),
    )
    p = _ensemble(view, calibration, pool_weight)
    metrics = _metrics(view, p, f) | {
        "ev_map_candidates": int(candidate.sum()),
        "confidence_beat_share": float((realised[candidate] > 0).mean()),
    }
    return Learned(
        calibration=Calibration.from_dict(tidy(calibration.to_dict())),
        pool_weight=pool_weight,
        pick_weights=pick_weights,
        market_only=market_only,
        ev_map=EvMap.from_dict(tidy(ev_map.to_dict())),
        confidence=ConfidenceModel.from_dict(tidy(confidence.to_dict())),
        risk=RiskScale.from_dict(tidy(risk.to_dict())),
        metrics=metrics,
    )


def tidy(learned: Any) -> Any:  # noqa: ANN401
    """JSON-ready data with every float cut to ten significant digits.

    The last bits of a fit depend on how memory happened to be aligned; nothing else does, and two
    trainings must give the same bytes.
    """
    if isinstance(learned, dict):
        return {name: tidy(value) for name, value in learned.items()}
    if isinstance(learned, list):
        return [tidy(value) for value in learned]
    return float(f"{learned:.10g}") if isinstance(learned, float) else learned


@dataclass(frozen=True, eq=False)
class _View:
    """The out-of-sample rows of the data set, as arrays."""

    data: Dataset
    rows: Ints
    members: Floats
    q: Floats
    close: Floats
    outcome: Ints
    price: Floats
    day: Ints

    @classmethod
    def of(cls, data: Dataset, seen: OutOfSample) -> _View:
        rows = seen.rows
        return cls(
            data=data,
            rows=rows,
            members=seen.members,
            q=data.consensus[rows],
            close=data.close[rows],
            outcome=data.outcome[rows],
            price=data.offers.price[rows],
            day=data.day[rows],
        )

    def close_gain(self, p: Floats) -> Floats:
        """Per match with a close, how much nearer to it ``p`` is than the consensus."""
        known = ~np.isnan(self.close[:, 0])
        return cross_entropy(self.close[known], self.q[known]) - cross_entropy(
            self.close[known], p[known]
        )

    def evidence(self, f: Floats) -> Evidence:
        """What confidence sees, of these rows."""
        market, offers = self.data.features.market, self.data.offers
        rows = self.rows
        part = replace(
            market,
            rows=market.rows[rows],
            consensus=self.q,
            dispersion=market.dispersion[rows],
            books=market.books[rows],
            average=market.average[rows],
        )
        mine = replace(offers, price=self.price, second=offers.second[rows])
        return Evidence.of(f, self.members, part, mine, self.data.lead_hours[rows])


def _fit_calibration(view: _View) -> Calibration:
    """One temperature for the linear pool, on results."""
    pool = linear_pool(view.members, WEIGHTS)

    def loss(value: np.ndarray) -> float:
        calibrated = Calibration.temperature(float(np.exp(value[0]))).apply(pool)
        return float(log_loss(calibrated, view.outcome).mean())

    best = minimize(loss, [0.0], method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-9})
    return Calibration.temperature(float(np.exp(best.x[0])))


def _ensemble(view: _View, calibration: Calibration, share: float) -> Floats:
    pool = calibration.apply(linear_pool(view.members, WEIGHTS))
    return log_pool(np.log(np.stack([pool, view.q])), (share, 1.0 - share))


def _fit_pool_weight(view: _View, calibration: Calibration) -> float:
    """Lambda, on results, by a grid: the loss is flat and one parameter needs no optimiser."""
    grid = np.linspace(0.0, 1.0, 21)
    losses = [log_loss(_ensemble(view, calibration, share), view.outcome).mean() for share in grid]
    return float(grid[int(np.argmin(losses))])


def _fit_pick_weights(view: _View) -> tuple[float, ...]:
    """``w_m >= 0`` by cross-entropy against the fair close."""
    known = ~np.isnan(view.close[:, 0])
    q, close, members = view.q[known], view.close[known], view.members[:, known]
    moves = np.log(members) - np.log(q)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        f = pick_price(q, members, weights.clip(0.0))
        slope = ((f - close) * moves).sum(axis=2).mean(axis=1)
        return float(cross_entropy(close, f).mean()) * 1e4, slope * 1e4

    start = np.full(len(members), 0.25)
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 3.0)] * len(members))
    return tuple(round(float(w), 6) for w in best.x.clip(0.0))


def _fit_ev_map(view: _View, claim: Floats, realised: Floats, candidate: Bools) -> EvMap:
    """Mean CLV by equal-count bins of the claim, made monotone; errors clustered by day."""
    x, y = claim[candidate], realised[candidate]
    day = np.broadcast_to(view.day[:, None], claim.shape)[candidate]
    edges = np.quantile(x, _bin_shares())
    bins = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    knots = []
    for number in range(len(edges) - 1):
        its = bins == number
        if its.sum() < 30:
            continue
        knots.append((x[its].mean(), y[its].mean(), its.sum(), _clustered_error(y[its], day[its])))
    claims, values, counts, errors = (np.array(column) for column in zip(*knots, strict=True))
    return EvMap(
        tuple(map(float, claims)),
        tuple(map(float, _isotonic(values, counts))),
        tuple(map(float, errors)),
    )


def _bin_shares() -> Floats:
    """Finer towards large claims, where picks are made."""
    return 1.0 - (1.0 - np.linspace(0.0, 1.0, EV_BINS + 1)) ** 2.0


def _clustered_error(values: Floats, cluster: Ints) -> float:
    """Standard error of a mean whose members are correlated within clusters."""
    _, index = np.unique(cluster, return_inverse=True)
    sums = np.bincount(index, values - values.mean())
    return float(np.sqrt((sums**2).sum()) / len(values))


def _isotonic(values: Floats, weights: Floats) -> Floats:
    """Pool adjacent violators: the closest sequence that never falls."""
    blocks: list[list[float]] = []
    for value, weight in zip(values, weights, strict=True):
        blocks.append([float(value), float(weight), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            top, below = blocks.pop(), blocks.pop()
            mass = top[1] + below[1]
            mean = (top[0] * top[1] + below[0] * below[1]) / mass
            blocks.append([mean, mass, top[2] + below[2]])
    return np.concatenate([np.full(int(count), mean) for mean, _, count in blocks])


def _fit_confidence(
    evidence: Evidence, price: Floats, realised: Floats, candidate: Bools
) -> ConfidenceModel:
    """Ridge logistic regression of "the price beats the fair close", by Newton's method."""
    features = evidence.confidence_features(price)
    columns = np.column_stack([features[name][candidate] for name in CONFIDENCE_FEATURES])
    known = np.isfinite(columns)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, columns, 0.0).sum(axis=0) / count
    var = np.where(known, (columns - mean) ** 2, 0.0).sum(axis=0) / count
    scale = np.sqrt(np.maximum(var, 1e-12))
    z = np.where(known, (columns - mean) / scale, 0.0)
    z = np.column_stack([np.ones(len(z)), z])
    beats = (realised[candidate] > 0.0).astype(np.float64)
    ridge = np.diag([0.0, *[20.0] * len(CONFIDENCE_FEATURES)])
    weights = np.zeros(z.shape[1])
    for _ in range(25):
        p = 1.0 / (1.0 + np.exp(-(z @ weights)))
        slope = z.T @ (p - beats) + ridge @ weights
        curve = (z * (p * (1.0 - p))[:, None]).T @ z + ridge
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-10:
            break
    return ConfidenceModel(
        feature_names=CONFIDENCE_FEATURES,
        means=tuple(map(float, mean)),
        scales=tuple(map(float, scale)),
        coefficients=tuple(map(float, weights[1:])),
        intercept=float(weights[0]),
    )


def _metrics(view: _View, p: Floats, f: Floats) -> dict[str, Any]:
    """Held-out figures against the consensus on the same matches, each with its standard error."""
    names = ("xgboost", "random_forest", "deep_rl", "bayesian")
    candidates = dict(zip(names, view.members, strict=True)) | {"ensemble": p, "pick_price": f}
    pool_without_rl = linear_pool(view.members, (0.35, 0.25, 0.0, 0.15))
    candidates |= {"pool": linear_pool(view.members, WEIGHTS), "pool_without_rl": pool_without_rl}
    base = log_loss(view.q, view.outcome)
    figures: dict[str, Any] = {
        "matches": len(view.rows),
        "from": str(np.datetime64(int(view.day.min()), "D")),
        "to": str(np.datetime64(int(view.day.max()), "D")),
        "market_log_loss": round(float(base.mean()), 6),
    }
    for name, probabilities in candidates.items():
        loss = log_loss(probabilities, view.outcome) - base
        gain = view.close_gain(probabilities)
        figures[name] = {
            "log_loss_difference": _mean_and_error(loss),
            "cross_entropy_difference": _mean_and_error(-gain),
        }
    return figures


def _mean_and_error(values: Floats) -> dict[str, float]:
    error = values.std(ddof=1) / np.sqrt(len(values))
    return {"mean": round(float(values.mean()), 7), "se": round(float(error), 7)}
