"""What is told of the policy is what the signer reads and says."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from betting_ai.domain.transfers import FOR_GOOD
from betting_signer.contract import Code, Document, Intent, Quote, Refusal
from betting_signer.policy import Asset, Case, Chain, Count, Policy, Rule, Worth
from betting_signer.service import _UNCOUNTED
from betting_signer.state import Head

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "wallet-policy.md").read_text()
EXAMPLE = re.findall(r"^    .*$", TEXT, re.MULTILINE)
NOW = datetime(2025, 3, 15, 9, tzinfo=UTC)


def rows(title: str) -> list[list[str]]:
    """The lines of a table, without its head."""
    head, table = re.split(rf"^\| {title} \|.*\n", TEXT, flags=re.MULTILINE)[:2]
    assert head
    lines = table.split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("of", [Policy, Chain, Asset, Worth, Rule, Count])
def test_every_field_is_told_and_no_other(of: type[Document]) -> None:
    assert [name for name, *_ in rows(of.__name__)] == [f"`{name}`" for name in of._kinds]


def test_every_code_is_told_and_no_other_with_what_follows() -> None:
    told = {name.strip("`"): rest for name, *rest in rows("Code")}
    assert list(told) == list(Code)
    assert all(len(rest) == 4 and all(rest) for rest in told.values())
    assert (
        {rest[2] for rest in told.values()} == {rest[3] for rest in told.values()} == {"yes", "no"}
    )
    assert {name for name, rest in told.items() if rest[2] == "no"} == FOR_GOOD
    # Whoever is busy is not written down at all.
    assert {name for name, rest in told.items() if rest[3] == "no"} == {*_UNCOUNTED, Code.BUSY}


def test_the_example_is_a_policy_whose_hash_stays() -> None:
    policy = Policy.loads("\n".join(EXAMPLE))
    assert policy.assets[1].worth == Worth(1, 600)
    assert policy.policy_hash == "f2b4d53024b16217d6a06a688ba8dc169f468dc362458bf22f502a79a9fe906a"


@pytest.mark.parametrize(("more", "wanted"), [(0, None), (-1, Code.FEE_SHARE_ABOVE_CAP)])
@pytest.mark.parametrize(
    ("worth", "least"),
    [(Worth(1, 600), 117 * 10**17), (Worth(10**18, 600 * 10**6), 117 * 10**5)],
)
def test_the_numbers_of_worth(worth: Worth, least: int, more: int, wanted: Code | None) -> None:
    policy = Policy.loads("\n".join(EXAMPLE))
    coin, token = policy.assets
    policy = replace(policy, assets=(coin, replace(token, worth=worth)))
    rule = policy.rules[1]
    intent = Intent(
        operation="transfer",
        intent_id="one",
        requester="api",
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
        chain_id=rule.chain_id,
        sender=policy.sender,
        asset=rule.asset,
        to=rule.destinations[0],
        amount=least + more,
    )
    quote = Quote(
        quote_id="one",
        intent_id="one",
        purpose="transfer",
        chain_id=rule.chain_id,
        observed_at=NOW,
        nonce_floor=0,
        fee_kind="legacy",
        gas_limit=65_000,
        max_fee_per_gas=3 * 10**9,
        max_priority_fee_per_gas=3 * 10**9,
        native_balance=10**18,
        asset_balance=10**20,
    )
    outcome = policy.decide(Case(intent, quote, Head(policy.sender), NOW))
    assert (outcome.code if isinstance(outcome, Refusal) else None) is wanted
