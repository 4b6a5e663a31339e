"""AWS as tests have it: moto in a process of its own, which answers one call at a time.

Unlocked, its conditions and transactions break under load. In a process of its own it outlives a
client that is killed, and a client's fork or fault has nothing of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

REGION = "eu-west-1"
CREDENTIALS = {
    "aws_access_key_id": "testing",
    "aws_secret_access_key": "testing",
    "region_name": REGION,
}


_ONE_CLIENT = threading.Lock()


@cache
def _session() -> Any:
    """One for all clients: each new one would read the descriptions of services again."""
    import boto3

    return boto3.session.Session()


@dataclass(frozen=True)
class FakeAws:
    """Where it is asked.

    Attributes:
        url: of every service.
        pid: of its process.
    """

    url: str
    pid: int

    def client(self, service: str, attempts: int = 2) -> Any:
        from botocore.config import Config

        config = Config(
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=60,
        )
        with _ONE_CLIENT:  # a session makes one after the other
            return _session().client(service, endpoint_url=self.url, config=config, **CREDENTIALS)


@contextmanager
def running() -> Iterator[FakeAws]:
    """While a block runs."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__))]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        port = int(process.stdout.readline())
        yield FakeAws(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.stdin.close()  # which it takes for the end
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        process.stdout.close()


class _OneAtATime:
    """An application that answers one call after the other, each to its last byte."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self.lock:
            answer = self.application(environ, start_response)
            content = list(answer)
            if hasattr(answer, "close"):
                answer.close()
        return content


def main() -> None:
    """Answer until whoever started it goes away."""
    import logging

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = _OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # nobody waits for the threads of connections that are still open


if __name__ == "__main__":
    main()
