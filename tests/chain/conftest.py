"""Chains for the tests: BNB Smart Chain's two ids, each a real EVM."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from pydantic import SecretStr

from betting_ai.adapters.chain.nodes import EvmNodes
from betting_ai.adapters.chain.transport import RpcLimits
from betting_ai.clock import SystemClock
from chain.evm import ALICE, BOB, Chain, evm

LIMITS = RpcLimits(timeout=2.0, stale_after=timedelta(hours=1), rest=timedelta(0))

Open = Callable[..., EvmNodes]


@pytest.fixture(params=[56, 97])
def either(request: pytest.FixtureRequest) -> Iterator[Chain]:
    """A chain of either id, with two rich accounts."""
    with evm(request.param) as chain:
        chain.fund(ALICE, BOB)
        yield chain


@pytest.fixture
def chain() -> Iterator[Chain]:
    """A chain with two rich accounts."""
    with evm(56) as one:
        one.fund(ALICE, BOB)
        yield one


@pytest.fixture
def nodes_of() -> Iterator[Open]:
    """Opens nodes over addresses."""
    with ExitStack() as stack:

        def open_(*urls: str, chain_id: int = 56, limits: RpcLimits = LIMITS) -> EvmNodes:
            nodes = EvmNodes(chain_id, [SecretStr(url) for url in urls], SystemClock(), limits)
            stack.callback(nodes.close)
            return nodes

        yield open_
