"""Every store with a wallet on it, each behind the same names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployed import Deployed
from fakes.aws import FakeAws, running
from integration.conftest import administration, empty_url, postgres
from security.signer.world import World, on_dynamo, on_postgres
from templates import WALLET, assembly

__all__ = ["administration", "assembly", "empty_url", "postgres"]


@pytest.fixture(scope="session")
def aws() -> Iterator[FakeAws]:
    """AWS in a process of its own."""
    with running() as fake:
        yield fake


@pytest.fixture(params=["dynamo", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A wallet on each store in turn."""
    if request.param == "dynamo":
        yield on_dynamo(request.getfixturevalue("aws"))
    else:
        with on_postgres(request.getfixturevalue("empty_url"), tmp_path) as made:
            yield made


@pytest.fixture
def server(empty_url: str, tmp_path: Path) -> Iterator[World]:
    """A wallet on PostgreSQL, where one store is enough."""
    with on_postgres(empty_url, tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def wallet(assembly: Path) -> Deployed:
    """The templates of an environment with a wallet."""
    return Deployed.read(assembly / f"assembly-betting-ai-{WALLET}")
