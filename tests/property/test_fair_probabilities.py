"""What must hold of fair probabilities for any book, against a solver of another kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from betting_ai.domain.odds import METHODS, fair_probabilities, is_takeable, overround

SUMS = (0.9501, 1.5999)  # just inside what is believed


@st.composite
def books(draw, sums=SUMS):
    """One row of prices, 2 to 8 selections, whose inverses sum to a believable number."""
    shares = np.array(draw(st.lists(st.floats(0.002, 1.0), min_size=2, max_size=8)))
    inverse = shares / shares.sum() * draw(st.floats(*sums))
    assume((inverse < 0.9995).all())
    return 1.0 / inverse


methods = st.sampled_from(METHODS)


def bisect(rises_above, low, high):
    """Root of a falling function by halving; ``rises_above(x)`` says the root is to the right."""
    for _ in range(200):
        middle = (low + high) / 2.0
        low, high = (middle, high) if rises_above(middle) else (low, middle)
    return (low + high) / 2.0


def by_bisection(prices, method):
    x = 1.0 / prices
    total = x.sum()

    def power(k):
        return x**k

    def shin(z):
        return (np.sqrt(z * z + 4 * (1 - z) * x * x / total) - z) / (2 * (1 - z))

    def odds_ratio(log_c):
        return x / (x + np.exp(log_c) * (1 - x))

    family, low, high = {
        "power": (power, 0.0, 1e4),
        "shin": (shin, -1.0, 1.0 - 1e-12),
        "odds_ratio": (odds_ratio, -30.0, 30.0),
    }[method]
    return family(bisect(lambda free: family(free).sum() > 1.0, low, high))


@given(books(), st.sampled_from(["power", "shin", "odds_ratio"]))
def test_newton_finds_what_bisection_finds(prices, method):
    expected = by_bisection(prices, method)
    np.testing.assert_allclose(fair_probabilities(prices, method), expected, rtol=0, atol=1e-12)


@given(books(), methods)
def test_they_sum_to_one(prices, method):
    fair = fair_probabilities(prices, method)
    assume(not np.isnan(fair).any())
    assert abs(fair.sum() - 1.0) <= 1e-15
    assert ((fair > 0.0) & (fair < 1.0)).all()


@given(books(), methods)
def test_the_shorter_price_is_the_likelier_selection(prices, method):
    fair = fair_probabilities(prices, method)
    assume(not np.isnan(fair).any())
    order = np.argsort(prices)
    assert (np.diff(fair[order]) <= 1e-15).all()


@given(books(), st.floats(1.001, 1.05), st.integers(0, 7), methods)
def test_a_longer_price_makes_its_selection_less_likely(prices, factor, which, method):
    which %= len(prices)
    longer = prices.copy()
    longer[which] *= factor
    before, after = fair_probabilities([prices, longer], method)
    assume(not np.isnan([before, after]).any())
    assert after[which] < before[which]


@given(books(sums=(1.0, 1.0)), methods)
def test_without_a_margin_every_method_gives_the_inverse_prices(prices, method):
    np.testing.assert_allclose(fair_probabilities(prices, method), 1.0 / prices, atol=1e-12)


@given(books(), methods, st.integers(0, 9000), st.integers(1, 9001))
def test_a_row_has_the_same_bits_alone_and_in_any_array(prices, method, where, rows):
    many = np.tile(prices[::-1], (rows, 1))
    where %= rows
    many[where] = prices
    alone = fair_probabilities(prices, method)
    assert alone.tobytes() == fair_probabilities(many, method)[where].tobytes()
    # nor does the layout in memory matter
    assert alone.tobytes() == fair_probabilities(np.asfortranarray(many), method)[where].tobytes()


@given(books(), st.sampled_from(["power", "shin", "odds_ratio"]))
def test_the_margin_comes_off_longshots_more_than_off_favourites(prices, method):
    assume(overround(prices) > 0.001)
    assume(prices.max() > 1.01 * prices.min())
    kept = fair_probabilities(prices, method) * prices
    assert kept[prices.argmax()] < kept[prices.argmin()]


@given(books(), methods)
def test_order_of_selections_is_only_a_label(prices, method):
    there = fair_probabilities(prices, method)
    back = fair_probabilities(prices[::-1], method)[::-1]
    np.testing.assert_allclose(back, there, atol=1e-12, equal_nan=True)


@given(st.floats(1.01, 100.0), st.floats(1.01, 100.0), st.floats(1.01, 100.0))
def test_a_lower_price_is_never_refused_where_a_higher_is_taken(price, maximum, average):
    if is_takeable(price, maximum, average):
        assert is_takeable(1.0 + (price - 1.0) * 0.9, maximum, average)
    else:
        assert price > maximum or price > 1.149 * average


@pytest.mark.parametrize("method", METHODS)
def test_the_steps_suffice_at_the_edge_of_what_is_believed(method):
    # the hardest rows: a near-certain favourite under the largest and the smallest sum
    rows = [1.0 / np.array([0.9995, total - 0.9995]) for total in (1.002, 1.3, SUMS[1])]
    rows.append(1.0 / np.array([0.94, 0.0101]))
    for prices in rows:
        fair = fair_probabilities(prices, method)
        if method in {"power", "odds_ratio"}:
            np.testing.assert_allclose(fair, by_bisection(prices, method), atol=1e-12)
        assert abs(fair.sum() - 1.0) <= 1e-15
