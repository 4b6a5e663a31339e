"""``serve``: the API and the dashboard on a server of one's own."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from typing import Annotated, Final

import typer

from betting_ai.cli.context import Voice, current_settings
from betting_ai.errors import DomainError, InvalidInputError

_BACKLOG: Final = 2048
_COUNTED_TOGETHER: Final = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client reads it when imported


class AddressInUseError(DomainError):
    """Somebody else listens there."""

    code = "address_in_use"


def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for every one.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 for one that is free.")
    ] = 8000,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="Processes that answer.")
    ] = 1,
    every: Annotated[
        int | None,
        typer.Option(
            "--every", min=1, max=60 * 24, help="Also select and settle, every so many minutes."
        ),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Show weeks of real matches of 2023; needs no network.")
    ] = False,
) -> None:
    """Serve the API and the dashboard until stopped (Ctrl-C, or SIGTERM)."""
    if sample and every:
        raise InvalidInputError("--every keeps a record of today, and the sample stands still")
    settings = current_settings()
    voice = Voice(as_json=False)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_listening(host, port))

        from betting_ai.cli.serving import Plan, run, secrets_of
        from betting_ai.observability import configure

        here, its_port = listener.getsockname()[:2]
        plan = Plan(here, its_port, workers=workers, sample=sample)
        if sample:
            from betting_ai.cli.sample_record import fill_sample

            fill_sample(settings, voice)
        if not (plan.loopback or settings.api_authorities):
            voice.warn(
                "calls from other machines are refused until BETTING_AI_API_AUTHORITIES names what "
                f"they call this one by, such as example.org:{plan.port}"
            )
        configure(settings.log_level, secrets_of(settings))
        if workers > 1:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="betting-ai-"))
            os.environ[_COUNTED_TOGETHER] = folder
        if every:
            from betting_ai.cli.daily import Daily

            stack.enter_context(Daily(every * 60.0))

        def ready() -> None:
            typer.echo(f"Betting AI listens on {plan.address} (Ctrl-C stops it)")
            sys.stdout.flush()

        if not run(listener, plan, ready):
            raise typer.Exit(1)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that callers can already reach; whoever answers comes later.

    Raises:
        InvalidInputError: the machine has no such address.
        AddressInUseError: somebody else listens there.
    """
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_ADDRCONFIG
        )
    except OSError:
        raise InvalidInputError(f"--host {host!r} is no address of this machine") from None
    family, *_, address = found[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            raise _not_bound(error, host, port) from None
        yield listener


def _not_bound(error: OSError, host: str, port: int) -> DomainError:
    if error.errno == errno.EADDRINUSE:
        return AddressInUseError(
            f"port {port} is in use on {host}; stop what listens there, or pass --port"
        )
    if error.errno == errno.EACCES:
        return InvalidInputError(f"--port {port} is for the administrator; take one from 1024 up")
    return InvalidInputError(f"cannot listen on {host}: {error.strerror}")
