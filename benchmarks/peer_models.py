"""Who takes part in `peers.py`: ours, penaltyblog and sports-betting, on one set of matches.

Nobody sees a match it predicts, nor a later one. penaltyblog's constants are those that did best on
2023-24, the season before the judged one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
import penaltyblog
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TimeSeriesSplit
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sportsbet.dataloaders import DataLoader
from sportsbet.evaluation import ClassifierBettor, backtest
from sportsbet.sources import FootballDataOdds, FootballDataStats, RawItem, RawPayload

from betting_ai.adapters.feeds.football_data.folder import SeasonFolder
from betting_ai.domain.markets import MATCH_RESULT
from betting_ai.domain.odds import fair_probabilities
from betting_ai.domain.settlement import winners
from betting_ai.features.build import build
from betting_ai.features.facts import Bools, Facts, Floats, Ints
from betting_ai.features.history import History, summarise
from betting_ai.features.market import closing_consensus
from betting_ai.features.ratings import (
    ATTACK,
    DEFENCE,
    ELO,
    PI_AWAY,
    PI_HOME,
    RatingState,
    replay,
)
from betting_ai.features.spec import FeatureSpec
from betting_ai.models.registry import Model
from betting_ai.usecases.assess_events import Assessment, Window, judged

SEASON = 2024
COUNTRIES = {"England": "E0", "France": "F1", "Germany": "D1", "Italy": "I1", "Spain": "SP1"}
SECOND = {"E0": "E1", "F1": "F2", "D1": "D2", "I1": "I2", "SP1": "SP2"}
TOP = tuple(sorted(SECOND))

# Best on 2023-24 among: decay 0.0005 to 0.004 a day, 2 to 4 years, with and without the second
# division; k 12 to 30, home advantage 60 to 100; rates 0.05 to 0.22. No default did better.
DECAY, YEARS = 0.0025, 4
ELO_CONSTANTS = {"k": 20.0, "home_field_advantage": 60.0}
PI_CONSTANTS = {"alpha": 0.08, "beta": 0.08}
LOGIT_SINCE, BASE_SINCE, BACKTEST_SINCE = 2013, SEASON - 5, SEASON - 4
FOREVER = 2**40
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, eq=False)
class Arena:
    """The matches of ten divisions, and which of them are judged.

    Attributes:
        facts: every season of the ten divisions.
        outcome: (n,) what happened.
        close: (n, 3) the fair close.
        top: (n,) in a top division.
        rows: (k,) the matches to judge.
    """

    facts: Facts
    outcome: Ints
    close: Floats
    top: Bools
    rows: Ints

    @classmethod
    def of(cls, facts: Facts, judged_events: Ints) -> Arena:
        """The finished matches of ``facts``; those to judge are named by their event."""
        facts = facts.where(facts.stats[:, 0] >= 0)
        top = np.isin(np.array(facts.leagues)[facts.league], TOP)
        outcome = winners(MATCH_RESULT, facts.stats[:, 0], facts.stats[:, 1])
        rows = np.flatnonzero(np.isin(facts.event_id, judged_events))
        return cls(facts, outcome, closing_consensus(facts), top, rows)

    def past(self, since: int) -> Ints:
        """Rows of the top divisions in seasons before the judged one."""
        season = self.facts.season
        return np.flatnonzero(self.top & (season >= since) & (season < SEASON))

    def base_rates(self) -> Floats:
        """(k, 3) how often each outcome came up in the division's last five seasons."""
        past = self.past(BASE_SINCE)
        league = self.facts.league
        rates = np.zeros((len(self.facts.leagues), 3))
        np.add.at(rates, league[past], np.eye(3)[self.outcome[past]])
        with np.errstate(invalid="ignore"):
            return (rates / rates.sum(axis=1, keepdims=True))[league[self.rows]]

    def logit(self, x: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Probabilities of the judged matches from ratings, and the map that gives them.

        Args:
            x: (n, d) what the ratings say before each match.
        """
        past = self.past(LOGIT_SINCE)
        scale = x[past].std(axis=0)
        model = LogisticRegression(C=1e6, max_iter=1_000)
        model.fit(x[past] / scale, self.outcome[past])
        return model.predict_proba(x[self.rows] / scale), lambda z: model.predict_proba(z / scale)


# Ours


def assess_season(folder: Path, model: Model) -> Assessment:
    """The judged season as it is served: on the checkpoint, each match at its price stamp."""
    facts = SeasonFolder(folder).load(seasons=[SEASON], leagues=TOP)
    spec, checkpoint = model.manifest.spec, model.checkpoint
    history = checkpoint.extended(summarise(facts, FOREVER, spec))
    rows = np.flatnonzero(facts.stats[:, 0] >= 0)
    features = build(history, facts, rows, facts.kickoff[rows] - 1, spec, checkpoint.state)
    return judged(facts, model, features, anytime())


def anytime() -> Window:
    """A window that names no books."""
    return Window(datetime.fromtimestamp(FOREVER // 1_000, UTC))


def scorable(assessment: Assessment) -> Bools:
    """Events with a price, a market average to compare with and a fair close to measure against."""
    market = assessment.features.market
    close = closing_consensus(assessment.facts)[market.rows]
    average = fair_probabilities(market.average)
    complete = np.column_stack([market.consensus, average, close])
    return ~np.isnan(complete).any(axis=1)


def our_ratings(history: History, spec: FeatureSpec) -> Floats:
    """(n, 4) what our ratings say before each match of a history, by its order."""
    state = RatingState.empty(history.teams, history.leagues, spec)
    day, home, away = history.day, history.home, history.away
    before = replay(history, state, day, home, away, history.league, spec)
    h, a = before.home, before.away
    return np.column_stack([
        h[:, ELO] - a[:, ELO],
        h[:, PI_HOME] - a[:, PI_AWAY],
        h[:, ATTACK] - a[:, DEFENCE],
        a[:, ATTACK] - h[:, DEFENCE],
    ])  # fmt: skip


@dataclass(frozen=True, eq=False)
class Backtest:
    """From season files to bets on draws at the market maximum.

    Attributes:
        matches: how many were read.
        extract_seconds: from files to the inputs of a model.
        backtest_seconds: from those to bets.
        bets: on matches between two days of the judged season.
        yield_percent: of those bets.
    """

    matches: int
    extract_seconds: float
    backtest_seconds: float
    bets: int
    yield_percent: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.extract_seconds + self.backtest_seconds


def our_backtest(folder: Path, model: Model, first: int, last: int) -> Backtest:
    """Load, build, score and choose; days since the epoch say which bets are told of.

    Before the judged season the model has seen what it scores: there only the time counts.
    """
    start = process_time()
    facts = SeasonFolder(folder).load(seasons=range(BACKTEST_SINCE, SEASON + 1), leagues=TOP)
    spec = model.manifest.spec
    history = summarise(facts, FOREVER, spec)
    rows = np.flatnonzero(facts.stats[:, 0] >= 0)
    features = build(history, facts, rows, facts.kickoff[rows] - 1, spec)
    extracted = process_time()
    assessment = judged(facts, model, features, anytime())
    price = features.market.maximum[:, 1]
    value = assessment.judgement.pick[:, 1] * price > 1.0
    drawn = winners(MATCH_RESULT, *facts.stats[rows, :2].T) == 1
    bets = value & (facts.day[rows] >= first) & (facts.day[rows] <= last)
    returned = float(np.where(drawn, price, 0.0)[bets].mean())
    end = process_time()
    percent = round(100 * (returned - 1), 1)
    return Backtest(len(rows), extracted - start, end - extracted, int(bets.sum()), percent)


# penaltyblog


class Elo:
    """penaltyblog's Elo behind the same three methods as its pi rating."""

    def __init__(self) -> None:
        self.rating = penaltyblog.ratings.Elo(**ELO_CONSTANTS)

    def difference(self, home: str, away: str) -> float:
        """What the rating says before a match."""
        return self.rating.get_team_rating(home) - self.rating.get_team_rating(away)

    def probabilities(self, home: str, away: str) -> Mapping[str, float]:
        """By the package's own formula."""
        return self.rating.calculate_match_probabilities(home, away)

    def update(self, home: str, away: str, margin: int) -> None:
        """Learn a result."""
        self.rating.update_ratings(home, away, 1 - (margin > 0) + (margin < 0))


class Pi:
    """penaltyblog's pi rating behind the same three methods as its Elo."""

    def __init__(self) -> None:
        self.rating = penaltyblog.ratings.PiRatingSystem(**PI_CONSTANTS)

    def difference(self, home: str, away: str) -> float:
        """What the rating says before a match."""
        return self.rating.expected_goal_difference(home, away)

    def probabilities(self, home: str, away: str) -> Mapping[str, float]:
        """By the package's own formula."""
        return self.rating.calculate_match_probabilities(home, away)

    def update(self, home: str, away: str, margin: int) -> None:
        """Learn a result."""
        self.rating.update_ratings(home, away, margin)


def played(facts: Facts) -> list[tuple[str, str, int]]:
    """Home team, away team and margin of every match."""
    margin = facts.stats[:, 0] - facts.stats[:, 1]
    return [
        (facts.teams[h], facts.teams[a], int(m))
        for h, a, m in zip(facts.home, facts.away, margin, strict=True)
    ]


def carried_forward(arena: Arena, rating: Elo | Pi) -> tuple[Floats, Floats]:
    """(n, 1) differences and (k, 3) own probabilities; a day's matches see the days before it."""
    matches = played(arena.facts)
    x, own = np.empty((len(matches), 1)), np.empty((len(matches), 3))
    asked = set(arena.rows.tolist())
    for day in by_day(arena.facts.day):
        for i in day:
            home, away, _ = matches[i]
            x[i] = rating.difference(home, away)
            if i in asked:
                p = rating.probabilities(home, away)
                own[i] = p["home_win"], p["draw"], p["away_win"]
        for i in day:
            rating.update(*matches[i])
    return x, own[arena.rows]


def by_day(day: Ints) -> Iterator[list[int]]:
    """Rows of each day, oldest first."""
    order = np.argsort(day, kind="stable")
    starts = np.flatnonzero(np.diff(day[order]))
    for part in np.split(order, starts + 1):
        yield part.tolist()


def dixon_coles(arena: Arena) -> tuple[Floats, dict[str, float]]:
    """(k, 3) probabilities by a fit every Monday on the past of the country's two divisions.

    A match with a team that was not there yet gets the base rates.
    """
    facts, names = arena.facts, np.array(arena.facts.teams)
    p = arena.base_rates()
    fits, strangers, start = 0, 0, process_time()
    league, week = facts.league[arena.rows], (facts.day[arena.rows] + 3) // 7
    for code in TOP:
        pair = np.flatnonzero(np.isin(np.array(facts.leagues)[facts.league], (code, SECOND[code])))
        for its in np.unique(week[league == facts.leagues.index(code)]):
            age = 7 * its - 3 - facts.day[pair]
            past = pair[(age > 0) & (age <= 365 * YEARS)]
            model = penaltyblog.models.DixonColesGoalModel(
                facts.stats[past, 0],
                facts.stats[past, 1],
                names[facts.home[past]],
                names[facts.away[past]],
                np.exp(-DECAY * age[(age > 0) & (age <= 365 * YEARS)]),
            )
            model.fit()
            fits += 1
            at = np.flatnonzero((league == facts.leagues.index(code)) & (week == its))
            home, away = (names[side[arena.rows[at]]] for side in (facts.home, facts.away))
            known = np.isin(home, model.teams) & np.isin(away, model.teams)
            strangers += int((~known).sum())
            grids = model.predict_many(home[known], away[known])
            p[at[known]] = [grid.home_draw_away for grid in grids]
    taken = process_time() - start
    return p, {
        "fits": fits,
        "matches_with_strangers": strangers,
        "seconds": round(taken, 2),
        "matches_per_second": round(len(p) / taken),
    }


# sports-betting


class _Local:
    """Its source of season files, with the catalogue of a folder instead of the site's pages."""

    folder: Path

    def list_index_items(self, selection: object = None) -> list[RawItem]:
        """No page has to be read."""
        return []

    def read_catalogue(self, payloads: list[RawPayload]) -> list[dict[str, Any]]:
        """The top divisions' files on disk."""
        self._catalogue = [
            (country, 1, season + 1, (self.folder / file_name(season, code)).as_uri())
            for country, code in COUNTRIES.items()
            for season in range(BACKTEST_SINCE, SEASON + 1)
        ]
        return [
            {"league": country, "division": division, "year": year}
            for country, division, year, _ in self._catalogue
        ]


class LocalStats(_Local, FootballDataStats):
    """Its statistics, off the disk."""


class LocalOdds(_Local, FootballDataOdds):
    """Its odds, off the disk."""


def file_name(season: int, code: str) -> str:
    """Such as ``2425/E0.csv``."""
    return f"{season % 100:02}{(season + 1) % 100:02}/{code}.csv"


def classifier() -> Any:  # noqa: ANN401 - scikit-learn has no types
    """The one of its README."""
    teams = ["league", "home_team", "away_team"]
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), teams), remainder="passthrough"
        ),
        SimpleImputer(),
        MultiOutputClassifier(
            LogisticRegression(solver="liblinear", random_state=7, class_weight="balanced")
        ),
    )


Frames = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


def their_extract(folder: Path) -> Frames:
    """Its inputs, outcomes and odds of five seasons, in order of kick-off."""
    _Local.folder = folder
    years = list(range(BACKTEST_SINCE + 1, SEASON + 2))
    grid = {"league": list(COUNTRIES), "division": [1], "year": years}
    loader = DataLoader(param_grid=grid, stats=LocalStats(), odds=LocalOdds())
    x, y, odds = loader.extract_train_data(odds_type="market_maximum")
    order = np.argsort(x.index, kind="stable")
    return x.iloc[order], y.iloc[order], odds.iloc[order]


def their_backtest(folder: Path) -> tuple[Frames, Backtest, tuple[int, int]]:
    """Its README's: bets on draws, five folds; the last fold's bets and its first and last day."""
    start = process_time()
    frames = their_extract(folder)
    extracted = process_time()
    bettor = ClassifierBettor(classifier(), betting_markets=["draw"], init_cash=1e4, stake=50.0)
    folds = backtest(bettor, *frames, cv=TimeSeriesSplit(5), n_jobs=1)
    end = process_time()
    last = folds.iloc[-1]
    first_day, last_day = (day.toordinal() - EPOCH for day in folds.index[-1][2:])
    seconds = extracted - start, end - extracted
    bets, percent = int(last["Number of bets"]), float(last["Yield percentage per bet"])
    return frames, Backtest(len(frames[0]), *seconds, bets, percent), (first_day, last_day)


def their_probabilities(arena: Arena, frames: Frames) -> Floats:
    """(k, 3) by its classifier, fitted on everything before each month."""
    x, y, odds = frames
    facts = arena.facts
    place = {
        (int(facts.kickoff[row]), facts.teams[facts.home[row]].partition(":")[2]): i
        for i, row in enumerate(arena.rows.tolist())
    }
    p = np.full((len(arena.rows), 3), np.nan)
    month = np.array([instant.year * 12 + instant.month for instant in x.index])
    for now in np.unique(month[(x["year"] == SEASON + 1).to_numpy()]):
        past, ask = month < now, month == now
        bettor = ClassifierBettor(
            classifier(), betting_markets=["home_win", "draw", "away_win"]
        ).fit(x[past], y[past], odds[past])
        its = x[ask]
        for instant, home, row in zip(
            its.index, its["home_team"], bettor.predict_proba(its), strict=True
        ):
            if (i := place.get((int(instant.timestamp()), home))) is not None:
                p[i] = row
    return p
