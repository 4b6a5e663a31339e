"""What must hold where the truth is known: expected values, confidence and stakes.

A model is trained by the real training code on the first seasons of a simulated league; the last
seasons are replayed by the real code, and every number it gives is held against the truth.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise, product
from typing import Any, Final

import numpy as np

from betting_ai.adapters.feeds.simulated import Simulation, simulate
from betting_ai.backtest.replay import Replay, SlateDay
from betting_ai.domain.events import event_id
from betting_ai.domain.leagues import SEASON_FILE_LEAGUES
from betting_ai.domain.markets import MATCH_RESULT, OUTCOMES
from betting_ai.domain.slate import Criteria, Pick
from betting_ai.domain.staking import ProposedBet, plan_stakes
from betting_ai.domain.statistics import mean_and_error
from betting_ai.domain.value import EvMap, clv
from betting_ai.features.facts import Facts, Floats, Ints
from betting_ai.features.market import closing_consensus
from betting_ai.models.manifest import Manifest
from betting_ai.models.registry import CHANNELS, Registry
from betting_ai.models.valuation import value
from betting_ai.training.bayesian import BayesianTrainer
from betting_ai.training.boosted import BoostedTrainer
from betting_ai.training.deep_rl import PolicyTrainer
from betting_ai.training.forest import ForestTrainer
from betting_ai.training.members import Trainer
from betting_ai.training.outofsample import LEAST_CLAIM
from betting_ai.training.train import TrainingPlan, train
from betting_ai.usecases.assess_events import Assessment, Window
from betting_ai.usecases.select_top3 import SelectTop3Command, choose
from small_model import MemoryStore
from truth.bettors import Views, informed, learned_strengths, told_nothing, told_strengths

EV_TOLERANCE: Final = 0.5
"""Points, a hundredth of the stake."""

CONFIDENCE_TOLERANCE: Final = 3.0
LEAST_GROWTH: Final = 0.90

EV_EDGES: Final = (0.0, 1.0, 2.0, 3.0, 4.5, 6.5, np.inf)
FEWEST_IN_BUCKET: Final = 500
CONFIDENCE_BINS: Final = 6
BANKROLL: Final = Decimal(10_000)
NO_CRITERIA: Final = Criteria("none", 0.0, 0.0, 1.0)
"""Every day's best three that are worth anything at all."""

PRODUCT: Final = "product"
ALONE: Final = "Bayes, this match's quotes alone"
BAYES: Final = "Bayes"
TOLD: Final = "Bayes, told the strengths"
ORACLE: Final = "oracle"

QUICK_TRAINERS: Final[tuple[Trainer, ...]] = (
    BoostedTrainer(rounds=20, rate=0.15),
    ForestTrainer(trees=20),
    PolicyTrainer(sweeps=1),
    BayesianTrainer(most_rows=3_000),
)

Distortion = Callable[[Assessment], Assessment]


@dataclass(frozen=True)
class Trial:
    """A simulated league, and how its seasons are used.

    Attributes:
        simulation: what is played; the last seasons are judged.
        judged: how many of them.
        held_out: how many seasons before those the maps are learned on.
        trainers: of the members.
    """

    simulation: Simulation = field(
        default_factory=lambda: Simulation(
            leagues=SEASON_FILE_LEAGUES, seasons=tuple(range(2014, 2024))
        )
    )
    judged: int = 3
    held_out: int = 3
    trainers: tuple[Trainer, ...] = QUICK_TRAINERS

    @property
    def through(self) -> date:
        """Last day of training."""
        return date(self.simulation.seasons[-self.judged], 6, 30)


@dataclass(frozen=True, eq=False)
class World:
    """Judged seasons with the truth beside the product's answers.

    Attributes:
        trial: what was tried.
        assessment: of every judged match at its own prices.
        slates: the judged days.
        probabilities: bettor -> (n, 3) of the judged matches; the oracle's are the truth.
        close: (n, 3) fair closes of the judged matches.
    """

    trial: Trial
    assessment: Assessment
    slates: tuple[tuple[SlateDay, Assessment], ...]
    probabilities: Mapping[str, Floats]
    close: Floats


@dataclass(frozen=True)
class Bucket:
    """Some candidates together: EV in points, or confidence and the share that beat the close.

    Attributes:
        least: lower edge.
        count: how many.
        claimed: mean of what the product says.
        true: mean of what is true.
        error: standard error of the difference, clustered by match.
        expected: mean of what the Bayes-optimal bettor expects: the mean of ``true`` over all that
            could have been, given what could be seen, and so free of most of its noise. None where
            there is no such figure.
    """

    least: float
    count: int
    claimed: float
    true: float
    error: float
    expected: float | None = None

    @property
    def gap(self) -> float:
        """The larger difference of what is claimed to what is true and to what it is on average."""
        figures = [self.true] if self.expected is None else [self.true, self.expected]
        return max((self.claimed - figure for figure in figures), key=abs)


@dataclass(frozen=True)
class Growth:
    """Expected log-growth of stakes on the product's picks, under the true probabilities.

    Attributes:
        criteria: name of the criteria.
        picks: how many.
        days: with picks.
        claimed: mean EV of the picks, in points.
        true: their mean true EV, in points.
        growth: bettor -> sum over the days.
        error: standard error of the product's share.
    """

    criteria: str
    picks: int
    days: int
    claimed: float
    true: float
    growth: Mapping[str, float]
    error: float

    @property
    def share(self) -> float:
        """The product's share of the Bayes-optimal bettor's growth."""
        return self.growth[PRODUCT] / self.growth[BAYES]


@dataclass(frozen=True)
class Figures:
    """Everything that is checked.

    Attributes:
        ev: buckets of claimed EV.
        confidence: equal-count bins of confidence.
        growth: of the stakes, by criteria.
        context: what the figures are of.
    """

    ev: tuple[Bucket, ...]
    confidence: tuple[Bucket, ...]
    growth: tuple[Growth, ...]
    context: Mapping[str, Any]

    def failures(self) -> list[str]:
        """What does not hold, one line each; empty where everything does."""
        return [
            *(
                f"ev: from {b.least:g} points it is {b.gap:+.2f} off"
                for b in self.ev
                if not abs(b.gap) <= EV_TOLERANCE
            ),
            *(
                f"confidence: from {b.least:.1f} it is {b.gap:+.1f} off"
                for b in self.confidence
                if not abs(b.gap) <= CONFIDENCE_TOLERANCE
            ),
            *(
                f"growth: criteria {g.criteria} reach {g.share:.1%} of the Bayes-optimal bettor's"
                for g in self.growth
                if not g.share >= LEAST_GROWTH
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {
            "ev": [asdict(b) | {"gap": b.gap} for b in self.ev],
            "confidence": [asdict(b) | {"gap": b.gap} for b in self.confidence],
            "growth": [asdict(g) | {"share": g.share} for g in self.growth],
            "failures": self.failures(),
            **self.context,
        }

    def __str__(self) -> str:
        lines = ["EV, points     claimed     true  (error)   Bayes    count"]
        lines += [
            f"  from {b.least:4.1f}      {b.claimed:7.2f}  {b.true:7.2f}  ({b.error:.2f}) "
            f"{b.expected:8.2f} {b.count:8d}"
            for b in self.ev
        ]
        lines += ["confidence     claimed    beats  (error)            count"]
        lines += [
            f"  from {b.least:4.1f}      {b.claimed:7.1f}  {b.true:7.1f}   ({b.error:.1f}) "
            f"{b.count:17d}"
            for b in self.confidence
        ]
        for g in self.growth:
            lines.append(
                f"criteria {g.criteria}: {g.picks} picks on {g.days} days, EV {g.claimed:.2f} "
                f"points, true {g.true:.2f}; {g.share:.1%} of Bayes (error {g.error:.1%})"
            )
            lines += [f"  {total:9.4f}  {name}" for name, total in g.growth.items()]
        return "\n".join(lines)


def world_of(trial: Trial) -> World:
    """Simulate, train on the first seasons, replay the last ones."""
    simulation = trial.simulation
    simulated = simulate(simulation)
    facts, truth = simulated.facts(), simulated.truth
    first = trial.through + timedelta(days=1)
    last = date(simulation.seasons[-1] + 1, 6, 30)
    registry = _trained(trial, facts)

    judged = facts.season >= first.year
    later = facts.where(judged)
    replay = Replay(later, registry)
    window = Window(datetime.combine(first, time(), UTC))
    rows = replay.rows(first, last, window)
    (assessment,) = replay.assess(rows, later.kickoff - 1, window)
    slates = tuple(replay.slates(replay.days(first, last, window)))

    views = Views.of(later, simulation)
    priors = {
        ALONE: told_nothing(simulation, len(later)),
        BAYES: learned_strengths(facts, truth).where(judged),
        TOLD: told_strengths(later, truth),
    }
    probabilities = {
        name: informed(prior, views, simulation).results() for name, prior in priors.items()
    }
    probabilities[ORACLE] = truth.probabilities(later.event_id, MATCH_RESULT)
    return World(trial, assessment, slates, probabilities, closing_consensus(later))


def figures_of(
    world: World,
    criteria: Sequence[Criteria] = (NO_CRITERIA,),
    distort: Distortion = lambda assessment: assessment,
) -> Figures:
    """The figures of a world.

    Args:
        world: what was judged.
        criteria: of the slates whose stakes are judged.
        distort: a fault to plant in the product.
    """
    assessment = distort(world.assessment)
    price = assessment.offers.price
    worth = value(assessment.evidence, price, assessment.model.manifest)
    true, expected = (world.probabilities[name] * price - 1.0 for name in (ORACLE, BAYES))
    match = np.broadcast_to(np.arange(len(price))[:, None], price.shape)
    near = worth.model_ev >= LEAST_CLAIM
    beats = np.where(clv(price, world.close) > 0.0, 100.0, 0.0)
    return Figures(
        ev=tuple(ev_buckets(100.0 * worth.ev, 100.0 * true, 100.0 * expected, match)),
        confidence=tuple(confidence_bins(worth.confidence[near], beats[near], match[near])),
        growth=tuple(growth_of(world, each, distort) for each in criteria),
        context={
            "seed": world.trial.simulation.seed,
            "leagues": len(world.trial.simulation.leagues),
            "matches_judged": len(price),
            "candidates": int(near.sum()),
            "nats_from_truth": _distances(world),
        },
    )


def ev_buckets(ev: Floats, true: Floats, expected: Floats, match: Ints) -> Iterator[Bucket]:
    """Candidates by claimed EV, all in points; buckets with too few are left out."""
    for least, below in pairwise(EV_EDGES):
        its = (ev >= least) & (ev < below)
        if its.sum() >= FEWEST_IN_BUCKET:
            yield Bucket(
                least=least,
                count=int(its.sum()),
                claimed=float(ev[its].mean()),
                true=float(true[its].mean()),
                error=mean_and_error((ev - true)[its], match[its])["se"],
                expected=float(expected[its].mean()),
            )


def confidence_bins(confidence: Floats, beats: Floats, match: Ints) -> Iterator[Bucket]:
    """Equal-count bins of confidence against the share, in percent, that beat the close."""
    order = np.argsort(confidence, kind="stable")
    for its in np.array_split(order, CONFIDENCE_BINS):
        yield Bucket(
            least=float(confidence[its[0]]),
            count=len(its),
            claimed=float(confidence[its].mean()),
            true=float(beats[its].mean()),
            error=mean_and_error(confidence[its] - beats[its], match[its])["se"],
        )


def growth_of(world: World, criteria: Criteria, distort: Distortion) -> Growth:
    """Every judged day; each bettor stakes the product's picks by its own probabilities."""
    row_of = {int(event): row for row, event in enumerate(world.assessment.facts.event_id)}
    oracle = world.probabilities[ORACLE]
    growth: dict[str, list[float]] = {name: [] for name in (PRODUCT, *world.probabilities)}
    claimed: list[float] = []
    true: list[float] = []
    for day, assessment in world.slates:
        command = SelectTop3Command(day.window, criteria, BANKROLL, explain=False)
        picks = choose([distort(assessment)], command).picks
        if not picks:
            continue
        row = [row_of[event_id(pick.candidate.event_id)] for pick in picks]
        k = [OUTCOMES.index(pick.candidate.outcome) for pick in picks]
        price = np.array([float(pick.candidate.price) for pick in picks])
        chance = oracle[row, k]
        claimed += [100.0 * pick.candidate.ev for pick in picks]
        true += (100.0 * (chance * price - 1.0)).tolist()
        growth[PRODUCT].append(log_growth([pick.stake for pick in picks], chance, price))
        for name, p in world.probabilities.items():
            growth[name].append(log_growth(_stakes(picks, p[row, k]), chance, price))
    ours, theirs = np.array(growth[PRODUCT]), np.array(growth[BAYES])
    share = ours.sum() / theirs.sum()
    return Growth(
        criteria=criteria.profile,
        picks=len(claimed),
        days=len(ours),
        claimed=float(np.mean(claimed)),
        true=float(np.mean(true)),
        growth={name: float(np.sum(days)) for name, days in growth.items()},
        error=float(np.sqrt(((ours - share * theirs) ** 2).sum()) / theirs.sum()),
    )


def log_growth(stakes: Sequence[Decimal], chance: Floats, price: Floats) -> float:
    """Expected logarithm of wealth after bets on independent events, over every combination."""
    share = np.array([float(stake / BANKROLL) for stake in stakes])
    won = np.array(list(product((True, False), repeat=len(share))))
    weight = np.where(won, chance, 1.0 - chance).prod(axis=1)
    return float(weight @ np.log1p(np.where(won, price - 1.0, -1.0) @ share))


def inflated(assessment: Assessment) -> Assessment:
    """Planted: the pick price is 2 % too high, and no map corrects what it claims."""
    evidence = replace(assessment.evidence, f=1.02 * assessment.evidence.f)
    return replace(_with(assessment, ev_map=EvMap.identity(0.005)), evidence=evidence)


def overconfident(assessment: Assessment) -> Assessment:
    """Planted: confidence is 10 points too high."""
    its = assessment.model.manifest.confidence
    raw, told = np.array(its.recalibration or ((0.0, 0.0), (1.0, 1.0))).T
    at = np.linspace(0.0, 1.0, 101)
    raised = np.minimum(np.interp(at, raw, told) + 0.1, 1.0)
    knots = tuple(zip(at.tolist(), raised.tolist(), strict=True))
    return _with(assessment, confidence=replace(its, recalibration=knots))


def timid(assessment: Assessment) -> Assessment:
    """Planted: the map halves what is worth something, so that too little is staked."""
    its = assessment.model.manifest.ev_map
    realised = np.array(its.realised)
    halved = np.where(realised > 0.0, 0.5 * realised, realised)
    return _with(assessment, ev_map=replace(its, realised=tuple(halved.tolist())))


def _with(assessment: Assessment, **maps: object) -> Assessment:
    manifest: Manifest = replace(assessment.model.manifest, **maps)  # type: ignore[arg-type]
    return replace(assessment, model=replace(assessment.model, manifest=manifest))


def _trained(trial: Trial, facts: Facts) -> Registry:
    """The real training code's model of the seasons before the judged ones."""
    plan = TrainingPlan(trial.through, seasons_held_out=trial.held_out, trainers=trial.trainers)
    files = train(facts, {}, plan, lambda _what, _share: None)
    version = trial.through.isoformat()
    stored = {f"{MATCH_RESULT.name}/{version}/{name}": content for name, content in files.items()}
    stored[CHANNELS] = json.dumps({MATCH_RESULT.name: {"stable": [version]}}).encode()
    return Registry(MemoryStore(stored))


def _stakes(picks: Sequence[Pick], chance: Floats) -> list[Decimal]:
    """The same fraction of simultaneous Kelly and the same caps, by another's probabilities."""
    bets = [
        ProposedBet(c.event_id, c.price, float(p) * float(c.price) - 1.0, 0.0)
        for c, p in zip((pick.candidate for pick in picks), chance, strict=True)
    ]
    return [stake.amount for stake in plan_stakes(bets, BANKROLL).stakes]


def _distances(world: World) -> dict[str, float]:
    """Mean divergence of the truth from everybody's probabilities, in 0.00001 nats."""
    truth = world.probabilities[ORACLE]
    answers = {
        "consensus": world.assessment.features.market.consensus,
        "pick price": world.assessment.judgement.pick,
        "close": world.close,
        **world.probabilities,
    }
    return {
        name: round(1e5 * float((truth * np.log(truth / p)).sum(axis=1).mean()), 1)
        for name, p in answers.items()
    }
