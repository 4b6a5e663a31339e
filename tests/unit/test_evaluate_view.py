"""Evaluations as people read them: on 80 columns nothing is cut, and long work tells how far."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.console import Console

from betting_ai.cli.backtest import resumable
from betting_ai.cli.context import Voice
from betting_ai.cli.evaluate_view import SOURCES, Bars, noise, print_picks, show_quality

NAN = float("nan")
LABELS = ("best three a day", "profile strict", "first by composite", "rule: market only")


def figure(mean: float, se: float) -> dict[str, float]:
    return {"mean": mean, "se": se, "n": 10}


def measures(mean: float = -0.05, se: float = 0.01) -> dict[str, Any]:
    return {
        "log_loss": 1.2345, "rps": 0.2345, "brier": 0.6543, "accuracy": 0.5555,
        "calibration_error": 0.0123, "cross_entropy_difference": figure(mean, se),
        "log_loss_difference": figure(10 * mean, 10 * se),
    }  # fmt: skip


def picks(**changes: Any) -> dict[str, Any]:
    return {
        "picks": 12_345, "days": 1_234, "claimed_ev": 0.45, "clv": figure(-0.123, 0.123),
        "clv_over_claimed": -12.34, "beat_close": figure(0.62, 0.01),
        "clv_without_book": figure(-0.123, 0.123),
        "yield": figure(-0.123, 0.123), "yield_interval": [-1.0, 1.5], **changes,
    }  # fmt: skip


def test_every_label_and_number_is_whole_on_80_columns() -> None:
    console = Console(width=80, record=True)
    show_quality(console, {name: measures() for name in SOURCES})
    print_picks(console, {label: picks() for label in LABELS})
    text = console.export_text()
    assert "…" not in text
    assert all(text.count(f" {label} ") >= 2 for label in (*LABELS, *SOURCES.values()))
    assert max(map(len, text.splitlines())) <= 80
    assert "-5000.0 (1000.0)" in text
    assert "-12.3 % (12.3)" in text


def test_the_ensemble_is_shown_once_where_it_is_the_pool() -> None:
    console = Console(width=80, record=True)
    show_quality(console, {name: measures() for name in SOURCES}, same=True)
    text = console.export_text()
    assert "ensemble p = pool" in text
    assert "pool of the four  " not in text


def test_what_one_day_cannot_tell_is_a_dash() -> None:
    console = Console(width=80, record=True)
    alone = picks(clv=figure(0.02, NAN), yield_interval=[NAN, NAN], clv_over_claimed=NAN)
    print_picks(console, {"all picks": alone})
    text = console.export_text()
    assert "+2.0 % (-)" in text
    assert "nan" not in text


def test_differences_that_may_be_luck_are_said_to_be() -> None:
    told = noise({
        SOURCES["market"]: measures(0.0, 0.0),
        "XGBoost": measures(-0.05, 0.01),
        "deep RL": measures(-0.019, 0.01),
        "pick price f": measures(1e-17, 1e-18),
    })  # fmt: skip
    assert told == (
        "Within noise (two standard errors), to close: deep RL, pick price f; "
        "to results: deep RL, pick price f."
    )


def test_where_no_bar_is_drawn_long_work_tells_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, 0.0, 1.0, 30.0, 60.0])
    monkeypatch.setattr("betting_ai.cli.evaluate_view.monotonic", lambda: next(moments))
    with Bars(Voice(as_json=True), lines=True) as bars:
        bars.step("vintage 1 of 2: fit 1 of 4, xgboost", 0.1, 2)
        bars.step("vintage 1 of 2: fit 2 of 4, xgboost", 1.1, 2)
        bars.step("vintage 2 of 2: manifest", 2.0, 2)
    told = [json.loads(line)["note"]["message"] for line in capsys.readouterr().err.splitlines()]
    assert told == [
        "vintage 1 of 2: fit 2 of 4, xgboost: 55% after 30 s, about 27 s left",
        "vintage 2 of 2: manifest: 100% after 60 s",
    ]


def test_short_work_is_silent_there(capsys: pytest.CaptureFixture[str]) -> None:
    with Bars(Voice(as_json=True)) as bars:
        bars.read(3, 3)
    assert capsys.readouterr().err == ""


def test_stopped_training_says_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    from typer import Exit

    with pytest.raises(Exit) as stopped, resumable(range(7), Voice(as_json=False)):
        raise KeyboardInterrupt
    assert stopped.value.exit_code == 130
    assert capsys.readouterr().err == (
        "note: stopped; 7 fits are kept, run it again to go on from there\n"
    )
