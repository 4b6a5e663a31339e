"""What is remembered of a live feed between visits: its quota, and how often it failed of late."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from betting_ai.clock import Clock
from betting_ai.errors import (
    FeedError,
    FeedKeyError,
    FeedPausedError,
    FeedQuotaError,
)
from betting_ai.ports.object_store import NoteStore

FAILURES_BEFORE_PAUSE: Final = 3
FIRST_PAUSE: Final = timedelta(minutes=15)
LONGEST_PAUSE: Final = timedelta(hours=6)

_HIS_TO_MEND: Final = (FeedKeyError, FeedQuotaError)
"""Failures that a person mends: the next command must try again at once."""


@dataclass(frozen=True)
class FeedState:
    """A live feed as it was left.

    Attributes:
        succeeded_at: when it last answered, RFC 3339; None if it never did.
        failed_at: when it last failed.
        failures: in a row, up to now.
        error: what it last failed with.
        paused_until: not asked again before.
        remaining: of the plan's quota, as the feed last told.
        used: of the plan's quota, as the feed last told.
        told_at: when it told.
        day: which ``spent_today`` is of.
        spent_today: credits.
        spent_this_month: credits, in the month of ``day``.
    """

    succeeded_at: str | None = None
    failed_at: str | None = None
    failures: int = 0
    error: str | None = None
    paused_until: str | None = None
    remaining: int | None = None
    used: int | None = None
    told_at: str | None = None
    day: str = ""
    spent_today: int = 0
    spent_this_month: int = 0


class FeedMemory:
    """Keeps a `FeedState` as a note."""

    def __init__(self, feed: str, notes: NoteStore, clock: Clock) -> None:
        self._feed = feed
        self._note = f"{feed}.state.json"
        self._notes = notes
        self._clock = clock

    def state(self) -> FeedState:
        """As it was left; a note that cannot be read is no note. Spending is of the day it is."""
        try:
            found = json.loads(self._notes.read(self._note) or b"{}")
            state = FeedState(**{name: found[name] for name in _fields() if name in found})
            return self._today(state)
        except (ValueError, TypeError, AttributeError):
            return self._today(FeedState())

    def keep(self, **changes: Any) -> None:  # noqa: ANN401 - fields of the state
        """Replace fields of the state."""
        state = replace(self.state(), **changes)
        self._notes.write(self._note, json.dumps(asdict(state), indent=1).encode())

    def spend(self, credits_spent: int) -> None:
        """Note what a question may have cost, before it is known; `refund` takes back the rest."""
        state = self.state()
        left = state.remaining
        self.keep(
            spent_today=max(0, state.spent_today + credits_spent),
            spent_this_month=max(0, state.spent_this_month + credits_spent),
            remaining=None if left is None else max(0, left - credits_spent),
        )

    @contextmanager
    def watched(self) -> Iterator[None]:
        """A visit: counts it as a success or a failure, and refuses it while the feed is paused.

        Raises:
            FeedPausedError: it failed too often of late.
        """
        state = self.state()
        now = self._clock.now()
        if state.paused_until and now < datetime.fromisoformat(state.paused_until):
            until = datetime.fromisoformat(state.paused_until)
            raise FeedPausedError(
                f"{self._feed} failed {state.failures} times in a row and is left alone until "
                f"{until:%Y-%m-%d %H:%M} UTC; last: {state.error}"
            )
        try:
            yield
        except _HIS_TO_MEND as error:
            self.keep(failed_at=now.isoformat(), error=str(error))
            raise
        except FeedError as error:
            failures = state.failures + 1
            pause = FIRST_PAUSE * 2 ** max(0, failures - FAILURES_BEFORE_PAUSE)
            until = now + min(pause, LONGEST_PAUSE)
            paused = until.isoformat() if failures >= FAILURES_BEFORE_PAUSE else None
            self.keep(
                failed_at=now.isoformat(), failures=failures, error=str(error), paused_until=paused
            )
            raise
        self.keep(succeeded_at=now.isoformat(), failures=0, error=None, paused_until=None)

    def _today(self, state: FeedState) -> FeedState:
        day = self._clock.now().date().isoformat()
        if state.day == day:
            return state
        same_month = state.day[:7] == day[:7]
        spent = state.spent_this_month if same_month else 0
        return replace(state, day=day, spent_today=0, spent_this_month=spent)


def _fields() -> tuple[str, ...]:
    return tuple(FeedState.__dataclass_fields__)
