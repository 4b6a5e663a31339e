"""The signer on a server of one's own: a process that has the key's file and nothing else to do.

    python -m betting_signer

==============================  ==================================================================
variable                        what it is
==============================  ==================================================================
``SIGNER_ADDRESS``              the wallet, checksummed
``SIGNER_NETWORK``              ``mainnet`` or ``testnet``
``SIGNER_DATABASE_URL``         ``postgresql://...``; a folder of a socket as ``?host=/its/folder``
``SIGNER_KEYSTORE``             the encrypted key (V3); only its owner may read it
``SIGNER_PASSWORD_FILE``        its password, in a file of the same kind; asked for without
``SIGNER_REQUESTERS_FILE``      ``{"requester": ["secret", ...]}``, in a file of the same kind
``SIGNER_COPIES_FOLDER``        where the audit is copied to, best on another disk
==============================  ==================================================================

The password is never an argument, and leaves the environment alone: both can be seen by others.
"""

from __future__ import annotations

import getpass
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from pg8000 import native

from betting_signer.contract import Code, MalformedError, Refusal, Signed, checksummed
from betting_signer.copies import FolderCopies
from betting_signer.custody import KeystoreCustody, private_text, stamps_of
from betting_signer.postgres import PostgresStore
from betting_signer.service import Signer
from betting_signer.signing import CustodyError
from betting_signer.store import StoreError

ROLE: Final = "betting_signer"
EVERY: Final = 1.0
"""Seconds between two looks at what waits."""

_NAMES: Final = (
    *("ADDRESS", "NETWORK", "DATABASE_URL", "KEYSTORE", "REQUESTERS_FILE", "COPIES_FOLDER"),
)


class SetupError(Exception):
    """It cannot be started so; the message has no secret."""


def connecting(url: str) -> Callable[[], Any]:
    """Makes connections that can do what the signer's role may.

    Raises:
        SetupError: the address cannot be understood; it is not quoted.
    """
    wrong = False
    try:
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        wrong = parts.scheme not in {"postgresql", "postgres"} or not parts.username
        port = parts.port or 5432
    except ValueError:
        wrong = True
    if wrong:
        raise SetupError("SIGNER_DATABASE_URL is not of the form postgresql://user@host/name")
    folder = options.get("host", "")
    place: dict[str, Any] = {"host": parts.hostname or "localhost", "port": port}
    if folder.startswith("/"):
        place = {"unix_sock": f"{folder}/.s.PGSQL.{options.get('port', port)}"}
    user = unquote(parts.username or "")
    password = unquote(parts.password) if parts.password else None
    database = unquote(parts.path.lstrip("/")) or None

    def connect() -> Any:  # noqa: ANN401 - the driver has no types
        made = native.Connection(user, database=database, password=password, **place)
        try:
            made.run(f"SET ROLE {ROLE}")
        except native.DatabaseError:
            made.close()
            raise
        return made

    return connect


def signer_of(environment: Mapping[str, str], ask: Callable[[str], str]) -> Signer:
    """The signer of an environment.

    Args:
        environment: its variables.
        ask: for the password, where no file has it.

    Raises:
        SetupError: a variable is missing or wrong, or the password is not the keystore's.
    """
    if missing := [name for name in _NAMES if not environment.get(f"SIGNER_{name}")]:
        raise SetupError(f"SIGNER_{missing[0]} is not set")
    told = {name: environment[f"SIGNER_{name}"] for name in _NAMES}
    if told["NETWORK"] not in {"mainnet", "testnet"}:
        raise SetupError("SIGNER_NETWORK is mainnet or testnet")
    try:
        good = checksummed(told["ADDRESS"]) == told["ADDRESS"]
    except MalformedError:
        good = False
    if not good:
        raise SetupError("SIGNER_ADDRESS is no address, or its checksum is wrong")
    requesters = Path(told["REQUESTERS_FILE"])
    file = environment.get("SIGNER_PASSWORD_FILE")
    if file:

        def password() -> str:
            return private_text(Path(file)).rstrip("\r\n")
    else:
        typed = ask("Password of the keystore: ")

        def password() -> str:
            return typed

    return Signer(
        address=told["ADDRESS"],
        network=told["NETWORK"],
        store=PostgresStore(connecting(told["DATABASE_URL"])),
        copies=FolderCopies(Path(told["COPIES_FOLDER"])),
        custody=KeystoreCustody(Path(told["KEYSTORE"]), password),
        requesters=lambda requester: stamps_of(private_text(requesters), requester),
        report=lambda event, facts: tell("warning", event, **facts),
    )


@dataclass(frozen=True)
class Loop:
    """Answers what waits, until it is told to end.

    Attributes:
        signer: whose store is one of PostgreSQL.
        ended: set to end it, between two quotes.
    """

    signer: Signer
    ended: threading.Event

    def run(self, every: float = EVERY) -> None:
        """Look, answer, wait; what cannot be answered now waits for the next look."""
        while not self.ended.is_set():
            try:
                self.once()
            except StoreError as error:
                tell("error", "failed", error=type(error).__name__)
            self.ended.wait(every)

    def once(self) -> int:
        """Answer what waits now; says how many were answered.

        Raises:
            StoreError: the store cannot be asked.
        """
        store: Any = self.signer.store
        done = 0
        for intent_id, quote_id, text in store.waiting_quotes():
            if self.ended.is_set():
                break
            if self._answer(f"{intent_id}#{quote_id}", text):
                store.answered(intent_id, quote_id)
                done += 1
        return done

    def _answer(self, quote: str, text: str) -> bool:
        """Answer one quote; says whether that was the last of it."""
        try:
            outcome = self.signer.sign(text)
        except Exception as error:
            code = str(getattr(error, "code", ""))
            tell("error", "failed", quote=quote, error=type(error).__name__, code=code)
            return False
        if isinstance(outcome, Signed):
            tell("info", "signed", quote=quote, attempt=outcome.attempt, hash=outcome.hash)
        elif isinstance(outcome, Refusal):
            tell("warning", "refused", quote=quote, **outcome.content())
            return outcome.code is not Code.BUSY
        return True


def tell(level: str, message: str, **facts: object) -> None:
    """One line of the log."""
    line = {"level": level.upper(), "service": "signer", "message": message, **facts}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Sign until SIGTERM or SIGINT; 2 where it cannot be started."""
    if len(sys.argv) > 1:
        sys.stderr.write("This takes no arguments; see SIGNER_* in its documentation.\n")
        return 2
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        made = signer_of(os.environ, getpass.getpass)
    except (SetupError, CustodyError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    tell("info", "ready", address=made.address, network=made.network)
    Loop(made, ended).run()
    return 0
