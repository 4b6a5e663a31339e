"""The leagues the product knows. A league is data: adding one is adding a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from betting_ai.errors import UnknownLeagueError


@dataclass(frozen=True)
class League:
    """A competition.

    Attributes:
        code: short code, as in season-file names (``"E0"``) or the country's file (``"ARG"``).
        sport: ``"football"``, or another of `betting_ai.domain.sports.SPORTS`.
        country: three-letter country code; a team belongs to a country and may change leagues. A
            tour or a league whose competitors are of no country stands for one.
        name: what people call it.
        tier: 1 is the top flight.
    """

    code: str
    sport: str
    country: str
    name: str
    tier: int


def _football(code: str, country: str, name: str, tier: int) -> League:
    return League(code, "football", country, name, tier)


LEAGUES: Final[dict[str, League]] = {
    league.code: league
    for league in (
        _football("E0", "ENG", "Premier League", 1),
        _football("E1", "ENG", "Championship", 2),
        _football("E2", "ENG", "League One", 3),
        _football("E3", "ENG", "League Two", 4),
        _football("EC", "ENG", "National League", 5),
        _football("SC0", "SCO", "Scottish Premiership", 1),
        _football("SC1", "SCO", "Scottish Championship", 2),
        _football("SC2", "SCO", "Scottish League One", 3),
        _football("SC3", "SCO", "Scottish League Two", 4),
        _football("D1", "GER", "Bundesliga", 1),
        _football("D2", "GER", "2. Bundesliga", 2),
        _football("I1", "ITA", "Serie A", 1),
        _football("I2", "ITA", "Serie B", 2),
        _football("SP1", "ESP", "La Liga", 1),
        _football("SP2", "ESP", "La Liga 2", 2),
        _football("F1", "FRA", "Ligue 1", 1),
        _football("F2", "FRA", "Ligue 2", 2),
        _football("N1", "NED", "Eredivisie", 1),
        _football("B1", "BEL", "Pro League", 1),
        _football("P1", "POR", "Primeira Liga", 1),
        _football("T1", "TUR", "Süper Lig", 1),
        _football("G1", "GRE", "Super League Greece", 1),
        _football("ARG", "ARG", "Liga Profesional", 1),
        _football("AUT", "AUT", "Austrian Bundesliga", 1),
        _football("BRA", "BRA", "Série A (Brazil)", 1),
        _football("CHN", "CHN", "Chinese Super League", 1),
        _football("DNK", "DNK", "Superliga (Denmark)", 1),
        _football("FIN", "FIN", "Veikkausliiga", 1),
        _football("IRL", "IRL", "Irish Premier Division", 1),
        _football("JPN", "JPN", "J1 League", 1),
        _football("MEX", "MEX", "Liga MX", 1),
        _football("NOR", "NOR", "Eliteserien", 1),
        _football("POL", "POL", "Ekstraklasa", 1),
        _football("ROU", "ROU", "Liga 1", 1),
        _football("RUS", "RUS", "Russian Premier League", 1),
        _football("SWE", "SWE", "Allsvenskan", 1),
        _football("SWZ", "SUI", "Swiss Super League", 1),
        _football("USA", "USA", "Major League Soccer", 1),
        League("ATP", "tennis", "ATP", "ATP Tour", 1),
        League("WTA", "tennis", "WTA", "WTA Tour", 1),
        League("NBA", "basketball", "NBA", "NBA", 1),
    )
}

SEASON_FILE_LEAGUES: Final = tuple(list(LEAGUES)[:22])
"""The 22 divisions with season files that hold pre-match prices; the default set."""


def find_league(code: str) -> League:
    """The league of a code, in any case.

    Raises:
        UnknownLeagueError: no such league; the message names those there are.
    """
    if code.upper() not in LEAGUES:
        raise UnknownLeagueError(f"no league {code!r}; there are {', '.join(LEAGUES)}")
    return LEAGUES[code.upper()]
