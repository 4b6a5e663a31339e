"""What Cloudbet calls competitions and markets. Adding one is adding a line."""

from __future__ import annotations

from typing import Final

from betting_ai.domain.markets import Market

BOOK: Final = "CBT"

LEAGUE_OF_COMPETITION: Final = {
    "soccer-england-premier-league": "E0",
    "soccer-england-championship": "E1",
    "soccer-england-league-one": "E2",
    "soccer-england-league-two": "E3",
    "soccer-scotland-premiership": "SC0",
    "soccer-germany-bundesliga": "D1",
    "soccer-germany-2-bundesliga": "D2",
    "soccer-italy-serie-a": "I1",
    "soccer-italy-serie-b": "I2",
    "soccer-spain-laliga": "SP1",
    "soccer-spain-laliga-2": "SP2",
    "soccer-france-ligue-1": "F1",
    "soccer-france-ligue-2": "F2",
    "soccer-netherlands-eredivisie": "N1",
    "soccer-belgium-first-division-a": "B1",
    "soccer-portugal-primeira-liga": "P1",
    "soccer-turkey-super-lig": "T1",
    "soccer-greece-super-league": "G1",
    "soccer-brazil-brasileiro-serie-a": "BRA",
    "soccer-usa-major-league-soccer": "USA",
}
"""Competition key -> league code; a key that the feed does not have is told as not published."""

MARKET_OF_KEY: Final = {
    "soccer.matchodds": Market.MATCH_RESULT,
    "soccer.totalgoals": Market.TOTALS,
    "soccer.asianhandicap": Market.HANDICAP,
}
"""Market key in lower case without underscores -> kind: both spellings are in use."""

MARKETS_ASKED: Final = ("soccer.match_odds", "soccer.total_goals", "soccer.asian_handicap")
