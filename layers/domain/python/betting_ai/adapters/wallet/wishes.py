"""Intents, stamped in the name of one requester."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from betting_ai.adapters.wallet.documents import wanted_of
from betting_ai.domain.transfers import WantedTransfer
from betting_ai.errors import InvalidInputError, SecretError, StorageUnavailableError
from betting_signer.contract import NATIVE, NOBODY, Intent, MalformedError, checksummed
from betting_signer.store import StoreError

_SHORTEST: Final = 32  # bytes


class Intents(Protocol):
    """Of `betting_signer.store`, what a requester needs."""

    def intent(self, intent_id: str) -> tuple[str, str] | None:
        """(text, stamp) of an intent as it was put."""

    def put_intent(self, intent: Intent, stamp: str) -> bool:
        """Put an intent, once; says whether it is new."""


@dataclass(frozen=True)
class StampedWishes:
    """`betting_ai.ports.transfers.TransferWishes`.

    Attributes:
        store: of intents.
        requester: as the policy names whoever asks.
        secret: what the signer knows the requester by.
    """

    store: Intents
    requester: str
    secret: bytes = field(repr=False)

    def payee(self, text: str) -> str:
        """An address with its checksum."""
        try:
            good = checksummed(text)
        except MalformedError:
            raise InvalidInputError("an address is 0x and forty hexadecimal digits") from None
        if good == NOBODY:
            raise InvalidInputError("nobody has this address: what is sent there is lost")
        digits = text[2:]
        if text != good and digits not in {digits.lower(), digits.upper()}:
            raise InvalidInputError(
                "the checksum of this address is wrong: a letter or digit was mistyped"
            )
        return good

    def put(self, wanted: WantedTransfer) -> WantedTransfer:
        """Ask, once for each id."""
        intent = Intent(
            operation="transfer",
            intent_id=wanted.id,
            requester=self.requester,
            created_at=wanted.created_at,
            expires_at=wanted.expires_at,
            chain_id=wanted.chain_id,
            sender=wanted.sender,
            asset=wanted.contract or NATIVE,
            to=wanted.to,
            amount=wanted.units,
        )
        kept = None
        try:
            if self.store.put_intent(intent, intent.stamp(self.secret)):
                return wanted
            kept = self.store.intent(intent.intent_id)
            if kept is not None:
                return wanted_of(Intent.loads(kept[0]))
        except (StoreError, MalformedError):
            pass
        raise StorageUnavailableError("the wallet's store cannot be used now; ask again")


def secret_in(text: str, requester: str) -> bytes:
    """The secret to stamp with: the first of a requester's.

    Args:
        text: ``{"api": ["...", "..."]}``, as the signer reads it.
        requester: whose.

    Raises:
        SecretError: there is none, or it is shorter than 32 bytes.
    """
    try:
        found = json.loads(text)[requester][0].encode()
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        found = b""
    if len(found) < _SHORTEST:
        raise SecretError(f"there is no secret of at least 32 bytes for the requester {requester}")
    return bytes(found)


def private_file(path: Path) -> str:
    """The text of a file that only its owner may read.

    Raises:
        SecretError: there is none, or others may read it.
    """
    try:
        with path.open() as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and not mode & 0o077:
                return file.read()
    except (OSError, UnicodeError):
        raise SecretError(f"{path} cannot be read") from None
    raise SecretError(f"{path} may be read by others: chmod 600 it")
