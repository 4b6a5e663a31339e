"""What is typed on the command line, and the one line that answers what cannot be right."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from betting_ai.cli.context import Question, Voice, bookmaker_codes, instant, league_codes
from betting_ai.cli.main import main
from betting_ai.errors import InvalidInputError, UnknownLeagueError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-03-15", datetime(2025, 3, 15, 8, tzinfo=UTC)),
        ("2025-07-15", datetime(2025, 7, 15, 7, tzinfo=UTC)),  # British summer time
        ("2025-03-15T08:00:00Z", datetime(2025, 3, 15, 8, tzinfo=UTC)),
        ("2025-03-15T08:00:00+02:00", datetime(2025, 3, 15, 6, tzinfo=UTC)),
    ],
)
def test_an_instant_or_a_day(text: str, expected: datetime) -> None:
    assert instant(text) == expected
    assert instant(None) is None


@pytest.mark.parametrize("text", ["", "soon", "2025-02-30", "15/03/2025", "2025-03-15T08:00:00"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="write"):
        instant(text)


def test_league_codes_are_known_ones() -> None:
    assert league_codes("E0, sp1") == ("E0", "SP1")
    assert league_codes(None) is None
    with pytest.raises(UnknownLeagueError, match="no league 'E9'; there are E0, E1"):
        league_codes("E0,E9")


def test_bookmakers_go_by_code_or_name() -> None:
    assert bookmaker_codes("pinnacle, B365,b365") == ("PS", "B365")
    assert bookmaker_codes(None) is None
    with pytest.raises(InvalidInputError, match=r"no bookmaker 'AVG', 'nobody'; known are 1XB \(1"):
        bookmaker_codes("WH,AVG,nobody")


@pytest.mark.parametrize("hours", [0.0, 0.5, -1.0, 337.0, float("nan"), float("inf")])
def test_a_window_has_an_end(hours: float) -> None:
    with pytest.raises(InvalidInputError, match="--hours"):
        Question(as_of=None, hours=hours, folder=None, leagues=("E0",))


def test_machines_are_told_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    voice = Voice(as_json=True)
    assert voice.quiet
    voice.error("feed_failed", "two\nlines\tand  spaces")
    told = capsys.readouterr().err
    assert json.loads(told) == {"error": {"code": "feed_failed", "message": "two lines and spaces"}}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing here may touch a database: this address has none."""
    monkeypatch.setenv("BETTING_AI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:secret@127.0.0.1:9/none")
    monkeypatch.setenv("BETTING_AI_SITE_URL", "http://127.0.0.1:9")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    return tmp_path


SEASON = "--folder folder --from 2024-08-01 --to 2025-05-31"
OLD = "2023-06-30"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("top3-bets --as-of 2999-01-01", 2, "lies in the future"),
        ("top3-bets --as-of noon", 2, "'noon' is no instant"),
        ("top3-bets --bankroll -5", 2, "--bankroll must be an amount above 0 and at most"),
        ("top3-bets --bankroll 0", 2, "--bankroll"),
        ("top3-bets --bankroll plenty", 2, "--bankroll"),
        ("top3-bets --bankroll 1e400", 2, "--bankroll"),
        ("top3-bets --leagues E0,XX", 2, "no league 'XX'"),
        ("top3-bets --profile brave", 2, "unknown profile 'brave'; use strict or value"),
        ("top3-bets --min-ev nan", 2, "--min-ev: the least expected value"),
        ("top3-bets --min-confidence 101", 2, "--min-confidence: the least confidence must"),
        ("top3-bets --max-risk 2", 2, "--max-risk: the highest risk must be from 0 to 1, not 2"),
        ("top3-bets --bookmakers nobody", 2, "no bookmaker 'nobody'"),
        ("top3-bets --hours 0", 2, "--hours"),
        ("top3-bets --hours many", 2, "--hours"),
        ("top3-bets --folder folder --as-of 2025-03-15", 3, "holds no season files"),
        ("top3-bets --folder absent --as-of 2025-03-15", 2, "there is no folder absent"),
        ("top3-bets --min-ev 5", 2, "must be a fraction, 0.05 for 5 %"),
        ("train --folder absent --through 2024-06-30", 2, "there is no folder absent"),
        ("predict nonsense", 2, "no league 'NONSENSE'"),
        ("train --folder folder --through someday", 2, "--through 'someday' is no date; write"),
        ("train --folder file --through 2024-06-30", 2, "--folder file is a file"),
        ("ingest --folder file", 2, "--folder file is a file"),
        ("top3-bets --folder file --as-of 2025-03-15", 2, "--folder file is a file"),
        (f"evaluate {SEASON} --from soon", 2, "--from 'soon' is no date; write 2025-06-30"),
        (f"evaluate {SEASON} --leagues E0,ARG", 2, "--leagues ARG: the extra leagues have closing"),
        (f"evaluate {SEASON} --picks folder", 2, "--picks folder is a folder; name a file"),
        (f"evaluate {SEASON} --predictions no/x.csv", 2, "no/x.csv: there is no folder"),
        (f"evaluate {SEASON}", 3, "folder holds no season files"),
        (f"evaluate {SEASON} --from 2010-08-01", 3, "no model was trained before 2010-08-01"),
        (f"lookahead-check {SEASON} --from 2010-08-01", 3, "ask for a later day"),
        (f"backtest {SEASON} --html folder", 2, "--html folder is a folder"),
        (f"backtest {SEASON} --picks no/x.csv", 2, "--picks no/x.csv: there is no folder"),
        (f"backtest {SEASON} --delay -5", 2, "must be from 0 to 1440 minutes, not -5"),
        (f"backtest {SEASON} --drift 0.7", 2, "must be a share from 0 to 0.5, not 0.7"),
        (f"backtest {SEASON} --refit weekly", 2, "--refit must be season or month, not 'weekly'"),
        (f"backtest {SEASON}", 3, "folder holds no season files"),
        ("performance --html folder", 2, "--html folder is a folder"),
        ("performance --png no/x.png", 2, "--png no/x.png: there is no folder"),
        ("models compare ../x --folder folder", 2, "no version '../x' of match_result; there are"),
        (f"models compare {OLD} --with nope --folder folder", 2, "no version 'nope'"),
        (f"models compare {OLD} --with {OLD} --folder folder", 2, "is the challenger itself"),
        (f"models promote {OLD} --folder folder", 3, f"{OLD} is already in stable"),
        ("models promote nope --folder folder", 2, "no version 'nope' of match_result"),
        ("models restore nope", 2, "no version 'nope' of match_result; there are 2023-06-30"),
        (f"models restore {OLD}", 3, f"{OLD} is already in stable"),
        (f"models restore {OLD} --channel beta", 2, f"{OLD} was never in beta"),
        ("models rollback", 2, "add --yes, or look first with --dry-run"),
        ("models rollback --market xx", 2, "unknown market 'xx'"),
        ("models rollback --channel xx", 2, "no channel 'xx' of match_result; there are stable"),
        ("train --folder folder --through 2025-06-30", 3, "holds no files"),
        ("db gamble", 2, "No such command 'gamble'"),
        ("gamble", 2, "No such command 'gamble'"),
        ("top3-bets --gamble", 2, "No such option: --gamble"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_what_cannot_be_right_is_one_line_and_a_code(
    settings: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    code: int,
    told: str,
    as_json: bool,
) -> None:
    monkeypatch.chdir(settings)
    monkeypatch.setattr(
        "sys.argv", ["betting-ai", *words.split(), *(["--json"] if as_json else [])]
    )
    assert main() == code
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    if as_json:
        error = json.loads(output.err)["error"]
        assert set(error) == {"code", "message"}
        assert told in error["message"]
    else:
        assert output.err.startswith("error: ")
        assert told in output.err
    assert not (settings / "home").exists()


def test_the_whole_record_goes_into_a_file_not_a_folder(
    settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(settings)
    monkeypatch.setattr("sys.argv", ["betting-ai", "history", "export", "--out", "folder"])
    assert main() == 2
    assert capsys.readouterr().err == "error: --out folder is a folder; name a file\n"


def test_what_is_not_installed_is_a_failure_with_its_cure(
    settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(settings)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr("sys.argv", ["betting-ai", "backtest", *SEASON.split()])
    assert main() == 1
    assert "`make setup-dev` installs them" in capsys.readouterr().err


def test_a_broken_setting_is_named_and_never_quoted(
    settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BETTING_AI_BANKROLL", "s3cret")
    monkeypatch.setattr("sys.argv", ["betting-ai", "top3-bets"])
    assert main() == 2
    error = capsys.readouterr().err
    assert error.startswith("error: setting bankroll: ")
    assert "s3cret" not in error


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("LEAGUES", "E0,XX", "setting leagues: no league 'XX'; there are E0"),
        ("BOOKMAKERS", "B365,zzz", "setting bookmakers: no bookmaker 'zzz'"),
        ("PROFILE", "zzz", "setting profile: unknown profile 'zzz'; use strict or value"),
        ("BANKROLL", "-1", "setting bankroll: input should be greater than 0"),
        ("API_NETWORKS", "10.0.0", "setting api_networks.0: input is not a valid IPv4 network"),
        ("API_AUTHORITIES", "http://x/", "setting api_authorities: 'http://x/' is no host"),
    ],
)
def test_what_the_settings_name_must_be_there(
    name: str,
    text: str,
    told: str,
    settings: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(f"BETTING_AI_{name}", text)
    monkeypatch.setattr("sys.argv", ["betting-ai", "doctor"])
    assert main() == 2
    assert capsys.readouterr().err.startswith(f"error: {told}")


def test_what_the_system_refuses_is_one_line(
    settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (settings / "home").write_text("a file where a folder should be")
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setattr("sys.argv", ["betting-ai", "top3-bets"])
    assert main() == 1
    error = capsys.readouterr().err
    assert error.startswith("error: Not a directory: ")
    assert error.count("\n") == 1


def test_a_bug_is_one_line_and_its_trace_on_request(
    settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise KeyError("x")

    monkeypatch.setattr("betting_ai.settings.load_settings", broken)
    monkeypatch.setattr("sys.argv", ["betting-ai", "doctor"])
    monkeypatch.delenv("BETTING_AI_DEBUG", raising=False)
    assert main() == 1
    assert capsys.readouterr().err == (
        "error: unexpected KeyError: 'x'; run again with BETTING_AI_DEBUG=1 for the details\n"
    )
    monkeypatch.setenv("BETTING_AI_DEBUG", "1")
    assert main() == 1
    assert "Traceback" in capsys.readouterr().err
