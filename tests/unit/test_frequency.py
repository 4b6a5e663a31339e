"""Picks a month, as the last backtest found them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from betting_ai.bootstrap import build
from betting_ai.errors import ModelError
from betting_ai.models.frequency import BACKTEST, Frequency
from betting_ai.settings import load_settings

FOUND = Frequency(date(2023, 7, 1), date(2024, 6, 30), ("E0",), {"strict": 1.5, "value": 9})


def test_it_comes_back_as_it_was_kept() -> None:
    assert Frequency.from_json(FOUND.to_json()) == FOUND
    assert str(FOUND) == "strict 1.5, value 9 picks a month, 2023-07-01 to 2024-06-30 (E0)"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"first": 1}', FOUND.to_json()[:-20]])
def test_what_cannot_be_read_is_said(text: str) -> None:
    with pytest.raises(ModelError, match=r"backtest\.json"):
        Frequency.from_json(text)


def test_ones_own_backtest_speaks_before_the_shipped_one(tmp_path: Path) -> None:
    home, models = tmp_path / "home", tmp_path / "models"
    for folder in (home / "backtest", models):
        folder.mkdir(parents=True)
    with build(load_settings(home=home, models=models)) as app:
        assert app.frequency is None
        shipped = replace(FOUND, leagues=())
        (models / BACKTEST).write_text(shipped.to_json())
        assert app.frequency == shipped
        (home / "backtest" / BACKTEST).write_text(FOUND.to_json())
        assert app.frequency == FOUND
