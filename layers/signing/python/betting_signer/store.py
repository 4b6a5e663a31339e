"""Where the signer's state is kept: what every store promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from betting_signer.contract import Approval, Intent, Quote, Refused, Signed
from betting_signer.state import Control, Head, Reservation


class StoreError(Exception):
    """Nothing is known to be kept; the message never holds what was sent."""


class ConflictError(StoreError):
    """Another was first: nothing was changed, and what was read is old."""


class UnavailableError(StoreError):
    """The store cannot be asked, or did not say what became of it; read before trying again."""


@dataclass(frozen=True)
class Commit:
    """A decision: everything in it is kept together, or nothing.

    Attributes:
        head: the new one; the one in the store must be a version older.
        line: of the audit, under the head's number, where there is none yet.
        reservation: new, or with one more attempt; the one in the store must be a version older.
            The nonce of a new one must belong to nobody.
        uses_approval: hash of the request whose approval, not yet used, is used up.
        unsigned: number of the attempt that must not have been signed.
        refused: what whoever asked is told, in the place of what they were told before.
    """

    head: Head
    line: str
    reservation: Reservation | None = None
    uses_approval: str | None = None
    unsigned: int | None = None
    refused: Refused | None = None


class Store(Protocol):
    """What the signer reads and writes. Every read sees all that was written before it.

    Every method may raise `UnavailableError`.
    """

    def intent(self, intent_id: str) -> tuple[str, str] | None:
        """(text, stamp) of an intent as it was put."""

    def approval(self, request_hash: str) -> tuple[str, bool] | None:
        """(text, whether it was used) of the approval of a request."""

    def control(self) -> str | None:
        """The text of the switch."""

    def policy(self) -> str | None:
        """The text of the policy."""

    def head(self, address: str) -> Head:
        """The head of a wallet; of version 0 before the first decision."""

    def reservation(self, intent_id: str) -> Reservation | None:
        """What an intent has reserved."""

    def holder(self, address: str, chain_id: int, nonce: int) -> str | None:
        """Id of the intent that a nonce belongs to."""

    def commit(self, commit: Commit) -> None:
        """Keep a decision.

        Raises:
            ConflictError: something is not as the commit says it must be.
        """

    def signed(self, intent_id: str, attempt: int) -> Signed | None:
        """What was signed as an attempt of an intent."""

    def put_signed(self, signed: Signed, version: int) -> None:
        """Keep a signature, once.

        Raises:
            ConflictError: the attempt was signed already, or the reservation is of another
                version: the signature must be thrown away.
        """

    def refused(self, intent_id: str) -> Refused | None:
        """Why an intent was refused last; what was signed since outweighs it."""

    def audit(self, address: str, first: int, last: int) -> Iterator[str]:
        """Lines of the audit, from one number to another; ends where one is missing."""


class Desk(Protocol):
    """What others write and the signer reads. Every method may raise `UnavailableError`."""

    def put_intent(self, intent: Intent, stamp: str) -> bool:
        """Put an intent, once; says whether it is new. By the requester's role."""

    def put_approval(self, approval: Approval) -> bool:
        """Put an approval, once; says whether it is new. By the approver's role."""

    def put_quote(self, quote: Quote) -> bool:
        """Put a quote, once; says whether it is new. By the role that sends transactions."""

    def set_policy(self, text: str) -> None:
        """Put a policy, which counts only once its hash is approved. By an operator."""

    def set_control(self, control: Control) -> None:
        """Turn the switch. By the policy's approver."""
