"""S19: the policy that runs is the one that was approved, by a second role that alone may do it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pg8000.exceptions import DatabaseError

from betting_signer.contract import Code, MalformedError
from betting_signer.policy import Policy
from security.signer.world import (
    COIN,
    FRIEND,
    STRANGER,
    World,
    code,
    connection,
    intent,
    policy,
    with_asset,
)


def test_an_altered_policy_is_refused_until_it_is_approved(world: World) -> None:
    assert code(world.ask(intent())) is None
    wider = with_asset(policy(), per_day=10 * COIN)
    world.desk.set_policy(wider.dumps())
    assert code(world.ask(intent())) is Code.POLICY_NOT_APPROVED
    world.switch(policy_hash=wider.policy_hash)
    assert code(world.ask(intent())) is None
    world.desk.set_policy(policy().dumps())
    assert code(world.ask(intent())) is Code.POLICY_NOT_APPROVED


def leaves(content: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    if isinstance(content, dict):
        return [one for k, v in content.items() for one in leaves(v, (*path, k))]
    if isinstance(content, list):
        return [one for k, v in enumerate(content) for one in leaves(v, (*path, k))]
    return [path]


PATHS = leaves(json.loads(policy().dumps()))


@given(st.sampled_from(PATHS), st.sampled_from(["1", 1, 2, "x", STRANGER, None, True, 97, []]))
def test_every_change_of_a_policy_is_refused_or_changes_its_hash(
    path: tuple[object, ...], value: object
) -> None:
    content = json.loads(policy().dumps())
    place = content
    for step in path[:-1]:
        place = place[step]
    before = place[path[-1]]
    place[path[-1]] = value
    try:
        found = Policy.parse(content)
    except MalformedError:
        return
    same = (type(before), before) == (type(value), value)
    assert (found.policy_hash == policy().policy_hash) == same


def test_the_order_of_names_and_spaces_does_not_count() -> None:
    content = json.loads(policy().dumps())
    turned = json.dumps(dict(reversed(content.items())), indent=3)
    assert Policy.loads(turned).policy_hash == policy().policy_hash


def test_the_order_of_rules_does() -> None:
    turned = replace(policy(), rules=tuple(reversed(policy().rules)))
    assert turned.policy_hash != policy().policy_hash


def test_a_policy_for_another_wallet_or_a_malformed_one_is_none(server: World) -> None:
    other = server.under(replace(policy(), sender=STRANGER))
    assert other.sender != policy().sender
    assert code(server.ask(intent())) is Code.POLICY_MISSING
    server.under(policy())
    for text in ("", "{}", "[]", policy().dumps()[:-1], policy().dumps().replace(FRIEND, "0x0")):
        server.write("policy", text)
        assert code(server.ask(intent())) is Code.POLICY_MISSING


MAY = {
    # By role: what it may do; every other statement of the list is refused.
    "betting_signer": {"audit", "signed", "refused", "head", "used", "read"},
    "betting_requester": {"intent"},
    "betting_approver": {"approval"},
    "betting_broadcaster": {"quote"},
    "betting_policy": {"control", "policy"},
    "betting_auditor": {"read"},
}
STATEMENTS = {
    "audit": "INSERT INTO signer.audit VALUES ('a', 1, 'x')",
    "signed": "INSERT INTO signer.signed (intent_id, attempt, body) VALUES ('a', 1, 'x')",
    "refused": "INSERT INTO signer.refusals VALUES ('a', 'x')",
    "head": "INSERT INTO signer.heads VALUES ('a', 1, 'x')",
    "used": "UPDATE signer.approvals SET used = true",
    "read": "SELECT * FROM signer.audit",
    "intent": "INSERT INTO signer.intents VALUES ('a', 'x', 'x')",
    "approval": "INSERT INTO signer.approvals (request_hash, body) VALUES ('a', 'x')",
    "quote": "INSERT INTO signer.quotes (intent_id, quote_id, body) VALUES ('a', 'b', 'x')",
    "control": "UPDATE signer.control SET body = 'x'",
    "policy": "UPDATE signer.policy SET body = 'x'",
    "used approval": "INSERT INTO signer.approvals VALUES ('a', 'x', true)",
    "again": "UPDATE signer.approvals SET used = false, body = 'x'",
    "rewritten": "UPDATE signer.audit SET line = 'x'",
    "unsigned": "DELETE FROM signer.signed",
    "unreserved": "DELETE FROM signer.reservations",
    "reset": "DELETE FROM signer.heads",
}


@pytest.mark.parametrize("role", MAY)
def test_each_role_does_its_part_and_nothing_else(server: World, empty_url: str, role: str) -> None:
    as_role = connection(empty_url, role)
    done, refused = set(), set()
    for name, statement in STATEMENTS.items():
        as_role.run("BEGIN")
        try:
            as_role.run(statement)
            done.add(name)
        except DatabaseError as error:
            refused.add(error.args[0]["C"])
        as_role.run("ROLLBACK")
    as_role.close()
    assert done == MAY[role]
    assert refused == {"42501"}  # insufficient privilege


def test_whoever_has_no_role_sees_nothing(server: World, empty_url: str) -> None:
    admin = connection(empty_url)
    admin.run("DROP ROLE IF EXISTS betting_nobody_of_the_signer")
    admin.run("CREATE ROLE betting_nobody_of_the_signer NOLOGIN")
    admin.run("SET ROLE betting_nobody_of_the_signer")
    for table in ("intents", "control", "audit", "signed"):
        with pytest.raises(DatabaseError):
            admin.run(f"SELECT * FROM signer.{table}")
    admin.run("RESET ROLE")
    admin.run("DROP ROLE betting_nobody_of_the_signer")
    admin.close()
