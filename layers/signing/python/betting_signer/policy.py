"""What may be signed: data that is read whole, hashed, and denies what no rule allows.

A decision is a pure function of the intent, the quote, the approval, the state and the instant.
The first rule that matches chain, asset, destination and requester decides; caps, ceilings and
counts hold for an asset, a chain and the wallet whichever rule matched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from betting_signer.calldata import encode_transfer
from betting_signer.contract import (
    ADDRESS,
    AMOUNT,
    ASSET,
    CHAINS,
    GAP,
    INTENT_LIFE,
    NAME,
    NATIVE,
    NUMBER_KEY,
    QUOTE_LIFE,
    REPLACEMENT,
    SKEW,
    WAITING_LIFE,
    WHOLE,
    Approval,
    Code,
    Document,
    Intent,
    MalformedError,
    Quote,
    Refusal,
    Transaction,
    by,
    digest,
    many,
    maybe,
    nested,
    one_of,
)
from betting_signer.nonces import allocated, raised
from betting_signer.state import DAY, MOST_COUNTED, WEEK, Committed, Head, Reservation, asset_key

PLAIN_GAS: Final = 21_000
"""What moving the coin of a chain to a plain address costs, in gas."""

WHOLE_BPS: Final = 10_000
"""All of an amount, in hundredths of a percent."""

MOST_REPLACEMENTS: Final = 3


@dataclass(frozen=True)
class Chain(Document):
    """Ceilings of a chain.

    Attributes:
        max_fee_per_gas: in wei.
        max_priority_fee_per_gas: in wei; of legacy transactions too, which have one price.
        first_nonce: of the wallet's first transaction here.
        nonce_jump: how far the chain's nonce may be ahead of the one expected.
    """

    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    first_nonce: int
    nonce_jump: int

    _kinds = {  # noqa: RUF012 - never changed
        "max_fee_per_gas": AMOUNT,
        "max_priority_fee_per_gas": AMOUNT,
        "first_nonce": WHOLE,
        "nonce_jump": WHOLE,
    }

    def __post_init__(self) -> None:
        if self.max_priority_fee_per_gas > self.max_fee_per_gas:
            raise MalformedError("above max_fee_per_gas", "max_priority_fee_per_gas")


@dataclass(frozen=True)
class Worth(Document):
    """What so many units of an asset are worth to the policy, in wei: its own price, for fees.

    Attributes:
        wei: so much
        units: for so many of the smallest unit.
    """

    wei: int
    units: int

    _kinds = {"wei": AMOUNT, "units": AMOUNT}  # noqa: RUF012 - never changed


@dataclass(frozen=True)
class Asset(Document):
    """Caps of an asset, in its smallest unit.

    Attributes:
        chain_id: on which chain.
        asset: `NATIVE`, or the contract of a token.
        per_transaction: of one transfer.
        per_day: of any 24 hours.
        per_week: of any 7 days.
        approval_above: more than this needs another person's word.
        gas_limit: of one transfer.
        fee_share_bps: how much of the amount's worth the fee may be, in hundredths of a percent.
        worth: of the asset; of the chain's coin one wei for one.
    """

    chain_id: int
    asset: str
    per_transaction: int
    per_day: int
    per_week: int
    approval_above: int
    gas_limit: int
    fee_share_bps: int
    worth: Worth

    _kinds = {  # noqa: RUF012 - never changed
        "chain_id": WHOLE,
        "asset": ASSET,
        "per_transaction": AMOUNT,
        "per_day": AMOUNT,
        "per_week": AMOUNT,
        "approval_above": AMOUNT,
        "gas_limit": WHOLE,
        "fee_share_bps": WHOLE,
        "worth": nested(Worth),
    }

    def __post_init__(self) -> None:
        if self.asset == NATIVE and self.worth != Worth(1, 1):
            raise MalformedError("not 1 wei for 1 unit, which the chain's coin is", "worth")
        if self.worth.units == 0:
            raise MalformedError("nothing", "worth.units")
        if self.per_day < self.per_transaction:
            raise MalformedError("less than per_transaction", "per_day")
        if self.per_week < self.per_day:
            raise MalformedError("less than per_day", "per_week")
        if self.gas_limit < PLAIN_GAS:
            raise MalformedError(f"below {PLAIN_GAS}, which every transaction needs", "gas_limit")
        if self.fee_share_bps > WHOLE_BPS:
            raise MalformedError(f"above {WHOLE_BPS}, which is all of it", "fee_share_bps")


@dataclass(frozen=True)
class Rule(Document):
    """Who may move what to whom.

    Attributes:
        id: named by every decision.
        chain_id: of the asset.
        asset: `NATIVE`, or the contract of a token.
        destinations: who may get it.
        requesters: who may ask.
    """

    id: str
    chain_id: int
    asset: str
    destinations: tuple[str, ...]
    requesters: tuple[str, ...]

    _kinds = {  # noqa: RUF012 - never changed
        "id": NAME,
        "chain_id": WHOLE,
        "asset": ASSET,
        "destinations": many(ADDRESS),
        "requesters": many(NAME),
    }

    def __post_init__(self) -> None:
        for name in ("destinations", "requesters"):
            if not getattr(self, name):
                raise MalformedError("empty: the rule would allow nothing", name)


@dataclass(frozen=True)
class Count(Document):
    """So many in so many seconds.

    Attributes:
        most: how many.
        seconds: in which time.
    """

    most: int
    seconds: int

    _kinds = {"most": WHOLE, "seconds": WHOLE}  # noqa: RUF012 - never changed

    def __post_init__(self) -> None:
        if not 0 < self.most <= MOST_COUNTED:
            raise MalformedError(f"not from 1 to {MOST_COUNTED}", "most")
        longest = int(WEEK.total_seconds())
        if not 0 < self.seconds <= longest:
            raise MalformedError(f"not from 1 to {longest}, a week", "seconds")

    @property
    def window(self) -> timedelta:
        """The time."""
        return timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Case:
    """What a decision is about.

    Attributes:
        intent: the wish.
        quote: what the chain is said to say.
        approval: of the intent, where there is one.
        approval_used: whether that was used before.
        head: the wallet's state.
        reservation: the intent's own, where there is one.
        signed: whether the last attempt of the reservation was signed.
        committed: what other nonces, that the chain has not used, may still take.
        at: now.
    """

    intent: Intent
    quote: Quote
    head: Head
    at: datetime
    approval: Approval | None = None
    approval_used: bool = False
    reservation: Reservation | None = None
    signed: bool = False
    committed: tuple[Committed, ...] = ()


@dataclass(frozen=True)
class Allowed:
    """It may be signed.

    Attributes:
        rule: id of the rule that allows it.
        transaction: everything that is signed.
        uses_approval: whether the approval is used up by it.
        skipped: nonces that the chain has used and this wallet's record has not.
    """

    rule: str
    transaction: Transaction
    uses_approval: bool = False
    skipped: int = 0


@dataclass(frozen=True)
class Policy(Document):
    """The rules of one wallet.

    Attributes:
        version: of the policy, counted by who writes it.
        network: ``"mainnet"`` or ``"testnet"``; no chain of the other is ever signed for.
        sender: the wallet.
        chains: ceilings by chain id.
        assets: caps, one for each asset.
        rules: the first that matches decides; none, and it is denied.
        approvers: whose word counts above the threshold.
        velocity: most that is allowed in a time.
        cool_off: so many refusals in a time lock the wallet until it is released.
        replacements: how often a transaction may be replaced, at most `MOST_REPLACEMENTS`.
        gap_rule: id under which gaps are closed; null, and they are not.
    """

    version: int
    network: str
    sender: str
    chains: Mapping[int, Chain]
    assets: tuple[Asset, ...]
    rules: tuple[Rule, ...]
    approvers: tuple[str, ...]
    velocity: Count
    cool_off: Count
    replacements: int
    gap_rule: str | None

    _kinds = {  # noqa: RUF012 - never changed
        "version": WHOLE,
        "network": one_of("mainnet", "testnet"),
        "sender": ADDRESS,
        "chains": by(NUMBER_KEY, nested(Chain)),
        "assets": many(nested(Asset)),
        "rules": many(nested(Rule)),
        "approvers": many(NAME),
        "velocity": nested(Count),
        "cool_off": nested(Count),
        "replacements": WHOLE,
        "gap_rule": maybe(NAME),
    }

    def __post_init__(self) -> None:
        for chain in self.chains:
            if CHAINS.get(chain) != self.network:
                raise MalformedError(f"no chain of the {self.network}", f'chains["{chain}"]')
        self._check_assets()
        self._check_rules()
        if self.replacements > MOST_REPLACEMENTS:
            raise MalformedError(f"more than {MOST_REPLACEMENTS}", "replacements")

    def _check_assets(self) -> None:
        known = set()
        for number, asset in enumerate(self.assets):
            place, key = f"assets[{number}]", (asset.chain_id, asset.asset)
            if asset.chain_id not in self.chains:
                raise MalformedError("not in chains", f"{place}.chain_id")
            if key in known:
                raise MalformedError("there twice on this chain", f"{place}.asset")
            known.add(key)
            if not self.approvers and asset.approval_above < asset.per_transaction:
                raise MalformedError(
                    f"empty: {place} has amounts above approval_above, which need one", "approvers"
                )

    def _check_rules(self) -> None:
        known = {(one.chain_id, one.asset): one for one in self.assets}
        ids = set()
        for number, rule in enumerate(self.rules):
            place = f"rules[{number}]"
            if (rule.chain_id, rule.asset) not in known:
                raise MalformedError("not in assets with this chain_id", f"{place}.asset")
            if rule.id in ids:
                raise MalformedError("the id of another rule, too", f"{place}.id")
            ids.add(rule.id)
            for index, to in enumerate(rule.destinations):
                if to in (self.sender, rule.asset):
                    raise MalformedError(
                        "the wallet or the token itself", f"{place}.destinations[{index}]"
                    )
            caps = known[rule.chain_id, rule.asset]
            for index, name in enumerate(rule.requesters):
                if caps.approval_above < caps.per_transaction and {*self.approvers} == {name}:
                    raise MalformedError(
                        "the only approver, too: whoever asks cannot approve",
                        f"{place}.requesters[{index}]",
                    )
        if self.gap_rule in ids:
            raise MalformedError("the id of a rule, too", "gap_rule")

    @property
    def policy_hash(self) -> str:
        """What is approved: SHA-256 of the whole content."""
        return digest(self.content())

    def decide(self, case: Case) -> Allowed | Refusal:
        """Whether something may be signed, and what exactly."""
        intent, quote = case.intent, case.quote
        if intent.sender != self.sender:
            return Refusal(Code.SENDER_UNKNOWN)
        if (quote.intent_id, quote.chain_id) != (intent.intent_id, intent.chain_id):
            return Refusal(Code.QUOTE_MISMATCH)
        if not -SKEW <= case.at - quote.observed_at < QUOTE_LIFE:
            return Refusal(Code.QUOTE_STALE)
        if intent.chain_id not in self.chains:
            return Refusal(Code.CHAIN_NOT_ALLOWED)
        match quote.purpose:
            case "replacement":
                return self._replacement(case)
            case "gap":
                return self._gap(case)
        return self._transfer(case)

    def _transfer(self, case: Case) -> Allowed | Refusal:
        intent, at = case.intent, case.at
        if case.reservation is not None:
            return Refusal(Code.CONTENT_CHANGED)
        if intent.created_at > at + SKEW:
            return Refusal(Code.NOT_YET)
        if intent.expires_at <= at:
            return Refusal(Code.EXPIRED)
        rule = self._rule(intent)
        if isinstance(rule, Refusal):
            return rule
        asset = self._asset(intent)
        waits = intent.amount > asset.approval_above
        if intent.expires_at - intent.created_at > (WAITING_LIFE if waits else INTENT_LIFE):
            return Refusal(Code.LIFETIME_TOO_LONG, rule.id)
        transaction = self._made(case)
        code = (
            self._over_caps(intent, asset, case.head, at)
            or self._over_ceilings(transaction, intent, asset)
            or _unfunded(case)
            or self._too_often(case)
            or (self._unapproved(case) if waits else None)
            or self._jump(case)
        )
        if code is not None:
            return Refusal(code, rule.id)
        skipped = allocated(self._following(case), case.quote.nonce_floor).skipped
        return Allowed(rule.id, transaction, uses_approval=waits, skipped=skipped)

    def _replacement(self, case: Case) -> Allowed | Refusal:
        held, quote = case.reservation, case.quote
        if held is None or not (case.signed or held.last.purpose == REPLACEMENT):
            return Refusal(Code.NOTHING_TO_REPLACE)
        if sum(one.purpose == REPLACEMENT for one in held.attempts) >= self.replacements:
            return Refusal(Code.REPLACEMENTS_USED)
        before = held.last.transaction
        if (quote.fee_kind, quote.gas_limit) != (before.fee_kind, before.gas_limit):
            return Refusal(Code.REPLACEMENT_DIFFERS)
        after = _priced(before, quote)
        if after.max_fee_per_gas < raised(before.max_fee_per_gas) or (
            after.max_priority_fee_per_gas < raised(before.max_priority_fee_per_gas)
        ):
            return Refusal(Code.REPLACEMENT_TOO_CHEAP)
        if any(one.purpose == GAP for one in held.attempts):
            return self._unless(self._over_fees(after) or self._too_often(case), case, after)
        rule = self._rule(case.intent)
        if isinstance(rule, Refusal):
            return rule
        code = self._over_ceilings(after, case.intent, self._asset(case.intent))
        code = code or self._too_often(case)
        return Refusal(code, rule.id) if code else Allowed(rule.id, after)

    def _gap(self, case: Case) -> Allowed | Refusal:
        held, quote = case.reservation, case.quote
        if held is None or case.signed or any(o.purpose == REPLACEMENT for o in held.attempts):
            return Refusal(Code.NO_GAP)
        if case.intent.expires_at > case.at:
            return Refusal(Code.NOT_EXPIRED)
        closing = Transaction(
            chain_id=held.chain_id,
            nonce=held.nonce,
            to=held.address,
            value=0,
            data="0x",
            gas_limit=PLAIN_GAS,
            fee_kind=quote.fee_kind,
            max_fee_per_gas=quote.max_fee_per_gas,
            max_priority_fee_per_gas=quote.max_priority_fee_per_gas,
        )
        return self._unless(self._over_fees(closing) or self._too_often(case), case, closing)

    def _unless(self, code: Code | None, case: Case, transaction: Transaction) -> Allowed | Refusal:
        if self.gap_rule is None:
            return Refusal(Code.GAP_NOT_ALLOWED)
        if code is None and case.quote.native_balance < _fee(transaction):
            code = Code.INSUFFICIENT_FUNDS
        return Refusal(code, self.gap_rule) if code else Allowed(self.gap_rule, transaction)

    def _rule(self, intent: Intent) -> Rule | Refusal:
        """The first rule that matches; else what none of them allows."""
        left = self.rules
        for code, matches in (
            (Code.CHAIN_NOT_ALLOWED, lambda rule: rule.chain_id == intent.chain_id),
            (Code.ASSET_NOT_ALLOWED, lambda rule: rule.asset == intent.asset),
            (Code.DESTINATION_NOT_ALLOWED, lambda rule: intent.to in rule.destinations),
            (Code.REQUESTER_NOT_ALLOWED, lambda rule: intent.requester in rule.requesters),
        ):
            left = tuple(rule for rule in left if matches(rule))
            if not left:
                return Refusal(code)
        return left[0]

    def _asset(self, intent: Intent) -> Asset:
        wanted = (intent.chain_id, intent.asset)
        return next(one for one in self.assets if (one.chain_id, one.asset) == wanted)

    def _following(self, case: Case) -> int:
        chain = case.intent.chain_id
        return case.head.nonces.get(chain, self.chains[chain].first_nonce)

    def _made(self, case: Case) -> Transaction:
        intent, quote = case.intent, case.quote
        native = intent.asset == NATIVE
        return Transaction(
            chain_id=intent.chain_id,
            nonce=allocated(self._following(case), quote.nonce_floor).nonce,
            to=intent.to if native else intent.asset,
            value=intent.amount if native else 0,
            data="0x" if native else encode_transfer(intent.to, intent.amount),
            gas_limit=quote.gas_limit,
            fee_kind=quote.fee_kind,
            max_fee_per_gas=quote.max_fee_per_gas,
            max_priority_fee_per_gas=quote.max_priority_fee_per_gas,
        )

    @staticmethod
    def _over_caps(intent: Intent, asset: Asset, head: Head, at: datetime) -> Code | None:
        if intent.amount > asset.per_transaction:
            return Code.AMOUNT_ABOVE_CAP
        key = asset_key(intent.chain_id, intent.asset)
        if intent.amount + head.used(key, DAY, at) > asset.per_day:
            return Code.DAY_ABOVE_CAP
        if intent.amount + head.used(key, WEEK, at) > asset.per_week:
            return Code.WEEK_ABOVE_CAP
        return None

    def _over_fees(self, transaction: Transaction) -> Code | None:
        chain = self.chains[transaction.chain_id]
        if transaction.max_fee_per_gas > chain.max_fee_per_gas:
            return Code.FEE_ABOVE_CAP
        if transaction.max_priority_fee_per_gas > chain.max_priority_fee_per_gas:
            return Code.PRIORITY_FEE_ABOVE_CAP
        return None

    def _over_ceilings(self, transaction: Transaction, intent: Intent, asset: Asset) -> Code | None:
        if code := self._over_fees(transaction):
            return code
        if transaction.gas_limit > asset.gas_limit:
            return Code.GAS_ABOVE_CAP
        if transaction.gas_limit < _least_gas(transaction):
            return Code.GAS_TOO_LOW
        # fee / (amount * wei / units) > bps / 10,000, without a division that rounds
        worth = intent.amount * asset.worth.wei * asset.fee_share_bps
        if _fee(transaction) * asset.worth.units * WHOLE_BPS > worth:
            return Code.FEE_SHARE_ABOVE_CAP
        return None

    def _too_often(self, case: Case) -> Code | None:
        head, count = case.head, self.velocity
        made = head.within(head.decided, count.window, case.at)
        return Code.TOO_OFTEN if made >= count.most else None

    def _unapproved(self, case: Case) -> Code | None:
        approval, intent = case.approval, case.intent
        if approval is None:
            return Code.APPROVAL_REQUIRED
        if (
            approval.request_hash != intent.request_hash
            or approval.approver not in self.approvers
            or approval.approver == intent.requester
            or not intent.created_at - SKEW <= approval.approved_at <= case.at + SKEW
        ):
            return Code.APPROVAL_NOT_VALID
        return Code.APPROVAL_USED if case.approval_used else None

    def _jump(self, case: Case) -> Code | None:
        skipped = allocated(self._following(case), case.quote.nonce_floor).skipped
        most = self.chains[case.intent.chain_id].nonce_jump
        return Code.NONCE_JUMP if skipped > most else None


def _least_gas(transaction: Transaction) -> int:
    """What a chain asks of a transaction whatever it does (EIP-7623, were no byte of it zero)."""
    return PLAIN_GAS + 40 * (len(transaction.data) // 2 - 1)


def _fee(transaction: Transaction) -> int:
    return transaction.gas_limit * transaction.max_fee_per_gas


def _priced(transaction: Transaction, quote: Quote) -> Transaction:
    return replace(
        transaction,
        max_fee_per_gas=quote.max_fee_per_gas,
        max_priority_fee_per_gas=quote.max_priority_fee_per_gas,
    )


def _unfunded(case: Case) -> Code | None:
    """Not enough for it beside all that was promised before: the balance shows none of that yet."""
    intent, quote = case.intent, case.quote
    fee = quote.gas_limit * quote.max_fee_per_gas
    native = fee + (intent.amount if intent.asset == NATIVE else 0)
    native += sum(one.wei for one in case.committed)
    units = sum(one.units for one in case.committed if one.asset == intent.asset)
    enough = quote.native_balance >= native and (
        intent.asset == NATIVE or quote.asset_balance >= intent.amount + units
    )
    return None if enough else Code.INSUFFICIENT_FUNDS
