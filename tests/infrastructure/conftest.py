"""The templates of every environment, and each as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployed import Deployed
from templates import FULL, WALLET, assembly, nobody

__all__ = ["assembly"]


@pytest.fixture
def node() -> Iterator[None]:
    """For tests that write templates of their own."""
    with nobody():
        yield


@pytest.fixture(scope="session")
def deployed(assembly: Path) -> dict[str, Deployed]:
    """Every environment, by name."""
    folders = sorted(assembly.glob("assembly-betting-ai-*"))
    return {one.name: one for one in map(Deployed.read, folders)}


@pytest.fixture(params=["dev", "stage", "prod", FULL])
def each(request: pytest.FixtureRequest, deployed: dict[str, Deployed]) -> Deployed:
    """One environment after the other."""
    return deployed[request.param]


@pytest.fixture(scope="session")
def wallet(deployed: dict[str, Deployed]) -> Deployed:
    """The environment with a wallet."""
    return deployed[WALLET]


@pytest.fixture(scope="session")
def reports(assembly: Path) -> list[dict[str, Any]]:
    """What the checks found."""
    report = json.loads((assembly / "validation-report.json").read_text())
    found: list[dict[str, Any]] = report["pluginReports"]
    return found
