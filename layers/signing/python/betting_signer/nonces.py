"""Which nonce comes next, and what a replacement has to pay."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Allocation:
    """A nonce for an intent.

    Attributes:
        nonce: its own for ever.
        skipped: nonces that the chain has used and this wallet's record has not: somebody else
            signs with its key.
    """

    nonce: int
    skipped: int

    @property
    def next(self) -> int:
        """The nonce after it."""
        return self.nonce + 1


def allocated(following: int, floor: int) -> Allocation:
    """The next nonce: the chain's floor may raise it, and never lowers it.

    Args:
        following: one more than the highest that was given.
        floor: how many transactions of the wallet the chain has.
    """
    nonce = max(following, floor)
    return Allocation(nonce, nonce - following)


def raised(fee: int) -> int:
    """The lowest fee that replaces another: a tenth more, rounded up."""
    return (fee * 11 + 9) // 10
