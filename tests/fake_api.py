"""A JSON API on 127.0.0.1 that counts credits and fails in every way that real ones do."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "k3y-that-nobody-may-see"
PAGE = b"<!DOCTYPE html><html><body>Just a moment...</body></html>"


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with one request: a status, or a deed."""

    status: int = 0
    deed: str = ""
    body: bytes = b'{"message": "so it is"}'
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]


class FakeApi(ThreadingHTTPServer):
    """Serves ``answers`` by path; ``trouble`` holds, by path, what goes wrong with the next."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, bytes] = {}
        self.costs: dict[str, int] = {}
        self.trouble: defaultdict[str, list[Trouble]] = defaultdict(list)
        self.asked: list[Asked] = []
        self.remaining: int | None = 500

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, path: str, document: Any, cost: int = 0) -> None:
        self.answers[path] = json.dumps(document).encode()
        self.costs[path] = cost

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


class _Handler(BaseHTTPRequestHandler):
    server: FakeApi

    def do_GET(self) -> None:
        api = self.server
        parts = urlsplit(self.path)
        api.asked.append(Asked(parts.path, parse_qs(parts.query), dict(self.headers)))
        trouble = api.trouble[parts.path].pop(0) if api.trouble[parts.path] else None
        if trouble is None and parts.path not in api.answers:
            trouble = Trouble(404)
        if trouble is None:
            self.serve(parts.path)
        elif trouble.deed == "hang":
            time.sleep(0.6)
        elif trouble.deed == "drop":
            self.close_connection = True
        elif trouble.deed == "cut":
            self.send(200, b"[{", {"Content-Length": "5000"})
            self.close_connection = True
        elif trouble.deed == "echo":
            self.send(200, json.dumps([self.path, dict(self.headers)]).encode(), {})
        else:
            self.send(trouble.status, trouble.body, trouble.headers)

    def serve(self, path: str) -> None:
        api = self.server
        content, cost = api.answers[path], api.costs.get(path, 0)
        if content == b"[]":
            cost = 0
        quota = {}
        if api.remaining is not None:
            api.remaining -= cost
            quota = {
                "x-requests-remaining": f"{api.remaining}.0",
                "x-requests-used": str(500 - api.remaining),
                "x-requests-last": str(cost),
            }
        self.send(200, content, quota)

    def send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[FakeApi]:
    """An API while the block runs."""
    server = FakeApi()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def odds_row(
    kickoff: datetime,
    books: dict[str, tuple[float, ...]],
    *,
    told: datetime,
    home: str = "Chelsea",
    away: str = "Arsenal",
    sport: str = "soccer_epl",
) -> dict[str, Any]:
    """An entry of ``/odds``: prices of home, draw and away by bookmaker key."""
    stamp = _iso(told)
    return {
        "id": "e1",
        "sport_key": sport,
        "commence_time": _iso(kickoff),
        "home_team": home,
        "away_team": away,
        "bookmakers": [
            {
                "key": key,
                "title": key.title(),
                "last_update": stamp,
                "markets": [
                    {
                        "key": "h2h",
                        "last_update": stamp,
                        "outcomes": [
                            {"name": name, "price": price}
                            for name, price in zip((home, "Draw", away), prices, strict=False)
                        ],
                    }
                ],
            }
            for key, prices in books.items()
        ],
    }


def score_row(
    kickoff: datetime,
    goals: tuple[int, int] | None,
    *,
    home: str = "Chelsea",
    away: str = "Arsenal",
    sport: str = "soccer_epl",
) -> dict[str, Any]:
    """An entry of ``/scores``; without goals the match is not over."""
    over = goals is not None
    pairs = zip((away, home), reversed(goals or ()), strict=False)
    return {
        "id": "e1",
        "sport_key": sport,
        "commence_time": _iso(kickoff),
        "completed": over,
        "home_team": home,
        "away_team": away,
        "scores": [{"name": name, "score": str(score)} for name, score in pairs] if over else None,
        "last_update": _iso(kickoff + timedelta(hours=2, minutes=5)) if over else None,
    }


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
