"""Follow open transfers on their chains: send what no node holds, and note what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from betting_ai.clock import Clock
from betting_ai.domain.fees import Fee, replacement_fee
from betting_ai.domain.transfers import (
    ChainView,
    FollowedTransfer,
    TransferState,
    advanced,
    expired,
    is_stuck,
    is_turned_away,
    missing_nonces,
    sent,
    to_send,
)
from betting_ai.errors import ChainError, DomainError, TransferConflictError, WrongTransactionError
from betting_ai.ports.chain import ChainNodes
from betting_ai.ports.transfers import TransferStates


@dataclass(frozen=True)
class FollowTransfersCommand:
    """How patiently to follow.

    Attributes:
        patience: a transfer that nodes hold for longer, though it is its turn, is stuck.
    """

    patience: timedelta = timedelta(minutes=3)


@dataclass(frozen=True)
class Change:
    """A transfer that is not what it was.

    Attributes:
        before: its state until now.
        transfer: as it is now, and kept.
    """

    before: TransferState
    transfer: FollowedTransfer


@dataclass(frozen=True)
class Stuck:
    """A transfer that waits though it is its turn, or that no node takes for its fee.

    Attributes:
        transfer: which.
        fee: what its replacement has to offer.
    """

    transfer: FollowedTransfer
    fee: Fee


@dataclass(frozen=True)
class Gap:
    """A nonce that later transfers wait for and that none of them has.

    Attributes:
        chain_id: the chain's.
        sender: whose.
        nonce: it.
    """

    chain_id: int
    sender: str
    nonce: int


@dataclass(frozen=True)
class Trouble:
    """Why a chain or a transfer could not be followed this time; all others were.

    Attributes:
        chain_id: the chain's.
        error: what was wrong.
        transfer_id: None where it is the whole chain.
    """

    chain_id: int
    error: DomainError
    transfer_id: str | None = None


@dataclass(frozen=True)
class Followed:
    """What came of following.

    Attributes:
        seen: how many transfers were open.
        changes: those that are not what they were.
        stuck: those that need a higher fee.
        gaps: nonces that something has to be signed for.
        troubles: what could not be followed.
    """

    seen: int
    changes: tuple[Change, ...]
    stuck: tuple[Stuck, ...]
    gaps: tuple[Gap, ...]
    troubles: tuple[Trouble, ...]


class FollowTransfers:
    """Brings every open transfer to where its chain stands.

    It can be stopped anywhere and run again: a transaction is sent before that is kept, and the
    same bytes sent twice are mined once.
    """

    def __init__(
        self, states: TransferStates, chains: Mapping[int, ChainNodes], clock: Clock
    ) -> None:
        self._states = states
        self._chains = chains
        self._clock = clock

    def __call__(self, command: FollowTransfersCommand) -> Followed:
        """Follow all of them once.

        Returns:
            What has changed, and what was in the way. Trouble with one chain or transfer does not
            keep the others waiting.

        Raises:
            StorageUnavailableError: states cannot be read or kept.
        """
        at = self._clock.now()
        found = self._states.open()
        round_ = _Round(self._states, command.patience, at)
        for transfer in found:
            round_.keep(transfer, expired(transfer, at))
        signed = [one for one in found if one.attempts]
        for chain_id in sorted({one.chain_id for one in signed}):
            nodes = self._chains.get(chain_id)
            theirs = [one for one in signed if one.chain_id == chain_id]
            if nodes is None:
                error = ChainError(f"no endpoint of chain {chain_id} is configured")
                round_.troubles.append(Trouble(chain_id, error))
                continue
            try:
                round_.follow(theirs, nodes)
            except ChainError as error:
                round_.troubles.append(Trouble(chain_id, error))
        return Followed(
            len(found),
            tuple(round_.changes),
            tuple(round_.stuck),
            tuple(round_.gaps),
            tuple(round_.troubles),
        )


class _Round:
    """One time of following, and what it has found."""

    def __init__(self, states: TransferStates, patience: timedelta, at: datetime) -> None:
        self._states = states
        self._patience = patience
        self._at = at
        self.changes: list[Change] = []
        self.stuck: list[Stuck] = []
        self.gaps: list[Gap] = []
        self.troubles: list[Trouble] = []

    def follow(self, transfers: Sequence[FollowedTransfer], nodes: ChainNodes) -> None:
        """Follow the signed transfers of one chain."""
        wanted = {
            attempt.tx_hash: transfer.sender
            for transfer in transfers
            for attempt in transfer.attempts
        }
        view = nodes.view(wanted)
        now = [
            self._follow_one(transfer, view, nodes)
            # In the order of their nonces, or nodes would see gaps that are none.
            for transfer in sorted(transfers, key=lambda one: (one.sender, one.nonce))
        ]
        for sender, missing in missing_nonces(now, view).items():
            self.gaps += [Gap(nodes.chain.id, sender, nonce) for nonce in missing]
        for transfer in now:
            waits = is_stuck(transfer, view, self._patience, self._at)
            if not waits and not is_turned_away(transfer, view):
                continue
            fees = tuple(attempt.transaction.fee for attempt in transfer.attempts)
            asked = nodes.fee(fees[-1].kind)
            # What is turned away is sent again, and may be taken then: replacements are few.
            if waits or asked.exceeds(fees[-1]):
                self.stuck.append(Stuck(transfer, replacement_fee(fees, asked)))

    def _follow_one(
        self, transfer: FollowedTransfer, view: ChainView, nodes: ChainNodes
    ) -> FollowedTransfer:
        now = advanced(transfer, view, nodes.chain)
        attempt = to_send(now, view)
        if attempt is not None:
            try:
                answer = nodes.send(attempt.raw, attempt.transaction)
            except (ChainError, WrongTransactionError) as error:
                self.troubles.append(Trouble(nodes.chain.id, error, transfer.id))
            else:
                now = sent(now, answer.rejection, self._at)
        return self.keep(transfer, now)

    def keep(self, before: FollowedTransfer, now: FollowedTransfer) -> FollowedTransfer:
        """Keep a transfer where it has changed."""
        if now == before:
            return before
        try:
            kept = self._states.save(now)
        except TransferConflictError as error:
            self.troubles.append(Trouble(before.chain_id, error, before.id))
            return before
        self.changes.append(Change(before.state, kept))
        return kept
