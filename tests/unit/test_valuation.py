"""All numbers of a bet at a price: section by section what the design says they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from betting_ai.domain.probabilities import Calibration
from betting_ai.domain.risk import RiskScale
from betting_ai.domain.value import ConfidenceModel, EvMap
from betting_ai.features.market import market_view
from betting_ai.features.offers import best_offers
from betting_ai.features.spec import FeatureSpec
from betting_ai.models.ensemble import judge
from betting_ai.models.manifest import MANIFEST, Manifest
from betting_ai.models.valuation import CONFIDENCE_FEATURES, Evidence, value
from small_league import DAY, Match, Quote, facts_of
from small_model import artifact

QUOTES = (
    Quote("AVG", DAY, (2.0, 3.6, 3.9)),
    Quote("B365", DAY, (2.05, 3.7, 3.8)),
    Quote("BW", DAY, (2.0, 3.5, 3.9)),
    Quote("WH", DAY, (2.1, 3.5, 4.0)),
)
MEMBERS = np.array(
    [[[0.50, 0.27, 0.23]], [[0.48, 0.28, 0.24]], [[0.52, 0.25, 0.23]], [[0.46, 0.28, 0.26]]]
)


def manifest(**values: object) -> Manifest:
    settled = {
        "calibration": Calibration.identity(),
        "pool_weight": 0.5,
        "pick_weights": (0.5, 0.0, 0.25, 0.0),
        "ev_map": EvMap.identity(0.01),
        "confidence": ConfidenceModel(("claim",), (0.0,), (0.05,), (1.0,), 0.0),
        "risk": RiskScale(0.02, 0.01),
    }
    return replace(Manifest.from_json(artifact()[MANIFEST]), **settled | values)


def evidence(members: np.ndarray = MEMBERS, quotes: tuple[Quote, ...] = QUOTES) -> Evidence:
    facts = facts_of(Match("2022-08-06", "Leeds", "Hull", None, quotes))
    market = market_view(facts, np.array([0]), facts.kickoff - 1, FeatureSpec())
    f = judge(market.consensus, members, manifest()).pick
    return Evidence.of(f, members, market, best_offers(market, facts.books), np.array([24.0]))


def test_the_pools_by_hand() -> None:
    its = evidence()
    judgement = judge(its.q, MEMBERS, manifest())
    pool = np.tensordot([0.35, 0.25, 0.25, 0.15], MEMBERS, axes=1)
    p = np.sqrt(pool * its.q)
    assert judgement.ensemble == pytest.approx(p / p.sum(), abs=1e-12)
    f = its.q * (MEMBERS[0] / its.q) ** 0.5 * (MEMBERS[2] / its.q) ** 0.25
    assert judgement.pick == pytest.approx(f / f.sum(), abs=1e-12)


def test_members_that_did_not_answer_are_left_out() -> None:
    silent = MEMBERS.copy()
    silent[1:] = np.nan
    q = evidence().q
    judgement = judge(q, silent, manifest(pool_weight=1.0, pick_weights=(0.0, 1.0, 1.0, 1.0)))
    assert judgement.ensemble == pytest.approx(MEMBERS[0], abs=1e-12)
    assert judgement.pick == pytest.approx(q, abs=1e-12)
    silent[0] = np.nan
    nobody = judge(q, silent, manifest())
    assert nobody.ensemble == pytest.approx(q, abs=1e-12)
    assert nobody.pick == pytest.approx(q, abs=1e-12)


def test_every_number_of_a_bet_by_hand() -> None:
    its, price = evidence(), np.array([[2.1, 3.7, 4.0]])
    worth = value(its, price, manifest())
    f, o = its.f[0, 0], 2.1
    claim = f * o - 1
    confidence = 100 / (1 + np.exp(-saturating(claim) / 0.05))
    rar = claim / (o * np.sqrt(f * (1 - f)))
    s, d = MEMBERS[:, 0, 0].std(), its.book_spread[0, 0]
    assert worth.model_ev[0, 0] == pytest.approx(claim)
    assert worth.ev[0, 0] == pytest.approx(claim)
    assert worth.ev_lower[0, 0] == pytest.approx(claim - 1.2815515655 * 0.01)
    assert worth.confidence[0, 0] == pytest.approx(confidence)
    assert worth.rar[0, 0] == pytest.approx(rar)
    assert worth.risk[0, 0] == pytest.approx(
        0.5 * (1 - f) + 0.3 * min(1, s / 0.02) + 0.2 * min(1, d / 0.01)
    )
    assert worth.composite[0, 0] == pytest.approx(
        0.4 * confidence / 100 + 0.35 * np.clip(claim / 0.1, 0, 1) + 0.25 * np.clip(rar / 0.1, 0, 1)
    )


def test_with_fewer_than_three_books_their_spread_counts_as_large() -> None:
    few, many = evidence(quotes=QUOTES[:3]), evidence()
    price = np.array([[2.0, 3.6, 3.9]])
    loose = manifest(risk=RiskScale(0.02, 10.0))
    assert few.books[0, 0] == 2
    difference = value(few, price, loose).risk - value(many, price, loose).risk
    assert difference == pytest.approx(np.full((1, 3), 0.2) - 0.5 * (few.f - many.f), abs=1e-3)


def test_a_missing_price_has_no_numbers_and_spoils_no_other() -> None:
    worth = value(evidence(), np.array([[np.nan, 3.7, 4.0]]), manifest())
    for name in ("model_ev", "ev", "ev_lower", "confidence", "rar", "composite"):
        numbers = getattr(worth, name)[0]
        assert np.isnan(numbers[0]), name
        assert np.isfinite(numbers[1:]).all(), name


def saturating(edge: np.ndarray) -> np.ndarray:
    return 0.04 * np.tanh(edge / 0.04)


def test_what_confidence_looks_at() -> None:
    its, price = evidence(), np.array([[2.1, 3.7, 4.0]])
    features = its.confidence_features(price)
    assert tuple(features) == CONFIDENCE_FEATURES
    assert features["over_second"][0] == pytest.approx(
        saturating(np.log([2.1 / 2.05, 3.7 / 3.5, 4.0 / 3.9]))
    )
    assert features["over_average"][0, 0] == pytest.approx(np.log(2.1 / 2.0))
    assert features["log_books"][0, 0] == pytest.approx(np.log(3))
    assert features["overround"][0, 0] == pytest.approx(1 / 2.0 + 1 / 3.6 + 1 / 3.9 - 1)
    assert features["log_lead"][0, 0] == pytest.approx(np.log(24.0))
    assert features["market_claim"][0] == pytest.approx(saturating(its.q[0] * price[0] - 1))


def test_one_cell_over_a_ladder_of_prices_is_the_same_as_one_by_one() -> None:
    its, ladder = evidence(), np.array([2.3, 2.1, 1.9, 1.01])
    at_once = value(its.at(0, 2), ladder[None, :], manifest())
    for i, price in enumerate(ladder):
        single = value(its, np.array([[np.nan, np.nan, price]]), manifest())
        for name in ("ev", "confidence", "risk", "composite"):
            assert getattr(at_once, name)[0, i] == getattr(single, name)[0, 2], name
