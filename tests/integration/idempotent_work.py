"""A call that is begun in a process of its own, which never finishes it."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path
from uuid import UUID

from starlette.responses import Response

from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.unit_of_work import unit_of_work_factory
from betting_ai.api.idempotency import once
from betting_ai.api.security import Caller, SignedCall
from betting_ai.clock import FixedClock
from betting_ai.domain.keys import ApiKey, Scope
from betting_ai.errors import DomainError

ROUTE = "POST /api/v1/betting/bets"


def signed(key_id: str, name: str, body: bytes, at: datetime, route: str = ROUTE) -> SignedCall:
    """A call whose signature was found good."""
    key = ApiKey(key_id, "mine", frozenset({Scope.BET}), bytes(32), at)
    return SignedCall(Caller(key, 1), route, name, body)


def never(error: DomainError) -> Response:
    raise AssertionError(error)


if __name__ == "__main__":
    url, key_id, name, body, at, note = sys.argv[1:]
    begun = datetime.fromisoformat(at)

    def work(reference: UUID) -> Response:
        Path(note).write_text(str(reference))
        time.sleep(600)
        return Response()

    once(
        signed(key_id, name, body.encode(), begun),
        work,
        units=unit_of_work_factory(connect(url)),
        clock=FixedClock(begun),
        explain=never,
    )
