"""The wallet's page, in a real browser, over a real chain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from betting_ai.api.options import ApiOptions
from chain.evm import COIN, Chain, evm
from e2e.watching import watched
from integration.api_world import Api, served
from security.signer.world import ADDRESS
from security.wallet.flow import Flow, on_postgres, payee

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def chain() -> Iterator[Chain]:
    """A test network."""
    with evm(97) as one:
        yield one


@pytest.fixture
def flow(database_url: str, chain: Chain, tmp_path: Path) -> Iterator[Flow]:
    """A wallet on a server of one's own."""
    made = on_postgres(database_url, chain, tmp_path)
    yield made
    made.close()


@pytest.fixture
def api(flow: Flow, database_url: str, tmp_path: Path) -> Iterator[Api]:
    """The application, open to this machine."""
    told = {"wallet_address": ADDRESS, "wallet_assets": ("BNB",), "wallet_watched": (payee(7),)}
    options = ApiOptions(keyless_dashboard=True)
    with served(database_url, tmp_path / "home", options=options, **told) as one:
        yield one


def test_the_wallet_is_shown_and_cannot_be_used(
    browser: Browser, api: Api, flow: Flow, chain: Chain
) -> None:
    from uuid import uuid4

    first, second, third = (str(uuid4()) for _ in range(3))
    flow.wish(1, COIN // 100 + 1, intent_id=first)
    carry = flow.carry(announce=api.app._ingest_now)
    flow.go(carry)
    chain.mine(20)
    carry()
    flow.wish(2, COIN // 50, intent_id=second)
    flow.wish(1000, COIN // 40, intent_id=third)
    flow.go()
    hashed = str(api.app.read_transfer(first).transfer.tx_hash)
    for theme in ("light", "dark"):
        for device in ("desktop", "phone"):
            with watched(browser, api.url, theme, device) as seen:
                seen.page.goto("wallet")
                main = seen.page.locator("main")
                for words in (
                    "0.010000000000000001 BNB", payee(1), "Confirmed", "0.02 BNB", payee(2),
                    "0.025 BNB", payee(1000), "destination not allowed", "Requested", "0 of 15",
                    "test network", ADDRESS, "not read from the chain yet",
                    first, second, third, hashed,
                ):  # fmt: skip
                    expect(main).to_contain_text(words)
                hidden = "all => all.some(one => one.scrollWidth > one.clientWidth)"
                if device == "desktop":
                    assert not seen.page.locator(".scroll").evaluate_all(hidden)
                assert seen.page.locator("main form, main button, main input").count() == 0
                assert seen.outside() == []
                assert (seen.audit(), seen.wrong) == ([], [])
