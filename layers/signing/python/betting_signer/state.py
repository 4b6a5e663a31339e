"""What the signer remembers: one head per wallet, and one reservation per intent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from betting_signer.contract import (
    ADDRESS,
    AMOUNT,
    ASSET,
    HASH,
    INSTANT,
    NAME,
    NUMBER_KEY,
    PURPOSES,
    TRUTH,
    WHOLE,
    Document,
    Kind,
    Transaction,
    by,
    many,
    nested,
    one_of,
)

DAY: Final = timedelta(hours=24)
WEEK: Final = timedelta(days=7)
MOST_COUNTED: Final = 1000
"""Of whatever is counted in a time."""

_HOUR: Final = 3600

START: Final = 64 * "0"
"""What the first entry of an audit names as the hash before it."""


@dataclass(frozen=True)
class Control(Document):
    """The switch, written by the policy's approver alone.

    Attributes:
        enabled: whether anything is signed.
        policy_hash: of the policy that was approved.
        until: stale from then on.
        released: how many locks were released; locked while the head counts more.
    """

    enabled: bool
    policy_hash: str
    until: datetime
    released: int

    _kinds = {  # noqa: RUF012 - never changed
        "enabled": TRUTH,
        "policy_hash": HASH,
        "until": INSTANT,
        "released": WHOLE,
    }


def asset_key(chain_id: int, asset: str) -> str:
    """Under which amounts of an asset are counted."""
    return f"{chain_id}:{asset}"


_TEXT: Final[Kind[str]] = Kind(str)


@dataclass(frozen=True)
class Committed(Document):
    """The most that a nonce may still take from the wallet.

    Attributes:
        wei: amount and fee, of the chain's coin.
        asset: what is moved.
        units: of it, where it is a token.
        until: from then on nothing is signed for it, if nothing was.
    """

    wei: int
    asset: str
    units: int
    until: datetime

    _kinds = {  # noqa: RUF012 - never changed
        "wei": AMOUNT,
        "asset": ASSET,
        "units": AMOUNT,
        "until": INSTANT,
    }


@dataclass(frozen=True)
class Head(Document):
    """All that a decision depends on, of one wallet; changed as a whole or not at all.

    Attributes:
        address: of the wallet.
        version: of the head, one more with each decision.
        audit_seq: number of the last audit entry.
        audit_hash: of the last audit entry.
        nonces: by chain, one more than the highest that was given.
        committed: by chain and nonce, what the chain did not show as used at the last decision.
        usage: by asset and hour (hours since 1970), what was reserved in it.
        decided: when something was allowed, in a week; the newest `MOST_COUNTED`.
        refused: when something was refused, within the window of the cool-off.
        locks: how often refusals locked it.
    """

    address: str
    version: int = 0
    audit_seq: int = 0
    audit_hash: str = START
    nonces: Mapping[int, int] = field(default_factory=dict)
    committed: Mapping[int, Mapping[int, Committed]] = field(default_factory=dict)
    usage: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    decided: tuple[datetime, ...] = ()
    refused: tuple[datetime, ...] = ()
    locks: int = 0

    _kinds = {  # noqa: RUF012 - never changed
        "address": ADDRESS,
        "version": WHOLE,
        "audit_seq": WHOLE,
        "audit_hash": HASH,
        "nonces": by(NUMBER_KEY, WHOLE),
        "committed": by(NUMBER_KEY, by(NUMBER_KEY, nested(Committed))),
        "usage": by(_TEXT, by(NUMBER_KEY, AMOUNT)),
        "decided": many(INSTANT),
        "refused": many(INSTANT),
        "locks": WHOLE,
    }

    def used(self, key: str, window: timedelta, at: datetime) -> int:
        """What was reserved of an asset in a time before `at`.

        An hour that is partly within it counts as a whole, and so does an hour that is yet to
        come by this clock: it is never less than the truth.
        """
        since = (at - window).timestamp()
        hours = self.usage.get(key, {})
        return sum(amount for hour, amount in hours.items() if (hour + 1) * _HOUR > since)

    def using(self, key: str, amount: int, at: datetime) -> Head:
        """With an amount reserved, and without hours that no window reaches."""
        hour = int(at.timestamp()) // _HOUR
        usage = {}
        for name, hours in {key: {}, **self.usage}.items():
            kept = {h: one for h, one in hours.items() if _ends(h) > at - WEEK - DAY}
            if name == key:
                kept[hour] = kept.get(hour, 0) + amount
            usage[name] = kept
        return replace(self, usage={name: hours for name, hours in usage.items() if hours})

    def committing(self, chain_id: int, nonce: int, one: Committed, floor: int) -> Head:
        """With what a nonce may take, and without nonces that the chain has used."""
        kept = {n: c for n, c in self.committed.get(chain_id, {}).items() if n >= floor}
        return replace(self, committed={**self.committed, chain_id: {**kept, nonce: one}})

    def deciding(self, at: datetime) -> Head:
        """With one more that is allowed, and all that the velocity of any policy may count."""
        kept = sorted((*(one for one in self.decided if one > at - WEEK), at))
        return replace(self, decided=tuple(kept[-MOST_COUNTED:]))

    def within(self, instants: tuple[datetime, ...], window: timedelta, at: datetime) -> int:
        """How many of some instants lie within a time before `at`, or after it."""
        return sum(1 for one in instants if one > at - window)


def _ends(hour: int) -> datetime:
    return datetime.fromtimestamp((hour + 1) * _HOUR, UTC)


@dataclass(frozen=True)
class Attempt(Document):
    """One transaction under the nonce of a reservation.

    Attributes:
        quote_id: what it was decided on.
        purpose: as in `betting_signer.contract.Quote`.
        policy_hash: of the policy that allowed it.
        transaction: everything that is signed.
        audit_seq: number of the entry that allowed it.
    """

    quote_id: str
    purpose: str
    policy_hash: str
    transaction: Transaction
    audit_seq: int

    _kinds = {  # noqa: RUF012 - never changed
        "quote_id": NAME,
        "purpose": one_of(*PURPOSES),
        "policy_hash": HASH,
        "transaction": nested(Transaction),
        "audit_seq": WHOLE,
    }


@dataclass(frozen=True)
class Reservation(Document):
    """A nonce that belongs to one intent for ever, with all that may be signed under it.

    Attributes:
        intent_id: whose it is.
        request_hash: of that intent.
        address: of the wallet.
        chain_id: of the nonce.
        nonce: of the wallet on that chain.
        version: one more with each attempt.
        attempts: in order; only the last may still be signed.
    """

    intent_id: str
    request_hash: str
    address: str
    chain_id: int
    nonce: int
    version: int
    attempts: tuple[Attempt, ...]

    _kinds = {  # noqa: RUF012 - never changed
        "intent_id": NAME,
        "request_hash": HASH,
        "address": ADDRESS,
        "chain_id": WHOLE,
        "nonce": WHOLE,
        "version": WHOLE,
        "attempts": many(nested(Attempt)),
    }

    @property
    def last(self) -> Attempt:
        """The attempt that may still be signed."""
        return self.attempts[-1]

    @property
    def number(self) -> int:
        """Of the last attempt."""
        return len(self.attempts) - 1

    def attempting(self, attempt: Attempt) -> Reservation:
        """With one more attempt, after which none before it can be signed."""
        return replace(self, version=self.version + 1, attempts=(*self.attempts, attempt))
