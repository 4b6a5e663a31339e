"""Several endpoints of one chain as one: passed over where they fail, held against each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Final, TypeVar

from pydantic import SecretStr

from betting_ai.adapters.chain.endpoint import Endpoint, Reading
from betting_ai.adapters.chain.signed import checksummed, verified_hash
from betting_ai.adapters.chain.transport import (
    EndpointFailedError,
    RpcLimits,
    check_urls,
    limits_of,
)
from betting_ai.clock import Clock
from betting_ai.domain.chains import Asset, Chain, find_chain
from betting_ai.domain.fees import Fee, FeeKind
from betting_ai.domain.transfers import Block, ChainView, Sighting, Transaction
from betting_ai.errors import (
    ChainDisagreementError,
    ChainOfflineError,
    InvalidInputError,
    WrongTransactionError,
)
from betting_ai.ports.chain import Balances, EndpointState, Nonces, Sent

T = TypeVar("T")

_PLAIN_GAS: Final = 21_000  # of a transfer of the chain's coin to an address without code
_ROOM: Final = (12, 10)  # of the estimate where code runs, whose path may change until it is mined


class EvmNodes:
    """The endpoints of one chain; see `betting_ai.ports.chain.ChainNodes`."""

    def __init__(
        self,
        chain_id: int,
        urls: Sequence[SecretStr],
        clock: Clock,
        limits: RpcLimits | None = None,
    ) -> None:
        """Take note of the endpoints; none is asked yet.

        Args:
            chain_id: the chain they must be of.
            urls: their addresses, which may hold keys and are never shown.
            clock: tells which of them do not keep up.
            limits: how they are treated; as `limits_of` has it without.

        Raises:
            InvalidInputError: there is no such chain, or an address is not usable.
        """
        self._chain = find_chain(chain_id)
        self._clock = clock
        usable = check_urls(urls, f"the endpoints of chain {chain_id}")
        self._limits = limits or limits_of(self._chain, usable)
        if self._limits.least > len(usable):
            raise InvalidInputError(f"chain {chain_id} has fewer endpoints than have to answer")
        self._endpoints = [
            Endpoint(f"endpoint {place}", self._chain, url, self._limits)
            for place, url in enumerate(usable, start=1)
        ]
        self._resting: dict[str, datetime] = {}
        self._lock = Lock()

    @property
    def chain(self) -> Chain:
        """Which chain it is."""
        return self._chain

    def close(self) -> None:
        """Let go of the connections."""
        for endpoint in self._endpoints:
            endpoint.close()

    def health(self) -> tuple[EndpointState, ...]:
        """How each endpoint does."""
        return tuple(map(self._state, self._endpoints))

    def balances(self, address: str, assets: Sequence[Asset]) -> Balances:
        """What an address holds, all at one block."""
        owner = checksummed(address)
        for asset in assets:
            if asset.chain_id != self._chain.id:
                raise InvalidInputError(f"{asset.symbol} is not on chain {self._chain.id}")
        reading, readings = self._agreed(
            "balances", lambda endpoint, number: endpoint.balances(number, owner, assets)
        )
        for asset, units in zip(assets, reading.told, strict=True):
            if units is None:
                raise InvalidInputError(
                    f"there is no contract at the address of {asset.symbol} on this chain"
                )
        told = {a.symbol: units for a, units in zip(assets, reading.told, strict=True)}
        return Balances(owner, reading.block, told, len(readings))

    def nonces(self, address: str) -> Nonces:
        """How many transactions an address has made."""
        owner = checksummed(address)
        reading, readings = self._agreed(
            "nonces", lambda endpoint, number: endpoint.nonces(number, owner)
        )
        return Nonces(reading.block, reading.told, max(one.hint for one in readings))

    def gas(self, sender: str, to: str, value: int, data: bytes) -> int:
        """A gas limit for a transaction."""
        payer, payee = checksummed(sender), checksummed(to)
        answers = self._ask(lambda one: one.gas(payer, payee, value, data), self._live())
        most = max(told for _, told in answers)
        times, parts = _ROOM
        return most if most <= _PLAIN_GAS else -(-most * times // parts)

    def fee(self, kind: FeeKind) -> Fee:
        """What a transaction should offer now."""
        told = [prices for _, prices in self._ask(Endpoint.prices, self._live())]
        least = self._chain.least_gas_price
        price, priority, base = (max(one[i] for one in told) for i in range(3))
        if kind is FeeKind.LEGACY:
            return Fee.legacy(max(price, least))
        tip = max(priority, least)
        # The base fee can double within six blocks, and the transaction still be taken.
        return Fee.dynamic(2 * base + tip, tip)

    def send(self, raw: bytes, meant: Transaction) -> Sent:
        """Send a signed transaction to every endpoint that is of its chain."""
        if meant.chain_id != self._chain.id:
            raise WrongTransactionError(
                f"the transaction is of another chain than {self._chain.id}"
            )
        tx_hash = verified_hash(raw, meant)
        answers = self._ask(lambda one: one.send(raw, tx_hash), self._live(), least=1)
        rejections = [told for _, told in answers if told is not None]
        taken = len(answers) - len(rejections)
        return Sent(tx_hash, taken, rejections[0] if not taken else None)

    def view(self, transactions: Mapping[str, str]) -> ChainView:
        """What is known of transactions, all at one block."""
        wanted = {tx_hash: checksummed(sender) for tx_hash, sender in transactions.items()}
        deep = self._chain.confirmations - 1

        def read(endpoint: Endpoint, number: int) -> Reading:
            return endpoint.view(number, max(number - deep, 0), wanted)

        reading, readings = self._agreed("transactions", read)
        counts, receipts = reading.told
        waiting = frozenset[str]().union(*(one.hint for one in readings))
        return ChainView(
            reading.block,
            used={sender: counts[wanted[one]][0] for one, sender in transactions.items()},
            settled={sender: counts[wanted[one]][1] for one, sender in transactions.items()},
            sightings={
                one: Sighting(one in waiting and receipt is None, receipt)
                for one, receipt in receipts.items()
            },
        )

    def _agreed(
        self, what: str, read: Callable[[Endpoint, int], Reading]
    ) -> tuple[Reading, list[Reading]]:
        """What endpoints tell at the newest block that all of them have, if it is the same."""
        trouble = None
        for _ in range(self._limits.attempts):
            live = self._live()
            number = min(block.number for block in live.values())
            answers = self._ask(partial(_at, read, number), live)
            readings = [told for _, told in answers]
            trouble = self._difference(what, answers)
            if trouble is None:
                return readings[0], readings
        raise ChainDisagreementError(f"{self._chain.name}: {trouble}; nothing was taken for true")

    @staticmethod
    def _difference(what: str, answers: list[tuple[Endpoint, Reading]]) -> str | None:
        first, one = answers[0]
        for other, told in answers[1:]:
            names = f"{first.name} and {other.name}"
            if told.block != one.block:
                return f"{names} have different blocks at one height"
            if told.told != one.told:
                return f"{names} tell different {what} at one block"
        return None

    def _live(self) -> dict[Endpoint, Block]:
        """Endpoints that answer and keep up, with their newest blocks.

        Raises:
            ChainOfflineError: too few do.
            ChainDisagreementError: one is of another chain.
        """
        now = self._clock.now()
        with self._lock:
            awake = [e for e in self._endpoints if self._resting.get(e.name, now) <= now]
        if len(awake) < self._limits.least:
            awake = self._endpoints
        return dict(self._ask(self._newest, awake))

    def _newest(self, endpoint: Endpoint) -> Block:
        chain_id, block = endpoint.head()
        if chain_id != self._chain.id:
            raise ChainDisagreementError(
                f"{endpoint.name} is of chain {chain_id}, not {self._chain.id}; is it mistaken?"
            )
        if self._clock.now() - block.at > self._limits.stale_after:
            raise EndpointFailedError("does not keep up: its newest block is old")
        return block

    def _ask(
        self,
        work: Callable[[Endpoint], T],
        endpoints: Sequence[Endpoint] | Mapping[Endpoint, Block],
        least: int | None = None,
    ) -> list[tuple[Endpoint, T]]:
        """The answers of all that answer.

        Raises:
            ChainOfflineError: these are too few.
        """
        answers, failures = [], []
        for endpoint in endpoints:
            try:
                answers.append((endpoint, work(endpoint)))
            except EndpointFailedError as error:
                failures.append(f"{endpoint.name} {error}")
                with self._lock:
                    self._resting[endpoint.name] = self._clock.now() + self._limits.rest
        if len(answers) < (least or self._limits.least):
            told = "; ".join(failures) or "too few endpoints are left"
            raise ChainOfflineError(f"{self._chain.name} cannot be asked: {told}")
        return answers

    def _state(self, endpoint: Endpoint) -> EndpointState:
        try:
            return EndpointState(endpoint.name, self._newest(endpoint))
        except (EndpointFailedError, ChainDisagreementError) as error:
            return EndpointState(endpoint.name, None, str(error))


def _at(read: Callable[[Endpoint, int], Reading], number: int, endpoint: Endpoint) -> Reading:
    return read(endpoint, number)
