"""Publishes the day's slate; what it answers is handed to `send_alerts` by the service itself."""

from __future__ import annotations

from datetime import date
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.domain.slate import Criteria
from betting_ai.lambdas import Function, application, asked_at
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.select_top3 import LIVE, SelectTop3Command

function = Function("select_top3")


@function.handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The slate of an event's instant, and what people are to be told of it."""
    app, at = application(), asked_at(event)
    settings = app.settings
    criteria = Criteria.of(event.get("profile") or settings.profile)
    window = Window(
        at, leagues=settings.leagues, bookmakers=settings.bookmakers, channel=settings.channel
    )
    figures = app.figures(at, LIVE)
    sources = tuple(sorted(figures.prices_at))
    command = SelectTop3Command(window, criteria, app.bankroll, sources, publish=True)
    message = app.publish_slate(command, app.frequency)
    slate, newest = message["slate"], max(figures.prices_at.values(), default=None)
    function.tracer.put_annotation("slate", message["slate_id"])
    function.tracer.put_annotation("model", str(slate["model"]))
    function.count("SlateSelected", int(not message["repeated"]))
    function.count("PicksSelected", len(slate["picks"]))
    function.count("PicksWithheld", len(slate["near_misses"]))
    for pick in slate["picks"]:
        function.metrics.add_metric(
            "EdgeAtSelection", MetricUnit.Percent, 100 * pick["expected_value"]
        )
    if newest is not None:
        function.metrics.add_metric(
            "PriceAgeSeconds", MetricUnit.Seconds, (at - newest).total_seconds()
        )
    if slate["trained_through"] is not None:
        days = (at.date() - date.fromisoformat(slate["trained_through"])).days
        function.count("ModelAgeHours", 24 * days)
    return message
