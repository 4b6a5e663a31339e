"""A bookmaker's server on 127.0.0.1 that answers over real HTTP and goes wrong as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

HTML = b"<!DOCTYPE html><html><body>Checking your browser</body></html>"


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Any, status: int = 200) -> Reply:
        return cls(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        reply: sent in place of the true answer; None for that.
        status: sent in place of the true one.
        padding: bytes of white space that follow the true answer.
        handled: the request is dealt with before anything goes wrong.
        twice: it is dealt with once more, as if a proxy had sent it again.
        hang: seconds before anything is sent.
        drop: the connection closes without an answer.
        cut: half the answer is sent.
        trickle: seconds between the bytes of the answer.
    """

    reply: Reply | None = None
    status: int | None = None
    padding: int = 0
    handled: bool = False
    twice: bool = False
    hang: float = 0.0
    drop: bool = False
    cut: bool = False
    trickle: float = 0.0


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class FakeServer(ThreadingHTTPServer):
    """Serves one request after the other from ``answer``; faults are used up in order."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self.requests: list[Asked] = []
        self.replies: list[Reply] = []
        self.counts: Counter[str] = Counter()
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def fail(self, route: str, *faults: Fault) -> None:
        """The next requests of ``"METHOD /path"`` (or below it) go wrong, one fault each."""
        self.faults[route] += faults

    def asked(self, route: str) -> int:
        """How often ``"METHOD /path"`` (or below it) was asked."""
        return sum(n for name, n in self.counts.items() if name.startswith(route))

    def fault_of(self, asked: Asked) -> Fault:
        name = f"{asked.method} {asked.path}"
        with self.lock:
            self.requests.append(asked)
            self.counts[name] += 1
            for route, faults in self.faults.items():
                if faults and name.startswith(route):
                    return faults.pop(0)
        return Fault(handled=True)

    def answer(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def handle_error(self, *args: object) -> None:
        """A client that gave up is no error of the server."""

    @contextmanager
    def running(self) -> Iterator[Self]:
        thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield self
        self.shutdown()
        self.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: FakeServer
    protocol_version = "HTTP/1.1"  # connections may be kept, by those who do

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_GET(self) -> None:
        self.handle_it()

    def do_POST(self) -> None:
        self.handle_it()

    def handle_it(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, path, query, dict(self.headers), body)
        fault = self.server.fault_of(asked)
        reply = Reply(503, b"")
        for _ in range(fault.handled + fault.twice):
            with self.server.lock:
                reply = self.server.answer(asked)
                self.server.replies.append(reply)
        reply = fault.reply or reply
        body, status = reply.body + b" " * fault.padding, fault.status or reply.status
        reply = replace(reply, status=status, body=body)
        time.sleep(fault.hang)
        if fault.drop:
            self.close_connection = True
            return
        self.send(reply, fault)

    def send(self, reply: Reply, fault: Fault) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if fault.trickle:
            for byte in reply.body:
                self.wfile.write(bytes([byte]))
                time.sleep(fault.trickle)
        else:
            self.wfile.write(reply.body[: len(reply.body) // 2] if fault.cut else reply.body)
        self.close_connection |= fault.cut

    def log_message(self, *args: object) -> None:
        pass
