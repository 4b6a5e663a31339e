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
from betting_ai.domain.risk import FEWEST_BOOKS, RiskScale
from betting_ai.domain.value import ConfidenceModel, EvMap, clv
from betting_ai.features.facts import Bools, Floats, Ints
from betting_ai.models.manifest import CLOSE, ENSEMBLE, MEMBERS, WEIGHTS, Gate
from betting_ai.models.scorer import CloseScorer, Scorer
from betting_ai.models.timing import (
    ClosingStage,
    closing_stage,
    clustered_error,
    worth_of_advice,
)
from betting_ai.models.valuation import CONFIDENCE_FEATURES, Evidence
from betting_ai.training.dataset import Dataset
from betting_ai.training.fit import Fit

LEAST_PICK: Final = 0.01
"""The least claim that the gate looks at, the least that the profile `value` takes."""

FEWEST_PICKS: Final = 200
_FEW_BOOKS: Final = (
    f"with fewer than {FEWEST_BOOKS} books a good price cannot be told from a stale one"
)

LEAST_CLAIM: Final = -0.02
"""Candidates that claim less never come near a slate; the maps are learned on the others."""

EV_BINS: Final = 14

UNKNOWN_ERROR: Final = 0.05
"""Standard error of an expected value whose worth nobody has seen yet."""


@dataclass(frozen=True, eq=False)
class OutOfSample:
    """Members' predictions of matches they had not seen.

    Attributes:
        rows: (n,) rows of the data set, ascending.
        members: (4, n, s).
        wait: (n, s) deep RL's value of waiting.
        close: (n s,) deep RL's value of the bet at the close, 0 where that is not known.
        stage: what became of the best first prices.
    """

    rows: Ints
    members: Floats
    wait: Floats
    close: Floats
    stage: ClosingStage


def walk_forward(
    data: Dataset,
    folds: Sequence[tuple[int, int]],
    fit: Callable[[Ints], Fit],
) -> OutOfSample:
    """Train before each fold, predict the fold.

    Args:
        data: all rows.
        folds: (first day, day after the last) of each, days since the epoch, in order.
        fit: trains the members on rows.
    """
    rows, scores, closes = [], [], []
    known_day = data.facts.result_known_at[data.rows] // 86_400
    for start, end in folds:
        fold = np.flatnonzero((data.day >= start) & (data.day < end))
        graphs = fit(np.flatnonzero(known_day < start)).graphs
        rows.append(fold)
        scores.append(Scorer(graphs[ENSEMBLE]).score(data.matrix[fold]))
        stage = _stage(data, fold)
        closes.append(np.where(stage.known, CloseScorer(graphs[CLOSE]).value(stage.state), 0.0))
    together = np.concatenate(rows)
    return OutOfSample(
        rows=together,
        members=np.concatenate([one.members for one in scores], axis=1),
        wait=np.concatenate([one.wait for one in scores]),
        close=np.concatenate(closes),
        stage=_stage(data, together),
    )


def _stage(data: Dataset, rows: Ints) -> ClosingStage:
    return closing_stage(data.facts, data.features.market, data.offers, data.rows[rows], rows)


@dataclass(frozen=True, eq=False)
class Learned:
    """Everything that the out-of-sample predictions taught."""

    calibration: Calibration
    pool_weight: float
    pick_weights: tuple[float, ...]
    market_only: bool
    gate: Gate
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
    market_only = not len(gain) or bool(gain.mean() <= 0.0)  # without closes nothing was shown
    if market_only:
        pick_weights, f = (0.0,) * len(pick_weights), view.q
    evidence = view.evidence(f)
    price = view.price
    claim = f * price - 1.0
    realised = clv(price, view.close)
    near = claim >= LEAST_CLAIM
    candidate = near & ~np.isnan(realised)
    ev_map = _fit_ev_map(view, claim, realised, candidate)
    confidence = _fit_confidence(evidence, price, realised, candidate)
    judged = candidate if candidate.any() else near
    risk = RiskScale(_large(evidence.member_spread[judged]), _large(evidence.book_spread[judged]))
    p = _ensemble(view, calibration, pool_weight)
    metrics = _metrics(view, p, f) | {
        "timing": worth_of_advice(
            seen.members[MEMBERS.index("deep_rl")],
            view.price,
            seen.wait,
            seen.close,
            seen.stage,
            view.day,
        ),
        "ev_map_candidates": int(candidate.sum()),
        "confidence_beat_share": (
            float((realised[candidate] > 0).mean()) if candidate.any() else None
        ),
    }
    return Learned(
        calibration=Calibration.from_dict(tidy(calibration.to_dict())),
        pool_weight=pool_weight,
        pick_weights=pick_weights,
        market_only=market_only,
        gate=_gate(view, f, claim, realised),
        ev_map=EvMap.from_dict(tidy(ev_map.to_dict())),
        confidence=ConfidenceModel.from_dict(tidy(confidence.to_dict())),
        risk=RiskScale.from_dict(tidy(risk.to_dict())),
        metrics=metrics,
    )


def _large(spreads: Floats) -> float:
    """The 90th percentile of those known; where none is, no spread will ever be looked up."""
    known = spreads[~np.isnan(spreads)]
    return float(np.quantile(known, 0.9)) if len(known) else 1.0


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


def _gate(view: _View, f: Floats, claim: Floats, realised: Floats) -> Gate:
    """Open where the pick price is nearer to the close than the consensus, and claims pay.

    Both are asked for at two standard errors: the gain over all matches, and the closing-line
    value of claims of 1 % or more, clustered by day. And a market needs three books beside the
    average on most matches: with fewer a good price cannot be told from a stale one.
    """
    gain = view.close_gain(f)
    if not len(gain):
        return Gate(False, "no closes to judge it by")
    sure = gain.mean() > 2.0 * gain.std() / np.sqrt(len(gain))
    picked = (claim >= LEAST_PICK) & ~np.isnan(realised)
    day = np.broadcast_to(view.day[:, None], claim.shape)[picked]
    value = realised[picked]
    error = clustered_error(value, day) if len(value) > 1 else np.inf
    mean = value.mean() if len(value) else np.nan
    pays = len(value) >= FEWEST_PICKS and mean > 2.0 * error
    books = float(np.median(view.data.features.market.books[view.rows]))
    told = (
        f"{books:g} {'book' if books == 1 else 'books'} on most matches; out of sample "
        f"{1e5 * gain.mean():.1f} nearer to the close (0.00001 nats); {len(value)} prices "
        f"that claim {LEAST_PICK:.0%} or more had a closing-line value of "
        f"{mean:+.1%} (standard error {error:.1%})"
    )
    lacks = [
        why
        for why, held in (
            ("the gain may be luck", sure),
            ("too few such prices, or their value may be luck", pays),
            (_FEW_BOOKS, books >= FEWEST_BOOKS),
        )
        if not held
    ]
    return Gate(not lacks, "; ".join([told, *lacks]))


def _fit_calibration(view: _View) -> Calibration:
    """One temperature for the linear pool, on results, where it gains more than twice its error.

    Results are noisy and the pool hardly needs it: a temperature that the data cannot tell from 1
    costs more against the close than it gains.
    """
    pool = linear_pool(view.members, WEIGHTS)
    selections = pool.shape[-1]

    def losses(value: float) -> Floats:
        calibrated = Calibration.temperature(float(np.exp(value)), selections).apply(pool)
        return log_loss(calibrated, view.outcome)

    best = minimize(
        lambda value: float(losses(value[0]).mean()),
        [0.0],
        method="Nelder-Mead",
        options={"xatol": 1e-4, "fatol": 1e-9},
    )
    gain = losses(0.0) - losses(best.x[0])
    if gain.mean() <= 2.0 * gain.std() / np.sqrt(len(gain)):
        return Calibration.identity(selections)
    return Calibration.temperature(float(np.exp(best.x[0])), selections)


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
    if not known.any():
        return (0.0,) * len(view.members)
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
    if not candidate.any():
        return EvMap.identity(UNKNOWN_ERROR)
    x, y = claim[candidate], realised[candidate]
    day = np.broadcast_to(view.day[:, None], claim.shape)[candidate]
    edges = np.quantile(x, _bin_shares())
    bins = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    knots = []
    for number in range(len(edges) - 1):
        its = bins == number
        if its.sum() < 30:
            continue
        knots.append((x[its].mean(), y[its].mean(), its.sum(), clustered_error(y[its], day[its])))
    if not knots:  # too few candidates to learn a map from
        return EvMap.identity(UNKNOWN_ERROR)
    claims, values, counts, errors = (np.array(column) for column in zip(*knots, strict=True))
    return EvMap(
        tuple(map(float, claims)),
        tuple(map(float, _isotonic(values, counts))),
        tuple(map(float, errors)),
    )


def _bin_shares() -> Floats:
    """Finer towards large claims, where picks are made."""
    return 1.0 - (1.0 - np.linspace(0.0, 1.0, EV_BINS + 1)) ** 2.0


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
    if not candidate.any():
        return ConfidenceModel.none()
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
    candidates = dict(zip(MEMBERS, view.members, strict=True)) | {"ensemble": p, "pick_price": f}
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


def _mean_and_error(values: Floats) -> dict[str, float | None]:
    if not len(values):
        return {"mean": None, "se": None}
    error = values.std(ddof=1) / np.sqrt(len(values))
    return {"mean": round(float(values.mean()), 7), "se": round(float(error), 7)}
