"""What the wallet's commands share: where its tables are, and how answers look."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer

from betting_ai.cli.context import current_settings, environment
from betting_ai.errors import InvalidInputError, WalletOffError

if TYPE_CHECKING:
    from betting_ai.bootstrap import App
    from betting_ai.settings import Settings

_TYPED: Final = 6
_WIDTH: Final = 100
OUTPUTS: Final = {
    "wallet_address": "WalletAddress",
    "wallet_network": "WalletNetwork",
    "intents_table": "IntentsTable",
    "approvals_table": "ApprovalsTable",
    "quotes_table": "QuotesTable",
    "signed_table": "SignedTable",
    "transfers_table": "TransfersTable",
    "signer_table": "StateTable",
    "audit_bucket": "CopiesBucket",
}
"""Settings, and what the signer's stack calls them."""


@contextmanager
def opened_wallet() -> Iterator[App]:
    """This machine's wallet, or that of the environment which ``--env`` names.

    There, each command is done with the rights of whoever types it: the role of the person, and no
    function's. No database of this machine is looked at.

    Raises:
        EnvironmentUnavailableError: there is none, or it may not be asked.
        WalletOffError: it has no wallet yet.
        ExtraMissingError: asking AWS needs more libraries.
    """
    from betting_ai.bootstrap import build

    name = environment.get()
    with build(current_settings() if name is None else _settings_there(name)) as opened:
        yield opened


def _settings_there(name: str) -> Settings:
    from betting_ai.cli.operating import environment_of
    from betting_ai.settings import load_settings

    told = environment_of(name).outputs("signer")
    missing = [output for output in OUTPUTS.values() if not told.get(output)]
    if missing:
        raise WalletOffError(
            f"environment {name} tells no {missing[0]} of its wallet; deploy it with the address"
        )
    return load_settings(**{setting: told[output] for setting, output in OUTPUTS.items()})


def said(as_json: bool, told: dict[str, Any], words: str) -> None:
    """The answer: a document, or a sentence."""
    typer.echo(json.dumps(told) if as_json else words)


def table(titles: tuple[str, str], rows: list[tuple[str, str]], *, err: bool = False) -> None:
    """Two columns."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, show_header=any(titles))
    for title in titles:
        grid.add_column(title, overflow="fold")
    for row in rows:
        grid.add_row(*(escape(cell) for cell in row))
    console = Console(highlight=False, stderr=err)
    console.width = max(console.width, _WIDTH)  # a hash is not broken: the terminal folds it
    console.print(grid)


def confirm(address: str) -> None:
    """Have the end of an address typed by whoever sits there.

    Raises:
        InvalidInputError: something else was, or nobody sits there.
    """
    end = address[-_TYPED:]
    try:
        typed = typer.prompt(f"Type the last {_TYPED} characters of the payee's address", err=True)
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        typer.echo(err=True)  # behind the question
        typed = None
    if typed is None:
        raise InvalidInputError("this is confirmed by hand, in a terminal; nothing was done")
    if typed.strip().lower() != end.lower():
        raise InvalidInputError(
            f"these are not the last {_TYPED} characters of {address}; nothing was done"
        )
