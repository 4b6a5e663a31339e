"""How a server is set up, and the daily work beside it."""

from __future__ import annotations

import io
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from betting_ai import observability
from betting_ai.cli.daily import COMMANDS, Daily
from betting_ai.cli.serving import Plan, secrets_of
from betting_ai.settings import load_settings


def test_it_answers_to_its_own_names_and_shows_the_dashboard_to_who_sits_there() -> None:
    options = Plan("127.0.0.1", 8000).options(load_settings())
    assert options.mode == "server"
    assert options.shows == "live"
    assert options.authorities == ("127.0.0.1:8000", "[::1]:8000", "localhost:8000")
    assert options.keyless_dashboard
    assert Plan("127.0.0.1", 80).options(load_settings()).authorities == (
        "127.0.0.1", "[::1]", "localhost",
    )  # fmt: skip
    assert Plan("::1", 1, sample=True).options(load_settings()).shows == "replay"


@pytest.mark.parametrize(
    ("host", "settings"),
    [
        ("0.0.0.0", {}),  # noqa: S104 - what is tested
        ("192.0.2.1", {}),
        ("127.0.0.1", {"api_proxies": "127.0.0.1"}),
        ("127.0.0.1", {"api_authorities": "bets.example"}),
    ],
)
def test_the_dashboard_needs_a_key_where_others_can_come(host: str, settings: Any) -> None:
    assert not Plan(host, 8000).options(load_settings(**settings)).keyless_dashboard


def test_the_names_of_the_settings_hold() -> None:
    options = Plan("0.0.0.0", 8000).options(load_settings(api_authorities="bets.example"))  # noqa: S104
    assert options.authorities == ("bets.example",)
    assert Plan("::1", 8000).address == "http://[::1]:8000"


def test_every_secret_of_the_settings_is_known() -> None:
    given = {
        "database_url": "postgresql://u:p@h/d", "root_secret": "r" * 32, "odds_api_key": "odds-key",
        "cloudbet_key": "cloudbet-key", "stake_key": "stake-key", "stake_secret": "stake-secret",
        "smtp_password": "mail-password", "sentry_dsn": "https://k@h/1",
    }  # fmt: skip
    assert set(secrets_of(load_settings(**given))) == set(given.values())
    hidden = [n for n in load_settings().model_fields_set if "secret" in n]
    assert hidden == []


@pytest.fixture
def log() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    root, stream = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(observability.JsonLines(observability.Redactor()))
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(before)


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_the_daily_work_is_done_in_turn_again_and_again_whatever_fails(
    log: Callable[[], list[dict[str, Any]]],
) -> None:
    with Daily(0.0, (["--version"], ["no-such-command", "--json"])):
        until(lambda: len(log()) >= 4)
    lines = log()
    assert [line["command"] for line in lines[:4]] == ["--version", "no-such-command --json"] * 2
    assert [line["level"] for line in lines[:2]] == ["INFO", "ERROR"]
    assert lines[0]["exit_code"] == 0
    assert lines[1]["exit_code"] == 2
    assert "no-such-command" in lines[1]["said"]


def test_what_runs_ends_with_it(
    log: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    daily = Daily(60.0, (["serve", "--port", "0"],))  # the one command that never ends
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@127.0.0.1:9/none")
    with daily:
        until(lambda: daily._running is not None)
        running = daily._running
        assert running
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)
    assert not daily._thread.is_alive()
    assert log() == []


def test_the_daily_work_is_what_a_person_would_type() -> None:
    assert COMMANDS == (("top3-bets", "--json"), ("settle", "--json"))
