"""Carry transfers from the wish to the receipt: quote, send, follow, raise the fee, hand over.

Whoever is killed anywhere in it leaves what the next run takes up: quotes are named by what they
are for and put once, signed bytes can be mined once, a transfer is handed over before it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from betting_ai.clock import Clock
from betting_ai.domain.chains import Asset, find_asset, same_address
from betting_ai.domain.fees import Fee, FeeCeilings, FeeKind, check_fee
from betting_ai.domain.transfers import (
    CLOSED,
    FOR_GOOD,
    FollowedTransfer,
    Purpose,
    TransferQuote,
    WantedTransfer,
)
from betting_ai.errors import (
    ChainBehindError,
    ChainError,
    DomainError,
    FeeTooHighError,
    InsufficientFundsError,
    InvalidInputError,
    StorageUnavailableError,
    TransferConflictError,
    TransferRevertsError,
)
from betting_ai.ports.chain import Balances, ChainNodes
from betting_ai.ports.feeds import Payload, PayloadKind
from betting_ai.ports.transfers import Asking, TransferDesk
from betting_ai.usecases.follow_transfers import (
    Followed,
    FollowTransfers,
    FollowTransfersCommand,
    Gap,
    Stuck,
    Trouble,
)
from betting_ai.usecases.quote_transfer import QuoteTransfer, QuoteTransferCommand
from betting_ai.usecases.receipts import as_document, receipt_of

SOURCE: Final = "wallet"
"""Names where receipts come from."""

PLAIN_GAS: Final = 21_000
"""What moving nothing to oneself costs, in gas."""

MOST_GAS: Final = 500_000
"""Of a transfer that is quoted; tokens need a tenth of it."""

MOST_ATTEMPTS: Final = 4
"""A transaction and three that replace it; the signer makes no more."""

_OFTEN: Final = timedelta(minutes=2)  # as long as a quote lives
_OFTEN_UNTIL: Final = 8
_GAPS_EVERY: Final = timedelta(minutes=10)

Announce = Callable[[Payload], object]
"""Hands a payload over to who ingests it."""


@dataclass(frozen=True)
class Wallet:
    """A wallet and what it may hold.

    Attributes:
        address: checksummed.
        assets: what its balances are read of, and named by.
        watched: further addresses whose balances are read.
        ceilings: of fees; what is above is not even quoted.
        kind: of fees.
    """

    address: str
    assets: tuple[Asset, ...]
    watched: tuple[str, ...]
    ceilings: FeeCeilings
    kind: FeeKind = FeeKind.DYNAMIC


@dataclass(frozen=True)
class Carried:
    """What came of a round.

    Attributes:
        followed: of open transfers.
        quotes: how many were put.
        reported: how many closed transfers were handed over.
        balances: of how many addresses balances were kept.
        troubles: what was in the way; all else was done.
    """

    followed: Followed
    quotes: int
    reported: int
    balances: int
    troubles: tuple[Trouble, ...]


class CarryTransfers:
    """Serves one wallet on one chain; any number of processes may at once."""

    def __init__(
        self,
        desk: TransferDesk,
        nodes: ChainNodes,
        clock: Clock,
        wallet: Wallet,
        announce: Announce,
    ) -> None:
        self._desk = desk
        self._nodes = nodes
        self._clock = clock
        self._wallet = wallet
        self._announce = announce
        self._chains = {nodes.chain.id: nodes}
        self._quotes = QuoteTransfer(self._chains)

    def begin(self, transfer_id: str) -> bool:
        """Start to follow an intent, and quote it.

        Returns:
            Whether it is followed; not where it cannot be read, or is another wallet's.

        Raises:
            DomainError: it could not be quoted now; it is tried again with the next round.
        """
        if not self._desk.begin(transfer_id):
            return False
        transfer = self._desk.find(transfer_id)
        if transfer is not None:
            self._quote(transfer)
        return True

    def approved(self) -> int:
        """Quote what waits for a signature and was approved meanwhile; says how many quotes.

        Raises:
            DomainError: the first that could not be quoted; all others were.
        """
        done, troubles = self._quote_all(self._desk.open())
        if troubles:
            raise troubles[0].error
        return done

    def signed(self, transfer_id: str) -> bool:
        """Send what was signed for an intent, and all else that has to be sent.

        Returns:
            Whether the intent is followed.

        Raises:
            DomainError: it could not be sent now.
        """
        if not self._desk.begin(transfer_id):
            return False
        followed = self._follow(timedelta.max)
        for trouble in followed.troubles:
            # What another has changed meanwhile it has sent: that comes before it is noted.
            noted = isinstance(trouble.error, TransferConflictError)
            if trouble.transfer_id in (None, transfer_id) and not noted:
                raise trouble.error
        return True

    def __call__(self, patience: timedelta = timedelta(minutes=3)) -> Carried:
        """One round of everything.

        Args:
            patience: a transfer that nodes hold for longer, though it is its turn, is stuck.

        Raises:
            StorageUnavailableError: the desk cannot be read or written.
        """
        for transfer_id in self._desk.new():
            self._desk.begin(transfer_id)
        followed = self._follow(patience)
        quotes, troubles = self._quote_all(self._desk.open())
        for stuck in followed.stuck:
            quotes += self._try(self._replace, stuck, troubles)
        if behind := self._behind(followed.gaps):
            troubles.append(behind)
        else:  # on another chain nothing is missing that could be closed
            for gap in followed.gaps:
                if lapsed := self._desk.lapsed(gap.nonce):
                    quotes += self._try(self._close_gap, lapsed, troubles)
        reported = self._report()
        balances = self._balances(troubles)
        return Carried(followed, quotes, reported, balances, (*followed.troubles, *troubles))

    def _follow(self, patience: timedelta) -> Followed:
        follow = FollowTransfers(self._desk, self._chains, self._clock)
        return follow(FollowTransfersCommand(patience))

    def _behind(self, gaps: Sequence[Gap]) -> Trouble | None:
        """What is said of a chain that counts fewer transactions than were final on it.

        Only a receipt under as many blocks as make it final is held against the chain: blocks
        that are reorganised before that take nothing with them that was final. It shows where
        a transfer waits; the highest such nonce is the first that is looked for.
        """
        for gap in sorted(gaps, key=lambda one: one.nonce, reverse=True):
            held = self._desk.holding(gap.nonce)
            if held is not None and held.state in CLOSED and held.receipt is not None:
                counted = min(one.nonce for one in gaps if one.sender == gap.sender)
                error = ChainBehindError(
                    f"the chain counts {counted} transactions of {gap.sender},"
                    f" {gap.nonce + 1} were expected: is it another chain, or begun anew?"
                )
                return Trouble(gap.chain_id, error)
        return None

    def _quote_all(self, transfers: Sequence[FollowedTransfer]) -> tuple[int, list[Trouble]]:
        troubles: list[Trouble] = []
        done = sum(self._try(self._quote, one, troubles) for one in transfers)
        return done, troubles

    def _try(self, work: Callable[[Any], bool], what: Any, troubles: list[Trouble]) -> int:  # noqa: ANN401 - what the work takes
        """Do it, or note why not; without the store nothing goes on."""
        try:
            return int(work(what))
        except StorageUnavailableError:
            raise
        except DomainError as error:
            one = what.transfer if isinstance(what, Stuck) else what
            troubles.append(Trouble(self._nodes.chain.id, error, one.id))
            return 0

    def _quote(self, transfer: FollowedTransfer) -> bool:
        """Quote what waits for its first signature, where that is due."""
        now = self._clock.now()
        if transfer.attempts or transfer.state in CLOSED or transfer.expires_at <= now:
            return False
        wanted = self._desk.wanted(transfer.id)
        if wanted is None:
            return False
        # An approval is a new beginning: what was refused without it need not be now.
        since = wanted.approved_at or wanted.created_at
        name = f"{'a' if wanted.approved_at else 't'}-{turn(since, now)}"
        if self._desk.asked(transfer.id, name) or self._refused(transfer.id, since):
            return False
        command = QuoteTransferCommand(
            sender=wanted.sender,
            to=wanted.to,
            asset=self._asset(wanted),
            units=wanted.units,
            kind=self._wallet.kind,
            ceilings=self._wallet.ceilings,
        )
        try:
            quote = self._quotes(command)
        except (FeeTooHighError, InsufficientFundsError, TransferRevertsError) as error:
            self._note(transfer, error.code)
            raise
        self._note(transfer, None)
        return self._ask(transfer.id, name, Purpose.TRANSFER, quote)

    def _note(self, transfer: FollowedTransfer, reason: str | None) -> None:
        """Keep why a transfer is not even quoted, for whoever asked for it."""
        if transfer.reason != reason:
            with suppress(TransferConflictError):  # another has noted something newer
                self._desk.save(replace(transfer, reason=reason))

    def _refused(self, transfer_id: str, since: datetime) -> bool:
        """Whether the signer has said no and would again; it counts each, and many lock it."""
        last = self._desk.refusal(transfer_id)
        return last is not None and last.code in FOR_GOOD and last.at >= since

    def _replace(self, stuck: Stuck) -> bool:
        """Ask for the same with a higher fee."""
        transfer = stuck.transfer
        wanted = self._desk.wanted(transfer.id)
        if len(transfer.attempts) >= MOST_ATTEMPTS or wanted is None:
            return False
        since = transfer.sent_at or wanted.created_at
        name = f"r{len(transfer.attempts)}-{turn(since, self._clock.now())}"
        if self._desk.asked(transfer.id, name):
            return False
        first = transfer.attempts[0].transaction
        worth = first.value or None  # of a token it is not known; a gap's closing has none
        check_fee(stuck.fee, first.gas_limit, self._wallet.ceilings, worth)
        told = self._now(first.gas_limit, stuck.fee)
        return self._ask(transfer.id, name, Purpose.REPLACEMENT, told)

    def _close_gap(self, lapsed: FollowedTransfer) -> bool:
        """Ask to close the gap that an expired intent left, until it is closed."""
        name = f"g-{int((self._clock.now() - lapsed.expires_at) / _GAPS_EVERY)}"
        if self._desk.asked(lapsed.id, name):
            return False
        fee = self._nodes.fee(self._wallet.kind)
        check_fee(fee, PLAIN_GAS, self._wallet.ceilings)
        return self._ask(lapsed.id, name, Purpose.GAP, self._now(PLAIN_GAS, fee))

    def _now(self, gas: int, fee: Fee) -> TransferQuote:
        """What the chain says to a transaction whose gas and fee are known."""
        chain = self._nodes.chain
        coin = find_asset(chain.id, chain.native)
        used = self._nodes.nonces(self._wallet.address).used
        held = self._nodes.balances(self._wallet.address, [coin])
        wei = held.units[coin.symbol]
        return TransferQuote(held.block.at, used, gas, fee, wei, wei)

    def _ask(self, transfer_id: str, name: str, purpose: Purpose, quote: TransferQuote) -> bool:
        return self._desk.ask(Asking(name, transfer_id, self._nodes.chain.id, purpose, quote))

    def _asset(self, wanted: WantedTransfer) -> Asset:
        """What is to be moved; a token that no setting names is moved all the same."""
        contract = wanted.contract
        if contract is None:
            return find_asset(wanted.chain_id, self._nodes.chain.native)
        for one in self._wallet.assets:
            if one.contract is not None and same_address(one.contract, contract):
                return one
        return Asset(wanted.chain_id, contract, contract)

    def _report(self) -> int:
        """Hand over what is closed, and then be done with it."""
        done = 0
        for transfer in self._desk.unreported():
            if transfer.attempts:
                wanted = self._desk.wanted(transfer.id)
                if wanted is None:  # it was there when it was begun
                    raise StorageUnavailableError("the intent of a transfer is gone")
                name = f"{transfer.chain_id}/{transfer.id}"
                content = as_document([receipt_of(transfer, wanted)])
                at = self._clock.now()
                self._announce(Payload(SOURCE, name, PayloadKind.RECEIPTS, content, at))
            self._desk.reported(transfer)
            done += 1
        return done

    def _balances(self, troubles: list[Trouble]) -> int:
        done = 0
        for address in dict.fromkeys((self._wallet.address, *self._wallet.watched)):
            try:
                self._desk.put_balances(self._held(address, troubles))
                done += 1
            except ChainError as error:
                troubles.append(Trouble(self._nodes.chain.id, error))
        return done

    def _held(self, address: str, troubles: list[Trouble]) -> Balances:
        held, missing = holdings(self._nodes, address, self._wallet.assets)
        troubles += [Trouble(self._nodes.chain.id, error) for error in missing]
        return held


def holdings(
    nodes: ChainNodes, address: str, assets: Sequence[Asset]
) -> tuple[Balances, tuple[InvalidInputError, ...]]:
    """(what an address holds of whatever is on the chain, why something is not).

    Raises:
        ChainOfflineError: too few endpoints answer.
        ChainDisagreementError: they tell different things.
        InvalidInputError: no such address.
    """
    try:
        return nodes.balances(address, assets), ()
    except InvalidInputError:  # one of them; the others are asked for without it
        here, missing = [], []
    for asset in assets:
        try:
            nodes.balances(address, [asset])
            here.append(asset)
        except InvalidInputError as error:
            missing.append(error)
    return nodes.balances(address, here), tuple(missing)


def turn(since: datetime, now: datetime) -> int:
    """Which quote is due after some time: every two minutes at first, then after twice as long.

    While nobody signs, each quote costs an entry in the signer's audit: a day's waiting for an
    approval is not worth hundreds.
    """
    age = max(int((now - since) / _OFTEN), 0)
    return age if age < _OFTEN_UNTIL else _OFTEN_UNTIL + (age // _OFTEN_UNTIL).bit_length() - 1
