"""S24: refusals have a code and a rule, and never tell of limits or balances."""

from __future__ import annotations

import json
import re
from pathlib import Path

from betting_signer.contract import Code, Refusal
from security.signer.world import COIN, STRANGER, World, intent, policy, with_asset

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
