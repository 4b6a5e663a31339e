"""A slate is of the UK date of its instant, in summer and in winter."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from betting_ai.adapters.sql.record import of_uk_days
from betting_ai.adapters.sql.tables import Slate
from betting_ai.usecases.settle_picks import uk_day

INSTANTS = [
    datetime(year, month, day, tzinfo=UTC) + timedelta(minutes=minutes)
    for year, month, day in ((2025, 3, 30), (2025, 7, 1), (2025, 10, 26), (2026, 1, 1))
    for minutes in (-61, -60, -59, -1, 0, 1, 59, 60, 61)
]


@pytest.fixture
def slates(engine: Engine) -> Engine:
    with engine.begin() as connection:
        for number, instant in enumerate(INSTANTS):
            name = f"{number:064x}"
            connection.execute(
                sa.insert(Slate).values(
                    id=name, as_of=instant, window_hours=24, profile="strict", model_version="m",
                    mode="live", payload={}, hash=name,
                    previous_hash=f"{number - 1:064x}" if number else None,
                )
            )  # fmt: skip
    return engine


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_days_are_those_that_settling_goes_by(slates: Engine, zone: str) -> None:
    days = sorted({uk_day(instant) for instant in INSTANTS})
    with slates.connect() as connection:
        connection.execute(sa.text(f"SET LOCAL timezone = '{zone}'"))

        def found(since: date | None, until: date | None) -> list[datetime]:
            asked = (
                sa.select(Slate.c.as_of).where(*of_uk_days(since, until)).order_by(Slate.c.as_of)
            )
            return list(connection.scalars(asked))

        for day in days:
            assert found(day, day) == [i for i in INSTANTS if uk_day(i) == day]
            assert found(day, None) == [i for i in INSTANTS if uk_day(i) >= day]
            assert found(None, day) == [i for i in INSTANTS if uk_day(i) <= day]
        assert found(date.min, date.max) == INSTANTS
