"""``wallet follow``: on a server of one's own, quote, send and follow until told to end."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from betting_ai.cli.context import Json, current_settings
from betting_ai.errors import DomainError

if TYPE_CHECKING:
    from betting_ai.usecases.carry_transfers import Carried

Once = Annotated[bool, typer.Option("--once", help="One round, and end.")]
Every = Annotated[
    float, typer.Option("--every", min=0.2, max=600, help="Seconds between two rounds.")
]


def follow(once: Once = False, every: Every = 2.0, as_json: Json = False) -> None:
    """Quote what is asked for, send what is signed, and follow it until it is final.

    It holds no key: that has a process of its own, `python -m betting_signer`.
    """
    from betting_ai.bootstrap import build

    ended = threading.Event()
    with build(current_settings(), pool="server") as app:
        carry = app.carry_transfers  # whatever is not configured is told before the first round
        known: set[str] = set()
        if once:
            _tell(carry(), known, as_json=as_json)
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        if not as_json:  # its database runs from now on, which the signer may wait for
            typer.echo(f"following {app.settings.wallet_address}")
        run(carry, ended, every, lambda done: _tell(done, known, as_json=as_json))


def run(
    carry: Callable[[], Carried],
    ended: threading.Event,
    every: float,
    tell: Callable[[Carried], None],
) -> None:
    """Rounds until it is ended; what fails in one is tried again in the next."""
    while not ended.is_set():
        try:
            tell(carry())
        except DomainError as error:  # such as a database that is restarted
            typer.echo(f"{error.code}: {error}", err=True)
        ended.wait(every)


def _tell(done: Carried, known: set[str], *, as_json: bool) -> None:
    """What changed in a round; nothing where nothing did, and no trouble while it lasts."""
    changes = [
        {"intent": change.transfer.id, "state": change.transfer.state.value}
        for change in done.followed.changes
    ]
    troubles = [
        {"intent": trouble.transfer_id, "code": trouble.error.code, "why": str(trouble.error)}
        for trouble in done.troubles
    ]
    if as_json:
        told = {"open": done.followed.seen, "quotes": done.quotes}
        typer.echo(json.dumps(told | {"changes": changes, "troubles": troubles}))
        return
    for one in changes:
        typer.echo(f"{one['intent']}: {one['state']}")
    now = [f"{trouble['intent'] or 'chain'}: {trouble['why']}" for trouble in troubles]
    for line in dict.fromkeys(now):
        if line not in known:
            typer.echo(line, err=True)
    known.clear()
    known.update(now)
