"""The whole record as a text, so that anyone can recompute it."""

from __future__ import annotations

import csv
import io
from typing import Literal

from betting_ai.bootstrap import App
from betting_ai.errors import NothingToDoError
from betting_ai.operator.answers import Answer, Arguments
from betting_ai.operator.lines import pick_line
from betting_ai.ports.unit_of_work import UnitOfWork
from betting_ai.usecases.export_record import as_document


class Export(Arguments):
    """How it is written.

    Attributes:
        format: every chain as JSON, or every pick on a line.
    """

    format: Literal["json", "csv"] = "json"


def export(app: App, asked: Export) -> Answer:
    """The record; the output is a text.

    Raises:
        NothingToDoError: there is no pick to write on a line.
    """
    with app.units() as unit:
        return Answer(as_csv(unit) if asked.format == "csv" else as_document(unit))


def as_csv(unit: UnitOfWork) -> str:
    """Every pick on a line.

    Raises:
        NothingToDoError: there is none.
    """
    lines = [pick_line(pick) for pick in unit.record.picks()]
    if not lines:
        raise NothingToDoError("nothing has been recommended yet")
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()
