"""S20: an intent is stamped by its requester and lives for a time; any edit is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betting_signer.contract import Code, Intent, MalformedError, Quote
from security.signer.strategies import intents
from security.signer.world import (
    COIN,
    NOW,
    SECRET,
    STRANGER,
    TOKEN,
    World,
    code,
    decided,
    intent,
    policy,
    quote,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("created", "expires", "wanted"),
    [
        (timedelta(0), 15 * MINUTE, None),
        (-14 * MINUTE, MINUTE, None),
        (-15 * MINUTE, timedelta(0), Code.EXPIRED),
        (-20 * MINUTE, -5 * MINUTE, Code.EXPIRED),
        (-15 * MINUTE + SECOND, SECOND, None),
        (30 * SECOND, 15 * MINUTE, None),
        (31 * SECOND, 15 * MINUTE, Code.NOT_YET),
        (timedelta(days=1), timedelta(days=1, minutes=5), Code.NOT_YET),
        (timedelta(0), 15 * MINUTE + SECOND, Code.LIFETIME_TOO_LONG),
        (-timedelta(hours=23), timedelta(hours=1), Code.LIFETIME_TOO_LONG),
    ],
)
def test_the_matrix_of_clocks(created: timedelta, expires: timedelta, wanted: Code | None) -> None:
    wish = intent(created_at=NOW + created, expires_at=NOW + expires)
    assert code(decided(wish)) is wanted


@pytest.mark.parametrize(
    ("lives", "wanted"),
    [
        (timedelta(hours=24), Code.APPROVAL_REQUIRED),
        (timedelta(hours=24, seconds=1), Code.LIFETIME_TOO_LONG),
    ],
)
def test_what_waits_for_an_approval_lives_longer(lives: timedelta, wanted: Code) -> None:
    wish = intent(amount=COIN, expires_at=NOW + lives)
    assert code(decided(wish)) is wanted


@pytest.mark.parametrize(
    ("age", "wanted"),
    [
        (timedelta(0), None),
        (2 * MINUTE - SECOND, None),
        (2 * MINUTE, Code.QUOTE_STALE),
        (-30 * SECOND, None),
        (-31 * SECOND, Code.QUOTE_STALE),
    ],
)
def test_a_quote_lives_for_two_minutes(age: timedelta, wanted: Code | None) -> None:
    wish = intent()
    assert code(decided(wish, quoted=quote(wish, observed_at=NOW - age))) is wanted


EDITS: dict[str, Any] = {
    "intent_id": "intent-edited",
    "requester": "owner",
    "created_at": NOW - SECOND,
    "expires_at": NOW + 14 * MINUTE,
    "chain_id": 97,
    "sender": STRANGER,
    "asset": TOKEN,
    "to": STRANGER,
    "amount": COIN // 10 + 1,
}


@pytest.mark.parametrize("name", EDITS)
def test_each_edited_field_breaks_the_stamp(world: World, name: str) -> None:
    wish = intent()
    edited = replace(wish, **{name: EDITS[name]})
    world.put(edited, stamp=wish.stamp(SECRET.encode()))
    assert code(world.signer().sign(quote(edited).dumps())) is Code.STAMP_WRONG


def test_every_field_can_be_edited_but_the_operation() -> None:
    assert {*EDITS, "operation"} == set(intent().content())


@pytest.mark.parametrize("stamp", ["", "0" * 64, "é", None])
def test_a_wrong_stamp_is_refused(server: World, stamp: str | None) -> None:
    wish = intent()
    made = wish.stamp(b"another secret of thirty-two bytes") if stamp is None else stamp
    server.put(wish, stamp=made)
    assert code(server.signer().sign(quote(wish).dumps())) is Code.STAMP_WRONG


def test_a_stamp_is_hmac_of_the_one_text() -> None:
    wish = intent()
    text = json.dumps(wish.content(), sort_keys=True, separators=(",", ":"))
    wanted = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert wish.stamp(SECRET.encode()) == wanted
    assert wish.request_hash == hashlib.sha256(text.encode()).hexdigest()
    assert wish.stamped_by(SECRET.encode(), wanted)
    assert not wish.stamped_by(SECRET.encode() + b".", wanted)


def test_an_unknown_requester_and_a_changed_secret(server: World) -> None:
    signer = server.signer(requesters=lambda name: ())
    assert code(server.ask(intent(), signer)) is Code.STAMP_WRONG
    both = server.signer(requesters=lambda name: (b"the new one", SECRET.encode()))
    assert code(server.ask(intent(), both)) is None


@given(intents())
def test_every_edit_changes_the_hash(wish: Intent) -> None:
    for name, value in EDITS.items():
        try:
            edited = replace(wish, **{name: value})
        except MalformedError:
            continue
        assert (edited.request_hash == wish.request_hash) == (edited == wish)


@given(st.data())
def test_what_is_written_is_read_back_and_one_text_has_one_hash(data: st.DataObject) -> None:
    wish = data.draw(intents())
    assert Intent.loads(wish.dumps()) == wish
    names = data.draw(st.permutations(list(wish.content())))
    turned = json.dumps({name: wish.content()[name] for name in names}, indent=1)
    assert Intent.loads(turned).request_hash == wish.request_hash


@given(st.data())
def test_one_edited_character_never_keeps_the_hash(data: st.DataObject) -> None:
    wish = intent(intent_id="intent-one")
    text = wish.dumps()
    place = data.draw(st.integers(0, len(text) - 1))
    mark = data.draw(st.sampled_from('01aAzZ"{}:,- '))
    edited = text[:place] + mark + text[place + 1 :]
    try:
        found = Intent.loads(edited)
    except MalformedError:
        return
    # Spaces between words are the one thing that does not count.
    assert (found.request_hash == wish.request_hash) == (found == wish)


def test_a_replayed_intent_moves_nothing_more(world: World) -> None:
    wish = intent()
    first = world.ask(wish)
    assert not world.desk.put_intent(wish, wish.stamp(SECRET.encode()))
    assert world.ask(wish) == first
    again = replace(wish, intent_id="intent-replayed")
    world.put(again, stamp=wish.stamp(SECRET.encode()))
    assert code(world.ask(again)) is Code.STAMP_WRONG


def test_a_stamped_intent_that_lies_under_another_name_is_refused(world: World) -> None:
    wish = world.put(intent())
    stamp, name = wish.stamp(SECRET.encode()), f"{wish.intent_id}-again"
    if world.name == "dynamo":
        row = {"id": {"S": name}, "body": {"S": wish.dumps()}, "stamp": {"S": stamp}}
        world.store.client.put_item(TableName=world.store.tables.intents, Item=row)
    else:
        world.desk._rows(
            "INSERT INTO signer.intents VALUES (:id, :body, :stamp) RETURNING 1",
            id=name, body=wish.dumps(), stamp=stamp,
        )  # fmt: skip
    asked = quote(replace(wish, intent_id=name))
    assert code(world.signer().sign(asked.dumps())) is Code.STAMP_WRONG


def test_an_intent_for_another_wallet_or_of_nobody(server: World) -> None:
    assert code(server.ask(intent(sender=STRANGER))) is Code.SENDER_UNKNOWN
    assert code(server.signer().sign(quote(intent()).dumps())) is Code.UNKNOWN_INTENT
    assert code(decided(intent(), quoted=quote(intent()))) is Code.QUOTE_MISMATCH


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", "\ud800", "x" * 99_999])
def test_what_is_no_quote_is_refused_and_kept_by_its_hash(server: World, text: str) -> None:
    if text == "\ud800":
        text = "\\ud800"
    assert code(server.signer().sign(text)) is Code.UNREADABLE
    assert hashlib.sha256(text.encode()).hexdigest() in server.lines()[-1]


@pytest.mark.parametrize(
    "value",
    [
        "2025-03-15T09:00:00+00:00",
        "2025-03-15T09:00:00",
        "now",
        5,
        "2025-02-30T09:00:00Z",
        "2025-03-15T09:00:00.5Z",
        None,
    ],
)
def test_instants_have_one_spelling(value: object) -> None:
    with pytest.raises(MalformedError):
        Quote.parse(quote(intent()).content() | {"observed_at": value})
    assert policy().version == 1
