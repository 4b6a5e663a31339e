"""A bookmaker behind an HMAC-signed REST API, see ``docs/venues/stake.md``.

The wire format is ours. The address is whatever server speaks it; there is no default.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from pydantic import Field, SecretStr

from betting_ai.adapters.venues.calls import Answer, CallLimits, VenueCalls, check_key, check_url
from betting_ai.adapters.venues.wire import (
    Amount,
    Document,
    Instant,
    Signed,
    as_text,
    line_text,
    market_known,
    told,
)
from betting_ai.clock import Clock
from betting_ai.domain.markets import Market, Outcome
from betting_ai.errors import VenueAnswerError, VenueError
from betting_ai.ports.venue import (
    BetPage,
    BetSlip,
    BetState,
    RefusalCode,
    VenueBet,
    VenueFixture,
    VenuePrice,
)

_MARKETS: Final = {market.name.lower(): market for market in Market}
_NOT_A_STATE: Final = BetState.MISSING  # a venue says so by 404
_REFUSED: Final = {
    400: RefusalCode.MALFORMED,
    401: RefusalCode.NOT_AUTHORISED,
    403: RefusalCode.NOT_AUTHORISED,
    429: RefusalCode.RATE_LIMITED,
}
_SEEN_BEFORE: Final = frozenset({"reference_used", "nonce_used"})
_UNKNOWN_REFERENCE: Final = "unknown_reference"


@dataclass(frozen=True)
class StakeKey:
    """Who we are to the venue.

    Attributes:
        key: names the account.
        secret: signs; never sent.
    """

    key: SecretStr
    secret: SecretStr


@dataclass(frozen=True)
class StakeTransaction:
    """Money that came to or left the account.

    Attributes:
        id: the venue's own.
        kind: such as ``"stake"``, ``"payout"``, ``"deposit"``.
        amount: added to the balance; below zero where it left.
        currency: of the amount.
        reference: the bet's, where there is one.
        at: UTC.
    """

    id: str
    kind: str
    amount: Decimal
    currency: str
    reference: UUID | None
    at: datetime


@dataclass(frozen=True)
class TransactionPage:
    """Some transactions, newest first.

    Attributes:
        transactions: as the venue booked them.
        next: gives the page after this one; None on the last.
    """

    transactions: tuple[StakeTransaction, ...]
    next: str | None


def signature(
    secret: str, method: str, path: str, query: str, timestamp: str, nonce: str, body: bytes
) -> str:
    """HMAC-SHA256, in lower-case hex, of the canonical string of a request.

    Args:
        secret: shared with the venue.
        method: in capitals.
        path: as sent, percent-encoded.
        query: as sent, without the question mark; empty where there is none.
        timestamp: seconds since the epoch, in digits.
        nonce: never used before with this key.
        body: as sent; empty for a question.
    """
    digest = hashlib.sha256(body).hexdigest()
    canonical = "\n".join((method, path, query, timestamp, nonce, digest))
    return hmac.new(secret.encode(), canonical.encode(), hashlib.sha256).hexdigest()


class StakeVenue:
    """`betting_ai.ports.venue.Venue` over the signed API; close it after use.

    A bet that is turned away by 400, 401, 403 or 429 is refused with the code that says so; any
    other call that is, raises.

    Raises:
        InvalidInputError: when made with an address or a key that cannot be one.
    """

    name = "stake"
    real = True

    def __init__(
        self,
        url: str,
        key: StakeKey,
        *,
        clock: Clock,
        limits: CallLimits | None = None,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._key = check_key(key.key, "stake_key")
        self._secret = check_key(key.secret, "stake_secret")
        self._clock = clock
        self._nonce = nonce
        self._calls = VenueCalls(self.name, check_url(url, "stake_url"), self._sign, limits)

    def close(self) -> None:
        """Let go of the connections."""
        self._calls.close()

    def fixtures(self, league: str, since: datetime, until: datetime) -> list[VenueFixture]:
        """The venue's matches of a league that kick off in a span of time."""
        query = [("league", league), ("from", since.isoformat()), ("to", until.isoformat())]
        answer = self._calls.get("/v1/events", query)
        listed = self._calls.understand(_Events, answer.body).events
        return [VenueFixture(e.id, e.league, e.home, e.away, e.kickoff) for e in listed]

    def prices(self, fixture_ids: Sequence[str]) -> list[VenuePrice]:
        """What the venue offers on some of its matches, in the markets that we know."""
        if not fixture_ids:
            return []
        answer = self._calls.get("/v1/odds", [("event", event) for event in fixture_ids])
        listed = self._calls.understand(_OddsList, answer.body).odds
        return [price for odds in listed if (price := odds.price_known())]

    def balance(self, currency: str) -> Decimal:
        """Money that can be bet; 0 in a currency that the account does not hold."""
        answer = self._calls.get("/v1/balance", [("currency", currency)])
        return self._calls.understand(_Balance, answer.body).available

    def place(self, slip: BetSlip) -> VenueBet:
        """Send a bet once; accepted, pending or refused.

        Raises:
            VenueUnknownError: it may or may not have been taken.
            VenueOfflineError: it was surely not.
        """
        answer = self._calls.post("/v1/bets", _written(slip))
        try:
            return self._placed(slip.reference, answer)
        except VenueAnswerError as error:
            raise self._calls.doubt(str(error)) from None

    def status(self, reference: UUID) -> VenueBet:
        """What became of a bet; ``MISSING`` only when the venue says it never had the reference.

        The venue takes no request older than its clock window, so that a reference which is
        missing a minute after it was sent stays so.
        """
        answer = self._calls.get(f"/v1/bets/{reference}")
        if answer.status == 404:
            if self._calls.understand(_Error, answer.body).code == _UNKNOWN_REFERENCE:
                return VenueBet(reference, BetState.MISSING)
            raise VenueAnswerError(f"{self.name} has no bets at this address; check stake_url")
        return self._bet(reference, answer)

    def history(self, cursor: str | None = None) -> BetPage:
        """Our bets at the venue, newest first."""
        answer = self._calls.get("/v1/bets", [("cursor", cursor)] if cursor else [])
        page = self._calls.understand(_Bets, answer.body)
        return BetPage(tuple(bet.told() for bet in page.bets), page.next)

    def transactions(self, cursor: str | None = None) -> TransactionPage:
        """What moved on the account, newest first."""
        answer = self._calls.get("/v1/transactions", [("cursor", cursor)] if cursor else [])
        page = self._calls.understand(_Transactions, answer.body)
        return TransactionPage(
            tuple(
                StakeTransaction(t.id, t.kind, t.amount, t.currency, t.reference, t.at)
                for t in page.transactions
            ),
            page.next,
        )

    def _placed(self, reference: UUID, answer: Answer) -> VenueBet:
        if answer.status == 200:
            return self._bet(reference, answer)
        if answer.status in {403, 429}:  # whatever stands before the venue may have said so
            return VenueBet(reference, BetState.REFUSED, refusal=_REFUSED[answer.status])
        code = self._calls.understand(_Error, answer.body).code
        if code in _SEEN_BEFORE:
            # The reference, or this very request, came before: what became of that counts.
            return self._first(reference)
        if answer.status not in _REFUSED:
            raise VenueAnswerError(f"answered {answer.status}")
        return VenueBet(reference, BetState.REFUSED, refusal=_REFUSED[answer.status])

    def _first(self, reference: UUID) -> VenueBet:
        try:
            bet = self.status(reference)
        except VenueError as error:
            raise self._calls.doubt(str(error)) from None
        if bet.state is BetState.MISSING:
            raise self._calls.doubt("it says it had the bet before, and that it never had it")
        return bet

    def _bet(self, reference: UUID, answer: Answer) -> VenueBet:
        bet = self._calls.understand(_OneBet, answer.body).bet.told()
        if bet.reference != reference:
            raise VenueAnswerError(f"{self.name} answered of another bet than the one asked about")
        return bet

    def _sign(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        timestamp, nonce = str(int(self._clock.now().timestamp())), self._nonce()
        secret = self._secret.get_secret_value()
        return {
            "X-Stake-Key": self._key.get_secret_value(),
            "X-Stake-Timestamp": timestamp,
            "X-Stake-Nonce": nonce,
            "X-Stake-Signature": signature(secret, method, path, query, timestamp, nonce, body),
        }


def _written(slip: BetSlip) -> bytes:
    sent = {
        "reference": str(slip.reference),
        "event": slip.fixture_id,
        "market": slip.market.kind.name.lower(),
        "line": line_text(slip.market),
        "selection": slip.outcome.value,
        "price": as_text(slip.price),
        "min_price": as_text(slip.min_price),
        "stake": as_text(slip.stake),
        "currency": slip.currency,
    }
    return json.dumps(sent, separators=(",", ":"), sort_keys=True).encode()


class _Error(Document):
    code: str


class _Event(Document):
    id: str = Field(min_length=1)
    league: str
    home: str
    away: str
    kickoff: Instant


class _Events(Document):
    events: tuple[_Event, ...]


class _Odds(Document):
    event: str = Field(min_length=1)
    sport: str
    market: str
    line: Signed
    selection: str
    price: Amount = Field(gt=1)
    min_stake: Amount | None = None
    max_stake: Amount | None = None
    quoted_at: Instant

    def price_known(self) -> VenuePrice | None:
        kind = _MARKETS.get(self.market)
        market = None if kind is None else market_known(self.sport, kind, self.line)
        if market is None or self.selection not in market.outcomes:
            return None
        return VenuePrice(
            self.event, market, Outcome(self.selection), self.price, self.min_stake,
            self.max_stake, self.quoted_at,
        )  # fmt: skip


class _OddsList(Document):
    odds: tuple[_Odds, ...]


class _Balance(Document):
    available: Amount


class _Bet(Document):
    reference: UUID
    id: str = Field(min_length=1)
    status: BetState
    price: Amount | None = None
    stake: Amount | None = None
    returned: Amount | None = None
    reason: str | None = None

    def told(self) -> VenueBet:
        if self.status is _NOT_A_STATE:
            raise VenueAnswerError(f"bet {self.reference} is there and is not")
        refusal = next((code for code in RefusalCode if code == self.reason), None)
        return told(
            VenueBet(
                self.reference, self.status, self.price, self.stake, self.id, refusal, self.returned
            )
        )


class _OneBet(Document):
    bet: _Bet


class _Bets(Document):
    bets: tuple[_Bet, ...]
    next: str | None = None


class _Transaction(Document):
    id: str
    kind: str
    amount: Signed
    currency: str
    reference: UUID | None = None
    at: Instant


class _Transactions(Document):
    transactions: tuple[_Transaction, ...]
    next: str | None = None
