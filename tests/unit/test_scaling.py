"""The figures of docs/scaling.md are those that the product's limits give."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def scaling() -> ModuleType:
    found = importlib.util.spec_from_file_location("scaling", DOCS / "scaling.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_tables_are_those_that_are_computed(scaling: ModuleType) -> None:
    text = (DOCS / "scaling.md").read_text()
    assert scaling.written(text) == text, "run python docs/scaling.py"


def test_no_table_can_be_left_out(scaling: ModuleType) -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        scaling.written("nothing")


def test_environments_stay_below_their_budgets_where_the_text_says_so(scaling: ModuleType) -> None:
    usage = sum(scaling.PER_MILLION.values()) * scaling.DAYS_A_MONTH / 1e6
    for cost, budget in scaling.fixed().values():
        assert cost + 10_000 * usage < budget
    cost, budget = scaling.fixed()["prod"]
    assert budget == 200
    assert cost + 100_000 * usage < 0.8 * budget
    assert f"about {scaling.PROXY_A_MONTH:.0f} USD" in (DOCS / "scaling.md").read_text()
