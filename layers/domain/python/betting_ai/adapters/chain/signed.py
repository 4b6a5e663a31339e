"""Whether signed bytes are the transaction that is meant; checked again before they are sent."""

from __future__ import annotations

from typing import Final

import rlp
from eth_account import Account
from eth_utils.address import is_checksum_address, to_checksum_address
from eth_utils.crypto import keccak

from betting_ai.domain.chains import check_address, same_address
from betting_ai.domain.fees import FeeKind
from betting_ai.domain.transfers import Transaction
from betting_ai.errors import InvalidInputError, WrongTransactionError

_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half the order of the curve secp256k1: a higher ``s`` is the same signature once more (EIP-2)."""

_DYNAMIC: Final = b"\x02"


def verified_hash(raw: bytes, meant: Transaction) -> str:
    """The hash of signed bytes, if they are what is meant and nothing else.

    What is meant is encoded again around the signature and must come out as the same bytes: every
    field counts, and nothing can hang on.

    Raises:
        WrongTransactionError: they are not; the message tells nothing of them.
    """
    v, r, s = _signature(raw, meant)
    if _encoded(meant, v, r, s) != raw:
        raise WrongTransactionError("the signed transaction is not the one that was meant")
    if not 0 < s <= _HALF_ORDER:
        raise WrongTransactionError("the signature is not in its one allowed form")
    if not same_address(_recovered(raw), meant.sender):
        raise WrongTransactionError("the transaction is signed by another address")
    return "0x" + keccak(raw).hex()


def checksummed(address: str) -> str:
    """An address with its checksum (EIP-55).

    Raises:
        InvalidInputError: it is none, or its mixed case is not its checksum: a slip of the pen.
    """
    digits = check_address(address)[2:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(address):
        raise InvalidInputError("the checksum of the address is wrong; is a digit mistyped?")
    return str(to_checksum_address("0x" + digits.lower()))


def _signature(raw: bytes, meant: Transaction) -> tuple[int, int, int]:
    dynamic = meant.fee.kind is FeeKind.DYNAMIC
    payload = raw.removeprefix(_DYNAMIC) if dynamic else raw
    try:
        fields = rlp.decode(payload)
        v, r, s = (int.from_bytes(field, "big") for field in fields[-3:])
    except (rlp.DecodingError, TypeError, ValueError):
        v = r = s = -1
    allowed = (0, 1) if dynamic else (meant.chain_id * 2 + 35, meant.chain_id * 2 + 36)  # EIP-155
    if v not in allowed:
        raise WrongTransactionError("the signed bytes are no transaction of this kind and chain")
    return v, r, s


def _encoded(meant: Transaction, v: int, r: int, s: int) -> bytes:
    to = bytes.fromhex(meant.to[2:])
    fee, end = meant.fee, [v, r, s]
    if fee.kind is FeeKind.LEGACY:
        fields = [meant.nonce, fee.max_per_gas, meant.gas_limit, to, meant.value, meant.data]
        return bytes(rlp.encode([*fields, *end]))
    prices = [fee.priority_per_gas, fee.max_per_gas]
    fields = [meant.chain_id, meant.nonce, *prices, meant.gas_limit, to, meant.value, meant.data]
    return _DYNAMIC + bytes(rlp.encode([*fields, [], *end]))


def _recovered(raw: bytes) -> str:
    try:
        return str(Account.recover_transaction(raw))
    except Exception:  # noqa: S110 - whatever its libraries raise, it is no signature
        pass
    raise WrongTransactionError("the signature belongs to nobody")
