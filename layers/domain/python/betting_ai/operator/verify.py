"""Proof of the record: that nothing was changed, left out or slipped in."""

from __future__ import annotations

from betting_ai.bootstrap import App
from betting_ai.operator.answers import Answer, NoArguments


def verify(app: App, asked: NoArguments) -> Answer:
    """Recompute every chain; the exit code is 1 where one does not hold."""
    found = app.verify_record()
    told = {
        "ok": not found.flaws,
        "entries": dict(found.counts),
        "last": dict(found.last),
        "flaws": [{"where": flaw.where, "what": flaw.what} for flaw in found.flaws],
    }
    return Answer(told, exit_code=1 if found.flaws else 0)
