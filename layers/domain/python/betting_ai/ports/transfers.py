"""Where the states of transfers are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from betting_ai.domain.transfers import FollowedTransfer


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
