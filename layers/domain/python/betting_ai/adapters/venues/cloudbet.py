"""Cloudbet over its documented API: trading v3, bet history v4, account v1, feed v2.

Statuses and fields are those of the published protobuf schemas, see ``docs/venues/cloudbet.md``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final
from urllib.parse import parse_qs, quote
from uuid import UUID

from pydantic import BeforeValidator, Field, SecretStr
from pydantic.alias_generators import to_camel

from betting_ai.adapters.feeds.cloudbet.names import LEAGUE_OF_COMPETITION, MARKET_OF_KEY
from betting_ai.adapters.venues.calls import Answer, CallLimits, VenueCalls, check_key, check_url
from betting_ai.adapters.venues.wire import (
    Amount,
    Document,
    Instant,
    as_text,
    line_text,
    market_known,
    told,
)
from betting_ai.clock import Clock
from betting_ai.domain.markets import BettingMarket, Market, Outcome
from betting_ai.errors import InvalidInputError, VenueAnswerError, VenueError
from betting_ai.ports.venue import (
    BetPage,
    BetSlip,
    BetState,
    RefusalCode,
    VenueBet,
    VenueFixture,
    VenuePrice,
)

STATES: Final = {
    "ACCEPTED": BetState.ACCEPTED,
    "PENDING_ACCEPTANCE": BetState.PENDING,
    "WIN": BetState.WON,
    "LOSS": BetState.LOST,
    "PUSH": BetState.VOID,
    "HALF_WIN": BetState.HALF_WON,
    "HALF_LOSS": BetState.HALF_LOST,
    "PARTIAL": BetState.PARTIAL,
}
"""Its statuses of a bet that it took or may take."""

REFUSALS: Final = {
    "PRICE_ABOVE_MARKET": RefusalCode.PRICE_MOVED,
    "STAKE_ABOVE_MAX": RefusalCode.STAKE_ABOVE_MAXIMUM,
    "STAKE_BELOW_MIN": RefusalCode.STAKE_BELOW_MINIMUM,
    "LIABILITY_LIMIT_EXCEEDED": RefusalCode.LIABILITY_LIMIT,
    "MARKET_SUSPENDED": RefusalCode.MARKET_SUSPENDED,
    "INSUFFICIENT_FUNDS": RefusalCode.INSUFFICIENT_FUNDS,
    "MALFORMED_REQUEST": RefusalCode.MALFORMED,
    "RESTRICTED": RefusalCode.RESTRICTED,
    "VERIFICATION_REQUIRED": RefusalCode.VERIFICATION_REQUIRED,
}
"""Its statuses of a bet that it did not take."""

_DUPLICATE: Final = "DUPLICATE_REQUEST"  # says that a first came, not what became of it
_FAILED: Final = "INTERNAL_SERVER_ERROR"  # the zero of its enumeration: may be left out
_TURNED_AWAY: Final = {
    401: RefusalCode.NOT_AUTHORISED,
    403: RefusalCode.NOT_AUTHORISED,
    429: RefusalCode.RATE_LIMITED,
}

_SPORT: Final = "football"
_MARKETS: Final = {
    Market.MATCH_RESULT: ("soccer.match_odds", None),
    Market.TOTALS: ("soccer.total_goals", "total"),
    Market.HANDICAP: ("soccer.asian_handicap", "handicap"),
}
_FULL_TIME: Final = "period=ft"
_PAGE: Final = 50

COMPETITIONS: Final = {league: key for key, league in LEAGUE_OF_COMPETITION.items()}
"""League code -> its key of the competition, where it is known."""


class CloudbetVenue:
    """`betting_ai.ports.venue.Venue` over Cloudbet's API; close it after use.

    The price sent is the bet-until price, with better ones accepted: the venue takes the bet at
    its market price, or refuses it where that is below. A bet that is turned away by 401, 403 or
    429 is refused with the code that says so; any other call that is, raises.

    Raises:
        InvalidInputError: when made with an address or a key that cannot be one.
    """

    name = "cloudbet"
    real = True

    def __init__(
        self, url: str, key: SecretStr, *, clock: Clock, limits: CallLimits | None = None
    ) -> None:
        self._key = check_key(key, "cloudbet_key")
        self._clock = clock
        self._calls = VenueCalls(self.name, check_url(url, "cloudbet_url"), self._sign, limits)

    def close(self) -> None:
        """Let go of the connections."""
        self._calls.close()

    def fixtures(self, league: str, since: datetime, until: datetime) -> list[VenueFixture]:
        """The venue's matches of a league that kick off in a span of time, not begun yet.

        Raises:
            InvalidInputError: the venue's key of the league is not known.
        """
        key = COMPETITIONS.get(league)
        if key is None:
            raise InvalidInputError(f"cloudbet's name of league {league} is not known")
        answer = self._calls.get(
            f"/pub/v2/odds/competitions/{key}", [("markets", "soccer.match_odds")]
        )
        events = self._calls.understand(_Competition, answer.body).events
        return [
            VenueFixture(str(e.id), league, e.home.name, e.away.name, e.cutoff_time)
            for e in events
            if e.home and e.away and e.to_come and since <= e.cutoff_time <= until
        ]

    def prices(self, fixture_ids: Sequence[str]) -> list[VenuePrice]:
        """What the venue offers on some of its matches, in the markets that we know.

        How much it takes is left open: it says so in euro, whatever the currency of a bet.
        """
        markets = [("markets", key) for key, _ in _MARKETS.values()]
        listed: list[VenuePrice] = []
        for fixture in fixture_ids:
            answer = self._calls.get(f"/pub/v2/odds/events/{quote(fixture, safe='')}", markets)
            event = self._calls.understand(_Event, answer.body)
            now = self._clock.now()
            listed += [
                VenuePrice(fixture, market, outcome, price, None, None, now)
                for market, outcome, price in event.offers()
            ]
        return listed

    def balance(self, currency: str) -> Decimal:
        """Money that can be bet in a currency that the account holds."""
        path = f"/pub/v1/account/currencies/{quote(currency, safe='')}/balance"
        return self._calls.understand(_Balance, self._calls.get(path).body).amount

    def place(self, slip: BetSlip) -> VenueBet:
        """Send a bet once; accepted, pending or refused.

        Raises:
            VenueUnknownError: it may or may not have been taken.
            VenueOfflineError: it was surely not.
        """
        url = _market_url(slip.market, slip.outcome)
        if url is None:
            return VenueBet(slip.reference, BetState.REFUSED, refusal=RefusalCode.NOT_OFFERED)
        answer = self._calls.post("/pub/v3/bets/place", _written(slip, url))
        try:
            return self._placed(slip.reference, answer)
        except VenueAnswerError as error:
            raise self._calls.doubt(str(error)) from None

    def status(self, reference: UUID) -> VenueBet:
        """What became of a bet; ``MISSING`` only when the venue says it has no such reference.

        A bet that was sent seconds ago may still be on its way: believe it a minute later.
        """
        answer = self._calls.get(f"/pub/v3/bets/{reference}/status")
        if answer.status == 404:
            self._calls.understand(_Error, answer.body)  # not some gateway's own page
            return VenueBet(reference, BetState.MISSING)
        return self._calls.understand(_Bet, answer.body).told(reference)

    def history(self, cursor: str | None = None) -> BetPage:
        """Our bets at the venue, newest first."""
        if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
            raise InvalidInputError(f"{cursor[:40]!r} is no page of cloudbet's history")
        start = int(cursor or 0)
        query = [("limit", str(_PAGE)), ("offset", str(start))]
        answer = self._calls.get("/pub/v4/bets/history", query)
        page = self._calls.understand(_Bets, answer.body)
        end = start + len(page.bets)
        following = str(end) if page.bets and end < page.total_bets else None
        return BetPage(tuple(bet.listed() for bet in page.bets), following)

    def _placed(self, reference: UUID, answer: Answer) -> VenueBet:
        try:
            said = self._calls.understand(_Bet, answer.body)
            if said.status == _DUPLICATE:
                return self._first(reference)
            return said.told(reference)
        except VenueAnswerError:
            refusal = _TURNED_AWAY.get(answer.status)
            if refusal is None:
                raise
            return VenueBet(reference, BetState.REFUSED, refusal=refusal)

    def _first(self, reference: UUID) -> VenueBet:
        """What became of the bet that was sent before under the same reference."""
        try:
            bet = self.status(reference)
        except VenueError as error:
            raise self._calls.doubt(str(error)) from None
        if bet.state is BetState.MISSING:
            raise self._calls.doubt("it says it had the bet before, and that it never had it")
        return bet

    def _sign(self, method: str, path: str, query: str, body: bytes) -> Mapping[str, str]:
        return {"X-API-Key": self._key.get_secret_value()}


def _market_url(market: BettingMarket, outcome: Outcome) -> str | None:
    """``<market>/<outcome>?<params>``; None for what it does not have.

    A handicap is the home side's for both selections, as ours is.
    """
    key, parameter = _MARKETS[market.kind]
    if market.sport != _SPORT:
        return None
    line = f"?{parameter}={line_text(market)}" if parameter else ""
    return f"{key}/{outcome.value}{line}"


def _written(slip: BetSlip, market_url: str) -> bytes:
    sent = {
        "referenceId": str(slip.reference),
        "eventId": slip.fixture_id,
        "marketUrl": market_url,
        "price": as_text(slip.min_price),
        "stake": as_text(slip.stake),
        "currency": slip.currency,
        "side": "BACK",
        "acceptPriceChange": "BETTER",
    }
    return json.dumps(sent).encode()


def _or_nothing(value: object) -> object:
    return None if value == "" else value


Blank = Annotated[Amount | None, BeforeValidator(_or_nothing)]


class _Answer(Document):
    model_config = Document.model_config | {"alias_generator": to_camel}


class _Error(_Answer):
    status: str = _FAILED
    error: str


class _Balance(_Answer):
    amount: Amount


class _Bet(_Answer):
    reference_id: UUID | None = None
    status: str = _FAILED
    price: Blank = None
    stake: Blank = None
    return_amount: Blank = None

    def told(self, reference: UUID) -> VenueBet:
        """As the answer to a question about one bet.

        Raises:
            VenueAnswerError: it is about another, or says nothing of what became of it.
        """
        if self.reference_id != reference and not (
            self.reference_id is None and self.status in REFUSALS
        ):
            raise VenueAnswerError(f"cloudbet answered of another bet than {reference}")
        return self._of(reference)

    def listed(self) -> VenueBet:
        """As one of many.

        Raises:
            VenueAnswerError: it says nothing of what became of the bet.
        """
        if self.reference_id is None:
            raise VenueAnswerError("cloudbet lists a bet without a reference")
        return self._of(self.reference_id)

    def _of(self, reference: UUID) -> VenueBet:
        state = BetState.REFUSED if self.status in REFUSALS else STATES.get(self.status)
        if state is None:
            word = self.status if re.fullmatch(r"[A-Z_]{1,40}", self.status) else "no known word"
            raise VenueAnswerError(f"cloudbet says {word} of bet {reference}")
        return told(
            VenueBet(
                reference,
                state,
                self.price,
                self.stake,
                venue_reference=str(reference),
                refusal=REFUSALS.get(self.status),
                returned=self.return_amount,
            )
        )


class _Bets(_Answer):
    bets: tuple[_Bet, ...] = ()
    total_bets: int = 0


class _Side(_Answer):
    name: str


class _Selection(_Answer):
    outcome: str
    params: str = ""
    price: Decimal = Field(ge=0, max_digits=24)
    status: str = "SELECTION_DISABLED"
    side: str = "BACK"

    @property
    def open(self) -> bool:
        """Whether it can be backed now."""
        return self.status == "SELECTION_ENABLED" and self.side == "BACK" and self.price > 1


class _Submarket(_Answer):
    selections: tuple[_Selection, ...] = ()


class _Market(_Answer):
    submarkets: dict[str, _Submarket] = Field(default_factory=dict)


class _Event(_Answer):
    id: int
    home: _Side | None = None
    away: _Side | None = None
    status: str = "PRE_TRADING"
    cutoff_time: Instant
    markets: dict[str, _Market] = Field(default_factory=dict)

    @property
    def to_come(self) -> bool:
        """Whether it has not begun."""
        return self.status in {"PRE_TRADING", "TRADING"}

    def offers(self) -> Iterator[tuple[BettingMarket, Outcome, Decimal]]:
        """What can be backed before the match begins, of the markets that we know."""
        if self.status != "TRADING":
            return
        for key, market in self.markets.items():
            kind = MARKET_OF_KEY.get(key.lower().replace("_", ""))
            if kind is None:
                continue
            for selection in market.submarkets.get(_FULL_TIME, _Submarket()).selections:
                known = market_known(_SPORT, kind, _line(selection.params, _MARKETS[kind][1]))
                if known and selection.outcome in known.outcomes and selection.open:
                    yield known, Outcome(selection.outcome), selection.price


class _Competition(_Answer):
    events: tuple[_Event, ...] = ()


def _line(params: str, parameter: str | None) -> Decimal:
    """The line in a selection's parameters; 0 where its market has none."""
    if parameter is None:
        return Decimal(0)
    try:
        return Decimal(parse_qs(params)[parameter][0])
    except (KeyError, InvalidOperation):
        raise VenueAnswerError(f"cloudbet gives no {parameter} in {params[:40]!r}") from None
