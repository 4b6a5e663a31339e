"""The states of a transfer, as its chain is seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betting_ai.domain.chains import BSC, MOST_UNITS, Asset, find_asset
from betting_ai.domain.fees import Fee
from betting_ai.domain.transfers import (
    CLOSED,
    Attempt,
    Block,
    ChainView,
    FollowedTransfer,
    Moved,
    Receipt,
    Sighting,
    Transaction,
    TransferState,
    advanced,
    missing_nonces,
    sent,
    to_send,
    transfer_call,
)
from betting_ai.errors import InvalidInputError

AT = datetime(2026, 1, 1, tzinfo=UTC)
FROM, TO = "0x" + "aa" * 20, "0x" + "bb" * 20
USDT = find_asset(56, "USDT")


def attempt(number: int, asset: Asset = USDT, nonce: int = 5) -> Attempt:
    to, value, data = transfer_call(asset, TO, 7)
    meant = Transaction(56, FROM, nonce, to, value, data, 100_000, Fee.legacy(10 + number))
    return Attempt(number, meant, b"raw%d" % number, f"0x{number}")


def transfer(count: int = 1, **fields: object) -> FollowedTransfer:
    attempts = tuple(attempt(i) for i in range(count))
    base = FollowedTransfer("t", 56, TransferState.SIGNED, AT, attempts)
    return replace(base, **fields)  # type: ignore[arg-type]


def receipt(number: int, block: int, succeeded: bool = True, units: int = 7) -> Receipt:
    moved = (Moved(str(USDT.contract).lower(), FROM.upper().replace("0X", "0x"), TO, units),)
    return Receipt(f"0x{number}", block, "0xb", succeeded, 50_000, 10, moved)


def view(
    *sightings: Sighting, head: int = 100, used: int = 5, settled: int | None = None
) -> ChainView:
    return ChainView(
        Block(head, "0xh", AT),
        {FROM: used},
        {FROM: used if settled is None else settled},
        {f"0x{i}": one for i, one in enumerate(sightings)},
    )


NOWHERE, HELD = Sighting(), Sighting(pending=True)


def mined(number: int, block: int, **fields: object) -> Sighting:
    return Sighting(receipt=receipt(number, block, **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("block", "state"), [(100, "mined"), (87, "mined"), (86, "final"), (1, "final")]
)
def test_fifteen_blocks_with_its_own_make_it_final(block: int, state: str) -> None:
    now = advanced(transfer(), view(mined(0, block), used=6), BSC)
    assert (now.state.value, now.confirmations) == (state, 101 - block)


def test_whichever_attempt_is_mined_counts() -> None:
    now = advanced(transfer(3), view(NOWHERE, mined(1, 50), HELD, used=6), BSC)
    assert now.state is TransferState.FINAL
    assert now.receipt is not None
    assert now.receipt.tx_hash == "0x1"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"succeeded": False}, "reverted"), ({"units": 6}, "nothing_moved"), ({}, None)],
)
def test_a_token_has_moved_what_its_log_says(fields: dict[str, object], reason: str | None) -> None:
    now = advanced(transfer(), view(mined(0, 50, **fields), used=6), BSC)
    assert now.reason == reason
    assert now.state is (TransferState.FAILED if reason else TransferState.FINAL)


@pytest.mark.parametrize("held", [True, False])
def test_a_block_that_is_gone_takes_all_with_it(held: bool) -> None:
    once = advanced(transfer(), view(mined(0, 99), used=6), BSC)
    assert once.state is TransferState.MINED
    again = advanced(once, view(HELD if held else NOWHERE), BSC)
    assert again.state is (TransferState.BROADCAST if held else TransferState.DROPPED)
    assert (again.receipt, again.confirmations) == (None, 0)
    assert (to_send(again, view(HELD if held else NOWHERE)) is None) == held


def test_what_is_closed_stays_so_whatever_the_chain_says() -> None:
    for state in CLOSED:
        one = transfer(state=state)
        assert advanced(one, view(mined(0, 100)), BSC) is one
        assert to_send(one, view(NOWHERE)) is None


def test_a_new_attempt_is_sent_though_nodes_hold_the_one_before() -> None:
    one = transfer(2, state=TransferState.BROADCAST, sent_at=AT)
    seen = view(HELD, NOWHERE)
    now = advanced(one, seen, BSC)
    assert now.state is TransferState.BROADCAST
    newest = to_send(now, seen)
    assert newest is not None
    assert newest.number == 1
    assert sent(now, None, AT + timedelta(hours=1)).sent_at == AT + timedelta(hours=1)


def test_a_used_nonce_is_never_sent_and_closes_only_when_that_is_final() -> None:
    seen = view(NOWHERE, used=6, settled=5)
    now = advanced(transfer(sent_at=AT), seen, BSC)
    assert (now.state, now.reason) == (TransferState.DROPPED, "nonce_used")
    assert to_send(now, seen) is None
    assert advanced(now, view(NOWHERE, used=6), BSC).state is TransferState.REPLACED


SIGHTINGS = st.one_of(
    st.just(NOWHERE), st.just(HELD), st.integers(1, 100).map(lambda block: mined(0, block))
)


@given(st.lists(SIGHTINGS, max_size=8), st.sampled_from(sorted(TransferState)))
def test_whatever_was_seen_before_only_the_last_view_counts(
    views: list[Sighting], state: TransferState
) -> None:
    """Up to being closed: states are no memory that could be wrong."""
    one = transfer(state=state, sent_at=AT)
    for sighting in views:
        before = one
        one = advanced(one, view(sighting, used=6 if sighting.receipt else 5), BSC)
        if before.state in CLOSED:
            assert one is before
        else:
            fresh = advanced(transfer(sent_at=AT), view(sighting), BSC)
            assert (one.state, one.receipt, one.confirmations) == (
                fresh.state, fresh.receipt, fresh.confirmations,
            )  # fmt: skip


def test_gaps_are_what_no_open_transfer_has() -> None:
    nonces = (7, 5, 10)
    all_ = [transfer(attempts=(attempt(0, nonce=n),)) for n in nonces]
    assert missing_nonces(all_, view(NOWHERE)) == {FROM: [6, 8, 9]}
    closed = [replace(one, state=TransferState.FINAL) for one in all_]
    assert missing_nonces(closed, view(NOWHERE)) == {}


def test_the_call_of_a_token_is_a_transfer_and_nothing_else() -> None:
    assert transfer_call(find_asset(56, "BNB"), TO, 7) == (TO, 7, b"")
    to, value, data = transfer_call(USDT, TO, 7)
    assert (to, value) == (USDT.contract, 0)
    assert data.hex() == "a9059cbb" + "00" * 12 + "bb" * 20 + f"{7:064x}"


@pytest.mark.parametrize(
    ("to", "units"), [(TO, 0), (TO, -1), (TO, MOST_UNITS + 1), ("0xbb", 1), ("bb" * 20, 1)]
)
def test_no_call_moves_nothing_or_to_nowhere(to: str, units: int) -> None:
    with pytest.raises(InvalidInputError):
        transfer_call(USDT, to, units)
