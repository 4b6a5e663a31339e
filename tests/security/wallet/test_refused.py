"""Why the signer refused reaches whoever asked, on either store."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from betting_ai.adapters.wallet.desk import WalletDesk
from betting_ai.adapters.wallet.postgres import PostgresRows, connecting
from betting_ai.clock import SystemClock
from betting_ai.domain.chains import find_asset
from betting_ai.domain.fees import FeeCeilings, FeeKind
from betting_ai.domain.transfers import FOR_GOOD, Purpose
from betting_ai.errors import FeeTooHighError, InsufficientFundsError
from betting_ai.usecases.carry_transfers import CarryTransfers, Wallet
from betting_ai.usecases.request_transfer import ReadTransfer
from betting_signer.contract import Code, Intent
from chain.evm import COIN, Chain
from security.signer.world import ADDRESS
from security.wallet.flow import Flow, payee, policy

STRANGER = payee(1000)


class Later:
    """A clock that is ahead."""

    def __init__(self, by: timedelta) -> None:
        self.by = by

    def now(self) -> datetime:
        return SystemClock().now() + self.by


def told(flow: Flow, wish: Intent, later: timedelta = timedelta()) -> tuple[str, str | None]:
    """Status and reason, as the role that asks may read them."""
    rows = flow.rows
    if flow.streams is None:
        rows = PostgresRows(connecting(flow.told["url"], "betting_requester"))
        flow.stack.callback(rows.close)
    coin = find_asset(flow.chain_id, "BNB")
    clock = Later(later)
    desk = WalletDesk(rows, ADDRESS, flow.chain_id, clock)
    wallet = Wallet(ADDRESS, (coin,), (), FeeCeilings(1, 1, 1, 1))
    found = ReadTransfer(desk, wallet, clock)(wish.intent_id).transfer
    return found.status, found.reason


def asked(flow: Flow, **wish: Any) -> tuple[Intent, CarryTransfers]:
    """A wish that the signer has answered once."""
    put = flow.wish(intent_id=str(uuid4()), **wish)
    carry = flow.carry()
    with suppress(InsufficientFundsError):  # told by a stream, which comes again
        flow.begin(carry)
    carry()
    flow.sign()
    return put, carry


def again(flow: Flow, wish: Intent, carry: CarryTransfers) -> None:
    """The next quote for it, which otherwise comes after two minutes."""
    quote = carry._now(21_000, carry._nodes.fee(FeeKind.DYNAMIC))
    carry._ask(wish.intent_id, f"again-{uuid4()}", Purpose.TRANSFER, quote)
    flow.sign()


def test_the_reason_is_told_at_once_and_stays(flow: Flow) -> None:
    wish, carry = asked(flow, to=1000)
    assert wish.to == STRANGER
    # It may still be signed, under another policy: whoever asked anew would pay twice.
    assert told(flow, wish) == ("requested", "destination_not_allowed")
    late = timedelta(minutes=14)
    assert told(flow, wish, late) == ("refused", "destination_not_allowed")
    carry._clock = Later(late)
    carry._desk = WalletDesk(flow.rows, ADDRESS, flow.chain_id, carry._clock)
    carry()
    assert flow.state(wish).state.value == "expired"
    assert told(flow, wish, late) == ("refused", "destination_not_allowed")


def test_what_is_refused_for_good_is_asked_once(flow: Flow) -> None:
    """The signer counts each refusal: a mistake of one person must not lock the wallet."""
    wish, carry = asked(flow, to=1000)
    for minutes in (2, 4, 8, 13):
        carry._clock = Later(timedelta(minutes=minutes))
        assert carry().quotes == 0
    head = flow.store.head(ADDRESS)
    assert (head.audit_seq, len(head.refused)) == (1, 1)
    assert told(flow, wish) == ("requested", "destination_not_allowed")


def test_codes_are_the_signers() -> None:
    assert set(Code) >= FOR_GOOD


def test_what_may_be_granted_later_is_asked_again(flow: Flow) -> None:
    flow.under(policy(flow.chain_id), enabled=False)
    _, carry = asked(flow)
    carry._clock = Later(timedelta(minutes=2))
    assert carry().quotes == 1


def test_an_approval_is_a_new_beginning(flow: Flow) -> None:
    at = flow.clock.now().replace(microsecond=0)
    flow.under(policy(flow.chain_id, approvers=["somebody-else"]))
    wish, carry = asked(flow, amount=COIN, expires_at=at + timedelta(hours=20))
    flow.approve(wish)
    assert carry().quotes == 1
    flow.sign()
    assert told(flow, wish) == ("approved", "approval_not_valid")
    carry._clock = Later(timedelta(minutes=30))
    assert carry().quotes == 0


def test_a_signature_outweighs_it(flow: Flow) -> None:
    flow.under(policy(flow.chain_id), enabled=False)
    wish, carry = asked(flow)
    assert told(flow, wish) == ("requested", "signing_disabled")
    flow.under(policy(flow.chain_id))
    again(flow, wish, carry)
    assert told(flow, wish) == ("signed", None)


def test_an_approval_outweighs_that_it_was_needed(flow: Flow) -> None:
    at = flow.clock.now().replace(microsecond=0)
    wish, carry = asked(flow, amount=COIN, expires_at=at + timedelta(hours=20))
    assert told(flow, wish) == ("waiting", "approval_required")
    flow.approve(wish)
    assert told(flow, wish) == ("approved", None)
    flow.under(policy(flow.chain_id, approvers=["somebody-else"]))
    again(flow, wish, carry)
    assert told(flow, wish) == ("approved", "approval_not_valid")


def test_a_refusal_is_nothing_to_send(flow: Flow) -> None:
    wish, _ = asked(flow, to=1000)
    assert flow.rows.signatures(wish.intent_id) == []
    assert flow.state(wish).attempts == ()


def test_what_is_not_even_put_to_the_signer_has_a_reason(flow: Flow, chain: Chain) -> None:
    chain("anvil_setBalance", ADDRESS, hex(COIN // 200))
    wish, carry = asked(flow)
    assert told(flow, wish) == ("requested", "insufficient_funds")
    kept = flow.state(wish).version
    carry()
    assert flow.state(wish).version == kept
    assert told(flow, wish, timedelta(minutes=14)) == ("refused", "insufficient_funds")
    chain("anvil_setBalance", ADDRESS, hex(COIN))
    carry()
    assert told(flow, wish) == ("requested", None)
    assert [type(one).__name__ for one in flow.sign()] == ["Signed"]
    carry()
    assert told(flow, wish) == ("sent", None)


def test_a_fee_that_is_too_high_is_the_reason(flow: Flow) -> None:
    wish = flow.wish(intent_id=str(uuid4()))
    low = flow.carry(gwei=0)
    with suppress(FeeTooHighError):
        flow.begin(low)
    low()
    assert told(flow, wish) == ("requested", "fee_too_high")
