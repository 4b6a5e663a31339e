"""Runs the application under uvicorn, in one process or in several, and ends it gently."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Event, Thread
from types import FrameType
from typing import TYPE_CHECKING, Final

import uvicorn
from pydantic import SecretStr

from betting_ai.api.app import create_app
from betting_ai.api.options import ApiOptions
from betting_ai.bootstrap import App, build
from betting_ai.errors import DatabaseUnavailableError
from betting_ai.observability import configure, tell_errors
from betting_ai.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import SpawnProcess

DOOR_SECONDS: Final = 2.0
"""After SIGTERM new calls are still taken for so long, while `/ready` says 503."""

GRACE_SECONDS: Final = 20
"""What is being answered then has so long to end."""

_LAST_MOMENT: Final = DOOR_SECONDS + GRACE_SECONDS + 1.0
_PATIENCE: Final = _LAST_MOMENT + 10.0
_TOO_SOON: Final = 5.0  # seconds after its start in which no worker should end
_AGAIN: Final = 3  # so many in a row that end too soon would do so again and again

_log: Final = logging.getLogger("betting_ai.serve")


@dataclass(frozen=True)
class Plan:
    """How to serve.

    Attributes:
        host: address that is listened on.
        port: port of it.
        workers: processes that answer.
        sample: show the sample instead of what is live.
    """

    host: str
    port: int
    workers: int = 1
    sample: bool = False

    @property
    def loopback(self) -> bool:
        """Whether only this machine can call."""
        return ip_address(self.host).is_loopback

    @property
    def address(self) -> str:
        """As a browser takes it."""
        return f"http://{_bracketed(self.host)}:{self.port}"

    def options(self, settings: Settings) -> ApiOptions:
        """The application's options.

        Without authorities in the settings it answers to the names that this machine has for
        itself. The dashboard is open to whoever sits at this machine, unless a proxy or a public
        name tells that others reach it too.
        """
        local = {"localhost", "127.0.0.1", "[::1]", _bracketed(self.host)}
        suffix = "" if self.port == 80 else f":{self.port}"
        return ApiOptions(
            mode="server",
            authorities=settings.api_authorities
            or tuple(sorted(f"{name}{suffix}" for name in local)),
            keyless_dashboard=self.loopback
            and not (settings.api_authorities or settings.api_proxies),
            shows="replay" if self.sample else "live",
        )


def secrets_of(settings: Settings) -> list[str]:
    """Every secret of a configuration."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


def run(listener: socket.socket, plan: Plan, ready: Callable[[], None]) -> bool:
    """Serve until a signal asks to stop, and what was being answered is.

    Args:
        listener: a bound socket that listens.
        plan: how.
        ready: called once, when calls can be answered.

    Returns:
        Whether it ended as it should.
    """
    if plan.workers == 1:
        return _serve(listener, plan, load_settings(), ready)
    return _supervise(listener, plan, ready)


def _serve(
    listener: socket.socket, plan: Plan, settings: Settings, ready: Callable[[], None]
) -> bool:
    flush = None
    if settings.sentry_dsn:
        flush = tell_errors(settings.sentry_dsn.get_secret_value(), secrets_of(settings))
    with ExitStack() as stack:
        outside = stack.enter_context(build(settings, pool="server"))
        app = outside.for_sample() if plan.sample else outside
        _open(app)
        api = create_app(app, plan.options(settings))
        proxies = [str(network) for network in settings.api_proxies]
        config = uvicorn.Config(
            api,
            loop="uvloop",
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )

        def stopping() -> None:
            api.state.readiness.stopping = True
            Thread(target=_cut_off, args=(stack,), daemon=True).start()

        server = _Server(config, ready, stopping)
        server.run([listener])
    if flush is not None:
        flush()
    return server.started


def _open(app: App) -> None:
    """Open the database before the first call; one that is elsewhere may also come later."""
    try:
        with app.units():
            pass
    except DatabaseUnavailableError as error:
        if app.settings.database_url is None:
            raise
        _log.warning("the database does not answer yet", extra={"detail": str(error)})


class _Server(uvicorn.Server):
    """uvicorn's server, but a signal ends it without being raised again.

    SIGTERM, which machines send, leaves the door open for a moment, so that who asks `/ready`
    learns first; SIGINT, a person's Ctrl-C, closes it at once, and a second one waits for nothing.
    """

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], stopping: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping
        self._asked = False
        self._closing_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            _settle()
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came."""
        if not self._asked:
            self._asked = True
            self._stopping()
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        elif sig == signal.SIGTERM and self._closing_at is None:
            self._closing_at = time.monotonic() + DOOR_SECONDS
        else:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end."""
        if self._closing_at is not None and time.monotonic() >= self._closing_at:
            self.should_exit = True
        return await super().on_tick(counter)


def _settle() -> None:
    """What is loaded by now stays: looking through it again and again takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _cut_off(stack: ExitStack) -> None:
    """End a process that does not end: a thread cannot be told to stop waiting."""
    time.sleep(_LAST_MOMENT)
    _log.error("what was still being answered is cut off")
    with suppress(Exception):
        stack.close()
    os._exit(1)


def _work(listener: socket.socket, plan: Plan) -> None:
    """What a worker process does."""
    settings = load_settings()
    configure(settings.log_level, secrets_of(settings))
    Thread(target=_end_with_the_parent, daemon=True).start()
    if not _serve(listener, plan, settings, lambda: None):
        raise SystemExit(1)


def _end_with_the_parent() -> None:
    """Whoever supervises may be killed; nobody would stop this worker then."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _supervise(listener: socket.socket, plan: Plan, ready: Callable[[], None]) -> bool:
    """Keep the workers alive until a signal asks to stop; then let them end."""
    multiprocessing.allow_connection_pickling()
    context = multiprocessing.get_context("spawn")
    stop, too_soon = Event(), 0

    def start() -> tuple[SpawnProcess, float]:
        worker = context.Process(target=_work, args=(listener, plan))
        worker.start()
        return worker, time.monotonic()

    before = {
        sig: signal.signal(sig, lambda _sig, _frame: stop.set())
        for sig in (signal.SIGTERM, signal.SIGINT)
    }
    workers = [start() for _ in range(plan.workers)]
    ready()
    try:
        while too_soon < _AGAIN and not stop.wait(0.2):
            for place, (worker, since) in enumerate(workers):
                if worker.is_alive():
                    continue
                told = {"worker": worker.pid, "exit_code": worker.exitcode}
                _log.error("a worker ended", extra=told)
                too_soon = too_soon + 1 if time.monotonic() - since < _TOO_SOON else 0
                if too_soon < _AGAIN:
                    workers[place] = start()
    finally:
        _end([worker for worker, _ in workers])
        for sig, handler in before.items():
            signal.signal(sig, handler)
    return too_soon < _AGAIN and all(worker.exitcode == 0 for worker, _ in workers)


def _end(workers: list[SpawnProcess]) -> None:
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + _PATIENCE
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
        if worker.is_alive():
            worker.kill()
            worker.join()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
