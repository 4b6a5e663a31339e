"""Blockchains and what can be held on them, as data.

An amount is a whole number of the smallest unit: an ``int`` inside and a decimal in a string at
the edges, never a ``float``, which cannot hold eighteen digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from betting_ai.errors import InvalidInputError

MOST_UNITS: Final = 2**256 - 1
"""The largest amount that a contract can hold."""

_DECIMAL: Final = re.compile(r"(?P<whole>0|[1-9][0-9]{0,77})(\.(?P<part>[0-9]{1,77}))?")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True)
class Chain:
    """A chain that the wallet can be on.

    Attributes:
        id: as signed into every transaction (EIP-155).
        name: for people.
        native: symbol of the coin that fees are paid in.
        confirmations: blocks, its own included, after which a transaction counts as final.
        block_time: between two blocks.
        least_gas_price: in wei; validators leave what pays less.
        authority: blocks are sealed by known validators, whose signatures make the field
            ``extraData`` longer than elsewhere.
        testnet: what is held on it is worth nothing.
    """

    id: int
    name: str
    native: str
    confirmations: int
    block_time: timedelta
    least_gas_price: int
    authority: bool = True
    testnet: bool = False


BSC: Final = Chain(
    56, "BNB Smart Chain", "BNB", confirmations=15,
    block_time=timedelta(milliseconds=450), least_gas_price=50_000_000,
)  # fmt: skip
BSC_TESTNET: Final = Chain(
    97, "BNB Smart Chain Testnet", "BNB", confirmations=15,
    block_time=timedelta(milliseconds=450), least_gas_price=100_000_000, testnet=True,
)  # fmt: skip

CHAINS: Final = (BSC, BSC_TESTNET)
"""All of them."""


@dataclass(frozen=True)
class Asset:
    """Something that an address can hold: a chain's own coin, or a BEP-20 (ERC-20) token.

    Attributes:
        chain_id: the chain it is on.
        symbol: for people; the chain's own coin has the chain's.
        contract: the token's, checksummed; None for the chain's own coin.
        decimals: digits after the point; ten to this power of the smallest unit are one.
        withdrawn: its issuer has given it up; its balance can be read when it is asked for.
    """

    chain_id: int
    symbol: str
    contract: str | None
    decimals: int = 18
    withdrawn: bool = False

    def units(self, text: str) -> int:
        """An amount in the smallest unit.

        Args:
            text: a decimal such as ``"12.5"``.

        Raises:
            InvalidInputError: it is no plain decimal, or finer than the smallest unit.
        """
        found = _DECIMAL.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise InvalidInputError(f"an amount of {self.symbol} is a decimal such as 12.5")
        part = (found["part"] or "").rstrip("0")
        if len(part) > self.decimals:
            raise InvalidInputError(
                f"{self.symbol} has {self.decimals} digits after the point, and no more"
            )
        units = int(found["whole"] + part.ljust(self.decimals, "0"))
        if units > MOST_UNITS:
            raise InvalidInputError(f"there is not that much {self.symbol}")
        return units

    def text(self, units: int) -> str:
        """An amount as a decimal, as short as it is exact."""
        digits = str(units).rjust(self.decimals + 1, "0")
        whole, part = digits[: len(digits) - self.decimals], digits[len(digits) - self.decimals :]
        part = part.rstrip("0")
        return f"{whole}.{part}" if part else whole


ASSETS: Final = (
    Asset(56, "BNB", None),
    Asset(56, "USDT", "0x55d398326f99059fF775485246999027B3197955"),
    Asset(56, "BUSD", "0xe9e7CEA3DedcA5984780Bafc599bD69ADd087D56", withdrawn=True),
    Asset(97, "BNB", None),
    Asset(97, "USDT", "0x337610d27c682E347C9cD60BD4b3b107C9d34dDd"),
    Asset(97, "BUSD", "0xeD24FC36d5Ee211Ea25A80239Fb8C4Cfd80f12Ee", withdrawn=True),
)
"""What is known without being configured."""


def find_chain(chain_id: int) -> Chain:
    """The chain of an id.

    Raises:
        InvalidInputError: there is none.
    """
    for chain in CHAINS:
        if chain.id == chain_id:
            return chain
    known = " or ".join(str(chain.id) for chain in CHAINS)
    raise InvalidInputError(f"there is no chain {chain_id}; use {known}")


def default_assets(chain_id: int) -> tuple[Asset, ...]:
    """What is read where nothing is named: all of a chain that is not withdrawn."""
    return tuple(one for one in ASSETS if one.chain_id == chain_id and not one.withdrawn)


def find_asset(chain_id: int, symbol: str, listed: tuple[Asset, ...] = ASSETS) -> Asset:
    """An asset of a chain by its symbol, withdrawn or not.

    Raises:
        InvalidInputError: it is not listed.
    """
    for one in listed:
        if one.chain_id == chain_id and one.symbol == symbol:
            return one
    names = ", ".join(one.symbol for one in listed if one.chain_id == chain_id) or "nothing"
    raise InvalidInputError(f"no asset {symbol!r} on chain {chain_id}; there is {names}")


def check_address(text: str) -> str:
    """An address by its looks; whether its checksum is right is the chain adapter's to say.

    Raises:
        InvalidInputError: it is none.
    """
    if not isinstance(text, str) or not _ADDRESS.fullmatch(text):
        raise InvalidInputError("an address is 0x and forty hexadecimal digits")
    return text


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are one; their letters' case is a checksum and no difference."""
    return one.lower() == other.lower()
