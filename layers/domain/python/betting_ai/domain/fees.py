"""What a transaction pays for being taken: two kinds of fees, their ceilings, and raising them.

All prices are wei per gas. The dynamic kind is EIP-1559.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from betting_ai.errors import FeeTooHighError, InvalidInputError

REPLACING_PERCENT: Final = 110
"""What both prices of a replacement must be of those before it, or nodes turn it away."""

BASIS_POINTS: Final = 10_000


class FeeKind(StrEnum):
    """How a transaction offers its fee. The words are stored; never rename."""

    LEGACY = "legacy"
    DYNAMIC = "eip1559"


@dataclass(frozen=True)
class Fee:
    """What a transaction offers.

    Attributes:
        kind: legacy (one price of gas) or dynamic.
        max_per_gas: the most it pays; the gas price of a legacy one.
        priority_per_gas: of that, the most for the validator; again the price of a legacy one.
    """

    kind: FeeKind
    max_per_gas: int
    priority_per_gas: int

    def __post_init__(self) -> None:
        if not 0 <= self.priority_per_gas <= self.max_per_gas:
            raise InvalidInputError("the priority fee is within the fee, and neither is below 0")
        if self.kind is FeeKind.LEGACY and self.priority_per_gas != self.max_per_gas:
            raise InvalidInputError("a legacy transaction has one price of gas")

    @classmethod
    def legacy(cls, gas_price: int) -> Fee:
        """One price of gas."""
        return cls(FeeKind.LEGACY, gas_price, gas_price)

    @classmethod
    def dynamic(cls, most: int, priority: int) -> Fee:
        """A most, and the validator's part of it."""
        return cls(FeeKind.DYNAMIC, most, priority)

    def most(self, gas_limit: int) -> int:
        """The most wei that it can cost."""
        return self.max_per_gas * gas_limit

    def least_replacement(self) -> Fee:
        """The least that takes its place under the same nonce: both prices ten percent higher."""
        return Fee(self.kind, _raised(self.max_per_gas), _raised(self.priority_per_gas))

    def exceeds(self, other: Fee) -> bool:
        """Whether it offers more than another, in either price."""
        return (
            self.max_per_gas > other.max_per_gas or self.priority_per_gas > other.priority_per_gas
        )

    def replaces(self, other: Fee) -> bool:
        """Whether nodes take it in the place of another."""
        least = other.least_replacement()
        return (
            self.kind is other.kind
            and self.max_per_gas >= least.max_per_gas
            and self.priority_per_gas >= least.priority_per_gas
        )


@dataclass(frozen=True)
class FeeCeilings:
    """What a fee may be at most.

    Attributes:
        max_per_gas: wei.
        priority_per_gas: wei.
        gas_limit: gas.
        share_bps: of what is sent, in hundredths of a percent.
    """

    max_per_gas: int
    priority_per_gas: int
    gas_limit: int
    share_bps: int


def check_fee(fee: Fee, gas_limit: int, ceilings: FeeCeilings, worth: int | None = None) -> None:
    """Hold a fee against its ceilings and against what is sent.

    Args:
        fee: what is offered.
        gas_limit: gas that may be used.
        ceilings: the most.
        worth: of what is sent, in wei of the chain's own coin; None where it is not known, and
            then the share is not checked.

    Raises:
        FeeTooHighError: it is above one of them; the message names which.
    """
    # A legacy price has no part for the validator that one could tell.
    dynamic = fee.kind is FeeKind.DYNAMIC
    above = {
        "price of gas": fee.max_per_gas > ceilings.max_per_gas,
        "priority fee": dynamic and fee.priority_per_gas > ceilings.priority_per_gas,
        "gas limit": gas_limit > ceilings.gas_limit,
        "share of the amount": worth is not None
        and fee.most(gas_limit) * BASIS_POINTS > worth * ceilings.share_bps,
    }
    if what := next((name for name, broken in above.items() if broken), None):
        raise FeeTooHighError(f"the fee is above its ceiling ({what}); try later, or send more")


def replacement_fee(before: tuple[Fee, ...], now: Fee) -> Fee:
    """What a stuck transaction's replacement has to offer.

    Args:
        before: of all that was signed under the nonce; any of them may be the one a node knows.
        now: what a new transaction would offer, of the same kind.

    Returns:
        Both prices at least ten percent above each before it, rounded up, and not below what the
        chain asks for now.
    """
    needed = [fee.least_replacement() for fee in before]
    most = max(now.max_per_gas, *(fee.max_per_gas for fee in needed))
    priority = max(now.priority_per_gas, *(fee.priority_per_gas for fee in needed))
    return Fee(before[0].kind, most, priority)


def _raised(price: int) -> int:
    # A price of 0 has nothing to raise; one wei is then the least that is more.
    return max(-(-price * REPLACING_PERCENT // 100), 1)
