"""What ``ingest`` and ``fetch`` show: progress while they work, and what became of every row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from betting_ai.operator.ingested import ingested, summed

if TYPE_CHECKING:
    from betting_ai.ports.feeds import Fetched
    from betting_ai.ports.repositories import IngestEntry
    from betting_ai.usecases.ingest_raw import IngestResult

_MOST_LINES = 25


class Tally:
    """Progress bars on stderr; nothing at all when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=quiet,
        )
        self._fetching = self._bars.add_task("fetching", total=None, visible=False)
        self._reading = self._bars.add_task("reading", total=None)

    def fetched(self, done: int, total: int) -> None:
        """One more file was fetched."""
        self._bars.update(self._fetching, completed=done, total=total, visible=True)

    def ingested(self, done: int, total: int, entry: IngestEntry) -> None:
        """One more payload was read."""
        self._bars.update(
            self._reading, completed=done, total=total, description=f"reading {entry.name}"
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()


def show(fetched: Fetched, result: IngestResult, *, as_json: bool) -> None:
    """Print what became of the payloads.

    Raises:
        typer.Exit: with 1 when a payload was refused or could not be fetched.
    """
    if as_json:
        typer.echo(json.dumps(ingested(fetched, result), ensure_ascii=False))
    else:
        _print(fetched, result)
    if fetched.failed or any(entry.status == "refused" for entry in result.entries):
        raise typer.Exit(1)


def _print(fetched: Fetched, result: IngestResult) -> None:
    out = Console()
    out.print(_table(result.entries))
    for title, reasons in (
        ("Rows repaired", summed(entry.rows_repaired for entry in result.entries)),
        ("Rows refused", summed(entry.rows_refused for entry in result.entries)),
        ("Quotes refused", summed(entry.quotes_refused for entry in result.entries)),
    ):
        if reasons:
            told = ", ".join(f"{why} {count:,}" for why, count in sorted(reasons.items()))
            out.print(f"{title}: {told}", highlight=False)
    if differing := sum(entry.stored.conflicting for entry in result.entries):
        out.print(f"Differs from what is stored, which stays: {differing:,}", highlight=False)
    if fetched.not_published:
        out.print(f"Not published yet: {', '.join(fetched.not_published)}", highlight=False)
    if result.doubts:
        out.print("Names that wait for review:")
        doubted = Table("league", "name", "verdict", "could be", box=box.SIMPLE_HEAD)
        for doubt in result.doubts:
            could_be = ", ".join(f"{team} ({score:.0f})" for team, score in doubt.candidates)
            doubted.add_row(doubt.league, doubt.name, doubt.verdict, could_be)
        out.print(doubted)
    errors = Console(stderr=True)
    for entry in result.entries:
        if entry.error:
            errors.print(f"refused: {entry.error}", style="red", highlight=False)
    for line in fetched.failed:
        errors.print(f"failed: {line}", style="red", highlight=False)


def _table(entries: Iterable[IngestEntry]) -> Table:
    """One line per file, or per folder where there are many files."""
    entries = list(entries)
    by_folder = len(entries) > _MOST_LINES
    groups: dict[str, list[IngestEntry]] = {}
    for entry in entries:
        groups.setdefault(entry.name.split("/")[0] if by_folder else entry.name, []).append(entry)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True, min_width=12)
    table.add_column("status")
    for column in ("rows", "kept", "repaired", "refused", "quotes\nrefused", "prices\nnew"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, group in groups.items():
        _add(table, name, group)
    if len(groups) > 1:
        table.add_section()
        _add(table, "all", entries)
    return table


def _add(table: Table, name: str, group: list[IngestEntry]) -> None:
    status = Counter(entry.status for entry in group)
    counts = (
        sum(entry.rows_read for entry in group),
        sum(entry.rows_kept for entry in group),
        sum(sum(entry.rows_repaired.values()) for entry in group),
        sum(sum(entry.rows_refused.values()) for entry in group),
        sum(sum(entry.quotes_refused.values()) for entry in group),
        sum(entry.stored.prices for entry in group),
    )
    many = len(group) > 1
    told = ", ".join(f"{count} {what}" if many else what for what, count in status.items())
    table.add_row(name, told, *(f"{count:,}" for count in counts))
