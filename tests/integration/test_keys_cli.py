"""`keys` as it is typed."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from betting_ai.cli.main import main

Type = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    database_url: str,
) -> Type:
    """Types a command, in this process."""
    monkeypatch.setenv("BETTING_AI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["betting-ai", "keys", *words])
        code = main()
        out, err = capsys.readouterr()
        return code, out, err

    return run


def told(typed: Type, *words: str) -> Any:
    code, out, err = typed(*words, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_a_key_from_first_to_last(typed: Type) -> None:
    scopes = ["--scope", "read", "--scope", "bet"]
    made = told(typed, "create", "Trading bot", *scopes, "--expires-in", "90d")
    first = made.pop("shown_once")
    key_id = made["id"]
    assert first["token"].startswith(f"bai_{key_id}_")
    assert first["signing_secret"].startswith("bai_secret_")
    assert (made["name"], made["scopes"], made["state"]) == ("Trading bot", ["bet", "read"], "good")
    created, expires = (datetime.fromisoformat(made[f"{at}_at"]) for at in ("created", "expires"))
    assert expires - created == timedelta(days=90)
    assert told(typed, "list") == [made]

    rotated = told(typed, "rotate", key_id)
    second = rotated.pop("shown_once")
    assert (rotated["state"], rotated["generations"]) == ("rotating", [2, 1])
    assert not set(first.values()) & set(second.values())
    assert told(typed, "list") == [rotated]

    finished = told(typed, "rotate", key_id, "--finish")
    assert (finished["state"], finished["generations"]) == ("good", [2])
    code, _, err = typed("rotate", key_id, "--finish")
    assert (code, err) == (3, f"error: no rotation of key {key_id} is open\n")

    revoked = told(typed, "revoke", key_id)
    assert revoked["state"] == "revoked"
    assert told(typed, "revoke", key_id) == revoked
    code, _, err = typed("rotate", key_id)
    assert (code, err) == (2, f"error: key {key_id} is revoked; create another\n")


def test_secrets_are_marked_as_shown_once_and_never_again(typed: Type) -> None:
    code, out, _ = typed("create", "bot", "--scope", "transfer")
    assert code == 0
    assert "Shown once" in out
    token, secret = (line.split()[-1] for line in out.splitlines()[2:4])
    assert (token[:4], secret[:11]) == ("bai_", "bai_secret_")
    key_id = token.split("_")[1]
    outs = [typed(*words)[1] for words in (["list"], ["list", "--json"])]
    _, rotated, _ = typed("rotate", key_id)
    assert f"keys rotate {key_id} --finish" in rotated
    outs += [rotated, typed("rotate", key_id, "--finish")[1], typed("revoke", key_id)[1]]
    for tail in (token.removeprefix(f"bai_{key_id}_"), secret.removeprefix("bai_secret_")):
        assert not [out for out in outs if tail in out]


def test_by_default_a_key_reads_and_never_expires(typed: Type) -> None:
    code, out, _ = typed("create", "reader")
    assert code == 0
    assert "signing" not in out
    [key] = told(typed, "list")
    assert (key["scopes"], key["expires_at"], key["last_used_at"]) == (["read"], None, None)
    code, out, _ = typed("list")
    assert key["id"] in out
    assert "never" in out
    assert "not yet" in out


def test_names_are_shown_as_they_are(typed: Type) -> None:
    typed("create", "[red]bot[/red]")
    assert "[red]bot[/red]" in typed("list")[1]


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["list"], 3, "keys create NAME"),
        (["create", ""], 2, "printable"),
        (["create", "a\x1b[2Jb"], 2, "printable"),
        (["create", "x", "--scope", "root"], 2, "--scope"),
        (["create", "x", "--expires-in", "90"], 2, "90d"),
        (["create", "x", "--expires-in", "-1d"], 2, "90d"),
        (["create", "x", "--expires-in", "0d"], 2, "90d"),
        (["create", "x", "--expires-in", "99999w"], 2, "3650 days"),
        (["rotate", "nothing"], 2, "keys list"),
        (["rotate", "nothing", "--finish"], 2, "keys list"),
        (["revoke", "'; DROP TABLE api_keys"], 2, "keys list"),
    ],
)
def test_what_cannot_be_is_one_line(typed: Type, words: list[str], code: int, why: str) -> None:
    found, out, err = typed(*words)
    assert (found, out) == (code, "")
    assert why in err
    assert err.count("\n") == 1


def test_a_short_root_secret_is_refused_and_not_quoted(
    typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BETTING_AI_ROOT_SECRET", "hunter2hunter2")
    code, out, err = typed("create", "bot", "--scope", "bet")
    assert (code, out) == (1, "")
    assert "at least 32 bytes" in err
    assert "hunter2" not in err
    monkeypatch.setenv("BETTING_AI_ROOT_SECRET", "hunter2" * 5)
    assert typed("create", "bot", "--scope", "bet")[0] == 0
    assert len(told(typed, "list")) == 1


def test_the_root_secret_that_is_made_is_for_its_owner_alone(typed: Type, tmp_path: Path) -> None:
    typed("create", "bot", "--scope", "bet")
    path = tmp_path / "home" / "secrets" / "root_secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    code, _, err = typed("create", "bot", "--scope", "bet")
    assert code == 1
    assert "chmod 600" in err
