"""Whose prices they are: bookmakers, exchanges, and the two summaries of a market."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from betting_ai.domain.markets import EXCHANGE_COMMISSION, MARKET_AVERAGE, MARKET_MAXIMUM


class BookKind(StrEnum):
    """What a price of a book means."""

    NAMED = "named"  # one can bet there
    EXCHANGE = "exchange"  # one can bet there; commission comes off the winnings
    AVERAGE = "average"  # a summary: one source of the consensus
    MAXIMUM = "maximum"  # a summary: a labelled upper bound


@dataclass(frozen=True)
class Book:
    """A source of prices.

    Attributes:
        code: as feeds name it.
        name: what people call it.
        kind: what its prices mean.
    """

    code: str
    name: str
    kind: BookKind


_NAMES: Final = {
    MARKET_AVERAGE: "Market average",
    MARKET_MAXIMUM: "Market maximum",
    "1XB": "1xBet",
    "888": "888sport",
    "B365": "bet365",
    "BCL": "Betclic",
    "BF": "Betfair",
    "BFD": "Betfred",
    "BFE": "Betfair Exchange",
    "BMGM": "BetMGM",
    "BOL": "BetOnline.ag",
    "BS": "Blue Square",
    "BSN": "Betsson",
    "BV": "BetVictor",
    "BW": "Bet&Win",
    "BWY": "Betway",
    "CB": "Centrebet",
    "CBT": "Cloudbet",
    "CL": "Coral",
    "COO": "Coolbet",
    "CZR": "Caesars",
    "DK": "DraftKings",
    "EVG": "Everygame",
    "EX": "Expekt",
    "FAN": "Fanatics",
    "FD": "FanDuel",
    "GB": "Gamebookers",
    "GTB": "GTbets",
    "IW": "Interwetten",
    "LB": "Ladbrokes",
    "LSB": "LiveScore Bet (EU)",
    "LV": "LowVig.ag",
    "MAR": "Marathon Bet",
    "MBK": "Matchbook",
    "MYB": "MyBookie.ag",
    "NDB": "Nordic Bet",
    "PP": "Paddy Power",
    "PS": "Pinnacle",
    "SB": "Sportingbet",
    "SJ": "Stan James",
    "SKB": "Sky Bet",
    "SMK": "Smarkets",
    "SO": "Sporting Odds",
    "SPB": "Suprabets",
    "SY": "Stanleybet",
    "TIP": "Tipico",
    "UB": "Unibet",
    "UNI": "Unibet (EU)",
    "UNK": "Unibet (UK)",
    "VC": "VC Bet",
    "WH": "William Hill",
}
_SUMMARIES: Final = {MARKET_AVERAGE: BookKind.AVERAGE, MARKET_MAXIMUM: BookKind.MAXIMUM}


def book(code: str) -> Book:
    """The book behind a code; one never heard of is a bookmaker that goes by its code."""
    other = BookKind.EXCHANGE if code in EXCHANGE_COMMISSION else BookKind.NAMED
    return Book(code, _NAMES.get(code, code), _SUMMARIES.get(code, other))


def bookmakers() -> tuple[Book, ...]:
    """Every bookmaker and exchange known by name."""
    return tuple(book(code) for code in _NAMES if code not in _SUMMARIES)


def find_bookmaker(text: str) -> Book | None:
    """The one that a person means by its code or its name, in any case."""
    wanted = text.strip().casefold()
    return next((b for b in bookmakers() if wanted in {b.code.casefold(), b.name.casefold()}), None)
