"""The application over a real database and real HTTP, and keys to call it with."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from betting_ai.api.app import create_app
from betting_ai.api.client import KeyAuth
from betting_ai.api.options import ApiOptions
from betting_ai.bootstrap import App, build
from betting_ai.clock import Clock
from betting_ai.domain.keys import Scope
from betting_ai.settings import load_settings
from betting_ai.usecases.manage_keys import CreateKeyCommand, NewSecrets


@dataclass
class Api:
    """A served application.

    Attributes:
        app: the use cases behind it.
        api: the application.
        url: where it listens.
    """

    app: App
    api: FastAPI
    url: str

    def key(self, *scopes: str) -> NewSecrets:
        """A new key."""
        return self.app.create_key(CreateKeyCommand("test", frozenset(map(Scope, scopes))))

    def client(self, *scopes: str, **options: Any) -> httpx.Client:
        """A client with a key of its own; without scopes, one without a key."""
        if scopes:
            made = self.key(*scopes)
            options.setdefault(
                "auth", KeyAuth(made.token, made.signing_secret, clock=self.app.clock)
            )
        return httpx.Client(base_url=self.url, timeout=30, **options)


@contextlib.contextmanager
def served(
    database_url: str | None,
    home: Path,
    *,
    clock: Clock | None = None,
    options: ApiOptions | None = None,
    around: Callable[[FastAPI], ASGIApp] = lambda api: api,
    pool: Literal["single", "server"] = "server",
    **settings: Any,
) -> Iterator[Api]:
    """The application, listening on a free port of this machine while the block runs.

    ``around`` puts something before it, such as what a gateway does to paths.
    """
    settings.setdefault("api_rate_limit", 100_000)
    loaded = load_settings(home=home, database_url=database_url, **settings)
    with build(loaded, clock, pool=pool) as app:
        api = create_app(app, options or ApiOptions())
        with listening(around(api)) as url:
            yield Api(app, api, url)


@contextlib.contextmanager
def listening(api: ASGIApp) -> Iterator[str]:
    """The address of an application, on a free port of this machine, while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as port:
        config = uvicorn.Config(api, log_config=None, access_log=False, lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([port],), daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{port.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)
