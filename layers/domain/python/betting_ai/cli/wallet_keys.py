"""``wallet init`` and ``wallet tables``: what a wallet needs before anything else."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from betting_ai.cli.context import Json, current_settings
from betting_ai.errors import ExtraMissingError, InvalidInputError, SecretError

_SHORTEST: Final = 12
"""Characters of a password."""


def init(
    keystore: Annotated[
        Path | None, typer.Option("--keystore", help="Where the encrypted key is put.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option("--secret", help="On AWS: the empty managed secret it is put into."),
    ] = None,
    rotate: Annotated[
        bool,
        typer.Option("--rotate", help="With --secret: a new key beside the old, which stays."),
    ] = False,
    import_key: Annotated[
        bool, typer.Option("--import", help="Ask for a key that exists; made new without.")
    ] = False,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="Import the key of this private file.")
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option("--password-file", help="Private file of its password; asked for without."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make or import the key; its address is all that is shown. Nothing is ever overwritten."""
    if (keystore is None) == (secret is None):
        raise InvalidInputError("name either --keystore FILE or --secret NAME")
    if rotate and secret is None:
        raise InvalidInputError("--rotate is for --secret: another keystore is another file")
    try:
        from betting_signer import custody
        from betting_signer.signing import CustodyError
    except ModuleNotFoundError:
        raise ExtraMissingError("a key needs more libraries; install betting-ai[chain]") from None
    address, problem = "", ""
    try:
        if keystore is not None and keystore.exists():
            problem = f"{keystore} is there already; nothing was changed"
        elif secret is not None and _held(secret) and not rotate:
            problem = f"the secret {secret} has a value already; nothing was changed"
        else:
            key = _key(import_key, key_file)
            address = custody.address_of(key)
            if keystore is not None:
                password = _password(password_file)
                _make_schema()
                _keep(keystore, custody.keystore(key, password))
            else:
                _put_secret(str(secret), key)
            key = ""  # of a frame that an error shows
    except CustodyError:
        problem = "this is no key: one is 64 hexadecimal digits"
    if problem:
        raise InvalidInputError(problem)
    if as_json:
        typer.echo(json.dumps({"address": address}))
    else:
        typer.echo(f"The wallet's address: {address}")


def tables() -> None:
    """Make the signer's tables and roles in this database, or bring older ones up to date."""
    try:
        _make_schema()
    except ModuleNotFoundError:
        raise ExtraMissingError(
            "the tables need more libraries; install betting-ai[chain]"
        ) from None
    typer.echo("The signer's tables and roles are there.")


def _key(asked: bool, file: Path | None) -> str:
    from betting_signer import custody

    if file is not None:
        return _private(file)
    if asked:
        _need_terminal("the key", "--key-file")
        return str(typer.prompt("The key (64 hexadecimal digits)", hide_input=True, err=True))
    return custody.new_key()[0]


def _password(file: Path | None) -> str:
    if file is not None:
        found = _private(file).rstrip("\r\n")
    else:
        _need_terminal("the password", "--password-file")
        found = str(
            typer.prompt(
                f"A password for the keystore, of {_SHORTEST} characters or more",
                hide_input=True,
                confirmation_prompt=True,
                err=True,
            )
        )
    if len(found) < _SHORTEST:
        raise InvalidInputError(f"the password needs at least {_SHORTEST} characters")
    return found


def _private(file: Path) -> str:
    from betting_signer.custody import private_text
    from betting_signer.signing import CustodyError

    try:
        return private_text(file)
    except CustodyError:
        raise InvalidInputError(
            f"{file} is not there, is no text, or others may read it (chmod 600)"
        ) from None


def _need_terminal(what: str, option: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidInputError(f"{what} is typed in a terminal; without one name {option}")


def _keep(path: Path, text: str) -> None:
    import os

    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _make_schema() -> None:
    """The signer's tables and roles, in this machine's database."""
    from betting_ai.bootstrap import build

    with build(current_settings()) as opened:
        opened.make_wallet_schema()


def _held(secret: str) -> bool:
    """Whether a secret has a value; what it is is not asked, and may not be by the custodian."""
    secrets = _client("secretsmanager")
    try:
        found = secrets.describe_secret(SecretId=secret)
    except Exception as error:
        raise SecretError(f"the secret cannot be looked at ({type(error).__name__})") from None
    return bool(found.get("VersionIdsToStages"))


def _put_secret(secret: str, key: str) -> None:
    from betting_signer.custody import hush

    hush()
    secrets = _client("secretsmanager")
    good = False
    with suppress(Exception):  # whatever it is, it may hold what was sent
        secrets.put_secret_value(SecretId=secret, SecretString=key)
        good = True
    key = ""  # of a frame that an error shows
    if not good:
        raise SecretError("the secret could not be put; is this the custodian's role?")


def _client(service: str) -> Any:  # noqa: ANN401 - made at run time by boto3
    try:
        from betting_ai.adapters.aws.clients import client
    except ModuleNotFoundError:
        raise ExtraMissingError(
            "a managed secret needs more libraries; install betting-ai[aws]"
        ) from None
    return client(service)
