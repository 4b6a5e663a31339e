"""Stands between a function and AWS: passes every call on, and remembers it."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from rehearsal.allowed import Call, call_of

Fault = Callable[[Call], tuple[int, bytes] | None]
"""What goes wrong with a call, as an answer in the place of the true one."""


@dataclass
class Witness:
    """What one function asked of AWS.

    Attributes:
        port: that it asks at.
        calls: in order.
        fault: asked before a call is passed on.
    """

    port: int
    calls: list[Call] = field(default_factory=list)
    fault: Fault = lambda _call: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, behind: str, one_at_a_time: threading.Lock) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlsplit(behind)
        self.lock = one_at_a_time
        self.witness = Witness(self.server_port)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        if self.headers.get("Expect"):
            self.send_response_only(100)
            self.end_headers()
        body = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = call_of(self.command, self.path, headers, body)
        witness = self.server.witness
        witness.calls.append(call)
        failed = witness.fault(call)
        if failed is not None:
            self._answer(failed[0], [], failed[1])
            return
        for name in ("connection", "transfer-encoding", "expect", "content-length"):
            headers.pop(name, None)
        # The stand-in knows no condition that others race for.
        with self.server.lock:
            address = self.server.behind
            line = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
            line.request(self.command, self.path, body=body, headers=headers)
            answer = line.getresponse()
            content = answer.read()
            line.close()
        self._answer(answer.status, answer.getheaders(), content)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on  # noqa: N815

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        dropped = {"connection", "transfer-encoding", "date", "server"}
        if self.command != "HEAD":
            dropped.add("content-length")
            self.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            if name.lower() not in dropped:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def witness(behind: str, one_at_a_time: threading.Lock) -> Iterator[Witness]:
    """A witness while the block runs.

    Args:
        behind: address of the stand-in for AWS.
        one_at_a_time: held while it is asked.
    """
    server = _Server(behind, one_at_a_time)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.witness
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
