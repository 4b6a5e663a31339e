"""The order of things: decide, keep, copy, and only then use the key.

1. Read the intent, the switch, the policy, the head and the reservation; believe the quote nothing.
2. Decide. Keep head, audit line, reservation and the used approval together, or read and decide
   again. A refusal is kept too.
3. Copy the audit line, and every one before it that has no copy yet, to where nobody can change it.
4. Use the key. Check what it gave. Keep it, unless the reservation has gone on meanwhile.

Whatever fails in between leaves a reservation that holds every field of its transaction: the next
quote for the intent makes the same bytes under the same nonce.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from betting_signer.audit import copy_name, line_of
from betting_signer.calldata import decode_transfer
from betting_signer.contract import (
    GAP,
    NATIVE,
    TRANSFER,
    Approval,
    Code,
    Intent,
    MalformedError,
    Outcome,
    Quote,
    Refusal,
    Refused,
    Signed,
    Transaction,
    WouldSign,
    document,
)
from betting_signer.copies import Copies, CopyDiffersError, kept
from betting_signer.custody import Custody, Requesters
from betting_signer.policy import Allowed, Case, Policy
from betting_signer.signing import CustodyError, SignatureError, checked
from betting_signer.state import Attempt, Committed, Control, Head, Reservation, asset_key
from betting_signer.store import Commit, ConflictError, Store

_UNCOUNTED: Final = frozenset(
    {
        Code.SIGNING_DISABLED,
        Code.POLICY_MISSING,
        Code.POLICY_NOT_APPROVED,
        Code.POLICY_CHANGED,
        Code.LOCKED,
        Code.QUOTE_STALE,
        Code.APPROVAL_REQUIRED,
        Code.INSUFFICIENT_FUNDS,
        Code.TOO_OFTEN,
        Code.NOT_EXPIRED,
        Code.NO_GAP,
    }
)
"""Refusals that happen to honest callers; they lock nothing."""

_MOST_GAPS: Final = 20


@dataclass(frozen=True)
class Gap:
    """A nonce that later transactions wait for and that nothing was signed for.

    Attributes:
        nonce: of the wallet.
        intent_id: whose it is; None where it is nobody's.
    """

    nonce: int
    intent_id: str | None


def _tell_nobody(event: str, facts: Mapping[str, Any]) -> None:
    """Reports go nowhere."""


def _wait(number: int) -> None:
    """Longer after every try, and never as long as another."""
    time.sleep(random.uniform(0, 0.02 * 2**number))  # noqa: S311 - no secret


@dataclass(frozen=True)
class Signer:
    """Decides on quotes for one wallet; any number of threads and processes.

    Attributes:
        address: of the wallet, checksummed.
        network: ``"mainnet"`` or ``"testnet"``: what the key may sign for.
        store: the state.
        copies: of the audit.
        custody: whoever can use the key.
        requesters: the secrets that requesters stamp with.
        clock: now.
        report: told of ``"gap"`` (a nonce that others wait for) and ``"skipped"`` (nonces that
            the chain used and this wallet's record did not), with facts that are no secret.
        tries: how often a decision is made anew because others were first.
        wait: between tries.
    """

    address: str
    network: str
    store: Store
    copies: Copies
    custody: Custody
    requesters: Requesters
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    report: Callable[[str, Mapping[str, Any]], None] = _tell_nobody
    tries: int = 8
    wait: Callable[[int], None] = _wait

    def sign(self, text: str) -> Outcome:
        """Answer a quote.

        Args:
            text: of a `betting_signer.contract.Quote`.

        Returns:
            What was signed, now or before; what would be; or why nothing was. After
            ``Code.BUSY``, which alone leaves no line in the audit, the same quote may come again.

        Raises:
            StoreError: the store failed; the same quote may come again.
            CustodyError: the key cannot be read now, or not with this password; the same quote
                may come again.
            CopyDiffersError: the audit was written anew. Nothing may be signed until a person
                has looked.
            MalformedError: what the signer itself keeps is damaged; the same holds.
        """
        for number in range(self.tries):
            try:
                return self._answer(text)
            except ConflictError:
                self.wait(number)
        return Refusal(Code.BUSY)

    def gaps(self, chain_id: int, floor: int) -> tuple[Gap, ...]:
        """Nonces from the chain's next one on that nothing was signed for; twenty at most.

        The last nonce that was given is no gap while its intent may still be signed; whether it
        may is not asked here.
        """
        following = self.store.head(self.address).nonces.get(chain_id, floor)
        found = []
        for nonce in range(floor, min(following, floor + _MOST_GAPS)):
            intent_id = self.store.holder(self.address, chain_id, nonce)
            if intent_id is None or not self._any_signed(intent_id):
                found.append(Gap(nonce, intent_id))
        return tuple(found)

    def _any_signed(self, intent_id: str) -> bool:
        held = self.store.reservation(intent_id)
        numbers = range(len(held.attempts)) if held else ()
        return any(self.store.signed(intent_id, number) for number in numbers)

    def _answer(self, text: str) -> Outcome:
        """Answer once; a conflict means that it is to be read and decided again."""
        at = self.clock().replace(microsecond=0)
        head = self.store.head(self.address)
        facts: dict[str, Any] = {"received": hashlib.sha256(text.encode()).hexdigest()}
        desk = _Desk(self, head, at, facts)
        gate = self._gate(head, at, facts)
        policy = gate if isinstance(gate, Policy) else None
        try:
            quote = Quote.loads(text)
        except MalformedError:
            return desk.refuse(Refusal(Code.UNREADABLE), policy)
        facts |= {"intent_id": quote.intent_id, "quote_id": quote.quote_id}
        facts["purpose"] = quote.purpose
        found = self.store.intent(quote.intent_id)
        if found is None:
            return desk.refuse(Refusal(Code.UNKNOWN_INTENT), policy)
        try:
            intent = Intent.loads(found[0])
        except MalformedError:
            return desk.refuse(Refusal(Code.UNREADABLE), policy)
        facts |= {"request_hash": intent.request_hash, "requester": intent.requester}
        if isinstance(gate, Refusal):
            return desk.refuse(gate, None)
        if not self._stamped(intent, found[1]) or intent.intent_id != quote.intent_id:
            return desk.refuse(Refusal(Code.STAMP_WRONG), gate)
        return self._decided(desk, gate, intent, quote)

    def _stamped(self, intent: Intent, stamp: str) -> bool:
        """Whether a requester made a stamp; no later error has its secrets in a frame."""
        secrets = self.requesters(intent.requester)
        return any(intent.stamped_by(secret, stamp) for secret in secrets)

    def _gate(self, head: Head, at: datetime, facts: dict[str, Any]) -> Policy | Refusal:
        """The policy under which something may be decided at all."""
        try:
            control = Control.loads(self.store.control())
        except MalformedError:
            return Refusal(Code.SIGNING_DISABLED)
        if not control.enabled or control.until <= at:
            return Refusal(Code.SIGNING_DISABLED)
        try:
            policy = Policy.loads(self.store.policy(), limit=None)
        except MalformedError:
            return Refusal(Code.POLICY_MISSING)
        facts["policy_hash"] = policy.policy_hash
        if policy.policy_hash != control.policy_hash:
            return Refusal(Code.POLICY_NOT_APPROVED)
        if (policy.sender, policy.network) != (self.address, self.network):
            return Refusal(Code.POLICY_MISSING)
        if head.locks > control.released:
            return Refusal(Code.LOCKED)
        return policy

    def _decided(self, desk: _Desk, policy: Policy, intent: Intent, quote: Quote) -> Outcome:
        held = self.store.reservation(intent.intent_id)
        signed = False
        if held is not None:
            if held.request_hash != intent.request_hash:
                return desk.refuse(Refusal(Code.CONTENT_CHANGED), policy)
            made = [self.store.signed(held.intent_id, n) for n in range(len(held.attempts))]
            if (before := _signed_before(held, made, quote)) is not None:
                return before
            signed = made[-1] is not None
            if quote.purpose == TRANSFER != held.last.purpose or (
                quote.purpose == TRANSFER and intent.expires_at <= desk.at
            ):
                return desk.refuse(Refusal(Code.EXPIRED), policy)
            if not signed and quote.purpose == held.last.purpose:
                if held.last.policy_hash == policy.policy_hash:
                    return self._finished(desk, policy, intent, held)
                if quote.purpose == TRANSFER:
                    return desk.refuse(Refusal(Code.POLICY_CHANGED), policy)
        case = self._case(desk, intent, quote, held, signed)
        decision = case if isinstance(case, Refusal) else policy.decide(case)
        if isinstance(decision, Refusal):
            return desk.refuse(decision, policy)
        held = desk.allow(decision, policy, intent, quote, held, signed)
        self._tell(decision, quote)
        return self._finished(desk, policy, intent, held)

    def _case(
        self, desk: _Desk, intent: Intent, quote: Quote, held: Reservation | None, signed: bool
    ) -> Case | Refusal:
        approval, used = None, False
        if held is None and (found := self.store.approval(intent.request_hash)) is not None:
            try:
                approval, used = Approval.loads(found[0]), found[1]
            except MalformedError:
                return Refusal(Code.APPROVAL_NOT_VALID)
        return Case(
            intent=intent,
            quote=quote,
            head=desk.head,
            at=desk.at,
            approval=approval,
            approval_used=used,
            reservation=held,
            signed=signed,
            committed=self._committed(desk, quote),
        )

    def _committed(self, desk: _Desk, quote: Quote) -> tuple[Committed, ...]:
        """What nonces from the chain's next one on may take; an expired one if it was signed."""
        open_ = desk.head.committed.get(quote.chain_id, {})
        return tuple(
            one
            for nonce, one in open_.items()
            if nonce >= quote.nonce_floor
            and (one.until > desk.at or self._signed_under(quote.chain_id, nonce))
        )

    def _signed_under(self, chain_id: int, nonce: int) -> bool:
        intent_id = self.store.holder(self.address, chain_id, nonce)
        return intent_id is not None and self._any_signed(intent_id)

    def _tell(self, decision: Allowed, quote: Quote) -> None:
        chain = quote.chain_id
        if decision.skipped:
            self.report("skipped", {"chain_id": chain, "nonces": decision.skipped})
        if quote.purpose == TRANSFER:
            for gap in self.gaps(chain, quote.nonce_floor):
                if gap.nonce < decision.transaction.nonce:
                    facts = {"chain_id": chain, "nonce": gap.nonce, "intent_id": gap.intent_id}
                    self.report("gap", facts)

    def _finished(self, desk: _Desk, policy: Policy, intent: Intent, held: Reservation) -> Outcome:
        """Sign the last attempt of a reservation; everything about it is kept by now."""
        transaction = held.last.transaction
        line = self._copied(held.last.audit_seq)
        if (
            line.get("transaction") != transaction.content()
            or line.get("intent_id") != held.intent_id
            or line.get("code") != "allowed"
            or not _is_for(transaction, held, intent)
        ):
            raise MalformedError("Reservation: not what was decided")
        try:
            raw = self.custody.sign(self.address, transaction)
            if raw is None:
                return WouldSign(intent.intent_id, held.number, transaction)
            found = checked(raw, self.address, transaction)
        except CustodyError as error:
            if error.code in {"unavailable", "password"}:  # a person puts it right; nothing is lost
                raise
            code = Code.KEY_MISMATCH if error.code == "mismatch" else Code.SIGNATURE_WRONG
        except SignatureError:
            code = Code.SIGNATURE_WRONG
        else:
            signed = Signed(
                intent_id=intent.intent_id,
                attempt=held.number,
                purpose=held.last.purpose,
                request_hash=held.request_hash,
                sender=self.address,
                transaction=transaction,
                raw="0x" + raw.hex(),
                hash=found,
                signed_at=desk.at,
            )
            self.store.put_signed(signed, held.version)
            return signed
        again = replace(desk, head=self.store.head(self.address))
        return again.refuse(Refusal(code), policy)

    def _copied(self, seq: int) -> dict[str, Any]:
        """Copy a line and those before it that have no copy, the first of them first.

        So that where a line has a copy, every line before it has one; the last that has one must
        be what was copied.
        """
        known, copy = seq - 1, None
        while known and (copy := self.copies.read(copy_name(self.address, known))) is None:
            known -= 1
        first = max(known, 1)
        lines = list(self.store.audit(self.address, first, seq))
        if len(lines) <= seq - first:
            raise CopyDiffersError(copy_name(self.address, first + len(lines)))
        for number, line in enumerate(lines, first):
            if number > known:
                kept(self.copies, copy_name(self.address, number), line.encode())
            elif line.encode() != copy:
                raise CopyDiffersError(copy_name(self.address, number))
        return document(lines[-1])


@dataclass(frozen=True)
class _Desk:
    """Writes one decision down.

    Attributes:
        signer: whose decision it is.
        head: that it was made on.
        at: when.
        facts: what is known of what came.
    """

    signer: Signer
    head: Head
    at: datetime
    facts: dict[str, Any]

    def refuse(self, refusal: Refusal, policy: Policy | None) -> Refusal:
        """Keep a refusal, which may lock the wallet, and tell it to whoever asked."""
        head = self.head
        if policy is not None and refusal.code not in _UNCOUNTED:
            count = policy.cool_off
            refused = (*(one for one in head.refused if one > self.at - count.window), self.at)
            if len(refused) >= count.most:
                head = replace(head, refused=(), locks=head.locks + 1)
            else:
                head = replace(head, refused=refused)
        head, line = self._entered(head, refusal.code.value, refusal.rule, {})
        self.signer.store.commit(Commit(head, line, refused=self._told(refusal)))
        self.signer._copied(head.audit_seq)
        return refusal

    def _told(self, refusal: Refusal) -> Refused | None:
        """For whoever asked; of what is not theirs, such as a gap, they are told nothing."""
        if "request_hash" not in self.facts or self.facts["purpose"] != TRANSFER:
            return None
        names = {name: self.facts[name] for name in ("intent_id", "quote_id", "request_hash")}
        return Refused(**names, code=refusal.code.value, refused_at=self.at)

    def allow(
        self,
        decision: Allowed,
        policy: Policy,
        intent: Intent,
        quote: Quote,
        held: Reservation | None,
        signed: bool,
    ) -> Reservation:
        """Keep what was allowed: counts, nonce, approval, audit and every field to be signed."""
        transaction = decision.transaction
        head = self.head.deciding(self.at)
        if held is None:
            key = asset_key(intent.chain_id, intent.asset)
            nonces = {**head.nonces, intent.chain_id: transaction.nonce + 1}
            head = replace(head.using(key, intent.amount, self.at), nonces=nonces)
        token = intent.asset != NATIVE and quote.purpose != GAP
        owed = Committed(
            wei=transaction.value + transaction.gas_limit * transaction.max_fee_per_gas,
            asset=intent.asset if token else NATIVE,
            units=intent.amount if token else 0,
            until=intent.expires_at,
        )
        chain, nonce = transaction.chain_id, transaction.nonce
        head = head.committing(chain, nonce, owed, quote.nonce_floor)
        number = 0 if held is None else held.number + 1
        more = {"attempt": number, "transaction": transaction.content()}
        head, line = self._entered(head, "allowed", decision.rule, more)
        attempt = Attempt(
            quote_id=quote.quote_id,
            purpose=quote.purpose,
            policy_hash=policy.policy_hash,
            transaction=transaction,
            audit_seq=head.audit_seq,
        )
        unsigned = None
        if held is None:
            after = Reservation(
                intent_id=intent.intent_id,
                request_hash=intent.request_hash,
                address=intent.sender,
                chain_id=intent.chain_id,
                nonce=transaction.nonce,
                version=1,
                attempts=(attempt,),
            )
        else:
            after = held.attempting(attempt)
            unsigned = None if signed else held.number
        uses = intent.request_hash if decision.uses_approval else None
        self.signer.store.commit(Commit(head, line, after, uses, unsigned))
        return after

    def _entered(
        self, head: Head, code: str, rule: str, more: Mapping[str, Any]
    ) -> tuple[Head, str]:
        entry = {
            "seq": head.audit_seq + 1,
            "at": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "address": head.address,
            "code": code,
            "rule": rule,
            **_NOTHING_KNOWN,
            **self.facts,
            **more,
        }
        line, found = line_of(entry, head.audit_hash)
        after = replace(
            head, version=head.version + 1, audit_seq=head.audit_seq + 1, audit_hash=found
        )
        return after, line


_NOTHING_KNOWN: Final[Mapping[str, Any]] = {
    "received": None,
    "intent_id": None,
    "quote_id": None,
    "purpose": None,
    "request_hash": None,
    "requester": None,
    "policy_hash": None,
    "attempt": None,
    "transaction": None,
}


def _signed_before(held: Reservation, made: Sequence[Signed | None], quote: Quote) -> Signed | None:
    """What this quote, or any quote for the transfer itself, has led to before."""
    for attempt, signed in zip(held.attempts, made, strict=True):
        same = attempt.quote_id == quote.quote_id and attempt.purpose == quote.purpose
        if signed is not None and (same or quote.purpose == attempt.purpose == TRANSFER):
            return signed
    return None


def _is_for(transaction: Transaction, held: Reservation, intent: Intent) -> bool:
    """Whether a transaction is the intent's transfer, or closes its gap, under its nonce."""
    if (transaction.chain_id, transaction.nonce) != (intent.chain_id, held.nonce):
        return False
    to, value, data = transaction.to, transaction.value, transaction.data
    if any(attempt.purpose == GAP for attempt in held.attempts):
        return (to, value, data) == (intent.sender, 0, "0x")
    if intent.asset == NATIVE:
        return (to, value, data) == (intent.to, intent.amount, "0x")
    try:
        return (to, value) == (intent.asset, 0) and (
            decode_transfer(data) == (intent.to, intent.amount)
        )
    except MalformedError:
        return False
