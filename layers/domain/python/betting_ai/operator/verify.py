"""Whether the record holds."""

from __future__ import annotations

from betting_ai.bootstrap import App
from betting_ai.operator.answers import Answer, NoArguments


def verify(app: App, asked: NoArguments) -> Answer:
    """Recompute every link of the record, and every number that follows from others."""
    found = app.verify_record()
    flaws = [{"where": flaw.where, "what": flaw.what} for flaw in found.flaws]
    told = {
        "ok": not flaws,
        "entries": dict(found.counts),
        "last": dict(found.last),
        "flaws": flaws,
    }
    return Answer(told, exit_code=1 if flaws else 0)
