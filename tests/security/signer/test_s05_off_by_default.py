"""S5: off by default; a switch that is false, missing, malformed, stale or unreadable refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from betting_signer.contract import Code, told
from betting_signer.state import Control
from betting_signer.store import UnavailableError
from security.signer.world import ADDRESS, NOW, Gone, Watched, World, code, intent, policy, quote

ON = Control(True, policy().policy_hash, NOW + timedelta(days=1), 0).content()
MALFORMED: list[Any] = [
    ON | {"enabled": "true"},
    ON | {"enabled": 1},
    ON | {"enabled": None},
    ON | {"until": "for ever"},
    ON | {"until": None},
    ON | {"released": -1},
    ON | {"released": 0.0},
    ON | {"policy_hash": ""},
    ON | {"more": 1},
    {name: ON[name] for name in ON if name != "until"},
    [],
    None,
    True,
]


def refused(world: World) -> Code | None:
    """What is said, while nothing is reserved and no key is used."""
    custody = Watched(world.custody)
    wish = intent()
    found = code(world.ask(wish, world.signer(custody=custody)))
    assert custody.made == []
    assert world.store.reservation(wish.intent_id) is None
    assert f'"code":"{found}"' in world.lines()[-1]
    return found


def test_it_signs_while_it_is_on(world: World) -> None:
    assert code(world.ask(intent())) is None


def test_false_stale_and_malformed_refuse(world: World) -> None:
    world.switch(enabled=False)
    assert refused(world) is Code.SIGNING_DISABLED
    world.switch(until=NOW)
    assert refused(world) is Code.SIGNING_DISABLED
    world.switch(until=NOW - timedelta(days=400))
    assert refused(world) is Code.SIGNING_DISABLED
    for text in [json.dumps(one) for one in MALFORMED] + ["", "{", '{"enabled":true}']:
        world.write("control", text)
        assert refused(world) is Code.SIGNING_DISABLED, text
    world.switch(until=NOW + timedelta(seconds=1))
    assert code(world.ask(intent())) is None


def test_missing_refuses(world: World) -> None:
    if world.name == "dynamo":
        client, table = world.store.client, world.store.tables.signer
        client.delete_item(TableName=table, Key={"pk": {"S": "control"}})
    else:
        world.desk._rows("DELETE FROM signer.control RETURNING 1")
    assert refused(world) is Code.SIGNING_DISABLED


def test_unreadable_refuses(world: World) -> None:
    class Unreadable:
        def __getattr__(self, name: str) -> Any:
            return getattr(world.store, name)

        def control(self) -> str:
            raise UnavailableError("the store")

    custody = Watched(world.custody)
    with pytest.raises(UnavailableError):
        world.ask(intent(), world.signer(store=Unreadable(), custody=custody))
    assert custody.made == []
    assert world.store.head(ADDRESS).version == 0


def test_what_was_reserved_is_not_signed_once_it_is_off(world: World) -> None:
    wish = intent()
    with pytest.raises(KeyboardInterrupt):
        world.ask(wish, world.signer(custody=Gone()))
    assert world.store.reservation(wish.intent_id) is not None
    world.switch(enabled=False)
    assert code(world.ask(wish)) is Code.SIGNING_DISABLED
    world.switch()
    assert code(world.ask(wish)) is None


def test_a_switch_says_until_when() -> None:
    assert ON["until"] == told(NOW + timedelta(days=1))
    assert replace(Control.parse(ON), enabled=False).content() == ON | {"enabled": False}
    assert quote(intent()).observed_at == NOW
