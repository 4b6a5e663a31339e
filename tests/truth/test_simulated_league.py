"""Where the truth is known: EV, confidence and stakes hold, and planted faults are found.

One test, so that one worker trains one model. The figures are printed (``-s``);
``benchmarks/truth_simulated.py`` prints those of full training.
"""

from __future__ import annotations

import pytest

from betting_ai.features.market import OLDEST_PRICE
from truth.checks import (
    BAYES,
    Figures,
    Trial,
    World,
    figures_of,
    inflated,
    overconfident,
    timid,
    world_of,
)


@pytest.mark.slow
def test_the_product_is_honest_where_the_truth_is_known() -> None:
    world = world_of(Trial())
    the_model_had_not_seen_the_judged_seasons(world)

    figures = figures_of(world)
    print(f"\n{figures}")  # noqa: T201 - the figures are what this test is for
    there_are_enough_matches_to_tell(figures)
    who_knows_more_is_nearer_to_the_truth_and_grows_faster(figures)
    assert figures.failures() == [], figures

    assert "ev" in kinds(figures_of(world, (), inflated))
    assert kinds(figures_of(world, (), overconfident)) == {"confidence"}
    assert {"ev", "growth"} <= kinds(figures_of(world, distort=timid))


def the_model_had_not_seen_the_judged_seasons(world: World) -> None:
    model, market = world.assessment.model, world.assessment.features.market
    kickoff = world.assessment.facts.kickoff[market.rows]
    assert not model.in_sample
    assert not world.assessment.rebuilt
    assert (market.newest < kickoff).all()
    assert (market.newest >= kickoff - OLDEST_PRICE).all()
    assert market.newest.min() // 86_400 > model.checkpoint.through


def there_are_enough_matches_to_tell(figures: Figures) -> None:
    """Standard errors well below what is allowed."""
    (growth,) = figures.growth
    assert len(figures.ev) == 6
    assert max(bucket.error for bucket in figures.ev) < 0.25
    assert max(bucket.error for bucket in figures.confidence) < 0.8
    assert figures.confidence[-1].true > figures.confidence[0].true + 30.0
    assert growth.picks > 1_000
    assert growth.error < 0.02


def who_knows_more_is_nearer_to_the_truth_and_grows_faster(figures: Figures) -> None:
    nats, growth = figures.context["nats_from_truth"], figures.growth[0].growth
    bettors = [name for name in growth if name in nats]
    assert len(bettors) == 4
    assert sorted(bettors, key=lambda name: -nats[name]) == bettors
    assert sorted(bettors, key=lambda name: growth[name]) == bettors
    assert nats[BAYES] < nats["pick price"] < nats["consensus"]


def kinds(figures: Figures) -> set[str]:
    return {failure.partition(":")[0] for failure in figures.failures()}
