"""What The Odds API calls leagues, books and markets. Adding one is adding a line."""

from __future__ import annotations

from typing import Final

from betting_ai.domain.markets import Market

LEAGUE_OF_SPORT: Final = {
    "soccer_epl": "E0",
    "soccer_efl_champ": "E1",
    "soccer_england_league1": "E2",
    "soccer_england_league2": "E3",
    "soccer_spl": "SC0",
    "soccer_germany_bundesliga": "D1",
    "soccer_germany_bundesliga2": "D2",
    "soccer_italy_serie_a": "I1",
    "soccer_italy_serie_b": "I2",
    "soccer_spain_la_liga": "SP1",
    "soccer_spain_segunda_division": "SP2",
    "soccer_france_ligue_one": "F1",
    "soccer_france_ligue_two": "F2",
    "soccer_netherlands_eredivisie": "N1",
    "soccer_belgium_first_div": "B1",
    "soccer_portugal_primeira_liga": "P1",
    "soccer_turkey_super_league": "T1",
    "soccer_greece_super_league": "G1",
    "soccer_argentina_primera_division": "ARG",
    "soccer_austria_bundesliga": "AUT",
    "soccer_brazil_campeonato": "BRA",
    "soccer_china_superleague": "CHN",
    "soccer_denmark_superliga": "DNK",
    "soccer_finland_veikkausliiga": "FIN",
    "soccer_league_of_ireland": "IRL",
    "soccer_japan_j_league": "JPN",
    "soccer_mexico_ligamx": "MEX",
    "soccer_norway_eliteserien": "NOR",
    "soccer_poland_ekstraklasa": "POL",
    "soccer_sweden_allsvenskan": "SWE",
    "soccer_switzerland_superleague": "SWZ",
    "soccer_usa_mls": "USA",
}
"""Sport key -> league code."""

BOOK_OF_KEY: Final = {
    "betclic": "BCL",
    "betfair": "BFE",  # as the exchange was called until 2023
    "betfair_ex_au": "BFE",
    "betfair_ex_eu": "BFE",
    "betfair_ex_uk": "BFE",
    "betfair_sb_uk": "BF",
    "betonlineag": "BOL",
    "betsson": "BSN",
    "betvictor": "BV",
    "betway": "BWY",
    "coolbet": "COO",
    "coral": "CL",
    "draftkings": "DK",
    "everygame": "EVG",
    "fanatics": "FAN",
    "fanduel": "FD",
    "gtbets": "GTB",
    "ladbrokes_uk": "LB",
    "livescorebet_eu": "LSB",
    "lowvig": "LV",
    "marathonbet": "MAR",
    "matchbook": "MBK",
    "mybookieag": "MYB",
    "nordicbet": "NDB",
    "onexbet": "1XB",
    "paddypower": "PP",
    "pinnacle": "PS",
    "skybet": "SKB",
    "smarkets": "SMK",
    "sport888": "888",
    "suprabets": "SPB",
    "tipico_de": "TIP",
    "unibet_eu": "UNI",
    "unibet_uk": "UNK",
    "williamhill": "WH",
    "williamhill_us": "CZR",
}
"""Bookmaker key -> book code; a bookmaker that is not here goes by its key."""

MARKET_OF_KEY: Final = {
    "h2h": Market.MATCH_RESULT,
    "totals": Market.TOTALS,
    "spreads": Market.HANDICAP,
}
"""Market key -> kind. ``h2h_lay`` is the other side of an exchange: not a price to back at."""
