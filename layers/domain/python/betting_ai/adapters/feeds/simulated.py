"""A simulated league: season files of matches whose true probabilities are known.

Teams have an attack and a defence that drift; each match adds news of its own. Goals are Poisson
given the true rates, so every market's true probabilities follow from two numbers a match. Before
kick-off all books misjudge those rates together; each adds its own fixed habits and its own noise
in log-probability, then its margin by the power method. The close is much nearer to the truth and
has no habits.

The files are in the form of football-data.co.uk's, with prices of two places as books quote them,
so that the one parser and every command that takes a folder read them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from betting_ai.adapters.feeds.football_data.parser import parse_season_file
from betting_ai.adapters.feeds.football_data.seasons import season_code
from betting_ai.clock import Clock
from betting_ai.domain.events import event_id, event_slug
from betting_ai.domain.leagues import LEAGUES, find_league
from betting_ai.domain.markets import BettingMarket, Market
from betting_ai.domain.probabilities import normalise
from betting_ai.errors import InvalidInputError, NothingToDoError
from betting_ai.features.facts import Facts, Floats, Ints, merge
from betting_ai.ports.feeds import FeedRequest, Fetched, Payload, PayloadKind

_MOST_GOALS: Final = 15
_NEWTON_STEPS: Final = 8
_LOWEST_PRICE: Final = 1.01
_SUMMER: Final = 8  # steps of drift between two seasons
_WEEKS: Final = 39  # from a season's first Saturday to its last
_SATURDAY: Final = 5
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday

# Days after the round's Saturday, and UK minute of the day, of its matches in turn.
_WEEKEND: Final = (
    (0, 900), (0, 750), (1, 840), (0, 900), (-1, 1200),
    (0, 1050), (1, 990), (0, 900), (2, 1200), (0, 900),
)  # fmt: skip
_MIDWEEK: Final = ((4, 1185), (4, 1200))

# Per goal expected: shots, shots on target, corners; per match: yellow and red cards.
_COUNTS: Final = {"S": 9.0, "ST": 3.3, "C": 3.7, "Y": 1.8, "R": 0.06}
_FIRST_HALF: Final = 0.45


@dataclass(frozen=True)
class SimulatedBook:
    """How one book prices; habits and noise are in log-probability.

    Attributes:
        code: as season files name it.
        margin: what its inverse prices sum to beyond 1.
        noise: standard deviation of its own error before kick-off, per selection.
        flatness: share by which its log-odds of a result are too small before kick-off: the
            favourite-longshot bias.
        lean: added to home and taken from away before kick-off.
        goal_lines: it also prices totals and a handicap.
    """

    code: str
    margin: float
    noise: float
    flatness: float
    lean: float = 0.0
    goal_lines: bool = False


BOOKS: Final = (
    SimulatedBook("B365", 0.055, 0.026, 0.020, 0.000, goal_lines=True),
    SimulatedBook("BW", 0.052, 0.031, 0.030, 0.006),
    SimulatedBook("IW", 0.066, 0.038, 0.045, -0.004),
    SimulatedBook("1XB", 0.040, 0.031, 0.015, 0.000, goal_lines=True),
    SimulatedBook("LB", 0.058, 0.034, 0.040, 0.008),
    SimulatedBook("VC", 0.050, 0.029, 0.025, -0.006),
    SimulatedBook("WH", 0.060, 0.036, 0.050, 0.004),
)


@dataclass(frozen=True)
class Simulation:
    """What a simulated league is made by; the same numbers give the same bytes.

    Rates are goals a match; the deviations are of their logarithms.

    Attributes:
        leagues: codes of divisions; what a division's files hold does not depend on the others.
        seasons: years in which seasons begin, in a row.
        teams: of a division, an even number.
        seed: of all chance.
        books: whose prices there are, beside the average and the maximum of them.
        goals: of home and away side between average teams.
        quality: what a team's attack and defence have in common.
        own: what each of them has to itself.
        memory: share of a strength that is left after a step, from one round to the next.
        news: what a match adds to either side's rate.
        misjudged: what all books miss of either rate before kick-off.
        close_misjudged: the same at the close.
        close_noise: each book's own error at the close.
    """

    leagues: tuple[str, ...] = ("E0", "E1", "E2", "SC0", "D1", "D2", "I1", "SP1", "F1", "N1")
    seasons: tuple[int, ...] = tuple(range(2016, 2024))
    teams: int = 20
    seed: int = 1
    books: tuple[SimulatedBook, ...] = BOOKS
    goals: tuple[float, float] = (1.45, 1.15)
    quality: float = 0.19
    own: float = 0.10
    memory: float = 0.996
    news: float = 0.10
    misjudged: float = 0.075
    close_misjudged: float = 0.02
    close_noise: float = 0.012

    def __post_init__(self) -> None:
        for code in self.leagues:
            find_league(code)
        if self.teams < 4 or self.teams % 2:
            raise InvalidInputError("a simulated division needs an even number of teams, 4 or more")
        if not self.seasons or any(np.diff(self.seasons) != 1):
            raise InvalidInputError("simulated seasons must be years in a row")


@dataclass(frozen=True, eq=False)
class Truth:
    """What no bettor is told of ``n`` matches.

    Attributes:
        simulation: what made them.
        event_id: (n,) as in `Facts`, ascending.
        log_rates: (n, 2) logarithms of the true expected goals of home and away side.
        expected: (n, 2) what the teams' strengths alone say of them.
        step: (n,) of the drift: matches of one step see the same strengths.
    """

    simulation: Simulation
    event_id: Ints
    log_rates: Floats
    expected: Floats
    step: Ints

    def __len__(self) -> int:
        return len(self.event_id)

    def rows(self, event_ids: Ints) -> Ints:
        """Rows of some events.

        Raises:
            InvalidInputError: an event that was never simulated.
        """
        found: Ints = np.searchsorted(self.event_id, event_ids).clip(max=len(self) - 1)
        if (self.event_id[found] != event_ids).any():
            raise InvalidInputError("the truth knows only the matches of its own simulation")
        return found

    def probabilities(self, event_ids: Ints, market: BettingMarket) -> Floats:
        """(k, s) true probabilities of some events in a market."""
        log_rates = self.log_rates[self.rows(event_ids)]
        if market.kind is Market.TOTALS:
            return over_under(log_rates, market.line)
        return results(log_rates)


@dataclass(frozen=True, eq=False)
class Simulated:
    """Season files, and the truth about them.

    Attributes:
        truth: of every match.
        files: (league code, season) -> a season file.
    """

    truth: Truth
    files: Mapping[tuple[str, int], bytes]

    def facts(self) -> Facts:
        """What the one parser reads in the files."""
        return merge([
            parse_season_file(content, league=league, season=season, name=_path(league, season))
            .facts
            for (league, season), content in self.files.items()
        ])  # fmt: skip

    def write(self, folder: Path) -> None:
        """Put the files under a folder as ``<season>/<division>.csv``."""
        for (league, season), content in self.files.items():
            path = folder / _path(league, season)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


class SimulatedFeed:
    """The simulated league as a feed of season files."""

    name = "simulated"

    def __init__(self, clock: Clock, simulation: Simulation | None = None) -> None:
        self._clock = clock
        self._simulation = simulation or Simulation()

    def fetch(self, request: FeedRequest) -> Fetched:
        """The simulated season files among those asked for.

        Raises:
            UnknownLeagueError: a league code that no feed has.
            NothingToDoError: no such league or season was simulated.
        """
        for code in request.leagues or ():
            find_league(code)
        now = self._clock.now()
        payloads = tuple(
            Payload(
                source=self.name,
                name=_path(league, season),
                kind=PayloadKind.SEASON,
                content=content,
                received_at=now,
                league=league,
                season=season,
            )
            for (league, season), content in simulate(self._simulation).files.items()
            if (request.leagues is None or league in request.leagues)
            and (request.seasons is None or season in request.seasons)
        )
        if not payloads:
            its = self._simulation
            raise NothingToDoError(
                f"the simulation holds {', '.join(its.leagues)} of {its.seasons[0]} to "
                f"{its.seasons[-1]} and nothing else"
            )
        return Fetched(payloads)


def write_season_files(folder: Path, simulation: Simulation | None = None) -> Truth:
    """Simulate, put the season files under a folder, and tell the truth about them."""
    made = simulate(simulation or Simulation())
    made.write(folder)
    return made.truth


def simulate(simulation: Simulation) -> Simulated:
    """Draw the matches of every division and write them up as season files."""
    files: dict[tuple[str, int], bytes] = {}
    parts = []
    for league in simulation.leagues:
        random = np.random.default_rng([simulation.seed, list(LEAGUES).index(league)])
        matches = _Matches.drawn(random, simulation, league)
        parts.append(matches)
        columns = matches.columns(random, simulation)
        for season in simulation.seasons:
            its = np.flatnonzero(matches.season == season)
            files[league, season] = _csv(columns, its)
    ids = np.concatenate([matches.event_ids() for matches in parts])
    order = np.argsort(ids)
    truth = Truth(
        simulation=simulation,
        event_id=ids[order],
        log_rates=np.concatenate([matches.log_rates for matches in parts])[order],
        expected=np.concatenate([matches.expected for matches in parts])[order],
        step=np.concatenate([matches.step for matches in parts])[order],
    )
    return Simulated(truth, files)


def results(log_rates: Floats) -> Floats:
    """Home, draw and away, (n, 3), of Poisson goals.

    Args:
        log_rates: (n, 2) logarithms of the expected goals of home and away side.
    """
    home, away = (_poisson(log_rates[:, k : k + 1]) for k in (0, 1))
    fewer = [np.cumsum(goals, axis=1) - goals for goals in (away, home)]
    wins = [(mine * less).sum(axis=1) for mine, less in zip((home, away), fewer, strict=True)]
    return normalise(np.column_stack([wins[0], (home * away).sum(axis=1), wins[1]]))


def over_under(log_rates: Floats, line: float = 2.5) -> Floats:
    """Over and under a number of goals, (n, 2), of Poisson goals.

    Args:
        log_rates: (n, 2) logarithms of the expected goals of home and away side.
        line: that no score meets.
    """
    total = np.exp(log_rates).sum(axis=1, keepdims=True)
    under = _poisson(np.log(total))[:, : int(np.ceil(line))].sum(axis=1)
    return np.column_stack([1.0 - under, under])


def handicap(log_rates: Floats, line: Floats) -> Floats:
    """Home and away of a handicap, (n, 2), of Poisson goals.

    Args:
        log_rates: (n, 2) logarithms of the expected goals of home and away side.
        line: (n,) added to the home side's score; a whole number and a half.
    """
    home, away = (_poisson(log_rates[:, k : k + 1]) for k in (0, 1))
    at_most = np.pad(np.cumsum(away, axis=1), ((0, 0), (1, 0)))
    beaten = np.arange(_MOST_GOALS + 1) + np.floor(line)[:, None].astype(np.int64) + 1
    reach = np.take_along_axis(at_most, beaten.clip(0, _MOST_GOALS + 1), axis=1)
    covers = (home * reach).sum(axis=1)
    return np.column_stack([covers, 1.0 - covers])


def fair_line(log_rates: Floats) -> Floats:
    """(n,) the handicap nearest to even, in whole goals and a half."""
    home, away = np.exp(log_rates).T
    line: Floats = np.floor(away - home) + 0.5
    return line


@dataclass(frozen=True, eq=False)
class _Matches:
    """One division's matches, all seasons, in order of play.

    Attributes:
        league: code.
        season: (n,) year.
        day: (n,) days since the epoch.
        minute: (n,) of the UK day.
        home: (n,) number of the team.
        away: (n,) number of the team.
        step: (n,) of the drift.
        expected: (n, 2) log rates by strengths alone.
        log_rates: (n, 2) true log rates.
    """

    league: str
    season: Ints
    day: Ints
    minute: Ints
    home: Ints
    away: Ints
    step: Ints
    expected: Floats
    log_rates: Floats

    @classmethod
    def drawn(cls, random: np.random.Generator, simulation: Simulation, league: str) -> _Matches:
        """Draw who meets whom and when, and at which rates they score."""
        attack, defence = _strengths(random, simulation)
        table = [
            (season, *slot, *pair, number * (_rounds(simulation) + _SUMMER) + turn)
            for number, season in enumerate(simulation.seasons)
            for turn, pairs in enumerate(_fixtures(random, simulation.teams))
            for slot, pair in zip(_slots(season, turn, simulation), pairs, strict=True)
        ]
        season, day, minute, home, away, step = np.array(table, dtype=np.int64).T
        edges = [
            attack[step, home] - defence[step, away],
            attack[step, away] - defence[step, home],
        ]
        expected = np.log(simulation.goals) + np.column_stack(edges)
        news = simulation.news * random.normal(size=expected.shape)
        return cls(
            league, season, day, minute, home, away, step, expected, log_rates=expected + news
        )

    def names(self, teams: Ints) -> list[str]:
        """What teams are called; unique in the division's country."""
        return [f"{self.league} Town {number + 1:02d}" for number in teams.tolist()]

    def event_ids(self) -> Ints:
        """(n,) as the parser will give them."""
        days = np.datetime_as_string(self.day.astype("datetime64[D]")).tolist()
        named = zip(days, self.names(self.home), self.names(self.away), strict=True)
        return np.array([event_id(event_slug(self.league, *one)) for one in named])

    def columns(
        self, random: np.random.Generator, simulation: Simulation
    ) -> dict[str, Sequence[str]]:
        """The cells of a season file, by header name."""
        goals = random.poisson(np.exp(self.log_rates))
        early = random.binomial(goals, _FIRST_HALF)
        days = self.day.astype("datetime64[D]").tolist()
        cells: dict[str, Sequence[str]] = {
            "Div": [self.league] * len(days),
            "Date": [f"{day:%d/%m/%Y}" for day in days],
            "Time": [f"{at // 60:02d}:{at % 60:02d}" for at in self.minute.tolist()],
            "HomeTeam": self.names(self.home),
            "AwayTeam": self.names(self.away),
        }
        for prefix, score in (("FT", goals), ("HT", early)):
            cells[f"{prefix}HG"], cells[f"{prefix}AG"] = (_whole(side) for side in score.T)
            ahead = np.sign(score[:, 0] - score[:, 1])
            cells[f"{prefix}R"] = [("D", "H", "A")[number] for number in ahead.tolist()]
        for what, usual in _COUNTS.items():
            rate = usual * (np.exp(self.log_rates) if what in {"S", "ST", "C"} else 1.0)
            counts = random.poisson(np.broadcast_to(rate, goals.shape))
            cells[f"H{what}"], cells[f"A{what}"] = (_whole(side) for side in counts.T)
        seen = self.log_rates + simulation.misjudged * random.normal(size=goals.shape)
        late = self.log_rates + simulation.close_misjudged * random.normal(size=goals.shape)
        cells |= _snapshot(random, simulation, seen, closing=False)
        return cells | _snapshot(random, simulation, late, closing=True)


def _strengths(random: np.random.Generator, simulation: Simulation) -> tuple[Floats, Floats]:
    """Attack and defence, each (steps, teams): stationary, pulled to the average."""
    steps = len(simulation.seasons) * (_rounds(simulation) + _SUMMER)
    scale = np.array([simulation.quality, simulation.own, simulation.own])[:, None]
    fresh = np.sqrt(1.0 - simulation.memory**2)
    shocks = scale * random.normal(size=(steps, 3, simulation.teams))
    state = shocks[0]
    path = [state]
    for shock in shocks[1:]:
        state = simulation.memory * state + fresh * shock
        path.append(state)
    quality, attack, defence = np.moveaxis(np.array(path), 1, 0)
    return quality + attack, quality + defence


def _rounds(simulation: Simulation) -> int:
    return 2 * (simulation.teams - 1)


def _fixtures(random: np.random.Generator, teams: int) -> list[list[tuple[int, int]]]:
    """A double round robin by the circle method; who meets when is drawn anew each season."""
    ring = random.permutation(teams).tolist()
    half = teams // 2
    rounds = []
    for turn in range(teams - 1):
        pairs = list(zip(ring[:half], ring[: half - 1 : -1], strict=True))
        rounds.append([pair[::-1] for pair in pairs] if turn % 2 else pairs)
        ring.insert(1, ring.pop())
    back = [[pair[::-1] for pair in pairs] for pairs in rounds]
    return [[pairs[i] for i in random.permutation(half)] for pairs in rounds + back]


def _slots(season: int, turn: int, simulation: Simulation) -> list[tuple[int, int]]:
    """Day and UK minute of a round's matches; every fourth round is played in midweek."""
    weekends = _rounds(simulation) - _rounds(simulation) // 4
    number = turn - (turn + 1) // 4
    opening = int(np.datetime64(f"{season}-08-06", "D").astype(np.int64))
    opening += (_SATURDAY - opening - _EPOCH_WEEKDAY) % 7
    saturday = opening + 7 * (number * _WEEKS // weekends)
    usual = _MIDWEEK if turn % 4 == 3 else _WEEKEND
    slots = [usual[i % len(usual)] for i in range(simulation.teams // 2)]
    return sorted((saturday + after, minute) for after, minute in slots)


def _snapshot(
    random: np.random.Generator, simulation: Simulation, seen: Floats, *, closing: bool
) -> dict[str, Sequence[str]]:
    """Every book's prices at one moment, their average and their maximum.

    Args:
        random: of the books' own errors.
        simulation: whose books.
        seen: (n, 2) log rates as all books see them together.
        closing: at kick-off.
    """
    line = fair_line(seen)
    views = {"result": results(seen), "totals": over_under(seen), "handicap": handicap(seen, line)}
    prices: dict[str, dict[str, Floats]] = {market: {} for market in views}
    for book in simulation.books:
        for market, fair in views.items():
            if market != "result" and not book.goal_lines:
                continue
            noise = simulation.close_noise if closing else book.noise
            error = noise * random.normal(size=fair.shape)
            if market == "result" and not closing:
                error += book.lean * np.array([1.0, 0.0, -1.0]) - book.flatness * np.log(fair)
            opinion = normalise(np.exp(np.log(fair) + error))
            prices[market][book.code] = priced(opinion, book.margin)
    mark = "C" if closing else ""
    cells: dict[str, Sequence[str]] = {f"AH{mark}h": _decimals(line)}
    for market, quoted in prices.items():
        if not quoted:
            continue
        stack = np.stack(list(quoted.values()))
        summaries = {"Avg": stack.mean(axis=0), "Max": stack.max(axis=0)}
        for code, columns in (quoted | summaries).items():
            for name, column in zip(_ENDINGS[market](code + mark), columns.T, strict=True):
                cells[name] = _decimals(column)
    return cells


_ENDINGS: Final[Mapping[str, Callable[[str], tuple[str, ...]]]] = {
    "result": lambda book: (f"{book}H", f"{book}D", f"{book}A"),
    "totals": lambda book: (f"{book}>2.5", f"{book}<2.5"),
    "handicap": lambda book: (f"{book}AHH", f"{book}AHA"),
}


def priced(opinion: Floats, margin: float) -> Floats:
    """Prices with a margin by the power method, to two places as books quote them.

    Newton on ``sum p_i^h = 1 + margin``, convex and falling in ``h``: the first step from 1 lands
    left of the root, the others climb to it.

    Args:
        opinion: (n, s) probabilities.
        margin: what the inverse prices sum to beyond 1.
    """
    logs = np.log(opinion)
    power = np.ones((len(opinion), 1))
    for _ in range(_NEWTON_STEPS):
        terms = np.exp(power * logs)
        gap = terms.sum(axis=1, keepdims=True) - 1.0 - margin
        power -= gap / (terms * logs).sum(axis=1, keepdims=True)
    prices: Floats = np.maximum(np.round(np.exp(-power * logs), 2), _LOWEST_PRICE)
    return prices


def _poisson(log_rate: Floats) -> Floats:
    """(n, goals) distribution of one side's goals.

    Args:
        log_rate: (n, 1).
    """
    goals = np.arange(_MOST_GOALS + 1.0)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(goals[1:]))])
    shares: Floats = np.exp(log_rate * goals - np.exp(log_rate) - factorials)
    return shares


def _whole(counts: Ints) -> list[str]:
    return [str(count) for count in counts.tolist()]


def _decimals(values: Floats) -> list[str]:
    """Two places; a season repeats the same few hundred texts."""
    cents, back = np.unique(np.rint(values * 100.0).astype(np.int64), return_inverse=True)
    texts = [f"{cent / 100:.2f}" for cent in cents.tolist()]
    return [texts[i] for i in back.tolist()]


def _csv(columns: Mapping[str, Sequence[str]], rows: Ints) -> bytes:
    first, last = int(rows[0]), int(rows[-1]) + 1  # a season's matches lie together
    lines = [",".join(columns)]
    lines += map(",".join, zip(*(cells[first:last] for cells in columns.values()), strict=True))
    return ("\n".join(lines) + "\n").encode()


def _path(league: str, season: int) -> str:
    return f"{season_code(season)}/{league}.csv"
