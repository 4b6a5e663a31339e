from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pytest

from betting_ai.domain.value import (
    ConfidenceModel,
    EvMap,
    bet_until_price,
    clv,
    composite_score,
    model_expected_value,
    risk_adjusted_return,
)
from betting_ai.errors import InvalidInputError

LEARNED = EvMap((0.01, 0.05), (0.008, 0.06), (0.002, 0.01))
MODEL = ConfidenceModel(
    feature_names=("edge", "spread"),
    means=(0.02, 0.01),
    scales=(0.03, 0.005),
    coefficients=(1.2, -0.4),
    intercept=0.3,
    recalibration=((0.2, 0.3), (0.8, 0.7)),
)


def test_identity_until_learned():
    claims = [-0.3, -1e-9, 0.0, 0.037, 0.5]
    identity = EvMap.identity(0.02)
    assert list(identity.expected_value(claims)) == claims
    np.testing.assert_array_equal(identity.standard_error(claims), 0.02)


def test_a_ratio_above_one_is_not_carried_beyond_the_last_knot():
    # 5 % turned out to be 6 %, so 8 % is only 8 %, and 5.5 % does not fall below 6 %
    np.testing.assert_allclose(LEARNED.expected_value([0.08, 0.055]), [0.08, 0.06])


def test_claims_that_were_worthless_stay_worthless():
    # the results-only model: 15 % claimed, -5 % realised
    worthless = EvMap((0.15, 0.27), (-0.06, -0.05), (0.01, 0.01))
    np.testing.assert_allclose(worthless.expected_value([0.27, 0.90]), -0.05)


def test_no_claim_no_value():
    assert np.isnan(LEARNED.expected_value(np.nan))
    assert np.isnan(LEARNED.lower_bound(np.nan))


@pytest.mark.parametrize(
    ("claimed", "realised", "errors"),
    [
        ((), (), ()),
        ((0.0, 0.1), (0.0,), (0.0, 0.0)),
        ((0.1, 0.1), (0.0, 0.1), (0.0, 0.0)),  # claims do not rise
        ((0.0, 0.1), (0.1, 0.0), (0.0, 0.0)),  # values fall
        ((0.0, 0.1), (0.0, 0.1), (0.0, -0.1)),
        ((0.0, 0.1), (0.0, np.nan), (0.0, 0.0)),
        ((-0.2, -0.1), (-0.2, 0.1), (0.0, 0.0)),  # no ratio to go on with
    ],
)
def test_ev_maps_are_checked(claimed, realised, errors):
    with pytest.raises(InvalidInputError):
        EvMap(claimed, realised, errors)


def test_maps_survive_json():
    assert EvMap.from_dict(json.loads(json.dumps(LEARNED.to_dict()))) == LEARNED
    assert ConfidenceModel.from_dict(json.loads(json.dumps(MODEL.to_dict()))) == MODEL


def test_confidence_takes_one_or_many_and_passes_other_features_over():
    many = MODEL.confidence({"edge": [0.01, 0.08], "spread": 0.012, "other": "x"})
    assert many[1] > many[0]
    assert MODEL.confidence({"edge": 0.08, "spread": 0.012}) == many[1]


def test_a_missing_value_counts_as_average():
    assert MODEL.confidence({"edge": 0.05, "spread": np.nan}) == MODEL.confidence(
        {"edge": 0.05, "spread": 0.01}
    )


def test_confidence_saturates_without_a_warning():
    np.testing.assert_allclose(
        MODEL.confidence({"edge": [-1e6, 1e6], "spread": 0.01}), [30.0, 70.0]
    )


def test_a_feature_that_is_not_given_is_named():
    with pytest.raises(InvalidInputError, match="spread"):
        MODEL.confidence({"edge": 0.05})


@pytest.mark.parametrize(
    "changes",
    [
        {"means": (0.0,)},
        {"scales": (1.0, 0.0)},
        {"recalibration": ((0.5, 0.5), (0.5, 0.6))},
        {"recalibration": ((0.4, 0.5), (0.5, 0.4))},
    ],
)
def test_confidence_models_are_checked(changes):
    with pytest.raises(InvalidInputError):
        ConfidenceModel.from_dict(MODEL.to_dict() | changes)


def test_numbers_of_a_bet_take_arrays_and_let_unknowns_through():
    price, f = np.array([2.0, 3.0]), np.array([0.55, np.nan])
    assert np.isnan(model_expected_value(f, price)).tolist() == [False, True]
    assert np.isnan(clv(price, f)).tolist() == [False, True]
    rar = risk_adjusted_return([0.1, 0.1], f, price)
    assert np.isnan(composite_score(60.0, 0.1, rar)).tolist() == [False, True]


def test_bet_until_stops_at_the_last_price_that_meets():
    assert bet_until_price(Decimal("2.50"), lambda price: price >= 2.2) == Decimal("2.20")
    assert bet_until_price(Decimal("2.50"), lambda price: price >= 2.205) == Decimal("2.21")


def test_bet_until_goes_no_lower_than_the_floor():
    assert bet_until_price(Decimal("1.30"), lambda price: price > 0) == Decimal("1.01")


def test_bet_until_keeps_a_price_between_ticks_that_alone_meets():
    assert bet_until_price(Decimal("2.463"), lambda price: price > 2.461) == Decimal("2.463")


def test_bet_until_never_crosses_a_gap():
    def meets(price):
        return (price >= 2.4) | (price < 2.0)

    assert bet_until_price(Decimal("2.50"), meets) == Decimal("2.40")


def test_no_bet_until_price_for_what_does_not_meet():
    assert bet_until_price(Decimal("2.50"), lambda price: price > 2.5) is None
