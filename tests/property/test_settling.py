"""What must be true of every settlement, whatever the bet and the score."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from betting_ai.domain.markets import Market, Outcome
from betting_ai.domain.settlement import Ending, Score, Settled, profit, settle

GOALS = st.integers(0, 12)
LINES = st.integers(-40, 40).map(lambda quarters: quarters / 4)
STAKES = st.decimals("0.01", "100000", places=2)
PRICES = st.decimals("1.01", "500", places=4)
OPPOSITE = {
    Settled.WON: Settled.LOST,
    Settled.LOST: Settled.WON,
    Settled.VOID: Settled.VOID,
    Settled.HALF_WON: Settled.HALF_LOST,
    Settled.HALF_LOST: Settled.HALF_WON,
}


@given(LINES, GOALS, GOALS)
def test_two_sides_of_a_line_are_opposite(line: float, home: int, away: int) -> None:
    score = Score(Ending.FINISHED, home, away)
    totals = [settle(Market.TOTALS, line, o, score) for o in (Outcome.OVER, Outcome.UNDER)]
    handicap = [settle(Market.HANDICAP, line, o, score) for o in (Outcome.HOME, Outcome.AWAY)]
    for one, other in (totals, handicap):
        assert OPPOSITE[one] is other


@given(LINES, GOALS, GOALS, STAKES, PRICES)
def test_a_quarter_line_is_two_half_bets(
    line: float, home: int, away: int, stake: Decimal, price: Decimal
) -> None:
    """Within the cent that each rounding may take."""
    score = Score(Ending.FINISHED, home, away)
    whole = profit(settle(Market.TOTALS, line, Outcome.OVER, score), stake, price)
    nearest = {line} if not (2 * line) % 1 else {line - 0.25, line + 0.25}
    halves = [
        profit(settle(Market.TOTALS, near, Outcome.OVER, score), stake / len(nearest), price)
        for near in nearest
    ]
    assert abs(whole - sum(halves)) <= Decimal("0.02")


@given(GOALS, GOALS)
def test_exactly_one_of_three_results_wins(home: int, away: int) -> None:
    score = Score(Ending.FINISHED, home, away)
    outcomes = (Outcome.HOME, Outcome.DRAW, Outcome.AWAY)
    results = [settle(Market.MATCH_RESULT, 0.0, o, score) for o in outcomes]
    assert sorted(results) == [Settled.LOST, Settled.LOST, Settled.WON]


@given(st.sampled_from(list(Settled)), STAKES, PRICES)
def test_nobody_loses_more_than_the_stake_or_gains_by_rounding(
    result: Settled, stake: Decimal, price: Decimal
) -> None:
    money = profit(result, stake, price)
    assert -stake <= money <= stake * (price - 1)
    assert money == round(money, 2)
    assert (money > 0) <= (result in {Settled.WON, Settled.HALF_WON})
    assert (money < 0) == (result in {Settled.LOST, Settled.HALF_LOST})


@given(LINES, GOALS, GOALS, STAKES, PRICES)
def test_a_better_line_is_never_worth_less(
    line: float, home: int, away: int, stake: Decimal, price: Decimal
) -> None:
    score = Score(Ending.FINISHED, home, away)
    worth = [
        profit(settle(Market.HANDICAP, line + more, Outcome.HOME, score), stake, price)
        for more in (0.0, 0.25, 0.5, 1.0)
    ]
    assert worth == sorted(worth)
