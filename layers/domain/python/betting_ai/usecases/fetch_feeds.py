"""Fetch what a feed has, and keep the raw bytes before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from betting_ai.domain.sports import FOOTBALL, SPORTS
from betting_ai.errors import FeedError, InvalidInputError, NothingToDoError
from betting_ai.ports.feeds import Feed, FeedRequest, Fetched
from betting_ai.ports.inbox import Inbox
from betting_ai.ports.object_store import RawStore

_AHEAD: Final = 36.0  # hours: a slate looks 24 ahead, and may be asked for later than prices are


@dataclass(frozen=True)
class FetchFeeds:
    """Fetches from one feed into the raw store.

    Attributes:
        feed: what is asked.
        raw: keeps the bytes.
        inbox: told of every payload, once its bytes are kept; None where the caller ingests it.
    """

    feed: Feed
    raw: RawStore
    inbox: Inbox | None = None

    def __call__(self, request: FeedRequest) -> Fetched:
        """Fetch and keep.

        Raises:
            FeedOfflineError: the feed cannot be reached.
            NothingToDoError: the feed has nothing of the request.
            StorageUnavailableError: what came cannot be kept or told of.
        """
        fetched = self.feed.fetch(request)
        for payload in fetched.payloads:
            self.raw.put(payload.content)
            if self.inbox is not None:
                self.inbox.announce(payload)
        return fetched


@dataclass(frozen=True)
class Visits:
    """What became of visits to several feeds.

    Attributes:
        fetched: by feed, what it gave.
        failed: by feed, why it gave nothing.
    """

    fetched: Mapping[str, Fetched]
    failed: Mapping[str, FeedError]


@dataclass(frozen=True)
class VisitFeeds:
    """Visits feeds one after the other; one that fails does not stop the others."""

    raw: RawStore
    inbox: Inbox | None = None

    def __call__(self, feeds: Mapping[str, Feed], request: FeedRequest) -> Visits:
        """Fetch and keep what each has of the request.

        Raises:
            FeedError: none of them gave anything.
            StorageUnavailableError: what came cannot be kept or told of.
        """
        fetched: dict[str, Fetched] = {}
        failed: dict[str, FeedError] = {}
        for name, feed in feeds.items():
            try:
                fetched[name] = FetchFeeds(feed, self.raw, self.inbox)(request)
            except NothingToDoError:
                fetched[name] = Fetched(())
            except FeedError as error:
                failed[name] = error
        if failed and not fetched:
            raise next(iter(failed.values()))
        return Visits(fetched, failed)


def request_of(schedule: Mapping[str, Any], at: datetime, leagues: tuple[str, ...]) -> FeedRequest:
    """What a schedule asks of its feeds.

    Args:
        schedule: ``fixtures``, ``results``, ``extra`` as booleans, ``seasons`` as the number of
            last seasons whose files to read, ``hours`` ahead of which prices of now are asked for.
        at: the instant that it is for.
        leagues: league codes.

    Raises:
        InvalidInputError: it asks for something else.
    """
    try:
        count, hours = int(schedule.get("seasons", 0)), float(schedule.get("hours", _AHEAD))
    except (TypeError, ValueError):
        raise InvalidInputError("a schedule's seasons and hours are numbers") from None
    last = SPORTS[FOOTBALL].season_of(at.date())
    return FeedRequest(
        leagues=leagues or None,
        seasons=tuple(range(last - count + 1, last + 1)),
        fixtures=schedule.get("fixtures") is True,
        extra=schedule.get("extra") is True,
        results=schedule.get("results") is True,
        until=at + timedelta(hours=hours),
    )
