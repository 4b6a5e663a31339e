"""What becomes of a transfer on a chain: its states, and the rules between them.

A transfer is one or more signed transactions under one nonce: the first, and those that replace it
with higher fees. At most one of them can ever be mined, so whichever it is, the money moves once.

::

    quoted -> signed -> broadcast -> mined -> final | failed
       |         ^         ^  |        |
    expired      |         |  v        |  (its block is no longer part of the chain)
              (sent) <-- dropped <-----+
                           |
                           +-> replaced (another transaction used the nonce)

What is signed never expires: it can be mined until its nonce is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from betting_ai.domain.chains import MOST_UNITS, Asset, Chain, check_address, same_address
from betting_ai.domain.fees import Fee
from betting_ai.errors import InvalidInputError

TRANSFER_SELECTOR: Final = bytes.fromhex("a9059cbb")
"""Of ``transfer(address,uint256)`` (ERC-20)."""


class TransferState(StrEnum):
    """Where a transfer stands. The words are stored; never rename."""

    QUOTED = "quoted"  # asked for, and not signed yet
    SIGNED = "signed"  # and not taken by any node yet
    BROADCAST = "broadcast"  # nodes hold it
    MINED = "mined"  # in a block, with too few on top of it
    FINAL = "final"
    FAILED = "failed"  # mined, and it moved nothing: the fee is spent
    REPLACED = "replaced"  # its nonce was used by something else
    DROPPED = "dropped"  # no node holds it any more; it is sent again
    EXPIRED = "expired"  # never signed in time


CLOSED: Final = frozenset(
    {
        TransferState.FINAL,
        TransferState.FAILED,
        TransferState.REPLACED,
        TransferState.EXPIRED,
    }
)
"""States that nothing follows."""


FOR_GOOD: Final = frozenset(
    {
        "amount_above_cap",
        "approval_not_valid",
        "approval_used",
        "asset_not_allowed",
        "chain_not_allowed",
        "content_changed",
        "day_above_cap",
        "destination_not_allowed",
        "lifetime_too_long",
        "locked",
        "requester_not_allowed",
        "sender_unknown",
        "stamp_wrong",
        "week_above_cap",
    }
)
"""Refusals of the signer that another quote does not change, and that it counts each time.

And what a lock has refused: asked again after its release, it would make the next one.
"""


class Rejection(StrEnum):
    """Why a node does not take a transaction. The words are stored; never rename."""

    NONCE_USED = "nonce_used"
    NONCE_TOO_HIGH = "nonce_too_high"
    REPLACEMENT_UNDERPRICED = "replacement_underpriced"
    UNDERPRICED = "underpriced"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    GAS = "gas"
    OTHER = "other"


REVERTED: Final = "reverted"
NOTHING_MOVED: Final = "nothing_moved"
NONCE_USED: Final = Rejection.NONCE_USED.value
GAP_CLOSED: Final = "gap_closed"
"""Reasons beside those of `Rejection`."""


@dataclass(frozen=True)
class Transaction:
    """A transaction as it is meant, before it is signed.

    Attributes:
        chain_id: the chain's.
        sender: who pays.
        nonce: how many the sender made before it.
        to: the payee, or a token's contract.
        value: wei.
        data: for the contract; empty for the chain's own coin.
        gas_limit: gas that may be used.
        fee: what it offers.
    """

    chain_id: int
    sender: str
    nonce: int
    to: str
    value: int
    data: bytes
    gas_limit: int
    fee: Fee


@dataclass(frozen=True)
class Block:
    """A block of a chain.

    Attributes:
        number: its height.
        hash: names it; another block may take its height later.
        at: when it was made.
    """

    number: int
    hash: str
    at: datetime


@dataclass(frozen=True)
class Moved:
    """What a token's contract says it has moved.

    Attributes:
        contract: the token's.
        sender: who paid.
        to: who was paid.
        units: smallest units.
    """

    contract: str
    sender: str
    to: str
    units: int


@dataclass(frozen=True)
class Receipt:
    """A mined transaction.

    Attributes:
        tx_hash: names it.
        block_number: of its block.
        block_hash: of its block.
        succeeded: it was not reverted.
        gas_used: gas.
        gas_price: wei per gas that were paid.
        moved: of tokens.
    """

    tx_hash: str
    block_number: int
    block_hash: str
    succeeded: bool
    gas_used: int
    gas_price: int
    moved: tuple[Moved, ...] = ()

    @property
    def cost(self) -> int:
        """Wei that were paid as the fee."""
        return self.gas_used * self.gas_price


@dataclass(frozen=True)
class Sighting:
    """What the endpoints of a chain know of a transaction.

    Attributes:
        pending: one of them holds it, and it is in no block.
        receipt: where it is in a block of the chain as it stands.
    """

    pending: bool = False
    receipt: Receipt | None = None


@dataclass(frozen=True)
class ChainView:
    """A chain at one block, as far as transfers need it.

    Attributes:
        head: the block.
        used: sender -> nonces used up to that block.
        settled: sender -> nonces used in blocks that are final.
        sightings: transaction hash -> what is known of it.
    """

    head: Block
    used: Mapping[str, int]
    settled: Mapping[str, int]
    sightings: Mapping[str, Sighting]


@dataclass(frozen=True)
class Attempt:
    """A signed transaction of a transfer.

    Attributes:
        number: 0 for the first, one more for each that replaces it.
        transaction: what was signed.
        raw: the signed bytes.
        tx_hash: names them on the chain.
    """

    number: int
    transaction: Transaction
    raw: bytes = field(repr=False)
    tx_hash: str


@dataclass(frozen=True)
class FollowedTransfer:
    """A transfer and all that is known of it.

    Attributes:
        id: the intent's.
        chain_id: the chain's.
        state: where it stands.
        expires_at: until then it may be signed.
        attempts: what was signed under its nonce, in order.
        closes_gap: it was signed only to use up the nonce of an intent that expired.
        sent_at: since when nodes hold the newest attempt.
        receipt: of the attempt that is in a block.
        confirmations: blocks from its own to the head, both counted; 0 while in none.
        reason: why it is not where it should be, in snake_case.
        version: of the stored state, raised by each change.
    """

    id: str
    chain_id: int
    state: TransferState
    expires_at: datetime
    attempts: tuple[Attempt, ...] = ()
    closes_gap: bool = False
    sent_at: datetime | None = None
    receipt: Receipt | None = None
    confirmations: int = 0
    reason: str | None = None
    version: int = 0

    @property
    def sender(self) -> str:
        """Who pays; only for what is signed."""
        return self.attempts[0].transaction.sender

    @property
    def nonce(self) -> int:
        """What all attempts share; only for what is signed."""
        return self.attempts[0].transaction.nonce


class Purpose(StrEnum):
    """What a quote asks a signer for. The words are exchanged; never rename."""

    TRANSFER = "transfer"
    REPLACEMENT = "replacement"  # of what is stuck, by the same with higher fees
    GAP = "gap"  # to use up the nonce of what expired


@dataclass(frozen=True)
class WantedTransfer:
    """A transfer as it was asked for.

    Attributes:
        id: the intent's.
        chain_id: the chain's.
        sender: who pays.
        contract: of the token; None for the chain's own coin.
        to: who is paid.
        units: smallest units.
        created_at: when it was asked for.
        expires_at: until then it may be signed.
        approved_at: when a second person approved it; None where nobody has.
    """

    id: str
    chain_id: int
    sender: str
    contract: str | None
    to: str
    units: int
    created_at: datetime
    expires_at: datetime
    approved_at: datetime | None = None


@dataclass(frozen=True)
class TransferQuote:
    """What a chain says to a transfer.

    Attributes:
        observed_at: the time of the block that balances and nonce are of.
        nonce_floor: transactions of the sender up to that block.
        gas_limit: gas.
        fee: what it should offer, within its ceilings.
        native_balance: of the sender, wei.
        asset_balance: of the sender, smallest units of the asset.
    """

    observed_at: datetime
    nonce_floor: int
    gas_limit: int
    fee: Fee
    native_balance: int
    asset_balance: int


def transfer_call(asset: Asset, to: str, units: int) -> tuple[str, int, bytes]:
    """What a transaction holds that moves an asset.

    Args:
        asset: the coin or token.
        to: the payee.
        units: smallest units, above 0.

    Returns:
        Its ``to``, ``value`` in wei and ``data``.

    Raises:
        InvalidInputError: the payee is no address, or there is no such amount.
    """
    payee = bytes.fromhex(check_address(to)[2:])
    if not 0 < units <= MOST_UNITS:
        raise InvalidInputError("a transfer moves more than nothing, and no more than there can be")
    if asset.contract is None:
        return to, units, b""
    data = TRANSFER_SELECTOR + payee.rjust(32, b"\0") + units.to_bytes(32, "big")
    return asset.contract, 0, data


def expired(transfer: FollowedTransfer, at: datetime) -> FollowedTransfer:
    """The transfer at an instant: what is not signed in time never will be."""
    waits = transfer.state is TransferState.QUOTED and not transfer.attempts
    if waits and at >= transfer.expires_at:
        return replace(transfer, state=TransferState.EXPIRED)
    return transfer


def advanced(transfer: FollowedTransfer, view: ChainView, chain: Chain) -> FollowedTransfer:
    """The transfer as the chain stands; what was thought of it before is forgotten.

    A block that is no longer part of the chain takes its receipt with it: the transfer is pending
    again, or dropped.
    """
    if transfer.state in CLOSED or not transfer.attempts:
        return transfer
    receipt = _receipt(transfer, view)
    if receipt is not None:
        return _mined(transfer, receipt, view.head, chain)
    back = replace(transfer, receipt=None, confirmations=0)
    if view.settled[transfer.sender] > transfer.nonce:
        return replace(back, state=TransferState.REPLACED, reason=NONCE_USED)
    if any(view.sightings[attempt.tx_hash].pending for attempt in transfer.attempts):
        # Whoever sent it may have ended before noting it.
        since = transfer.sent_at or view.head.at
        return replace(back, state=TransferState.BROADCAST, sent_at=since, reason=None)
    was_sent = transfer.sent_at is not None or transfer.receipt is not None
    state = TransferState.DROPPED if was_sent else TransferState.SIGNED
    reason = NONCE_USED if view.used[transfer.sender] > transfer.nonce else transfer.reason
    return replace(back, state=state, reason=reason)


def to_send(transfer: FollowedTransfer, view: ChainView) -> Attempt | None:
    """What has to be sent now: the newest attempt, where no node holds it and its nonce is free."""
    if transfer.state in CLOSED or not transfer.attempts or transfer.receipt is not None:
        return None
    newest = transfer.attempts[-1]
    held = view.sightings[newest.tx_hash].pending
    return None if held or view.used[transfer.sender] > transfer.nonce else newest


def sent(transfer: FollowedTransfer, rejection: Rejection | None, at: datetime) -> FollowedTransfer:
    """The transfer after its newest attempt was sent.

    Args:
        transfer: as it was.
        rejection: why no node took it; None where one did.
        at: when.
    """
    if rejection is not None:
        return replace(transfer, reason=rejection.value)
    return replace(transfer, state=TransferState.BROADCAST, sent_at=at, reason=None)


def is_stuck(
    transfer: FollowedTransfer, view: ChainView, patience: timedelta, at: datetime
) -> bool:
    """Whether nodes hold it for too long though it is its turn: its fee is too low."""
    return (
        transfer.state is TransferState.BROADCAST
        and transfer.sent_at is not None
        and at - transfer.sent_at >= patience
        and view.used[transfer.sender] == transfer.nonce
    )


def is_turned_away(transfer: FollowedTransfer, view: ChainView) -> bool:
    """Whether no node takes it for its fee though it is its turn: sending it again may not do."""
    return (
        transfer.state in {TransferState.SIGNED, TransferState.DROPPED}
        and transfer.reason == Rejection.UNDERPRICED.value
        and view.used[transfer.sender] == transfer.nonce
    )


def missing_nonces(transfers: Iterable[FollowedTransfer], view: ChainView) -> dict[str, list[int]]:
    """Nonces that open transfers wait for and that none of them has, by sender."""
    held: dict[str, set[int]] = {}
    for one in transfers:
        if one.attempts and one.state not in CLOSED:
            held.setdefault(one.sender, set()).add(one.nonce)
    gaps = {
        sender: [nonce for nonce in range(view.used[sender], max(nonces)) if nonce not in nonces]
        for sender, nonces in held.items()
    }
    return {sender: nonces for sender, nonces in gaps.items() if nonces}


def _receipt(transfer: FollowedTransfer, view: ChainView) -> Receipt | None:
    found = (view.sightings[attempt.tx_hash].receipt for attempt in transfer.attempts)
    return next((receipt for receipt in found if receipt is not None), None)


def _mined(
    transfer: FollowedTransfer, receipt: Receipt, head: Block, chain: Chain
) -> FollowedTransfer:
    confirmations = head.number - receipt.block_number + 1
    reason = _failure(transfer, receipt)
    if confirmations < chain.confirmations:
        state = TransferState.MINED
    elif reason is not None:
        state = TransferState.FAILED
    elif transfer.closes_gap:
        state, reason = TransferState.EXPIRED, GAP_CLOSED
    else:
        state = TransferState.FINAL
    return replace(
        transfer, state=state, receipt=receipt, confirmations=confirmations, reason=reason
    )


def _failure(transfer: FollowedTransfer, receipt: Receipt) -> str | None:
    if not receipt.succeeded:
        return REVERTED
    meant = transfer.attempts[0].transaction  # replacements differ in their fees alone
    if not meant.data or _moved_as_meant(meant, receipt):
        return None
    return NOTHING_MOVED


def _moved_as_meant(meant: Transaction, receipt: Receipt) -> bool:
    """Some tokens answer false in the place of reverting: only their log tells what they moved."""
    payee, units = "0x" + meant.data[16:36].hex(), int.from_bytes(meant.data[36:68], "big")
    return any(
        same_address(moved.contract, meant.to)
        and same_address(moved.sender, meant.sender)
        and same_address(moved.to, payee)
        and moved.units == units
        for moved in receipt.moved
    )
