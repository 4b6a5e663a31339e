"""Every row of the definitions, with the arithmetic done by hand beside it."""

from __future__ import annotations

from decimal import Decimal
from math import sqrt

import numpy as np
import pytest

from betting_ai.domain.odds import fair_probabilities, net_price, overround
from betting_ai.domain.probabilities import (
    Calibration,
    brier,
    calibration_error,
    cross_entropy,
    linear_pool,
    log_loss,
    log_pool,
    pick_price,
    rps,
)
from betting_ai.domain.risk import RiskScale, risk_score, spread
from betting_ai.domain.staking import ProposedBet, kelly_shares, plan_stakes
from betting_ai.domain.value import (
    ConfidenceModel,
    EvMap,
    clv,
    composite_score,
    model_expected_value,
    risk_adjusted_return,
)


def close(value, expected, within=1e-12):
    np.testing.assert_allclose(value, expected, rtol=0, atol=within)


def test_price_net_of_commission():
    # 2.50 at 5 %: 1 + 1.50 * 0.95
    close(net_price(2.50, 0.05), 2.425)


def test_overround():
    # 1/2 + 1/4 + 1/4 = 1; 1/1.8 + 1/4 + 1/4.5 = 0.555556 + 0.25 + 0.222222 = 1.027778
    close(overround([[2.0, 4.0, 4.0], [1.8, 4.0, 4.5]]), [0.0, 0.0277777777777778], 1e-15)


def test_power():
    # Fair (1/2, 1/4, 1/4), inverse prices p^0.9: prices 2^0.9 = 1.8661 and 4^0.9 = 3.4822.
    # Sum 0.5359 + 2 * 0.2872 = 1.1102; the exponent that undoes it is k = 1/0.9.
    close(fair_probabilities([2**0.9, 4**0.9, 4**0.9]), [0.5, 0.25, 0.25])


def test_shin():
    # Fair (0.5, 0.3, 0.2), z = 0.05: x^2/S = 0.95 p^2 + 0.05 p = 0.2625, 0.1005, 0.048.
    # sqrt S = 0.512348 + 0.317017 + 0.219089 = 1.048454, and x = sqrt S * those roots.
    roots = np.sqrt([0.2625, 0.1005, 0.048])
    close(fair_probabilities(1.0 / (roots.sum() * roots), "shin"), [0.5, 0.3, 0.2])


def test_additive():
    # 1/1.8, 1/4, 1/4.5 sum to 1.0277778: a third of 0.0277778 off each
    close(
        fair_probabilities([1.8, 4.0, 4.5], "additive"), [0.546296, 0.240741, 0.212963], within=5e-7
    )


def test_odds_ratio():
    # Fair (0.5, 0.3, 0.2) has net odds 1, 7/3, 4; nine tenths of them: prices 1.9, 3.1, 4.6
    close(fair_probabilities([1.9, 3.1, 4.6], "odds_ratio"), [0.5, 0.3, 0.2])


def test_proportional():
    # 0.8 / 1.1 and 0.3 / 1.1
    close(fair_probabilities([1.25, 1 / 0.3], "proportional"), [8 / 11, 3 / 11])


def test_log_pool():
    # sqrt(0.5 * 0.8) = 0.632456, sqrt(0.5 * 0.2) = 0.316228: two to one
    close(log_pool(np.log([[0.5, 0.5], [0.8, 0.2]]), [1, 1]), [2 / 3, 1 / 3])


def test_linear_pool_renormalises_over_members_that_answered():
    # 35/25/25/15 without the second: 0.35 * 0.5 + 0.25 * 0.4 + 0.15 * 0.3 = 0.32, over 0.75
    stack = [[0.5, 0.5], [np.nan, np.nan], [0.4, 0.6], [0.3, 0.7]]
    close(linear_pool(stack, [0.35, 0.25, 0.25, 0.15]), [0.32 / 0.75, 0.43 / 0.75])


def test_pick_price():
    # q = (0.5, 0.3, 0.2), one member (0.6, 0.25, 0.15) at weight 1/2: f ~ sqrt(q p)
    #   = 0.547723, 0.273861, 0.173205; sum 0.994789; f = 0.550592, 0.275296, 0.174113
    f = pick_price([0.5, 0.3, 0.2], [[0.6, 0.25, 0.15]], [0.5])
    close(f, [0.550592, 0.275296, 0.174113], within=1e-6)


def test_vector_calibration():
    # scales 1, bias log 2 on the first: (0.4 * 2, 0.6) / 1.4
    close(Calibration((1.0, 1.0), (np.log(2), 0.0)).apply([0.4, 0.6]), [0.8 / 1.4, 0.6 / 1.4])


def test_temperature_calibration():
    # T = 1/2 squares: (0.36, 0.16) / 0.52
    close(Calibration.temperature(0.5, 2).apply([0.6, 0.4]), [0.36 / 0.52, 0.16 / 0.52])


def test_scores_of_one_forecast():
    p = [0.5, 0.3, 0.2]
    # home won: -log 0.5; errors -0.5, 0.3, 0.2
    close(log_loss(p, 0), 0.6931471805599453)
    close(rps(p, 0), (0.25 + 0.04) / 2)  # cumulative errors -0.5, -0.2
    close(rps(p, 1), (0.25 + 0.04) / 2)  # 0.5, -0.2
    close(rps(p, 2), (0.25 + 0.64) / 2)  # 0.5, 0.8
    close(brier(p, 0), 0.25 + 0.09 + 0.04)
    # against a fair close of (0.4, 0.4, 0.2): -(0.4 log 0.5 + 0.4 log 0.3 + 0.2 log 0.2)
    close(cross_entropy([0.4, 0.4, 0.2], p), 0.2772589 + 0.4815891 + 0.3218876, within=1e-6)


def test_calibration_error():
    # Two bins. Four forecasts of (0.7, 0.3), the first wins 2 of 4: the upper bin claims 0.7 and
    # has 0.5, the lower claims 0.3 and has 0.5; both gaps are 0.2.
    close(calibration_error([[0.7, 0.3]] * 4, [0, 0, 1, 1], bins=2), 0.2)


def test_expected_value_and_the_sharpe_ratio_of_a_bet():
    # 0.40 * 2.70 - 1 = 0.08; deviation 2.70 * sqrt(0.24) = 1.322724; 0.08 / 1.322724 = 0.060481
    close(model_expected_value(0.40, 2.70), 0.08)
    close(risk_adjusted_return(0.08, 0.40, 2.70), 0.060481, within=1e-6)


def test_composite_score():
    # 0.40 * 0.70 + 0.35 * 0.8 + 0.25 * 0.60481 = 0.28 + 0.28 + 0.1512
    close(composite_score(70.0, 0.08, 0.060481), 0.711203, within=1e-6)
    # everything past its top: 1; everything below its bottom: 0
    close(composite_score([100.0, 0.0], [0.5, -0.2], [0.3, -0.1]), [1.0, 0.0])


def test_closing_line_value():
    close(clv(2.70, 0.39), 0.053)


def test_ev_map():
    # Knots 2 % -> 1 %, 6 % -> 4 %.
    learned = EvMap((0.02, 0.06), (0.01, 0.04), (0.002, 0.010))
    # 4 % is half way; 9 % keeps the last ratio 2/3; 0 % shifts down from the first knot
    close(learned.expected_value([0.04, 0.09, 0.0]), [0.025, 0.06, -0.01])
    # errors 0.006 half way; 0.010 * 9/6 = 0.015 beyond; lower bounds at 1.281552 of them
    close(learned.lower_bound(0.04), 0.025 - 1.281552 * 0.006, within=1e-8)
    close(learned.lower_bound(0.09), 0.06 - 1.281552 * 0.015, within=1e-8)


def test_confidence():
    # (0.05 - 0.02) / 0.03 = 1 and log(4) - 1 = 0.386294: 1/(1 + exp(-1.386294)) = 4/5
    model = ConfidenceModel(("edge",), (0.02,), (0.03,), (1.0,), np.log(4.0) - 1.0)
    close(model.confidence({"edge": 0.05}), 80.0)
    # recalibrated between (0.6, 0.5) and (1.0, 0.7): half way is 0.6
    steady = ConfidenceModel(
        ("edge",), (0.02,), (0.03,), (1.0,), np.log(4.0) - 1.0, ((0.6, 0.5), (1.0, 0.7))
    )
    close(steady.confidence({"edge": 0.05}), 60.0)


def test_risk_score():
    # members 0.38 and 0.42: population deviation 0.02, half of s90; books' 0.03 is above d90
    close(spread([0.38, 0.42]), 0.02)
    # 0.5 * 0.6 + 0.3 * 0.5 + 0.2 * 1 = 0.65
    close(risk_score(0.40, 0.02, 0.03, 5, RiskScale(0.04, 0.02)), 0.65)
    # two books: their agreement says nothing; with three, 0.3 + 0.15 + 0.2 * 0.25 = 0.5
    close(risk_score(0.40, 0.02, 0.005, [2, 3], RiskScale(0.04, 0.02)), [0.65, 0.50])


def test_stake_of_a_single_bet():
    # EV 10 % at 2.00: K = 0.10 / 1.00; k = 0.01 / (0.01 + 0.0025) = 0.8; a quarter: 0.02 of 1,000
    plan = plan_stakes([ProposedBet("e", Decimal("2.00"), 0.10, 0.05)], Decimal(1000))
    assert plan.stakes[0].amount == Decimal("20.00")


def test_two_equal_bets_at_once():
    # p = 0.55 at 2.00 twice: maximise p^2 log(1+2K) + q^2 log(1-2K), so
    # 2K = (0.3025 - 0.2025) / (0.3025 + 0.2025) = 0.1980198, each 0.0990099 (alone: 0.10)
    close(kelly_shares([0.55, 0.55], [2.0, 2.0]), [0.0990099, 0.0990099], within=1e-7)


@pytest.mark.parametrize(("p", "price"), [(0.55, 2.0), (0.30, 4.0), (0.92, 1.15)])
def test_simultaneous_kelly_of_one_bet_is_the_textbook_formula(p, price):
    # (0.55 * 2 - 1) / 1 = 0.10; (1.2 - 1) / 3 = 0.0666...; (1.058 - 1) / 0.15 = 0.38666...
    close(kelly_shares([p], [price]), [(p * price - 1) / (price - 1)], within=1e-9)


def test_sharpe_of_a_fair_coin_at_even_money_is_its_edge():
    # 2 * sqrt(1/4) = 1
    close(risk_adjusted_return(0.07, 0.5, 2.0), 0.07 / (2.0 * sqrt(0.25)))
