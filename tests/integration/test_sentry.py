"""Unexpected errors are told to Sentry: over real HTTP, with nothing in them that is private."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

SECRETS = {
    "token": "bai_0123456789abcdef_Zk3Qy7mVt0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sTu",
    "query": "q-0a1b2c3d4e",
    "header": "h-0a1b2c3d4e",
    "body": "b-0a1b2c3d4e",
    "local": "l-0a1b2c3d4e",
    "cookie": "c-0a1b2c3d4e",
    "path": "p-0a1b2c3d4e",
    "password": "w-0a1b2c3d4e",
}

# A whole application with a route that fails, asked over HTTP with secrets in every place.
PROGRAM = """
import json, logging, os, sys, threading
import httpx, uvicorn
from fastapi import FastAPI, Request
from betting_ai.api.access import Access
from betting_ai.api.edge import Edge
from betting_ai.api.signatures import Authorities
from betting_ai.observability import configure, tell_errors

secret = json.loads(os.environ["TEST_SECRETS"])
database = f"postgresql://u:{secret['password']}@h/d"
configure("INFO", [database])
flush = tell_errors(os.environ["TEST_DSN"], [database])

api = FastAPI()

@api.post("/fails/{name}")
async def fails(name: str, request: Request):
    local = secret["local"]
    await request.body()
    raise RuntimeError(f"failed with {secret['token']} at {database}")

api.add_middleware(Edge, authorities=Authorities.of(()))
api.add_middleware(Access)
server = uvicorn.Server(uvicorn.Config(api, port=0, log_config=None, access_log=False))
thread = threading.Thread(target=server.run)
thread.start()
while not server.started:
    pass
port = server.servers[0].sockets[0].getsockname()[1]
answer = httpx.post(
    f"http://127.0.0.1:{port}/fails/{secret['path']}?q={secret['query']}",
    headers={"Authorization": f"Bearer {secret['token']}", "X-Other": secret["header"],
             "Cookie": f"s={secret['cookie']}", "X-Request-Id": "request-0001"},
    content=secret["body"],
)
print(answer.status_code)
logging.getLogger("betting_ai.daily").error("daily work failed", extra={"said": secret["token"]})
logging.getLogger("betting_ai.daily").warning("only a warning")
server.should_exit = True
thread.join()
flush()
"""


@dataclass
class Received:
    """What the stand-in for Sentry was sent."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)


@pytest.fixture
def sentry() -> Iterator[Received]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received.raw.append(f"{self.path}\n{self.headers}\n{body.decode()}")
            lines = body.decode().splitlines()
            for header, item in zip(lines[1::2], lines[2::2], strict=True):
                if json.loads(header)["type"] == "event":
                    received.events.append(json.loads(item))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        received.url = f"http://public@127.0.0.1:{server.server_port}/1"
        yield received
        server.shutdown()
        thread.join()


def test_an_error_arrives_without_anything_private(sentry: Received) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"TEST_DSN": sentry.url, "TEST_SECRETS": json.dumps(SECRETS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "500"
    [told] = [line for line in map(json.loads, done.stderr.splitlines()) if "trace" in line]
    assert (told["message"], told["request_id"]) == ("unexpected failure", "request-0001")

    [failed, daily] = sorted(sentry.events, key=lambda event: event["logger"])
    [error] = [one for one in failed["exception"]["values"] if one["type"] == "RuntimeError"]
    assert error["value"].startswith("failed with bai_[hidden] at ")
    assert error["stacktrace"]["frames"][-1]["function"] == "fails"
    assert failed["level"] == "error"
    assert failed["tags"] == {"request_id": "request-0001"}
    assert daily["logentry"]["message"] == "daily work failed"

    whole = "\n".join(sentry.raw)
    for what, secret in SECRETS.items():
        assert secret not in whole, what
        assert secret not in done.stderr, what
    allowed = {
        "event_id", "timestamp", "level", "logger", "platform", "release", "environment",
        "logentry", "exception", "tags",
    }  # fmt: skip
    for event in sentry.events:
        assert set(event) <= allowed
        for one in event["exception"]["values"]:
            for frame in one["stacktrace"]["frames"]:
                assert set(frame) <= {"filename", "function", "module", "lineno", "in_app"}
    assert os.uname().nodename not in whole


def test_without_a_dsn_the_library_is_not_even_loaded() -> None:
    code = (
        "import sys, betting_ai.cli.serving, betting_ai.api.app, betting_ai.observability;"
        "print('sentry_sdk' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
