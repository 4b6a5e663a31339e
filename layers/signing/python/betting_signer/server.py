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

Everything that it needs is looked at before it is ready: the files, the folder, the database, and
whether the password opens the key of this address. Later on it waits for what fails, and goes on.
"""

from __future__ import annotations

import getpass
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from betting_signer.contract import Code, MalformedError, Refusal, Signed
from betting_signer.copies import CopyDiffersError
from betting_signer.service import Signer
from betting_signer.setup import SetupError, signer_of
from betting_signer.signing import CustodyError
from betting_signer.store import StoreError, UnavailableError

EVERY: Final = 1.0
"""Seconds between two looks at what waits."""


@dataclass
class Loop:
    """Answers what waits, until it is told to end.

    What fails is told when it begins and when it has ended, and not at every look in between.

    Attributes:
        signer: whose store is one of PostgreSQL.
        ended: set to end it, between two quotes.
    """

    signer: Signer
    ended: threading.Event
    _failing: set[tuple[str, str]] = field(default_factory=set)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def run(self, every: float = EVERY) -> None:
        """Look, answer, wait; what cannot be answered now waits for the next look."""
        while not self.ended.is_set():
            self.look()
            self.ended.wait(every)

    def look(self) -> None:
        """Answer what waits now, and tell of what fails from now on, or no longer."""
        self._seen = set()
        try:
            self.once()
        except StoreError as error:
            self._fails(error)
        # Without the store nothing else was tried.
        if not any(part == "store" for part, _ in self._seen):
            for part, code in sorted(self._failing - self._seen):
                tell("info", "works again", part=part, code=code)
            self._failing = self._seen

    def _fails(self, error: Exception, **facts: str) -> None:
        """Note a failure, and tell of it where it is new."""
        one = _failed(error)
        self._seen.add(one)
        if one not in self._failing:
            self._failing.add(one)
            part, code = one
            tell("error", "failed", part=part, code=code, error=type(error).__name__, **facts)

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
            self._fails(error, quote=quote)
            return False
        if isinstance(outcome, Signed):
            tell("info", "signed", quote=quote, attempt=outcome.attempt, hash=outcome.hash)
        elif isinstance(outcome, Refusal):
            tell("warning", "refused", quote=quote, **outcome.content())
            return outcome.code is not Code.BUSY
        return True


def _failed(error: Exception) -> tuple[str, str]:
    """(which part failed, its code)."""
    if isinstance(error, CustodyError):
        return "custody", error.code
    if isinstance(error, CopyDiffersError):
        return "copies", "differs"
    if isinstance(error, UnavailableError):
        return ("copies" if str(error) == "copies" else "store"), "unavailable"
    if isinstance(error, StoreError):
        return "store", "conflict"
    if isinstance(error, MalformedError):
        return "store", "malformed"
    return "signer", type(error).__name__


def tell(level: str, message: str, **facts: object) -> None:
    """One line of the log."""
    line = {"level": level.upper(), "service": "signer", "message": message, **facts}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _report(event: str, facts: Mapping[str, Any]) -> None:
    tell("warning", event, **facts)


def _typed(prompt: str) -> str:
    """What is typed unseen at a terminal.

    Raises:
        SetupError: there is none.
    """
    with warnings.catch_warnings(), suppress(EOFError, getpass.GetPassWarning):
        warnings.simplefilter("error", getpass.GetPassWarning)
        return getpass.getpass(prompt)
    raise SetupError("SIGNER_PASSWORD_FILE is not set, and the password can be typed nowhere")


def main() -> int:
    """Sign until SIGTERM or SIGINT; 2 where it cannot be started, 130 after Ctrl-C before."""
    if len(sys.argv) > 1:
        sys.stderr.write("This takes no arguments; see SIGNER_* in its documentation.\n")
        return 2
    ended = threading.Event()
    try:
        made = signer_of(os.environ, _typed, _report)
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    tell("info", "ready", address=made.address, network=made.network)
    Loop(made, ended).run()
    return 0
