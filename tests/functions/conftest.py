"""An account with a database for every test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.account import Account, accounts
from integration.conftest import administration, database_url, event_loop, postgres, template

__all__ = ["administration", "database_url", "event_loop", "postgres", "template"]


@pytest.fixture
def account(
    monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> Iterator[Account]:
    """An account while a test runs."""
    yield from accounts(monkeypatch, database_url, tmp_path)
