"""How markets, money and bets are written on the wire, as far as venues agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from betting_ai.domain.markets import BettingMarket, Market, markets_of
from betting_ai.errors import VenueAnswerError
from betting_ai.ports.venue import BetState, RefusalCode, VenueBet

_TAKEN: Final = frozenset(BetState) - {BetState.PENDING, BetState.REFUSED, BetState.MISSING}
_SETTLED: Final = _TAKEN - {BetState.ACCEPTED}


def _only_text(value: object) -> object:
    """Money that travels as a JSON number has been through a float."""
    if isinstance(value, str | None):
        return value
    raise ValueError("money is a string")


Signed = Annotated[Decimal, BeforeValidator(_only_text), Field(max_digits=24, decimal_places=12)]
"""A decimal string; it may be below zero."""

Amount = Annotated[Signed, Field(ge=0)]
"""Money or a price as a decimal string."""

Instant = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
"""An RFC 3339 instant, taken to UTC."""


class Document(BaseModel):
    """A part of an answer; what it has beyond what is documented is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def market_known(sport: str, kind: Market, line: Decimal) -> BettingMarket | None:
    """A sport's market that we bet on, of a kind and at a line."""
    its = (market for market in markets_of(sport) if market.kind is kind)
    return next((market for market in its if Decimal(str(market.line)) == line), None)


def line_text(market: BettingMarket) -> str:
    """A line as short as it can be: ``"2.5"``, ``"-1"``, and ``"0"`` where there is none."""
    return f"{market.line + 0.0:g}"  # no minus zero


def as_text(amount: Decimal) -> str:
    """A decimal string without an exponent."""
    return format(amount, "f")


def told(bet: VenueBet) -> VenueBet:
    """What a venue says of a bet, made consistent: no price of a bet that was not taken.

    Raises:
        VenueAnswerError: it was taken, but for which price and stake is not said; or it is
            settled, but for how much is not.
    """
    if bet.state not in _TAKEN:
        refusal = (bet.refusal or RefusalCode.OTHER) if bet.state is BetState.REFUSED else None
        return replace(bet, price=None, stake=None, returned=None, refusal=refusal)
    if bet.price is None or bet.price <= 1 or not bet.stake:
        raise VenueAnswerError(f"bet {bet.reference} was taken, but not for which price and stake")
    if bet.state not in _SETTLED:
        return replace(bet, returned=None, refusal=None)
    if bet.returned is None:
        raise VenueAnswerError(f"bet {bet.reference} is settled, but not for how much")
    return replace(bet, refusal=None)
