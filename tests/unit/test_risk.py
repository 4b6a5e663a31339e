from __future__ import annotations

import json

import numpy as np
import pytest

from betting_ai.domain.risk import RiskScale, risk_score, spread
from betting_ai.errors import InvalidInputError

SCALE = RiskScale(s90=0.04, d90=0.02)


def test_spread_is_over_those_that_answered():
    sources = np.array([[0.4, 0.5, np.nan], [np.nan, 0.5, np.nan], [0.6, 0.2, np.nan]])
    expected = [np.std([0.4, 0.6]), np.std([0.5, 0.5, 0.2])]
    np.testing.assert_allclose(spread(sources)[:2], expected)
    assert np.isnan(spread(sources)[2])


def test_one_answer_disagrees_with_nobody():
    assert spread([np.nan, 0.4]) == 0.0


def test_unknown_disagreement_counts_as_large():
    assert risk_score(0.5, np.nan, 0.0, 5, SCALE) == risk_score(0.5, 0.04, 0.0, 5, SCALE)
    assert risk_score(0.5, 0.0, np.nan, 5, SCALE) == risk_score(0.5, 0.0, 0.02, 5, SCALE)
    assert risk_score(0.5, 0.0, 0.001, 2, SCALE) == risk_score(0.5, 0.0, 0.02, 3, SCALE)


def test_bounds():
    assert risk_score(1.0, 0.0, 0.0, 9, SCALE) == 0.0
    assert risk_score(0.0, 1.0, 1.0, 9, SCALE) == 1.0


def test_no_pick_price_no_risk_score():
    assert np.isnan(risk_score(np.nan, 0.0, 0.0, 9, SCALE))


def test_scale_is_checked_and_survives_json():
    assert RiskScale.from_dict(json.loads(json.dumps(SCALE.to_dict()))) == SCALE
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidInputError):
            RiskScale(bad, 0.02)
