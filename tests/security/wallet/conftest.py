"""A wallet on either store and a real chain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.evm import Chain, evm
from security.signer.conftest import aws
from security.wallet.flow import Flow, on_dynamo, on_postgres

__all__ = ["aws"]


@pytest.fixture(params=[56, 97])
def chain(request: pytest.FixtureRequest) -> Iterator[Chain]:
    """A chain of either id."""
    with evm(request.param) as one:
        yield one


@pytest.fixture(params=["dynamo", "postgres"])
def flow(request: pytest.FixtureRequest, chain: Chain, tmp_path: Path) -> Iterator[Flow]:
    """A wallet on each store in turn."""
    if request.param == "dynamo":
        made = on_dynamo(request.getfixturevalue("aws"), chain, tmp_path)
    else:
        made = on_postgres(request.getfixturevalue("empty_url"), chain, tmp_path)
    yield made
    made.close()
