"""The windows over past matches again, one match and one question at a time: slow and obvious."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from betting_ai.features.facts import MISSING, STATS
from betting_ai.features.history import FIXED_POINT, History

NAN = float("nan")


@dataclass(frozen=True)
class Played:
    """One past match."""

    event: int
    home: str
    away: str
    day: int
    known_day: int
    season: int
    stats: dict[str, int | None]
    opened: tuple[float, float, float] | None
    closed: tuple[float, float, float] | None

    def mine(self, team: str, name: str) -> int | None:
        return self.stats[f"{name}_{'home' if team == self.home else 'away'}"]

    def theirs(self, team: str, name: str) -> int | None:
        return self.stats[f"{name}_{'away' if team == self.home else 'home'}"]


@dataclass(frozen=True)
class Question:
    """A coming match, and the day before which results are known."""

    home: str
    away: str
    day: int
    season: int
    known_until: int


def past_of(history: History) -> list[Played]:
    return [
        Played(
            event=int(history.event_id[i]),
            home=history.teams[history.home[i]],
            away=history.teams[history.away[i]],
            day=int(history.day[i]),
            known_day=int(history.known_day[i]),
            season=int(history.season[i]),
            stats={
                name: None if value == MISSING else value
                for name, value in zip(STATS, history.stats[i].tolist(), strict=True)
            },
            opened=_probabilities(history.opened[i].tolist()),
            closed=_probabilities(history.closed[i].tolist()),
        )
        for i in range(len(history))
    ]


def answer(past: list[Played], question: Question) -> dict[str, float]:
    """Every feature of form, venue, meetings, rest and season of one question."""
    past = sorted(
        (m for m in past if m.known_day < question.known_until),
        key=lambda m: (m.known_day, m.event),
    )
    found: dict[str, float] = {}
    for side, team in (("home", question.home), ("away", question.away)):
        its = [m for m in past if team in (m.home, m.away)]
        there = [m for m in its if team == (m.home if side == "home" else m.away)]
        found |= {f"{side}_{name}": value for name, value in _side(team, its, there, question)}
    return found | _meetings(past, question)


def _side(
    team: str, its: list[Played], there: list[Played], question: Question
) -> Iterator[tuple[str, float]]:
    for window in (5, 20):
        last = its[-window:]
        yield f"points_{window}", _mean(last, lambda m: _points(m, team))
        yield f"scored_{window}", _mean(last, lambda m: m.mine(team, "goals"))
        yield f"conceded_{window}", _mean(last, lambda m: m.theirs(team, "goals"))
        yield f"surprise_{window}", _mean(last, lambda m: _surprise(m, team))
        yield f"move_{window}", _mean(last, lambda m: _move(m, team))
    yield "move_size_20", _mean(its[-20:], lambda m: _size(_move(m, team)))
    last = its[-10:]
    for stem, column in (("shots", "shots"), ("on_target", "shots_on_target"),
                         ("corners", "corners")):  # fmt: skip
        group = ("shots", "shots_on_target") if stem != "corners" else ("corners",)
        known = [
            m
            for m in last
            if all(m.mine(team, c) is not None and m.theirs(team, c) is not None for c in group)
        ]
        yield f"{stem}_for_10", _mean(known, lambda m, c=column: m.mine(team, c))
        yield f"{stem}_against_10", _mean(known, lambda m, c=column: m.theirs(team, c))
    carded = [m for m in last if None not in (m.mine(team, "yellow"), m.theirs(team, "yellow"))]
    yield "cards_for_10", _mean(carded, lambda m: _cards(m, "mine", team))
    yield "cards_against_10", _mean(carded, lambda m: _cards(m, "theirs", team))
    last = there[-10:]
    yield "venue_points_10", _mean(last, lambda m: _points(m, team))
    scored = _mean(last, lambda m: m.mine(team, "goals"))
    yield "venue_goal_difference_10", scored - _mean(last, lambda m: m.theirs(team, "goals"))
    yield "venue_surprise_10", _mean(last, lambda m: _surprise(m, team))
    yield "venue_move_10", _mean(last, lambda m: _move(m, team))
    yield "rest_days", min(question.day - its[-1].day, 60) if its else NAN
    for span in (14, 30):
        yield f"matches_{span}_days", sum(m.known_day >= question.day - span for m in its)
    yield "matches_played", sum(m.season >= question.season for m in its)


def _meetings(past: list[Played], question: Question) -> dict[str, float]:
    pair = {question.home, question.away}
    met = [
        m for m in past if {m.home, m.away} == pair and m.known_day >= question.known_until - 1826
    ][-8:]
    margins = [m.mine(question.home, "goals") - m.theirs(question.home, "goals") for m in met]
    return {
        "meetings": len(met),
        "meeting_points_home": _mean(margins, lambda x: (x > 0) - (x < 0)),
        "meeting_goal_difference": _mean(margins, lambda x: x),
    }


def _points(match: Played, team: str) -> int:
    margin = match.mine(team, "goals") - match.theirs(team, "goals")
    return 3 if margin > 0 else 1 if margin == 0 else 0


def _surprise(match: Played, team: str) -> float | None:
    price = match.closed or match.opened
    if price is None:
        return None
    win = price[0] if team == match.home else price[2]
    return _points(match, team) - 3 * win - price[1]


def _move(match: Played, team: str) -> float | None:
    if match.opened is None or match.closed is None:
        return None
    at = 0 if team == match.home else 2
    return math.log(match.closed[at]) - math.log(match.opened[at])


def _size(move: float | None) -> float | None:
    return None if move is None else abs(move)


def _cards(match: Played, whose: str, team: str) -> int:
    """A red card counts as two; where reds were not kept, yellows alone."""
    reds = [match.mine(team, "red"), match.theirs(team, "red")]
    counted = getattr(match, whose)
    return counted(team, "yellow") + (0 if None in reds else 2 * counted(team, "red"))


def _mean(items: list, value: Callable) -> float:
    values = [v for v in map(value, items) if v is not None]
    return sum(values) / len(values) if values else NAN


def _probabilities(fixed: list[int]) -> tuple[float, float, float] | None:
    if fixed[0] == MISSING:
        return None
    home, draw = (value / FIXED_POINT for value in fixed)
    return home, draw, 1.0 - home - draw
