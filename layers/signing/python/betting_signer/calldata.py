"""The one call of a contract that is ever signed: ``transfer(address,uint256)`` of ERC-20."""

from __future__ import annotations

from typing import Final

from betting_signer.contract import ADDRESS, MalformedError, checksummed

TRANSFER: Final = bytes.fromhex("a9059cbb")
"""The selector: the first four bytes of the Keccak-256 of the signature."""

_LENGTH: Final = 4 + 32 + 32


def encode_transfer(to: str, amount: int) -> str:
    """The calldata of a transfer, hexadecimal with ``0x``.

    Args:
        to: who gets it, checksummed.
        amount: in the token's smallest unit.

    Raises:
        MalformedError: it is no address, or the amount does not fit 256 bits.
    """
    if not 0 <= amount < 1 << 256:
        raise MalformedError("amount")
    place = bytes.fromhex(ADDRESS.read(to)[2:])
    return "0x" + (TRANSFER + place.rjust(32, b"\0") + amount.to_bytes(32, "big")).hex()


def decode_transfer(data: str) -> tuple[str, int]:
    """(who gets it, amount) of the calldata of a transfer.

    Raises:
        MalformedError: it is any other call, or would not be encoded to the same bytes: bytes
            that trail or lack, a padding that is not empty.
    """
    try:
        content = bytes.fromhex(data.removeprefix("0x"))
    except ValueError:
        raise MalformedError("calldata") from None
    if len(content) != _LENGTH or content[:4] != TRANSFER:
        raise MalformedError("calldata")
    to = checksummed("0x" + content[16:36].hex())
    amount = int.from_bytes(content[36:], "big")
    if encode_transfer(to, amount) != data:
        raise MalformedError("calldata")
    return to, amount
