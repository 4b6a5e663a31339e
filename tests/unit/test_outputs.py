"""Files that commands write: refused before the work, whole or not there after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from betting_ai.cli.outputs import check_outputs, write_bytes, write_whole
from betting_ai.errors import InvalidInputError


def test_what_can_be_written_passes(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("old")
    check_outputs({"--a": None, "--b": tmp_path / "new.csv", "--c": tmp_path / "old.csv"})
    write_whole(tmp_path / "old.csv", "new")
    assert (tmp_path / "old.csv").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]


@pytest.mark.parametrize("name", ["", "absent/x.csv", "file/x.csv"])
def test_what_cannot_is_named_with_its_option(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError, match=r"^--picks "):
        check_outputs({"--predictions": None, "--picks": tmp_path / name})


def test_a_file_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # whoever runs the tests may write anywhere
    with pytest.raises(InvalidInputError, match="may not be written to"):
        check_outputs({"--html": tmp_path / "x.html"})


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_bytes(tmp_path / "folder", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
