"""Where the key is kept. It is read for one signature, and never given out.

The key does enter this process's memory, and Python cannot promise to wipe it; what is promised
is that no value, error, log or file of this package has it.

eth_account, which knows keystores, is loaded where one is read or a key is made: the function that
signs does neither, and does not have it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from betting_signer.contract import MalformedError, Transaction, document
from betting_signer.signing import CustodyError, sign_with

_KEY: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{64})", re.ASCII)
_SHORTEST: Final = 32  # bytes of a requester's secret


class Custody(Protocol):
    """Whoever can use a key."""

    def sign(self, address: str, transaction: Transaction) -> bytes | None:
        """The signed bytes of a transaction; None where there is no key by design.

        Raises:
            CustodyError: it was not signed.
        """


Requesters = Callable[[str], tuple[bytes, ...]]
"""The secrets that a requester may stamp with; none for whoever is unknown. Two while they change.

Raises `CustodyError` where they cannot be read.
"""


@dataclass(frozen=True)
class Keyless:
    """No key: everything is decided, reserved and recorded, and nothing is signed."""

    def sign(self, address: str, transaction: Transaction) -> None:
        """Nothing."""


@dataclass(frozen=True)
class SecretsManagerCustody:
    """The key as the text of a secret: 64 hexadecimal digits.

    Attributes:
        client: of Secrets Manager.
        secret_id: ARN of the secret.
    """

    client: Any
    secret_id: str

    def sign(self, address: str, transaction: Transaction) -> bytes:
        """Read the key, and sign."""
        return sign_with(_key(_secret(self.client, self.secret_id)), address, transaction)


@dataclass(frozen=True)
class SecretsManagerRequesters:
    """The requesters' secrets as one: ``{"api": ["...", "..."]}``.

    Attributes:
        client: of Secrets Manager.
        secret_id: ARN of the secret.
    """

    client: Any
    secret_id: str

    def __call__(self, requester: str) -> tuple[bytes, ...]:
        """The secrets of a requester."""
        return stamps_of(_secret(self.client, self.secret_id), requester)


@dataclass(frozen=True)
class KeystoreCustody:
    """The key in an encrypted file of the format V3, which only its owner may read.

    Attributes:
        path: of the file.
        password: asked for it at every signature.
    """

    path: Path
    password: Callable[[], str]

    def sign(self, address: str, transaction: Transaction) -> bytes:
        """Decrypt the key, and sign."""
        return sign_with(self._key(), address, transaction)

    def address(self) -> str:
        """Whose key it is; it is decrypted for that, and not kept.

        Raises:
            CustodyError: the file cannot be read, is no keystore, or has another password.
        """
        return address_of(self._key().hex())

    def _key(self) -> bytes:
        key, code = None, "malformed"
        try:
            key = bytes(_account().decrypt(json.loads(private_text(self.path)), self.password()))
        except CustodyError:
            raise
        except Exception as error:  # whatever else it is, it is not told
            if str(error) == "MAC mismatch":  # what eth_keyfile says to a wrong password
                code = "password"
        if key is None:
            raise CustodyError(code)
        return key


def new_key() -> tuple[str, str]:
    """(text of a new key as the custodies keep it, its address)."""
    account = _account().create()
    return account.key.hex(), account.address


def address_of(text: str) -> str:
    """The address of a key from its text.

    Raises:
        CustodyError: it is none.
    """
    found = None
    with suppress(Exception):  # whatever it is, it is not told
        found = _account().from_key(_key(text)).address
    text = ""  # of a frame that an error shows
    if found is None:
        raise CustodyError("malformed")
    return str(found)


def keystore(text: str, password: str, *, iterations: int | None = None) -> str:
    """A key as an encrypted file of the format V3.

    Args:
        text: of the key.
        password: to encrypt it with.
        iterations: of scrypt; its usual number without.

    Raises:
        CustodyError: it is no key.
    """
    made: Mapping[str, Any] | None = None
    with suppress(Exception):  # whatever it is, it is not told
        made = _account().encrypt(_key(text) or b"", password, iterations=iterations)
    text = password = ""  # of a frame that an error shows
    if made is None:
        raise CustodyError("malformed")
    return json.dumps(made)


def private_text(path: Path) -> str:
    """The text of a file that only its owner may read.

    Raises:
        CustodyError: there is none, or others may read it.
    """
    found = None
    try:
        with path.open() as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and not mode & 0o077:
                found = file.read()
    except (OSError, UnicodeError):
        pass
    if found is None:
        raise CustodyError("unavailable")
    return found


def stamps_of(text: str, requester: str) -> tuple[bytes, ...]:
    """The secrets of a requester, of the text that holds those of all.

    Raises:
        CustodyError: it is no such text, or a secret is shorter than 32 bytes.
    """
    found: tuple[bytes, ...] = ()
    good = False
    with suppress(MalformedError, AttributeError, TypeError):
        found = tuple(one.encode() for one in document(text).get(requester, ()))
        good = all(len(one) >= _SHORTEST for one in found)
    text = ""  # of a frame that an error shows
    if not good:
        found = ()
        raise CustodyError("malformed")
    return found


def hush() -> None:
    """Keep what travels to and from Secrets Manager out of botocore's log, whatever its level.

    At DEBUG it tells every body. Whoever puts a key there calls this first, too.
    """
    for name in ("botocore.parsers", "botocore.endpoint"):
        logging.getLogger(name).addFilter(_no_bodies)  # once, however often it is added


def _no_bodies(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def _account() -> Any:  # noqa: ANN401 - a library without types of its own
    """eth_account's `Account`, without what loading it does to the whole process.

    A library below it raises the limit of recursion so far that a deeply nested text ends in a
    fault of C, and not in an error.
    """
    limit = sys.getrecursionlimit()
    from eth_account import Account

    sys.setrecursionlimit(limit)
    return Account


def _secret(client: Any, secret_id: str) -> str:  # noqa: ANN401 - made at run time by boto3
    hush()
    found = None
    with suppress(Exception):  # whatever it is, it is not told
        found = client.get_secret_value(SecretId=secret_id)["SecretString"]
    if not isinstance(found, str):
        raise CustodyError("unavailable")
    return found


def _key(text: str) -> bytes | None:
    match = _KEY.fullmatch(text.strip())
    return bytes.fromhex(match[1]) if match else None
