"""S21: above a threshold another person approves this very request, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from betting_signer.contract import Approval, Code, Signed
from security.signer.world import (
    COIN,
    NOW,
    World,
    at_once,
    code,
    decided,
    insisted,
    intent,
    policy,
    quote,
    with_asset,
)

LARGE = COIN // 2 + 1


@pytest.mark.parametrize(("more", "wanted"), [(0, None), (1, Code.APPROVAL_REQUIRED)])
def test_the_threshold(more: int, wanted: Code | None) -> None:
    assert code(decided(intent(amount=COIN // 2 + more))) is wanted


def test_without_one_it_waits_and_with_one_it_is_signed_once(world: World) -> None:
    wish = intent(amount=LARGE, expires_at=NOW + timedelta(hours=24))
    assert code(world.ask(wish)) is Code.APPROVAL_REQUIRED
    world.clock.at = NOW + timedelta(hours=20)
    world.approve(wish)
    first = world.ask(wish)
    assert isinstance(first, Signed)
    assert world.store.approval(wish.request_hash)[1]
    assert world.ask(wish) == first


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"approver": "api"}, Code.APPROVAL_NOT_VALID),  # the requester itself
        ({"approver": "somebody"}, Code.APPROVAL_NOT_VALID),
        ({"approved_at": NOW + timedelta(seconds=31)}, Code.APPROVAL_NOT_VALID),
        ({"approved_at": NOW - timedelta(seconds=31)}, Code.APPROVAL_NOT_VALID),
        ({}, None),
    ],
)
def test_whose_word_counts(world: World, changes: dict[str, Any], wanted: Code | None) -> None:
    wish = intent(amount=LARGE)
    world.approve(wish, **changes)
    assert code(world.ask(wish)) is wanted


def test_two_may_approve_for_each_other_and_none_for_itself() -> None:
    listed = policy(approvers=["owner", "api"])
    wish = intent(amount=LARGE)
    for approver, wanted in (("api", Code.APPROVAL_NOT_VALID), ("owner", None)):
        approval = Approval(wish.request_hash, approver, NOW)
        assert code(decided(wish, listed, approval=approval)) is wanted


def test_the_word_for_another_request_does_not_count(server: World) -> None:
    wish = intent(amount=LARGE)
    for other in (
        replace(wish, amount=LARGE + 1),
        replace(wish, intent_id="intent-other"),
        replace(wish, expires_at=wish.expires_at - timedelta(seconds=1)),
    ):
        server.approve(other)
        assert code(server.ask(wish)) is Code.APPROVAL_REQUIRED
    # Not even where somebody puts it in the place of the right one.
    row = server.approve(replace(wish, amount=LARGE + 2))
    server.desk._rows(
        "UPDATE signer.approvals SET request_hash = :right WHERE request_hash = :other RETURNING 1",
        right=wish.request_hash, other=row.request_hash,
    )  # fmt: skip
    assert code(server.ask(wish)) is Code.APPROVAL_NOT_VALID


def test_a_used_word_does_not_count_again(world: World) -> None:
    wish = intent(amount=LARGE)
    approval = world.approve(wish)
    about = {"approval": approval, "approval_used": True}
    assert code(decided(wish, **about)) is Code.APPROVAL_USED
    if world.name == "dynamo":
        world.store.client.update_item(
            TableName=world.store.tables.approvals,
            Key={"request_hash": {"S": wish.request_hash}},
            UpdateExpression="SET used = :yes",
            ExpressionAttributeValues={":yes": {"BOOL": True}},
        )
    else:
        world.desk._rows("UPDATE signer.approvals SET used = true RETURNING 1")
    assert code(world.ask(wish)) is Code.APPROVAL_USED


def test_a_word_is_used_once_by_many_at_once(world: World) -> None:
    wish = world.put(intent(amount=LARGE))
    world.approve(wish)
    quotes = [quote(wish) for _ in range(6)]
    outcomes = at_once(lambda one: insisted(world.signer(), one.dumps()), quotes)
    assert len({repr(one) for one in outcomes}) == 1
    assert isinstance(outcomes[0], Signed)


def test_a_refusal_uses_nothing_up(server: World) -> None:
    server.ask(intent(amount=COIN // 2))
    wish = intent(amount=LARGE)
    server.approve(wish)
    server.under(with_asset(policy(), per_day=COIN))
    assert code(server.ask(wish)) is Code.DAY_ABOVE_CAP
    assert not server.store.approval(wish.request_hash)[1]
    server.under(policy())
    assert code(server.ask(wish)) is None


def test_a_word_that_cannot_be_read_does_not_count(server: World) -> None:
    wish = intent(amount=LARGE)
    server.approve(wish)
    server.desk._rows("UPDATE signer.approvals SET body = '{}' RETURNING 1")
    assert code(server.ask(wish)) is Code.APPROVAL_NOT_VALID
