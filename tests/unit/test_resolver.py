"""Names: matched without doubt, or reported."""

from __future__ import annotations

import pytest

from betting_ai.adapters.feeds.resolver import (
    TeamResolver,
    match_name,
    resolver_among,
    seed_aliases,
)
from betting_ai.domain.leagues import LEAGUES
from betting_ai.features.facts import merge
from betting_ai.ports.feeds import KnownTeams, NameMatch, Verdict

ENGLAND = (
    "AFC Wimbledon", "Boston", "Boston Utd", "Bradford", "Brentford", "Brighton", "Bristol City",
    "Bristol Rvs", "Kings Lynn", "Man City", "Man United", "Nott'm Forest", "Notts County",
    "Oxford", "Oxford City", "Sheffield United", "Sheffield Weds", "Sunderland", "Wimbledon",
    "Torquay", "Telford United", "AFC Telford United",
)  # fmt: skip
SCOTLAND = (
    "Annan Athletic", "Dundee", "Dundee United", "Elgin", "Inverness C", "Partick", "Queens Park",
    "Queen of Sth", "Rangers", "Cove Rangers", "Berwick", "St Mirren", "St Johnstone",
)  # fmt: skip
SPAIN = ("Ath Bilbao", "Ath Madrid", "Ath Bilbao B", "Barcelona", "Real Madrid", "Vallecano",
         "Sociedad", "Sociedad B", "Villarreal", "Espanol")  # fmt: skip
COUNTRIES = {
    "ENG": ENGLAND,
    "SCO": SCOTLAND,
    "ESP": SPAIN,
    "ITA": ("Inter", "Milan", "Lecce", "Lecco", "Roma"),
    "FRA": ("Paris SG", "Paris FC", "Ajaccio", "Ajaccio GFCO", "Bastia", "CA Bastia"),
    "GER": ("FC Koln", "Schalke 04", "St Pauli", "Preußen Münster", "Bayern Munich"),
    "TUR": ("Malatyaspor", "Yeni Malatyaspor", "Gaziantep", "Gaziantepspor"),
    "ROU": ("U Craiova", "U Craiova 1948", "Univ. Craiova", "FCSB"),
    "GRE": ("AEK", "Olympiakos", "Olympiakos Volou", "Larisa"),
}


def match(country: str, name: str) -> NameMatch:
    teams = COUNTRIES[country]
    resolver = TeamResolver(seed_aliases())
    return resolver.match("football_data", country, name, KnownTeams(teams, teams))


@pytest.mark.parametrize(
    ("country", "name", "team"),
    [
        ("ENG", "Man City", "Man City"),  # itself
        ("ENG", "Sheffield Wed", "Sheffield Weds"),
        ("ENG", "Sheffield Wednesday", "Sheffield Weds"),
        ("ENG", "Sheffield Utd", "Sheffield United"),
        ("ENG", "Man Utd", "Man United"),
        ("ENG", "Manchester United", "Man United"),
        ("ENG", "Bradford City", "Bradford"),
        ("ENG", "Bristol Rovers", "Bristol Rvs"),
        ("ENG", "Boston United", "Boston Utd"),
        ("ENG", "King’s Lynn", "Kings Lynn"),
        ("ENG", "King's Lynn", "Kings Lynn"),
        ("ENG", "NOTTM FOREST", "Nott'm Forest"),
        ("ENG", "Sunderland AFC", "Sunderland"),
        ("ENG", "Sunderlnd", "Sunderland"),
        ("SCO", "Dundee Utd", "Dundee United"),
        ("SCO", "Dundee FC", "Dundee"),
        ("SCO", "St. Mirren", "St Mirren"),
        ("SCO", "Partick Thistle", "Partick"),
        ("SCO", "Queen's Park", "Queens Park"),
        ("SCO", "Annan", "Annan Athletic"),
        ("SCO", "Elgin City", "Elgin"),
        ("SCO", "Inverness CT", "Inverness C"),
        ("ESP", "Athletic Club", "Ath Bilbao"),
        ("ESP", "Atl. Madrid", "Ath Madrid"),
        ("ESP", "Atlético Madrid", "Ath Madrid"),
        ("ESP", "Rayo Vallecano", "Vallecano"),
        ("ESP", "FC Barcelona", "Barcelona"),
        ("ESP", "Villarreal CF", "Villarreal"),
        ("ITA", "AC Milan", "Milan"),
        ("ITA", "Inter Milan", "Inter"),
        ("FRA", "AC Ajaccio", "Ajaccio"),
        ("GER", "St. Pauli", "St Pauli"),
        ("GER", "Preussen Munster", "Preußen Münster"),
        ("TUR", "Gaziantep FK", "Gaziantep"),
        ("ROU", "U Craiova 1948 CS", "U Craiova"),
        ("GRE", "AEK Athens", "AEK"),
        ("GRE", "Larissa", "Larisa"),
    ],
)
def test_names_that_mean_one_team(country: str, name: str, team: str) -> None:
    found = match(country, name)
    assert (found.verdict, found.team) == (Verdict.RESOLVED, team)


@pytest.mark.parametrize(
    ("country", "name"),
    [
        ("ENG", "Sheffield"),
        ("ENG", "Man"),
        ("ENG", "Manchester"),
        ("ENG", "Bristol"),
        ("ENG", "Bredford"),  # Bradford or Brentford
        ("ENG", "Man City U21"),
        ("ENG", "Brighton Women"),
        ("SCO", "Dundee City"),
        ("SCO", "Rangers B"),
        ("SCO", "Queens"),
        ("ESP", "Ath"),
        ("ESP", "Atletico"),
        ("ESP", "Real Madrid B"),
        ("ESP", "Barcelona B"),
        ("ESP", "Villarreal II"),
        ("ITA", "Lecca"),
        ("ITA", "Milano"),
        ("FRA", "Paris"),
        ("GER", "Schalke 05"),
        ("GER", "Koeln II"),
        ("TUR", "Malatya"),
        ("ROU", "U Craiova 1949"),
        ("GRE", "Olympiakos Piraeus"),
        ("ENG", "Real Zaragoza"),
        ("ENG", ""),
        ("ENG", "FC"),
        ("ENG", "???"),
    ],
)
def test_names_that_could_mean_another_team_are_left_to_a_person(country: str, name: str) -> None:
    found = match(country, name)
    assert found.verdict is not Verdict.RESOLVED
    assert found.team is None


def test_doubt_shows_its_candidates_best_first() -> None:
    found = match("ENG", "Bredford")
    assert found.verdict is Verdict.DOUBTFUL
    assert [team for team, _ in found.candidates[:2]] == ["Bradford", "Brentford"]
    scores = [score for _, score in found.candidates]
    assert scores == sorted(scores, reverse=True)


def test_a_name_like_nothing_is_refused() -> None:
    assert match("ENG", "Real Zaragoza") == NameMatch(Verdict.REFUSED)


def test_a_close_spelling_is_not_enough_for_a_team_of_another_league() -> None:
    known = KnownTeams(("Sunderland", "Arsenal"), league=("Arsenal",))
    assert match_name("Sunderlnd", known).verdict is Verdict.DOUBTFUL


def test_a_settled_alias_beats_the_shipped_one_and_every_likeness() -> None:
    known = KnownTeams(SCOTLAND, SCOTLAND, {"Dundee Utd": "Dundee"})
    found = TeamResolver(seed_aliases()).match("football_data", "SCO", "Dundee Utd", known)
    assert found.team == "Dundee"


def test_an_alias_for_a_team_that_is_not_there_resolves_nothing() -> None:
    known = KnownTeams(("Arsenal",), ("Arsenal",), {"Gunners": "Arsenal FC"})
    assert match_name("Gunners", known).verdict is Verdict.REFUSED


def test_shipped_aliases_are_of_known_countries_and_change_the_name() -> None:
    countries = {league.country for league in LEAGUES.values()}
    for (_, country, alias), team in seed_aliases().items():
        assert country in countries
        assert alias != team


def test_without_history_everything_is_doubted() -> None:
    doubts: list[str] = []
    resolve = resolver_among(
        merge([]),
        "football_data",
        TeamResolver(seed_aliases()),
        lambda name, _: doubts.append(name),
    )
    assert resolve("E0", "Arsenal") is None
    assert doubts == ["Arsenal"]
