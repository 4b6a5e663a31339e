"""What a blockchain knows, and the way to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from betting_ai.domain.chains import Asset, Chain
from betting_ai.domain.fees import Fee, FeeKind
from betting_ai.domain.transfers import Block, ChainView, Rejection, Transaction


@dataclass(frozen=True)
class Balances:
    """What an address holds at one block.

    Attributes:
        address: whose.
        block: as of it.
        units: symbol -> smallest units.
        witnesses: how many endpoints told it.
    """

    address: str
    block: Block
    units: Mapping[str, int]
    witnesses: int


@dataclass(frozen=True)
class Nonces:
    """How many transactions an address has made.

    Attributes:
        block: as of it.
        used: in blocks up to that one; all endpoints agree.
        pending: with those that wait, as far as any endpoint knows; no more than a hint.
    """

    block: Block
    used: int
    pending: int


@dataclass(frozen=True)
class Sent:
    """What came of sending a transaction.

    Attributes:
        tx_hash: names it, taken or not.
        taken_by: how many endpoints hold it now.
        rejection: why none does.
    """

    tx_hash: str
    taken_by: int
    rejection: Rejection | None = None


@dataclass(frozen=True)
class EndpointState:
    """How an endpoint does.

    Attributes:
        name: by its place in the settings; never its address, which may hold a key.
        head: its newest block; None where it does not answer as it should.
        trouble: what is wrong with it, in words; None where nothing is.
    """

    name: str
    head: Block | None
    trouble: str | None = None


class ChainNodes(Protocol):
    """The endpoints of one chain, for many threads at once.

    Whatever is read is asked of every endpoint at the same block. Those that do not answer are
    passed over as long as enough do; those that answer must agree, else nothing is told.
    """

    @property
    def chain(self) -> Chain:
        """Which chain it is."""
        ...

    def health(self) -> tuple[EndpointState, ...]:
        """How each endpoint does; raises nothing."""
        ...

    def balances(self, address: str, assets: Sequence[Asset]) -> Balances:
        """What an address holds of the chain's coin and of tokens, all at one block.

        Raises:
            ChainOfflineError: too few endpoints answer.
            ChainDisagreementError: they tell different things.
            InvalidInputError: no such address, or an asset has no contract where it should.
        """
        ...

    def nonces(self, address: str) -> Nonces:
        """How many transactions an address has made.

        Raises:
            ChainOfflineError: too few endpoints answer.
            ChainDisagreementError: they tell different things.
        """
        ...

    def gas(self, sender: str, to: str, value: int, data: bytes) -> int:
        """A gas limit for a transaction: the largest estimate, with room where code runs.

        Raises:
            InsufficientFundsError: the sender has not enough of the chain's coin.
            TransferRevertsError: the contract refuses.
            ChainOfflineError: too few endpoints answer.
            ChainDisagreementError: an endpoint is of another chain.
        """
        ...

    def fee(self, kind: FeeKind) -> Fee:
        """What a transaction should offer now: the most that an endpoint suggests.

        It is a suggestion of strangers: hold it against ceilings (`check_fee`).

        Raises:
            ChainOfflineError: too few endpoints answer.
            ChainDisagreementError: they tell different things.
        """
        ...

    def send(self, raw: bytes, meant: Transaction) -> Sent:
        """Send a signed transaction to every endpoint, after making sure that it is what is meant.

        To send the same bytes again is safe: they can be mined once.

        Raises:
            WrongTransactionError: it is another transaction, or another's; nothing was sent.
            ChainOfflineError: no endpoint answers; one may have taken it nevertheless.
            ChainDisagreementError: an endpoint is of another chain; nothing was sent.
        """
        ...

    def view(self, transactions: Mapping[str, str]) -> ChainView:
        """What is known of transactions, all at one block.

        Args:
            transactions: hash -> sender.

        Raises:
            ChainOfflineError: too few endpoints answer.
            ChainDisagreementError: they tell different things.
        """
        ...
