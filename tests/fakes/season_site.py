"""The site of season files, on 127.0.0.1, out of a folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

_SEASON = re.compile(r"/mmz4281/([0-9]{4})/([A-Z0-9]{2,3})\.csv")


class SeasonSite(ThreadingHTTPServer):
    """Serves ``/mmz4281/<season>/<division>.csv``, with ETags; all else is not published.

    Attributes:
        folder: of ``<season>/<division>.csv``.
        down: answers 503 to everything.
        spoilt: division whose files are not what they should be.
        asked: paths, in order.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.down = False
        self.spoilt = ""
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: SeasonSite

    def do_GET(self) -> None:
        site = self.server
        site.asked.append(self.path)
        found = _SEASON.fullmatch(self.path)
        file = site.folder / found[1] / f"{found[2]}.csv" if found else None
        if site.down:
            self._answer(503, b"")
        elif file is None or not file.is_file():
            self._answer(404, b"")
        else:
            spoilt = found is not None and found[2] == site.spoilt
            content = b"moved,elsewhere\n" if spoilt else file.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            same = self.headers.get("If-None-Match") == tag
            self._answer(304 if same else 200, b"" if same else content, tag)

    def _answer(self, status: int, content: bytes, tag: str = "") -> None:
        self.send_response(status)
        if tag:
            self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def season_site(folder: Path) -> Iterator[SeasonSite]:
    """A site while the block runs."""
    site = SeasonSite(folder)
    thread = Thread(target=site.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        site.server_close()
        thread.join()
