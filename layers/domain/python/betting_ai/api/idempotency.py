"""A signed call is done once, however often it comes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4, uuid5

from starlette.responses import Response

from betting_ai.api.security import SignedCall
from betting_ai.clock import Clock
from betting_ai.errors import DomainError, IdempotencyMismatchError, IdempotencyRunningError
from betting_ai.ports.keys import CallName, CallRecord, StoredAnswer
from betting_ai.ports.unit_of_work import UnitOfWorkFactory

REMEMBERED: Final = timedelta(hours=24)
"""So long an answer is kept."""

LEASE: Final = timedelta(minutes=2)
"""So long a call that has no answer counts as running; after that, as crashed."""

REPLAYED: Final = "Idempotency-Replayed"

_NAMES: Final = UUID("0d3a6c55-95c5-4a5e-8a1b-5d0f4c8f7e21")  # any that nothing else uses
_ASK_AGAIN: Final = timedelta(seconds=1)
_NOT_KEPT: Final = frozenset({"content-length", "set-cookie", "x-request-id"})


def once(
    call: SignedCall,
    work: Callable[[UUID], Response],
    *,
    units: UnitOfWorkFactory,
    clock: Clock,
    explain: Callable[[DomainError], Response],
) -> Response:
    """Answer a call: with its work, or with what that was answered before.

    The work runs once, unless a process dies or takes longer than `LEASE` over it; then it runs
    again with the same reference, so it must come to the same under the same one.

    Args:
        call: the call.
        work: does it; is given a reference that follows from key, route, idempotency key and body.
        units: transactions.
        clock: tells the present.
        explain: how an error is answered.

    Returns:
        The answer. One below 500 is kept for `REMEMBERED`, an explained error too; after one of
        500 and above, and after any other exception, the call may be made again.

    Raises:
        IdempotencyMismatchError: the idempotency key was used for another body.
        IdempotencyRunningError: the first such call has not been answered yet.
    """
    name = CallName(call.caller.key.id, call.route, call.idempotency_key)
    digest = hashlib.sha256(call.body).digest()
    owner = uuid4()
    now = clock.now()
    with units() as unit:
        before = unit.idempotency.begin(
            name,
            digest,
            owner=owner,
            now=now,
            lease_until=now + LEASE,
            expires_at=now + REMEMBERED,
        )
        unit.commit()
    if before is not None:
        return _again(before, digest)
    try:
        answer = _explained(lambda: work(_reference(name, digest)), explain)
    except Exception:
        _release(units, name, owner)
        raise
    if answer.status_code >= 500:
        _release(units, name, owner)
        return answer
    headers = {key: value for key, value in answer.headers.items() if key not in _NOT_KEPT}
    kept = StoredAnswer(answer.status_code, headers, bytes(answer.body))
    with units() as unit:
        unit.idempotency.finish(name, owner, kept)
        unit.commit()
    return answer


def _again(before: CallRecord, digest: bytes) -> Response:
    if before.digest != digest:
        raise IdempotencyMismatchError(
            "this Idempotency-Key was used for another body; use a new one for a new call"
        )
    if before.answer is None:
        raise IdempotencyRunningError(int(_ASK_AGAIN.total_seconds()))
    told = before.answer
    return Response(told.body, told.status, {**told.headers, REPLAYED: "true"})


def _explained(
    work: Callable[[], Response], explain: Callable[[DomainError], Response]
) -> Response:
    try:
        return work()
    except DomainError as error:
        return explain(error)


def _release(units: UnitOfWorkFactory, name: CallName, owner: UUID) -> None:
    with units() as unit:
        unit.idempotency.release(name, owner)
        unit.commit()


def _reference(name: CallName, digest: bytes) -> UUID:
    """The same whenever the same call is run again.

    The body is part of it: an idempotency key may be used anew once its answer is forgotten, and
    must not name what another body asked for.
    """
    parts = (name.key_id, name.route, name.idempotency_key, digest.hex())
    return uuid5(_NAMES, "\n".join(parts))
