"""What nobody could have had: the best price anywhere, and the price at kick-off.

Both flatter. They are run only on request, and every figure is stamped as an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from betting_ai.backtest.backtest import BacktestCommand
from betting_ai.backtest.play import Yardstick
from betting_ai.backtest.replay import Replay
from betting_ai.domain.statistics import mean_and_error
from betting_ai.domain.value import clv
from betting_ai.features.facts import Floats
from betting_ai.features.market import closing_quotes, per_event
from betting_ai.usecases.assess_events import Assessment

STAMP: Final = "upper_bound"
MOST: Final = 3


def upper_bounds(replay: Replay, command: BacktestCommand) -> dict[str, Any]:
    """The best three claims a day at prices that could not be taken, one unit each."""
    yardstick = Yardstick(replay.facts)
    days = replay.days(command.first, command.last, command.window)
    slates = list(replay.slates(days, yardstick.market))
    at_close = _best_closes(yardstick)
    prices: dict[str, Callable[[Assessment], Floats]] = {
        "best of the market": lambda a: a.features.market.maximum,
        "closing prices": lambda a: at_close[a.features.market.rows],
    }
    found = {}
    for name, price_of in prices.items():
        values, profits, when = [], [], []
        for day, a in slates:
            price = price_of(a)
            claim = np.where(np.isnan(price), -np.inf, a.judgement.pick * price - 1.0)
            k = claim.argmax(axis=1)
            each = claim[np.arange(len(claim)), k]
            for event in np.argsort(-each, kind="stable")[:MOST].tolist():
                if each[event] > 0.0:
                    row, taken = int(a.features.market.rows[event]), price[event, k[event]]
                    values.append(float(clv(taken, yardstick.close[row, k[event]])))
                    won = yardstick.winner[row] == k[event]
                    profits.append(float(taken - 1.0 if won else -1.0))
                    when.append(day.day.toordinal())
        worth, cluster = np.array(values), np.array(when, dtype=np.int64)
        known = ~np.isnan(worth)
        found[name] = {
            "stamp": STAMP,
            "picks": len(worth),
            "clv": mean_and_error(worth[known], cluster[known]),
            "yield": mean_and_error(np.array(profits), cluster),
        }
    return found


def _best_closes(yardstick: Yardstick) -> Floats:
    """(n, s) the best closing price of any book; NaN where there is none."""
    facts = yardstick.facts
    rows = closing_quotes(facts, yardstick.market)
    price = facts.price[rows, : yardstick.market.width]
    best = per_event(np.fmax, price, facts.quote_event[rows], len(facts), np.nan)
    return np.asarray(best, np.float64)
