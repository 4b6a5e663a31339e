"""What became of payloads, as a document."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from betting_ai.operator.answers import ready
from betting_ai.ports.feeds import Fetched
from betting_ai.ports.repositories import IngestEntry, ReviewItem, StoredCounts
from betting_ai.usecases.ingest_raw import IngestResult


def ingested(fetched: Fetched, result: IngestResult) -> dict[str, Any]:
    """Every payload, the sums over all, and the names that wait."""
    told = {
        "payloads": [dataclasses.asdict(entry) for entry in result.entries],
        "totals": {
            **Counter(entry.status for entry in result.entries),
            "rows_read": sum(entry.rows_read for entry in result.entries),
            "rows_kept": sum(entry.rows_kept for entry in result.entries),
            "rows_repaired": summed(entry.rows_repaired for entry in result.entries),
            "rows_refused": summed(entry.rows_refused for entry in result.entries),
            "quotes_kept": sum(entry.quotes_kept for entry in result.entries),
            "quotes_refused": summed(entry.quotes_refused for entry in result.entries),
            "conflicting": sum(entry.stored.conflicting for entry in result.entries),
        },
        "doubts": [dataclasses.asdict(doubt) for doubt in result.doubts],
        "not_published": list(fetched.not_published),
        "failed": list(fetched.failed),
    }
    document: dict[str, Any] = ready(told, _text)
    return document


def result_of(document: Mapping[str, Any]) -> IngestResult:
    """What `ingested` was made from."""
    entries = tuple(
        IngestEntry(
            **told
            | {
                "received_at": datetime.fromisoformat(told["received_at"]),
                "stored": StoredCounts(**told["stored"]),
            }
        )
        for told in document["payloads"]
    )
    doubts = tuple(
        ReviewItem(
            **told | {"candidates": tuple((team, score) for team, score in told["candidates"])}
        )
        for told in document["doubts"]
    )
    return IngestResult(entries, doubts)


def summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Counts by reason, over all."""
    total: Counter[str] = Counter()
    for reasons in counts:
        total.update(reasons)
    return dict(total)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
