"""Which team a source means. A wrong team is far worse than an unmatched one: doubt is reported."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib.resources import files
from typing import Final

from rapidfuzz import fuzz

from betting_ai.domain.leagues import LEAGUES
from betting_ai.features.facts import Facts
from betting_ai.ports.feeds import KnownTeams, NameMatch, NameResolver, Verdict

_ANY_SOURCE = "*"

_CERTAIN = 92.0  # one letter more or less in a name of seven, one letter wrong in one of thirteen
_MARGIN = 10.0
_LIKELY = 60.0
_SHOWN = 3

_LONG_FORMS: Final = {"utd": "united", "rvs": "rovers", "weds": "wednesday", "wed": "wednesday"}
_CLUB_WORDS: Final = {"fc", "afc", "cf", "sc", "ac", "fk", "bk", "if", "calcio", "club"}
_OTHER_TEAM: Final = {"b", "c", "ii", "iii", "w", "women", "jong", "reserves", "youth", "amateure"}
_APOSTROPHES = re.compile(r"['’‘`´]")
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")
_HAS_DIGIT = re.compile(r"[0-9]")

Aliases = Mapping[tuple[str, str, str], str]
"""(source or ``*``, country, name in the source) -> canonical name."""


def match_name(name: str, known: KnownTeams) -> NameMatch:
    """Match one name.

    In this order: the canonical name itself, a settled alias, the same words (case, accents,
    punctuation, ``Utd`` and club words like ``FC`` aside) if only one team of the country has
    them, and last a spelling so close, and so much closer than the next, that a team that plays in
    the league now is the only explanation.

    Args:
        name: what the source says.
        known: what it can mean.
    """
    if name in known.country:
        return NameMatch(Verdict.RESOLVED, name)
    settled = known.aliases.get(name)
    if settled in known.country:
        return NameMatch(Verdict.RESOLVED, settled)
    words = _words(name)
    for form in (" ".join, _without_club_words):
        same = [team for team in known.country if form(words) == " ".join(_words(team))]
        if len(same) == 1 and form(words):
            return NameMatch(Verdict.RESOLVED, same[0])
    ranked = sorted(
        ((team, _likeness(words, _words(team))) for team in known.country),
        key=lambda pair: (-pair[1], pair[0]),
    )
    candidates = tuple((team, round(score, 1)) for team, score in ranked if score >= _LIKELY)
    if not candidates:
        return NameMatch(Verdict.REFUSED)
    best, score = candidates[0]
    margin = score - candidates[1][1] if len(candidates) > 1 else score
    same_side = _marks(words) == _marks(_words(best))
    if score >= _CERTAIN and margin >= _MARGIN and same_side and best in known.league:
        return NameMatch(Verdict.RESOLVED, best, candidates[:_SHOWN])
    return NameMatch(Verdict.DOUBTFUL, None, candidates[:_SHOWN])


def seed_aliases() -> dict[tuple[str, str, str], str]:
    """The names settled in advance, shipped with the package."""
    text = files("betting_ai.adapters.feeds").joinpath("aliases.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {(row["source"], row["country"], row["alias"]): row["team"] for row in rows}


class TeamResolver:
    """Matches names with the help of the shipped aliases."""

    def __init__(self, aliases: Aliases) -> None:
        self._aliases = aliases

    def match(self, source: str, country: str, name: str, known: KnownTeams) -> NameMatch:
        """The team that the source means, or the doubt; settled aliases beat shipped ones."""
        shipped = self._aliases.get((source, country, name))
        shipped = shipped or self._aliases.get((_ANY_SOURCE, country, name))
        aliases = {name: shipped, **known.aliases} if shipped else known.aliases
        return match_name(name, KnownTeams(known.country, known.league, aliases))


def resolver_among(
    facts: Facts, source: str, resolver: TeamResolver, doubted: Callable[[str, NameMatch], None]
) -> NameResolver:
    """Resolve names against the teams of a history.

    Args:
        facts: the history; its teams are the canonical ones, and the teams of a league's newest
            season are those that play in it now.
        source: where the names come from.
        resolver: what matches.
        doubted: called with each name that is not resolved.
    """
    country_teams: dict[str, list[str]] = {}
    for key in facts.teams:
        country, _, team = key.partition(":")
        country_teams.setdefault(country, []).append(team)
    now = {code: _newest_teams(facts, i) for i, code in enumerate(facts.leagues)}

    def resolve(league: str, name: str) -> str | None:
        country = LEAGUES[league].country
        known = KnownTeams(country_teams.get(country, ()), now.get(league, ()))
        found = resolver.match(source, country, name, known)
        if found.verdict is not Verdict.RESOLVED:
            doubted(name, found)
        return found.team

    return resolve


def _newest_teams(facts: Facts, league: int) -> Collection[str]:
    rows = facts.league == league
    rows &= facts.season == facts.season[rows].max(initial=0)
    indices = {*facts.home[rows].tolist(), *facts.away[rows].tolist()}
    return {facts.teams[i].partition(":")[2] for i in indices}


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", name).replace("ß", "ss"))
    text = plain.encode("ascii", "ignore").decode().lower()
    return [_LONG_FORMS.get(word, word) for word in _NOT_A_WORD.split(text) if word]


def _without_club_words(words: Iterable[str]) -> str:
    return " ".join(word for word in words if word not in _CLUB_WORDS)


def _likeness(a: list[str], b: list[str]) -> float:
    return fuzz.ratio(" ".join(a), " ".join(b))


def _marks(words: Iterable[str]) -> set[str]:
    """Words that tell one side of a club from another, or one club from its namesake."""
    return {word for word in words if word in _OTHER_TEAM or _HAS_DIGIT.search(word)}
