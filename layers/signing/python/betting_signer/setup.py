"""What the signer on a server of one's own needs, looked at before it says that it is ready."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from pg8000 import native

from betting_signer.contract import MalformedError, checksummed, document
from betting_signer.copies import FolderCopies
from betting_signer.custody import KeystoreCustody, private_text, stamps_of
from betting_signer.postgres import PostgresStore
from betting_signer.service import Signer
from betting_signer.signing import CustodyError

ROLE: Final = "betting_signer"
_NAMES: Final = (
    *("ADDRESS", "NETWORK", "DATABASE_URL", "KEYSTORE", "REQUESTERS_FILE", "COPIES_FOLDER"),
)


_TABLES: Final = (
    *("intents", "approvals", "quotes", "control", "policy", "heads", "audit", "reservations"),
    *("signed", "refusals"),
)
"""Of ``schema.sql``, what the signer reads."""

_TELL_TABLES: Final = "run `betting-ai wallet tables` as whoever may make roles"


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


def signer_of(
    environment: Mapping[str, str],
    ask: Callable[[str], str],
    report: Callable[[str, Mapping[str, Any]], None],
) -> Signer:
    """The signer of an environment.

    Args:
        environment: its variables.
        ask: for the password, where no file has it.
        report: takes what is worth knowing beside its answers.

    Raises:
        SetupError: a variable is missing or wrong, what it names cannot be used, the password is
            not the keystore's, or the key is another wallet's.
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
    connect = connecting(told["DATABASE_URL"])
    requesters = Path(told["REQUESTERS_FILE"])
    _check_requesters(requesters)
    key = Path(told["KEYSTORE"])
    _check_keystore(key)
    copies = FolderCopies(Path(told["COPIES_FOLDER"]))
    _check_copies(copies)
    _check_database(connect)
    custody = KeystoreCustody(key, _password(environment.get("SIGNER_PASSWORD_FILE"), ask))
    _check_key(custody, told["ADDRESS"])
    return Signer(
        address=told["ADDRESS"],
        network=told["NETWORK"],
        store=PostgresStore(connect),
        copies=copies,
        custody=custody,
        requesters=lambda requester: stamps_of(private_text(requesters), requester),
        report=report,
    )


def _password(file: str | None, ask: Callable[[str], str]) -> Callable[[], str]:
    """Tells the password: of the file, whenever it is needed, or as it was typed once."""
    if file:
        path = Path(file)
        _private("SIGNER_PASSWORD_FILE", path)
        return lambda: private_text(path).rstrip("\r\n")
    typed = ask("Password of the keystore: ")
    return lambda: typed


def _private(setting: str, path: Path) -> str:
    """The text of a file that only its owner may read, or what is wrong with it."""
    with suppress(CustodyError):
        return private_text(path)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        why = f"{path} cannot be read: {error.strerror}"
    else:
        why = f"{path} cannot be read as text"
        if not stat.S_ISREG(mode):
            why = f"{path} is no file"
        elif mode & 0o077:
            why = f"others may read {path}: chmod 600 it"
    raise SetupError(f"{setting}: {why}")


def _check_requesters(path: Path) -> None:
    text = _private("SIGNER_REQUESTERS_FILE", path)
    good = False
    with suppress(CustodyError, MalformedError):
        good = sum(len(stamps_of(text, requester)) for requester in document(text)) > 0
    text = ""  # of a frame that an error shows
    if not good:
        form = '{"api": ["a secret of 32 bytes or more"]}'
        raise SetupError(f"SIGNER_REQUESTERS_FILE: {path} is not of the form {form}")


def _check_keystore(path: Path) -> None:
    """See that it has the form, before a password is asked for."""
    good = False
    with suppress(ValueError, RecursionError, TypeError, KeyError):
        good = json.loads(_private("SIGNER_KEYSTORE", path))["version"] == 3
    if not good:
        raise SetupError(f"SIGNER_KEYSTORE: {path} is no keystore of version 3")


def _check_copies(copies: FolderCopies) -> None:
    try:
        copies.check()
    except OSError as error:
        why = f"{copies.root} cannot be made or written: {error.strerror}"
        raise SetupError(f"SIGNER_COPIES_FOLDER: {why}") from None


def _check_database(connect: Callable[[], Any]) -> None:
    why, entered = "", False
    try:
        made = connect()
        entered = True
        try:
            for table in _TABLES:
                made.run(f"SELECT FROM signer.{table} LIMIT 0")
        finally:
            made.close()
    except (native.DatabaseError, native.InterfaceError, OSError) as error:
        why = _why(error, entered=entered)
    if why:
        raise SetupError(f"SIGNER_DATABASE_URL: {why}")


def _why(error: BaseException, *, entered: bool) -> str:
    """What a database's failure means; its own words may quote what was sent."""
    # Where the driver's goodbye fails as well, that hides what the database said.
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, native.DatabaseError):
        cause = cause.__context__
    if cause is None:
        return "the database cannot be reached; the embedded one runs while `wallet follow` does"
    told = cause.args[0] if cause.args else {}
    code = str(told.get("C", "")) if isinstance(told, Mapping) else ""
    missing = f"the wallet's tables are missing or of an older version: {_TELL_TABLES}"
    outside = f"its user is not a member of the role {ROLE}, which is to be granted to it"
    return {
        "28000": "the database does not let this user in",
        "28P01": "the database does not let this user in",
        "3D000": "there is no such database",
        "22023": f"the role {ROLE} is missing: {_TELL_TABLES}",
        "3F000": missing,
        "42P01": missing,
        "42501": missing if entered else outside,
    }.get(code, f"the database refuses (SQLSTATE {code})")


def _check_key(custody: KeystoreCustody, address: str) -> None:
    """See that the password opens the key of this address."""
    found = code = ""
    try:
        found = custody.address()
    except CustodyError as error:
        code = error.code
    if code == "password":
        raise SetupError("the password is not the keystore's (SIGNER_PASSWORD_FILE, or as typed)")
    if code:
        raise SetupError(f"SIGNER_KEYSTORE: {custody.path} cannot be decrypted ({code})")
    if found != address:
        raise SetupError("the key of SIGNER_KEYSTORE is of another address than SIGNER_ADDRESS")
