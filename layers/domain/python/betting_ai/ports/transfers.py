"""Where transfers are asked for, and where their states are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from betting_ai.domain.transfers import FollowedTransfer, Purpose, TransferQuote, WantedTransfer
from betting_ai.ports.chain import Balances


@dataclass(frozen=True)
class TransferRefusal:
    """Why a signer did not sign, the last time that it was asked.

    Attributes:
        code: in snake_case; it tells of no limit and no balance.
        at: when.
    """

    code: str
    at: datetime


class TransferStates(Protocol):
    """Transfers that are not closed yet, and the attempts that were signed for them.

    A read is strongly consistent: a signed attempt that is left out would be taken for a stranger's
    use of the nonce.
    """

    def open(self) -> Sequence[FollowedTransfer]:
        """All whose state is not `CLOSED`, each with every attempt that was signed for it.

        Raises:
            StorageUnavailableError: they cannot be read now.
        """
        ...

    def save(self, transfer: FollowedTransfer) -> FollowedTransfer:
        """Keep what has changed, if nobody else has changed it since: its version is compared.

        Returns:
            The transfer with its new version.

        Raises:
            TransferConflictError: somebody has.
            StorageUnavailableError: it cannot be kept now.
        """
        ...


@dataclass(frozen=True)
class Asking:
    """A quote as a signer is asked with it.

    Attributes:
        id: of the quote; the same id for the same transfer is put once.
        transfer_id: the intent's.
        chain_id: the chain that was asked.
        purpose: what for.
        quote: what the chain says.
    """

    id: str
    transfer_id: str
    chain_id: int
    purpose: Purpose
    quote: TransferQuote


class TransferDesk(TransferStates, Protocol):
    """Intents, the quotes that answer them, and what became of each.

    Every method may raise StorageUnavailableError.
    """

    def new(self) -> Sequence[str]:
        """Intents that nobody follows, where the store can tell; else who puts one says so."""
        ...

    def begin(self, transfer_id: str) -> bool:
        """Start to follow an intent of this wallet, once.

        Returns:
            Whether it is followed; not where there is none that can be read, or it is another
            wallet's.
        """
        ...

    def wanted(self, transfer_id: str) -> WantedTransfer | None:
        """What was asked for; None where it cannot be read."""
        ...

    def find(self, transfer_id: str) -> FollowedTransfer | None:
        """A transfer in whatever state, with every attempt; None where it is not followed."""
        ...

    def refusal(self, transfer_id: str) -> TransferRefusal | None:
        """Why it was refused last, which anything that was signed since outweighs."""
        ...

    def listed(self) -> Sequence[str]:
        """Ids of all that was not handed over yet, followed or not; changes nothing."""
        ...

    def unreported(self) -> Sequence[FollowedTransfer]:
        """Closed transfers that were not handed over yet."""
        ...

    def reported(self, transfer: FollowedTransfer) -> None:
        """Note that a closed transfer was handed over."""
        ...

    def lapsed(self, nonce: int) -> FollowedTransfer | None:
        """The transfer that a nonce of the wallet was given to, where it expired unsigned.

        What is signed for it from now on is found, however long ago it expired.
        """
        ...

    def holding(self, nonce: int) -> FollowedTransfer | None:
        """The transfer that a nonce of the wallet was given to, in whatever state."""
        ...

    def asked(self, transfer_id: str, quote_id: str) -> bool:
        """Whether a quote was put."""
        ...

    def ask(self, asking: Asking) -> bool:
        """Put a quote for the signer, once; says whether it is new."""
        ...

    def put_balances(self, balances: Balances) -> None:
        """Keep what an address holds; what is of an earlier block does not replace a later one."""
        ...

    def balances(self, address: str) -> Balances | None:
        """What an address held at the newest block that was kept."""
        ...


class TransferWishes(Protocol):
    """Where a transfer is asked for, in the name of one requester."""

    def payee(self, text: str) -> str:
        """An address with its checksum; one without capitals or without small letters has none.

        Raises:
            InvalidInputError: it is none, its checksum is wrong, or nobody has it.
        """
        ...

    def put(self, wanted: WantedTransfer) -> WantedTransfer:
        """Ask, once for each id; the signer decides.

        Returns:
            What was asked for first under its id.

        Raises:
            StorageUnavailableError: nothing is known to be kept; ask again with the same id.
        """
        ...
