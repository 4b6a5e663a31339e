"""A two-way league by the season, drawn once: strengths, two snapshots of every book, no draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from types import MappingProxyType

import numpy as np

from betting_ai.domain.events import named_sides
from betting_ai.domain.markets import BettingMarket, winner_market
from betting_ai.domain.sports import BASKETBALL, TENNIS, Ended
from betting_ai.features.facts import Facts
from betting_ai.training.train import TrainingPlan, train
from small_league import AT_CLOSE, HOUR, Match, Quote, facts_of
from small_model import SMALL_TRAINERS

LEAGUES = {TENNIS: "ATP", BASKETBALL: "NBA"}
THROUGH = {TENNIS: date(2021, 12, 24), BASKETBALL: date(2022, 6, 30)}
PLAYERS = 16
EARLY = 6 * HOUR
SEASONS = (2019, 2020, 2021, 2022)


def market_of(sport: str) -> BettingMarket:
    """The market on who wins."""
    return winner_market(sport)


@cache
def contests(sport: str, closes: bool = True, seed: int = 3) -> Facts:
    """Four seasons of one league; without closes there is one snapshot, as in real files."""
    random = np.random.default_rng(seed)
    strength = dict(zip(_names(), 0.8 * random.normal(size=PLAYERS), strict=True))
    matches = []
    for season in SEASONS:
        for number, (day, one, other) in enumerate(_calendar(random, season, sport)):
            sides = named_sides(one, other) if sport == TENNIS else (one, other)
            edge = strength[sides[0]] - strength[sides[1]] + 0.4 * (sport == BASKETBALL)
            matches.append(_drawn(random, sport, season, day, sides, edge, number, closes))
    return facts_of(*matches)


def _names() -> list[str]:
    return [f"Side {letter}" for letter in "ABCDEFGHIJKLMNOP"]


def _calendar(
    random: np.random.Generator, season: int, sport: str
) -> Iterator[tuple[str, str, str]]:
    """Every second day half of all play; in basketball some on two days running."""
    day = np.datetime64(f"{season}-01-05" if sport == TENNIS else f"{season}-10-20")
    for turn in range(70):
        order = random.permutation(_names())
        for i in range(0, PLAYERS, 2):
            yield str(day), str(order[i]), str(order[i + 1])
        day += 1 if sport == BASKETBALL and turn % 3 == 0 else 2


def _drawn(
    random: np.random.Generator,
    sport: str,
    season: int,
    day: str,
    sides: tuple[str, str],
    edge: float,
    number: int,
    closes: bool,
) -> Match:
    won = random.random() < 1.0 / (1.0 + np.exp(-edge))
    loser = int(random.integers(0, 2)) if sport == TENNIS else int(random.integers(80, 110))
    winner = 2 if sport == TENNIS else loser + int(random.integers(1, 20))
    ending = Ended.FINISHED
    if sport == TENNIS and number % 29 == 7:
        ending = Ended.RETIRED if number % 2 else Ended.WALKOVER
    score = (winner, loser) if won else (loser, winner)
    return Match(
        day=day,
        home=sides[0],
        away=sides[1],
        goals=score if ending is Ended.FINISHED else None,
        quotes=() if number % 41 == 5 else tuple(_quotes(random, edge, closes)),
        league=LEAGUES[sport],
        season=season,
        hour=12.0 if sport == TENNIS else 24.0,
        ending=ending,
    )


def _quotes(random: np.random.Generator, edge: float, closes: bool) -> Iterator[Quote]:
    for before, noise in ((EARLY, 0.15), (AT_CLOSE, 0.03))[: 1 + closes]:
        seen = edge + noise * random.normal()
        home = 1.0 / (1.0 + np.exp(-seen))
        fair = np.array([home, 1.0 - home])
        named = {
            book: np.round(1.0 / (fair * margin * np.exp(0.03 * random.normal(size=2))), 2).clip(
                1.02
            )
            for book, margin in (("B365", 1.05), ("BW", 1.06), ("PS", 1.02), ("WH", 1.06))
        }
        prices = np.array(list(named.values()))
        named |= {"AVG": np.round(prices.mean(axis=0), 2), "MAX": prices.max(axis=0)}
        for book, price in named.items():
            yield Quote(book, before, tuple(price.tolist()))


@cache
def artifact(sport: str, closes: bool = True) -> Mapping[str, bytes]:
    """A model trained in seconds on all but the last season."""
    plan = TrainingPlan(
        THROUGH[sport], market_of(sport), seasons_held_out=1, trainers=SMALL_TRAINERS
    )
    return MappingProxyType(train(contests(sport, closes), {}, plan, lambda _what, _share: None))
