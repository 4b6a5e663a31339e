"""Fetch what a feed has, and keep the raw bytes before anything is made of them."""

from __future__ import annotations

from dataclasses import dataclass

from betting_ai.ports.feeds import Feed, FeedRequest, Fetched
from betting_ai.ports.object_store import RawStore


@dataclass(frozen=True)
class FetchFeeds:
    """Fetches from one feed into the raw store."""

    feed: Feed
    raw: RawStore

    def __call__(self, request: FeedRequest) -> Fetched:
        """Fetch and keep.

        Raises:
            FeedOfflineError: the feed cannot be reached.
            NothingToDoError: the feed has nothing of the request.
        """
        fetched = self.feed.fetch(request)
        for payload in fetched.payloads:
            self.raw.put(payload.content)
        return fetched
