"""What is read from a chain, and what is sent to it, on a real EVM."""

from __future__ import annotations

import logging
import random
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from betting_ai.adapters.chain.nodes import EvmNodes
from betting_ai.adapters.chain.transport import RpcLimits, limits_of
from betting_ai.clock import SystemClock
from betting_ai.domain.chains import Asset, default_assets, find_asset, find_chain
from betting_ai.domain.fees import Fee, FeeKind
from betting_ai.domain.transfers import Rejection, transfer_call
from betting_ai.errors import (
    ChainDisagreementError,
    ChainError,
    ChainOfflineError,
    InsufficientFundsError,
    InvalidInputError,
    TransferRevertsError,
    WrongTransactionError,
)
from chain.conftest import LIMITS, Open
from chain.evm import ALICE, BOB, COIN, GWEI, Chain, account, evm, planned, relay, signed

KINDS = [FeeKind.LEGACY, FeeKind.DYNAMIC]


def bnb(chain: Chain) -> Asset:
    return find_asset(chain.chain_id, "BNB")


def test_balances_of_the_coin_and_of_tokens_come_in_one_batch(
    either: Chain, nodes_of: Open
) -> None:
    usdt, busd = either.token(ALICE, 7 * COIN + 1), either.token(ALICE, 3, "BUSD")
    with relay(either) as endpoint:
        nodes = nodes_of(endpoint.url, chain_id=either.chain_id)
        told = nodes.balances(ALICE.address.lower(), [bnb(either), usdt, busd])
    assert told.units == {"BNB": either.balance(ALICE.address), "USDT": 7 * COIN + 1, "BUSD": 3}
    assert (told.address, told.witnesses) == (ALICE.address, 1)
    assert endpoint.asked == [
        "eth_chainId", "eth_getBlockByNumber",
        "eth_getBlockByNumber", "eth_getBalance", "eth_call", "eth_call", "eth_getBlockByNumber",
    ]  # fmt: skip


def test_a_token_that_is_not_there_is_no_balance_of_zero(chain: Chain, nodes_of: Open) -> None:
    nodes = nodes_of(chain.url)
    with pytest.raises(InvalidInputError, match="no contract at the address of USDT"):
        nodes.balances(ALICE.address, default_assets(56))


def test_a_mistyped_address_is_refused(chain: Chain, nodes_of: Open) -> None:
    wrong = ALICE.address[:-1] + ALICE.address[-1].swapcase()
    wrong = wrong if wrong != ALICE.address else ALICE.address.swapcase().replace("0X", "0x")
    with pytest.raises(InvalidInputError, match="checksum"):
        nodes_of(chain.url).balances(wrong, [bnb(chain)])


@pytest.mark.parametrize("kind", KINDS)
def test_transfers_of_coin_and_token_with_what_is_suggested(
    either: Chain, nodes_of: Open, kind: FeeKind
) -> None:
    nodes = nodes_of(either.url, chain_id=either.chain_id)
    usdt = either.token(ALICE, 100 * COIN)
    for asset in (bnb(either), usdt):
        before = nodes.balances(BOB.address, [asset]).units[asset.symbol]
        gas = nodes.gas(ALICE.address, *transfer_call(asset, BOB.address, 5))
        fee, nonce = nodes.fee(kind), nodes.nonces(ALICE.address).used
        meant = planned(
            either, ALICE, asset, BOB.address, 5, fee, gas_limit=gas, nonce=nonce
        )  # fmt: skip
        assert meant.fee.kind is kind
        sent = nodes.send(signed(ALICE, meant), meant)
        assert (sent.taken_by, sent.rejection) == (1, None)
        assert int(either.receipt(sent.tx_hash)["status"], 16) == 1
        assert nodes.balances(BOB.address, [asset]).units[asset.symbol] == before + 5


def test_gas_is_plain_for_the_coin_and_has_room_for_a_token(chain: Chain, nodes_of: Open) -> None:
    nodes, usdt = nodes_of(chain.url), chain.token(ALICE, 9)
    assert nodes.gas(ALICE.address, *transfer_call(bnb(chain), BOB.address, 1)) == 21_000
    to, value, data = transfer_call(usdt, BOB.address, 1)
    call = {"from": ALICE.address, "to": to, "value": hex(value), "data": "0x" + data.hex()}
    bare = int(chain("eth_estimateGas", call), 16)
    assert nodes.gas(ALICE.address, to, value, data) == -(-bare * 12 // 10)


def test_what_cannot_be_paid_and_what_would_revert_are_told_apart(
    chain: Chain, nodes_of: Open
) -> None:
    nodes, usdt = nodes_of(chain.url), chain.token(ALICE, 9)
    to, _, data = transfer_call(usdt, BOB.address, 9)
    with pytest.raises(InsufficientFundsError):
        nodes.gas(ALICE.address, to, 10**6 * COIN, data)
    with pytest.raises(TransferRevertsError):
        nodes.gas(ALICE.address, *transfer_call(usdt, BOB.address, 10))


def test_the_least_that_validators_take_is_suggested_at_least(chain: Chain, nodes_of: Open) -> None:
    with relay(chain) as endpoint:
        endpoint.lies = {
            "eth_gasPrice": lambda _: "0x1",
            "eth_maxPriorityFeePerGas": lambda _: "0x0",
        }
        nodes = nodes_of(endpoint.url)
        assert nodes.fee(FeeKind.LEGACY) == Fee.legacy(nodes.chain.least_gas_price)
        assert nodes.fee(FeeKind.DYNAMIC).priority_per_gas == nodes.chain.least_gas_price


def test_rejections_have_names(chain: Chain, nodes_of: Open) -> None:
    nodes, coin = nodes_of(chain.url), bnb(chain)
    poor = account(0xF00)

    def why(sender=ALICE, fee: Fee | None = None, units: int = 1, **fields: int):
        meant = planned(chain, sender, coin, BOB.address, units, fee, **fields)
        return nodes.send(signed(sender, meant), meant).rejection

    assert why(poor) is Rejection.INSUFFICIENT_FUNDS
    assert why(gas_limit=20_000) is Rejection.GAS
    assert why(fee=Fee.legacy(1)) is Rejection.UNDERPRICED
    assert why() is None
    chain.mine()
    assert why(nonce=0, units=2) is Rejection.NONCE_USED
    chain.mining(False)
    assert why(fee=Fee.dynamic(5 * GWEI, GWEI)) is None
    assert why(fee=Fee.dynamic(5 * GWEI, GWEI), units=3) is Rejection.REPLACEMENT_UNDERPRICED
    assert why(fee=Fee.dynamic(5 * GWEI, GWEI).least_replacement(), units=3) is None


def test_the_same_bytes_can_be_sent_again_and_move_once(chain: Chain, nodes_of: Open) -> None:
    nodes = nodes_of(chain.url)
    before = chain.balance(BOB.address)
    chain.mining(False)
    meant = planned(chain, ALICE, bnb(chain), BOB.address, 11)
    raw = signed(ALICE, meant)
    assert [nodes.send(raw, meant).taken_by for _ in range(2)] == [1, 1]  # it waits
    chain.mine()
    assert nodes.send(raw, meant).rejection is None  # it is mined
    chain.mine()
    assert chain.balance(BOB.address) == before + 11


def test_nonces_tell_what_is_used_and_what_waits(chain: Chain, nodes_of: Open) -> None:
    nodes = nodes_of(chain.url)
    chain.mining(False)
    for nonce in (0, 1):
        meant = planned(chain, ALICE, bnb(chain), BOB.address, 1, nonce=nonce)
        nodes.send(signed(ALICE, meant), meant)
    told = nodes.nonces(ALICE.address)
    assert (told.used, told.pending) == (0, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"units": 2}, {"to": account(5).address}, {"nonce": 1}, {"gas_limit": 22_000},
        {"fee": Fee.dynamic(5 * GWEI + 1, GWEI)}, {"fee": Fee.dynamic(5 * GWEI, GWEI + 1)},
        {"fee": Fee.legacy(5 * GWEI)}, {"data": b"\0"}, {"chain_id": 97},
    ],
    ids=str,
)  # fmt: skip
def test_no_other_transaction_than_the_one_meant_is_ever_sent(
    chain: Chain, nodes_of: Open, change: dict[str, object]
) -> None:
    with relay(chain) as endpoint:
        nodes = nodes_of(endpoint.url)
        meant = planned(chain, ALICE, bnb(chain), BOB.address, 1, nonce=0)
        if "units" in change:
            change = {"value": change["units"]}
        raw = signed(ALICE, replace(meant, **change))
        with pytest.raises(WrongTransactionError):
            nodes.send(raw, meant)
        with pytest.raises(WrongTransactionError):
            nodes.send(signed(BOB, meant), meant)
        with pytest.raises(WrongTransactionError):
            nodes.send(signed(ALICE, meant) + b"\0", meant)
        assert "eth_sendRawTransaction" not in endpoint.asked


# Endpoints that fail, one way each.
FAILURES = {
    "hangs up": {"down": True},
    "is too busy": {"status": 429},
    "is broken": {"status": 500},
    "sends a page": {"body": b"<html>k3y</html>"},
    "sends another thing": {"body": b'{"jsonrpc": "2.0", "id": 0, "result": []}'},
    "answers an error": {
        "body": b'{"jsonrpc": "2.0", "id": 0, "error": {"code": -32005, "message": "s3cr3t-k3y"}}'
    },
    "sends half a batch": {"body": b"[]"},
    "never answers": {"hangs": True},
}


@pytest.mark.parametrize("failure", FAILURES)
def test_an_endpoint_that_fails_is_passed_over(chain: Chain, nodes_of: Open, failure: str) -> None:
    with relay(chain) as bad, relay(chain) as good:
        nodes = nodes_of(bad.url, good.url, limits=replace(LIMITS, timeout=0.5))
        assert nodes.balances(ALICE.address, [bnb(chain)]).witnesses == 2
        for name, value in FAILURES[failure].items():
            setattr(bad, name, value)
        told = nodes.balances(ALICE.address, [bnb(chain)])
        assert (told.units["BNB"], told.witnesses) == (chain.balance(ALICE.address), 1)
        meant = planned(chain, ALICE, bnb(chain), BOB.address, 1)
        assert nodes.send(signed(ALICE, meant), meant).taken_by == 1
        first, second = nodes.health()
        assert first.trouble
        assert second.trouble is None


def test_one_that_goes_down_between_two_questions_is_passed_over(
    chain: Chain, nodes_of: Open
) -> None:
    with relay(chain) as bad, relay(chain) as good:
        nodes = nodes_of(bad.url, good.url)
        bad.swallows = "eth_getBalance"
        assert nodes.balances(ALICE.address, [bnb(chain)]).witnesses == 1
        bad.swallows = "eth_sendRawTransaction"
        before = chain.balance(BOB.address)
        meant = planned(chain, ALICE, bnb(chain), BOB.address, 4)
        # The first has taken it without saying so; the second knows it already.
        sent = nodes.send(signed(ALICE, meant), meant)
        assert sent.taken_by == 1
        chain.receipt(sent.tx_hash)
        assert chain.balance(BOB.address) == before + 4


def test_too_few_endpoints_are_an_error_that_sending_again_can_follow(
    chain: Chain, nodes_of: Open
) -> None:
    with relay(chain) as only:
        nodes = nodes_of(only.url)
        before = chain.balance(BOB.address)
        meant = planned(chain, ALICE, bnb(chain), BOB.address, 4)
        raw = signed(ALICE, meant)
        only.swallows = "eth_sendRawTransaction"
        with pytest.raises(ChainOfflineError, match="endpoint 1 cannot be reached"):
            nodes.send(raw, meant)
        only.swallows = None
        sent = nodes.send(raw, meant)
        assert sent.taken_by == 1
        chain.receipt(sent.tx_hash)
        assert chain.balance(BOB.address) == before + 4


def test_as_many_witnesses_as_asked_for_are_needed(chain: Chain, nodes_of: Open) -> None:
    with relay(chain) as one, relay(chain) as other:
        nodes = nodes_of(one.url, other.url, limits=replace(LIMITS, least=2))
        other.down = True
        with pytest.raises(ChainOfflineError, match="endpoint 2"):
            nodes.balances(ALICE.address, [bnb(chain)])


def test_one_that_failed_is_left_alone_for_a_while(chain: Chain, nodes_of: Open) -> None:
    with relay(chain) as bad, relay(chain) as good:
        nodes = nodes_of(bad.url, good.url, limits=replace(LIMITS, rest=timedelta(hours=1)))
        bad.down = True
        nodes.balances(ALICE.address, [bnb(chain)])
        asked = len(bad.asked)
        nodes.balances(ALICE.address, [bnb(chain)])
        assert len(bad.asked) == asked


def test_one_that_does_not_keep_up_counts_as_failed(nodes_of: Open) -> None:
    with evm(56, "--timestamp", "1700000000") as old:
        nodes = nodes_of(old.url, limits=RpcLimits())
        with pytest.raises(ChainOfflineError, match="does not keep up"):
            nodes.nonces(ALICE.address)


def test_an_endpoint_of_another_chain_is_never_read_or_sent_to(
    chain: Chain, nodes_of: Open
) -> None:
    with evm(97) as other, relay(chain) as right, relay(other) as wrong:
        nodes = nodes_of(right.url, wrong.url)
        meant = planned(chain, ALICE, bnb(chain), BOB.address, 1)
        for call in (
            lambda: nodes.balances(ALICE.address, [bnb(chain)]),
            lambda: nodes.fee(FeeKind.LEGACY),
            lambda: nodes.send(signed(ALICE, meant), meant),
        ):
            with pytest.raises(ChainDisagreementError, match="endpoint 2 is of chain 97, not 56"):
                call()
        assert "eth_sendRawTransaction" not in right.asked + wrong.asked


def test_other_balances_nonces_or_blocks_are_told_by_nobody(nodes_of: Open) -> None:
    start = ("--timestamp", str(1_760_000_000))
    limits = replace(LIMITS, stale_after=timedelta(days=20_000))
    with evm(56, *start) as one, evm(56, *start) as other:
        nodes, coin = nodes_of(one.url, other.url, limits=limits), [bnb(one)]
        assert nodes.balances(ALICE.address, coin).witnesses == 2
        one.fund(ALICE)  # the block stays the same
        with pytest.raises(ChainDisagreementError, match="different balances"):
            nodes.balances(ALICE.address, coin)
        other.fund(ALICE)
        assert nodes.balances(ALICE.address, coin).units["BNB"] == 100 * COIN
        one("anvil_setNonce", ALICE.address, "0x5")
        with pytest.raises(ChainDisagreementError, match="different nonces"):
            nodes.nonces(ALICE.address)
        with pytest.raises(ChainDisagreementError, match="different transactions"):
            nodes.view({"0x" + "ab" * 32: ALICE.address})
        for chain in (one, other):
            chain("evm_setNextBlockTimestamp", 1_760_000_100 + (chain is one))
            chain.mine()
        with pytest.raises(ChainDisagreementError, match="different blocks"):
            nodes.balances(ALICE.address, coin)


def test_a_lie_about_a_receipt_is_noticed(chain: Chain, nodes_of: Open) -> None:
    with relay(chain) as honest, relay(chain) as liar:
        nodes = nodes_of(honest.url, liar.url)
        meant = planned(chain, ALICE, bnb(chain), BOB.address, 1)
        sent = nodes.send(signed(ALICE, meant), meant)
        chain.receipt(sent.tx_hash)
        wanted = {sent.tx_hash: ALICE.address}
        assert nodes.view(wanted).sightings[sent.tx_hash].receipt
        liar.lies = {"eth_getTransactionReceipt": lambda told: told | {"status": "0x0"}}
        with pytest.raises(ChainDisagreementError, match="different transactions"):
            nodes.view(wanted)


def test_a_receipt_of_a_block_that_the_chain_has_left_is_none(chain: Chain, nodes_of: Open) -> None:
    with relay(chain) as forgetful:
        nodes = nodes_of(forgetful.url)
        meant = planned(chain, ALICE, bnb(chain), BOB.address, 1)
        tx_hash = nodes.send(signed(ALICE, meant), meant).tx_hash
        chain.receipt(tx_hash)
        left = {"blockHash": "0x" + "ee" * 32}
        forgetful.lies = {"eth_getTransactionReceipt": lambda told: told | left}
        seen = nodes.view({tx_hash: ALICE.address}).sightings[tx_hash]
        assert (seen.receipt, seen.pending) == (None, True)
        forgetful.lies["eth_getTransactionByHash"] = lambda _: None
        seen = nodes.view({tx_hash: ALICE.address}).sightings[tx_hash]
        assert (seen.receipt, seen.pending) == (None, False)


def test_one_that_lags_is_read_where_both_are(chain: Chain, nodes_of: Open) -> None:
    head = chain("eth_getBlockByNumber", "latest", False)
    chain.mine(3)
    with relay(chain) as late:
        late.lies = {"eth_getBlockByNumber": lambda told: head}
        assert nodes_of(late.url, chain.url).nonces(ALICE.address).block.hash == head["hash"]


def test_blocks_of_known_validators_are_read(chain: Chain, nodes_of: Open) -> None:
    """Their seals make a field longer than elsewhere, which web3 refuses without being told."""
    with relay(chain) as endpoint:
        sealed = {"extraData": "0x" + "d9" * 97}
        endpoint.lies = {"eth_getBlockByNumber": lambda told: told | sealed}
        assert nodes_of(endpoint.url).nonces(ALICE.address).used == 0


@pytest.mark.parametrize("failure", FAILURES)
def test_nothing_of_an_address_is_ever_told(
    chain: Chain,
    nodes_of: Open,
    failure: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for chatty in ("httpx", "httpcore", "web3"):  # as the product's own set-up has them
        logging.getLogger(chatty).setLevel(logging.WARNING)
    with relay(chain, "s3cr3t-k3y") as bad:
        nodes = nodes_of(bad.url, limits=replace(LIMITS, timeout=0.3))
        for name, value in FAILURES[failure].items():
            setattr(bad, name, value)
        with pytest.raises(ChainError) as caught:
            nodes.balances(ALICE.address, [bnb(chain)])
        told = [repr(nodes.health()), repr(nodes), *traceback.format_exception(caught.value)]
        error: BaseException | None = caught.value
        while error is not None:
            told += [str(error), repr(error.args)]
            error = error.__cause__ or error.__context__
        told += [caplog.text, *capfd.readouterr()]
    for text in told:
        assert "s3cr3t-k3y" not in text
        assert bad.url.split("/")[2] not in text


def test_the_log_is_silent_about_addresses_at_its_most_talkative(
    chain: Chain, nodes_of: Open, caplog: pytest.LogCaptureFixture
) -> None:
    with relay(chain, "s3cr3t-k3y") as one, caplog.at_level(logging.DEBUG, logger="web3"):
        nodes_of(one.url).balances(ALICE.address, [bnb(chain)])
    assert "s3cr3t-k3y" not in "".join(r.getMessage() for r in caplog.records if "web3" in r.name)


def test_many_threads_can_ask_at_once(chain: Chain, nodes_of: Open) -> None:
    nodes = nodes_of(chain.url)
    people = [account(200 + i) for i in range(16)]
    for i, one in enumerate(people):
        chain.fund(one, wei=i)

    def read(address: str) -> tuple[int, int]:
        told = nodes.balances(address, [bnb(chain)]).units["BNB"]
        return told, nodes.nonces(address).used

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(read, [one.address for one in people] * 3))
    assert told == [(i, 0) for i in range(16)] * 3


@pytest.mark.parametrize(
    "urls",
    [[], [""], ["http://example.org/k3y"], ["ftp://k3y"], ["https://"], ["https://[k3y"]],
    ids=str,
)  # fmt: skip
def test_addresses_that_cannot_be_used_are_refused_unseen(urls: list[str], nodes_of: Open) -> None:
    with pytest.raises(InvalidInputError) as caught:
        nodes_of(*urls)
    assert "k3y" not in str(caught.value)
    with pytest.raises(InvalidInputError, match="twice"):
        nodes_of("https://example.org", "https://example.org")


@pytest.mark.parametrize(
    ("urls", "least"),
    [
        (["https://a.example/k3y", "https://b.example/k3y"], 2),
        (["https://a.example", "http://127.0.0.1:8545"], 2),
        (["http://127.0.0.1:8545"], 1),
        (["http://127.0.0.1:8545", "http://localhost:8546"], 1),
        (["https://a.example/k3y"], None),
        (["https://a.example/k3y", "https://A.example/other"], None),
    ],
)
def test_where_money_is_real_no_stranger_is_believed_alone(
    urls: list[str], least: int | None
) -> None:
    given = [SecretStr(url) for url in urls]
    assert limits_of(find_chain(97), given) == RpcLimits()
    if least is not None:
        assert limits_of(find_chain(56), given).least == least
        EvmNodes(56, given, SystemClock()).close()
        return
    with pytest.raises(InvalidInputError, match="two of different providers") as caught:
        EvmNodes(56, given, SystemClock())
    assert "k3y" not in str(caught.value)


def test_after_random_transfers_everything_adds_up_to_the_wei(
    either: Chain, nodes_of: Open
) -> None:
    """Balances that are read, against sums that are kept here."""
    luck = random.Random(either.chain_id)  # noqa: S311 - the same on every run
    nodes = nodes_of(either.url, chain_id=either.chain_id)
    people = [account(100 + i) for i in range(4)]
    either.fund(*people)
    usdt = either.token(people[0], 10**24)
    coin = bnb(either)
    for one in people:
        either.fund(one)
    held = {(p.address, a.symbol): 0 for p in people for a in (coin, usdt)}
    held |= {(p.address, "BNB"): 100 * COIN for p in people}
    held[people[0].address, "USDT"] = 10**24
    for _ in range(40):
        sender, receiver = luck.sample(people, 2)
        asset = luck.choice([coin, usdt])
        most = held[sender.address, asset.symbol] // 2
        units = luck.randint(1, max(most, 1))
        fee = nodes.fee(luck.choice(KINDS))
        meant = planned(either, sender, asset, receiver.address, units, fee)
        sent = nodes.send(signed(sender, meant), meant)
        assert sent.rejection is None
        either.receipt(sent.tx_hash)
        receipt = nodes.view({sent.tx_hash: sender.address}).sightings[sent.tx_hash].receipt
        assert receipt is not None
        assert receipt.succeeded == (units <= held[sender.address, asset.symbol])
        held[sender.address, "BNB"] -= receipt.cost
        if receipt.succeeded:
            held[sender.address, asset.symbol] -= units
            held[receiver.address, asset.symbol] += units
    told = {p.address: nodes.balances(p.address, [coin, usdt]).units for p in people}
    assert {(p, s): units for p, both in told.items() for s, units in both.items()} == held
