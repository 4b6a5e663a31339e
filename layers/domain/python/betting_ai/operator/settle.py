"""What became of the picks and bets whose results and closes are in."""

from __future__ import annotations

from pydantic import AwareDatetime

from betting_ai.bootstrap import App
from betting_ai.domain.settlement import Score
from betting_ai.errors import InvalidInputError, NothingToDoError
from betting_ai.operator.answers import Answer, Arguments
from betting_ai.operator.lines import settled_line
from betting_ai.usecases.settle_picks import SettlePicksCommand


class Settle(Arguments):
    """What is to be settled.

    Attributes:
        as_of: by what was known then; now where it is None.
        event: slug of one event whose ending is told, with ``ending``.
        ending: how it ended, as `betting_ai.domain.settlement.Score.of` reads it.
    """

    as_of: AwareDatetime | None = None
    event: str | None = None
    ending: str | None = None


def settle(app: App, asked: Settle) -> Answer:
    """Settle picks and bets by the results that are in; again when one is corrected.

    Raises:
        InvalidInputError: an instant to come, an unknown event, or what is no ending.
        NothingToDoError: nothing is open that has kicked off.
    """
    if (asked.event is None) != (asked.ending is None):
        raise InvalidInputError("--event and --ending go together")
    now = app.clock.now()
    if asked.as_of is not None and asked.as_of > now:
        raise InvalidInputError(f"--as-of {asked.as_of:%Y-%m-%d %H:%M %Z} lies in the future")
    notes = []
    if asked.event is not None and asked.ending is not None:
        score = Score.of(asked.ending)
        with app.units() as unit:
            news = unit.record.add_ending(asked.event, score, "operator", now)
            unit.commit()
        if not news:
            notes.append(f"{asked.event} ended so already")
    done = app.settle_picks(SettlePicksCommand(asked.as_of or now, app.settings.channel))
    if not (done.settlements or done.waiting or asked.event):
        raise NothingToDoError("nothing is open that has kicked off")
    notes += [f"no result yet: {slug}" for slug in done.waiting]
    lines = [settled_line(one) for one in done.settlements]
    return Answer({"settled": lines, "waiting": list(done.waiting)}, notes=tuple(notes))
