"""What the goal markets imply, against scipy's Poisson."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from betting_ai.features.goal_lines import expected_goals, implied_results


def test_the_total_is_the_one_whose_over_is_priced() -> None:
    total = np.linspace(0.6, 6.0, 55)
    assert expected_goals(1.0 - poisson.cdf(2, total)) == pytest.approx(total, abs=1e-12)


def test_an_even_handicap_of_nothing_is_an_even_match() -> None:
    home, draw, away = implied_results(np.array([0.5]), np.array([0.0]), np.array([0.5]))[0]
    assert home == pytest.approx(away, abs=1e-6)  # eleven goals and more are left out
    assert home + draw + away == pytest.approx(1.0, abs=1e-12)


def test_results_are_those_of_two_poisson_scores() -> None:
    over, line, covers = np.array([0.55]), np.array([-0.75]), np.array([0.48])
    total = float(expected_goals(over)[0])
    difference = np.sqrt(total) / 1.702 * np.log(0.48 / 0.52) + 0.75
    rates = (total + difference) / 2, (total - difference) / 2
    scores = np.outer(*(poisson.pmf(np.arange(40), rate) for rate in rates))
    by_hand = (np.tril(scores, -1).sum(), np.trace(scores), np.triu(scores, 1).sum())
    assert implied_results(over, line, covers)[0] == pytest.approx(by_hand, abs=1e-4)


def test_a_row_is_the_same_alone_and_what_is_unknown_stays_unknown() -> None:
    over = np.array([0.4, np.nan, 0.7])
    line, covers = np.array([0.25, -0.5, -2.0]), np.array([0.5, 0.5, 0.45])
    together = implied_results(over, line, covers)
    assert np.isnan(together[1]).all()
    for i in (0, 2):
        alone = implied_results(over[i : i + 1], line[i : i + 1], covers[i : i + 1])[0]
        assert alone.tobytes() == together[i].tobytes()
