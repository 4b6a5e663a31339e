"""The key's one use, and the check of what it gave.

Of eth_account only what signs is used, by itself: the whole of it brings keystores, mnemonics and
typed data, takes most of a second to load, and none of that belongs beside a key. Tests hold that
both give the same bytes.
"""

from __future__ import annotations

from typing import Any, Final

import rlp
from eth_keys.datatypes import PrivateKey, PublicKey, Signature

from betting_signer.contract import DYNAMIC, LEGACY, Transaction, checksummed
from betting_signer.keccak import keccak256

_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half the order of secp256k1, rounded down (SEC 2, section 2.4.1)."""

_TYPED: Final = b"\x02"
"""Stands before a transaction of EIP-1559."""


class CustodyError(Exception):
    """The key could not be used; nothing of it and of why is in the message.

    Attributes:
        code: ``"unavailable"``: ask again later; ``"password"``: it is not the keystore's;
            ``"malformed"``: what is kept is no key; ``"mismatch"``: it is the key of another
            wallet; ``"failed"``: it signed nothing.
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
    private: PrivateKey | None = None
    # Raised outside of the block that failed: an error of others has the key in its frames.
    try:
        private = PrivateKey(key)
        if _address(private.public_key) == address:
            made = private.sign_msg_hash(keccak256(_unsigned(transaction)))
            raw = _signed(transaction, made.v, made.r, made.s)
        else:
            code = "mismatch"
    except Exception:
        code = "failed"
    private = key = None
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
        found, parity, r, s = _decoded(raw)
        by = Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(
            keccak256(_unsigned(found))
        )
        good = found == transaction and 0 < s <= _HALF_ORDER and _address(by) == address
        good = good and _signed(found, parity, r, s) == raw
    except Exception:
        good = False
    if not good:
        raise SignatureError("signature")
    return "0x" + keccak256(raw).hex()


def _address(key: PublicKey) -> str:
    return checksummed("0x" + keccak256(key.to_bytes())[-20:].hex())


def _unsigned(transaction: Transaction) -> bytes:
    """What is hashed and signed: the chain is in it (EIP-155, EIP-1559)."""
    if transaction.fee_kind == LEGACY:
        return _listed(*_legacy(transaction), transaction.chain_id, 0, 0)
    return _TYPED + _listed(*_dynamic(transaction))


def _signed(transaction: Transaction, parity: int, r: int, s: int) -> bytes:
    """The bytes that a chain takes."""
    if transaction.fee_kind == LEGACY:
        return _listed(*_legacy(transaction), 2 * transaction.chain_id + 35 + parity, r, s)
    return _TYPED + _listed(*_dynamic(transaction), parity, r, s)


def _legacy(transaction: Transaction) -> list[Any]:
    return [
        transaction.nonce,
        transaction.max_fee_per_gas,
        transaction.gas_limit,
        bytes.fromhex(transaction.to[2:]),
        transaction.value,
        bytes.fromhex(transaction.data[2:]),
    ]


def _dynamic(transaction: Transaction) -> list[Any]:
    nonce, fee, *rest = _legacy(transaction)
    return [
        transaction.chain_id,
        nonce,
        transaction.max_priority_fee_per_gas,
        fee,
        *rest,
        [],  # addresses that are known ahead
    ]


def _decoded(raw: bytes) -> tuple[Transaction, int, int, int]:
    """(transaction, parity, r, s) of signed bytes of EIP-155 or EIP-1559."""
    if raw[:1] == _TYPED:
        chain, nonce, priority, fee, gas, to, value, data, access, v, r, s = _items(raw[1:])
        if access:
            raise ValueError
        kind, chain_id, parity = DYNAMIC, _number(chain), _number(v)
    else:
        nonce, fee, gas, to, value, data, v, r, s = _items(raw)
        kind, priority = LEGACY, fee
        chain_id, parity = divmod(_number(v) - 35, 2)
    if len(to) != 20 or parity not in {0, 1} or not _number(r):
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
    return found, parity, _number(r), _number(s)


def _listed(*items: Any) -> bytes:  # noqa: ANN401 - whole numbers, bytes and lists of them
    encoded: bytes = rlp.encode([*items])
    return encoded


def _items(content: bytes) -> list[bytes]:
    items: list[bytes] = rlp.decode(content, strict=True)
    return items


def _number(content: bytes) -> int:
    if content[:1] == b"\0":
        raise ValueError
    return int.from_bytes(content, "big")
