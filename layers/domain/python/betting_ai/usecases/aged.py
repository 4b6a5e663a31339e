"""What has become old: one rule for whoever tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

OLD_MODEL: Final = timedelta(days=60)
"""After so long without a result that it learnt from, a model should be trained anew."""

QUIET: Final = timedelta(days=14)
"""No break between the matches of all leagues is as long."""


def aged(trained: dict[str, date], last_kickoff: datetime | None, now: datetime) -> Iterator[str]:
    """A line for everything that is old, with what to do about it.

    Args:
        trained: the last day that each model in use was trained on, by its name.
        last_kickoff: of the newest match; None where there is none.
        now: the present.
    """
    if last_kickoff is not None and now - last_kickoff >= QUIET:
        yield f"the newest match is of {last_kickoff:%Y-%m-%d}; `fetch` brings what came since"
    for name, through in trained.items():
        days = (now.date() - through).days
        if timedelta(days=days) > OLD_MODEL:
            yield (
                f"the model {name} was trained through {through:%Y-%m-%d}, {days} days ago; "
                "`train` makes a newer one"
            )
