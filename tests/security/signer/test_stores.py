"""Both stores keep one promise."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pg8000 import native

from betting_ai.adapters.wallet.postgres import connecting
from betting_signer.contract import Code, Intent, Signed, Transaction
from betting_signer.postgres import PostgresStore
from betting_signer.state import START, Attempt, Head, Reservation
from betting_signer.store import Commit, ConflictError, UnavailableError
from fakes.aws import FakeAws
from security.signer.world import (
    ADDRESS,
    COIN,
    FRIEND,
    NOW,
    SECRET,
    World,
    at_once,
    code,
    connection,
    intent,
    on_dynamo,
    policy,
    quote,
)

OTHERS_END = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
TRANSACTION = Transaction(56, 0, FRIEND, COIN, "0x", 21_000, "eip1559", 3, 1)


def head(version: int) -> Head:
    return Head(ADDRESS, version=version, audit_seq=version, audit_hash=START)


def reserved(wish: Intent, nonce: int = 0) -> Reservation:
    attempt = Attempt("quote-1", "transfer", START, replace(TRANSACTION, nonce=nonce), 1)
    return Reservation(wish.intent_id, wish.request_hash, ADDRESS, 56, nonce, 1, (attempt,))


def signature(held: Reservation, raw: str = "0x00") -> Signed:
    return Signed(
        held.intent_id, held.number, held.last.purpose, held.request_hash, ADDRESS,
        held.last.transaction, raw, "0x" + START, NOW,
    )  # fmt: skip


def whole(world: World, held: Reservation, version: int) -> tuple[object, ...]:
    """All that a commit may touch."""
    return (
        world.store.head(ADDRESS),
        list(world.store.audit(ADDRESS, 1, version + 5)),
        world.store.reservation(held.intent_id),
        world.store.holder(ADDRESS, 56, held.nonce),
        world.store.approval(held.request_hash),
    )


def test_nothing_is_there_at_first(world: World) -> None:
    store = world.store
    assert store.head(ADDRESS) == Head(ADDRESS)
    assert store.intent("none") is None
    assert store.approval(START) is None
    assert store.reservation("none") is None
    assert store.holder(ADDRESS, 56, 0) is None
    assert store.signed("none", 0) is None
    assert list(store.audit(ADDRESS, 1, 9)) == []


def test_what_others_put_is_put_once_and_read_as_it_was(world: World) -> None:
    wish = intent()
    stamp = wish.stamp(SECRET.encode())
    assert world.desk.put_intent(wish, stamp)
    assert not world.desk.put_intent(replace(wish, amount=1), "other")
    assert world.store.intent(wish.intent_id) == (wish.dumps(), stamp)
    approval = world.approve(wish)
    assert not world.desk.put_approval(replace(approval, approver="other"))
    assert world.store.approval(wish.request_hash) == (approval.dumps(), False)
    asked = quote(wish)
    assert world.desk.put_quote(asked)
    assert not world.desk.put_quote(asked)
    world.under(policy(version=7))
    assert world.store.policy() == policy(version=7).dumps()


def test_a_commit_is_kept_whole(world: World) -> None:
    wish = world.put(intent())
    world.approve(wish)
    held = reserved(wish)
    first = replace(
        head(1),
        nonces={56: 1},
        usage={"56:native": {4711: 10**40}},
        decided=(NOW, NOW + timedelta(seconds=1)),
        refused=(NOW,),
        locks=3,
    )
    world.store.commit(Commit(first, "line 1", held, wish.request_hash))
    assert whole(world, held, 1)[:4] == (first, ["line 1"], held, wish.intent_id)
    assert world.store.approval(wish.request_hash)[1]
    world.store.commit(Commit(head(2), "line 2"))
    assert list(world.store.audit(ADDRESS, 1, 2)) == ["line 1", "line 2"]
    assert list(world.store.audit(ADDRESS, 2, 9)) == ["line 2"]


@pytest.mark.parametrize(
    "wrong",
    ["head", "line", "reservation", "nonce", "approval used", "no approval", "attempt", "signed"],
)
def test_a_commit_that_finds_anything_else_changes_nothing(world: World, wrong: str) -> None:
    store = world.store
    wish, other = world.put(intent()), world.put(intent())
    world.approve(wish)
    held = reserved(wish)
    store.commit(Commit(head(1), "line 1", held, wish.request_hash))
    later = held.attempting(replace(held.last, purpose="gap"))
    fine = Commit(head(2), "line 2", later, unsigned=0)
    tried = {
        "head": replace(fine, head=replace(head(2), version=3)),
        "line": replace(fine, head=replace(head(2), audit_seq=1)),
        "reservation": replace(fine, reservation=replace(held, nonce=1), unsigned=None),
        "nonce": replace(fine, reservation=reserved(other), unsigned=None),
        "approval used": replace(fine, uses_approval=wish.request_hash),
        "no approval": replace(fine, uses_approval=other.request_hash),
        "attempt": replace(fine, reservation=replace(later, version=3)),
        "signed": fine,
    }[wrong]
    if wrong == "signed":
        store.put_signed(signature(held), 1)
    before = whole(world, held, 2), whole(world, reserved(other, 1), 2)
    with pytest.raises(ConflictError):
        store.commit(tried)
    assert (whole(world, held, 2), whole(world, reserved(other, 1), 2)) == before
    if wrong != "signed":
        store.commit(fine)
        assert store.reservation(wish.intent_id) == later


def test_what_is_newer_is_not_overwritten(world: World) -> None:
    store, held = world.store, reserved(world.put(intent()))
    later = held.attempting(replace(held.last, purpose="gap"))
    last = later.attempting(replace(held.last, purpose="replacement"))
    for version, one in enumerate((held, later, last), 1):
        store.commit(Commit(head(version), f"line {version}", one))
    for tried in (
        Commit(replace(head(2), audit_seq=9), "line 9"),
        Commit(replace(head(3), audit_seq=9), "line 9"),
        Commit(head(4), "line 4", later),
        Commit(head(4), "line 4", last),
    ):
        with pytest.raises(ConflictError):
            store.commit(tried)
    assert store.head(ADDRESS) == head(3)
    assert store.reservation(held.intent_id) == last


def test_of_many_that_read_the_same_head_one_commits(world: World) -> None:
    for version in (1, 2):

        def commit(number: int, version: int = version) -> bool:
            try:
                world.store.commit(Commit(head(version), f"line {number}"))
            except ConflictError:
                return False
            return True

        assert sum(at_once(commit, list(range(16)))) == 1
    assert world.store.head(ADDRESS) == head(2)


def test_a_signature_is_kept_once_and_for_the_last_attempt_only(world: World) -> None:
    store = world.store
    held = reserved(world.put(intent()))
    with pytest.raises(ConflictError):
        store.put_signed(signature(held), 1)
    store.commit(Commit(head(1), "line 1", held))
    later = held.attempting(replace(held.last, purpose="gap"))
    store.commit(Commit(head(2), "line 2", later, unsigned=0))
    with pytest.raises(ConflictError):
        store.put_signed(signature(held), 1)
    assert store.signed(held.intent_id, 0) is None
    store.put_signed(signature(later), 2)
    with pytest.raises(ConflictError):
        store.put_signed(signature(later, "0x01"), 2)
    assert store.signed(held.intent_id, 1) == signature(later)


def test_a_signature_and_the_closing_of_its_gap_exclude_each_other(world: World) -> None:
    store, rounds = world.store, 6
    for number in range(1, rounds + 1):
        held = reserved(world.put(intent()), number)
        store.commit(Commit(head(2 * number - 1), "reserved", held))
        later = held.attempting(replace(held.last, purpose="gap"))

        def work(one: str, held: Reservation = held, later: Reservation = later, n: int = number):
            try:
                if one == "sign":
                    store.put_signed(signature(held), 1)
                else:
                    store.commit(Commit(head(2 * n), "closed", later, unsigned=0))
            except ConflictError:
                return False
            return True

        signed, closed = at_once(work, ["sign", "close"])
        assert signed != closed
        assert (store.signed(held.intent_id, 0) is not None) == signed
        if signed:
            store.commit(Commit(head(2 * number), "closed"))


def test_a_store_that_cannot_be_reached_says_so_without_a_word_of_what_was_sent(
    aws: FakeAws, world: World
) -> None:
    def nowhere() -> None:
        raise ConnectionRefusedError("to a host that is not told")

    if world.name == "dynamo":
        gone = replace(aws, url="http://127.0.0.1:9")
        store = replace(world.store, client=gone.client("dynamodb", attempts=1))
    else:
        store = PostgresStore(nowhere)
    held = reserved(intent())
    for work in (
        lambda: store.head(ADDRESS),
        lambda: store.intent("one"),
        lambda: store.commit(Commit(head(1), "line", held)),
        lambda: store.put_signed(signature(held), 1),
    ):
        with pytest.raises(UnavailableError) as raised:
            work()
        assert str(raised.value) in {"the tables", "the database"}
        assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({}, Code.UNREADABLE),
        ({"body": {"BOOL": True}, "stamp": {"S": "x"}}, Code.UNREADABLE),
        ({"body": {"M": {}}, "stamp": {"S": "x"}}, Code.UNREADABLE),
        ({"body": None}, Code.STAMP_WRONG),
        ({"body": None, "stamp": {"B": b"x"}}, Code.STAMP_WRONG),
        ({"body": None, "stamp": {"NULL": True}}, Code.STAMP_WRONG),
    ],
)
def test_a_row_that_is_none_of_ours_is_refused_and_kept_like_any_other(
    aws: FakeAws, row: dict[str, Any], wanted: Code
) -> None:
    world, wish = on_dynamo(aws), intent()
    text = {"body": {"S": wish.dumps()}} if "body" in row and row["body"] is None else {}
    world.store.client.put_item(
        TableName=world.store.tables.intents, Item={"id": {"S": wish.intent_id}} | row | text
    )
    assert code(world.signer().sign(quote(wish).dumps())) is wanted
    assert wanted.value in world.lines()[-1]


@pytest.mark.parametrize("name", ["control", "policy"])
def test_a_switch_or_policy_without_a_text_switches_off(aws: FakeAws, name: str) -> None:
    world = on_dynamo(aws)
    world.store.client.put_item(
        TableName=world.store.tables.signer, Item={"pk": {"S": name}, "body": {"NULL": True}}
    )
    wanted = {"control": Code.SIGNING_DISABLED, "policy": Code.POLICY_MISSING}[name]
    assert code(world.ask(intent())) is wanted


def test_an_approval_without_a_text_does_not_count(aws: FakeAws) -> None:
    world, wish = on_dynamo(aws), intent(amount=COIN)
    world.store.client.put_item(
        TableName=world.store.tables.approvals, Item={"request_hash": {"S": wish.request_hash}}
    )
    assert code(world.ask(wish)) is Code.APPROVAL_NOT_VALID


def test_what_a_database_isolates_by_default_does_not_matter(server: World, empty_url: str) -> None:
    """Between the head and the reservation of a closing gap its transfer's signature comes."""

    def strict() -> Any:
        made = connection(empty_url, "betting_signer")
        made.run("SET default_transaction_isolation = 'repeatable read'")
        return made

    store = PostgresStore(strict)
    held = reserved(server.put(intent()))
    store.commit(Commit(head(1), "reserved", held))
    later = held.attempting(replace(held.last, purpose="gap"))
    other = connection(empty_url)
    other.run("BEGIN")  # as put_signed does it, with time in between
    other.run("SELECT 1 FROM signer.reservations WHERE version = 1 FOR UPDATE")
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(store.commit, Commit(head(2), "closed", later, unsigned=0))
        watching = connection(empty_url)
        wait_until(
            lambda: watching.run("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        )
        other.run(
            "INSERT INTO signer.signed (intent_id, attempt, body) VALUES (:id, 0, :body)",
            id=held.intent_id, body=signature(held).dumps(),
        )  # fmt: skip
        other.run("COMMIT")
        with pytest.raises(ConflictError):
            closing.result(timeout=60)
    for one in (other, watching, store):
        one.close()
    assert server.store.reservation(held.intent_id) == held


def wait_until(what: Callable[[], Any]) -> None:
    for _ in range(6000):
        if what():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to hold")


def test_a_missing_table_is_no_empty_one(world: World, aws: FakeAws) -> None:
    if world.name == "dynamo":
        aws.client("dynamodb").delete_table(TableName=world.store.tables.signer)
    else:
        world.desk._rows("DROP TABLE signer.heads CASCADE; SELECT 1")
    with pytest.raises(UnavailableError):
        world.store.head(ADDRESS)


def test_every_connection_is_closed_where_the_server_has_let_go_of_them(server: World) -> None:
    store = server.store
    with store._connection(), store._connection():
        pass
    sockets = [one._usock for one in store._idle]
    assert len(sockets) == 2
    server.desk._rows(OTHERS_END)
    store.close()
    assert [one.fileno() for one in sockets] == [-1, -1]


def test_a_connection_that_is_lost_before_it_has_its_role_is_closed(
    server: World, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets = []

    class Lost(native.Connection):
        def run(self, *words: Any, **named: Any) -> Any:
            sockets.append(self._usock)
            server.desk._rows(OTHERS_END)
            return super().run(*words, **named)

    monkeypatch.setattr(native, "Connection", Lost)
    with pytest.raises((native.InterfaceError, native.DatabaseError)):
        connecting(empty_url, "betting_signer")()
    [one] = sockets
    assert one.fileno() == -1
