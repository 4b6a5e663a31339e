"""What is kept of how models did."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sqlalchemy.engine import Engine

from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.ports.repositories import MemberFigures

FIGURES = MemberFigures(
    model_version="match_result/2024-06-30",
    member="ensemble",
    channel="stable",
    first_day=date(2024, 7, 1),
    last_day=date(2025, 6, 30),
    matches=7681,
    log_loss=1.0003,
    market_log_loss=1.0001,
    brier=0.598,
    calibration_error=0.006,
    metrics={"cross_entropy_difference": {"mean": -0.0002, "se": 0.00002}},
)


def test_figures_come_back_and_newer_ones_replace_them(engine: Engine) -> None:
    other = replace(FIGURES, member="xgboost", last_day=date(2025, 5, 31))
    with SqlUnitOfWork(engine) as unit:
        unit.models.put([FIGURES, other])
        unit.commit()
    better = replace(FIGURES, log_loss=0.9999)
    with SqlUnitOfWork(engine) as unit:
        unit.models.put([better])
        unit.commit()
    with SqlUnitOfWork(engine) as unit:
        assert unit.models.latest() == [better, other]
        assert unit.models.latest(1) == [better]
