"""One match, one event, whichever source tells of it and on whichever side of midnight."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from betting_ai.domain.events import event_id, event_slug
from betting_ai.features.facts import Facts, Ints, merge
from betting_ai.ports.repositories import Meeting

MOST_DAYS_APART: Final = 1
"""Sources that differ by a day mean the same match: a kick-off near midnight, or put off a little.

A match that is put off further is another event, as in `docs/adr/0007`.
"""


@dataclass(frozen=True)
class Identified:
    """Facts whose events are those that are known already, wherever there is no doubt.

    Attributes:
        facts: in canonical order.
        moved: events that were told for the day before or after the known one.
        ambiguous: events left out, because they could be either of two.
    """

    facts: Facts
    moved: int = 0
    ambiguous: int = 0


def identify(facts: Facts, known: Iterable[Meeting], due: int) -> Identified:
    """Give the events of a payload the days that they are known by.

    Args:
        facts: as a source told them.
        known: meetings of the same leagues around the same days.
        due: seconds since the epoch; a match that should have begun by then keeps its planned
            kick-off, because live sources then tell when it really began.
    """
    meetings: dict[tuple[str, str, str], dict[int, int]] = defaultdict(dict)
    for meeting in known:
        meetings[meeting.league, meeting.home, meeting.away][meeting.day] = meeting.kickoff
    if not meetings:
        return Identified(facts)
    days, kickoffs = facts.day.copy(), facts.kickoff.copy()
    doubted = np.zeros(len(facts), dtype=np.bool_)
    for row, names in enumerate(_names(facts)):
        planned = meetings.get(names, {})
        told = int(facts.day[row])
        near = _nearest(told, planned)
        if len(near) > 1:
            doubted[row] = True
        elif near:
            (days[row],) = near
            if planned[near[0]] <= due:
                kickoffs[row] = planned[near[0]]
    ids = _ids(facts, days)
    doubted |= _repeated(ids) & (days != facts.day)
    moved = (days != facts.day) & ~doubted
    begins = facts.kickoff[facts.quote_event]  # a closing price stands at kick-off
    stamps = np.where(facts.quoted_at == begins, kickoffs[facts.quote_event], facts.quoted_at)
    kept = replace(facts, day=days, kickoff=kickoffs, event_id=ids, quoted_at=stamps)
    kept = kept.where(~doubted)
    return Identified(merge([kept]), int(moved.sum()), int(doubted.sum()))


def _names(facts: Facts) -> list[tuple[str, str, str]]:
    rows = zip(facts.league.tolist(), facts.home.tolist(), facts.away.tolist(), strict=True)
    return [(facts.leagues[k], facts.teams[h], facts.teams[a]) for k, h, a in rows]


def _nearest(told: int, planned: Collection[int]) -> list[int]:
    """The day itself where it is known, else those next to it."""
    if told in planned:
        return [told]
    return [day for day in sorted(planned) if abs(day - told) <= MOST_DAYS_APART]


def _ids(facts: Facts, days: Ints) -> Ints:
    ids = facts.event_id.copy()
    names = _names(facts)
    for row in np.flatnonzero(days != facts.day).tolist():
        league, home, away = names[row]
        day = str(np.datetime64(int(days[row]), "D"))
        teams = (key.partition(":")[2] for key in (home, away))
        ids[row] = event_id(event_slug(league, day, *teams))
    return ids


def _repeated(ids: Ints) -> np.ndarray:
    """Whether another row has the same id."""
    _, place, count = np.unique(ids, return_inverse=True, return_counts=True)
    repeated: np.ndarray = count[place] > 1
    return repeated
