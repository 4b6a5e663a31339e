"""The desk over the signer's tables, whichever store they are in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol

from betting_ai.adapters.wallet.documents import (
    attempts_of,
    balances_of,
    balances_text,
    closes_gap,
    quote_of,
    state_of,
    state_text,
    wanted_of,
)
from betting_ai.clock import Clock
from betting_ai.domain.transfers import (
    CLOSED,
    FollowedTransfer,
    TransferState,
    WantedTransfer,
)
from betting_ai.errors import StorageUnavailableError, TransferConflictError
from betting_ai.ports.chain import Balances
from betting_ai.ports.transfers import Asking, TransferRefusal
from betting_signer.contract import Approval, Intent, MalformedError, Quote, Refused, Signed
from betting_signer.store import ConflictError, StoreError

LAPSED_FOR: Final = timedelta(days=1)
"""So long after it expired something is looked at again: it may have been signed at the last."""


class Rows(Protocol):
    """What a store of the signer keeps for the desk beside its own; every read is consistent.

    Every method may raise `betting_signer.store.StoreError`.
    """

    def intent(self, intent_id: str) -> tuple[str, str] | None:
        """(text, stamp) of an intent as it was put."""

    def approval(self, request_hash: str) -> tuple[str, bool] | None:
        """(text, whether it was used) of the approval of a request."""

    def holder(self, address: str, chain_id: int, nonce: int) -> str | None:
        """Id of the intent that a nonce belongs to."""

    def put_quote(self, quote: Quote) -> bool:
        """Put a quote, once; says whether it is new."""

    def holds_quote(self, intent_id: str, quote_id: str) -> bool:
        """Whether a quote was put."""

    def signatures(self, intent_id: str) -> list[Signed]:
        """All that was signed for an intent, in order of the attempts."""

    def refused(self, intent_id: str) -> Refused | None:
        """Why an intent was refused last."""

    def new_intents(self) -> list[str]:
        """Ids of intents without a row, where the store can tell."""

    def listed(self) -> tuple[list[str], list[str]]:
        """Ids of what is open or not reported yet, and of what lapsed."""

    def list_open(self, transfer_id: str) -> None:
        """Take an id among the open ones, and out of the lapsed."""

    def unlist(self, transfer_id: str, *, lapsed: bool) -> None:
        """Take an id out of both; among the lapsed where it is one."""

    def row(self, transfer_id: str) -> tuple[int, str] | None:
        """(version, text) of a state."""

    def put_row(self, transfer_id: str, version: int, body: str) -> None:
        """Keep a state; the one before it must be a version older, of version 1 none.

        Raises:
            ConflictError: it is not.
        """

    def put_balance(self, address: str, block: int, body: str) -> None:
        """Keep balances, where there are none of a later block."""

    def balance(self, address: str) -> str | None:
        """Balances as they were kept."""


@contextmanager
def _asked() -> Iterator[None]:
    """Failures of the store in the product's own words."""
    why = ""
    try:
        yield
    except ConflictError:
        raise
    except StoreError as error:
        why = str(error)
    except MalformedError as error:
        why = f"what it holds is malformed ({error})"
    if why:
        raise StorageUnavailableError(f"the wallet's store cannot be used: {why}")


@dataclass(frozen=True)
class WalletDesk:
    """`betting_ai.ports.transfers.TransferDesk` of one wallet.

    An id is listed as open before its state is kept, and unlisted after that was handed over:
    whoever is killed in between leaves something to do, and nothing undone.

    Attributes:
        rows: of the store.
        address: the wallet's.
        chain_id: of its chain.
        clock: tells when something expired long ago.
    """

    rows: Rows
    address: str
    chain_id: int
    clock: Clock

    def new(self) -> Sequence[str]:
        """Intents that nobody follows, where the store can tell."""
        with _asked():
            return self.rows.new_intents()

    def begin(self, transfer_id: str) -> bool:
        """Start to follow an intent of this wallet, once."""
        with _asked():
            if self.rows.row(transfer_id) is not None:
                return True
            wanted = self.wanted(transfer_id)
            if wanted is None:
                return False
            self.rows.list_open(transfer_id)
            first = FollowedTransfer(
                wanted.id, wanted.chain_id, TransferState.QUOTED, wanted.expires_at
            )
            try:
                self.rows.put_row(transfer_id, 1, state_text(first))
            except ConflictError:  # another began it at the same time
                return True
        return True

    def wanted(self, transfer_id: str) -> WantedTransfer | None:
        """What was asked for; None where it cannot be read, or is another wallet's."""
        with _asked():
            found = self.rows.intent(transfer_id)
            if found is None:
                return None
            try:
                intent = Intent.loads(found[0])
            except MalformedError:
                return None
            mine = (transfer_id, self.address, self.chain_id)
            if (intent.intent_id, intent.sender, intent.chain_id) != mine:
                return None
            return wanted_of(intent, self._approval(intent))

    def _approval(self, intent: Intent) -> Approval | None:
        found = self.rows.approval(intent.request_hash)
        if found is None:
            return None
        try:
            return Approval.loads(found[0])
        except MalformedError:  # the signer refuses it
            return None

    def find(self, transfer_id: str) -> FollowedTransfer | None:
        """A transfer in whatever state, with every attempt."""
        with _asked():
            row = self.rows.row(transfer_id)
            wanted = self.wanted(transfer_id)
            if row is None or wanted is None:
                return None
            version, text = row
            signatures = self.rows.signatures(transfer_id)
        attempts = attempts_of(wanted, signatures)
        return state_of(text, version, attempts, gap=closes_gap(signatures))

    def refusal(self, transfer_id: str) -> TransferRefusal | None:
        """Why it was refused last."""
        with _asked():
            found = self.rows.refused(transfer_id)
        return None if found is None else TransferRefusal(found.code, found.refused_at)

    def open(self) -> Sequence[FollowedTransfer]:
        """All that is not closed; also what lapsed and was signed nevertheless.

        What lapsed long ago is not looked at any more.
        """
        with _asked():
            ids, lapsed = self.rows.listed()
        found = [one for one in map(self._begun, ids) if one and one.state not in CLOSED]
        for transfer_id in lapsed:
            one = self.find(transfer_id)
            if one is not None and one.state not in CLOSED:
                with _asked():
                    self.rows.list_open(transfer_id)
                found.append(one)
            elif one is None or one.expires_at < self.clock.now() - LAPSED_FOR:
                with _asked():
                    self.rows.unlist(transfer_id, lapsed=False)
        return found

    def _begun(self, transfer_id: str) -> FollowedTransfer | None:
        """An open one; who listed it may have ended before its state was kept."""
        found = self.find(transfer_id)
        if found is None and self.begin(transfer_id):
            found = self.find(transfer_id)
        return found

    def save(self, transfer: FollowedTransfer) -> FollowedTransfer:
        """Keep what has changed."""
        kept = replace(transfer, version=transfer.version + 1)
        try:
            with _asked():
                if transfer.state is TransferState.REPLACED and len(transfer.attempts) != len(
                    self.rows.signatures(transfer.id)
                ):
                    # What was signed, sent and mined meanwhile is no stranger's.
                    raise TransferConflictError("another attempt was signed since it was read")
                self.rows.put_row(transfer.id, kept.version, state_text(kept))
        except ConflictError:
            raise TransferConflictError("the transfer changed since it was read") from None
        return kept

    def listed(self) -> Sequence[str]:
        """Ids of all that was not handed over yet, followed or not."""
        with _asked():
            return [*self.rows.listed()[0], *self.rows.new_intents()]

    def unreported(self) -> Sequence[FollowedTransfer]:
        """Closed transfers that were not handed over yet."""
        with _asked():
            ids, _ = self.rows.listed()
        found = (self.find(transfer_id) for transfer_id in ids)
        return [one for one in found if one is not None and one.state in CLOSED]

    def reported(self, transfer: FollowedTransfer) -> None:
        """Note that a closed transfer was handed over."""
        with _asked():
            lapsed = transfer.state is TransferState.EXPIRED and not transfer.attempts
            self.rows.unlist(transfer.id, lapsed=lapsed)

    def holding(self, nonce: int) -> FollowedTransfer | None:
        """The transfer that a nonce of the wallet was given to, in whatever state."""
        with _asked():
            transfer_id = self.rows.holder(self.address, self.chain_id, nonce)
        return self.find(transfer_id) if transfer_id else None

    def lapsed(self, nonce: int) -> FollowedTransfer | None:
        """The transfer that a nonce of the wallet was given to, where it expired unsigned."""
        one = self.holding(nonce)
        unsigned = one is not None and one.state is TransferState.EXPIRED and not one.attempts
        if one is None or (one.state in CLOSED and not unsigned):
            return None
        with _asked():
            self.rows.list_open(one.id)  # what was signed meanwhile, or will be, is found there
        return one if unsigned else None

    def asked(self, transfer_id: str, quote_id: str) -> bool:
        """Whether a quote was put."""
        with _asked():
            return self.rows.holds_quote(transfer_id, quote_id)

    def ask(self, asking: Asking) -> bool:
        """Put a quote for the signer, once."""
        with _asked():
            return self.rows.put_quote(quote_of(asking))

    def put_balances(self, balances: Balances) -> None:
        """Keep what an address holds."""
        with _asked():
            self.rows.put_balance(balances.address, balances.block.number, balances_text(balances))

    def balances(self, address: str) -> Balances | None:
        """What an address held at the newest block that was kept."""
        with _asked():
            text = self.rows.balance(address)
        return None if text is None else balances_of(text)
