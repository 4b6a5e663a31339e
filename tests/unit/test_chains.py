"""Chains, assets, and amounts between decimals and smallest units."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betting_ai.domain.chains import (
    ASSETS,
    CHAINS,
    MOST_UNITS,
    Asset,
    default_assets,
    find_asset,
    find_chain,
)
from betting_ai.errors import InvalidInputError

ASSET = Asset(56, "T", None, decimals=18)


@given(units=st.integers(0, MOST_UNITS), decimals=st.integers(0, 30))
def test_amounts_come_back_to_the_last_unit(units: int, decimals: int) -> None:
    asset = Asset(56, "T", None, decimals)
    assert asset.units(asset.text(units)) == units


@pytest.mark.parametrize(
    ("text", "units"),
    [("0", 0), ("1", 10**18), ("0.000000000000000001", 1), ("12.50", 125 * 10**17),
     ("1.0000000000000000010", 10**18 + 1)],
)  # fmt: skip
def test_decimals_are_exact(text: str, units: int) -> None:
    assert ASSET.units(text) == units


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1e3", ".5", "1.", "01", "1,5", " 1", "1\n", "NaN", "0.0000000000000000001",
     "١", str(2**256), 1.5, 1, True, None],
    ids=repr,
)  # fmt: skip
def test_what_is_no_plain_decimal_is_no_amount(text: object) -> None:
    with pytest.raises(InvalidInputError):
        ASSET.units(text)  # type: ignore[arg-type]


def test_the_withdrawn_is_readable_and_never_there_by_itself() -> None:
    for chain in CHAINS:
        symbols = {one.symbol for one in default_assets(chain.id)}
        assert symbols == {"BNB", "USDT"}
        assert find_asset(chain.id, "BUSD").withdrawn


def test_every_listed_asset_is_on_a_known_chain_at_a_checksummed_address() -> None:
    from betting_ai.adapters.chain.signed import checksummed

    for asset in ASSETS:
        assert find_chain(asset.chain_id).id == asset.chain_id
        assert asset.contract is None or checksummed(asset.contract) == asset.contract


def test_what_is_unknown_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="56 or 97"):
        find_chain(1)
    with pytest.raises(InvalidInputError, match="BNB, USDT, BUSD"):
        find_asset(56, "usdt")


def test_a_chains_libraries_are_loaded_by_whoever_asks_a_chain_alone() -> None:
    code = (
        "import sys, betting_ai.cli.main, betting_ai.bootstrap, betting_ai.api.app;"
        "import betting_ai.usecases.follow_transfers;"
        "print([m for m in ('web3', 'eth_account', 'eth_utils', 'rlp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_api_starts_without_what_only_a_wallet_needs() -> None:
    loaded = (
        "import sys; import betting_ai.api.app; print(sorted(m for m in sys.modules if"
        " m.split('.')[0] in {'web3', 'eth_account', 'eth_keys', 'rlp', 'betting_signer'}"
        " or m.endswith(('_transfer', '_transfers', 'ports.chain'))"
        " or m.startswith(('betting_ai.adapters.chain', 'betting_ai.adapters.wallet'))))"
    )
    told = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"
