from __future__ import annotations

import csv

import numpy as np
import pytest

from betting_ai.domain.odds import (
    METHODS,
    fair_probabilities,
    is_takeable,
    net_price,
    overround,
)
from betting_ai.domain.probabilities import accuracy, brier, calibration_error, log_loss, rps
from betting_ai.errors import InvalidInputError
from conftest import FOOTBALL

GOOD = [1.9, 3.6, 4.2]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "row",
    [
        [np.nan, 3.6, 4.2],
        [1.0, 3.6, 4.2],
        [0.0, 3.6, 4.2],
        [-275.0, 3.6, 4.2],
        [np.inf, 3.6, 4.2],
        [1.2, 1.3, 1.4],  # sums to 2.3
        [5.0, 5.0, 5.0],  # sums to 0.6
    ],
)
def test_garbage_is_nan_and_leaves_its_neighbours_alone(method, row):
    fair = fair_probabilities([GOOD, row, GOOD], method)
    assert np.isnan(fair[1]).all()
    assert np.array_equal(fair[[0, 2]], fair_probabilities([GOOD, GOOD], method))


def test_what_is_believed_is_a_parameter():
    assert np.isnan(fair_probabilities([3.4, 3.4, 3.4])).all()
    np.testing.assert_allclose(fair_probabilities([3.4] * 3, sane_sums=(0.8, 1.6)), 1 / 3)


def test_additive_has_no_answer_where_a_longshot_would_go_negative():
    # 1/1.25 + 1/4 + 1/101 = 1.0599; a third of 0.0599 is more than 1/101
    assert np.isnan(fair_probabilities([1.25, 4.0, 101.0], "additive")).all()
    assert fair_probabilities([1.25, 4.0, 101.0], "power")[2] > 0


def test_two_selections_have_one_answer_for_shin_and_additive():
    row = [1.5, 2.6]
    assert np.array_equal(fair_probabilities(row, "shin"), fair_probabilities(row, "additive"))


def test_shapes_are_kept():
    prices = np.full((4, 5, 3), 2.9)
    assert fair_probabilities(prices).shape == (4, 5, 3)
    assert fair_probabilities(np.empty((0, 3))).shape == (0, 3)
    assert overround(prices).shape == (4, 5)


@pytest.mark.parametrize("bad", [2.0, [2.0], np.empty((3, 0))])
def test_a_margin_needs_two_selections(bad):
    with pytest.raises(InvalidInputError, match="two selections"):
        fair_probabilities(bad)


def test_an_unknown_method_is_named():
    with pytest.raises(InvalidInputError, match="guess"):
        fair_probabilities(GOOD, "guess")


def test_margin_is_unknown_where_a_price_is():
    assert np.isnan(overround([2.0, np.nan])).all()
    assert np.isnan(overround([2.0, 1.0])).all()


@pytest.mark.parametrize("commission", [-0.01, 1.0, np.nan])
def test_commission_is_a_share(commission):
    with pytest.raises(InvalidInputError):
        net_price(2.0, commission)


def test_net_price_is_free_of_binary_noise():
    assert net_price(2.54, 0.05) == 2.463
    assert net_price(1.9091, 0.0) == 1.9091


@pytest.mark.parametrize(
    ("price", "maximum", "average", "takeable"),
    [
        (2.10, 2.10, 2.00, True),  # the maximum itself
        (2.11, 2.10, 2.00, False),  # above it
        (2.30, 2.40, 2.00, True),  # 1.15 x the average itself
        (2.31, 2.40, 2.00, False),  # over it
        (2.31, np.nan, np.nan, True),  # nothing to compare with
        (2.31, np.nan, 2.00, False),
        (2.31, 2.30, np.nan, False),
        (1.00, 2.30, 2.00, False),
        (np.nan, 2.30, 2.00, False),
        (np.inf, np.nan, np.nan, False),
    ],
)
def test_only_prices_that_can_be_real_are_taken(price, maximum, average, takeable):
    assert is_takeable(price, maximum, average) == takeable


@pytest.mark.shared
class TestRealPrices:
    """2012-13 to 2024-25, against figures measured independently on 2012-13 to 2025-26."""

    @staticmethod
    def season_rows(league, columns):
        for season in range(12, 25):
            path = FOOTBALL / f"{season}{season + 1}" / f"{league}.csv"
            with path.open(encoding="cp1252", newline="") as file:
                for row in csv.DictReader(file):
                    prices = [row.get(column) for column in columns]
                    if row.get("FTR") in {"H", "D", "A"} and all(prices):
                        yield "HDA".index(row["FTR"]), [float(price) for price in prices]

    def load(self, leagues, columns):
        rows = [row for league in leagues for row in self.season_rows(league, columns)]
        outcomes, prices = zip(*rows, strict=True)
        return np.array(outcomes), np.array(prices)

    def test_pinnacles_close_in_england(self):
        outcome, prices = self.load(["E0"], ["PSCH", "PSCD", "PSCA"])
        fair = fair_probabilities(prices)
        assert len(fair) == pytest.approx(13 * 380, abs=5)
        assert rps(fair, outcome).mean() == pytest.approx(0.1929, abs=0.002)
        assert log_loss(fair, outcome).mean() == pytest.approx(0.9521, abs=0.006)
        assert brier(fair, outcome).mean() == pytest.approx(0.5632, abs=0.005)
        assert accuracy(fair, outcome).mean() == pytest.approx(0.552, abs=0.01)

    def test_methods_that_know_the_longshot_bias_beat_proportional(self):
        leagues = ["E0", "SP1", "D1", "I1", "F1"]
        outcome, prices = self.load(leagues, ["B365H", "B365D", "B365A"])
        flat = fair_probabilities(prices, "proportional")
        for method in ("power", "shin", "odds_ratio", "additive"):
            fair = fair_probabilities(prices, method)
            answered = ~np.isnan(fair).any(axis=1)
            assert answered.mean() > 0.98
            gain = log_loss(flat, outcome) - log_loss(fair, outcome)
            assert gain[answered].mean() > 0.0003
        power = fair_probabilities(prices)
        # measured 0.0046 against 0.0083
        assert calibration_error(power, outcome) < 0.75 * calibration_error(flat, outcome)
