"""Payloads that were announced before, read again: from their raw bytes, as they came then."""

from __future__ import annotations

from typing import Final

from pydantic import AwareDatetime, Field

from betting_ai.bootstrap import App
from betting_ai.errors import NothingToDoError, ObjectDamagedError, ObjectMissingError
from betting_ai.operator.answers import Answer, Arguments
from betting_ai.operator.ingested import ingested
from betting_ai.ports.feeds import Fetched, PayloadKind
from betting_ai.usecases.ingest_raw import REFUSED, IngestCommand

_AT_ONCE: Final = 100  # announcements; a season file takes about a second
_MOST_AT_ONCE: Final = 500


class Replay(Arguments):
    """Which payloads are read again.

    Attributes:
        since: that came at this instant or later.
        source: of this feed.
        kind: of this kind.
        after: whose announcement comes after this one, as ``next`` of the answer before said.
        limit: most announcements to look at; whoever asks goes on until ``next`` is null.
    """

    since: AwareDatetime | None = None
    source: str | None = None
    kind: PayloadKind | None = None
    after: str = ""
    limit: int = Field(default=_AT_ONCE, ge=1, le=_MOST_AT_ONCE)


def replay(app: App, asked: Replay) -> Answer:
    """Ingest again what was announced; what is stored already stays as it is.

    The document is that of an ingestion, with ``next`` (where to go on; null at the end) and
    ``left`` (how many announcements come after).

    Raises:
        NothingToDoError: nothing was announced of that source and kind.
        StorageUnavailableError: what is kept cannot be read now.
    """
    names = app.inbox.names(kind=asked.kind, source=asked.source)
    if not names:
        raise NothingToDoError("nothing of that kind and source was announced yet")
    ahead = [name for name in names if name > asked.after]
    now, later = ahead[: asked.limit], ahead[asked.limit :]
    payloads, failed = [], []
    for name in now:
        try:
            payload = app.inbox.payload(name)
        except (ObjectMissingError, ObjectDamagedError) as error:
            failed.append(f"{name}: {error}")
            continue
        if asked.since is None or payload.received_at >= asked.since:
            payloads.append(payload)
    done = app.ingest(IngestCommand(tuple(payloads), again=True))
    document = ingested(Fetched((), failed=tuple(failed)), done)
    document |= {"next": now[-1] if later else None, "left": len(later)}
    return Answer(document, exit_code=1 if failed or done.count(REFUSED) else 0)
