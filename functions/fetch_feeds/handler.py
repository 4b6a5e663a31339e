"""Reads feeds on a schedule and hands over what is new through S3; runs outside the VPC."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.errors import FeedError
from betting_ai.lambdas import Function, application, asked_at
from betting_ai.ports.feeds import Feed
from betting_ai.usecases.fetch_feeds import VisitFeeds, request_of

function = Function("fetch_feeds")


@function.handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Visit the feeds that an event names; raises where none of them gave anything."""
    app, at = application(), asked_at(event)
    feeds: dict[str, Feed] = {}
    for name in event["feeds"]:
        if name == "football_data":
            feeds[name] = app.site()
        elif name in app.live_feeds:
            feeds[name] = app.live_feed(name)
    visit = VisitFeeds(app.raw, app.inbox)
    try:
        done = visit(feeds, request_of(event, at, app.settings.leagues))
    except FeedError:
        function.count("FeedFailed", len(feeds))
        raise
    for name, error in done.failed.items():
        function.logger.error(
            "feed failed", extra={"feed": name, "code": error.code, "why": str(error)}
        )
    payloads = {name: len(fetched.payloads) for name, fetched in done.fetched.items()}
    function.count("FeedFailed", len(done.failed))
    function.count("PayloadsFetched", sum(payloads.values()))
    function.logger.info("fetched", extra={"payloads": payloads})
    return {"at": at.isoformat(), "payloads": payloads, "failed": sorted(done.failed)}
