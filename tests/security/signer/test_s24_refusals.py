"""S24: refusals have a code and a rule, and never tell of limits or balances."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from betting_signer.contract import Code, Refusal, Refused
from betting_signer.state import START, Head
from betting_signer.store import Commit, ConflictError
from security.signer.world import (
    ADDRESS,
    COIN,
    NOW,
    STRANGER,
    World,
    code,
    intent,
    policy,
    quote,
    with_asset,
)

SNAPSHOT = Path(__file__).with_name("refusals.json")


def bodies() -> list[dict[str, str]]:
    return [Refusal(code, "the-rule").content() for code in Code]


def test_all_bodies_are_those_of_the_snapshot() -> None:
    assert bodies() == json.loads(SNAPSHOT.read_text())


def test_no_body_has_a_number_but_of_windows() -> None:
    for body in bodies():
        assert set(body) == {"code", "rule", "detail"}
        assert not re.search(r"\d", body["detail"].replace("24 hours", "").replace("7 days", ""))
        assert body["detail"].isascii()


def test_a_body_is_the_same_whatever_the_limits_and_balances_are(server: World) -> None:
    found = []
    for cap in (COIN // 100, COIN // 50):
        server.under(with_asset(policy(), per_transaction=cap, per_day=cap * 2))
        poor = server.ask(intent(amount=cap), native_balance=cap - 7)
        found.append([
            server.ask(intent(amount=cap * 3)).content(),
            poor.content(),
            server.ask(intent(to=STRANGER, amount=cap)).content(),
            [server.ask(intent(amount=cap)) for _ in range(3)][-1].content(),
        ])  # fmt: skip
    assert found[0] == found[1]
    assert [one["code"] for one in found[0]] == [
        "amount_above_cap",
        "insufficient_funds",
        "destination_not_allowed",
        "day_above_cap",
    ]


def test_whoever_asked_reads_the_code_and_nothing_else(world: World) -> None:
    for amount, why in ((COIN * 2, Code.AMOUNT_ABOVE_CAP), (COIN, Code.APPROVAL_REQUIRED)):
        wish = intent(amount=amount)
        assert world.ask(wish, quote_id="first") == Refusal(why, "coins-to-friend")
        told = world.store.refused(wish.intent_id)
        assert told.content() == {
            "intent_id": wish.intent_id, "quote_id": "first", "request_hash": wish.request_hash,
            "code": why.value, "refused_at": "2025-03-15T09:00:00Z",
        }  # fmt: skip


def test_the_last_refusal_is_told_and_only_of_a_transfer(world: World) -> None:
    wish = intent(to=STRANGER)
    world.ask(wish)
    world.switch(enabled=False)
    world.ask(wish)
    told = world.store.refused(wish.intent_id)
    assert told.code == "signing_disabled"
    world.under(policy())
    assert code(world.ask(wish, purpose="gap")) is Code.NO_GAP
    assert world.store.refused(wish.intent_id) == told


def test_nothing_is_told_of_what_is_not_there_or_was_granted(world: World) -> None:
    world.signer().sign(quote(intent(intent_id="never-put")).dumps())
    granted = intent()
    world.ask(granted)
    assert world.store.refused("never-put") is None
    assert world.store.refused(granted.intent_id) is None


def test_a_refusal_that_is_not_kept_is_not_told(world: World) -> None:
    """It is told with its line in the audit, or not at all."""
    wish = world.put(intent())
    told = Refused(wish.intent_id, "a-quote", wish.request_hash, "locked", NOW)
    head = Head(ADDRESS, version=1, audit_seq=1, audit_hash=START)
    world.store.commit(Commit(head, "line 1"))
    with pytest.raises(ConflictError):
        world.store.commit(Commit(head, "line 1", refused=told))
    assert world.store.refused(wish.intent_id) is None
