"""Who answers: the rule on untouched matches, the channel, drift, and what is kept of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from betting_ai.adapters.local.model_store import FolderModelStore
from betting_ai.backtest.evaluate import EvaluateCommand, evaluate
from betting_ai.backtest.promotion import FEWEST_MATCHES, compare, figures
from betting_ai.backtest.replay import Replay
from betting_ai.domain.markets import MATCH_RESULT
from betting_ai.domain.slate import Criteria
from betting_ai.errors import ModelMissingError, NothingToDoError
from betting_ai.features.spec import NAMES, column
from betting_ai.models.drift import FEWEST_ROWS, drift
from betting_ai.models.manifest import MEMBERS, Manifest
from betting_ai.usecases.assess_events import Window
from small_model import THROUGH, league, registry

VERSION = THROUGH.isoformat()
LAST = date(2023, 6, 30)


def manifest(**changes: object) -> Manifest:
    told = registry().manifest("match_result", VERSION)
    return replace(told, tuned_through=THROUGH, **changes)  # type: ignore[arg-type]


def test_a_challenger_that_says_the_very_same_may_not_answer() -> None:
    found = compare(league(), registry(), manifest(), manifest(), MATCH_RESULT, LAST)
    assert found.matches > FEWEST_MATCHES
    assert found.first > THROUGH
    assert found.to_close["mean"] == found.to_results["mean"] == 0.0
    assert not found.promote
    assert "no difference at all" in found.why


def test_a_comparison_ends_with_its_last_match() -> None:
    found = compare(league(), registry(), manifest(), manifest(), MATCH_RESULT, date.max)
    assert found.last == date(1970, 1, 1) + timedelta(days=int(league().day.max()))


def test_a_challenger_as_good_as_the_champion_may_answer() -> None:
    mine = manifest()
    near = manifest(pick_weights=tuple(max(0.0, w - 1e-6) for w in mine.pick_weights))
    found = compare(league(), registry(), mine, near, MATCH_RESULT, LAST)
    assert abs(found.to_close["mean"]) < 1e-6
    assert found.promote


def test_a_challenger_that_is_further_from_the_close_may_not() -> None:
    worse = manifest(pick_weights=(3.0, 3.0, 3.0, 3.0))
    found = compare(league(), registry(), manifest(), worse, MATCH_RESULT, LAST)
    assert found.to_close["mean"] > found.to_close["se"]
    assert not found.promote
    back = compare(league(), registry(), worse, manifest(), MATCH_RESULT, LAST)
    assert back.promote
    assert back.to_close["mean"] == -found.to_close["mean"]


def test_only_matches_that_nobody_has_touched_count() -> None:
    touched = manifest()
    touched = replace(touched, tuned_through=date(2023, 3, 1))
    with pytest.raises(NothingToDoError, match="untouched by both models"):
        compare(league(), registry(), manifest(), touched, MATCH_RESULT, LAST)


def test_a_channel_is_changed_whole_or_not_at_all(tmp_path: Path) -> None:
    store = FolderModelStore(tmp_path)
    store.put_in_channel("match_result", "2024-06-30", "stable")
    store.put_in_channel("match_result", "2023-06-30", "stable")
    store.put_in_channel("match_result", "2024-06-30", "stable")
    kept = json.loads((tmp_path / "channels.json").read_text())
    assert kept == {"match_result": {"stable": ["2023-06-30", "2024-06-30"]}}
    store.take_from_channel("match_result", "2024-06-30", "stable")
    assert json.loads(store.read("channels.json")) == {"match_result": {"stable": ["2023-06-30"]}}
    with pytest.raises(ModelMissingError, match="not in the channel"):
        store.take_from_channel("match_result", "2024-06-30", "stable")
    assert store.withdrawn("match_result") == {"stable": ["2024-06-30"]}
    store.put_in_channel("match_result", "2024-06-30", "stable")
    assert store.withdrawn("match_result") == {"stable": []}
    assert {path.name for path in tmp_path.iterdir()} == {"channels.json", "withdrawn.json"}


def rows_like_training(told: Manifest, count: int = 400) -> np.ndarray:
    random = np.random.default_rng(2)
    matrix = np.empty((count, len(NAMES)), dtype=np.float32)
    for k, (low, high, missing) in enumerate(told.ranges):
        values = random.uniform(low or 0.0, high or 0.0, count)
        matrix[:, k] = np.where(random.random(count) < missing, np.nan, values)
    return matrix


def test_rows_like_those_of_training_raise_no_alarm() -> None:
    told = manifest()
    assert drift(rows_like_training(told), told, 0.006, 7_600).alarms == ()


def test_few_matches_look_badly_calibrated_by_luck_alone() -> None:
    told = manifest()
    few, many = (drift(rows_like_training(told), told, 0.025, n).alarms for n in (2_000, 8_000))
    assert few == ()
    assert many == ("calibration error 0.0250 over 8000 matches is above 0.0134",)


def test_what_leaves_its_range_or_goes_missing_is_named() -> None:
    told = manifest()
    matrix = rows_like_training(told)
    matrix[:, column("overround_average")] += 1.0
    matrix[:, column("dispersion_home")] = np.nan
    found = drift(matrix, told, 0.02, 20_000)
    assert found.outside["overround_average"] > 0.9
    assert found.missing["dispersion_home"][0] == 1.0
    assert len(found.alarms) == 3
    assert "calibration error 0.0200" in found.alarms[2]
    assert drift(matrix[: FEWEST_ROWS - 1], told).alarms == ()


def test_matches_that_the_model_was_trained_on_are_counted() -> None:
    past = Replay(league(), registry(), allow_in_sample=True)
    window = Window(datetime(2022, 4, 1, tzinfo=UTC), allow_in_sample=True)
    loose = Criteria("none", 0.0, 0.0, 1.0)
    first = date(2021, 8, 1)
    command = EvaluateCommand(first, date(2022, 12, 31), window, loose, Decimal(100))
    found = evaluate(past, command)
    day = league().day[found.predicted.rows]
    seen = int((day <= (THROUGH - date(1970, 1, 1)).days).sum())
    assert found.numbers["in_sample_matches"] == seen
    assert 0 < seen < found.numbers["priced"]
    assert "2021-08-01" <= found.numbers["first_match"] < found.numbers["last_match"]


def test_an_evaluation_is_kept_member_by_member() -> None:
    past = Replay(league(), registry())
    window = Window(datetime(2022, 8, 1, tzinfo=UTC))
    loose = Criteria("none", 0.0, 0.0, 1.0)
    command = EvaluateCommand(date(2022, 8, 1), LAST, window, loose, Decimal(100))
    numbers = evaluate(past, command).numbers
    kept = {one.member: one for one in figures(numbers, "stable")}
    assert set(kept) == {*MEMBERS, "pool", "ensemble", "pick_price"}
    one = kept["ensemble"]
    assert (one.model_version, one.matches) == (f"match_result/{VERSION}", numbers["compared"])
    assert one.log_loss - one.market_log_loss == pytest.approx(
        one.metrics["log_loss_difference"]["mean"]
    )
