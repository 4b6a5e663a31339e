"""What is said between those who ask for a transfer, approve it, price it and sign it.

Every document is a JSON object whose names and types are exact: no name more, none less, amounts
as decimal strings of whole numbers in the smallest unit, chain ids and counts as JSON integers,
instants as ``YYYY-MM-DDTHH:MM:SSZ``, addresses with their checksum. There is one operation: a
transfer. Raw messages, personal messages and typed data have no words here.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, Self, TypeVar

from betting_signer.keccak import keccak256

T = TypeVar("T")
D = TypeVar("D", bound="Document")

NATIVE: Final = "native"
"""Names the coin of a chain where others name a token's contract."""

NOBODY: Final = "0x" + 40 * "0"
"""The address that nobody has."""

CHAINS: Final[Mapping[int, str]] = {56: "mainnet", 97: "testnet"}
"""Every chain that can be signed for, by its id."""

LARGEST: Final = 16_384
"""Characters of a document by others at most."""

LARGEST_FILE: Final = 1 << 20
"""Bytes of a file that a person names at most."""

SKEW: Final = timedelta(seconds=30)
"""How far a clock of others may be ahead."""

QUOTE_LIFE: Final = timedelta(minutes=2)
INTENT_LIFE: Final = timedelta(minutes=15)
WAITING_LIFE: Final = timedelta(hours=24)
"""Of an intent that needs an approval."""

_SHOWN: Final = 40  # characters of a name at most
_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}", re.ASCII)
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ADDRESS: Final = re.compile(r"0x[0-9A-Fa-f]{40}", re.ASCII)
_BYTES: Final = re.compile(r"0x(?:[0-9a-f]{2})*", re.ASCII)
_NO_ADDRESS: Final = "not an address, which is 0x and 40 hexadecimal digits"
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_NO_INSTANT: Final = "not an instant such as 2025-03-15T09:00:00Z"
_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"


class MalformedError(ValueError):
    """A document is not what the contract says.

    The message is one line for a person: the place, such as ``assets[1].per_day``, and what is
    wrong there. Of what others wrote it tells names and fractions, bounded and escaped, and the
    right spelling of an address; no other value.

    Attributes:
        why: what is wrong.
        path: where; empty for the document as a whole.
    """

    def __init__(self, why: str, path: str = "") -> None:
        super().__init__(f"{path}: {why}" if path else why)
        self.why = why
        self.path = path

    def within(self, step: str) -> MalformedError:
        """The same, as seen from what holds the place.

        Args:
            step: the name of a field, or an index with its brackets.
        """
        dot = "." if self.path and not self.path.startswith("[") else ""
        return MalformedError(self.why, f"{step}{dot}{self.path}")


def _shown(name: object) -> str:
    """A name that others wrote: ASCII without control characters, and not all of a long one."""
    text = ascii(str(name)[: _SHOWN + 1])[1:-1]
    return f'"{text}"' if len(text) <= _SHOWN else f'"{text[:_SHOWN]}..."'


class Code(StrEnum):
    """Why nothing was signed. `Refusal.detail` has a line for each."""

    UNREADABLE = "unreadable"
    UNKNOWN_INTENT = "unknown_intent"
    SIGNING_DISABLED = "signing_disabled"
    POLICY_MISSING = "policy_missing"
    POLICY_NOT_APPROVED = "policy_not_approved"
    POLICY_CHANGED = "policy_changed"
    LOCKED = "locked"
    BUSY = "busy"
    STAMP_WRONG = "stamp_wrong"
    CONTENT_CHANGED = "content_changed"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    NOT_EXPIRED = "not_expired"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    SENDER_UNKNOWN = "sender_unknown"
    QUOTE_MISMATCH = "quote_mismatch"
    QUOTE_STALE = "quote_stale"
    CHAIN_NOT_ALLOWED = "chain_not_allowed"
    ASSET_NOT_ALLOWED = "asset_not_allowed"
    DESTINATION_NOT_ALLOWED = "destination_not_allowed"
    REQUESTER_NOT_ALLOWED = "requester_not_allowed"
    AMOUNT_ABOVE_CAP = "amount_above_cap"
    DAY_ABOVE_CAP = "day_above_cap"
    WEEK_ABOVE_CAP = "week_above_cap"
    FEE_ABOVE_CAP = "fee_above_cap"
    PRIORITY_FEE_ABOVE_CAP = "priority_fee_above_cap"
    GAS_ABOVE_CAP = "gas_above_cap"
    GAS_TOO_LOW = "gas_too_low"
    FEE_SHARE_ABOVE_CAP = "fee_share_above_cap"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    TOO_OFTEN = "too_often"
    APPROVAL_REQUIRED = "approval_required"
    APPROVAL_NOT_VALID = "approval_not_valid"
    APPROVAL_USED = "approval_used"
    NONCE_JUMP = "nonce_jump"
    NOTHING_TO_REPLACE = "nothing_to_replace"
    REPLACEMENT_DIFFERS = "replacement_differs"
    REPLACEMENT_TOO_CHEAP = "replacement_too_cheap"
    REPLACEMENTS_USED = "replacements_used"
    NO_GAP = "no_gap"
    GAP_NOT_ALLOWED = "gap_not_allowed"
    KEY_MISMATCH = "key_mismatch"
    SIGNATURE_WRONG = "signature_wrong"


_DETAILS: Final[Mapping[Code, str]] = {
    Code.UNREADABLE: "what came is not what the contract says",
    Code.UNKNOWN_INTENT: "no such intent was put",
    Code.SIGNING_DISABLED: "signing is off, or its switch is missing, malformed or stale",
    Code.POLICY_MISSING: "there is no policy, or it is malformed or for another wallet",
    Code.POLICY_NOT_APPROVED: "the policy is not the one that was approved",
    Code.POLICY_CHANGED: "the policy is not the one that this was reserved under",
    Code.LOCKED: "too many refusals: locked until released",
    Code.BUSY: "others were decided at the same time; try again",
    Code.STAMP_WRONG: "the stamp is not the requester's",
    Code.CONTENT_CHANGED: "the same id was decided with another content",
    Code.NOT_YET: "it was made in the future",
    Code.EXPIRED: "it has expired",
    Code.NOT_EXPIRED: "its nonce is still its own: the intent has not expired",
    Code.LIFETIME_TOO_LONG: "it lives longer than an intent may",
    Code.SENDER_UNKNOWN: "this is not the wallet that it names",
    Code.QUOTE_MISMATCH: "the quote is for something else",
    Code.QUOTE_STALE: "the quote is too old, or from the future",
    Code.CHAIN_NOT_ALLOWED: "no rule allows this chain",
    Code.ASSET_NOT_ALLOWED: "no rule allows this asset",
    Code.DESTINATION_NOT_ALLOWED: "no rule allows this destination",
    Code.REQUESTER_NOT_ALLOWED: "no rule allows this requester",
    Code.AMOUNT_ABOVE_CAP: "the amount is above what one transfer may move",
    Code.DAY_ABOVE_CAP: "the amount is above what is left for 24 hours",
    Code.WEEK_ABOVE_CAP: "the amount is above what is left for 7 days",
    Code.FEE_ABOVE_CAP: "the fee is above its ceiling",
    Code.PRIORITY_FEE_ABOVE_CAP: "the priority fee is above its ceiling",
    Code.GAS_ABOVE_CAP: "the gas limit is above its ceiling",
    Code.GAS_TOO_LOW: "no chain takes so low a gas limit: its nonce would never be used",
    Code.FEE_SHARE_ABOVE_CAP: "the fee is too large a share of the amount",
    Code.INSUFFICIENT_FUNDS: "the wallet does not hold the amount and its fee",
    Code.TOO_OFTEN: "too many transfers in a short time",
    Code.APPROVAL_REQUIRED: "another person has to approve this first",
    Code.APPROVAL_NOT_VALID: "the approval is not for this, or not by another person",
    Code.APPROVAL_USED: "the approval was used before",
    Code.NONCE_JUMP: "the chain's nonce is further ahead than the policy allows",
    Code.NOTHING_TO_REPLACE: "nothing was signed that could be replaced",
    Code.REPLACEMENT_DIFFERS: "a replacement changes nothing but its fees",
    Code.REPLACEMENT_TOO_CHEAP: "a replacement pays a tenth more of both fees",
    Code.REPLACEMENTS_USED: "it was replaced as often as it may be",
    Code.NO_GAP: "there is no gap to close: it was signed, or never reserved",
    Code.GAP_NOT_ALLOWED: "no rule allows to close gaps",
    Code.KEY_MISMATCH: "the key is not the one of this wallet",
    Code.SIGNATURE_WRONG: "the signature is not what was decided, and was thrown away",
}


@dataclass(frozen=True)
class Refusal:
    """Nothing was signed.

    Attributes:
        code: why.
        rule: id of the rule of the policy that decided; empty where none did.
    """

    code: Code
    rule: str = ""

    @property
    def detail(self) -> str:
        """One line without limits, balances or anything that was sent."""
        return _DETAILS[self.code]

    def content(self) -> dict[str, Any]:
        """For whoever asked."""
        return {"code": self.code.value, "rule": self.rule, "detail": self.detail}


def canonical(content: Mapping[str, Any]) -> str:
    """The one JSON text of a document: sorted names, no spaces, ASCII."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the one JSON text of a document, in hexadecimal."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def document(text: object, limit: int | None = LARGEST) -> dict[str, Any]:
    """A JSON object from its text.

    Args:
        text: of at most so many characters
        limit: as this; None where its writer is trusted.

    Raises:
        MalformedError: it is none (the line and column are told), is too large, has a field twice
            or a number that is not whole.
    """
    if not isinstance(text, str):
        raise MalformedError("not text")
    if limit is not None and len(text) > limit:
        raise MalformedError(f"longer than {limit} characters")
    try:
        found = json.loads(
            text, parse_float=_refused, parse_constant=_refused, object_pairs_hook=_each_once
        )
    except MalformedError:
        raise
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedError("not JSON", place) from None
    except (ValueError, RecursionError):
        raise MalformedError("a number that is too long, or nested too deeply") from None
    return _object(found)


def _refused(text: str) -> None:
    raise MalformedError(f"the number {_shown(text)} is not whole")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise MalformedError(f"the field {_shown(name)} is there twice")
        found[name] = value
    return found


def text_of(path: Path, limit: int = LARGEST_FILE) -> str:
    """The text of a file that a person names, such as a policy.

    Args:
        path: of a regular file; no device or pipe is read, which may have no end.
        limit: its size in bytes at most.

    Raises:
        MalformedError: it is no such file, is larger, or is no UTF-8.
        OSError: there is none, or it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise MalformedError("not a regular file")
    with path.open("rb") as file:
        found = file.read(limit + 1)
    if len(found) > limit:
        raise MalformedError(f"longer than {limit} bytes")
    try:
        return found.decode()
    except UnicodeError:
        raise MalformedError("not UTF-8 text") from None


def checksummed(address: str) -> str:
    """An address with the checksum of EIP-55.

    Raises:
        MalformedError: it is no address.
    """
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise MalformedError(_NO_ADDRESS)
    return _marked(address[2:].lower())


@lru_cache(1024)
def _marked(low: str) -> str:
    """Kept, for a policy names the same addresses for every quote and a hash takes milliseconds."""
    marks = keccak256(low.encode()).hex()
    pairs = zip(low, marks, strict=False)
    return "0x" + "".join(c.upper() if int(mark, 16) >= 8 else c for c, mark in pairs)


@dataclass(frozen=True)
class Kind(Generic[T]):
    """How one type of value is read from JSON and written back.

    Attributes:
        read: a value, or `MalformedError`.
        write: what JSON has for it.
    """

    read: Callable[[Any], T]
    write: Callable[[T], Any] = lambda value: value


def _matching(pattern: re.Pattern[str], what: str) -> Kind[str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise MalformedError(f"not {what}")
        return value

    return Kind(read)


def _amount(value: object) -> int:
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise MalformedError('not a whole number as text, such as "1000"')
    found = int(value)
    if found >= 1 << 256:
        raise MalformedError("more than 256 bits")
    return found


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise MalformedError("not a whole number without quotes, from 0 to 2^63 - 1")
    return value


def _truth(value: object) -> bool:
    if type(value) is not bool:
        raise MalformedError("not true or false")
    return value


def _address(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedError(_NO_ADDRESS)
    if value == NOBODY:
        raise MalformedError("the address that nobody has")
    right = checksummed(value)
    if value == right:
        return value
    if value[2:] in (value[2:].lower(), value[2:].upper()):
        raise MalformedError(f"not a checksummed address (is it {right}?)")
    # Its checksum tells that something is wrong: the right one of a wrong address would hide it.
    raise MalformedError("not a checksummed address (a digit or its case is wrong: copy it anew)")


def _asset(value: object) -> str:
    if value == NATIVE:
        return NATIVE
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise MalformedError(f'{_NO_ADDRESS}, nor "{NATIVE}"')
    return _address(value)


def _instant(value: object) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise MalformedError(_NO_INSTANT)
    try:
        return datetime.strptime(value, _FORM).replace(tzinfo=UTC)
    except ValueError:
        raise MalformedError(_NO_INSTANT) from None


def told(instant: datetime) -> str:
    """An instant as documents have it, to the second."""
    return instant.astimezone(UTC).strftime(_FORM)


def one_of(*words: str) -> Kind[str]:
    """One of a few words."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise MalformedError(f"only {' or '.join(words)}")
        return value

    return Kind(read)


def many(kind: Kind[T]) -> Kind[tuple[T, ...]]:
    """A list of values of one type."""

    def read(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise MalformedError("not a list")
        return tuple(_read(kind, one, f"[{number}]") for number, one in enumerate(value))

    return Kind(read, lambda values: [kind.write(one) for one in values])


def by(name: Kind[Any], kind: Kind[T]) -> Kind[Mapping[Any, T]]:
    """An object whose names and values are each of one type."""

    def read(value: object) -> Mapping[Any, T]:
        found = _object(value)
        steps = {key: f"[{_shown(key)}]" for key in found}
        return {
            _read(name, key, step): _read(kind, found[key], step) for key, step in steps.items()
        }

    return Kind(
        read, lambda found: {name.write(key): kind.write(one) for key, one in found.items()}
    )


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError("not an object")
    return value


def _read(kind: Kind[T], value: object, step: str) -> T:
    """A value of a document, whose errors tell where it is."""
    try:
        return kind.read(value)
    except MalformedError as error:
        raise error.within(step) from None


def maybe(kind: Kind[T]) -> Kind[T | None]:
    """A value or null."""
    return Kind(
        lambda value: None if value is None else kind.read(value),
        lambda value: None if value is None else kind.write(value),
    )


def _chain_key(value: object) -> int:
    found = _amount(value)
    if found >= 1 << 63:
        raise MalformedError("more than 63 bits")
    return found


AMOUNT: Final = Kind(_amount, str)
WHOLE: Final = Kind(_whole)
TRUTH: Final = Kind(_truth)
NAME: Final = _matching(
    _NAME, "a name: at most 64 letters, digits or _ . : -, the first a letter or digit"
)
HASH: Final = _matching(_HASH, "a hash: 64 hexadecimal digits, small letters")
BYTES: Final = _matching(_BYTES, "bytes: 0x and pairs of hexadecimal digits, small letters")
ADDRESS: Final = Kind(_address)
ASSET: Final = Kind(_asset)
INSTANT: Final = Kind(_instant, told)
NUMBER_KEY: Final = Kind(_chain_key, str)
"""A whole number where JSON only has names."""


class Document:
    """A JSON object of exact names and types; `_kinds` says which."""

    _kinds: ClassVar[Mapping[str, Kind[Any]]]

    @classmethod
    def parse(cls, raw: object) -> Self:
        """From what JSON gave.

        Raises:
            MalformedError: names the first place that is wrong.
        """
        raw = _object(raw)
        for name in raw:
            if name not in cls._kinds:
                raise MalformedError(f"unknown field {_shown(name)}")
        for name in cls._kinds:
            if name not in raw:
                raise MalformedError("missing", name)
        return cls(**{name: _read(kind, raw[name], name) for name, kind in cls._kinds.items()})

    @classmethod
    def loads(cls, text: object, limit: int | None = LARGEST) -> Self:
        """From the text of a JSON object, see `document`.

        Raises:
            MalformedError: names the first place that is wrong.
        """
        return cls.parse(document(text, limit))

    def content(self) -> dict[str, Any]:
        """As JSON has it."""
        return {name: kind.write(getattr(self, name)) for name, kind in self._kinds.items()}

    def dumps(self) -> str:
        """The one JSON text of it."""
        return canonical(self.content())


def nested(of: type[D]) -> Kind[D]:
    """A document within another."""
    return Kind(of.parse, lambda value: value.content())


@dataclass(frozen=True)
class Intent(Document):
    """A wish to move an amount, by whoever may ask.

    Attributes:
        operation: ``"transfer"``; there is no other.
        intent_id: chosen by the requester; the same id is the same wish for ever.
        requester: whose secret the stamp is made with.
        created_at: not in the future.
        expires_at: at most `INTENT_LIFE` later, `WAITING_LIFE` where an approval is needed.
        chain_id: one of `CHAINS`.
        sender: the wallet.
        asset: `NATIVE`, or the contract of a token.
        to: who gets it.
        amount: more than 0, in the smallest unit of the asset.
    """

    operation: str
    intent_id: str
    requester: str
    created_at: datetime
    expires_at: datetime
    chain_id: int
    sender: str
    asset: str
    to: str
    amount: int

    _kinds = {  # noqa: RUF012 - never changed
        "operation": one_of("transfer"),
        "intent_id": NAME,
        "requester": NAME,
        "created_at": INSTANT,
        "expires_at": INSTANT,
        "chain_id": WHOLE,
        "sender": ADDRESS,
        "asset": ASSET,
        "to": ADDRESS,
        "amount": AMOUNT,
    }

    def __post_init__(self) -> None:
        if self.amount == 0:
            raise MalformedError("nothing", "amount")
        if self.expires_at <= self.created_at:
            raise MalformedError("not after created_at", "expires_at")

    @property
    def request_hash(self) -> str:
        """What an approval is bound to: SHA-256 of the whole content."""
        return digest(self.content())

    def stamp(self, secret: bytes) -> str:
        """HMAC-SHA256 of the whole content by the requester's secret, in hexadecimal."""
        return hmac.new(secret, self.dumps().encode(), hashlib.sha256).hexdigest()

    def stamped_by(self, secret: bytes, stamp: str) -> bool:
        """Whether a stamp was made with a secret; takes as long whatever the answer."""
        return hmac.compare_digest(self.stamp(secret).encode(), stamp.encode())


@dataclass(frozen=True)
class Approval(Document):
    """The word of a second person for one request, used once.

    Attributes:
        request_hash: of the intent.
        approver: not the requester.
        approved_at: not in the future.
    """

    request_hash: str
    approver: str
    approved_at: datetime

    _kinds = {  # noqa: RUF012 - never changed
        "request_hash": HASH,
        "approver": NAME,
        "approved_at": INSTANT,
    }


TRANSFER: Final = "transfer"
REPLACEMENT: Final = "replacement"
GAP: Final = "gap"
PURPOSES: Final = (TRANSFER, REPLACEMENT, GAP)
LEGACY: Final = "legacy"
DYNAMIC: Final = "eip1559"


@dataclass(frozen=True)
class Quote(Document):
    """What the chain says to an intent, by whoever can reach it; nobody relies on it.

    Attributes:
        quote_id: of its own; a quote is answered once.
        intent_id: what it is for.
        purpose: to sign the transfer, to replace what is stuck by the same with higher fees, or
            to close the gap that an expired intent left.
        chain_id: the chain that was asked.
        observed_at: when; it lives for `QUOTE_LIFE`.
        nonce_floor: how many transactions of the wallet the chain has.
        fee_kind: ``"legacy"`` or ``"eip1559"``.
        gas_limit: in gas.
        max_fee_per_gas: in wei; of a legacy transaction its gas price.
        max_priority_fee_per_gas: in wei; of a legacy transaction its gas price again.
        native_balance: of the wallet, in wei.
        asset_balance: of the wallet, in the smallest unit of the asset.
    """

    quote_id: str
    intent_id: str
    purpose: str
    chain_id: int
    observed_at: datetime
    nonce_floor: int
    fee_kind: str
    gas_limit: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    native_balance: int
    asset_balance: int

    _kinds = {  # noqa: RUF012 - never changed
        "quote_id": NAME,
        "intent_id": NAME,
        "purpose": one_of(*PURPOSES),
        "chain_id": WHOLE,
        "observed_at": INSTANT,
        "nonce_floor": WHOLE,
        "fee_kind": one_of(LEGACY, DYNAMIC),
        "gas_limit": WHOLE,
        "max_fee_per_gas": AMOUNT,
        "max_priority_fee_per_gas": AMOUNT,
        "native_balance": AMOUNT,
        "asset_balance": AMOUNT,
    }

    def __post_init__(self) -> None:
        if self.fee_kind == LEGACY and self.max_fee_per_gas != self.max_priority_fee_per_gas:
            raise MalformedError("not max_fee_per_gas, as of legacy", "max_priority_fee_per_gas")
        if self.max_priority_fee_per_gas > self.max_fee_per_gas:
            raise MalformedError("above max_fee_per_gas", "max_priority_fee_per_gas")


@dataclass(frozen=True)
class Transaction(Document):
    """Everything that is signed; the same fields give the same bytes (RFC 6979).

    Attributes:
        chain_id: bound into the signature.
        nonce: of the wallet.
        to: the destination, or the contract of a token.
        value: in wei.
        data: hexadecimal with ``0x``.
        gas_limit: in gas.
        fee_kind: as in `Quote`.
        max_fee_per_gas: in wei.
        max_priority_fee_per_gas: in wei.
    """

    chain_id: int
    nonce: int
    to: str
    value: int
    data: str
    gas_limit: int
    fee_kind: str
    max_fee_per_gas: int
    max_priority_fee_per_gas: int

    _kinds = {  # noqa: RUF012 - never changed
        "chain_id": WHOLE,
        "nonce": WHOLE,
        "to": ADDRESS,
        "value": AMOUNT,
        "data": BYTES,
        "gas_limit": WHOLE,
        "fee_kind": one_of(LEGACY, DYNAMIC),
        "max_fee_per_gas": AMOUNT,
        "max_priority_fee_per_gas": AMOUNT,
    }


@dataclass(frozen=True)
class Signed(Document):
    """A signed transaction, for whoever sends it.

    Attributes:
        intent_id: what it was signed for.
        attempt: 0 for the first under its nonce, then one more for each that replaces it.
        purpose: as in `Quote`; that of a replaced gap stays ``"replacement"``.
        request_hash: of the intent.
        sender: the wallet, recovered from the signature.
        transaction: what was signed.
        raw: the signed bytes, hexadecimal with ``0x``.
        hash: of the transaction, hexadecimal with ``0x``.
        signed_at: when.
    """

    intent_id: str
    attempt: int
    purpose: str
    request_hash: str
    sender: str
    transaction: Transaction
    raw: str
    hash: str
    signed_at: datetime

    _kinds = {  # noqa: RUF012 - never changed
        "intent_id": NAME,
        "attempt": WHOLE,
        "purpose": one_of(*PURPOSES),
        "request_hash": HASH,
        "sender": ADDRESS,
        "transaction": nested(Transaction),
        "raw": BYTES,
        "hash": BYTES,
        "signed_at": INSTANT,
    }


@dataclass(frozen=True)
class Refused(Document):
    """Why nothing was signed for an intent, for whoever asked; no word of limits or balances.

    It is the last word so far and not for ever: another quote may be granted.

    Attributes:
        intent_id: what was refused.
        quote_id: the quote that it answers.
        request_hash: of the intent.
        code: a `Code`.
        refused_at: when.
    """

    intent_id: str
    quote_id: str
    request_hash: str
    code: str
    refused_at: datetime

    _kinds = {  # noqa: RUF012 - never changed
        "intent_id": NAME,
        "quote_id": NAME,
        "request_hash": HASH,
        "code": one_of(*Code),
        "refused_at": INSTANT,
    }


@dataclass(frozen=True)
class WouldSign:
    """Everything was decided and reserved, but there is no key here.

    Attributes:
        intent_id: what it was for.
        attempt: as in `Signed`.
        transaction: what would be signed.
    """

    intent_id: str
    attempt: int
    transaction: Transaction


Outcome = Signed | WouldSign | Refusal
"""What becomes of a quote."""
