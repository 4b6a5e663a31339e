"""The past, kept from one question to the next: it changes with the day and with what comes in."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass, field

from betting_ai.domain.markets import BettingMarket
from betting_ai.models.registry import Model
from betting_ai.ports.unit_of_work import UnitOfWork
from betting_ai.usecases.assess_events import Past, PastOf, Window, learn


@dataclass(frozen=True)
class KeptPasts:
    """Keeps the pasts that were asked for last; any number of threads may ask.

    What is kept is found again only under the same model, on the same day of results, and while no
    payload has been stored since. A question about a moment at which something stored had not yet
    been received is of that moment alone. Changes that pass by the ingest log, as repairs by hand
    do, are not seen before the next payload or day.

    Attributes:
        most: so many are kept.
    """

    most: int = 6
    _kept: dict[Hashable, Past] = field(default_factory=dict, init=False, compare=False)
    _busy: dict[Hashable, threading.Lock] = field(default_factory=dict, init=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, compare=False)

    def within(self, unit: UnitOfWork) -> PastOf:
        """Tells the past by what a transaction sees."""
        stored = unit.ingest_log.stored()

        def past(model: Model, window: Window, market: BettingMarket) -> Past:
            told = model.manifest
            late = stored.received_at is not None and window.as_of < stored.received_at
            key = (
                told.market,
                told.version,
                *told.files.values(),
                model.in_sample,
                told.spec.sport.result_day(int(window.as_of.timestamp())),
                stored.mark,
                window.as_of if late else None,
            )
            found = self._find(key)
            if found is None:
                with self._turn(key):  # who asks for what is being worked out waits for it
                    found = self._find(key)
                    if found is None:
                        try:
                            found = learn(unit.facts, model, window, market)
                            self._keep(key, found)
                        finally:
                            self._end_turn(key)
            return found

        return past

    def _find(self, key: Hashable) -> Past | None:
        with self._lock:
            found = self._kept.pop(key, None)
            if found is not None:
                self._kept[key] = found  # the last to be forgotten
            return found

    def _turn(self, key: Hashable) -> threading.Lock:
        with self._lock:
            return self._busy.setdefault(key, threading.Lock())

    def _end_turn(self, key: Hashable) -> None:
        with self._lock:
            self._busy.pop(key, None)

    def _keep(self, key: Hashable, found: Past) -> None:
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self.most:
                self._kept.pop(next(iter(self._kept)))
