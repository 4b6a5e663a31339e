"""S17: decision, reservation and audit are kept before a signature exists; a failure refuses.

Every call of the signer to its store, its copies and its key is made to fail in turn: before it
is done, and after it is done but before its answer is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from betting_signer.contract import Intent, Signed
from betting_signer.state import DAY
from betting_signer.store import UnavailableError
from security.signer.world import (
    ADDRESS,
    NOW,
    Watched,
    World,
    at_once,
    dearer,
    intent,
    quote,
)


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Line:
    """Counts calls through its doors, and ends the process at one of them.

    Attributes:
        at: number of the call, from 1; 0 for none.
        after: whether the call is done first.
        error: what is raised.
    """

    at: int = 0
    after: bool = False
    error: type[BaseException] = Crash
    calls: list[str] = field(default_factory=list)

    def through(self, what: Any) -> Any:
        line = self

        class Door:
            def __getattr__(self, name: str) -> Any:
                real = getattr(what, name)

                def called(*args: Any) -> Any:
                    line.calls.append(name)
                    hit = len(line.calls) == line.at
                    if hit and not line.after:
                        raise line.error
                    answer = real(*args)
                    if name == "audit":
                        answer = list(answer)
                    if hit:
                        raise line.error
                    return answer

                return called

        return Door()


def walk(world: World, custody: Watched, text: str, line: Line) -> Signed | None:
    """Answer a quote by a process that may end; None where it did."""
    signer = world.signer(
        store=line.through(world.store),
        copies=line.through(world.copies),
        custody=line.through(custody),
        wait=lambda _: None,
    )
    try:
        found = signer.sign(text)
    except line.error:
        return None
    assert isinstance(found, Signed)
    return found


def clean(world: World, custody: Watched, text: str) -> list[str]:
    line = Line()
    assert walk(world, custody, text, line) is not None
    return line.calls


def sound(world: World, custody: Watched, wish: Intent) -> None:
    """Everything that was ever signed for a wish is under its reservation, after its audit."""
    held = world.store.reservation(wish.intent_id)
    attempts = [world.store.signed(wish.intent_id, n) for n in range(len(held.attempts))]
    raws = {one.raw for one in attempts if one is not None}
    assert {"0x" + raw.hex() for raw in custody.made} <= raws
    for number, attempt in enumerate(held.attempts):
        line = world.lines()[attempt.audit_seq - 1]
        assert f'"attempt":{number}' in line
        name = f"audit/{ADDRESS}/{attempt.audit_seq:012d}.json"
        assert world.copies.read(name) == line.encode()


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [Crash, UnavailableError])
def test_a_transfer_that_ends_anywhere_is_signed_once_by_a_retry(
    world: World, after: bool, error: type[BaseException]
) -> None:
    calls = clean(world, Watched(world.custody), quote(world.put(intent())).dumps())
    assert {"commit", "put", "sign", "put_signed"} <= set(calls)
    assert calls.index("commit") < calls.index("put") < calls.index("sign")
    assert calls.index("sign") < calls.index("put_signed")
    for at in range(1, len(calls) + 1):
        custody, line = Watched(world.custody), Line(at, after, error)
        wish = world.put(intent())
        asked = quote(wish)
        assert walk(world, custody, asked.dumps(), line) is None
        ended = line.calls[-1]
        if custody.made:
            assert world.store.reservation(wish.intent_id) is not None, ended
        again = world.signer(custody=custody).sign(quote(wish, nonce_floor=at).dumps())
        assert isinstance(again, Signed), ended
        assert again.transaction.nonce == at, ended  # none was lost, none was given twice
        assert again == world.signer().sign(asked.dumps())
        sound(world, custody, wish)
    head = world.store.head(ADDRESS)
    assert head.nonces == {56: len(calls) + 1}
    assert head.used("56:native", DAY, NOW) == (len(calls) + 1) * wish.amount


@pytest.fixture(autouse=True)
def roomy(request: pytest.FixtureRequest) -> None:
    """Caps that nothing here reaches."""
    from security.signer.world import policy, with_asset, with_chain

    if "world" in request.fixturenames:
        world = request.getfixturevalue("world")
        wide = with_asset(policy(), per_day=10**30, per_week=10**30)
        world.under(with_chain(wide, nonce_jump=10**6))


@pytest.mark.parametrize("after", [False, True])
def test_a_replacement_that_ends_anywhere_is_signed_once_by_a_retry(
    world: World, after: bool
) -> None:
    wish = world.put(intent())
    asked = quote(wish)
    world.signer().sign(asked.dumps())
    calls = clean(world, Watched(world.custody), dearer(asked, wish).dumps())
    if world.name == "dynamo":  # the steps are the same ones; a few of each kind are enough
        wanted = [calls.index(name) + 1 for name in ("commit", "put", "sign", "put_signed")]
    else:
        wanted = list(range(1, len(calls) + 1))
    for at in wanted:
        custody, line = Watched(world.custody), Line(at, after)
        wish = world.put(intent())
        asked = quote(wish)
        first = world.signer().sign(asked.dumps())
        more = dearer(asked, wish)
        assert walk(world, custody, more.dumps(), line) is None
        again = world.signer(custody=custody).sign(more.dumps())
        assert isinstance(again, Signed), line.calls[-1]
        assert again.attempt == 1
        assert again.transaction.nonce == first.transaction.nonce
        assert world.store.signed(wish.intent_id, 2) is None
        sound(world, custody, wish)


def test_a_refusal_that_ends_anywhere_reserves_nothing(world: World) -> None:
    line = Line()
    wish = world.put(intent(to=ADDRESS))
    world.signer(store=line.through(world.store)).sign(quote(wish).dumps())
    for at in range(1, len(line.calls) + 1):
        broken = Line(at, after=True)
        with pytest.raises(Crash):
            world.signer(store=broken.through(world.store)).sign(quote(wish).dumps())
    assert world.store.head(ADDRESS).nonces == {}
    assert world.store.reservation(wish.intent_id) is None


def test_where_a_line_has_a_copy_every_line_before_has_one(world: World) -> None:
    for _ in range(3):
        line = Line(1)
        with pytest.raises(Crash):
            world.ask(intent(), world.signer(copies=line.through(world.copies)))
    wishes = [world.put(intent()) for _ in range(4)]
    at_once(lambda wish: world.signer(tries=40).sign(quote(wish).dumps()), wishes)
    lines = world.lines()
    assert len(lines) == 7
    for seq, text in enumerate(lines, 1):
        assert world.copies.read(f"audit/{ADDRESS}/{seq:012d}.json") == text.encode()


def test_of_a_busy_wallet_nothing_is_signed(world: World) -> None:
    from betting_signer.contract import Code, Refusal
    from betting_signer.store import ConflictError

    class Busy:
        def __getattr__(self, name: str) -> Any:
            return getattr(world.store, name)

        def commit(self, _: object) -> None:
            raise ConflictError("another was first")

    custody, waits = Watched(world.custody), []
    signer = world.signer(store=Busy(), custody=custody, wait=waits.append)
    assert world.ask(intent(), signer) == Refusal(Code.BUSY)
    assert waits == list(range(8))
    assert custody.made == []
