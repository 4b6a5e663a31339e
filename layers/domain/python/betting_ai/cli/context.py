"""What commands share: reading what was asked, and speaking beside the answer."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

import typer

from betting_ai.domain.leagues import find_league
from betting_ai.errors import InvalidInputError, NoModelBeforeError

if TYPE_CHECKING:
    from betting_ai.settings import Settings

UK: Final = ZoneInfo("Europe/London")
MORNING: Final = time(8)

LONGEST_HOURS: Final = 24 * 14

AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="2025-03-15T08:00:00Z, or a date: 08:00 UK. Now by default."),
]
Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="Season files instead of the site: <season>/<division>.csv."),
]
Json = Annotated[bool, typer.Option("--json", help="For machines: one JSON document.")]
AllowInSample = Annotated[
    bool,
    typer.Option("--allow-in-sample", help="Answer with a model that has seen the day, stamped."),
]


@dataclass(frozen=True)
class Question:
    """What a command asks about.

    Attributes:
        as_of: aware instant; None for now.
        hours: how far ahead.
        folder: where season files are; None for the site.
        leagues: league codes.
        bookmakers: book codes; empty for all.
        allow_in_sample: accept a model that has seen the day.
    """

    as_of: datetime | None
    hours: float
    folder: Path | None
    leagues: tuple[str, ...]
    bookmakers: tuple[str, ...] = ()
    allow_in_sample: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.hours <= LONGEST_HOURS:
            raise InvalidInputError(
                f"--hours must be from 1 to {LONGEST_HOURS}, not {self.hours:g}"
            )
        for code in self.leagues:
            find_league(code)


class Voice:
    """Speaks on stderr, beside the answer on stdout; one line each, JSON for machines."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    @property
    def quiet(self) -> bool:
        """Whether progress bars would disturb."""
        return self.as_json or not sys.stderr.isatty()

    def note(self, text: str) -> None:
        """Something to know."""
        self._say("note", text)

    def warn(self, text: str) -> None:
        """Something that was left out."""
        self._say("warning", text)

    def error(self, code: str, text: str) -> None:
        """Why there is no answer."""
        self._say("error", text, code=code)

    def _say(self, kind: str, text: str, **more: str) -> None:
        message = " ".join(text.split())
        line = f"{kind}: {message}"
        if self.as_json:
            line = json.dumps({kind: {**more, "message": message}}, ensure_ascii=False)
        typer.echo(line, err=True)


environment: Final[ContextVar[str | None]] = ContextVar("environment", default=None)
"""The environment of AWS that ``--env`` names; None for this machine."""

REMOTE: Final = ("db", "doctor", "history", "ingest", "keys", "review", "settle", "wallet")
"""Commands that can be had of an environment, if only in part."""


def refuse_remote() -> None:
    """For what an environment is not asked: say what it can be.

    Raises:
        InvalidInputError: ``--env`` names one.
    """
    if (name := environment.get()) is not None:
        raise InvalidInputError(
            f"environment {name} can be asked for db upgrade, doctor, history export, "
            "history verify, ingest --again, keys, review, settle, and wallet but for send, follow "
            "and tables; for anything else leave --env (BETTING_AI_ENV) out"
        )


def current_settings() -> Settings:
    """This machine's settings; read here because importing their library takes time.

    Raises:
        InvalidInputError: one does not parse, or another environment is asked.
    """
    refuse_remote()
    from betting_ai.settings import load_settings

    return load_settings()


def instant(text: str | None) -> datetime | None:
    """An instant as written on the command line; a date means 08:00 UK time.

    Raises:
        InvalidInputError: it is not one, or lies in the future.
    """
    if text is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            moment = datetime.combine(date.fromisoformat(text), MORNING, UK)
        else:
            moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"{text!r} is no instant; write 2025-03-15T08:00:00Z, or a date such as 2025-03-15"
        ) from None
    if moment.tzinfo is None:
        raise InvalidInputError(f"{text!r} has no time zone; write {text}Z for UTC")
    return moment.astimezone(UTC)


def past(text: str | None) -> datetime | None:
    """As `instant`, but nothing later than now.

    Raises:
        InvalidInputError: it is no instant, or lies in the future.
    """
    moment = instant(text)
    if moment is not None and moment > datetime.now(UTC):
        raise InvalidInputError(f"--as-of {moment:%Y-%m-%d %H:%M} UTC lies in the future")
    return moment


def calendar_day(text: str, option: str) -> date:
    """A date as written on the command line.

    Raises:
        InvalidInputError: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"{option} {text!r} is no date; write 2025-06-30") from None


def existing_folder(path: Path) -> Path:
    """A folder that is there.

    Raises:
        InvalidInputError: it is none.
    """
    if path.is_dir():
        return path
    if path.exists():
        raise InvalidInputError(
            f"--folder {path} is a file; name the folder that <season>/<division>.csv lie in"
        )
    raise InvalidInputError(f"there is no folder {path}")


@contextmanager
def in_sample_offered() -> Iterator[None]:
    """For commands with --allow-in-sample: where every model has seen the day, point to it."""
    try:
        yield
    except NoModelBeforeError as error:
        raise NoModelBeforeError(
            f"{error}, or pass --allow-in-sample for an answer that is stamped as such and proves "
            "nothing"
        ) from None


def league_codes(text: str | None) -> tuple[str, ...] | None:
    """League codes from ``"E0,SP1"``.

    Raises:
        UnknownLeagueError: one of them is none.
    """
    if text is None:
        return None
    return tuple(find_league(code.strip()).code for code in text.split(","))


def bookmaker_codes(text: str | None) -> tuple[str, ...] | None:
    """Book codes from codes or names, such as ``"B365,pinnacle"``.

    Raises:
        InvalidInputError: one of them is not known.
    """
    from betting_ai.domain.books import bookmakers, find_bookmaker

    if text is None:
        return None
    asked = [name.strip() for name in text.split(",")]
    found = {name: find_bookmaker(name) for name in asked}
    known = ", ".join(f"{book.code} ({book.name})" for book in bookmakers())
    unknown = ", ".join(repr(name) for name, book in found.items() if book is None)
    if unknown:
        raise InvalidInputError(f"no bookmaker {unknown}; known are {known}")
    return tuple(dict.fromkeys(book.code for book in found.values() if book))
