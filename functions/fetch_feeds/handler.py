"""Reads feeds on a schedule and hands over what is new through S3; runs outside the VPC."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.errors import FeedError
from betting_ai.lambdas import application, asked_at, tools
from betting_ai.ports.feeds import Feed
from betting_ai.usecases.fetch_feeds import VisitFeeds, request_of

logger, tracer, metrics = tools("fetch_feeds")


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
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
        metrics.add_metric("FeedFailed", MetricUnit.Count, len(feeds))
        raise
    for name, error in done.failed.items():
        logger.error("feed failed", extra={"feed": name, "code": error.code, "why": str(error)})
    payloads = {name: len(fetched.payloads) for name, fetched in done.fetched.items()}
    metrics.add_metric("FeedFailed", MetricUnit.Count, len(done.failed))
    metrics.add_metric("PayloadsFetched", MetricUnit.Count, sum(payloads.values()))
    logger.info("fetched", extra={"payloads": payloads})
    return {"at": at.isoformat(), "payloads": payloads, "failed": sorted(done.failed)}
