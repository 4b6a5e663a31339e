"""What tests share: where the real match files are, and the skip for machines without them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import settings

# As the product does: what tests import of chains must not let nested texts end the process.
_limit = sys.getrecursionlimit()
import eth_account  # noqa: E402, F401

sys.setrecursionlimit(_limit)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
FOOTBALL = SHARED / "football"

# Property tests try the same examples on every run.
settings.register_profile("house", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if FOOTBALL.is_dir():
        return
    absent = pytest.mark.skip(reason="the shared real match files are not on this machine")
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(absent)
