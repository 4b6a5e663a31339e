"""The key's one use, and the check of what it gave."""

from __future__ import annotations

from typing import Any, Final

import rlp
from eth_account import Account

from betting_signer.contract import DYNAMIC, LEGACY, Transaction, checksummed
from betting_signer.keccak import keccak256

_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half the order of secp256k1, rounded down (SEC 2, section 2.4.1)."""


class CustodyError(Exception):
    """The key could not be used; nothing of it and of why is in the message.

    Attributes:
        code: ``"unavailable"``: ask again later; ``"malformed"``: what is kept is no key;
            ``"mismatch"``: it is the key of another wallet; ``"failed"``: it signed nothing.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SignatureError(Exception):
    """A signature is not the one that was asked for."""


def sign_with(key: bytes | None, address: str, transaction: Transaction) -> bytes:
    """The signed bytes of a transaction.

    Args:
        key: 32 bytes; None where what is kept is none.
        address: of the wallet that it must be the key of.
        transaction: everything that is signed.

    Raises:
        CustodyError: it is none, or of another wallet.
    """
    if key is None:
        raise CustodyError("malformed")
    code, raw = "", b""
    # Raised outside of the block that failed: an error of others has the key in its frames.
    try:
        account = Account.from_key(key)
        if account.address == address:
            raw = bytes(account.sign_transaction(_fields(transaction)).raw_transaction)
        else:
            code = "mismatch"
    except Exception:
        code = "failed"
    account = key = None
    if code:
        raise CustodyError(code)
    return raw


def checked(raw: bytes, address: str, transaction: Transaction) -> str:
    """The hash of a signed transaction that is what was asked for, hexadecimal with ``0x``.

    Raises:
        SignatureError: it is not canonical, is another transaction, has a high s, or is not by
            this wallet.
    """
    good = False
    try:
        found, s = _decoded(raw)
        signer = Account.recover_transaction(raw)
        good = found == transaction and 0 < s <= _HALF_ORDER and signer == address
    except Exception:
        good = False
    if not good:
        raise SignatureError("signature")
    return "0x" + keccak256(raw).hex()


def _fields(transaction: Transaction) -> dict[str, Any]:
    common = {
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "to": transaction.to,
        "value": transaction.value,
        "data": transaction.data,
        "gas": transaction.gas_limit,
    }
    if transaction.fee_kind == LEGACY:
        return common | {"gasPrice": transaction.max_fee_per_gas}
    return common | {
        "type": 2,
        "maxFeePerGas": transaction.max_fee_per_gas,
        "maxPriorityFeePerGas": transaction.max_priority_fee_per_gas,
    }


def _decoded(raw: bytes) -> tuple[Transaction, int]:
    """(transaction, s) of signed bytes of EIP-155 or EIP-1559."""
    if raw[0] == 2:
        chain, nonce, priority, fee, gas, to, value, data, access, parity, r, s = _items(raw[1:])
        if access or _number(parity) > 1:
            raise ValueError
        kind, chain_id = DYNAMIC, _number(chain)
    else:
        nonce, fee, gas, to, value, data, v, r, s = _items(raw)
        kind, chain_id, priority = LEGACY, (_number(v) - 35) // 2, fee
    if len(to) != 20 or not _number(r):
        raise ValueError
    found = Transaction(
        chain_id=chain_id,
        nonce=_number(nonce),
        to=checksummed("0x" + to.hex()),
        value=_number(value),
        data="0x" + data.hex(),
        gas_limit=_number(gas),
        fee_kind=kind,
        max_fee_per_gas=_number(fee),
        max_priority_fee_per_gas=_number(priority),
    )
    return found, _number(s)


def _items(content: bytes) -> list[bytes]:
    items: list[bytes] = rlp.decode(content, strict=True)
    return items


def _number(content: bytes) -> int:
    if content[:1] == b"\0":
        raise ValueError
    return int.from_bytes(content, "big")
