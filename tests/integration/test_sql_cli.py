"""The ``db`` commands, against a real server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from betting_ai.adapters.local.postgres import EmbeddedPostgres
from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.migrate import HEAD, current_revision
from betting_ai.cli.db import app
from betting_ai.errors import DatabaseUnavailableError, InvalidInputError, NothingToDoError


@pytest.fixture(autouse=True)
def settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETTING_AI_HOME", str(home))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("BETTING_AI_DATABASE_URL", raising=False)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def answer(*words: str) -> dict[str, Any]:
    result = run(*words, "--json")
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_a_database_that_is_not_there_is_not_made_by_looking(home: Path) -> None:
    told = answer("status")
    assert (told["kind"], told["exists"], told["running"]) == ("embedded", False, False)
    assert list(home.iterdir()) == []


def test_upgrade_then_status_then_reset(home: Path) -> None:
    assert answer("upgrade") == {"revision": HEAD, "changed": True}
    assert answer("upgrade") == {"revision": HEAD, "changed": False}
    told = answer("status")
    assert told["up_to_date"] is True
    assert told["running"] is False
    assert told["location"].startswith(str(home))
    assert "up to date   yes" in run("status").stdout

    with EmbeddedPostgres(home) as server:
        engine = connect(server.url())
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO teams (country, name) VALUES ('ENG', 'Old')")
            with pytest.raises(DatabaseUnavailableError, match="accessed by other users"):
                run("reset", "--yes")
        engine.dispose()
    with pytest.raises(InvalidInputError, match="--yes"):
        run("reset")
    assert answer("reset", "--yes") == {"reset": True}
    with EmbeddedPostgres(home) as server:
        engine = connect(server.url())
        assert current_revision(engine) == HEAD
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM teams").scalar() == 0
        engine.dispose()


def test_start_keeps_it_running_and_stop_leaves_users_alone(home: Path) -> None:
    command = "from betting_ai.cli.db import app; app()"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "start", "--json"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    assert answer("url") == {"url": url, "running": True}
    assert run("url").stdout.strip() == url
    with pytest.raises(DatabaseUnavailableError, match="in use"):
        run("stop")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    with pytest.raises(NothingToDoError):
        run("stop")


def test_stop_ends_what_a_killed_process_left(home: Path) -> None:
    command = "from betting_ai.cli.db import app; app()"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "start", "--json"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate(timeout=30)
    assert answer("url")["running"] is True
    assert answer("stop") == {"stopped": True}
    assert answer("url")["running"] is False


def test_a_database_of_ones_own_is_looked_at_but_never_reset(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    told = answer("status")
    assert (told["kind"], told["revision"]) == ("external", HEAD)
    for command in (["reset", "--yes"], ["stop"], ["url"]):
        with pytest.raises(InvalidInputError, match="of your own"):
            run(*command)
    assert list(home.iterdir()) == []
