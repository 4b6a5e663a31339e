"""Names that could not be matched without doubt, and a person's word on them."""

from __future__ import annotations

from pydantic import Field

from betting_ai.bootstrap import App
from betting_ai.errors import InvalidInputError, NothingToDoError
from betting_ai.operator.answers import Answer, Arguments, NoArguments


class Accept(Arguments):
    """What a name means.

    Attributes:
        number: of the list.
        team: that it means; the likeliest where it is None.
    """

    number: int = Field(ge=1)
    team: str | None = None


def list_names(app: App, asked: NoArguments) -> Answer:
    """Every name that waits, with the teams that it may mean.

    Raises:
        NothingToDoError: none waits.
    """
    with app.units() as unit:
        waiting = unit.review.open()
    if not waiting:
        raise NothingToDoError("no name waits")
    return Answer(
        [
            {
                "number": number,
                "source": item.source,
                "league": item.league,
                "name": item.name,
                "verdict": item.verdict,
                "candidates": [{"team": team, "score": score} for team, score in item.candidates],
            }
            for number, item in enumerate(waiting, start=1)
        ]
    )


def accept_name(app: App, asked: Accept) -> Answer:
    """Say what a name means; from then on it does.

    Raises:
        InvalidInputError: no such name waits, or there is no such team.
    """
    with app.units() as unit:
        waiting = unit.review.open()
        if asked.number > len(waiting):
            raise InvalidInputError(f"no name {asked.number} waits; there are {len(waiting)}")
        item = waiting[asked.number - 1]
        meant = asked.team or (item.candidates[0][0] if item.candidates else None)
        if meant is None:
            raise InvalidInputError(f"nothing is known that {item.name!r} may mean; use --team")
        unit.review.resolve(item, meant)
        unit.commit()
    words = f"{item.name} of {item.source} means {meant}. `ingest --again` reads its rows."
    return Answer({"name": item.name, "team": meant}, words=words)
