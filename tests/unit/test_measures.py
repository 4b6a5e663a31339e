"""Measures by hand."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from betting_ai.backtest.measures import (
    ODDS_BANDS,
    PickTable,
    a_month,
    bands,
    by,
    ev_buckets,
    score,
    summary,
)
from betting_ai.domain.statistics import (
    bootstrap,
    drawdown,
    luck_of_the_best,
    mean_and_error,
    reliability,
)


def table(**columns: object) -> PickTable:
    n = len(next(iter(columns.values())))  # type: ignore[arg-type]
    usual = {f.name: np.zeros(n) for f in fields(PickTable)}
    usual |= {"won": np.zeros(n, np.bool_), "day": np.arange(n), "season": np.full(n, 2024)}
    usual |= {"price": np.full(n, 2.0), "clv": np.zeros(n)}
    return PickTable(**usual | {name: np.asarray(values) for name, values in columns.items()})


def test_errors_of_one_day_add_up() -> None:
    values = np.array([1.0, 1.0, -1.0, -1.0])
    alone = mean_and_error(values)
    assert (alone["mean"], alone["se"]) == (0.0, 0.5)
    assert mean_and_error(values, np.array([1, 1, 2, 2]))["se"] == pytest.approx(np.sqrt(8) / 4)
    assert np.isnan(mean_and_error(np.array([]))["mean"])


@pytest.mark.parametrize("values", [[0.2], [0.2, 0.2], [0.1, 0.4, -0.2]])
def test_one_day_has_a_mean_but_neither_error_nor_interval(values: list[float]) -> None:
    sample, day = np.array(values), np.full(len(values), 7)
    found = mean_and_error(sample, day)
    assert found["mean"] == pytest.approx(sample.mean())
    assert np.isnan(found["se"])
    assert np.isnan(bootstrap(sample, day)).all()
    told = summary(table(clv=values, day=day))
    assert np.isnan(told["clv_interval"]).all()
    assert np.isnan(told["yield"]["se"])


def test_one_pick_in_a_bin_of_confidence_has_no_error() -> None:
    _, bins = reliability(np.array([60.0, 70.0, 80.0]), np.array([True, False, True]), bins=3)
    assert all(np.isnan(one["se"]) for one in bins)


def test_scores_are_differences_to_the_market_on_the_same_matches() -> None:
    q = np.array([[0.5, 0.3, 0.2], [0.4, 0.3, 0.3]])
    close = np.array([[0.6, 0.25, 0.15], [np.nan] * 3])
    found = score(
        {"market": q, "close": np.array([close[0], q[1]])}, "market", np.array([0, 2]), close
    )
    gain = found["close"]["cross_entropy_difference"]
    by_hand = -(close[0] * np.log(close[0])).sum() + (close[0] * np.log(q[0])).sum()
    assert (gain["mean"], gain["n"]) == (pytest.approx(by_hand), 1)
    loss = found["close"]["log_loss_difference"]
    assert loss["mean"] == pytest.approx((np.log(0.5) - np.log(0.6)) / 2)
    assert found["market"]["accuracy"] == 0.5


def test_a_summary_leads_with_what_the_close_says() -> None:
    picks = table(
        price=[2.0, 3.0, 4.0], clv=[0.05, -0.01, np.nan], claimed=[0.04, 0.02, 0.03],
        won=[True, False, False],
    )  # fmt: skip
    told = summary(picks)
    assert told["picks"] == 3
    assert told["without_close"] == 1
    assert told["clv"]["mean"] == pytest.approx(0.02)
    assert told["claimed_ev"] == pytest.approx(0.03)
    assert told["clv_over_claimed"] == pytest.approx(2 / 3)
    assert told["beat_close"]["mean"] == 0.5
    assert told["yield"]["mean"] == pytest.approx(-1 / 3)


def test_nothing_to_summarise_is_no_error() -> None:
    told = summary(table(price=[]))
    assert told["picks"] == 0
    assert np.isnan(told["clv"]["mean"])
    assert ev_buckets(table(price=[])) == []


def test_buckets_hold_what_was_claimed() -> None:
    picks = table(claimed=[0.005, 0.015, 0.016, 0.2], clv=[0.0, 0.02, 0.01, 0.1])
    rows = ev_buckets(picks)
    assert [(r["from"], r["to"], r["picks"]) for r in rows] == [
        (0.0, 0.01, 1), (0.01, 0.02, 2), (0.08, None, 1),
    ]  # fmt: skip
    assert rows[1]["clv"]["mean"] == pytest.approx(0.015)


def test_confidence_is_judged_in_bins_of_equal_count() -> None:
    stated = np.repeat([20.0, 80.0], 50)
    kept = np.concatenate([np.arange(50) < 10, np.arange(50) < 40])
    gap, rows = reliability(stated, kept, bins=2)
    assert gap == pytest.approx(0.0, abs=1e-12)
    assert [(r["stated"], r["beat"], r["picks"]) for r in rows] == [(0.2, 0.2, 50), (0.8, 0.8, 50)]
    shifted, _ = reliability(np.minimum(stated + 10, 100), kept, bins=2)
    assert shifted == pytest.approx(0.1)


def test_picks_a_month_count_the_months_that_have_matches() -> None:
    def days(*texts: str) -> np.ndarray:
        return np.array(texts, dtype="datetime64[D]").astype(np.int64)

    assert a_month(9, days("2024-05-04", "2024-05-19", "2024-08-17")) == 4.5  # summer is no season
    assert np.isnan(a_month(9, days("2024-05-04", "2024-06-01")))  # 29 days
    assert np.isnan(a_month(0, days()))


def test_bands_and_groups() -> None:
    assert bands(np.array([1.2, 2.0, 9.0]), ODDS_BANDS).tolist() == ["1-1.5", "2-3", "over 8"]
    grouped = by(table(price=[2.0, 2.0, 5.0]), np.array(["a", "a", "b"]))
    assert {name: told["picks"] for name, told in grouped.items()} == {"a": 2, "b": 1}


def test_the_bootstrap_draws_days_and_repeats_itself() -> None:
    values = np.random.default_rng(0).normal(0.1, 1.0, 400)
    one, two = bootstrap(values, np.arange(400)), bootstrap(values, np.arange(400))
    assert one == two
    assert one[0] < values.mean() < one[1]
    assert (one[1] - one[0]) == pytest.approx(2 * 1.96 / 20, rel=0.15)


def test_a_drawdown_is_from_the_last_peak() -> None:
    assert drawdown(np.array([100.0, 120.0, 90.0, 130.0, 117.0])) == pytest.approx(0.25)
    assert drawdown(np.array([])) == 0.0


@pytest.mark.parametrize(("trials", "luck"), [(1, 0.0), (10, 1.57), (100, 2.53)])
def test_the_best_of_many_looks_good_by_luck(trials: int, luck: float) -> None:
    assert luck_of_the_best(trials) == pytest.approx(luck, abs=0.02)
