"""Announcements as small JSON documents in S3, each of which sets off its ingestion."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, unquote_plus

from betting_ai.adapters.aws.object_store import S3RawStore
from betting_ai.domain.slate import rfc3339
from betting_ai.errors import InvalidInputError, ObjectDamagedError, ObjectMissingError
from betting_ai.ports.feeds import Payload, PayloadKind

FOLDER: Final = "inbox/"
"""Under which announcements lie; the bucket's notices are of this prefix alone."""

_KINDS: Final = (
    PayloadKind.SEASON,
    PayloadKind.EXTRA,
    PayloadKind.FIXTURES,
    PayloadKind.ODDS,
    PayloadKind.SCORES,
    PayloadKind.FIGURES,
    PayloadKind.RECEIPTS,
)
"""In the order in which they are best ingested."""


@dataclass(frozen=True)
class S3Inbox:
    """`betting_ai.ports.inbox.Inbox`: ``inbox/<rank>-<kind>/<source>/<name>/<sha256>.json``.

    The instant at which bytes first came is the one that is kept: the name is written once.

    Attributes:
        raw: where the bytes lie; announcements lie in the same bucket.
    """

    raw: S3RawStore

    def announce(self, payload: Payload) -> bool:
        """Tell of a payload, once."""
        told = {
            "source": payload.source,
            "name": payload.name,
            "kind": payload.kind.value,
            "sha256": payload.sha256,
            "received_at": rfc3339(payload.received_at),
            "league": payload.league,
            "season": payload.season,
            "snapshot_at": rfc3339(payload.snapshot_at) if payload.snapshot_at else None,
        }
        content = json.dumps(told, indent=1, ensure_ascii=False).encode()
        key = (
            f"{_folder(payload.kind)}{quote(payload.source)}/{quote(payload.name)}/"
            f"{payload.sha256}.json"
        )
        return self.raw.objects.write(key, content, once=True, kind="application/json")

    def payload(self, name: str) -> Payload:
        """What an announcement tells of, with its bytes."""
        text = self.raw.objects.read(name)
        if text is None:
            raise ObjectMissingError(f"there is no announcement {name}")
        try:
            told: dict[str, Any] = json.loads(text)
            sha256 = str(told["sha256"])
            snapshot, league, season = (told.get(n) for n in ("snapshot_at", "league", "season"))
            found = Payload(
                source=str(told["source"]),
                name=str(told["name"]),
                kind=PayloadKind(told["kind"]),
                content=b"",
                received_at=datetime.fromisoformat(told["received_at"]),
                league=None if league is None else str(league),
                season=None if season is None else int(season),
                snapshot_at=None if snapshot is None else datetime.fromisoformat(snapshot),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ObjectDamagedError(f"announcement {name} cannot be read: {error!r}") from None
        return replace(found, content=self.raw.get(sha256))

    def told_by(self, notice: str) -> tuple[str, ...]:
        """The announcements that a notice of the bucket tells of."""
        try:
            body = json.loads(notice)
            if body.get("Event") == "s3:TestEvent":  # sent when notices are switched on
                return ()
            return tuple(unquote_plus(one["s3"]["object"]["key"]) for one in body["Records"])
        except (ValueError, TypeError, KeyError, AttributeError):
            raise InvalidInputError("this is no notice of a bucket") from None

    def names(self, kind: PayloadKind | None = None, source: str | None = None) -> list[str]:
        """All announcements, or those of a kind or a source, in order of their names."""
        found = self.raw.objects.names(FOLDER if kind is None else _folder(kind))
        if source is None:
            return found
        return [name for name in found if name.split("/")[2] == quote(source)]


def _folder(kind: PayloadKind) -> str:
    return f"{FOLDER}{_KINDS.index(kind)}-{kind.value}/"
