"""The day's slate, published once, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from betting_ai.domain.slate import Stamp, rfc3339
from betting_ai.errors import NotFoundError
from betting_ai.models.frequency import Frequency
from betting_ai.ports.listings import PublishedSlate
from betting_ai.ports.unit_of_work import UnitOfWorkFactory
from betting_ai.usecases.alert_text import Standing
from betting_ai.usecases.select_top3 import SelectTop3, SelectTop3Command
from betting_ai.usecases.settle_picks import uk_day
from betting_ai.usecases.track_record import TrackRecord, TrackRecordCommand


@dataclass(frozen=True)
class PublishSlate:
    """Selects and publishes the slate of an instant, unless there is one already.

    A question that comes twice, as schedules do, so has one answer, even where prices of before
    that instant were stored in between. One that comes late is answered without what has begun.
    """

    units: UnitOfWorkFactory
    select: SelectTop3
    track_record: TrackRecord

    def __call__(
        self, command: SelectTop3Command, frequency: Frequency | None = None
    ) -> dict[str, Any]:
        """What whoever tells people of the slate has to know, JSON-ready.

        Args:
            command: ``publish`` is on.
            frequency: of the last backtest, as it is told on an empty day.

        Returns:
            ``slate_id``, ``hash``, ``published_at``, ``slate`` as it is stored, ``standing`` (the
            live record so far, None before its first pick), ``frequency``, and ``repeated``:
            whether it was there already.

        Raises:
            DomainError: as `SelectTop3`.
        """
        found = self._stored(command)
        repeated = found is not None
        if found is None:
            self.select(command)
            found = self._stored(command)
        if found is None:  # what was selected was not to be published
            raise NotFoundError("no slate was published")
        standing = None
        if str(Stamp.RECONSTRUCTED) not in found.payload["stamps"]:
            record = self.track_record(TrackRecordCommand(mode=command.mode))
            standing = Standing.of(record, uk_day(found.as_of))
        return {
            "slate_id": found.id,
            "hash": found.hash,
            "published_at": rfc3339(found.published_at),
            "slate": dict(found.payload),
            "standing": None if standing is None else standing.to_dict(),
            "frequency": None if frequency is None else frequency.to_dict(),
            "repeated": repeated,
        }

    def _stored(self, command: SelectTop3Command) -> PublishedSlate | None:
        with self.units() as unit:
            return unit.listings.slate(command.mode, command.criteria.profile, command.window.as_of)
