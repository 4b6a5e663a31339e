"""The rules of settlement, case by case as bookmakers publish them."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from betting_ai.domain.markets import MATCH_RESULT, OVER_UNDER, BettingMarket, Market, Outcome
from betting_ai.domain.settlement import Ending, Score, Settled, profit, settle, winners
from betting_ai.errors import InvalidInputError

RESULT, TOTALS, HANDICAP = Market.MATCH_RESULT, Market.TOTALS, Market.HANDICAP
HOME, DRAW, AWAY = Outcome.HOME, Outcome.DRAW, Outcome.AWAY
OVER, UNDER = Outcome.OVER, Outcome.UNDER
WON, LOST, VOID = Settled.WON, Settled.LOST, Settled.VOID
HALF_WON, HALF_LOST = Settled.HALF_WON, Settled.HALF_LOST


@pytest.mark.parametrize(
    ("market", "line", "outcome", "score", "result"),
    [
        (RESULT, 0, HOME, (2, 1), WON),
        (RESULT, 0, HOME, (1, 1), LOST),
        (RESULT, 0, HOME, (0, 1), LOST),
        (RESULT, 0, DRAW, (0, 0), WON),
        (RESULT, 0, DRAW, (1, 0), LOST),
        (RESULT, 0, AWAY, (0, 1), WON),
        (RESULT, 0, AWAY, (3, 3), LOST),
        (TOTALS, 2.5, OVER, (2, 1), WON),
        (TOTALS, 2.5, OVER, (1, 1), LOST),
        (TOTALS, 2.5, UNDER, (1, 1), WON),
        (TOTALS, 3.0, OVER, (2, 1), VOID),
        (TOTALS, 3.0, UNDER, (2, 1), VOID),
        (TOTALS, 3.0, OVER, (2, 2), WON),
        (TOTALS, 2.25, OVER, (1, 1), HALF_LOST),
        (TOTALS, 2.25, UNDER, (1, 1), HALF_WON),
        (TOTALS, 2.25, OVER, (2, 1), WON),
        (TOTALS, 2.75, OVER, (2, 1), HALF_WON),
        (TOTALS, 2.75, UNDER, (2, 1), HALF_LOST),
        (TOTALS, 2.75, OVER, (2, 2), WON),
        (HANDICAP, -1.0, HOME, (2, 1), VOID),
        (HANDICAP, -1.0, AWAY, (2, 1), VOID),
        (HANDICAP, -1.0, HOME, (3, 1), WON),
        (HANDICAP, -0.5, HOME, (1, 1), LOST),
        (HANDICAP, -0.5, AWAY, (1, 1), WON),
        (HANDICAP, -0.25, HOME, (1, 1), HALF_LOST),
        (HANDICAP, -0.25, AWAY, (1, 1), HALF_WON),
        (HANDICAP, 0.25, HOME, (1, 1), HALF_WON),
        (HANDICAP, 0.75, HOME, (0, 1), HALF_LOST),
        (HANDICAP, 0.0, HOME, (1, 1), VOID),
        (HANDICAP, 1.5, AWAY, (0, 2), WON),
    ],
)
def test_the_rule_table(
    market: Market, line: float, outcome: Outcome, score: tuple[int, int], result: Settled
) -> None:
    assert settle(market, line, outcome, Score(Ending.FINISHED, *score)) is result


@pytest.mark.parametrize("ending", [e for e in Ending if e is not Ending.FINISHED])
@pytest.mark.parametrize("score", [(), (3, 0)])
def test_what_was_not_played_to_its_end_is_void(ending: Ending, score: tuple[int, ...]) -> None:
    for market, line, outcome in ((RESULT, 0, HOME), (TOTALS, 2.5, UNDER), (HANDICAP, -1, AWAY)):
        assert settle(market, line, outcome, Score(ending, *score)) is VOID


@pytest.mark.parametrize(
    ("result", "stake", "price", "money"),
    [
        (WON, "10.00", "2.5", "15.00"),
        (LOST, "10.00", "2.5", "-10.00"),
        (VOID, "10.00", "2.5", "0.00"),
        (HALF_WON, "10.00", "2.5", "7.50"),
        (HALF_LOST, "10.00", "2.5", "-5.00"),
        (WON, "0.01", "1.99", "0.00"),  # a fraction of a cent goes to the book
        (HALF_LOST, "0.01", "1.99", "-0.01"),
        (WON, "3.33", "2.6175", "5.38"),
    ],
)
def test_profit(result: Settled, stake: str, price: str, money: str) -> None:
    assert str(profit(result, Decimal(stake), Decimal(price))) == money


def test_what_cannot_be_is_refused() -> None:
    over = Score(Ending.FINISHED, 1, 0)
    for market, line, outcome in ((TOTALS, 2.5, HOME), (HANDICAP, 0, DRAW), (RESULT, 0, OVER)):
        with pytest.raises(InvalidInputError, match="cannot be bet on"):
            settle(market, line, outcome, over)
    with pytest.raises(InvalidInputError, match="quarters"):
        settle(TOTALS, 2.1, OVER, over)
    with pytest.raises(InvalidInputError, match="both sides"):
        Score(Ending.FINISHED, 1)
    with pytest.raises(InvalidInputError, match="negative"):
        Score(Ending.FINISHED, 1, -1)


@pytest.mark.parametrize("market", [MATCH_RESULT, OVER_UNDER])
def test_one_bet_at_a_time_and_whole_arrays_agree(market: BettingMarket) -> None:
    home, away = (side.ravel() for side in np.mgrid[0:6, 0:6])
    won = winners(market, home, away)
    for h, a, winner in zip(home.tolist(), away.tolist(), won.tolist(), strict=True):
        for k, outcome in enumerate(market.outcomes):
            result = settle(market.kind, market.line, outcome, Score(Ending.FINISHED, h, a))
            assert (result is WON) == (k == winner)
