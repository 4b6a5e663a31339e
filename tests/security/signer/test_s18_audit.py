"""S18: an audit entry for each decision, in the transaction that reserves; copies stay; a chain."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from betting_signer.audit import copy_name, first_broken, first_different, line_of
from betting_signer.contract import Signed
from betting_signer.copies import CopyDiffersError
from betting_signer.state import START
from security.signer.world import (
    ADDRESS,
    STRANGER,
    Gone,
    Watched,
    World,
    dearer,
    intent,
    policy,
    quote,
)


def busy_day(world: World) -> list[str]:
    """Lines of transfers, a replacement, refusals and what could not be read."""
    wish = world.put(intent())
    asked = quote(wish)
    world.signer().sign(asked.dumps())
    world.signer().sign(dearer(asked, wish).dumps())
    world.ask(intent(to=STRANGER))
    world.signer().sign("{")
    world.signer().sign(quote(intent()).dumps())
    world.ask(intent())
    world.switch(enabled=False)
    world.ask(intent())
    return world.lines()


def last(world: World) -> tuple[int, str]:
    head = world.store.head(ADDRESS)
    return head.audit_seq, head.audit_hash


def copies(world: World, count: int) -> list[bytes | None]:
    return [world.copies.read(copy_name(ADDRESS, seq)) for seq in range(1, count + 1)]


def test_every_decision_has_its_entry(world: World) -> None:
    lines = [json.loads(line) for line in busy_day(world)]
    assert [line["code"] for line in lines] == [
        *("allowed", "allowed", "destination_not_allowed", "unreadable", "unknown_intent"),
        *("allowed", "signing_disabled"),
    ]
    allowed = lines[0]
    assert allowed["rule"] == "coins-to-friend"
    assert allowed["requester"] == "api"
    assert allowed["policy_hash"] == policy().policy_hash
    assert len(allowed["request_hash"]) == 64
    assert allowed["transaction"]["nonce"] == 0
    assert lines[2]["policy_hash"] == policy().policy_hash
    assert lines[2]["request_hash"] != allowed["request_hash"]
    assert lines[2]["transaction"] is None
    assert lines[3]["intent_id"] is None
    assert len({line["received"] for line in lines}) == 7
    assert [line["seq"] for line in lines] == list(range(1, 8))


def test_the_audit_of_a_run_and_its_copies_verify(world: World) -> None:
    lines = busy_day(world)
    assert first_broken(lines, last(world)) is None
    assert first_different(lines, copies(world, len(lines))) is None


def test_one_edited_byte_anywhere_is_found(world: World) -> None:
    lines = busy_day(world)
    end, held = last(world), copies(world, len(lines))
    chosen = random.Random(11)  # noqa: S311 - the same bytes on every run
    for seq, line in enumerate(lines, 1):
        places = range(len(line)) if seq == 2 else chosen.sample(range(len(line)), 60)
        for place in places:
            other = chosen.choice([c for c in ' 0aZ"{}:,' if c != line[place]])
            edited = line[:place] + other + line[place + 1 :]
            broken = [*lines[: seq - 1], edited, *lines[seq:]]
            assert first_broken(broken, end) == seq
            assert first_different(broken, held) == seq


def test_lines_that_are_missing_added_or_swapped_are_found(world: World) -> None:
    lines = busy_day(world)
    end = last(world)
    assert first_broken(lines[1:], end) == 1
    assert first_broken(lines[:3] + lines[4:], end) == 4
    assert first_broken(lines[:-2], end) == len(lines) - 1
    assert first_broken([], end) == 1
    assert first_broken([lines[1], lines[0], *lines[2:]], end) == 1
    assert first_broken([*lines, lines[-1]], end) == len(lines) + 1
    assert first_broken(lines, (end[0], START)) == end[0]
    more, found = line_of({"seq": end[0] + 1}, end[1])
    assert first_broken([*lines, more], end) == end[0] + 1
    assert first_broken([*lines, more], (end[0] + 1, found)) is None


def rewritten(lines: list[str], seq: int) -> tuple[list[str], str]:
    """The audit as somebody writes it anew who can change the whole store."""
    before, found = [], START
    for number, line in enumerate(lines, 1):
        entry = json.loads(line)
        entry.pop("hash")
        entry.pop("previous")
        if number == seq:
            entry["requester"] = "nobody"
        text, found = line_of(entry, found)
        before.append(text)
    return before, found


def test_an_audit_that_was_written_anew_differs_from_its_copies(world: World) -> None:
    lines = busy_day(world)
    forged, end = rewritten(lines, 3)
    assert first_broken(forged, (len(forged), end)) is None
    assert first_different(forged, copies(world, len(lines))) == 3


def test_copies_stay_as_they_are(world: World) -> None:
    lines = busy_day(world)
    name = copy_name(ADDRESS, 1)
    assert not world.copies.put(name, b"another")
    assert not world.copies.put(name, lines[0].encode())
    assert world.copies.read(name) == lines[0].encode()


def test_a_missing_copy_is_found(server: World) -> None:
    lines = busy_day(server)
    held = copies(server, len(lines))
    assert first_different(lines, [*held[:4], None, *held[5:]]) == 5


def test_where_another_copy_lies_nothing_is_signed(world: World) -> None:
    custody = Watched(world.custody)
    world.copies.put(copy_name(ADDRESS, 1), b'{"seq":1}')
    for _ in range(2):
        with pytest.raises(CopyDiffersError):
            world.ask(intent(), world.signer(custody=custody))
    assert custody.made == []


def test_a_line_that_is_gone_stops_what_stands_on_it(server: World) -> None:
    wish = intent()

    with pytest.raises(KeyboardInterrupt):
        server.ask(wish, server.signer(custody=Gone()))
    server.desk._rows("ALTER TABLE signer.audit DISABLE TRIGGER ALL; SELECT 1")
    server.desk._rows("DELETE FROM signer.audit RETURNING 1")
    custody = Watched(server.custody)
    with pytest.raises(CopyDiffersError):
        server.ask(wish, server.signer(custody=custody))
    assert custody.made == []


def test_the_database_itself_refuses_to_change_what_was_written(server: World) -> None:
    from betting_signer.store import UnavailableError

    assert isinstance(server.ask(intent()), Signed)
    before = server.lines()
    for statement in (
        "UPDATE signer.audit SET line = 'x' RETURNING 1",
        "DELETE FROM signer.audit RETURNING 1",
        "UPDATE signer.signed SET body = 'x' RETURNING 1",
        "DELETE FROM signer.signed RETURNING 1",
        "UPDATE signer.intents SET body = 'x' RETURNING 1",
        "DELETE FROM signer.reservations RETURNING 1",
    ):
        with pytest.raises(UnavailableError):
            server.desk._rows(statement)
    assert server.lines() == before
    assert replace(server.store.head(ADDRESS)) == server.store.head(ADDRESS)
