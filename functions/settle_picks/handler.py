"""Settles what is over, and exports the record for whoever trains the next models."""

from __future__ import annotations

from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from betting_ai.lambdas import Function, application, asked_at
from betting_ai.usecases.export_record import as_document
from betting_ai.usecases.select_top3 import LIVE
from betting_ai.usecases.settle_picks import SettlePicksCommand

FEWEST: Final = 50
"""Below so many picks with a close, their mean would set off an alarm by luck."""

function = Function("settle_picks")


@function.handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Settle by what was known at an event's instant."""
    app, at = application(), asked_at(event)
    done = app.settle_picks(SettlePicksCommand(at, app.settings.channel))
    with app.units() as unit:
        record = as_document(unit).encode()
    app.objects.write("record/record.json", record, kind="application/json")
    figures = app.figures(at, LIVE)
    if figures.clv_mean is not None and figures.clv_count >= FEWEST:
        function.metrics.add_metric("ClvMean90d", MetricUnit.Percent, 100 * figures.clv_mean)
    function.count("Settled", len(done.settlements))
    function.count("ResultsMissing", len(done.waiting))
    function.logger.info(
        "settled", extra={"settled": len(done.settlements), "waiting": done.waiting}
    )
    return {"settled": len(done.settlements), "waiting": list(done.waiting)}
